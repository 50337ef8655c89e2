//! Pages for a browser: plain HTML made here, one style sheet, no script at all.
//!
//! A page takes a [`Visitor`] (who is looking, if anybody has signed in) and answers with [`Visitor::show`]. A form is taken
//! by [`Submitted`] and in no other way: it checks that the form was made by us, for this very browser. Every template
//! extends `pages/layout.html`, has a field `frame`, and puts `{{ frame.form_token }}` into its forms.

mod cli_verify;
mod cookies;
mod enroll;
mod form;
mod frame;
mod home;
mod invitation;
mod mailed;
mod next;
mod sign_in;
mod visitor;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{get, post};

pub use self::form::Submitted;
pub use self::frame::{Frame, Refused};
pub use self::next::OwnPath;
pub use self::visitor::Visitor;
use crate::service::SharedServices;

/// What a page answers.
pub type Shown = Result<axum::response::Response, Refused>;

/// Every page.
pub fn router() -> Router<SharedServices> {
    Router::new()
        .route("/", get(home::page))
        .route("/sign-in", get(sign_in::page).post(sign_in::submit))
        .route("/sign-in/code", post(sign_in::submit_code))
        .route(
            "/cli/verify",
            get(cli_verify::page).post(cli_verify::submit),
        )
        .route(
            "/invitation",
            get(invitation::page).post(invitation::submit),
        )
        .route("/enroll/{token}", get(enroll::page).post(enroll::submit))
        .route(
            "/reset-password/{token}",
            get(mailed::reset_password_page).post(mailed::reset_password),
        )
        .route(
            "/verify-email/{token}",
            get(mailed::verify_email_page).post(mailed::verify_email),
        )
        .route("/sign-out", post(sign_in::sign_out))
        .route("/pages/style.css", get(style))
}

async fn style() -> impl IntoResponse {
    (
        [
            (header::CONTENT_TYPE, "text/css; charset=utf-8"),
            (header::CACHE_CONTROL, "max-age=300"),
        ],
        include_str!("../../../assets/pages.css"),
    )
}
