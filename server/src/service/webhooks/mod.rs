//! Webhooks: addresses outside that are told what happens in an organisation.

mod deliver;
mod events;

use oneclaw_core::api::{
    CreateWebhookRequest, RotateWebhookSecretRequest, UpdateWebhookRequest, Webhook as WebhookBody,
    WebhookDelivery, WebhookDeliveryList, WebhookList, WebhookWithSecret,
};
use oneclaw_crypto::random;
use oneclaw_outbound::{Reach, refused_literal};
use oneclaw_store::{Delivery, MAX_WEBHOOKS, StoreError, Webhook};
use secrecy::ExposeSecret;
use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::events::{self as audit_events, EventExt};
use super::{Services, check, time};

/// Begins a secret that the server made.
const SECRET_PREFIX: &str = "whsec_";
/// Longest address, in bytes.
const MAX_URL_BYTES: usize = 2048;
/// Deliveries in one answer.
const MAX_LISTED: i64 = 200;
/// How long an old secret counts beside the new one, in seconds, unless somebody says otherwise: a day.
const OVERLAP_SECONDS: i64 = 86_400;
/// Longest overlap, in seconds: a week.
const MAX_OVERLAP_SECONDS: i64 = 7 * 86_400;

const NO_WEBHOOK: ServiceError = ServiceError::NotFound("no such webhook");

impl Services {
    /// `POST /v1/webhooks`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for all but owners and admins; names the field at fault; [`ServiceError::Conflict`]
    /// when there are too many.
    pub async fn create_webhook(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: &CreateWebhookRequest,
    ) -> Result<WebhookWithSecret> {
        let admin = caller.admin()?;
        let secret = self.webhook_secret(request.secret.as_deref())?;
        let id = random::new_id();
        let webhook = Webhook {
            id,
            org_id: admin.org_id,
            url: self.webhook_url(&request.url)?,
            events: events::check(&request.events)?,
            description: check::description(
                "description",
                request.description.as_deref().unwrap_or_default(),
            )?,
            sealed_secret: self.seal_webhook_secret(id, &secret)?,
            old_secret: None,
            is_active: true,
            failures: 0,
            disabled_reason: None,
            cursor: 0,
            created_by: admin.id,
            created_at: context.at,
            updated_at: context.at,
        };
        let event = audit_events::by_caller(context, caller, "webhook.create", "webhook", id)
            .with_details(details(&webhook));
        match self.store.create_webhook(&webhook, event).await {
            Err(StoreError::Conflict("webhooks")) => {
                return Err(ServiceError::Conflict(format!(
                    "an organisation has at most {MAX_WEBHOOKS} webhooks"
                )));
            }
            other => other?,
        }
        Ok(WebhookWithSecret {
            webhook: wire(&webhook),
            secret,
        })
    }

    /// The secret that somebody brings, or a new one.
    fn webhook_secret(&self, given: Option<&str>) -> Result<String> {
        match given.filter(|text| !text.is_empty()) {
            Some(text) if (16..=255).contains(&text.len()) => Ok(text.to_owned()),
            Some(_) => Err(ServiceError::field("secret", "must have 16 to 255 bytes")),
            None => {
                let key = self.keys.hasher().generate(SECRET_PREFIX)?;
                Ok(key.text.expose_secret().to_owned())
            }
        }
    }

    fn seal_webhook_secret(&self, id: Uuid, secret: &str) -> Result<Vec<u8>> {
        self.keys
            .webhooks()
            .seal(id.as_bytes(), secret.as_bytes())
            .map_err(|error| ServiceError::Internal(error.to_string()))
    }

    /// `GET /v1/webhooks`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for all but owners and admins.
    pub async fn list_webhooks(&self, caller: &Caller) -> Result<WebhookList> {
        let webhooks = self.store.webhooks(caller.admin()?.org_id).await?;
        Ok(WebhookList {
            webhooks: webhooks.iter().map(wire).collect(),
        })
    }

