//! Shares: who may read a secret lets somebody else have its value, for a time and a number of accesses.
//!
//! Each access is decided at the gate, about whoever shares, so that a share never gives more than they may read at that
//! moment. See `docs/decisions/0008-whose-permission-a-share-is.md`.

mod access;
mod answer;
mod create;
mod letter;
mod list;
mod passphrase;
mod recipient;

use oneclaw_core::principal::Principal;
use oneclaw_core::share::RecipientKind;
use oneclaw_store::{NewEvent, SecretVersion, Share, Vault};
use serde_json::json;

use super::caller::{Caller, Identity, RequestContext};
use super::error::ServiceError;
use super::events::{self, EventExt};
use super::secrets::{PRIVATE_KEY_BLOCKED, is_blocked_for};

const UNKNOWN: ServiceError = ServiceError::NotFound("no such share");

/// Whether the share is addressed to this caller; a share by address belongs to the account with it, until one has
/// accepted.
fn is_for(share: &Share, caller: &Caller) -> bool {
    match (&share.recipient, &caller.identity) {
        (Some(recipient), _) => *recipient == caller.principal(),
        (None, Identity::Human(user)) => share.recipient_email.as_deref() == Some(&user.email),
        (None, Identity::Agent(_)) => false,
    }
}

/// Why `sharer`, who may read a version, may not have others read it.
///
/// An agent that has things signed gives no private key away. One that may merely read a secret can pass it back to the
/// human who registered it; to anybody else only what it wrote itself, or what lies in a vault of its own.
fn not_to_be_shared(
    sharer: &Caller,
    kind: RecipientKind,
    vault: &Vault,
    version: &SecretVersion,
) -> Option<&'static str> {
    if is_blocked_for(sharer, version) {
        return Some(PRIVATE_KEY_BLOCKED);
    }
    let is_own = [version.created_by, vault.created_by].contains(&sharer.principal());
    let may_pass_on = sharer.agent().is_none() || kind == RecipientKind::Creator || is_own;
    (!may_pass_on).then_some("share/not-the-writer")
}

/// An event about a share, in the trail of the organisation that the secret belongs to. Somebody of another organisation
/// is named there only if the share is for them.
fn event(
    context: &RequestContext,
    share: &Share,
    caller: Option<&Caller>,
    action: &str,
) -> NewEvent {
    let known = caller.filter(|caller| caller.org() == share.org_id || is_for(share, caller));
    let actor: Option<Principal> = known.map(Caller::principal);
    let id = share.audit_id;
    let event = match actor {
        Some(actor) => events::by_principal(context, share.org_id, actor, action, "share", id),
        None => events::by_nobody(context, share.org_id, action, "share", id),
    };
    event.in_vault(share.vault_id).with_details(json!({
        "secret": share.path.as_str(),
        "shared_by": share.creator.to_string(),
        "recipient_type": share.recipient_kind.as_str(),
    }))
}
