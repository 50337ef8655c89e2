//! Whom a new share is for.

use oneclaw_core::api::CreateShareRequest;
use oneclaw_core::ids::{AgentId, UserId};
use oneclaw_core::principal::Principal;
use oneclaw_core::request::Fact;
use oneclaw_core::share::RecipientKind;
use oneclaw_store::Share;
use uuid::Uuid;

use super::super::caller::Caller;
use super::super::error::{Result, ServiceError};
use super::super::{Services, check};

/// A recipient as the request names it, checked for form.
pub(super) enum Wanted {
    Creator(UserId),
    User(UserId),
    Agent(AgentId),
    Email(String),
    Link,
}

/// A recipient that exists.
#[derive(Clone)]
pub(super) struct Recipient {
    pub kind: RecipientKind,
    pub principal: Option<Principal>,
    pub email: Option<String>,
}

impl Recipient {
    /// That of a share.
    pub fn of(share: &Share) -> Self {
        Self {
            kind: share.recipient_kind,
            principal: share.recipient,
            email: share.recipient_email.clone(),
        }
    }

    /// What plugins learn about a share, beyond what they learn about any read.
    pub fn facts(&self, audit_id: Uuid) -> Vec<Fact> {
        let fact = |key: &str, value: String| Fact {
            key: key.to_owned(),
            value,
        };
        let mut facts = vec![
            fact("share.id", audit_id.to_string()),
            fact("share.recipient_type", self.kind.to_string()),
        ];
        if let Some(recipient) = &self.principal {
            facts.push(fact("share.recipient", recipient.to_string()));
        }
        if let Some(email) = &self.email {
            facts.push(fact("share.recipient_email", email.clone()));
        }
        facts
    }
}

/// Reads the recipient out of a request, before anything is decided or looked up.
///
/// # Errors
/// Names the field at fault; [`ServiceError::Forbidden`] for an agent that shares with an address.
pub(super) fn wanted(caller: &Caller, request: &CreateShareRequest) -> Result<Wanted> {
    let kind: RecipientKind = match request.recipient_type.as_deref() {
        Some(word) => word
            .parse()
            .map_err(|e| ServiceError::field("recipient_type", e))?,
        None => return Err(ServiceError::field("recipient_type", "is missing")),
    };
    let id = || {
        let missing = || {
            let message = format!("is missing; a share of type `{kind}` needs it");
            ServiceError::field("recipient_id", message)
        };
        request.recipient_id.as_deref().ok_or_else(missing)
    };
    Ok(match kind {
        RecipientKind::Creator => {
            let Some(session) = caller.agent() else {
                return Err(ServiceError::field(
                    "recipient_type",
                    "`creator` is for agents: it is the human who registered the agent",
                ));
            };
            Wanted::Creator(session.agent.created_by.ok_or_else(|| {
                ServiceError::field("recipient_type", "this agent has no creator any more")
            })?)
        }
        RecipientKind::User => Wanted::User(
            id()?
                .parse()
                .map_err(|e| ServiceError::field("recipient_id", e))?,
        ),
        RecipientKind::Agent => Wanted::Agent(
            id()?
                .parse()
                .map_err(|e| ServiceError::field("recipient_id", e))?,
        ),
        RecipientKind::ExternalEmail => {
            if caller.agent().is_some() {
                return Err(ServiceError::Forbidden(
                    "an agent may not share with an address; share with its creator".to_owned(),
                ));
            }
            let Some(email) = request.email.as_deref() else {
                return Err(ServiceError::field(
                    "email",
                    "is missing; a share of type `external_email` needs it",
                ));
            };
            Wanted::Email(check::email(email)?)
        }
        RecipientKind::AnyoneWithLink => Wanted::Link,
    })
}

impl Services {
    /// Finds the recipient in the caller's organisation.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for a user or agent that is not there.
    pub(super) async fn share_recipient(
        &self,
        caller: &Caller,
        wanted: Wanted,
    ) -> Result<Recipient> {
        let org = caller.org();
        let (kind, user) = match wanted {
            Wanted::Creator(id) => (RecipientKind::Creator, id),
            Wanted::User(id) => (RecipientKind::User, id),
            Wanted::Agent(id) => {
                let agent = self.store.agent(org, id).await?;
                agent.ok_or(ServiceError::NotFound("no such agent to share with"))?;
                return Ok(Recipient {
                    kind: RecipientKind::Agent,
                    principal: Some(Principal::Agent(id)),
                    email: None,
                });
            }
            Wanted::Email(email) => {
                return Ok(Recipient {
                    kind: RecipientKind::ExternalEmail,
                    principal: None,
                    email: Some(email),
                });
            }
            Wanted::Link => {
                return Ok(Recipient {
                    kind: RecipientKind::AnyoneWithLink,
                    principal: None,
                    email: None,
                });
            }
        };
        let found = self.store.user(user).await?;
        found
            .filter(|user| user.org_id == org)
            .ok_or(ServiceError::NotFound("no such user to share with"))?;
        Ok(Recipient {
            kind,
            principal: Some(Principal::User(user)),
            email: None,
        })
    }
}
