//! Organisations and the humans in them.

use std::fmt;
use std::str::FromStr;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{OrgId, UserId};
use oneclaw_core::principal::Principal;

use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Db, Row, Tx, params};
use crate::error::{Result, StoreError};
use crate::mailed_tokens::{MailedToken, mail_token};
use crate::mails::NewMail;
use crate::{members, policies, shares};

/// An organisation: the border between tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Org {
    /// Its id.
    pub id: OrgId,
    /// For display.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a human may do in the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Owner,
    /// Everything but what concerns owners.
    Admin,
    /// Own things, and what is granted.
    Member,
}

impl Role {
    /// The word on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }
}

impl FromStr for Role {
    type Err = StoreError;

    fn from_str(word: &str) -> Result<Self> {
        [Self::Owner, Self::Admin, Self::Member]
            .into_iter()
            .find(|role| role.as_str() == word)
            .ok_or_else(|| StoreError::Corrupt("there is a role of an unknown name".to_owned()))
    }
}

/// A human account.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The organisation it belongs to.
    pub org_id: OrgId,
    /// In lower case; no two accounts share one.
    pub email: String,
    /// In PHC form.
    pub password_hash: String,
    /// For display.
    pub display_name: String,
    /// What it may do.
    pub role: Role,
    /// Whether the address was proved.
    pub email_verified: bool,
    /// Whether it wants news.
    pub marketing_emails: bool,
    /// Whether it may do anything at all.
    pub is_active: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("org_id", &self.org_id)
            .field("role", &self.role)
            .field("is_active", &self.is_active)
            .finish_non_exhaustive()
    }
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignupRule {
    /// Only the first human: the account claims the server.
    First,
    /// Anybody.
    Open,
}

/// The columns of a user, in a query where the table is called `u`.
macro_rules! user_columns {
    () => {
        "u.id AS user_id, u.org_id AS user_org_id, u.email, u.password_hash, u.display_name, u.role, \
         u.email_verified, u.marketing_emails, u.is_active AS user_is_active, \
         u.created_at AS user_created_at"
    };
}
pub(crate) use user_columns;

impl User {
    pub(crate) fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("user_id")?,
            org_id: row.parsed("user_org_id")?,
            email: row.text("email")?,
            password_hash: row.text("password_hash")?,
            display_name: row.text("display_name")?,
            role: row.parsed("role")?,
            email_verified: row.bool("email_verified")?,
            marketing_emails: row.bool("marketing_emails")?,
            is_active: row.bool("user_is_active")?,
            created_at: row.time("user_created_at")?,
        })
    }
}

const OLDEST_ORG: &str = "SELECT id FROM orgs ORDER BY created_at, id LIMIT 1";

impl Store {
    /// Makes an organisation and its first human, who is to prove nothing.
    ///
    /// # Errors
    /// As [`Store::create_account_to_prove`].
    pub async fn create_account(
        &self,
        org: &Org,
        user: &User,
        event: NewEvent,
        rule: SignupRule,
    ) -> Result<()> {
        self.create_account_to_prove(org, user, event, rule, None)
            .await
    }

    /// Makes an organisation and its first human, and queues the mail by which the human proves its address.
    ///
    /// # Errors
    /// [`StoreError::Conflict`]: `claimed` when only the first human may sign up and there is one, `email` when the
    /// address is taken.
    pub async fn create_account_to_prove(
        &self,
        org: &Org,
        user: &User,
        event: NewEvent,
        rule: SignupRule,
        proof: Option<(MailedToken, NewMail)>,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        // Everyone who signs up changes this row, and so waits for whoever signs up at the same time.
        tx.execute_one(
            "UPDATE signups SET attempts = attempts + 1 WHERE id = 1",
            vec![],
        )
        .await?;
        if rule == SignupRule::First
            && tx
                .optional("SELECT id FROM users LIMIT 1", vec![])
                .await?
                .is_some()
        {
            return Err(StoreError::Conflict("claimed"));
        }
        tx.execute_one(
            "INSERT INTO orgs (id, name, created_at) VALUES ($1, $2, $3)",
            params![org.id, &org.name, org.created_at],
        )
        .await?;
        insert_user(&mut tx, user)
            .await
            .map_err(|e| e.duplicate_is("email"))?;
        if let Some(proof) = &proof {
            mail_token(&mut tx, proof).await?;
        }
        self.finish(tx, &[event]).await
    }

