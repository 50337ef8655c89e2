//! Where which version of a plugin decides, and how far what it says counts. Every change is a revision; going back is one.

use std::collections::HashMap;

use oneclaw_core::api::{
    Attachment as Body, AttachmentList, AttachmentRevision as RevisionBody, AttachmentRevisionList,
    CreateAttachmentRequest, RollbackRequest, UpdateAttachmentRequest,
};
use oneclaw_core::ids::{AttachmentId, PluginVersionId};
use oneclaw_core::path::excerpt;
use oneclaw_crypto::random;
use oneclaw_store::{
    AttachmentMode, AttachmentRecord, AttachmentRevision, PluginVersion, StoreError,
};
use serde_json::{Value, json};

use super::promotion::AttachmentDraft;
use super::settings::asks_for_more;
use super::shown::{body, details, revision_body, scope};
use super::states::{ROLLBACK, fallback, mode, percent, previous, refused, stored};
use super::{UNKNOWN_ATTACHMENT, UNKNOWN_VERSION, wire};
use crate::service::caller::{Caller, RequestContext};
use crate::service::error::{Result, ServiceError};
use crate::service::events::{self, EventExt};
use crate::service::{Services, check};

/// The share of a canary if none is named, in percent.
const DEFAULT_PERCENT: u8 = 10;
/// Revisions in a page.
const PAGE: i64 = 100;

impl Services {
    /// `POST /v1/plugins/attachments`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Conflict`] for a version that is yanked or cannot be loaded, when as many
    /// plugins are attached as may be, and without consent to what the plugin is given nowhere else; [`ServiceError::Forbidden`].
    pub async fn create_attachment(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: CreateAttachmentRequest,
    ) -> Result<Body> {
        let version = self
            .attachable(caller, &request.plugin, &request.version)
            .await?;
        let name = check::name("name", request.name.as_deref().unwrap_or(&version.plugin))?;
        let scope = request.scope.unwrap_or_default();
        let scope = self.checked_scope(caller, &version, scope).await?;
        let mode = mode(request.mode.as_deref().unwrap_or("shadow"))?;
        let canary_percent = percent(request.canary_percent.unwrap_or(DEFAULT_PERCENT))?;
        let settings = request.settings.unwrap_or_else(|| json!({}));
        if mode == AttachmentMode::Enforce
            && self.store.plugin_rules(caller.org()).await?.replay_required
        {
            return Err(ServiceError::Conflict(
                "in this organisation a plugin is enforced after a replay of it; attach it in `shadow` first".to_owned(),
            ));
        }
        let accepted = self.accepted(caller, &version, &settings).await?;
        if request.consent != Some(true) {
            self.given_before(caller, &version, &accepted.asks).await?;
        }
        let id = AttachmentId::from_uuid(random::new_id());
        let record = AttachmentRecord {
            id,
            org_id: caller.org(),
            plugin_id: version.plugin_id,
            name,
            revision: 1,
            is_attached: true,
            created_at: context.at,
        };
        let state = AttachmentRevision {
            attachment_id: id,
            revision: 1,
            cause: "attach".to_owned(),
            is_attached: true,
            version_id: version.id,
            settings: accepted.settings,
            scope: stored(&scope)?,
            position: i64::from(request.order.unwrap_or(0)),
            mode,
            canary_percent,
            asks: accepted.asks,
            fallback: None,
            changed_by: caller.principal(),
            changed_at: context.at,
        };
        let event = events::by_caller(context, caller, "plugin.attach", "attachment", id)
            .with_details(details(&version, &state));
        self.store
            .attach_plugin(&record, &state, event)
            .await
            .map_err(refused)?;
        self.shown(context, record, state).await
    }

