//! Agents that ask to be let in.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, EnrollmentId, OrgId, UserId};

use crate::Store;
use crate::agents::{NewAgent, insert_new};
use crate::audit::NewEvent;
use crate::db::{Row, Tx, params};
use crate::error::{Result, StoreError};
use crate::leases::{self, Lease};
use crate::mails::NewMail;
use crate::shared_limits::{self, SharedLimit};

/// Where an enrolment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrollmentStatus {
    /// Nobody has looked whether there is an account with its address.
    Received,
    /// Waits for a human.
    Pending,
    /// Let in.
    Approved,
    /// Not let in.
    Denied,
    /// There is no account with its address.
    Unclaimed,
}

impl EnrollmentStatus {
    const ALL: [Self; 5] = [
        Self::Received,
        Self::Pending,
        Self::Approved,
        Self::Denied,
        Self::Unclaimed,
    ];

    /// The word on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Unclaimed => "unclaimed",
        }
    }
}

impl FromStr for EnrollmentStatus {
    type Err = StoreError;

    fn from_str(word: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == word)
            .ok_or_else(|| StoreError::Corrupt("there is an unknown state of enrolment".to_owned()))
    }
}

/// An agent that asks to be let in.
#[derive(Clone, PartialEq, Eq)]
pub struct Enrollment {
    /// Its id.
    pub id: EnrollmentId,
    /// Keyed hash of the token in its link.
    pub token_hash: Vec<u8>,
    /// The token, sealed, until somebody has looked into it.
    pub sealed_token: Option<Vec<u8>>,
    /// The organisation that decides; none yet for one that has a link alone.
    pub org_id: Option<OrgId>,
    /// The address that it named.
    pub human_email: Option<String>,
    /// What the agent calls itself.
    pub name: String,
    /// What it says about itself.
    pub description: String,
    /// Where it stands.
    pub status: EnrollmentStatus,
    /// Where it asked from.
    pub client: IpAddr,
    /// The agent that was made of it.
    pub agent_id: Option<AgentId>,
    /// Who decided.
    pub decided_by: Option<UserId>,
    /// When that was.
    pub decided_at: Option<Timestamp>,
    /// When it asked.
    pub created_at: Timestamp,
    /// From when on nobody can let it in any more.
    pub expires_at: Timestamp,
}

impl fmt::Debug for Enrollment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrollment")
            .field("id", &self.id)
            .field("org_id", &self.org_id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

macro_rules! enrollment_columns {
    () => {
        "SELECT id, token_hash, sealed_token, org_id, human_email, name, description, status, client, agent_id, \
         decided_by, decided_at, created_at, expires_at FROM enrollments "
    };
}

impl Enrollment {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            token_hash: row.bytes("token_hash")?,
            sealed_token: row.opt_bytes("sealed_token")?,
            org_id: row.opt_parsed("org_id")?,
            human_email: row.opt_text("human_email")?,
            name: row.text("name")?,
            description: row.text("description")?,
            status: row.parsed("status")?,
            client: row.parsed("client")?,
            agent_id: row.opt_parsed("agent_id")?,
            decided_by: row.opt_parsed("decided_by")?,
            decided_at: row.opt_time("decided_at")?,
            created_at: row.time("created_at")?,
            expires_at: row.time("expires_at")?,
        })
    }
}

/// What became of a wish to enrol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrollOutcome {
    /// It was taken down.
    Taken,
    /// Not now: a limit is reached, for so many more milliseconds.
    TooMany(i64),
    /// Not now: too many wait that nobody was named for.
    TooManyLinks,
}