    /// The human with this address, given in lower case.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>> {
        if email.contains('\0') {
            return Ok(None);
        }
        const SQL: &str = concat!(
            "SELECT ",
            user_columns!(),
            " FROM users u WHERE u.email = $1"
        );
        self.db
            .optional(SQL, params![email])
            .await?
            .as_ref()
            .map(User::from_row)
            .transpose()
    }

    /// A human.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        const SQL: &str = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1");
        self.db
            .optional(SQL, params![id])
            .await?
            .as_ref()
            .map(User::from_row)
            .transpose()
    }

    /// Stores every changeable field of a human but the role, which [`Store::change_role`] gives: who changes its own name
    /// must not write back a role that was taken away in the meantime. Sessions that rest on an older password end with it, and those of an
    /// account that is switched off as well.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] `email`.
    pub async fn update_user(&self, user: &User, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        // The row is changed before it is looked at, so that nobody else changes it in between.
        tx.execute_one(
            "UPDATE users SET display_name = $3 WHERE id = $1 AND org_id = $2",
            params![user.id, user.org_id, &user.display_name],
        )
        .await?;
        let before = tx
            .one(
                "SELECT password_hash FROM users WHERE id = $1",
                params![user.id],
            )
            .await?;
        if before.text("password_hash")? != user.password_hash || !user.is_active {
            crate::sessions::revoke_all(&mut tx, user.id, event.at).await?;
        }
        tx.execute_one(
            "UPDATE users SET email = $2, password_hash = $3, email_verified = $4, \
             marketing_emails = $5, is_active = $6 WHERE id = $1",
            params![
                user.id,
                &user.email,
                &user.password_hash,
                user.email_verified,
                user.marketing_emails,
                user.is_active,
            ],
        )
        .await
        .map_err(|e| e.duplicate_is("email"))?;
        self.finish(tx, &[event]).await
    }

    /// Removes a human with its sessions, API keys and policies, and ends its shares. What else it made stays, and so does
    /// the audit trail.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`]: `last owner` when it is the last owner and not the last human,
    /// `not empty` when it is the last human of an organisation that has vaults or agents, `runs the server` when it is
    /// the last human of the oldest organisation: nobody could change the server's settings any more.
    pub async fn delete_user(&self, id: UserId, event: NewEvent) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let org = event.org_id;
        members::lock(&mut tx, org).await?;
        let rest = tx
            .one(
                "SELECT count(*) AS humans, \
                 count(CASE WHEN role = 'owner' AND is_active THEN 1 END) AS owners \
                 FROM users WHERE org_id = $1 AND id <> $2",
                params![org, id],
            )
            .await?;
        if rest.int("humans")? > 0 && rest.int("owners")? == 0 {
            return Err(StoreError::Conflict("last owner"));
        }
        if rest.int("humans")? == 0 {
            let left = tx
                .one(
                    "SELECT (SELECT count(*) FROM vaults WHERE org_id = $1 AND NOT is_system) \
                     + (SELECT count(*) FROM agents WHERE org_id = $1) AS n",
                    params![org],
                )
                .await?;
            if left.int("n")? > 0 {
                return Err(StoreError::Conflict("not empty"));
            }
            let oldest: OrgId = tx.one(OLDEST_ORG, vec![]).await?.parsed("id")?;
            if oldest == org {
                return Err(StoreError::Conflict("runs the server"));
            }
        }
        tx.execute_one("DELETE FROM users WHERE id = $1", params![id])
            .await?;
        policies::delete_of(&mut tx, Principal::User(id)).await?;
        shares::end_of_principal(&mut tx, Principal::User(id), event.at).await?;
        self.finish(tx, &[event]).await
    }

    /// The oldest organisation, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn first_org(&self) -> Result<Option<OrgId>> {
        let row = self.db.optional(OLDEST_ORG, vec![]).await?;
        row.map(|row| row.parsed("id")).transpose()
    }

    /// How many humans an organisation has.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn count_users(&self, org: OrgId) -> Result<i64> {
        count(
            &self.db,
            "SELECT count(*) AS n FROM users WHERE org_id = $1",
            org,
        )
        .await
    }
}

/// A number, as `n`, about an organisation, as `$1`.
pub(crate) async fn count(db: &Db, sql: &'static str, org: OrgId) -> Result<i64> {
    db.one(sql, params![org]).await?.int("n")
}

pub(crate) async fn insert_user(tx: &mut Tx, user: &User) -> Result<()> {
    tx.execute_one(
        "INSERT INTO users (id, org_id, email, password_hash, display_name, role, email_verified, \
         marketing_emails, is_active, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        params![
            user.id,
            user.org_id,
            &user.email,
            &user.password_hash,
            &user.display_name,
            user.role.as_str(),
            user.email_verified,
            user.marketing_emails,
            user.is_active,
            user.created_at,
        ],
    )
    .await
}
