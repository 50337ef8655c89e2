//! The pages behind the links in mails: a new password, and the proof of an address. A link does nothing by being opened,
//! for programs that check mails open links as well.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use oneclaw_core::api::{ResetPasswordRequest, Sensitive};
use serde::Deserialize;

use super::{Frame, Shown, Submitted, Visitor};
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "pages/reset_password.html")]
struct ResetPassword {
    frame: Frame,
    here: String,
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/verify_email.html")]
struct VerifyEmail {
    frame: Frame,
    here: String,
}

/// What the human fills in.
#[derive(Deserialize)]
pub struct NewPassword {
    new_password: Sensitive,
}

/// A button.
#[derive(Deserialize)]
pub struct Confirmed {}

fn ask_for_password(
    visitor: &Visitor,
    status: StatusCode,
    token: &str,
    wrong: Option<String>,
) -> Shown {
    let page = ResetPassword {
        frame: visitor.frame(),
        here: format!("/reset-password/{token}"),
        wrong,
    };
    visitor.show(status, &page)
}

/// `GET /reset-password/{token}`
pub async fn reset_password_page(visitor: Visitor, Path(token): Path<String>) -> Shown {
    ask_for_password(&visitor, StatusCode::OK, &token, None)
}

/// `POST /reset-password/{token}`
pub async fn reset_password(
    Path(token): Path<String>,
    Submitted { visitor, form }: Submitted<NewPassword>,
) -> Shown {
    let request = ResetPasswordRequest {
        token: Sensitive::new(token.clone()),
        new_password: form.new_password,
    };
    match visitor
        .services
        .reset_password(&visitor.context, &request)
        .await
    {
        Ok(_) => visitor.tell(
            StatusCode::OK,
            "The new password is set",
            "Every session of your account has ended. Sign in with the new password.",
        ),
        Err(error) => {
            let problem = Problem::from(error);
            let status =
                StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            ask_for_password(&visitor, status, &token, Some(problem.detail))
        }
    }
}

/// `GET /verify-email/{token}`
pub async fn verify_email_page(visitor: Visitor, Path(token): Path<String>) -> Shown {
    let page = VerifyEmail {
        frame: visitor.frame(),
        here: format!("/verify-email/{token}"),
    };
    visitor.show(StatusCode::OK, &page)
}

/// `POST /verify-email/{token}`
pub async fn verify_email(
    Path(token): Path<String>,
    Submitted { visitor, .. }: Submitted<Confirmed>,
) -> Shown {
    visitor
        .services
        .prove_email(&visitor.context, &token)
        .await?;
    visitor.tell(
        StatusCode::OK,
        "Your address is confirmed",
        "You can sign in and close this page.",
    )
}
