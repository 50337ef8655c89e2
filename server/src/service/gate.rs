//! The one gate: every access to a secret is decided here, and nowhere else.
//!
//! The order is that of the contract: organisation, vault binding, scope ceiling, then the plugins. A refusal is recorded
//! before it is returned, so that `?` cannot skip the record. A grant carries the permit without which nothing can be
//! sealed or opened, and the evidence that the service records together with what it does.

use std::sync::Arc;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::glob::{self, PathGlob};
use oneclaw_core::ids::{EventId, VaultId};
use oneclaw_core::path::SecretPath;
use oneclaw_core::request::{AccessRequest, Permission};
use oneclaw_policy_host::{
    AccessCache, AccessKey, Action, Attachment, DecidedAccess, Engine, Failure, Mode, Permit,
    Plugin, Ruling, decide_access,
};
use oneclaw_store::{NewEvent, Store, Vault};
use serde_json::{Value, json};

use super::access_settings;
use super::caller::{Caller, RequestContext};
use super::error::{Refusal, Result, ServiceError};
use super::events::{self, EventExt};

/// How long a permit holds, in milliseconds: time enough for the database, not for anything else.
const PERMIT_TTL_MS: i64 = 10_000;

/// Configurations kept in memory, one for each caller in each vault.
const CACHED_CONFIGURATIONS: usize = 20_000;
/// Snapshots kept; each holds its own copy of compiled code.
const CACHED_SNAPSHOTS: usize = 128;
/// Decisions after which a configuration is worth a snapshot.
const PROMOTE_AFTER: u32 = 16;

/// The state of the access plugin.
#[derive(Debug, Clone)]
pub enum AccessPlugin {
    /// Loaded.
    Ready(Arc<Plugin>),
    /// There is none: everything is refused.
    Absent,
    /// It could not be loaded: everything is refused.
    Broken {
        /// What was to be loaded.
        name: String,
        /// Why it was not.
        failure: Failure,
    },
}

/// Decides, records refusals, hands out permits.
#[derive(Debug)]
pub struct Gate {
    store: Store,
    engine: Engine,
    plugin: AccessPlugin,
    mode: Mode,
    cache: AccessCache,
}

/// A granted request.
#[derive(Debug)]
pub struct Grant<A: Action> {
    /// Opens or seals.
    pub permit: Permit<A>,
    /// The vault.
    pub vault: Vault,
    /// What the decision rested on, for the record of what is done with the permit.
    pub evidence: Value,
}

impl Gate {
    /// A gate with its plugin.
    pub fn new(store: Store, engine: Engine, plugin: AccessPlugin, mode: Mode) -> Self {
        let cache = AccessCache::new(
            &engine,
            CACHED_CONFIGURATIONS,
            CACHED_SNAPSHOTS,
            PROMOTE_AFTER,
        );
        Self {
            store,
            engine,
            plugin,
            mode,
            cache,
        }
    }

    /// Whether there is a plugin that can decide.
    pub fn is_ready(&self) -> bool {
        matches!(self.plugin, AccessPlugin::Ready(_))
    }

    /// Decides whether `caller` may do `A` at `path`.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for a vault that is not the caller's organisation's, [`ServiceError::Denied`] (recorded)
    /// for a refusal.
    pub async fn admit<A: Action>(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        path: &SecretPath,
    ) -> Result<Grant<A>> {
        let (vault, revision) = self.vault(caller, vault).await?;
        let subject = Subject {
            context,
            caller,
            vault: &vault,
            path,
            permission: A::PERMISSION,
        };
        if let Some(code) = refused_before_policies(&subject) {
            return Err(self.refuse(&subject, code, json!({})).await?);
        }
        let attachments = self.attachments(context, caller, &vault, revision).await?;
        let decided = decide_access(subject.request(), &attachments, PERMIT_TTL_MS);
        let evidence = evidence(&decided);
        match decided.into_permit::<A>() {
            Ok(permit) => Ok(Grant {
                permit,
                vault,
                evidence,
            }),
            Err(denial) => Err(self.refuse(&subject, &denial.code, evidence).await?),
        }
    }

    /// Which of `paths` the caller may read: for listings, which show no value.
    ///
    /// # Errors
    /// As [`Gate::admit`] for the vault itself; a path that may not be read is left out, not an error.
    pub async fn readable(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: &Vault,
        revision: i64,
        paths: Vec<SecretPath>,
    ) -> Result<Vec<bool>> {
        let attachments = self.attachments(context, caller, vault, revision).await?;
        let permission = Permission::Read;
        Ok(paths
            .iter()
            .map(|path| {
                let subject = Subject {
                    context,
                    caller,
                    vault,
                    path,
                    permission,
                };
                refused_before_policies(&subject).is_none() && {
                    let decided = decide_access(subject.request(), &attachments, PERMIT_TTL_MS);
                    matches!(decided.ruling(), Ruling::Allow(_))
                }
            })
            .collect())
    }