/// A decision on an enrolment.
#[derive(Debug, Clone, Copy)]
pub struct EnrollmentDecision {
    /// Which one.
    pub id: EnrollmentId,
    /// The organisation of whoever decides; one that belongs to nobody yet belongs to it from now on.
    pub org_id: OrgId,
    /// Who decides.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Takes an enrolment down, within limits. The same work is done whatever the address is. No event tells of it: it
    /// belongs to no organisation before it was looked into.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn enroll(
        &self,
        enrollment: &Enrollment,
        limits: &[SharedLimit],
        most_links: i64,
    ) -> Result<EnrollOutcome> {
        let mut tx = self.db.begin().await?;
        let now = enrollment.created_at;
        if let Some(wait_ms) = shared_limits::take(&mut tx, limits, now).await? {
            tx.commit().await?;
            return Ok(EnrollOutcome::TooMany(wait_ms));
        }
        if enrollment.human_email.is_none() {
            // One after the other, so that they are counted exactly.
            let turn = SharedLimit {
                scope: "enroll/turn",
                key: String::new(),
                burst: i64::MAX,
                every_ms: 0,
            };
            shared_limits::take(&mut tx, &[turn], now).await?;
            let waiting = tx
                .one(
                    "SELECT count(*) AS n FROM enrollments \
                     WHERE human_email IS NULL AND status = 'pending' AND expires_at > $1",
                    params![now],
                )
                .await?;
            if waiting.int("n")? >= most_links {
                tx.commit().await?;
                return Ok(EnrollOutcome::TooManyLinks);
            }
        }
        tx.execute_one(
            "INSERT INTO enrollments (id, token_hash, sealed_token, human_email, name, description, status, client, \
             created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            params![
                enrollment.id,
                enrollment.token_hash.clone(),
                enrollment.sealed_token.clone(),
                enrollment.human_email.clone(),
                &enrollment.name,
                &enrollment.description,
                enrollment.status.as_str(),
                enrollment.client.to_string(),
                enrollment.created_at,
                enrollment.expires_at
            ],
        )
        .await?;
        tx.commit().await?;
        Ok(EnrollOutcome::Taken)
    }

    /// Enrolments that nobody has looked into, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn received_enrollments(&self, limit: i64) -> Result<Vec<Enrollment>> {
        const SQL: &str = concat!(
            enrollment_columns!(),
            "WHERE status = 'received' ORDER BY created_at, id LIMIT $1"
        );
        let rows = self.db.all(SQL, params![limit]).await?;
        rows.iter().map(Enrollment::from_row).collect()
    }

    /// An enrolment turned out to be for nobody.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `lease` when another server looks into them now.
    pub async fn leave_enrollment(&self, lease: &Lease, id: EnrollmentId) -> Result<()> {
        let mut tx = self.db.begin().await?;
        leases::hold(&mut tx, lease).await?;
        tx.execute_one(
            "UPDATE enrollments SET status = 'unclaimed', sealed_token = NULL \
             WHERE id = $1 AND status = 'received'",
            params![id],
        )
        .await?;
        tx.commit().await
    }

    /// An enrolment turned out to be for an organisation, which is told.
    ///
    /// # Errors
    /// As [`Store::leave_enrollment`].
    pub async fn offer_enrollment(
        &self,
        lease: &Lease,
        id: EnrollmentId,
        org: OrgId,
        mails: &[NewMail],
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        leases::hold(&mut tx, lease).await?;
        tx.execute_one(
            "UPDATE enrollments SET status = 'pending', org_id = $2, sealed_token = NULL \
             WHERE id = $1 AND status = 'received'",
            params![id, org],
        )
        .await?;
        self.finish_with_mail(tx, &[event], mails).await
    }

    /// The enrolments that wait for an organisation, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn pending_enrollments(&self, org: OrgId, now: Timestamp) -> Result<Vec<Enrollment>> {
        const SQL: &str = concat!(
            enrollment_columns!(),
            "WHERE org_id = $1 AND status = 'pending' AND expires_at > $2 ORDER BY created_at, id LIMIT $3"
        );
        let rows = self.db.all(SQL, params![org, now, crate::MAX_ROWS]).await?;
        rows.iter().map(Enrollment::from_row).collect()
    }

    /// An enrolment.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn enrollment(&self, id: EnrollmentId) -> Result<Option<Enrollment>> {
        const SQL: &str = concat!(enrollment_columns!(), "WHERE id = $1");
        let row = self.db.optional(SQL, params![id]).await?;
        row.as_ref().map(Enrollment::from_row).transpose()
    }

    /// The enrolment whose link has the token with this hash.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn enrollment_by_token(&self, hash: &[u8]) -> Result<Option<Enrollment>> {
        const SQL: &str = concat!(enrollment_columns!(), "WHERE token_hash = $1");
        let row = self.db.optional(SQL, params![hash]).await?;
        row.as_ref().map(Enrollment::from_row).transpose()
    }

    /// Lets an agent in: makes it, once, and never after the enrolment has expired.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `decided` when it was decided or has expired in the meantime; otherwise as
    /// [`Store::create_agent`].
    pub async fn approve_enrollment(
        &self,
        decision: &EnrollmentDecision,
        agent: NewAgent<'_>,
        mails: &[NewMail],
        events: &[NewEvent],
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        decide(
            &mut tx,
            decision,
            EnrollmentStatus::Approved,
            Some(agent.agent.id),
        )
        .await?;
        insert_new(&mut tx, agent).await?;
        self.finish_with_mail(tx, events, mails).await
    }

    /// Turns an agent away.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `decided` when it was decided or has expired in the meantime.
    pub async fn deny_enrollment(
        &self,
        decision: &EnrollmentDecision,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        decide(&mut tx, decision, EnrollmentStatus::Denied, None).await?;
        self.finish(tx, &[event]).await
    }
}

async fn decide(
    tx: &mut Tx,
    decision: &EnrollmentDecision,
    status: EnrollmentStatus,
    agent: Option<AgentId>,
) -> Result<()> {
    let changed = tx
        .execute(
            "UPDATE enrollments SET status = $2, org_id = $3, decided_by = $4, decided_at = $5, agent_id = $6, \
             sealed_token = NULL WHERE id = $1 AND status IN ('pending', 'received') AND expires_at > $5 \
             AND (org_id = $3 OR org_id IS NULL)",
            params![
                decision.id,
                status.as_str(),
                decision.org_id,
                decision.by,
                decision.at,
                agent
            ],
        )
        .await?;
    match changed {
        1 => Ok(()),
        _ => Err(StoreError::Conflict("decided")),
    }
}
