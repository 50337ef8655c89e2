//! One caller who wants one thing at one path.

use oneclaw_core::path::SecretPath;
use oneclaw_core::request::{AccessRequest, Fact, Permission};
use oneclaw_store::Vault;

use super::scope::scopes_reach;
use crate::service::caller::{Caller, RequestContext};

/// The audit word for a permission.
pub(super) fn action_word(permission: Permission) -> &'static str {
    match permission {
        Permission::Read => "secret.read",
        Permission::Write => "secret.write",
        Permission::Delete => "secret.delete",
        Permission::Rotate => "secret.rotate",
    }
}

pub(super) const BOUND: &str = "binding/vault-not-bound";
pub(super) const SIGNING_KEY: &str = "vault/signing-key-blocked";

/// Whether the key with which the server signs for an agent lies there. No policy gives it away: it signs against a permit
/// to sign, and leaves by its export alone, which asks for the password.
pub(super) fn is_signing_key(vault: &Vault, path: &SecretPath) -> bool {
    let mut segments = path.as_str().split('/');
    vault.is_system && segments.next() == Some("agents") && segments.nth(1) == Some("chains")
}

pub(super) struct Subject<'a> {
    pub context: &'a RequestContext,
    pub caller: &'a Caller,
    pub vault: &'a Vault,
    pub path: &'a SecretPath,
    pub permission: Permission,
    /// What else plugins may want to know.
    pub facts: &'a [Fact],
}

impl Clone for Subject<'_> {
    fn clone(&self) -> Self {
        *self
    }
}
impl Copy for Subject<'_> {}

impl Subject<'_> {
    /// Ownership of the system vault means nothing: the keys in it belong to agents.
    pub(super) fn is_owner(&self) -> bool {
        !self.vault.is_system && self.vault.created_by == self.caller.principal()
    }

    pub(super) fn request(&self) -> AccessRequest {
        AccessRequest {
            org: self.vault.org_id,
            vault: self.vault.id,
            path: self.path.clone(),
            permission: self.permission,
            principal: self.caller.principal(),
            owner: self.is_owner(),
            environment: self
                .caller
                .agent()
                .and_then(|session| session.environment.clone()),
            client: self.context.client,
            at: self.context.at,
            facts: self.facts.to_vec(),
        }
    }
}

/// The limits that come with the caller's own record and token, before any policy is looked at.
pub(super) fn refused_before_policies(subject: &Subject<'_>) -> Option<&'static str> {
    if subject.caller.is_bound_away_from(subject.vault.id) {
        return Some(BOUND);
    }
    if subject.vault.is_system && subject.permission != Permission::Read {
        return Some("vault/system-managed");
    }
    if let Some(session) = subject.caller.agent()
        && !subject.is_owner()
        && !scopes_reach(&session.scopes, subject.path)
    {
        return Some("scope/path-not-in-scope");
    }
    None
}
