//! Path parameters, decoded once and parsed into the words of core.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use oneclaw_core::ids::VaultId;
use oneclaw_core::path::SecretPath;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::http::problem::Problem;

/// Raw path parameters, percent-decoded.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Path::<T>::from_request_parts(parts, state)
            .await
            .map(|Path(value)| Self(value))
            .map_err(|_| {
                Problem::new(
                    StatusCode::BAD_REQUEST,
                    "the path of the URL is not valid UTF-8 when percent-decoded",
                )
            })
    }
}

/// Parses one parameter, naming it if it is wrong.
pub fn parse<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| {
        let message = error.to_string();
        Problem::new(StatusCode::BAD_REQUEST, format!("{name}: {message}"))
            .with("fields", json!({ name: message }))
    })
}

/// A vault and a path in it.
#[derive(Debug)]
pub struct SecretAddress {
    /// The vault.
    pub vault: VaultId,
    /// The path.
    pub path: SecretPath,
}

/// A vault, a path in it and a version; the version is the last segment of the wildcard.
#[derive(Debug)]
pub struct VersionAddress {
    /// The vault.
    pub vault: VaultId,
    /// The path.
    pub path: SecretPath,
    /// 1, 2, 3, …
    pub version: i64,
}

impl<S: Send + Sync> FromRequestParts<S> for SecretAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Params((vault, path)) =
            Params::<(String, String)>::from_request_parts(parts, state).await?;
        Ok(Self {
            vault: parse("vault_id", &vault)?,
            path: parse("path", &path)?,
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for VersionAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Params((vault, rest)) =
            Params::<(String, String)>::from_request_parts(parts, state).await?;
        let wrong = || {
            let message = "the URL must end in `/{path}/{version}` with a version from 1 up";
            Problem::new(StatusCode::BAD_REQUEST, message)
                .with("fields", json!({ "version": message }))
        };
        let (path, version) = rest.rsplit_once('/').ok_or_else(wrong)?;
        let version = version
            .parse::<i64>()
            .ok()
            .filter(|n| *n >= 1)
            .ok_or_else(wrong)?;
        Ok(Self {
            vault: parse("vault_id", &vault)?,
            path: parse("path", path)?,
            version,
        })
    }
}
