//! Mails that wait to be sent. They are queued in the transaction of the change that causes them, so that there is never one
//! without the other, and they are wiped once they were handed over.

use std::fmt;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::OrgId;
use uuid::Uuid;

use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Row, Tx, params};
use crate::error::Result;
use crate::leases::{self, Lease};

/// Longest reason that is kept, in characters.
const MAX_ERROR_CHARACTERS: usize = 500;

/// A mail to be queued. Its text is sealed already: it may hold a key.
#[derive(Clone, PartialEq, Eq)]
pub struct NewMail {
    /// Its id; the text is bound to it.
    pub id: Uuid,
    /// The organisation it is about, if it is about one.
    pub org_id: Option<OrgId>,
    /// The address it goes to.
    pub recipient: String,
    /// Subject and text.
    pub sealed: Vec<u8>,
    /// When it was queued.
    pub queued_at: Timestamp,
}

impl fmt::Debug for NewMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewMail")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A mail that waits.
#[derive(Clone, PartialEq, Eq)]
pub struct WaitingMail {
    /// What was queued.
    pub mail: NewMail,
    /// How often it was tried.
    pub attempts: i64,
}

impl fmt::Debug for WaitingMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitingMail")
            .field("id", &self.mail.id)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

impl WaitingMail {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            mail: NewMail {
                id: row.parsed("id")?,
                org_id: row.opt_parsed("org_id")?,
                recipient: row.text("recipient")?,
                sealed: row.bytes("sealed")?,
                queued_at: row.time("queued_at")?,
            },
            attempts: row.int("attempts")?,
        })
    }
}

/// How many mails are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailCounts {
    /// Waiting to be sent.
    pub waiting: i64,
    /// Handed over.
    pub sent: i64,
    /// Given up.
    pub given_up: i64,
}

impl Store {
    /// Queues mails that no other change goes with.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn queue_mails(&self, mails: &[NewMail], events: &[NewEvent]) -> Result<()> {
        let tx = self.db.begin().await?;
        self.finish_with_mail(tx, events, mails).await
    }

    /// Whether a mail is due.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn has_due_mail(&self, now: Timestamp) -> Result<bool> {
        let row = self
            .db
            .optional(
                "SELECT id FROM mails WHERE due_at <= $1 LIMIT 1",
                params![now],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Mails that are due, in the order in which they became it.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn due_mails(&self, now: Timestamp, limit: i64) -> Result<Vec<WaitingMail>> {
        let rows = self
            .db
            .all(
                "SELECT id, org_id, recipient, sealed, queued_at, attempts FROM mails \
                 WHERE due_at <= $1 AND sealed IS NOT NULL ORDER BY due_at, queued_at, id LIMIT $2",
                params![now, limit],
            )
            .await?;
        rows.iter().map(WaitingMail::from_row).collect()
    }

    /// A mail was handed over: its text is wiped.
    ///
    /// # Errors
    /// [`crate::StoreError::Conflict`] `lease` when another server sends mails now.
    pub async fn settle_mail(&self, lease: &Lease, id: Uuid, at: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        leases::hold(&mut tx, lease).await?;
        tx.execute_one(
            "UPDATE mails SET sealed = NULL, due_at = NULL, sent_at = $2, attempts = attempts + 1, \
             last_error = NULL WHERE id = $1 AND due_at IS NOT NULL",
            params![id, at],
        )
        .await?;
        tx.commit().await
    }

    /// A mail was not handed over and is to be tried again.
    ///
    /// # Errors
    /// As [`Store::settle_mail`].
    pub async fn postpone_mail(
        &self,
        lease: &Lease,
        id: Uuid,
        due_at: Timestamp,
        reason: &str,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        leases::hold(&mut tx, lease).await?;
        tx.execute_one(
            "UPDATE mails SET due_at = $2, attempts = attempts + 1, last_error = $3 \
             WHERE id = $1 AND due_at IS NOT NULL",
            params![id, due_at, short(reason)],
        )
        .await?;
        tx.commit().await
    }

    /// A mail will not be sent any more: its text is wiped, the reason kept.
    ///
    /// # Errors
    /// As [`Store::settle_mail`].
    pub async fn give_mail_up(
        &self,
        lease: &Lease,
        id: Uuid,
        at: Timestamp,
        reason: &str,
        event: Option<NewEvent>,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        leases::hold(&mut tx, lease).await?;
        tx.execute_one(
            "UPDATE mails SET sealed = NULL, due_at = NULL, given_up_at = $2, attempts = attempts + 1, \
             last_error = $3 WHERE id = $1 AND due_at IS NOT NULL",
            params![id, at, short(reason)],
        )
        .await?;
        self.finish(tx, event.as_slice()).await
    }

    /// How many mails are where.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn count_mails(&self) -> Result<MailCounts> {
        let row = self
            .db
            .one(
                "SELECT count(due_at) AS waiting, count(sent_at) AS sent, count(given_up_at) AS given_up FROM mails",
                vec![],
            )
            .await?;
        Ok(MailCounts {
            waiting: row.int("waiting")?,
            sent: row.int("sent")?,
            given_up: row.int("given_up")?,
        })
    }
}

/// Queues mails inside a transaction.
pub(crate) async fn queue(tx: &mut Tx, mails: &[NewMail]) -> Result<()> {
    for mail in mails {
        tx.execute_one(
            "INSERT INTO mails (id, org_id, recipient, sealed, queued_at, attempts, due_at) \
             VALUES ($1, $2, $3, $4, $5, 0, $5)",
            params![
                mail.id,
                mail.org_id,
                &mail.recipient,
                mail.sealed.clone(),
                mail.queued_at
            ],
        )
        .await
        .map_err(|e| e.duplicate_is("mail"))?;
    }
    Ok(())
}

/// A reason, bounded; what a mail server says may be anything.
fn short(reason: &str) -> String {
    reason
        .chars()
        .filter(|c| *c != '\0')
        .take(MAX_ERROR_CHARACTERS)
        .collect()
}
