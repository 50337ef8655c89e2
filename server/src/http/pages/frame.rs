//! What all pages have in common, and pages that say what is wrong.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use crate::http::problem::Problem;
use crate::service::error::ServiceError;

/// What the layout needs to know.
#[derive(Debug, Default)]
pub struct Frame {
    /// The address of who has signed in.
    pub user: Option<String>,
    /// Goes into every form of the page, as `form_token`.
    pub form_token: String,
}

/// A heading and a sentence.
#[derive(Template)]
#[template(path = "pages/message.html")]
pub struct Message<'a> {
    pub frame: Frame,
    pub heading: &'a str,
    pub text: &'a str,
}

/// No script, nothing from elsewhere, no frame around it, and forms go to this server alone.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
);

/// A page.
pub fn render(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (
            status,
            [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)],
            Html(html),
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// An answer in place of the page that was asked for: a message, or the way to signing in.
#[derive(Debug)]
pub struct Refused(Box<Response>);

impl Refused {
    /// The page that says what an API client would read.
    pub fn from_problem(problem: &Problem) -> Self {
        let status = problem.status();
        Self::message(status, &problem.title, &problem.detail)
    }

    /// A page with a heading and a sentence, for nobody in particular.
    pub fn message(status: StatusCode, heading: &str, text: &str) -> Self {
        render(
            status,
            &Message {
                frame: Frame::default(),
                heading,
                text,
            },
        )
        .into()
    }
}

impl From<Response> for Refused {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

impl From<ServiceError> for Refused {
    fn from(error: ServiceError) -> Self {
        Self::from_problem(&Problem::from(error))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}
