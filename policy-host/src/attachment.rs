//! Plugins as they are attached: which, and whether what they answer counts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oneclaw_core::ids::AttachmentId;

use crate::configured::{Configured, Mode};
use crate::failure::{Evaluation, Failure};
use crate::plugin::PluginIdentity;

/// Whether an answer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It counts.
    Enforce,
    /// It counts, because the caller is in the share for which this version is tried.
    Canary,
    /// It is recorded and has no part in the outcome.
    Shadow,
}

impl Stage {
    /// Whether an answer at this stage has a part in the outcome.
    #[must_use]
    pub const fn counts(self) -> bool {
        match self {
            Self::Enforce | Self::Canary => true,
            Self::Shadow => false,
        }
    }

    /// The word for it, as in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Canary => "canary",
            Self::Shadow => "shadow",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A plugin that is asked about a request.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// Which attachment of the organisation this is; `None` for a plugin that every organisation has.
    pub id: Option<AttachmentId>,
    /// Whether its answer counts.
    pub stage: Stage,
    /// The plugin.
    pub plugin: AttachedPlugin,
}

/// A plugin that can be asked, or cannot.
#[derive(Debug, Clone)]
pub enum AttachedPlugin {
    /// Ready to be asked.
    Ready(Arc<Configured>, Mode),
    /// Attached and not to be had, for example because its component is missing: named here, so that the request is
    /// denied and the record says why.
    Failed(Arc<PluginIdentity>, Failure),
}

impl Attachment {
    /// One that every organisation has, and whose answer counts.
    #[must_use]
    pub fn ready(configured: Arc<Configured>, mode: Mode) -> Self {
        Self {
            id: None,
            stage: Stage::Enforce,
            plugin: AttachedPlugin::Ready(configured, mode),
        }
    }

    /// The same, of which no more is known than its name and why it cannot be asked.
    #[must_use]
    pub fn failed(name: impl Into<String>, failure: Failure) -> Self {
        let identity = PluginIdentity {
            name: name.into(),
            version: String::new(),
            digest: String::new(),
        };
        Self {
            id: None,
            stage: Stage::Enforce,
            plugin: AttachedPlugin::Failed(Arc::new(identity), failure),
        }
    }
}

/// Asks each, those that count first. `evaluate` is also told the place of the attachment.
pub(crate) fn ask<'a>(
    attached: impl Iterator<Item = &'a Attachment> + Clone,
    evaluate: impl Fn(&Configured, Mode, usize) -> Evaluation,
) -> Vec<Evaluation> {
    let at_stage = |counts: bool| {
        let all = attached.clone().enumerate();
        all.filter(move |(_, attachment)| attachment.stage.counts() == counts)
    };
    at_stage(true)
        .chain(at_stage(false))
        .map(|(place, attachment)| {
            let mut evaluation = match &attachment.plugin {
                AttachedPlugin::Ready(configured, mode) => evaluate(configured, *mode, place),
                AttachedPlugin::Failed(plugin, failure) => missing(plugin, failure),
            };
            evaluation.attachment = attachment.id;
            evaluation.stage = attachment.stage;
            evaluation
        })
        .collect()
}

fn missing(plugin: &Arc<PluginIdentity>, failure: &Failure) -> Evaluation {
    Evaluation {
        attachment: None,
        stage: Stage::Enforce,
        plugin: Arc::clone(plugin),
        settings_digest: Arc::from(""),
        outcome: Err(failure.clone()),
        fuel: 0,
        elapsed: Duration::ZERO,
    }
}
