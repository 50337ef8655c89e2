//! The one gate: every access to a secret is decided here, and nowhere else.
//!
//! The order is that of the contract: organisation, vault binding, scope ceiling, then the plugins. A refusal is recorded
//! before it is returned, so that `?` cannot skip the record. A grant carries the permit without which nothing can be
//! sealed or opened, and the evidence that the service records together with what it does.

mod ask;
mod budgets;
mod evidence;
mod export;
mod refusals;
mod scope;
mod settings;
mod shared;
mod signing;
mod subject;
mod uploaded;
mod variables;

pub(in crate::service) use budgets::Resolver;
pub use budgets::of_record as budgets_of_record;
pub use evidence::Evidence;
pub use scope::is_path_scope;
pub use signing::{Foreseen, IntentToDecide, Outcome};
pub use uploaded::InForce;

use std::sync::Arc;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::VaultId;
use oneclaw_core::path::SecretPath;
use oneclaw_core::recorded::{ACCESS_POLICY, TRANSACTION_GUARDRAIL};
use oneclaw_core::request::{AccessRequest, Permission};
use oneclaw_policy_host::{
    AccessCache, AccessKey, Action, Attachment, Engine, Failure, GuardrailCache, Mode, Permit,
    Plugin, ReadSecret,
};
use oneclaw_store::{PolicyRevision, Store, Vault};
use serde_json::{Value, json};

use self::evidence::{attached, evidence};
use self::settings::SettingsCache;
use self::subject::{
    BOUND, SIGNING_KEY, Subject, action_word, is_signing_key, refused_before_policies,
};
use self::uploaded::Uploaded;
use super::access_settings;
use super::caller::{Caller, RequestContext};
use super::decisions::record;
use super::error::{Refusal, Result, ServiceError};
use super::events::{self, EventExt};
use super::facts::Facts;
use super::plugins::PluginRuntime;

/// How long a permit holds, in milliseconds: time enough for the database, not for anything else.
const PERMIT_TTL_MS: i64 = 10_000;

/// Configurations kept in memory, one for each caller in each vault.
const CACHED_CONFIGURATIONS: usize = 20_000;
/// Snapshots kept; each holds its own copy of compiled code.
const CACHED_SNAPSHOTS: usize = 128;
/// Decisions after which a configuration is worth a snapshot.
const PROMOTE_AFTER: u32 = 16;

/// The state of a plugin.
#[derive(Debug, Clone)]
pub enum PluginState {
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
    uploaded: Uploaded,
    facts: Arc<Facts>,
    plugin: PluginState,
    mode: Mode,
    cache: AccessCache,
    guardrails: PluginState,
    guardrail_mode: Mode,
    guardrail_cache: GuardrailCache,
    guardrail_settings: SettingsCache,
    /// Of so many allows in a hundred a record is kept.
    recorded_percent: u32,
}

/// A granted request.
#[derive(Debug)]
pub struct Grant<A: Action> {
    /// Opens or seals.
    pub permit: Permit<A>,
    /// The vault.
    pub vault: Vault,
    /// What the decision rested on, for the record of what is done with the permit.
    pub evidence: Evidence,
}

impl Gate {
    /// A gate with its plugins: the one for access, and the one for everything that is signed.
    pub fn new(
        store: Store,
        (plugins, facts): (Arc<PluginRuntime>, Arc<Facts>),
        (plugin, mode): (PluginState, Mode),
        (guardrails, guardrail_mode): (PluginState, Mode),
    ) -> Self {
        let engine = plugins.engine().clone();
        let cache = AccessCache::new(
            &engine,
            CACHED_CONFIGURATIONS,
            CACHED_SNAPSHOTS,
            PROMOTE_AFTER,
        );
        let guardrail_cache = GuardrailCache::new(
            &engine,
            CACHED_CONFIGURATIONS,
            CACHED_SNAPSHOTS,
            PROMOTE_AFTER,
        );
        Self {
            uploaded: Uploaded::new(plugins, store.clone()),
            facts,
            store,
            engine,
            plugin,
            mode,
            cache,
            guardrails,
            guardrail_mode,
            guardrail_cache,
            guardrail_settings: SettingsCache::new(),
            recorded_percent: 100,
        }
    }

    /// Keeps records of so many allows in a hundred. Of refusals every record is kept.
    #[must_use]
    pub fn recording(mut self, percent: u32) -> Self {
        self.recorded_percent = percent.min(100);
        self
    }

