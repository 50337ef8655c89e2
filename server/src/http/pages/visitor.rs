//! Who is looking at a page.

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use oneclaw_core::api::Sensitive;

use super::frame::{self, Frame, Refused};
use super::next::OwnPath;
use super::{Shown, cookies};
use crate::http::extract::Context;
use crate::service::SharedServices;
use crate::service::browser::BrowserSession;
use crate::service::caller::{Caller, RequestContext};

/// How long a browser that nobody signs in with keeps its cookie, in seconds.
const VISIT_SECONDS: u64 = 3600;

/// A browser, and who has signed in with it.
#[derive(Debug)]
pub struct Visitor {
    /// The services.
    pub services: SharedServices,
    /// Client address and time.
    pub context: RequestContext,
    caller: Option<Caller>,
    /// Never empty: made for browsers that came without one.
    cookie: Sensitive,
    is_new: bool,
    here: OwnPath,
}

impl FromRequestParts<SharedServices> for Visitor {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut Parts,
        services: &SharedServices,
    ) -> Result<Self, Refused> {
        let Context(context) = Context::from_request_parts(parts, services)
            .await
            .map_err(|problem| Refused::from_problem(&problem))?;
        let shown = cookies::find(&parts.headers, cookies::name(is_secure(services)));
        let caller = match shown {
            Some(cookie) => services.browser_caller(&context, cookie).await?,
            None => None,
        };
        let is_new = shown.is_none();
        let cookie = match shown {
            Some(cookie) => Sensitive::new(cookie.to_owned()),
            None => services.new_visit()?,
        };
        let here = parts
            .uri
            .path_and_query()
            .and_then(|path| OwnPath::parse(path.as_str()))
            .unwrap_or_default();
        Ok(Self {
            services: SharedServices::clone(services),
            context,
            caller,
            cookie,
            is_new,
            here,
        })
    }
}

impl Visitor {
    /// Who has signed in, if anybody has.
    pub fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }

    /// Who has signed in.
    ///
    /// # Errors
    /// The way to the page for signing in, and from there back to this page.
    pub fn signed_in(&self) -> Result<&Caller, Refused> {
        self.caller.as_ref().ok_or_else(|| {
            self.go_to(&format!("/sign-in?{}", self.here.encoded()))
                .into()
        })
    }

    /// What every page has around it.
    pub fn frame(&self) -> Frame {
        Frame {
            user: self
                .caller
                .as_ref()
                .and_then(|caller| caller.human().ok())
                .map(|user| user.email.clone()),
            form_token: self.services.form_token(&self.cookie),
        }
    }

    /// Shows a page.
    ///
    /// # Errors
    /// None that a visitor can do anything about.
    pub fn show(&self, status: StatusCode, page: &impl Template) -> Shown {
        let mut response = frame::render(status, page);
        if self.is_new {
            self.keep(&mut response, &self.cookie, VISIT_SECONDS);
        }
        Ok(response)
    }

    /// Shows a page with a heading and a sentence.
    ///
    /// # Errors
    /// None that a visitor can do anything about.
    pub fn tell(&self, status: StatusCode, heading: &str, text: &str) -> Shown {
        self.show(
            status,
            &frame::Message {
                frame: self.frame(),
                heading,
                text,
            },
        )
    }

    /// Has the browser ask for another page of ours.
    pub fn go_to(&self, path: &str) -> Response {
        let place = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
        (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
    }

    /// Gives the browser a session, in place of whatever cookie it had, and has it go on.
    pub fn enter(&self, session: &BrowserSession, next: &OwnPath) -> Response {
        let mut response = self.go_to(next.as_str());
        self.keep(&mut response, &session.cookie, session.seconds);
        response
    }

    /// Ends the session of the browser, here and in the browser.
    ///
    /// # Errors
    /// What the database says.
    pub async fn leave(&self) -> Shown {
        if let Some(caller) = &self.caller {
            self.services
                .browser_sign_out(&self.context, caller, &self.cookie)
                .await?;
        }
        let mut response = self.go_to("/sign-in");
        self.keep(&mut response, "", 0);
        Ok(response)
    }

    /// Whether a form was made for this browser.
    pub(super) fn made(&self, form_token: &str) -> bool {
        self.services.is_form_token(&self.cookie, form_token)
    }

    fn keep(&self, response: &mut Response, value: &str, seconds: u64) {
        if let Some(cookie) = cookies::set(is_secure(&self.services), value, seconds) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
}

fn is_secure(services: &SharedServices) -> bool {
    services.config.public_url.starts_with("https://")
}