    /// The vault and the revision of the caller's policies in it, past the binding.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], or [`ServiceError::Denied`] (recorded) for an agent that is bound to other vaults.
    pub async fn vault_for_listing(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
    ) -> Result<(Vault, i64)> {
        let (vault, revision) = self.vault(caller, vault).await?;
        if caller.is_bound_away_from(vault.id) {
            let decision = self
                .record(context, caller, "secret.list", &vault, "", BOUND, json!({}))
                .await?;
            return Err(ServiceError::Denied(Refusal {
                decision,
                code: BOUND.to_owned(),
            }));
        }
        Ok((vault, revision))
    }

    /// Turns down an access that the plugins granted, for a reason that shows only once the secret is known.
    ///
    /// # Errors
    /// When the refusal cannot be recorded.
    pub async fn refuse_after_grant<A: Action>(
        &self,
        context: &RequestContext,
        caller: &Caller,
        grant: Grant<A>,
        path: &SecretPath,
        code: &str,
    ) -> Result<ServiceError> {
        let subject = Subject {
            context,
            caller,
            vault: &grant.vault,
            path,
            permission: A::PERMISSION,
        };
        self.refuse(&subject, code, grant.evidence.clone()).await
    }

    async fn vault(&self, caller: &Caller, vault: VaultId) -> Result<(Vault, i64)> {
        self.store
            .vault_access(caller.org(), vault, caller.principal())
            .await?
            .ok_or(ServiceError::NotFound("no such vault"))
    }

    async fn attachments(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: &Vault,
        revision: i64,
    ) -> Result<Vec<Attachment>> {
        let plugin = match &self.plugin {
            AccessPlugin::Ready(plugin) => plugin,
            AccessPlugin::Absent => return Ok(Vec::new()),
            AccessPlugin::Broken { name, failure } => {
                return Ok(vec![Attachment::Failed(name.clone(), failure.clone())]);
            }
        };
        let key = AccessKey {
            org: vault.org_id,
            vault: vault.id,
            principal: caller.principal(),
        };
        // The zone tables in the settings reach years ahead and change with the calendar year alone.
        let revision = revision_in_year(revision, context.at);
        if let Some(configured) = self.cache.get(&key, revision) {
            return Ok(vec![Attachment::Ready(configured, self.mode)]);
        }
        let failed = |detail: String| {
            let failure = Failure {
                code: "internal/configure-failed",
                detail,
            };
            tracing::error!(vault = %vault.id, detail = failure.detail, "the access plugin could not be configured");
            vec![Attachment::Failed(plugin.manifest().name.clone(), failure)]
        };
        let policies = self
            .store
            .policies_for(vault.id, caller.principal())
            .await?;
        let settings = match access_settings::build(&policies, context.at).and_then(|s| {
            serde_json::to_string(&s).map_err(|e| ServiceError::Internal(e.to_string()))
        }) {
            Ok(settings) => settings,
            Err(error) => return Ok(failed(error.to_string())),
        };
        match self.engine.configure(plugin, vault.org_id, &settings) {
            Ok(configured) => {
                self.cache.insert(key, revision, Arc::clone(&configured));
                Ok(vec![Attachment::Ready(configured, self.mode)])
            }
            Err(error) => Ok(failed(error.to_string())),
        }
    }

    async fn refuse(
        &self,
        subject: &Subject<'_>,
        code: &str,
        evidence: Value,
    ) -> Result<ServiceError> {
        let Subject {
            context,
            caller,
            vault,
            path,
            permission,
        } = *subject;
        let action = action_word(permission);
        let decision = self
            .record(
                context,
                caller,
                action,
                vault,
                path.as_str(),
                code,
                evidence,
            )
            .await?;
        Ok(ServiceError::Denied(Refusal {
            decision,
            code: code.to_owned(),
        }))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one event")]
    async fn record(
        &self,
        context: &RequestContext,
        caller: &Caller,
        action: &str,
        vault: &Vault,
        path: &str,
        code: &str,
        mut evidence: Value,
    ) -> Result<EventId> {
        if let Some(details) = evidence.as_object_mut() {
            details.insert("decision".to_owned(), json!("deny"));
            details.insert("code".to_owned(), json!(code));
        }
        let event: NewEvent = events::by_caller(context, caller, action, "secret", path)
            .in_vault(vault.id)
            .with_details(evidence);
        let id = event.id;
        self.store.record(event).await?;
        Ok(id)
    }
}

/// The audit word for a permission.
fn action_word(permission: Permission) -> &'static str {
    match permission {
        Permission::Read => "secret.read",
        Permission::Write => "secret.write",
        Permission::Delete => "secret.delete",
        Permission::Rotate => "secret.rotate",
    }
}