    /// `PATCH /v1/plugins/attachments/{id}`
    ///
    /// # Errors
    /// As [`Services::create_attachment`]; [`ServiceError::Conflict`] also when somebody else changed it meanwhile,
    /// without consent to what the version asks for more than before, and without the replay that a promotion needs;
    /// [`ServiceError::NotFound`].
    pub async fn update_attachment(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: AttachmentId,
        request: UpdateAttachmentRequest,
    ) -> Result<Body> {
        let (mut record, before) = self.known_attachment(caller, id).await?;
        if request
            .revision
            .is_some_and(|meant| meant != record.revision)
        {
            return Err(refused(StoreError::Conflict("revision")));
        }
        let old = self.version_of(caller, before.version_id).await?;
        let version = match &request.version {
            Some(number) => self.attachable(caller, &old.plugin, number).await?,
            None if !before.is_attached => {
                self.attachable(caller, &old.plugin, &old.version).await?
            }
            None => old,
        };
        if let Some(name) = &request.name {
            record.name = check::name("name", name)?;
        }
        let scope = match request.scope {
            Some(scope) => scope.unwrap_or_default(),
            None => scope(&before.scope)?,
        };
        let scope = self.checked_scope(caller, &version, scope).await?;
        let mode = match &request.mode {
            Some(word) => mode(word)?,
            None => before.mode,
        };
        let canary_percent = match request.canary_percent {
            Some(share) => percent(share)?,
            None => before.canary_percent,
        };
        let settings = match request.settings {
            Some(settings) => settings.unwrap_or_else(|| json!({})),
            None => wire::json(&before.settings),
        };
        let accepted = self.accepted(caller, &version, &settings).await?;
        if request.consent != Some(true)
            && let Some(what) = asks_for_more(&before.asks, &accepted.asks)
        {
            return Err(consent_needed(&what));
        }
        let draft = AttachmentDraft {
            scope: Some(scope.clone()),
            settings: Some(settings),
            ..AttachmentDraft::of(id, &version)
        };
        let counts_already = before.is_attached
            && before.mode == AttachmentMode::Enforce
            && before.version_id == version.id
            && before.settings == accepted.settings
            && before.scope == stored(&scope)?;
        if request.replay.is_some() || (mode == AttachmentMode::Enforce && !counts_already) {
            self.check_promotion(context, caller, &draft, request.replay.as_deref())
                .await?;
        }
        let fallback = fallback(&before, version.id, &accepted.settings);
        let state = AttachmentRevision {
            attachment_id: id,
            revision: record.revision + 1,
            cause: if before.is_attached {
                "change"
            } else {
                "attach"
            }
            .to_owned(),
            is_attached: true,
            version_id: version.id,
            settings: accepted.settings,
            scope: stored(&scope)?,
            position: request.order.map_or(before.position, i64::from),
            mode,
            canary_percent,
            asks: accepted.asks,
            fallback,
            changed_by: caller.principal(),
            changed_at: context.at,
        };
        let mut recorded = details(&version, &state);
        if let (Some(details), Some(replay)) = (recorded.as_object_mut(), request.replay) {
            details.insert("replay".to_owned(), replay.into());
        }
        let event = events::by_caller(
            context,
            caller,
            "plugin.attachment.change",
            "attachment",
            id,
        )
        .with_details(recorded);
        self.change(context, record, state, event).await
    }

    /// Whether a plugin that was attached before, wherever that was, was given all that it asks for now. What is attached for
    /// the first time has nothing to be compared with: whoever attaches it consents.
    async fn given_before(
        &self,
        caller: &Caller,
        version: &PluginVersion,
        asks: &Value,
    ) -> Result<()> {
        let attachments = self.store.attachments(caller.org()).await?;
        let mut more = None;
        for (record, state) in attachments {
            if record.plugin_id == version.plugin_id {
                more = asks_for_more(&state.asks, asks);
                if more.is_none() {
                    break;
                }
            }
        }
        more.map_or(Ok(()), |what| Err(consent_needed(&what)))
    }

