//! Records that were kept long enough.

use oneclaw_core::clock::Timestamp;

use crate::Store;
use crate::db::params;
use crate::error::Result;

/// Records that go in one transaction, so that others need not wait for long.
const AT_ONCE: u64 = 1000;

/// How much longer what records share is kept than the records, in milliseconds: more than nodes trust that it is there,
/// and than their clocks may differ.
const SLACK_MS: i64 = 24 * 60 * 60 * 1000;

impl Store {
    /// Removes records from before `cutoff`, and what no other record refers to any more; answers how many records went.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn purge_decisions(&self, cutoff: Timestamp) -> Result<u64> {
        let orgs = self.db.all("SELECT id FROM orgs", vec![]).await?;
        let mut gone = 0_u64;
        for org in orgs {
            let org = org.text("id")?;
            loop {
                let mut tx = self.db.begin().await?;
                let removed = tx
                    .execute(
                        "DELETE FROM decisions WHERE org_id = $1 AND id IN (SELECT id FROM decisions \
                         WHERE org_id = $1 AND at < $2 ORDER BY at, id LIMIT 1000)",
                        params![&org, cutoff],
                    )
                    .await?;
                tx.commit().await?;
                gone = gone.saturating_add(removed);
                if removed < AT_ONCE {
                    break;
                }
            }
        }
        let unused_since = cutoff.plus_millis(-SLACK_MS);
        let mut tx = self.db.begin().await?;
        for sql in [
            "DELETE FROM decision_bases WHERE used_at < $1",
            "DELETE FROM settings_blobs WHERE used_at < $1",
        ] {
            tx.execute(sql, params![unused_since]).await?;
        }
        tx.commit().await?;
        Ok(gone)
    }
}
