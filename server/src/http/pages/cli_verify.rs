//! The page on which a human signs a program in.

use askama::Template;
use axum::http::StatusCode;
use oneclaw_core::api::DeviceDecisionRequest;
use serde::Deserialize;

use super::{Frame, Shown, Submitted, Visitor};
use crate::http::extract::Query;
use crate::http::problem::Problem;
use crate::service::device_login::{self, Decision};
use crate::service::error::ServiceError;
use crate::service::time;

#[derive(Template)]
#[template(path = "pages/cli_verify.html")]
struct Verify<'a> {
    frame: Frame,
    code: &'a str,
    login: Option<Login>,
    wrong: Option<String>,
}

struct Login {
    user_code: String,
    client_id: String,
    ip: String,
    is_elsewhere: bool,
    since: String,
    email: String,
    role: &'static str,
    hours: u64,
}

/// What the link of the program says.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    code: String,
}

/// What the human says.
#[derive(Deserialize)]
pub struct Decided {
    code: String,
    decision: String,
}

/// `GET /cli/verify`
pub async fn page(visitor: Visitor, Query(asked): Query<Asked>) -> Shown {
    // Signing in comes first: nobody is shown what waits who could not decide on it.
    let caller = visitor.signed_in()?;
    let user = caller.human()?;
    if asked.code.trim().is_empty() {
        return show(&visitor, StatusCode::OK, "", None, None);
    }
    let found = visitor
        .services
        .device_login(&visitor.context, &asked.code)
        .await;
    match found {
        Ok(login) if login.user_id.is_none() => {
            let login = Login {
                user_code: device_login::spaced(&login.user_code),
                client_id: login.client_id,
                is_elsewhere: login.ip != visitor.context.client,
                ip: login.ip.to_string(),
                since: time::format(login.created_at),
                email: user.email.clone(),
                role: user.role.as_str(),
                hours: device_login::TOKEN_SECONDS / 3600,
            };
            show(&visitor, StatusCode::OK, "", Some(login), None)
        }
        Ok(_) => failed(
            &visitor,
            &asked.code,
            ServiceError::Conflict("this login has been decided already".to_owned()),
        ),
        Err(error) => failed(&visitor, &asked.code, error),
    }
}

/// `POST /cli/verify`
pub async fn submit(Submitted { visitor, form }: Submitted<Decided>) -> Shown {
    let caller = visitor.signed_in()?;
    let decision = match form.decision.as_str() {
        "approve" => Decision::Approve,
        _ => Decision::Deny,
    };
    let request = DeviceDecisionRequest {
        user_code: form.code.clone(),
    };
    let decided = visitor
        .services
        .decide_device_login(&visitor.context, caller, &request, decision)
        .await;
    match (decided, decision) {
        (Ok(login), Decision::Approve) => visitor.tell(
            StatusCode::OK,
            "The program is signed in",
            &format!(
                "{} acts as you from now on. You can close this page and go back to it.",
                login.client_id
            ),
        ),
        (Ok(login), Decision::Deny) => visitor.tell(
            StatusCode::OK,
            "The program was turned away",
            &format!("{} got nothing.", login.client_id),
        ),
        (Err(error), _) => failed(&visitor, &form.code, error),
    }
}

fn failed(visitor: &Visitor, code: &str, error: ServiceError) -> Shown {
    let problem = Problem::from(error);
    let status = problem.status();
    show(visitor, status, code, None, Some(problem.detail))
}

fn show(
    visitor: &Visitor,
    status: StatusCode,
    code: &str,
    login: Option<Login>,
    wrong: Option<String>,
) -> Shown {
    let page = Verify {
        frame: visitor.frame(),
        code,
        login,
        wrong,
    };
    visitor.show(status, &page)
}
