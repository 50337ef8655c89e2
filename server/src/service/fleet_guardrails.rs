//! Guardrails for many agents: one document for the organisation, and one for each label that has any. What holds for an
//! agent is all of them and its own: the strictest wins.

use oneclaw_core::api::{
    FleetGuardrailRevision, FleetGuardrailRevisionList, FleetGuardrails, FleetGuardrailsList,
    SetFleetGuardrailsRequest,
};
use oneclaw_core::label::Label;
use oneclaw_store::GuardrailScope;
use serde_json::{Value, json};

use super::agents::fleet_fields;
use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};
use super::{Services, guardrails, time};

/// Changes in a page, unless told.
const PAGE: i64 = 50;
/// Most changes in a page.
const MAX_PAGE: i64 = 500;

const NONE: ServiceError = ServiceError::NotFound("no such guardrails");

impl Services {
    /// `GET /v1/org/guardrails`: empty ones if there are none.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for agents.
    pub async fn org_guardrails(&self, caller: &Caller) -> Result<FleetGuardrails> {
        let org = caller.human()?.org_id;
        let all = self.store.fleet_guardrails(org).await?;
        let found = all
            .iter()
            .find(|one| one.scope == GuardrailScope::Organisation);
        Ok(found.map_or_else(
            || FleetGuardrails {
                scope: "organisation".to_owned(),
                label: None,
                guardrails: json!({}),
                revision: 0,
                updated_by: None,
                updated_at: None,
            },
            wire,
        ))
    }

    /// `GET /v1/org/guardrails/labels`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for agents.
    pub async fn label_guardrails(&self, caller: &Caller) -> Result<FleetGuardrailsList> {
        let all = self.store.fleet_guardrails(caller.human()?.org_id).await?;
        let labels = all
            .iter()
            .filter(|one| one.scope != GuardrailScope::Organisation);
        Ok(FleetGuardrailsList {
            labels: labels.map(wire).collect(),
        })
    }

    /// `GET /v1/org/guardrails/labels/{key}/{value}`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Forbidden`] for agents.
    pub async fn guardrails_of_label(
        &self,
        caller: &Caller,
        key: &str,
        value: &str,
    ) -> Result<FleetGuardrails> {
        let org = caller.human()?.org_id;
        let scope = label_scope(key, value)?;
        let all = self.store.fleet_guardrails(org).await?;
        let found = all.iter().find(|one| one.scope == scope).ok_or(NONE)?;
        Ok(wire(found))
    }

    /// `PUT /v1/org/guardrails`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Forbidden`] for all but owners and admins.
    pub async fn set_org_guardrails(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: SetFleetGuardrailsRequest,
    ) -> Result<FleetGuardrails> {
        let scope = GuardrailScope::Organisation;
        self.set_guardrails(context, caller, scope, request).await
    }

    /// `PUT /v1/org/guardrails/labels/{key}/{value}`
    ///
    /// # Errors
    /// As [`Services::set_org_guardrails`].
    pub async fn set_label_guardrails(
        &self,
        context: &RequestContext,
        caller: &Caller,
        key: &str,
        value: &str,
        request: SetFleetGuardrailsRequest,
    ) -> Result<FleetGuardrails> {
        let scope = label_scope(key, value)?;
        self.set_guardrails(context, caller, scope, request).await
    }

    /// `DELETE /v1/org/guardrails`, and the same for a label.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] if there are none; [`ServiceError::Forbidden`] for all but owners and admins.
    pub async fn remove_guardrails(
        &self,
        context: &RequestContext,
        caller: &Caller,
        label: Option<(&str, &str)>,
    ) -> Result<()> {
        let org = admins_org(caller)?;
        let scope = match label {
            Some((key, value)) => label_scope(key, value)?,
            None => GuardrailScope::Organisation,
        };
        let (kind, label) = words(&scope);
        let event = events::by_caller(
            context,
            caller,
            "org.guardrails.remove",
            "guardrails",
            label.as_deref().unwrap_or(&kind),
        );
        let by = caller.principal();
        self.store
            .set_fleet_guardrails(org, &scope, None, by, event)
            .await?
            .map(|_| ())
            .ok_or(NONE)
    }

