//! What an attachment would become, for a replay to try, and for a promotion to be held against that replay.

use oneclaw_core::ids::AttachmentId;
use oneclaw_core::scope::AttachmentScope;
use oneclaw_store::PluginVersion;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::shown::scope;
use super::wire;
use crate::service::Services;
use crate::service::caller::{Caller, RequestContext};
use crate::service::error::{Result, ServiceError};

/// For how long a replay speaks for a promotion, in milliseconds: what happened since it was asked for was not looked at.
const REPLAY_TTL_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// An attachment as it would be. As it is handed in, what is left out is as it is now; once it was looked at, all is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::service) struct AttachmentDraft {
    /// The attachment.
    pub(in crate::service) id: String,
    /// The version of its plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::service) version: Option<String>,
    /// SHA-256 of the component, in hexadecimal; follows from the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::service) digest: Option<String>,
    /// The worlds in which it decides; follow from the version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::service) worlds: Vec<String>,
    /// The settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::service) settings: Option<Value>,
    /// What it is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::service) scope: Option<AttachmentScope>,
}

impl AttachmentDraft {
    /// An attachment with this version.
    pub(super) fn of(id: AttachmentId, version: &PluginVersion) -> Self {
        Self {
            id: id.to_string(),
            version: Some(version.version.clone()),
            digest: Some(version.digest.clone()),
            worlds: version.worlds.clone(),
            settings: None,
            scope: None,
        }
    }
}

impl Services {
    /// A draft with everything that it leaves out, checked as a change of the attachment would be.
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::NotFound`] for an attachment that is not the caller's organisation's;
    /// [`ServiceError::Conflict`] for a version that cannot be attached; [`ServiceError::Forbidden`].
    pub(in crate::service) async fn complete_draft(
        &self,
        caller: &Caller,
        draft: AttachmentDraft,
    ) -> Result<AttachmentDraft> {
        if draft.digest.is_some() || !draft.worlds.is_empty() {
            return Err(ServiceError::field(
                "candidate.attachment",
                "`digest` and `worlds` follow from `version`; leave them out",
            ));
        }
        let id: AttachmentId = draft
            .id
            .parse()
            .map_err(|e| ServiceError::field("candidate.attachment.id", e))?;
        let (_, now) = self.known_attachment(caller, id).await?;
        let version = self.version_of(caller, now.version_id).await?;
        let version = match &draft.version {
            Some(number) => self.attachable(caller, &version.plugin, number).await?,
            None => version,
        };
        let given = match draft.scope {
            Some(scope) => scope,
            None => scope(&now.scope)?,
        };
        let scope = self.checked_scope(caller, &version, given).await?;
        let settings = draft.settings.unwrap_or_else(|| wire::json(&now.settings));
        self.accepted(caller, &version, &settings).await?;
        Ok(AttachmentDraft {
            settings: Some(settings),
            scope: Some(scope),
            ..AttachmentDraft::of(id, &version)
        })
    }

    /// Whether an attachment may come to count: where the organisation demands it, or a replay is named, that replay tried
    /// exactly this, lately, and met what was demanded of it.
    ///
    /// # Errors
    /// [`ServiceError::Conflict`] says what is missing; names the field for what is no replay of the organisation.
    pub(super) async fn check_promotion(
        &self,
        context: &RequestContext,
        caller: &Caller,
        draft: &AttachmentDraft,
        replay: Option<&str>,
    ) -> Result<()> {
        let Some(replay) = replay else {
            let rules = self.store.plugin_rules(caller.org()).await?;
            if !rules.replay_required {
                return Ok(());
            }
            return Err(ServiceError::Conflict(
                "in this organisation a plugin is enforced after a replay of it; run one with the candidate \
                 `attachment` and a gate, and name it in `replay`"
                    .to_owned(),
            ));
        };
        let unknown = || ServiceError::field("replay", "is no replay of this organisation");
        let id: Uuid = replay.parse().map_err(|_| unknown())?;
        let replay = self.store.replay(caller.org(), id).await?;
        let replay = replay.ok_or_else(unknown)?;
        let refuse = |why: &str| Err(ServiceError::Conflict(format!("the replay {why}")));
        if replay.state != "done" {
            return refuse(&format!("is {}, and has to be done", replay.state));
        }
        match replay.gate_passed {
            Some(true) => {}
            Some(false) => return refuse("did not pass its gate"),
            None => return refuse("had no `gate` to pass"),
        }
        if replay.spec.pointer("/candidate/attachment") != Some(&json!(draft)) {
            return refuse("tried another version, other settings or another scope");
        }
        let age = context
            .at
            .as_millis()
            .saturating_sub(replay.created_at.as_millis());
        if age > REPLAY_TTL_MS {
            return refuse("is older than a week; run it again");
        }
        Ok(())
    }
}
