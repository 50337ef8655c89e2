//! Sinks: where the organisation wants its events sent to, as they happen.

mod deliver;
mod target;

use oneclaw_core::api::{AuditSink, AuditSinkList, CreateAuditSinkRequest, UpdateAuditSinkRequest};
use oneclaw_core::ids::SinkId;
use oneclaw_crypto::random;
use oneclaw_store::{MAX_SINKS, SinkState, StoreError};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt};
use super::super::{Services, check, time};
use target::Target;

/// Longest value of the header `Authorization` that a sink is sent, in bytes.
const MAX_AUTHORIZATION_BYTES: usize = 4096;

const UNKNOWN: ServiceError = ServiceError::NotFound("no such sink");

impl Services {
    /// `GET /v1/audit/sinks`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] unless the caller is an owner or admin.
    pub async fn audit_sinks(&self, caller: &Caller) -> Result<AuditSinkList> {
        let org = super::administrator(caller)?;
        let now = self.clock.now();
        let sinks = self.store.sinks(org).await?;
        Ok(AuditSinkList {
            sinks: sinks.into_iter().map(|sink| body(sink, now)).collect(),
        })
    }

    /// `POST /v1/audit/sinks`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Conflict`] for a name that is taken; [`ServiceError::Forbidden`].
    pub async fn create_audit_sink(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: CreateAuditSinkRequest,
    ) -> Result<AuditSink> {
        let org = super::administrator(caller)?;
        let name = check::name("name", &request.name)?;
        let target = Target::parse(&request.kind, &request.target)?;
        target.check_reach(self.reach())?;
        let id = SinkId::from_uuid(random::new_id());
        let sealed = match authorization(request.authorization, &target)? {
            Some(value) => Some(
                self.keys
                    .sinks()
                    .seal(id.as_uuid().as_bytes(), value.expose_secret().as_bytes())
                    .map_err(|error| ServiceError::Internal(error.to_string()))?,
            ),
            None => None,
        };
        let span = self.store.chain_span(org).await?;
        let position = match request.begin.as_deref() {
            None | Some("beginning") => span.after,
            Some("now") => span.through,
            Some(_) => {
                return Err(ServiceError::field("begin", "must be `beginning` or `now`"));
            }
        };
        let sink = oneclaw_store::AuditSink {
            id,
            org_id: org,
            name,
            kind: request.kind,
            target: target.as_stored(),
            sealed,
            is_active: true,
            position,
            delivered_at: None,
            failures: 0,
            retry_at: context.at,
            last_error: None,
            created_by: caller.human()?.id,
            created_at: context.at,
        };
        let event = events::by_caller(context, caller, "audit.sink_create", "audit_sink", id)
            .with_details(json!({"name": sink.name, "kind": sink.kind, "place": target.place()}));
        match self.store.create_sink(&sink, event).await {
            Ok(()) => Ok(body(
                SinkState {
                    newest: span.through,
                    waiting_since: None,
                    sink,
                },
                context.at,
            )),
            Err(StoreError::Conflict("sink")) => Err(ServiceError::Conflict(
                "there is a sink with this name already".to_owned(),
            )),
            Err(StoreError::Conflict("sinks")) => Err(ServiceError::Conflict(format!(
                "an organisation has {MAX_SINKS} sinks at most; delete one that is not needed"
            ))),
            Err(error) => Err(error.into()),
        }
    }

    /// `PATCH /v1/audit/sinks/{sink_id}`: stops a sink, or has it go on where it was.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], [`ServiceError::Forbidden`].
    pub async fn update_audit_sink(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: SinkId,
        request: &UpdateAuditSinkRequest,
    ) -> Result<AuditSink> {
        let org = super::administrator(caller)?;
        if let Some(is_active) = request.is_active {
            let event = events::by_caller(context, caller, "audit.sink_update", "audit_sink", id)
                .with_details(json!({"is_active": is_active}));
            let switched = self.store.switch_sink(org, id, is_active, event).await;
            switched.map_err(or_unknown)?;
        }
        let sinks = self.store.sinks(org).await?;
        let found = sinks.into_iter().find(|state| state.sink.id == id);
        Ok(body(found.ok_or(UNKNOWN)?, context.at))
    }

    /// `DELETE /v1/audit/sinks/{sink_id}`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], [`ServiceError::Forbidden`].
    pub async fn delete_audit_sink(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: SinkId,
    ) -> Result<()> {
        let org = super::administrator(caller)?;
        let event = events::by_caller(context, caller, "audit.sink_delete", "audit_sink", id);
        let deleted = self.store.delete_sink(org, id, event).await;
        deleted.map_err(or_unknown)
    }
}

fn or_unknown(error: StoreError) -> ServiceError {
    match error {
        StoreError::NotFound => UNKNOWN,
        other => other.into(),
    }
}

/// What is to be sent in the header `Authorization`, if anything is.
fn authorization(given: Option<String>, target: &Target) -> Result<Option<SecretString>> {
    let Some(value) = given.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let value = SecretString::from(value);
    let text = value.expose_secret();
    if !matches!(target, Target::Https(_)) {
        return Err(ServiceError::field(
            "authorization",
            "is for sinks of the kind `https` alone",
        ));
    }
    if text.len() > MAX_AUTHORIZATION_BYTES || !text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return Err(ServiceError::field(
            "authorization",
            format!("must be at most {MAX_AUTHORIZATION_BYTES} printable ASCII characters"),
        ));
    }
    Ok(Some(value))
}

fn body(state: SinkState, now: oneclaw_core::clock::Timestamp) -> AuditSink {
    let sink = state.sink;
    let lag = state.newest.saturating_sub(sink.position).max(0);
    AuditSink {
        id: sink.id.to_string(),
        name: sink.name,
        kind: sink.kind,
        target: sink.target,
        has_authorization: sink.sealed.is_some(),
        is_active: sink.is_active,
        position: sink.position,
        lag_events: lag,
        lag_seconds: state.waiting_since.map_or(0, |since| {
            (now.as_millis() - since.as_millis()).max(0) / 1000
        }),
        delivered_at: time::format_option(sink.delivered_at),
        failures: sink.failures,
        next_attempt_at: (sink.failures > 0).then(|| time::format(sink.retry_at)),
        last_error: sink.last_error,
        created_by: sink.created_by.to_string(),
        created_at: time::format(sink.created_at),
    }
}
