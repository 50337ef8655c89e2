//! The page behind the link of an invitation.

use askama::Template;
use axum::http::StatusCode;
use oneclaw_core::api::{JoinRequest, Sensitive};
use serde::Deserialize;

use super::{Frame, OwnPath, Shown, Submitted, Visitor};
use crate::http::extract::Query;
use crate::http::problem::Problem;
use crate::service::members::OpenInvitation;

#[derive(Template)]
#[template(path = "pages/invitation.html")]
struct Invitation<'a> {
    frame: Frame,
    token: &'a str,
    open: OpenInvitation,
    display_name: &'a str,
    wrong: Option<String>,
}

/// What the link says.
#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    token: Sensitive,
}

/// What is filled in.
#[derive(Deserialize)]
pub struct Filled {
    token: Sensitive,
    display_name: String,
    password: Sensitive,
}

/// `GET /invitation`
pub async fn page(visitor: Visitor, Query(link): Query<Link>) -> Shown {
    let open = visitor
        .services
        .open_invitation(&visitor.context, &link.token)
        .await?;
    let page = Invitation {
        frame: visitor.frame(),
        token: &link.token,
        open,
        display_name: "",
        wrong: None,
    };
    visitor.show(StatusCode::OK, &page)
}

/// `POST /invitation`
pub async fn submit(Submitted { visitor, form }: Submitted<Filled>) -> Shown {
    let open = visitor
        .services
        .open_invitation(&visitor.context, &form.token)
        .await?;
    let request = JoinRequest {
        invitation_token: form.token.clone(),
        password: form.password.clone(),
        display_name: Some(form.display_name.clone()),
    };
    match visitor
        .services
        .browser_join(&visitor.context, &request)
        .await
    {
        Ok(session) => Ok(visitor.enter(&session, &OwnPath::default())),
        Err(error) => {
            let problem = Problem::from(error);
            let page = Invitation {
                frame: visitor.frame(),
                token: &form.token,
                open,
                display_name: &form.display_name,
                wrong: Some(problem.detail.clone()),
            };
            visitor.show(problem.status(), &page)
        }
    }
}
