//! From the audit trail to the targets. At least once: a target that took a delivery whose end was not written down any more
//! gets it again, with the same id.

use std::collections::HashSet;
use std::time::Duration;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::EventId;
use oneclaw_crypto::{random, webhook as signature};
use oneclaw_outbound::{Client, SendError, Waits, post};
use oneclaw_store::{
    AttemptOutcome, AuditEvent, Delivery, DeliveryState, NewEvent, StoreError, Webhook,
};
use serde_json::json;
use tokio::task::JoinSet;
use url::Url;
use zeroize::Zeroizing;

use super::super::Services;
use super::super::error::{Result, ServiceError};
use super::events;

/// Events of the trail that are looked at together.
const STRETCH: i64 = 500;
/// A webhook with so many deliveries waiting is not given more: they wait in the trail.
const BACKLOG: i64 = 1_000;
/// Deliveries that are under way to one webhook, so that one that does not answer holds nobody up.
const AT_ONCE_EACH: i64 = 8;
/// Deliveries that are under way in all.
const AT_ONCE: i64 = 64;
/// While deliveries are under way: how often it is looked whether there are more.
const LOOK: Duration = Duration::from_secs(1);
/// Waits of one attempt.
const WAITS: Waits = Waits {
    connect: Duration::from_secs(5),
    request: Duration::from_secs(10),
};
/// After how many seconds a delivery is tried again. After the last, about two days, it is given up.
const PAUSES: [i64; 9] = [10, 30, 120, 600, 1800, 7200, 21_600, 43_200, 86_400];
/// Deliveries given up in a row until the server switches a webhook off.
const MOST_FAILURES: i64 = 20;
const SWITCHED_OFF: &str = "the webhook is switched off";

/// What was sent, and what came of it: the status, or why there is none and a sentence about it.
struct Attempt {
    delivery: Delivery,
    webhook: Webhook,
    outcome: std::result::Result<u16, (Option<u16>, String)>,
}

impl Services {
    /// Whether there is anything to be done for webhooks.
    ///
    /// # Errors
    /// What the database says.
    pub async fn has_webhook_work(&self) -> Result<bool> {
        Ok(self.store.has_webhook_work(self.clock.now()).await?)
    }

    /// Finds new events in the trails and delivers what is due, until nothing is due any more.
    ///
    /// # Errors
    /// What the database says.
    pub async fn tend_webhooks(&self) -> Result<()> {
        let client = oneclaw_outbound::client(self.reach(), WAITS)
            .map_err(|error| ServiceError::Internal(error.to_string()))?;
        let mut known = HashSet::new();
        let mut under_way = JoinSet::new();
        loop {
            for webhook in self.store.webhooks_behind(BACKLOG).await? {
                self.look_at_trail(&webhook).await?;
            }
            let now = self.clock.now();
            let due = self.store.due_deliveries(now, AT_ONCE_EACH, AT_ONCE);
            for delivery in due.await? {
                if !known.insert(delivery.id) {
                    continue;
                }
                let Some(webhook) = self.store.webhook_of(&delivery).await? else {
                    continue;
                };
                under_way.spawn(self.attempt(client.clone(), webhook, delivery));
            }
            if under_way.is_empty() {
                return Ok(());
            }
            let first = tokio::time::timeout(LOOK, under_way.join_next()).await;
            let mut ended = first.ok().flatten();
            while let Some(attempt) = ended {
                let attempt = attempt.map_err(|error| ServiceError::Internal(error.to_string()))?;
                self.write_down(&attempt).await?;
                known.remove(&attempt.delivery.id);
                ended = under_way.try_join_next();
            }
        }
    }

    /// Makes deliveries of what a webhook wants to know of the next stretch of its trail.
    async fn look_at_trail(&self, webhook: &Webhook) -> Result<()> {
        let found = self
            .store
            .events_after(webhook.org_id, webhook.cursor, STRETCH)
            .await?;
        let Some(last) = found.last().map(|event| event.seq) else {
            return Ok(());
        };
        let now = self.clock.now();
        let deliveries: Vec<Delivery> = found
            .iter()
            .filter_map(|event| delivery(webhook, event, now))
            .collect();
        match self.store.advance_webhook(webhook, last, &deliveries).await {
            // It was changed or removed since, or another server was quicker.
            Err(StoreError::NotFound) => Ok(()),
            other => Ok(other?),
        }
    }

