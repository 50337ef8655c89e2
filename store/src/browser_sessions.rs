//! Sign-ins by browser, which end on the server and not only in the cookie.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::UserId;

use crate::Store;
use crate::audit::NewEvent;
use crate::db::params;
use crate::error::Result;

impl Store {
    /// Stores a sign-in by browser under the keyed hash of its cookie.
    ///
    /// # Errors
    /// [`crate::StoreError::NotFound`] when the human is gone.
    pub async fn put_browser_session(
        &self,
        hash: &[u8],
        user: UserId,
        expires_at: Timestamp,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "INSERT INTO browser_sessions (hash, user_id, created_at, expires_at) \
             VALUES ($1, $2, $3, $4)",
            params![hash, user, event.at, expires_at],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// Ends one sign-in by browser. Ending it twice is no error, and is recorded twice.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn end_browser_session(&self, hash: &[u8], event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "DELETE FROM browser_sessions WHERE hash = $1",
            params![hash],
        )
        .await?;
        self.finish(tx, &[event]).await
    }
}