    /// `DELETE /v1/plugins/attachments/{id}`: the plugin is asked no more. Going back attaches it again.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], also for one that is detached already; [`ServiceError::Forbidden`].
    pub async fn detach_plugin(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: AttachmentId,
    ) -> Result<()> {
        let (record, before) = self.known_attachment(caller, id).await?;
        if !record.is_attached {
            return Err(UNKNOWN_ATTACHMENT);
        }
        let version = self.version_of(caller, before.version_id).await?;
        let state = AttachmentRevision {
            revision: record.revision + 1,
            cause: "detach".to_owned(),
            is_attached: false,
            changed_by: caller.principal(),
            changed_at: context.at,
            ..before
        };
        let event = events::by_caller(context, caller, "plugin.detach", "attachment", id)
            .with_details(details(&version, &state));
        self.store
            .change_attachment(&record, &state, event)
            .await
            .map_err(refused)
    }

    /// `POST /v1/plugins/attachments/{id}/rollback`: the state of an earlier revision becomes that of a new one. After a
    /// rollback, another one without a revision goes one further back.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Conflict`] if there is no earlier state, or the version in it is yanked
    /// or cannot be loaded; [`ServiceError::Forbidden`].
    pub async fn roll_back(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: AttachmentId,
        request: &RollbackRequest,
    ) -> Result<Body> {
        let (record, before) = self.known_attachment(caller, id).await?;
        let target = request.revision.unwrap_or_else(|| previous(&before));
        if target < 1 || target >= record.revision {
            return Err(ServiceError::Conflict(format!(
                "there is no revision {target} before the one in force, which is {}",
                record.revision
            )));
        }
        let earlier = self.store.attachment_revision(id, target).await?;
        let earlier = earlier.ok_or(UNKNOWN_ATTACHMENT)?;
        let version = self.version_of(caller, earlier.version_id).await?;
        if earlier.is_attached {
            self.attachable(caller, &version.plugin, &version.version)
                .await?;
            self.accepted(caller, &version, &wire::json(&earlier.settings))
                .await?;
        }
        let state = AttachmentRevision {
            revision: record.revision + 1,
            cause: format!("{ROLLBACK}{target}"),
            changed_by: caller.principal(),
            changed_at: context.at,
            ..earlier
        };
        let event = events::by_caller(
            context,
            caller,
            "plugin.attachment.rollback",
            "attachment",
            id,
        )
        .with_details(details(&version, &state));
        self.change(context, record, state, event).await
    }

    /// `GET /v1/plugins/attachments`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`].
    pub async fn list_attachments(
        &self,
        context: &RequestContext,
        caller: &Caller,
    ) -> Result<AttachmentList> {
        self.plugin_administrator(caller)?;
        let org = caller.org();
        let versions = self.versions_by_id(caller).await?;
        let in_force = self.gate.plugins_in_force(org, context.at).await?;
        let attachments = self.store.attachments(org).await?;
        Ok(AttachmentList {
            attachments: attachments
                .into_iter()
                .map(|(record, state)| body(record, state, &versions, &in_force))
                .collect::<Result<_>>()?,
        })
    }

    /// `GET /v1/plugins/attachments/{id}`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Forbidden`].
    pub async fn show_attachment(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: AttachmentId,
    ) -> Result<Body> {
        let (record, state) = self.known_attachment(caller, id).await?;
        self.shown(context, record, state).await
    }

    /// `GET /v1/plugins/attachments/{id}/revisions`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Forbidden`].
    pub async fn attachment_revisions(
        &self,
        caller: &Caller,
        id: AttachmentId,
        before: Option<i64>,
    ) -> Result<AttachmentRevisionList> {
        self.known_attachment(caller, id).await?;
        let versions = self.versions_by_id(caller).await?;
        let before = before.unwrap_or(i64::MAX);
        let states = self.store.attachment_revisions(id, before, PAGE).await?;
        let is_full = i64::try_from(states.len()).is_ok_and(|count| count == PAGE);
        let revisions: Vec<RevisionBody> = states
            .into_iter()
            .map(|state| revision_body(state, &versions))
            .collect::<Result<_>>()?;
        Ok(AttachmentRevisionList {
            next_before: revisions
                .last()
                .filter(|last| is_full && last.revision > 1)
                .map(|last| last.revision),
            revisions,
        })
    }