const BOUND: &str = "binding/vault-not-bound";

struct Subject<'a> {
    context: &'a RequestContext,
    caller: &'a Caller,
    vault: &'a Vault,
    path: &'a SecretPath,
    permission: Permission,
}

impl Clone for Subject<'_> {
    fn clone(&self) -> Self {
        *self
    }
}
impl Copy for Subject<'_> {}

impl Subject<'_> {
    /// Ownership of the system vault means nothing: the keys in it belong to agents.
    fn is_owner(&self) -> bool {
        !self.vault.is_system && self.vault.created_by == self.caller.principal()
    }

    fn request(&self) -> AccessRequest {
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
            facts: Vec::new(),
        }
    }
}

/// The limits that come with the caller's own record and token, before any policy is looked at.
fn refused_before_policies(subject: &Subject<'_>) -> Option<&'static str> {
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

/// Whether a scope is a path glob rather than a capability word such as `vaults:read`.
pub fn is_path_scope(scope: &str) -> bool {
    scope
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'/' | b'*'))
}

fn scopes_reach(scopes: &[String], path: &SecretPath) -> bool {
    scopes
        .iter()
        .filter(|scope| is_path_scope(scope))
        .any(|scope| {
            // A lone `*` as a scope means everything, unlike in a policy.
            scope == "*"
                || scope == "**"
                || (glob::check(scope).is_ok()
                    && PathGlob::new(scope).is_ok_and(|g| g.matches(path.as_str())))
        })
}

/// The cache key must change with the year, because zone tables do.
fn revision_in_year(revision: i64, at: Timestamp) -> i64 {
    let year = jiff::Timestamp::from_millisecond(at.as_millis())
        .map_or(0, |t| i64::from(t.to_zoned(jiff::tz::TimeZone::UTC).year()));
    revision.wrapping_mul(10_000).wrapping_add(year)
}

/// What a decision rested on. The ids of rules go to the audit trail, never to the caller.
fn evidence(decided: &DecidedAccess) -> Value {
    let evaluations: Vec<Value> = decided
        .evaluations()
        .iter()
        .map(|evaluation| {
            json!({
                "plugin": evaluation.plugin.name,
                "version": evaluation.plugin.version,
                "digest": evaluation.plugin.digest,
                "settings": evaluation.settings_digest,
                "fuel": evaluation.fuel,
            })
        })
        .collect();
    let mut details = json!({
        "decision": "allow",
        "permission": decided.request().permission.as_str(),
        "request_digest": hex(&decided.request_digest()),
        "evaluations": evaluations,
    });
    if let Some(details) = details.as_object_mut() {
        match decided.ruling() {
            Ruling::Allow(grants) => {
                if let Some(reason) = grants.first().map(|grant| &grant.reason) {
                    details.insert("code".to_owned(), json!(reason.code));
                    if !reason.rule.is_empty() {
                        details.insert("rule".to_owned(), json!(reason.rule));
                    }
                }
            }
            Ruling::Deny(denial) => {
                for (key, value) in [
                    ("plugin", &denial.plugin),
                    ("rule", &denial.rule),
                    ("condition", &denial.condition),
                    ("message", &denial.message),
                ] {
                    if !value.is_empty() {
                        details.insert(key.to_owned(), json!(value));
                    }
                }
            }
            Ruling::RequireApproval(_) => {
                details.insert("approval".to_owned(), json!("required"));
            }
        }
    }
    details
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(scopes: &[&str], path: &str) -> bool {
        let scopes: Vec<String> = scopes.iter().map(|s| (*s).to_owned()).collect();
        scopes_reach(&scopes, &path.parse().unwrap())
    }

    #[test]
    fn no_scope_reaches_nothing_and_capability_words_do_not_count() {
        assert!(!reach(&[], "a"));
        assert!(!reach(&["vaults:read", "vault.read"], "a"));
        assert!(reach(&["vaults:read", "a/**"], "a/b"));
        assert!(!reach(&["a/**"], "ab/c"));
        assert!(reach(&["*"], "a/b/c"));
        assert!(reach(&["**"], "a/b/c"));
        assert!(!reach(&["a/*"], "a/b/c"));
    }
}
