//! What is attached in an organisation at one revision, made ready.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use oneclaw_core::ids::{AttachmentId, OrgId, VaultId};
use oneclaw_core::path::SecretPath;
use oneclaw_core::principal::Principal;
use oneclaw_core::scope::{Labels, ScopeMatcher};
use oneclaw_policy_host::{
    AttachedPlugin, Attachment, Configured, Failure, Mode, PluginIdentity, Stage, World,
};
use oneclaw_store::{Attached, AttachmentMode, Pinned};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::service::error::{Result, ServiceError};
use crate::service::plugins::{PluginRuntime, world_of};

/// A set.
#[derive(Debug)]
pub(in crate::service::gate) struct PluginSet {
    entries: Vec<Entry>,
    built_at: Instant,
}

/// An attachment.
#[derive(Debug)]
struct Entry {
    id: AttachmentId,
    revision: i64,
    scope: ScopeMatcher,
    mode: AttachmentMode,
    canary_percent: i64,
    current: Version,
    fallback: Option<Version>,
}

/// A version with its settings, in every world that it decides in.
#[derive(Debug)]
struct Version {
    identity: Arc<PluginIdentity>,
    settings: String,
    worlds: Vec<(World, std::result::Result<Arc<Configured>, Failure>)>,
}

/// How an attachment stands.
#[derive(Debug, Clone)]
pub enum InForce {
    /// Its version is ready.
    Ready,
    /// Its version is not to be had, and the one before it decides.
    Fallback(String),
    /// Neither is to be had: where it counts, everything is refused.
    Failed(String),
}

impl InForce {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Fallback(_) => "fallback",
            Self::Failed(_) => "failed",
        }
    }

    /// Why it is not ready.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Ready => None,
            Self::Fallback(detail) | Self::Failed(detail) => Some(detail),
        }
    }
}

/// A version that could not be made ready.
pub(super) struct FailedVersion<'a> {
    pub(super) id: AttachmentId,
    pub(super) revision: i64,
    pub(super) plugin: &'a PluginIdentity,
    pub(super) detail: &'a str,
    pub(super) in_force: InForce,
}

impl PluginSet {
    /// Makes everything ready. What `known` has ready with the same settings is taken over.
    pub(super) async fn build(
        runtime: &PluginRuntime,
        org: OrgId,
        stored: oneclaw_store::PluginSet,
        known: Option<&Self>,
    ) -> Result<Self> {
        let mut entries = Vec::with_capacity(stored.attached.len());
        for attached in stored.attached {
            let Attached {
                id,
                revision,
                current,
                fallback,
                scope,
                mode,
                canary_percent,
            } = attached;
            let scope = serde_json::from_value(scope).map_err(|error| {
                ServiceError::Internal(format!(
                    "the scope of attachment {id} cannot be read: {error}"
                ))
            })?;
            let current = Version::build(runtime, org, current, known).await;
            let fallback = match fallback {
                Some(pinned) => Some(Version::build(runtime, org, pinned, known).await),
                None => None,
            };
            entries.push(Entry {
                id,
                revision,
                scope: ScopeMatcher::new(scope),
                mode,
                canary_percent,
                current,
                fallback,
            });
        }
        Ok(Self {
            entries,
            built_at: Instant::now(),
        })
    }

    /// Whether something failed that may succeed by now.
    pub(super) fn is_worth_another_try(&self, after: Duration) -> bool {
        self.built_at.elapsed() > after
            && self.entries.iter().any(|entry| {
                entry.current.failure().is_some()
                    || entry
                        .fallback
                        .as_ref()
                        .is_some_and(|v| v.failure().is_some())
            })
    }

    /// How each attachment stands.
    pub(super) fn standings(&self) -> HashMap<AttachmentId, InForce> {
        let standing = |entry: &Entry| (entry.id, entry.standing());
        self.entries.iter().map(standing).collect()
    }

    /// The versions that could not be made ready.
    pub(super) fn failed(&self) -> impl Iterator<Item = FailedVersion<'_>> {
        self.entries.iter().filter_map(|entry| {
            Some(FailedVersion {
                id: entry.id,
                revision: entry.revision,
                plugin: &entry.current.identity,
                detail: entry.current.failure()?,
                in_force: entry.standing(),
            })
        })
    }

    /// Those who have a say in an access to a secret.
    pub(in crate::service::gate) fn for_access(
        &self,
        vault: VaultId,
        path: &SecretPath,
        principal: Principal,
        labels: Labels<'_>,
    ) -> Vec<Attachment> {
        self.asked(World::AccessPolicy, principal, |entry| {
            entry.scope.fits_access(vault, path, principal, labels)
        })
    }

    /// Those who have a say in something that is to be signed.
    pub(in crate::service::gate) fn for_signature(
        &self,
        chain: Option<&str>,
        principal: Principal,
        labels: Labels<'_>,
    ) -> Vec<Attachment> {
        self.asked(World::TransactionGuardrail, principal, |entry| {
            entry.scope.fits_signature(chain, principal, labels)
        })
    }

    fn asked(
        &self,
        world: World,
        principal: Principal,
        fits: impl Fn(&Entry) -> bool,
    ) -> Vec<Attachment> {
        let mut asked = Vec::new();
        for entry in self.entries.iter().filter(|entry| fits(entry)) {
            entry.ask(world, principal, &mut asked);
        }
        asked
    }
}