    /// One attempt, ready to be made beside others.
    fn attempt(
        &self,
        client: Client,
        webhook: Webhook,
        delivery: Delivery,
    ) -> impl Future<Output = Attempt> + Send + use<> {
        let reach = self.reach();
        let at = self.clock.now();
        let ready = self.signed(&webhook, &delivery, at);
        async move {
            let outcome = match ready {
                Err(why) => Err((None, why)),
                Ok((url, signature)) => {
                    let id = delivery.id.to_string();
                    let headers = [
                        ("content-type", "application/json"),
                        ("user-agent", concat!("oneclaw/", env!("CARGO_PKG_VERSION"))),
                        ("x-oneclaw-event", delivery.event_type.as_str()),
                        ("x-oneclaw-delivery", id.as_str()),
                        ("x-oneclaw-signature", signature.as_str()),
                    ];
                    let body = delivery.body.clone().into_bytes();
                    let sent = post(&client, reach, &url, &headers, body).await;
                    sent.map_err(|error| match error {
                        SendError::Status(status @ 300..400) => (
                            Some(status),
                            "it answers with a redirect, and those are not followed".to_owned(),
                        ),
                        SendError::Status(status) => (Some(status), error.to_string()),
                        other => (None, other.to_string()),
                    })
                }
            };
            Attempt {
                delivery,
                webhook,
                outcome,
            }
        }
    }

    /// Where a delivery goes, and its signature; or why it cannot be sent.
    fn signed(
        &self,
        webhook: &Webhook,
        delivery: &Delivery,
        at: Timestamp,
    ) -> std::result::Result<(Url, String), String> {
        if !webhook.is_active {
            return Err(SWITCHED_OFF.to_owned());
        }
        let url = Url::parse(&webhook.url).map_err(|_| "the address cannot be used".to_owned())?;
        let old = webhook.old_secret.as_ref();
        let secrets: Vec<Zeroizing<Vec<u8>>> = std::iter::once(&webhook.sealed_secret)
            .chain(
                old.filter(|(_, until)| at < *until)
                    .map(|(sealed, _)| sealed),
            )
            .map(|sealed| self.keys.webhooks().open(webhook.id.as_bytes(), sealed))
            .collect::<std::result::Result<_, _>>()
            .map_err(|error| error.to_string())?;
        let secrets = secrets.iter().map(|secret| secret.as_slice());
        let signature = signature::sign(secrets, at.as_seconds(), &delivery.body);
        Ok((url, signature))
    }

    async fn write_down(&self, attempt: &Attempt) -> Result<()> {
        let Attempt {
            delivery, webhook, ..
        } = attempt;
        let outcome = outcome(attempt, self.clock.now());
        let switched_off = NewEvent {
            decision: None,
            id: EventId::from_uuid(random::new_id()),
            org_id: webhook.org_id,
            action: "webhook.disable".to_owned(),
            actor_type: "system".to_owned(),
            actor_id: String::new(),
            resource_type: "webhook".to_owned(),
            resource_id: webhook.id.to_string(),
            vault_id: None,
            details: json!({"reason": "too many deliveries in a row were given up"}),
            ip: None,
            at: outcome.at,
        };
        let written = self
            .store
            .finish_attempt(delivery, &outcome, MOST_FAILURES, Some(switched_off))
            .await;
        match written {
            // The webhook was removed while it was told, or another server has told it as well.
            Err(StoreError::NotFound) => Ok(()),
            other => Ok(other?),
        }
    }
}

fn delivery(webhook: &Webhook, event: &AuditEvent, now: Timestamp) -> Option<Delivery> {
    let name = events::name_of(event)?;
    events::wants(&webhook.events, name).then(|| Delivery {
        id: random::new_id(),
        webhook_id: webhook.id,
        event_id: event.id,
        event_type: name.to_owned(),
        body: events::body(event, name).to_string(),
        state: DeliveryState::Pending,
        attempts: 0,
        due_at: Some(now),
        last_status: None,
        last_error: None,
        created_at: now,
        finished_at: None,
    })
}

/// What becomes of a delivery after an attempt.
fn outcome(attempt: &Attempt, at: Timestamp) -> AttemptOutcome {
    let (status, error) = match &attempt.outcome {
        Ok(status) => {
            return AttemptOutcome {
                state: DeliveryState::Delivered,
                due_at: None,
                status: Some((*status).into()),
                error: None,
                at,
            };
        }
        Err((status, error)) => (*status, error.clone()),
    };
    let tried = usize::try_from(attempt.delivery.attempts).unwrap_or(usize::MAX);
    let pause = PAUSES.get(tried).filter(|_| attempt.webhook.is_active);
    AttemptOutcome {
        state: match pause {
            Some(_) => DeliveryState::Pending,
            None => DeliveryState::GivenUp,
        },
        due_at: pause.map(|seconds| at.plus_seconds(*seconds)),
        status: status.map(i64::from),
        error: Some(error),
        at,
    }
}