    /// The plugins that are loaded: for access, and for what is signed.
    pub fn plugins(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        [ACCESS_POLICY, TRANSACTION_GUARDRAIL]
            .into_iter()
            .filter_map(|world| self.plugin_for(world))
    }

    /// The plugin that comes with the server, for a world.
    pub fn plugin_for(&self, world: &str) -> Option<&Arc<Plugin>> {
        let state = match world {
            ACCESS_POLICY => &self.plugin,
            _ => &self.guardrails,
        };
        match state {
            PluginState::Ready(plugin) => Some(plugin),
            PluginState::Absent | PluginState::Broken { .. } => None,
        }
    }

    /// Whether there is a plugin that can decide.
    pub fn is_ready(&self) -> bool {
        matches!(self.plugin, PluginState::Ready(_))
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
            facts: &self.facts.of_client(context.client),
        };
        if is_signing_key(&vault, path) {
            return Err(self.refuse_unasked(&subject, SIGNING_KEY).await?);
        }
        let request = subject.request();
        let (permit, evidence) = self.decide(&subject, request, revision).await?;
        Ok(Grant {
            permit,
            vault,
            evidence,
        })
    }

    /// Has the plugins decide on an access that nothing else stands in the way of. A refusal is recorded.
    async fn decide<A: Action>(
        &self,
        subject: &Subject<'_>,
        request: AccessRequest,
        revision: PolicyRevision,
    ) -> Result<(Permit<A>, Evidence)> {
        match self.weigh(subject, request, revision).await? {
            Ok(granted) => Ok(granted),
            Err((code, evidence)) => Err(self.refuse(subject, &code, evidence).await?),
        }
    }

    /// The decision by itself, or the code of the refusal. Whoever calls this records a refusal.
    async fn weigh<A: Action>(
        &self,
        subject: &Subject<'_>,
        request: AccessRequest,
        revision: PolicyRevision,
    ) -> Result<Weighed<A>> {
        if let Some(code) = refused_before_policies(subject) {
            return Ok(Err((code.to_owned(), unasked(subject, code)?)));
        }
        let attachments = self
            .attachments(subject.context, subject.caller, subject.vault, revision)
            .await?;
        let (decided, attachments) = self
            .ask_about_access(subject.caller, request, attachments, revision.plugins)
            .await?;
        let record = record::of_access(&decided, &attachments)?;
        let details = evidence(&decided);
        let is_kept = self.keeps(&decided.request_digest());
        Ok(match decided.into_permit::<A>() {
            Ok(permit) => Ok((permit, Evidence::new(details, is_kept.then_some(record)))),
            Err(denial) => Err((denial.code, Evidence::new(details, Some(record)))),
        })
    }

    /// Which of `paths` the caller may read, and which plugins said so: for listings, which show no value.
    ///
    /// # Errors
    /// As [`Gate::admit`] for the vault itself; a path that may not be read is left out, not an error.
    pub async fn readable(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: &Vault,
        revision: PolicyRevision,
        paths: Vec<SecretPath>,
    ) -> Result<(Vec<bool>, Value)> {
        let (permits, plugins) = self
            .decide_each(context, caller, vault, revision, paths)
            .await?;
        Ok((permits.iter().map(Option::is_some).collect(), plugins))
    }

    /// A decision about reading at each of `paths`, by the plugins as they are now.
    async fn decide_each(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: &Vault,
        revision: PolicyRevision,
        paths: Vec<SecretPath>,
    ) -> Result<(Vec<Option<Permit<ReadSecret>>>, Value)> {
        let attachments = self.attachments(context, caller, vault, revision).await?;
        let plugins = json!(attachments.iter().map(attached).collect::<Vec<_>>());
        let facts = self.facts.of_client(context.client);
        let requests: Vec<Option<AccessRequest>> = paths
            .iter()
            .map(|path| {
                let permission = Permission::Read;
                let subject = Subject {
                    context,
                    caller,
                    vault,
                    path,
                    permission,
                    facts: &facts,
                };
                refused_before_policies(&subject)
                    .is_none()
                    .then(|| subject.request())
            })
            .collect();
        let permits = self
            .ask_about_listing(caller, requests, attachments, revision.plugins, context.at)
            .await?;
        Ok((permits, plugins))
    }

    /// Records a decision that went the caller's way and still did nothing, for example because there is no such
    /// secret; gives back `why`.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn nothing_done<A: Action>(
        &self,
        context: &RequestContext,
        caller: &Caller,
        grant: &Grant<A>,
        path: &SecretPath,
        why: ServiceError,
    ) -> Result<ServiceError> {
        let mut evidence = grant.evidence.clone();
        evidence.set("outcome", json!(why.to_string()));
        let event = events::by_caller(context, caller, action_word(A::PERMISSION), "secret", path)
            .in_vault(grant.vault.id)
            .resting_on(evidence);
        self.store.record(event).await?;
        Ok(why)
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
    ) -> Result<(Vault, PolicyRevision)> {
        let (vault, revision) = self.vault(caller, vault).await?;
        if caller.is_bound_away_from(vault.id) {
            let message = "the agent is bound to other vaults";
            let record = record::unasked(ACCESS_POLICY, caller.principal(), BOUND, message)?
                .at(vault.id, None);
            let event = events::by_caller(context, caller, "secret.list", "secret", "")
                .in_vault(vault.id)
                .resting_on(Evidence::new(json!({}), Some(record)).refused(BOUND));
            let decision = event.id;
            self.store.record(event).await?;
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
            facts: &[],
        };
        self.refuse(&subject, code, grant.evidence.clone()).await
    }

    async fn vault(&self, caller: &Caller, vault: VaultId) -> Result<(Vault, PolicyRevision)> {
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
        revision: PolicyRevision,
    ) -> Result<Vec<Attachment>> {
        let plugin = match &self.plugin {
            PluginState::Ready(plugin) => plugin,
            PluginState::Absent => return Ok(Vec::new()),
            PluginState::Broken { name, failure } => {
                return Ok(vec![Attachment::failed(name.clone(), failure.clone())]);
            }
        };
        let key = AccessKey {
            org: vault.org_id,
            vault: vault.id,
            principal: caller.principal(),
        };
        // The zone tables in the settings reach years ahead and change with the calendar year alone.
        let revision = [revision.caller, revision.policies, year(context.at)];
        if let Some(configured) = self.cache.get(&key, revision) {
            return Ok(vec![Attachment::ready(configured, self.mode)]);
        }
        let failed = |detail: String| {
            let failure = configure_failed(detail);
            tracing::error!(vault = %vault.id, detail = failure.detail, "the access plugin could not be configured");
            vec![Attachment::failed(plugin.manifest().name.clone(), failure)]
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
                Ok(vec![Attachment::ready(configured, self.mode)])
            }
            Err(error) => Ok(failed(error.to_string())),
        }
    }

    /// Whether an allow with this digest is among those of which a record is kept. Of refusals every record is.
    fn keeps(&self, digest: &[u8; 32]) -> bool {
        let [a, b, ..] = digest;
        u32::from(u16::from_be_bytes([*a, *b])).saturating_mul(100)
            < self.recorded_percent.saturating_mul(1 << 16)
    }

    /// Refuses before any plugin is asked.
    async fn refuse_unasked(&self, subject: &Subject<'_>, code: &str) -> Result<ServiceError> {
        let evidence = unasked(subject, code)?;
        self.refuse(subject, code, evidence).await
    }

    async fn refuse(
        &self,
        subject: &Subject<'_>,
        code: &str,
        evidence: Evidence,
    ) -> Result<ServiceError> {
        let Subject {
            context,
            caller,
            vault,
            path,
            permission,
            facts: _,
        } = *subject;
        let event = events::by_caller(context, caller, action_word(permission), "secret", path)
            .in_vault(vault.id)
            .resting_on(evidence.refused(code));
        let decision = event.id;
        self.store.record(event).await?;
        Ok(ServiceError::Denied(Refusal {
            decision,
            code: code.to_owned(),
        }))
    }
}

/// A permit or the code of a refusal, with what either rests on.
type Weighed<A> = std::result::Result<(Permit<A>, Evidence), (String, Evidence)>;

/// What a refusal rests on that no plugin was asked about.
fn unasked(subject: &Subject<'_>, code: &str) -> Result<Evidence> {
    let record = record::unasked_access(&subject.request(), code)?;
    Ok(Evidence::new(json!({}), Some(record)))
}

/// Why a plugin that is there does not answer.
fn configure_failed(detail: String) -> Failure {
    Failure {
        code: "internal/configure-failed",
        detail,
    }
}

/// Configurations must change with the year, because zone tables do.
fn year(at: Timestamp) -> i64 {
    jiff::Timestamp::from_millisecond(at.as_millis())
        .map_or(0, |t| i64::from(t.to_zoned(jiff::tz::TimeZone::UTC).year()))
}