impl Entry {
    /// Of every attachment exactly one version counts, or none where none is enforced yet. What does not count is watched.
    fn ask(&self, world: World, principal: Principal, asked: &mut Vec<Attachment>) {
        let stage = match self.mode {
            AttachmentMode::Enforce => Stage::Enforce,
            AttachmentMode::Canary if self.is_in_share(principal) => Stage::Canary,
            AttachmentMode::Canary | AttachmentMode::Shadow => Stage::Shadow,
        };
        let current = self.current.in_world(world);
        let fallback = self.fallback.as_ref().and_then(|v| v.in_world(world));
        let must_step_in = matches!(current, Some(AttachedPlugin::Failed(..)))
            && matches!(fallback, Some(AttachedPlugin::Ready(..)));
        let mut put = |stage, plugin: Option<AttachedPlugin>| {
            asked.extend(plugin.map(|plugin| Attachment {
                id: Some(self.id),
                stage,
                plugin,
            }));
        };
        if stage.counts() && !must_step_in {
            put(stage, current);
        } else {
            put(Stage::Enforce, fallback);
            put(Stage::Shadow, current);
        }
    }

    /// Whether a caller is in the share for which a canary counts: the same callers for as long as the share is the same,
    /// and those and more when it grows.
    fn is_in_share(&self, principal: Principal) -> bool {
        let mut hasher = Sha256::new();
        hasher.update(self.id.as_uuid().as_bytes());
        hasher.update(principal.uuid().as_bytes());
        let hash = hasher.finalize();
        let number = hash
            .first_chunk::<8>()
            .map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes));
        i64::try_from(number % 100).is_ok_and(|number| number < self.canary_percent)
    }

    fn standing(&self) -> InForce {
        match (self.current.failure(), &self.fallback) {
            (None, _) => InForce::Ready,
            (Some(detail), Some(fallback)) if fallback.failure().is_none() => {
                InForce::Fallback(detail.to_owned())
            }
            (Some(detail), _) => InForce::Failed(detail.to_owned()),
        }
    }
}

impl Version {
    async fn build(
        runtime: &PluginRuntime,
        org: OrgId,
        pinned: Pinned,
        known: Option<&PluginSet>,
    ) -> Self {
        let identity = Arc::new(PluginIdentity {
            name: pinned.plugin,
            version: pinned.version,
            digest: pinned.digest,
        });
        let same = |version: &&Version| {
            version.identity == identity
                && version.settings == pinned.settings
                && version.failure().is_none()
        };
        let known = known
            .into_iter()
            .flat_map(|set| &set.entries)
            .flat_map(|entry| std::iter::once(&entry.current).chain(&entry.fallback))
            .find(same);
        if let Some(known) = known {
            return Self {
                identity,
                settings: pinned.settings,
                worlds: known.worlds.clone(),
            };
        }
        let loaded = runtime.load(org, &identity.digest).await;
        let mut worlds = Vec::new();
        for world in pinned.worlds.iter().filter_map(|word| world_of(word)) {
            let configured = match &loaded {
                Ok(plugin) => {
                    runtime
                        .configure(plugin, world, org, &pinned.settings)
                        .await
                }
                Err(failure) => Err(failure.clone()),
            };
            if let Ok(configured) = &configured {
                runtime.snapshot(Arc::clone(configured));
            }
            worlds.push((world, configured));
        }
        Self {
            identity,
            settings: pinned.settings,
            worlds,
        }
    }

    /// Why it is not to be had, if so in any world.
    fn failure(&self) -> Option<&str> {
        self.worlds
            .iter()
            .find_map(|(_, configured)| configured.as_ref().err())
            .map(|failure| failure.detail.as_str())
    }

    /// As it is asked in a world; `None` if it does not decide there. Always a fresh instance: nobody vouches for it.
    fn in_world(&self, world: World) -> Option<AttachedPlugin> {
        let (_, configured) = self.worlds.iter().find(|(known, _)| *known == world)?;
        Some(match configured {
            Ok(configured) => AttachedPlugin::Ready(Arc::clone(configured), Mode::Fresh),
            Err(failure) => AttachedPlugin::Failed(Arc::clone(&self.identity), failure.clone()),
        })
    }
}
