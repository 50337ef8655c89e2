//! What can go wrong in the store. Errors of the database driver never leave this crate.

use sqlx::error::ErrorKind;

use crate::usage::LimitReached;

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The row that was to be changed does not exist, or belongs to someone else.
    #[error("not found")]
    NotFound,
    /// The change contradicts what is stored; the word says in what, for example `email`.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// The database did not answer, or was too busy; the same call may succeed later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The organisation's tier has no room for one more.
    #[error("{0}")]
    LimitReached(Box<LimitReached>),
    /// What is stored cannot be right: it was altered outside the server, or belongs to another version or key.
    #[error("the database is corrupt: {0}")]
    Corrupt(String),
}

/// The result of every call of this crate.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The conflict of a unique index, before the caller gives it a better name.
const DUPLICATE: &str = "duplicate";

/// The message for one of two transactions that waited for each other.
const DEADLOCK: &str = "two transactions waited for each other; try again";

impl StoreError {
    /// Names a violated unique index.
    pub(crate) fn duplicate_is(self, what: &'static str) -> Self {
        match self {
            Self::Conflict(DUPLICATE) => Self::Conflict(what),
            other => other,
        }
    }

    /// Whether the database undid the transaction because two waited for each other. Tried again, it may succeed.
    pub(crate) fn is_deadlock(&self) -> bool {
        matches!(self, Self::Unavailable(message) if message == DEADLOCK)
    }
}

/// How often a transaction is tried that another one got in the way of.
pub(crate) const ATTEMPTS: usize = 8;

/// Tries a transaction again when the database undid it because two waited for each other.
macro_rules! retried {
    ($attempt:expr) => {{
        let mut attempt = 1;
        loop {
            match $attempt.await {
                Err(error) if error.is_deadlock() && attempt < $crate::error::ATTEMPTS => {
                    attempt += 1;
                }
                outcome => break outcome,
            }
        }
    }};
}
pub(crate) use retried;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::Database(error) => match error.kind() {
                ErrorKind::UniqueViolation => Self::Conflict(DUPLICATE),
                // What the new row belongs to is gone.
                ErrorKind::ForeignKeyViolation => Self::NotFound,
                ErrorKind::CheckViolation | ErrorKind::NotNullViolation => Self::Conflict("value"),
                _ => match error.code().as_deref() {
                    Some("40P01" | "40001") => Self::Unavailable(DEADLOCK.to_owned()),
                    // Data that does not fit: bad text, out of range, too long for an index.
                    Some(code)
                        if code.len() == 5 && (code.starts_with("22") || code == "54000") =>
                    {
                        Self::Conflict("value")
                    }
                    // Values are bound, so that the message holds none of them.
                    _ => Self::Unavailable(error.message().to_owned()),
                },
            },
            sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::TypeNotFound { .. } => Self::Corrupt(error.to_string()),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError;
        match error {
            MigrateError::VersionMismatch(number) => Self::Corrupt(format!(
                "migration {number} has changed since it was applied to this database"
            )),
            MigrateError::VersionMissing(number) => Self::Corrupt(format!(
                "migration {number} is not known here: the database was made by a newer version"
            )),
            MigrateError::Dirty(number) => {
                Self::Corrupt(format!("migration {number} was applied only in part"))
            }
            other => Self::Unavailable(other.to_string()),
        }
    }
}