    /// `GET /v1/webhooks/{webhook_id}`
    ///
    /// # Errors
    /// As [`Services::list_webhooks`]; [`ServiceError::NotFound`].
    pub async fn get_webhook(&self, caller: &Caller, id: Uuid) -> Result<WebhookBody> {
        Ok(wire(&self.own_webhook(caller, id).await?))
    }

    async fn own_webhook(&self, caller: &Caller, id: Uuid) -> Result<Webhook> {
        let org = caller.admin()?.org_id;
        self.store.webhook(org, id).await?.ok_or(NO_WEBHOOK)
    }

    /// `PATCH /v1/webhooks/{webhook_id}`
    ///
    /// # Errors
    /// As [`Services::create_webhook`]; [`ServiceError::NotFound`].
    pub async fn update_webhook(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: Uuid,
        request: &UpdateWebhookRequest,
    ) -> Result<WebhookBody> {
        let mut webhook = self.own_webhook(caller, id).await?;
        let before = webhook.updated_at;
        if let Some(url) = &request.url {
            webhook.url = self.webhook_url(url)?;
        }
        if let Some(wanted) = &request.events {
            webhook.events = events::check(wanted)?;
        }
        if let Some(text) = &request.description {
            webhook.description = check::description("description", text)?;
        }
        if let Some(is_active) = request.is_active {
            webhook.is_active = is_active;
            webhook.failures = 0;
            webhook.disabled_reason = None;
        }
        webhook.updated_at = context.at;
        let event = audit_events::by_caller(context, caller, "webhook.update", "webhook", id)
            .with_details(details(&webhook));
        let updated = self.store.update_webhook(&webhook, before, event).await;
        updated.map_err(changed)?;
        Ok(wire(&webhook))
    }

    /// `POST /v1/webhooks/{webhook_id}/rotate-secret`: deliveries are signed with both secrets while the old one still
    /// counts.
    ///
    /// # Errors
    /// As [`Services::create_webhook`]; [`ServiceError::NotFound`].
    pub async fn rotate_webhook_secret(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: Uuid,
        request: &RotateWebhookSecretRequest,
    ) -> Result<WebhookWithSecret> {
        let mut webhook = self.own_webhook(caller, id).await?;
        let before = webhook.updated_at;
        let overlap = request.overlap_seconds.unwrap_or(OVERLAP_SECONDS);
        if !(0..=MAX_OVERLAP_SECONDS).contains(&overlap) {
            return Err(ServiceError::field(
                "overlap_seconds",
                format!("must be from 0 to {MAX_OVERLAP_SECONDS}"),
            ));
        }
        let secret = self.webhook_secret(request.secret.as_deref())?;
        let sealed = self.seal_webhook_secret(id, &secret)?;
        let old = std::mem::replace(&mut webhook.sealed_secret, sealed);
        webhook.old_secret = (overlap > 0).then(|| (old, context.at.plus_seconds(overlap)));
        webhook.updated_at = context.at;
        let event =
            audit_events::by_caller(context, caller, "webhook.rotate_secret", "webhook", id)
                .with_details(json!({"overlap_seconds": overlap}));
        let updated = self.store.update_webhook(&webhook, before, event).await;
        updated.map_err(changed)?;
        Ok(WebhookWithSecret {
            webhook: wire(&webhook),
            secret,
        })
    }

    /// `DELETE /v1/webhooks/{webhook_id}`
    ///
    /// # Errors
    /// As [`Services::get_webhook`].
    pub async fn delete_webhook(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: Uuid,
    ) -> Result<()> {
        let webhook = self.own_webhook(caller, id).await?;
        let event = audit_events::by_caller(context, caller, "webhook.delete", "webhook", id)
            .with_details(details(&webhook));
        match self.store.delete_webhook(webhook.org_id, id, event).await {
            Err(StoreError::NotFound) => Err(NO_WEBHOOK),
            other => Ok(other?),
        }
    }

