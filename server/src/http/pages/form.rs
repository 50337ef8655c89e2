//! Forms: bounded, and made by us for the very browser that sends them.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::frame::Refused;
use super::visitor::Visitor;
use crate::http::extract::read_body;
use crate::service::SharedServices;

/// Longest form, in bytes.
const MAX_FORM_BYTES: usize = 32 * 1024;

/// A form, and who sends it. There is no other way to take one: a form that another site has made does not get here.
#[derive(Debug)]
pub struct Submitted<T> {
    /// Who sends it.
    pub visitor: Visitor,
    /// What was filled in.
    pub form: T,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    form_token: String,
}

impl<T: DeserializeOwned> FromRequest<SharedServices> for Submitted<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, services: &SharedServices) -> Result<Self, Refused> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, services).await?;
        let is_foreign = comes_from_elsewhere(&parts.headers);
        let request = Request::from_parts(parts, body);
        let bytes = Zeroizing::new(
            read_body(request, MAX_FORM_BYTES)
                .await
                .map_err(|problem| Refused::from_problem(&problem))?,
        );
        let token = serde_urlencoded::from_bytes::<Token>(&bytes).map_err(|_| unreadable())?;
        if is_foreign || !visitor.made(&token.form_token) {
            return Err(Refused::message(
                StatusCode::FORBIDDEN,
                "This form is not current any more",
                "It was made for another browser or another sign-in, or cookies are switched off. Go back, load the page again and send it once more.",
            ));
        }
        let form = serde_urlencoded::from_bytes(&bytes).map_err(|_| unreadable())?;
        Ok(Self { visitor, form })
    }
}

fn unreadable() -> Refused {
    Refused::message(
        StatusCode::BAD_REQUEST,
        "The form could not be read",
        "A field is missing or there is one too many. Go back, load the page again and send it once more.",
    )
}

/// Browsers say where a request was made; the token alone would do, and two locks are better than one.
fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-site")
        .is_some_and(|site| site != "same-origin" && site != "none")
}
