//! Signing in and out.

use askama::Template;
use axum::http::StatusCode;
use oneclaw_core::api::Sensitive;
use serde::Deserialize;

use super::{Frame, OwnPath, Shown, Submitted, Visitor};
use crate::http::extract::Query;
use crate::http::problem::Problem;
use crate::service::browser::BrowserSignIn;
use crate::service::error::ServiceError;

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
struct SignIn<'a> {
    frame: Frame,
    next: &'a str,
    email: &'a str,
    wrong: Option<String>,
}

/// Where to go on.
#[derive(Deserialize)]
pub struct Onward {
    #[serde(default)]
    next: OwnPath,
}

/// What is filled in.
#[derive(Deserialize)]
pub struct Credentials {
    email: String,
    password: Sensitive,
    #[serde(default)]
    next: OwnPath,
}

#[derive(Template)]
#[template(path = "pages/sign_in_code.html")]
struct SignInCode<'a> {
    frame: Frame,
    next: &'a str,
    mfa_token: &'a str,
    wrong: Option<String>,
}

/// The second half of what is filled in.
#[derive(Deserialize)]
pub struct Code {
    mfa_token: Sensitive,
    code: Sensitive,
    #[serde(default)]
    next: OwnPath,
}

/// `GET /sign-in`
pub async fn page(visitor: Visitor, Query(onward): Query<Onward>) -> Shown {
    if visitor.caller().is_some() {
        return Ok(visitor.go_to(onward.next.as_str()));
    }
    visitor.show(
        StatusCode::OK,
        &SignIn {
            frame: visitor.frame(),
            next: onward.next.as_str(),
            email: "",
            wrong: None,
        },
    )
}

/// `POST /sign-in`
pub async fn submit(Submitted { visitor, form }: Submitted<Credentials>) -> Shown {
    let outcome = visitor
        .services
        .browser_sign_in(&visitor.context, &form.email, &form.password)
        .await;
    match outcome {
        Ok(BrowserSignIn::Entered(session)) => Ok(visitor.enter(&session, &form.next)),
        Ok(BrowserSignIn::CodeWanted(token)) => {
            let page = SignInCode {
                frame: visitor.frame(),
                next: form.next.as_str(),
                mfa_token: &token,
                wrong: None,
            };
            visitor.show(StatusCode::OK, &page)
        }
        Err(error) => {
            let (status, wrong) =
                said(error, "There is no account with this address and password.");
            let page = SignIn {
                frame: visitor.frame(),
                next: form.next.as_str(),
                email: &form.email,
                wrong: Some(wrong),
            };
            visitor.show(status, &page)
        }
    }
}

/// `POST /sign-in/code`
pub async fn submit_code(Submitted { visitor, form }: Submitted<Code>) -> Shown {
    let outcome = visitor
        .services
        .browser_verify(&visitor.context, &form.mfa_token, &form.code)
        .await;
    match outcome {
        Ok(session) => Ok(visitor.enter(&session, &form.next)),
        Err(error) => {
            let (status, wrong) = said(
                error,
                "That was not the right code, or it was used before. After five wrong ones, or five minutes, begin again.",
            );
            let page = SignInCode {
                frame: visitor.frame(),
                next: form.next.as_str(),
                mfa_token: &form.mfa_token,
                wrong: Some(wrong),
            };
            visitor.show(status, &page)
        }
    }
}

/// What went wrong, in words for the page.
fn said(error: ServiceError, not_proved: &str) -> (StatusCode, String) {
    let problem = Problem::from(error);
    let status = problem.status();
    let text = match status {
        StatusCode::UNAUTHORIZED => not_proved.to_owned(),
        _ => format!("That did not work: {}.", problem.detail),
    };
    (status, text)
}

/// Nothing to fill in.
#[derive(Deserialize)]
pub struct Nothing {}

/// `POST /sign-out`
pub async fn sign_out(submitted: Submitted<Nothing>) -> Shown {
    submitted.visitor.leave().await
}