    /// `GET /v1/webhooks/{webhook_id}/deliveries`
    ///
    /// # Errors
    /// As [`Services::get_webhook`].
    pub async fn webhook_deliveries(
        &self,
        caller: &Caller,
        id: Uuid,
        limit: Option<i64>,
    ) -> Result<WebhookDeliveryList> {
        let webhook = self.own_webhook(caller, id).await?;
        let limit = limit.unwrap_or(50).clamp(1, MAX_LISTED);
        let deliveries = self.store.deliveries(webhook.id, limit).await?;
        Ok(WebhookDeliveryList {
            deliveries: deliveries.iter().map(wire_delivery).collect(),
        })
    }

    /// `POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver`
    ///
    /// # Errors
    /// As [`Services::get_webhook`]; [`ServiceError::NotFound`] also for a delivery that is still under way.
    pub async fn redeliver(
        &self,
        context: &RequestContext,
        caller: &Caller,
        (webhook, delivery): (Uuid, Uuid),
    ) -> Result<()> {
        let webhook = self.own_webhook(caller, webhook).await?;
        let event =
            audit_events::by_caller(context, caller, "webhook.redeliver", "webhook", webhook.id)
                .with_details(json!({"delivery": delivery.to_string()}));
        match self.store.redeliver(webhook.id, delivery, event).await {
            Err(StoreError::NotFound) => Err(ServiceError::NotFound(
                "no such delivery, or it is under way",
            )),
            other => Ok(other?),
        }
    }

    /// An address that events may go to. What a name stands for is looked at whenever a connection is made.
    fn webhook_url(&self, text: &str) -> Result<String> {
        let wrong = |message: &str| ServiceError::field("url", message);
        if text.len() > MAX_URL_BYTES {
            return Err(wrong("is longer than 2048 bytes"));
        }
        let url = Url::parse(text.trim())
            .map_err(|_| wrong("must be an address such as `https://example.com/hooks`"))?;
        let reach = self.reach();
        match (url.scheme(), reach) {
            ("https", _) | ("http", Reach::Anywhere) => {}
            _ => return Err(wrong("must begin with `https://`")),
        }
        if !url.has_host() {
            return Err(wrong("must name a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("must not hold a user name or password"));
        }
        if url.fragment().is_some() {
            return Err(wrong("must not hold a `#`"));
        }
        if let Some(refused) = refused_literal(&url, reach) {
            return Err(wrong(&format!(
                "{refused}; an administrator can allow that with the setting `allow_private_targets`"
            )));
        }
        Ok(url.to_string())
    }
}

fn changed(error: StoreError) -> ServiceError {
    match error {
        StoreError::NotFound => ServiceError::Conflict(
            "the webhook has changed in the meantime; look again and repeat".to_owned(),
        ),
        other => other.into(),
    }
}

/// What is recorded: of the address only the host, for the rest may hold a key.
fn details(webhook: &Webhook) -> serde_json::Value {
    let url = Url::parse(&webhook.url).ok();
    json!({
        "host": url.as_ref().and_then(Url::host_str),
        "events": webhook.events,
        "is_active": webhook.is_active,
    })
}

fn wire(webhook: &Webhook) -> WebhookBody {
    WebhookBody {
        id: webhook.id.to_string(),
        url: webhook.url.clone(),
        events: webhook.events.clone(),
        description: webhook.description.clone(),
        is_active: webhook.is_active,
        consecutive_failures: webhook.failures,
        disabled_reason: webhook.disabled_reason.clone(),
        old_secret_until: time::format_option(webhook.old_secret.as_ref().map(|(_, until)| *until)),
        created_at: time::format(webhook.created_at),
        updated_at: time::format(webhook.updated_at),
    }
}

fn wire_delivery(delivery: &Delivery) -> WebhookDelivery {
    WebhookDelivery {
        id: delivery.id.to_string(),
        event_id: delivery.event_id.to_string(),
        event_type: delivery.event_type.clone(),
        state: delivery.state.as_str().to_owned(),
        attempts: delivery.attempts,
        next_attempt_at: delivery.due_at.map(time::format),
        last_status: delivery.last_status,
        last_error: delivery.last_error.clone(),
        created_at: time::format(delivery.created_at),
        finished_at: delivery.finished_at.map(time::format),
    }
}
