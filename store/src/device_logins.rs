//! Programs that wait for a human to sign them in (RFC 8628).

use std::net::IpAddr;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::UserId;

use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Row, params};
use crate::error::{Result, StoreError};

/// Most logins that wait at a time. Arbitrary: a bound on what strangers can make the server keep.
const MAX_WAITING: i64 = 10_000;
/// How much longer a program has to wait after it asked too soon, in milliseconds (RFC 8628 §3.5).
const SLOWER_MS: i64 = 5_000;
/// How much too soon is not held against a program whose timer is not exact, in milliseconds.
const TOLERANCE_MS: i64 = 500;

/// What a human has said to a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceState {
    /// Nothing yet.
    Waiting,
    /// Yes.
    Approved,
    /// No.
    Denied,
}

impl DeviceState {
    /// The word in the database and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
        }
    }
}

impl std::str::FromStr for DeviceState {
    type Err = StoreError;

    fn from_str(word: &str) -> Result<Self> {
        [Self::Waiting, Self::Approved, Self::Denied]
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| StoreError::Corrupt("a device login is in an unknown state".to_owned()))
    }
}

/// A program that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceLogin {
    /// What the human types, without a dash.
    pub user_code: String,
    /// What the program calls itself.
    pub client_id: String,
    /// The account that the program asked for, if it did.
    pub email: Option<String>,
    /// Where it asked from.
    pub ip: IpAddr,
    /// What the human has said.
    pub state: DeviceState,
    /// Who has approved.
    pub user_id: Option<UserId>,
    /// When it asked.
    pub created_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
}

/// The answer to a program that asks how it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DevicePoll {
    /// Never asked for, expired, or taken already.
    Unknown,
    /// Not yet.
    Waiting,
    /// Not yet, and asked too soon: from now on more slowly.
    TooSoon,
    /// The human said no.
    Denied,
    /// The human said yes. Still to be taken.
    Approved(UserId),
}

impl DeviceLogin {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            user_code: row.text("user_code")?,
            client_id: row.text("client_id")?,
            email: row.opt_text("email")?,
            ip: row.parsed("ip")?,
            state: row.parsed("state")?,
            user_id: row.opt_parsed("user_id")?,
            created_at: row.time("created_at")?,
            expires_at: row.time("expires_at")?,
        })
    }
}

impl Store {
    /// Stores a program that waits, which asks every `interval_ms` milliseconds.
    ///
    /// # Errors
    /// [`StoreError::Conflict`]: `user_code` when it is taken, `device logins` when too many wait.
    pub async fn put_device_login(
        &self,
        hash: &[u8],
        login: &DeviceLogin,
        interval_ms: i64,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let waiting = tx
            .one(
                "SELECT count(*) AS n FROM device_logins WHERE expires_at > $1",
                params![login.created_at],
            )
            .await?;
        if waiting.int("n")? >= MAX_WAITING {
            return Err(StoreError::Conflict("device logins"));
        }
        tx.execute_one(
            "INSERT INTO device_logins (hash, user_code, client_id, email, ip, state, user_id, \
             interval_ms, polled_at, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, NULL, $8, $9)",
            params![
                hash,
                &login.user_code,
                &login.client_id,
                login.email.clone(),
                login.ip.to_string(),
                login.state.as_str(),
                interval_ms,
                login.created_at,
                login.expires_at,
            ],
        )
        .await
        .map_err(|e| e.duplicate_is("user_code"))?;
        tx.commit().await
    }

    /// The program with this code for the human, if its time is not over.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn device_login(
        &self,
        user_code: &str,
        now: Timestamp,
    ) -> Result<Option<DeviceLogin>> {
        self.db
            .optional(
                "SELECT user_code, client_id, email, ip, state, user_id, created_at, expires_at \
                 FROM device_logins WHERE user_code = $1 AND expires_at > $2",
                params![user_code, now],
            )
            .await?
            .as_ref()
            .map(DeviceLogin::from_row)
            .transpose()
    }

    /// Writes down what a human says to a program, once.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when nothing waits under this code any more.
    pub async fn decide_device_login(
        &self,
        user_code: &str,
        user: UserId,
        state: DeviceState,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "UPDATE device_logins SET state = $3, user_id = $2 \
             WHERE user_code = $1 AND state = 'pending' AND expires_at > $4",
            params![user_code, user, state.as_str(), event.at],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// How a program stands that shows the code with this hash. Also notes that it has asked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn poll_device_login(&self, hash: &[u8], now: Timestamp) -> Result<DevicePoll> {
        let mut tx = self.db.begin().await?;
        let row = tx
            .optional(
                "UPDATE device_logins SET interval_ms = interval_ms WHERE hash = $1 AND expires_at > $2 \
                 RETURNING state, user_id, interval_ms, polled_at",
                params![hash, now],
            )
            .await?;
        let Some(row) = row else {
            return Ok(DevicePoll::Unknown);
        };
        match (row.parsed("state")?, row.opt_parsed("user_id")?) {
            (DeviceState::Approved, Some(user)) => return Ok(DevicePoll::Approved(user)),
            (DeviceState::Denied, _) => return Ok(DevicePoll::Denied),
            _ => {}
        }
        let interval = row.int("interval_ms")?;
        let too_soon = row.opt_int("polled_at")?.is_some_and(|last| {
            now.as_millis() < last.saturating_add(interval).saturating_sub(TOLERANCE_MS)
        });
        let slower = if too_soon { SLOWER_MS } else { 0 };
        tx.execute_one(
            "UPDATE device_logins SET polled_at = $2, interval_ms = interval_ms + $3 WHERE hash = $1",
            params![hash, now, slower],
        )
        .await?;
        tx.commit().await?;
        Ok(if too_soon {
            DevicePoll::TooSoon
        } else {
            DevicePoll::Waiting
        })
    }

    /// Takes an approval, once: of any number of attempts at a time one succeeds.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it was taken already.
    pub async fn take_device_login(&self, hash: &[u8], event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "DELETE FROM device_logins WHERE hash = $1 AND state = 'approved' AND expires_at > $2",
            params![hash, event.at],
        )
        .await?;
        self.finish(tx, &[event]).await
    }
}
