//! Tokens that are mailed to an account, and the wishes for them, which are taken down for every address alike.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::UserId;
use uuid::Uuid;

use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Row, Tx, params};
use crate::error::{Result, StoreError};
use crate::leases::{self, Lease};
use crate::mails::{self, NewMail};
use crate::sessions;
use crate::shared_limits::{self, SharedLimit};

/// What a mailed token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPurpose {
    /// Setting a new password.
    NewPassword,
    /// Proving the address.
    ProveEmail,
}

impl TokenPurpose {
    /// The word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewPassword => "new_password",
            Self::ProveEmail => "prove_email",
        }
    }
}

impl FromStr for TokenPurpose {
    type Err = StoreError;

    fn from_str(word: &str) -> Result<Self> {
        [Self::NewPassword, Self::ProveEmail]
            .into_iter()
            .find(|purpose| purpose.as_str() == word)
            .ok_or_else(|| StoreError::Corrupt("there is a token of an unknown purpose".to_owned()))
    }
}

/// A token that is mailed. It works once.
#[derive(Clone, PartialEq, Eq)]
pub struct MailedToken {
    /// Keyed hash of the token.
    pub hash: Vec<u8>,
    /// Whose it is.
    pub user_id: UserId,
    /// What it is good for.
    pub purpose: TokenPurpose,
    /// The address it is mailed to.
    pub email: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is good for nothing.
    pub expires_at: Timestamp,
}

impl fmt::Debug for MailedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailedToken")
            .field("user_id", &self.user_id)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// A wish for a token, for an address that may or may not be that of an account.
#[derive(Clone, PartialEq, Eq)]
pub struct MailRequest {
    /// Its id.
    pub id: Uuid,
    /// What the token is to be good for.
    pub purpose: TokenPurpose,
    /// The address.
    pub email: String,
    /// Where the wish came from.
    pub client: IpAddr,
    /// When.
    pub created_at: Timestamp,
}

impl fmt::Debug for MailRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailRequest")
            .field("id", &self.id)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

impl MailRequest {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            purpose: row.parsed("purpose")?,
            email: row.text("email")?,
            client: row.parsed("client")?,
            created_at: row.time("created_at")?,
        })
    }
}

impl Store {
    /// Takes a wish down, within limits; the same work is done whatever the address is. Answers the milliseconds to wait
    /// when a limit is reached.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn request_mail(
        &self,
        request: &MailRequest,
        limits: &[SharedLimit],
    ) -> Result<Option<i64>> {
        let mut tx = self.db.begin().await?;
        let wait = shared_limits::take(&mut tx, limits, request.created_at).await?;
        if wait.is_none() {
            tx.execute_one(
                "INSERT INTO mail_requests (id, purpose, email, client, created_at) VALUES ($1, $2, $3, $4, $5)",
                params![
                    request.id,
                    request.purpose.as_str(),
                    &request.email,
                    request.client.to_string(),
                    request.created_at
                ],
            )
            .await?;
        }
        tx.commit().await?;
        Ok(wait)
    }

    /// Wishes that nobody has looked into, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn mail_requests(&self, limit: i64) -> Result<Vec<MailRequest>> {
        let rows = self
            .db
            .all(
                "SELECT id, purpose, email, client, created_at FROM mail_requests ORDER BY created_at, id LIMIT $1",
                params![limit],
            )
            .await?;
        rows.iter().map(MailRequest::from_row).collect()
    }

    /// Grants a wish, or drops it when there is nothing to grant.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `lease` when another server does this now.
    pub async fn answer_mail_request(
        &self,
        lease: &Lease,
        id: Uuid,
        grant: Option<(MailedToken, NewMail, NewEvent)>,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        leases::hold(&mut tx, lease).await?;
        tx.execute_one("DELETE FROM mail_requests WHERE id = $1", params![id])
            .await?;
        match grant {
            None => tx.commit().await,
            Some((token, mail, event)) => {
                put_token(&mut tx, &token).await?;
                self.finish_with_mail(tx, &[event], &[mail]).await
            }
        }
    }

    /// The human whose token this is, if it is still good.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn mailed_token(
        &self,
        hash: &[u8],
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<UserId>> {
        let row = self
            .db
            .optional(
                "SELECT user_id FROM mailed_tokens WHERE hash = $1 AND purpose = $2 AND expires_at > $3",
                params![hash, purpose.as_str(), now],
            )
            .await?;
        row.map(|row| row.parsed("user_id")).transpose()
    }

    /// Uses a token up and sets a new password. Every session ends, and so does every other token for a new password; the
    /// address is proved, for the token was mailed to it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the token is not good any more.
    pub async fn reset_password(
        &self,
        hash: &[u8],
        password_hash: &str,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let (user, email) = use_up(&mut tx, hash, TokenPurpose::NewPassword, event.at).await?;
        tx.execute_one(
            "UPDATE users SET password_hash = $2 WHERE id = $1",
            params![user, password_hash],
        )
        .await?;
        prove(&mut tx, user, &email).await?;
        sessions::revoke_all(&mut tx, user, event.at).await?;
        self.finish(tx, &[event]).await
    }

    /// Uses a token up and takes the address it was mailed to for proved.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the token is not good any more.
    pub async fn prove_email(&self, hash: &[u8], event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let (user, email) = use_up(&mut tx, hash, TokenPurpose::ProveEmail, event.at).await?;
        prove(&mut tx, user, &email).await?;
        self.finish(tx, &[event]).await
    }
}

/// Stores a token in place of those that the account has for the same purpose.
pub(crate) async fn put_token(tx: &mut Tx, token: &MailedToken) -> Result<()> {
    forget(tx, token.user_id, token.purpose).await?;
    tx.execute_one(
        "INSERT INTO mailed_tokens (hash, user_id, purpose, email, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![
            token.hash.clone(),
            token.user_id,
            token.purpose.as_str(),
            &token.email,
            token.created_at,
            token.expires_at
        ],
    )
    .await
}

/// Queues the mail that carries a token, and stores the token, inside a transaction.
pub(crate) async fn mail_token(tx: &mut Tx, (token, mail): &(MailedToken, NewMail)) -> Result<()> {
    put_token(tx, token).await?;
    mails::queue(tx, std::slice::from_ref(mail)).await
}

async fn use_up(
    tx: &mut Tx,
    hash: &[u8],
    purpose: TokenPurpose,
    now: Timestamp,
) -> Result<(UserId, String)> {
    let row = tx
        .one(
            "DELETE FROM mailed_tokens WHERE hash = $1 AND purpose = $2 AND expires_at > $3 \
             RETURNING user_id, email",
            params![hash, purpose.as_str(), now],
        )
        .await?;
    let user = row.parsed("user_id")?;
    forget(tx, user, purpose).await?;
    Ok((user, row.text("email")?))
}

async fn forget(tx: &mut Tx, user: UserId, purpose: TokenPurpose) -> Result<()> {
    tx.execute(
        "DELETE FROM mailed_tokens WHERE user_id = $1 AND purpose = $2",
        params![user, purpose.as_str()],
    )
    .await
    .map(|_| ())
}

/// An address that was changed in the meantime is not proved.
async fn prove(tx: &mut Tx, user: UserId, email: &str) -> Result<()> {
    tx.execute(
        "UPDATE users SET email_verified = $3 WHERE id = $1 AND email = $2",
        params![user, email, true],
    )
    .await
    .map(|_| ())
}