    async fn change(
        &self,
        context: &RequestContext,
        mut record: AttachmentRecord,
        state: AttachmentRevision,
        event: oneclaw_store::NewEvent,
    ) -> Result<Body> {
        self.store
            .change_attachment(&record, &state, event)
            .await
            .map_err(refused)?;
        record.revision = state.revision;
        record.is_attached = state.is_attached;
        self.shown(context, record, state).await
    }

    async fn shown(
        &self,
        context: &RequestContext,
        record: AttachmentRecord,
        state: AttachmentRevision,
    ) -> Result<Body> {
        let mut versions = HashMap::new();
        let ids = [
            Some(state.version_id),
            state.fallback.as_ref().map(|(id, _)| *id),
        ];
        for id in ids.into_iter().flatten() {
            let version = self.store.plugin_version_by_id(record.org_id, id).await?;
            versions.extend(version.map(|version| (id, version)));
        }
        let in_force = self
            .gate
            .plugins_in_force(record.org_id, context.at)
            .await?;
        body(record, state, &versions, &in_force)
    }

    pub(super) async fn known_attachment(
        &self,
        caller: &Caller,
        id: AttachmentId,
    ) -> Result<(AttachmentRecord, AttachmentRevision)> {
        self.plugin_administrator(caller)?;
        let known = self.store.attachment(caller.org(), id).await?;
        known.ok_or(UNKNOWN_ATTACHMENT)
    }

    pub(super) async fn version_of(
        &self,
        caller: &Caller,
        id: PluginVersionId,
    ) -> Result<PluginVersion> {
        let version = self.store.plugin_version_by_id(caller.org(), id).await?;
        version.ok_or(UNKNOWN_VERSION)
    }

    async fn versions_by_id(
        &self,
        caller: &Caller,
    ) -> Result<HashMap<PluginVersionId, PluginVersion>> {
        let versions = self.store.plugin_versions(caller.org()).await?;
        Ok(versions.into_iter().map(|v| (v.id, v)).collect())
    }

    /// A version that may be attached: there, not yanked, and signed if it has to be.
    pub(super) async fn attachable(
        &self,
        caller: &Caller,
        plugin: &str,
        version: &str,
    ) -> Result<PluginVersion> {
        self.plugin_administrator(caller)?;
        let known = self
            .store
            .plugin_version(caller.org(), plugin, version)
            .await?;
        let known = known.ok_or_else(|| {
            let (plugin, version) = (excerpt(plugin), excerpt(version));
            ServiceError::field("version", format!("there is no `{plugin}` {version}"))
        })?;
        if known.yanked_at.is_some() {
            return Err(ServiceError::Conflict(format!(
                "`{}` {} is yanked",
                known.plugin, known.version
            )));
        }
        if self
            .store
            .plugin_rules(caller.org())
            .await?
            .signatures_required
        {
            let publishers = self.store.publishers(caller.org()).await?;
            let counts = publishers
                .iter()
                .any(|p| Some(p.id) == known.publisher_id && p.revoked_at.is_none());
            if !counts {
                return Err(ServiceError::Conflict(format!(
                    "`{}` {} is not signed by a publisher that counts, and plugins of this organisation must be",
                    known.plugin, known.version
                )));
            }
        }
        Ok(known)
    }
}

fn consent_needed(what: &str) -> ServiceError {
    ServiceError::Conflict(format!(
        "consent is needed: the plugin wants to be given {what}, which it was not given before; send `\"consent\": true` if \
         that is meant"
    ))
}