    /// `GET /v1/org/guardrails/revisions`
    ///
    /// # Errors
    /// Names the parameter at fault; [`ServiceError::Forbidden`] for agents.
    pub async fn fleet_guardrail_revisions(
        &self,
        caller: &Caller,
        limit: Option<i64>,
        before: Option<i64>,
    ) -> Result<FleetGuardrailRevisionList> {
        let org = caller.human()?.org_id;
        let limit = limit.unwrap_or(PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(ServiceError::field(
                "limit",
                format!("must be from 1 to {MAX_PAGE}"),
            ));
        }
        let revisions = self
            .store
            .guardrail_revisions(org, before.unwrap_or(i64::MAX), limit)
            .await?;
        let last = revisions.last().map_or(1, |change| change.revision);
        let revisions = revisions.into_iter().map(|change| {
            let (scope, label) = words(&change.scope);
            FleetGuardrailRevision {
                revision: change.revision,
                scope,
                label,
                guardrails: change.document,
                changed_by: change.changed_by.to_string(),
                changed_at: time::format(change.changed_at),
                event_id: change.event.to_string(),
            }
        });
        Ok(FleetGuardrailRevisionList {
            revisions: revisions.collect(),
            // They are numbered without gaps, from 1.
            next_before: (last > 1).then_some(last),
        })
    }

    async fn set_guardrails(
        &self,
        context: &RequestContext,
        caller: &Caller,
        scope: GuardrailScope,
        request: SetFleetGuardrailsRequest,
    ) -> Result<FleetGuardrails> {
        let org = admins_org(caller)?;
        let document = Value::Object(fleet_fields(request.fields)?);
        guardrails::check_fleet(&scope, &document, &self.chain_names().await?, context.at)?;
        let (kind, label) = words(&scope);
        let fields: Vec<&String> = document
            .as_object()
            .into_iter()
            .flatten()
            .map(|(k, _)| k)
            .collect();
        let event = events::by_caller(
            context,
            caller,
            "org.guardrails.update",
            "guardrails",
            label.as_deref().unwrap_or(&kind),
        )
        .with_details(json!({"scope": kind, "label": label, "profile_fields": fields}));
        let by = caller.principal();
        let revision = self
            .store
            .set_fleet_guardrails(org, &scope, Some(&document), by, event)
            .await?
            .ok_or(NONE)?;
        Ok(FleetGuardrails {
            scope: kind,
            label,
            guardrails: document,
            revision,
            updated_by: Some(by.to_string()),
            updated_at: Some(time::format(context.at)),
        })
    }
}

/// The organisation of an owner or admin.
fn admins_org(caller: &Caller) -> Result<oneclaw_core::ids::OrgId> {
    let human = caller.human()?;
    if caller.is_admin() {
        return Ok(human.org_id);
    }
    Err(ServiceError::Forbidden(
        "only owners or admins of the organisation may change the guardrails of many agents"
            .to_owned(),
    ))
}

fn label_scope(key: &str, value: &str) -> Result<GuardrailScope> {
    Label::new(key, value)
        .map(GuardrailScope::Label)
        .map_err(|e| ServiceError::field("label", e))
}

/// `scope` and `label` on the wire.
fn words(scope: &GuardrailScope) -> (String, Option<String>) {
    match scope {
        GuardrailScope::Organisation => ("organisation".to_owned(), None),
        GuardrailScope::Label(label) => ("label".to_owned(), Some(label.to_string())),
    }
}

fn wire(one: &oneclaw_store::FleetGuardrails) -> FleetGuardrails {
    let (scope, label) = words(&one.scope);
    FleetGuardrails {
        scope,
        label,
        guardrails: one.document.clone(),
        revision: one.revision,
        updated_by: Some(one.updated_by.to_string()),
        updated_at: Some(time::format(one.updated_at)),
    }
}
