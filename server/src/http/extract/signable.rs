//! Bodies that may come with a signature over the request (RFC 9421): the handler gets both what was said and the exact
//! bytes that were signed.

use axum::extract::{FromRequest, OriginalUri, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::body;
use crate::http::problem::Problem;
use crate::service::SharedServices;
use crate::service::intents::SignableRequest;

/// A body that must be there, and the request around it.
#[derive(Debug)]
pub struct Signable<T>(pub T, pub SignableRequest);

/// A body that may be missing, and the request around it.
#[derive(Debug)]
pub struct OptionalSignable<T>(pub T, pub SignableRequest);

async fn read(
    mut request: Request,
    services: &SharedServices,
) -> Result<(Zeroizing<Vec<u8>>, SignableRequest), Problem> {
    let uri = request
        .extensions_mut()
        .remove::<OriginalUri>()
        .map_or_else(|| request.uri().clone(), |OriginalUri(uri)| uri);
    let method = request.method().as_str().to_owned();
    let headers = request
        .headers()
        .iter()
        // What authenticates the caller is nothing that a signature needs to cover, and is kept out of reach.
        .filter(|(name, _)| *name != axum::http::header::AUTHORIZATION)
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    let bytes = Zeroizing::new(body::read(request, services.config.max_body_bytes).await?);
    let signable = SignableRequest {
        method,
        path: uri.path().to_owned(),
        query: uri.query().map(ToOwned::to_owned),
        headers,
        body: bytes.to_vec(),
    };
    Ok((bytes, signable))
}

impl<T: DeserializeOwned> FromRequest<SharedServices> for Signable<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, services: &SharedServices) -> Result<Self, Problem> {
        let (bytes, signable) = read(request, services).await?;
        if bytes.is_empty() {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "the request needs a JSON body",
            ));
        }
        Ok(Self(body::parse(&bytes)?, signable))
    }
}

impl<T: DeserializeOwned + Default> FromRequest<SharedServices> for OptionalSignable<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, services: &SharedServices) -> Result<Self, Problem> {
        let (bytes, signable) = read(request, services).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(T::default(), signable));
        }
        let value = body::parse::<Option<T>>(&bytes)?.unwrap_or_default();
        Ok(Self(value, signable))
    }
}
