//! What is to be delivered to webhooks, and what became of it.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::EventId;
use uuid::Uuid;

use super::{Webhook, webhook_columns};
use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Row, params};
use crate::error::{Result, StoreError};

/// Longest reason that is kept, in characters.
const MAX_ERROR_CHARACTERS: usize = 300;

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// To be tried, or tried again.
    Pending,
    /// The target took it.
    Delivered,
    /// Not tried any more.
    GivenUp,
}

impl DeliveryState {
    /// The word on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }
}

impl std::str::FromStr for DeliveryState {
    type Err = StoreError;

    fn from_str(word: &str) -> Result<Self> {
        [Self::Pending, Self::Delivered, Self::GivenUp]
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| StoreError::Corrupt("a delivery is in an unknown state".to_owned()))
    }
}

/// One event for one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id: the same for every attempt.
    pub id: Uuid,
    /// Where it goes.
    pub webhook_id: Uuid,
    /// What it tells of.
    pub event_id: EventId,
    /// Name of the event.
    pub event_type: String,
    /// What is sent.
    pub body: String,
    /// What became of it.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next.
    pub due_at: Option<Timestamp>,
    /// HTTP status of the last answer.
    pub last_status: Option<i64>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When the event was found.
    pub created_at: Timestamp,
    /// When it was delivered or given up.
    pub finished_at: Option<Timestamp>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptOutcome {
    /// What becomes of the delivery.
    pub state: DeliveryState,
    /// When it is tried again, if it is.
    pub due_at: Option<Timestamp>,
    /// HTTP status of the answer, if there was one.
    pub status: Option<i64>,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// When.
    pub at: Timestamp,
}

macro_rules! delivery_columns {
    () => {
        "id, webhook_id, event_id, event_type, body, state, attempts, due_at, last_status, last_error, \
         created_at, finished_at"
    };
}

impl Delivery {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            webhook_id: row.parsed("webhook_id")?,
            event_id: row.parsed("event_id")?,
            event_type: row.text("event_type")?,
            body: row.text("body")?,
            state: row.parsed("state")?,
            attempts: row.int("attempts")?,
            due_at: row.opt_time("due_at")?,
            last_status: row.opt_int("last_status")?,
            last_error: row.opt_text("last_error")?,
            created_at: row.time("created_at")?,
            finished_at: row.opt_time("finished_at")?,
        })
    }
}

