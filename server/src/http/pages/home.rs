//! The first page.

use askama::Template;
use axum::http::StatusCode;

use super::{Frame, Shown, Visitor};

#[derive(Template)]
#[template(path = "pages/home.html")]
struct Home {
    frame: Frame,
    account: Option<Account>,
    version: &'static str,
}

struct Account {
    display_name: String,
    email: String,
    role: &'static str,
}

/// `GET /`
pub async fn page(visitor: Visitor) -> Shown {
    let account = visitor
        .caller()
        .and_then(|caller| caller.human().ok())
        .map(|user| Account {
            display_name: user.display_name.clone(),
            email: user.email.clone(),
            role: user.role.as_str(),
        });
    visitor.show(
        StatusCode::OK,
        &Home {
            frame: visitor.frame(),
            account,
            version: env!("CARGO_PKG_VERSION"),
        },
    )
}
