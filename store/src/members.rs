//! The humans of an organisation, as its owners and admins see them, and those who are asked to join.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, UserId};
use oneclaw_core::principal::Principal;
use uuid::Uuid;

use crate::Store;
use crate::accounts::{self, Role, User, user_columns};
use crate::audit::NewEvent;
use crate::db::{Row, Tx, params};
use crate::error::{Result, StoreError};
use crate::mails::NewMail;
use crate::{policies, shares};

/// Most invitations that are open at a time, per organisation. Arbitrary.
const MAX_INVITATIONS: i64 = 1_000;

/// Somebody who is asked to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: Uuid,
    /// The organisation to join.
    pub org_id: OrgId,
    /// Who is asked, in lower case.
    pub email: String,
    /// As what.
    pub role: Role,
    /// Who asks.
    pub invited_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
}

impl Invitation {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            email: row.text("email")?,
            role: row.parsed("role")?,
            invited_by: row.parsed("invited_by")?,
            created_at: row.time("created_at")?,
            expires_at: row.time("expires_at")?,
        })
    }
}

/// The columns of an invitation.
macro_rules! invitation_columns {
    () => {
        "id, org_id, email, role, invited_by, created_at, expires_at"
    };
}

impl Store {
    /// The humans of an organisation, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn members(&self, org: OrgId) -> Result<Vec<User>> {
        const SQL: &str = concat!(
            "SELECT ",
            user_columns!(),
            " FROM users u WHERE u.org_id = $1 ORDER BY u.created_at, u.id LIMIT 100000"
        );
        let rows = self.db.all(SQL, params![org]).await?;
        rows.iter().map(User::from_row).collect()
    }

    /// Gives a member another role than `from`. The last owner stays one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the member is gone or has another role by now; [`StoreError::Conflict`] `last owner`.
    pub async fn change_role(
        &self,
        org: OrgId,
        user: UserId,
        (from, to): (Role, Role),
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        keep_an_owner(&mut tx, org, (from, to != Role::Owner)).await?;
        tx.execute_one(
            "UPDATE users SET role = $4 WHERE id = $1 AND org_id = $2 AND role = $3",
            params![user, org, from.as_str(), to.as_str()],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// Removes a member with everything that lets it in (sessions, keys, policies), and ends its shares. What else it made
    /// stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the member is gone or has another role by now; [`StoreError::Conflict`] `last owner`.
    pub async fn remove_member(
        &self,
        org: OrgId,
        user: UserId,
        role: Role,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        keep_an_owner(&mut tx, org, (role, true)).await?;
        tx.execute_one(
            "DELETE FROM users WHERE id = $1 AND org_id = $2 AND role = $3",
            params![user, org, role.as_str()],
        )
        .await?;
        policies::delete_of(&mut tx, Principal::User(user)).await?;
        shares::end_of_principal(&mut tx, Principal::User(user), event.at).await?;
        self.finish(tx, &[event]).await
    }

    /// Stores an invitation in place of an earlier one to the same address, and queues the mail with the link.
    ///
    /// # Errors
    /// [`StoreError::Conflict`]: `member` when the address is one of a member already, `invitations` when too many are
    /// open.
    pub async fn put_invitation(
        &self,
        invitation: &Invitation,
        hash: &[u8],
        mail: NewMail,
        event: NewEvent,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        lock(&mut tx, invitation.org_id).await?;
        let member = tx
            .optional(
                "SELECT id FROM users WHERE org_id = $1 AND email = $2",
                params![invitation.org_id, &invitation.email],
            )
            .await?;
        if member.is_some() {
            return Err(StoreError::Conflict("member"));
        }
        let open = tx
            .one(
                "SELECT count(*) AS n FROM invitations WHERE org_id = $1 AND expires_at > $2",
                params![invitation.org_id, invitation.created_at],
            )
            .await?;
        if open.int("n")? >= MAX_INVITATIONS {
            return Err(StoreError::Conflict("invitations"));
        }
        tx.execute(
            "DELETE FROM invitations WHERE org_id = $1 AND email = $2",
            params![invitation.org_id, &invitation.email],
        )
        .await?;
        tx.execute_one(
            "INSERT INTO invitations (id, org_id, email, role, hash, invited_by, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            params![
                invitation.id,
                invitation.org_id,
                &invitation.email,
                invitation.role.as_str(),
                hash,
                invitation.invited_by,
                invitation.created_at,
                invitation.expires_at
            ],
        )
        .await
        .map_err(|e| e.duplicate_is("invitation"))?;
        self.finish_with_mail(tx, &[event], &[mail]).await
    }

    /// Invitations that are open, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn invitations(&self, org: OrgId, now: Timestamp) -> Result<Vec<Invitation>> {
        const SQL: &str = concat!(
            "SELECT ",
            invitation_columns!(),
            " FROM invitations WHERE org_id = $1 AND expires_at > $2 ORDER BY created_at, id"
        );
        let rows = self.db.all(SQL, params![org, now]).await?;
        rows.iter().map(Invitation::from_row).collect()
    }

    /// The invitation whose link has this hash, if it is open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn invitation(&self, hash: &[u8], now: Timestamp) -> Result<Option<Invitation>> {
        const SQL: &str = concat!(
            "SELECT ",
            invitation_columns!(),
            " FROM invitations WHERE hash = $1 AND expires_at > $2"
        );
        self.db
            .optional(SQL, params![hash, now])
            .await?
            .as_ref()
            .map(Invitation::from_row)
            .transpose()
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_invitation(&self, org: OrgId, id: Uuid, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "DELETE FROM invitations WHERE id = $1 AND org_id = $2",
            params![id, org],
        )
        .await?;
        self.finish(tx, &[event]).await
    }

    /// Uses an invitation up and makes the account that it is for.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is open no more, or is for another address, organisation or role;
    /// [`StoreError::Conflict`] `email` when the address has an account.
    pub async fn accept_invitation(&self, hash: &[u8], user: &User, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute_one(
            "DELETE FROM invitations WHERE hash = $1 AND org_id = $2 AND email = $3 AND role = $4 \
             AND expires_at > $5",
            params![hash, user.org_id, &user.email, user.role.as_str(), event.at],
        )
        .await?;
        accounts::insert_user(&mut tx, user)
            .await
            .map_err(|e| e.duplicate_is("email"))?;
        self.finish(tx, &[event]).await
    }

    /// The name of an organisation, as it was made.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn org_name(&self, org: OrgId) -> Result<String> {
        self.db
            .one("SELECT name FROM orgs WHERE id = $1", params![org])
            .await?
            .text("name")
    }
}

/// Makes everybody who changes who belongs to an organisation wait for everybody else who does.
pub(crate) async fn lock(tx: &mut Tx, org: OrgId) -> Result<()> {
    tx.execute_one("UPDATE orgs SET name = name WHERE id = $1", params![org])
        .await
}

/// Refuses to take the last owner away, whoever else tries to at the same time.
async fn keep_an_owner(tx: &mut Tx, org: OrgId, (role, loses_it): (Role, bool)) -> Result<()> {
    lock(tx, org).await?;
    if role != Role::Owner || !loses_it {
        return Ok(());
    }
    let owners = tx
        .one(
            "SELECT count(*) AS n FROM users WHERE org_id = $1 AND role = 'owner' AND is_active",
            params![org],
        )
        .await?;
    if owners.int("n")? <= 1 {
        return Err(StoreError::Conflict("last owner"));
    }
    Ok(())
}
