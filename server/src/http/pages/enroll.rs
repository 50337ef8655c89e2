//! The page on which a human lets an agent in that asked to be.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use oneclaw_core::api::{Enrollment, Sensitive};
use serde::Deserialize;

use super::{Frame, Shown, Submitted, Visitor};
use crate::http::extract::Query;

#[derive(Template)]
#[template(path = "pages/enroll.html")]
struct Enroll {
    frame: Frame,
    agent: Enrollment,
    /// Where the form goes.
    here: String,
    /// Whether the human came to say no.
    denies: bool,
}

#[derive(Template)]
#[template(path = "pages/enrolled.html")]
struct Enrolled {
    frame: Frame,
    name: String,
    id: String,
    key: Sensitive,
}

/// What the link says: `?deny` in the one that says no.
#[derive(Deserialize)]
pub struct Asked {
    deny: Option<String>,
}

/// What the human says.
#[derive(Deserialize)]
pub struct Decided {
    decision: String,
}

/// `GET /enroll/{token}`
pub async fn page(
    visitor: Visitor,
    Path(token): Path<String>,
    Query(asked): Query<Asked>,
) -> Shown {
    // Signing in comes first, whether there is anything behind the link or not.
    let caller = visitor.signed_in()?;
    let agent = visitor
        .services
        .enrollment(&visitor.context, caller, &token)
        .await?;
    if agent.status != "pending" {
        let text = format!("The agent \"{}\" is {}.", agent.name, agent.status);
        return visitor.tell(StatusCode::OK, "There is nothing to decide any more", &text);
    }
    let page = Enroll {
        frame: visitor.frame(),
        agent,
        here: format!("/enroll/{token}"),
        denies: asked.deny.is_some(),
    };
    visitor.show(StatusCode::OK, &page)
}

/// `POST /enroll/{token}`
pub async fn submit(
    Path(token): Path<String>,
    Submitted { visitor, form }: Submitted<Decided>,
) -> Shown {
    let caller = visitor.signed_in()?;
    if form.decision != "allow" {
        visitor
            .services
            .deny_enrollment(&visitor.context, caller, &token)
            .await?;
        return visitor.tell(
            StatusCode::OK,
            "The agent was turned away",
            "It got nothing. You can close this page.",
        );
    }
    let created = visitor
        .services
        .approve_enrollment(&visitor.context, caller, &token)
        .await?;
    let page = Enrolled {
        frame: visitor.frame(),
        name: created.agent.name,
        id: created.agent.id,
        key: Sensitive::new(created.api_key.unwrap_or_default()),
    };
    visitor.show(StatusCode::OK, &page)
}
