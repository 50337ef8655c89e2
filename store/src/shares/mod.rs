//! Shares of secrets: who may get a value that somebody else may read.

mod access;
mod change;

use std::fmt;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, SecretId, ShareId, VaultId};
use oneclaw_core::path::SecretPath;
use oneclaw_core::principal::{Principal, PrincipalKind};
use oneclaw_core::share::RecipientKind;
use uuid::Uuid;

use crate::db::{Row, malformed, params};
use crate::error::Result;
use crate::{MAX_ROWS, Store};

pub use access::{ShareAccess, ShareOutcome};
pub use change::{ShareAnswer, ShareMade, ShareRate};
pub(crate) use change::{end_of_principal, end_of_secret};

/// Why a share gives nothing any more, other than by its own limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareEnd {
    /// It was taken back.
    Revoked,
    /// The secret was deleted. A secret that is written at the path later is another one to the share.
    SecretDeleted,
    /// Who shared, or whom it was for, was deleted.
    PrincipalDeleted,
}

impl ShareEnd {
    /// The word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::SecretDeleted => "secret_deleted",
            Self::PrincipalDeleted => "principal_deleted",
        }
    }
}

/// A share.
#[derive(Clone, PartialEq, Eq)]
pub struct Share {
    /// Its id; of a link, all that its holder needs.
    pub id: ShareId,
    /// What audit events call it.
    pub audit_id: Uuid,
    /// The organisation of the secret.
    pub org_id: OrgId,
    /// The secret.
    pub secret_id: SecretId,
    /// Its vault; goes with the secret.
    pub vault_id: VaultId,
    /// Its path; goes with the secret.
    pub path: SecretPath,
    /// Who shares.
    pub creator: Principal,
    /// The name of who shares, at this moment; empty when there is none. Not stored.
    pub creator_name: String,
    /// Whom it is for.
    pub recipient_kind: RecipientKind,
    /// The very account, once it is known.
    pub recipient: Option<Principal>,
    /// In lower case, for shares by address.
    pub recipient_email: Option<String>,
    /// `read`
    pub permissions: Vec<String>,
    /// Networks in CIDR form; empty: any.
    pub ip_allowlist: Vec<String>,
    /// In PHC form.
    pub passphrase_hash: Option<String>,
    /// How many accesses succeed.
    pub max_access_count: Option<i64>,
    /// How many have.
    pub access_count: i64,
    /// From when on it gives nothing.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when its recipient wants it.
    pub accepted_at: Option<Timestamp>,
    /// Since when its recipient does not want it.
    pub declined_at: Option<Timestamp>,
    /// Why it ended, if it did.
    pub end: Option<ShareEnd>,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share")
            .field("audit_id", &self.audit_id)
            .field("org_id", &self.org_id)
            .field("secret_id", &self.secret_id)
            .field("recipient_kind", &self.recipient_kind)
            .finish_non_exhaustive()
    }
}

/// The beginning of every query for shares.
macro_rules! select_shares {
    ($($rest:expr),+) => {
        concat!(
            "SELECT h.id, h.audit_id, h.org_id, h.secret_id, s.vault_id, s.path, h.creator_kind, h.creator_id, \
             COALESCE(a.name, u.display_name, '') AS creator_name, h.recipient_type, h.recipient, \
             h.recipient_email, h.permissions, h.ip_allowlist, h.passphrase_hash, h.max_access_count, \
             h.access_count, h.expires_at, h.created_at, h.accepted_at, h.declined_at, h.ended_by \
             FROM shares h JOIN secrets s ON s.id = h.secret_id \
             LEFT JOIN agents a ON h.creator_kind = 'agent' AND a.id = h.creator_id \
             LEFT JOIN users u ON h.creator_kind = 'user' AND u.id = h.creator_id WHERE ",
            $($rest),+
        )
    };
}

impl Share {
    fn from_row(row: &Row) -> Result<Self> {
        let kind = match row.text("creator_kind")?.as_str() {
            "user" => PrincipalKind::User,
            "agent" => PrincipalKind::Agent,
            _ => return Err(malformed("creator_kind")),
        };
        let end = match row.opt_text("ended_by")?.as_deref() {
            None => None,
            Some("revoked") => Some(ShareEnd::Revoked),
            Some("secret_deleted") => Some(ShareEnd::SecretDeleted),
            Some("principal_deleted") => Some(ShareEnd::PrincipalDeleted),
            Some(_) => return Err(malformed("ended_by")),
        };
        Ok(Self {
            id: row.parsed("id")?,
            audit_id: row.parsed("audit_id")?,
            org_id: row.parsed("org_id")?,
            secret_id: row.parsed("secret_id")?,
            vault_id: row.parsed("vault_id")?,
            path: row.parsed("path")?,
            creator: Principal::new(kind, row.parsed("creator_id")?),
            creator_name: row.text("creator_name")?,
            recipient_kind: row.parsed("recipient_type")?,
            recipient: row.opt_parsed("recipient")?,
            recipient_email: row.opt_text("recipient_email")?,
            permissions: row.json("permissions")?,
            ip_allowlist: row.json("ip_allowlist")?,
            passphrase_hash: row.opt_text("passphrase_hash")?,
            max_access_count: row.opt_int("max_access_count")?,
            access_count: row.int("access_count")?,
            expires_at: row.time("expires_at")?,
            created_at: row.time("created_at")?,
            accepted_at: row.opt_time("accepted_at")?,
            declined_at: row.opt_time("declined_at")?,
            end,
        })
    }
}

impl Store {
    /// A share of any organisation, whatever has become of it.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn share(&self, id: ShareId) -> Result<Option<Share>> {
        const SQL: &str = select_shares!("h.id = $1");
        self.db
            .optional(SQL, params![id])
            .await?
            .as_ref()
            .map(Share::from_row)
            .transpose()
    }

    /// The shares that somebody made, newest first.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn shares_by(&self, creator: Principal) -> Result<Vec<Share>> {
        const SQL: &str = select_shares!(
            "h.creator_kind = $1 AND h.creator_id = $2 ORDER BY h.created_at DESC, h.id DESC LIMIT $3"
        );
        let params = params![creator.kind().as_str(), creator.uuid(), MAX_ROWS];
        let rows = self.db.all(SQL, params).await?;
        rows.iter().map(Share::from_row).collect()
    }

    /// The shares that are addressed to somebody, or to their address (in lower case) and not yet to anybody else's
    /// account, newest first.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn shares_for(&self, recipient: Principal, email: &str) -> Result<Vec<Share>> {
        const SQL: &str = select_shares!(
            "h.recipient = $1 OR (h.recipient_email = $2 AND h.recipient IS NULL) \
             ORDER BY h.created_at DESC, h.id DESC LIMIT $3"
        );
        let params = params![recipient.to_string(), email, MAX_ROWS];
        let rows = self.db.all(SQL, params).await?;
        rows.iter().map(Share::from_row).collect()
    }

    /// All shares of an organisation, newest first.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn shares_of_org(&self, org: OrgId) -> Result<Vec<Share>> {
        const SQL: &str =
            select_shares!("h.org_id = $1 ORDER BY h.created_at DESC, h.id DESC LIMIT $2");
        let rows = self.db.all(SQL, params![org, MAX_ROWS]).await?;
        rows.iter().map(Share::from_row).collect()
    }
}
