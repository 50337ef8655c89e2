//! Webhooks, and what is to be delivered to them. The audit trail is the queue: each webhook has a cursor in it, and the
//! deliveries of a stretch of the trail are stored together with the cursor's move over it.

mod deliveries;

use std::fmt;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, UserId};
use uuid::Uuid;

use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Row, params};
use crate::error::{Result, StoreError};

pub use deliveries::{AttemptOutcome, Delivery, DeliveryState};

/// Most webhooks of one organisation.
pub const MAX_WEBHOOKS: i64 = 50;

/// A webhook.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub org_id: OrgId,
    /// Where events go.
    pub url: String,
    /// Which events: names, `agent.*`, or `*`.
    pub events: Vec<String>,
    /// For humans.
    pub description: String,
    /// The secret that deliveries are signed with, sealed.
    pub sealed_secret: Vec<u8>,
    /// The secret before it, sealed, and until when deliveries are signed with it as well.
    pub old_secret: Option<(Vec<u8>, Timestamp)>,
    /// Whether events go there.
    pub is_active: bool,
    /// Deliveries given up in a row.
    pub failures: i64,
    /// Why the server switched it off, if it did.
    pub disabled_reason: Option<String>,
    /// The last event of the trail that was looked at.
    pub cursor: i64,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("id", &self.id)
            .field("org_id", &self.org_id)
            .field("is_active", &self.is_active)
            .finish_non_exhaustive()
    }
}

macro_rules! webhook_columns {
    () => {
        "id, org_id, url, events, description, sealed_secret, old_sealed_secret, old_secret_until, \
         is_active, failures, disabled_reason, event_cursor, created_by, created_at, updated_at"
    };
}

use webhook_columns;

impl Webhook {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            url: row.text("url")?,
            events: row.json("events")?,
            description: row.text("description")?,
            sealed_secret: row.bytes("sealed_secret")?,
            old_secret: row
                .opt_bytes("old_sealed_secret")?
                .zip(row.opt_time("old_secret_until")?),
            is_active: row.bool("is_active")?,
            failures: row.int("failures")?,
            disabled_reason: row.opt_text("disabled_reason")?,
            cursor: row.int("event_cursor")?,
            created_by: row.parsed("created_by")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

fn events_text(events: &[String]) -> Result<String> {
    serde_json::to_string(events).map_err(|e| StoreError::Corrupt(e.to_string()))
}

impl Store {
    /// Stores a webhook. It is told of what comes after the last event of the trail as it is now.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `webhooks` when there are too many.
    pub async fn create_webhook(&self, webhook: &Webhook, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        crate::members::lock(&mut tx, webhook.org_id).await?;
        let count = tx
            .one(
                "SELECT count(*) AS n FROM webhooks WHERE org_id = $1",
                params![webhook.org_id],
            )
            .await?;
        if count.int("n")? >= MAX_WEBHOOKS {
            return Err(StoreError::Conflict("webhooks"));
        }
        tx.execute_one(
            "INSERT INTO webhooks (id, org_id, url, events, description, sealed_secret, is_active, \
             failures, disabled_reason, event_cursor, created_by, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 0, NULL, \
             coalesce((SELECT seq FROM audit_heads WHERE org_id = $2), 0), $8, $9, $10)",
            params![
                webhook.id,
                webhook.org_id,
                &webhook.url,
                events_text(&webhook.events)?,
                &webhook.description,
                webhook.sealed_secret.as_slice(),
                webhook.is_active,
                webhook.created_by,
                webhook.created_at,
                webhook.updated_at
            ],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// Stores what can be changed of a webhook that was last changed at `before`. One that is switched on again begins at
    /// the end of the trail.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is gone or has changed since.
    pub async fn update_webhook(
        &self,
        webhook: &Webhook,
        before: Timestamp,
        event: NewEvent,
    ) -> Result<()> {
        let (old_secret, old_until) = webhook.old_secret.clone().unzip();
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE webhooks SET url = $3, events = $4, description = $5, sealed_secret = $6, \
             old_sealed_secret = $7, old_secret_until = $8, failures = $9, disabled_reason = $10, \
             updated_at = $11, event_cursor = CASE WHEN $12 AND NOT is_active \
             THEN coalesce((SELECT seq FROM audit_heads WHERE org_id = $2), 0) ELSE event_cursor END, \
             is_active = $12 WHERE id = $1 AND org_id = $2 AND updated_at = $13",
            params![
                webhook.id,
                webhook.org_id,
                &webhook.url,
                events_text(&webhook.events)?,
                &webhook.description,
                webhook.sealed_secret.as_slice(),
                old_secret,
                old_until,
                webhook.failures,
                webhook.disabled_reason.clone(),
                webhook.updated_at,
                webhook.is_active,
                before
            ],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// Removes a webhook with what was to be delivered to it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_webhook(&self, org: OrgId, id: Uuid, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "DELETE FROM webhooks WHERE id = $1 AND org_id = $2",
            params![id, org],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// The webhooks of an organisation, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn webhooks(&self, org: OrgId) -> Result<Vec<Webhook>> {
        const SQL: &str = concat!(
            "SELECT ",
            webhook_columns!(),
            " FROM webhooks WHERE org_id = $1 ORDER BY created_at, id"
        );
        let rows = self.db.all(SQL, params![org]).await?;
        rows.iter().map(Webhook::from_row).collect()
    }

    /// A webhook.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn webhook(&self, org: OrgId, id: Uuid) -> Result<Option<Webhook>> {
        const SQL: &str = concat!(
            "SELECT ",
            webhook_columns!(),
            " FROM webhooks WHERE id = $1 AND org_id = $2"
        );
        self.db
            .optional(SQL, params![id, org])
            .await?
            .as_ref()
            .map(Webhook::from_row)
            .transpose()
    }
}
