//! World `access-policy`.

use oneclaw_core::request::{AccessRequest, Permission};
use oneclaw_core::verdict::Decision;

use super::{client, id, principal, verdict};
use crate::bindings::access::oneclaw::policy::access_types as wit_access;
use crate::bindings::access::oneclaw::policy::types as wit;
use crate::failure::{BAD_REPLY, Failure};

pub(crate) fn request<'a>(
    request: &'a AccessRequest,
    facts: &'a [wit::Fact<'a>],
) -> wit_access::AccessRequest<'a> {
    wit_access::AccessRequest {
        organisation: id(request.org.as_uuid()),
        vault: id(request.vault.as_uuid()),
        principal: principal(request.principal),
        owner: request.owner,
        permission: match request.permission {
            Permission::Read => wit_access::Permission::Read,
            Permission::Write => wit_access::Permission::Write,
            Permission::Delete => wit_access::Permission::Delete,
            Permission::Rotate => wit_access::Permission::Rotate,
        },
        path: request.path.as_str(),
        client: client(request.client),
        at_ms: request.at.as_millis(),
        environment: request.environment.as_deref(),
        facts,
    }
}

/// Takes an answer on access in.
///
/// # Errors
/// When it says what no plugin may say, such as a reservation: budgets are for what is signed.
pub(crate) fn decision(reply: wit::Decision) -> Result<Decision, Failure> {
    if let Some(reservation) = reply.reservations.first() {
        return Err(Failure::new(
            BAD_REPLY,
            format!(
                "the plugin asks for a reservation in budget `{}`; a decision on access has no budgets",
                oneclaw_core::path::excerpt(&reservation.budget)
            ),
        ));
    }
    Ok(Decision {
        verdict: verdict(reply.verdict)?,
        reservations: Vec::new(),
        notes: reply.notes,
    })
}