impl Store {
    /// Whether there is an event that a webhook has not looked at, or a delivery that is due.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn has_webhook_work(&self, now: Timestamp) -> Result<bool> {
        let row = self
            .db
            .one(
                "SELECT EXISTS (SELECT 1 FROM webhooks w JOIN audit_heads h ON h.org_id = w.org_id \
                 WHERE w.is_active AND h.seq > w.event_cursor) OR EXISTS (SELECT 1 FROM webhook_deliveries \
                 WHERE due_at <= $1) AS is_waiting",
                params![now],
            )
            .await?;
        row.bool("is_waiting")
    }

    /// Webhooks with events before them that they have not looked at; not those that have `backlog` deliveries waiting.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn webhooks_behind(&self, backlog: i64) -> Result<Vec<Webhook>> {
        const SQL: &str = concat!(
            "SELECT ",
            webhook_columns!(),
            " FROM webhooks w WHERE w.is_active AND w.event_cursor < \
             (SELECT h.seq FROM audit_heads h WHERE h.org_id = w.org_id) AND $1 > \
             (SELECT count(*) FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.due_at IS NOT NULL) \
             ORDER BY w.org_id, w.id LIMIT 1000"
        );
        let rows = self.db.all(SQL, params![backlog]).await?;
        rows.iter().map(Webhook::from_row).collect()
    }

    /// Stores the deliveries of a stretch of the trail, and moves the webhook's cursor over it. Of two servers that do so at
    /// a time one succeeds.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the cursor is elsewhere by now.
    pub async fn advance_webhook(
        &self,
        webhook: &Webhook,
        to: i64,
        deliveries: &[Delivery],
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE webhooks SET event_cursor = $3 WHERE id = $1 AND event_cursor = $2",
            params![webhook.id, webhook.cursor, to],
        )
        .await?;
        for delivery in deliveries {
            tx.execute(
                "INSERT INTO webhook_deliveries (id, webhook_id, event_id, event_type, body, state, \
                 attempts, due_at, last_status, last_error, created_at, finished_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, 0, $7, NULL, NULL, $8, NULL) \
                 ON CONFLICT (webhook_id, event_id) DO NOTHING",
                params![
                    delivery.id,
                    delivery.webhook_id,
                    delivery.event_id,
                    &delivery.event_type,
                    &delivery.body,
                    delivery.state.as_str(),
                    delivery.due_at,
                    delivery.created_at
                ],
            )
            .await?;
        }
        tx.commit().await
    }

    /// Deliveries that are due, at most `limit`, and at most `each` to one webhook: those that are due longest, and the first
    /// one of each webhook before the second one of any.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn due_deliveries(
        &self,
        now: Timestamp,
        each: i64,
        limit: i64,
    ) -> Result<Vec<Delivery>> {
        const SQL: &str = concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM (SELECT d.*, row_number() OVER \
             (PARTITION BY webhook_id ORDER BY due_at, created_at, id) AS turn \
             FROM webhook_deliveries d WHERE due_at <= $1) due \
             WHERE turn <= $2 ORDER BY turn, due_at, id LIMIT $3"
        );
        let rows = self.db.all(SQL, params![now, each, limit]).await?;
        rows.iter().map(Delivery::from_row).collect()
    }

    /// The webhook that a delivery goes to, whoever's it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn webhook_of(&self, delivery: &Delivery) -> Result<Option<Webhook>> {
        const SQL: &str = concat!(
            "SELECT ",
            webhook_columns!(),
            " FROM webhooks WHERE id = $1"
        );
        self.db
            .optional(SQL, params![delivery.webhook_id])
            .await?
            .as_ref()
            .map(Webhook::from_row)
            .transpose()
    }

    /// Writes down how an attempt ended. A webhook that gave nothing but failures is switched off after `most` in a row.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the delivery is gone, or another server has written down an attempt in the meantime.
    pub async fn finish_attempt(
        &self,
        delivery: &Delivery,
        outcome: &AttemptOutcome,
        most: i64,
        switched_off: Option<NewEvent>,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let finished = (outcome.state != DeliveryState::Pending).then_some(outcome.at);
        let error = outcome
            .error
            .as_ref()
            .map(|text| text.chars().take(MAX_ERROR_CHARACTERS).collect::<String>());
        tx.execute_one(
            "UPDATE webhook_deliveries SET state = $2, attempts = attempts + 1, due_at = $3, \
             last_status = $4, last_error = $5, finished_at = $6 \
             WHERE id = $1 AND attempts = $7 AND due_at IS NOT NULL",
            params![
                delivery.id,
                outcome.state.as_str(),
                outcome.due_at,
                outcome.status,
                error,
                finished,
                delivery.attempts
            ],
        )
        .await?;
        let mut events = Vec::new();
        match outcome.state {
            DeliveryState::Pending => {}
            DeliveryState::Delivered => {
                tx.execute(
                    "UPDATE webhooks SET failures = 0 WHERE id = $1 AND failures > 0",
                    params![delivery.webhook_id],
                )
                .await?;
            }
            DeliveryState::GivenUp => {
                tx.execute(
                    "UPDATE webhooks SET failures = failures + 1 WHERE id = $1",
                    params![delivery.webhook_id],
                )
                .await?;
                let off = tx
                    .execute(
                        "UPDATE webhooks SET is_active = $2, updated_at = $4, \
                         disabled_reason = 'too many deliveries in a row were given up' \
                         WHERE id = $1 AND failures >= $3 AND is_active",
                        params![delivery.webhook_id, false, most, outcome.at],
                    )
                    .await?;
                if off > 0 {
                    events.extend(switched_off);
                }
            }
        }
        self.finish(tx, &events).await
    }

    /// The deliveries of a webhook, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn deliveries(&self, webhook: Uuid, limit: i64) -> Result<Vec<Delivery>> {
        const SQL: &str = concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM webhook_deliveries WHERE webhook_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2"
        );
        let rows = self.db.all(SQL, params![webhook, limit]).await?;
        rows.iter().map(Delivery::from_row).collect()
    }

    /// Has a delivery that has ended tried once more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none that has ended.
    pub async fn redeliver(&self, webhook: Uuid, delivery: Uuid, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE webhook_deliveries SET state = 'pending', due_at = $3, attempts = 0, finished_at = NULL \
             WHERE id = $2 AND webhook_id = $1 AND due_at IS NULL",
            params![webhook, delivery, event.at],
        )
        .await?;
        self.finish(tx, &[event]).await
    }
}
