//! What is bound to a statement.

use oneclaw_core::amount::Amount;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::transaction::Address;
use uuid::Uuid;

use crate::error::{Result, StoreError};

/// A parameter. NULLs are typed, because PostgreSQL asks for the type of every parameter.
#[derive(Clone)]
pub(crate) enum Value {
    /// Text.
    Text(String),
    /// Text or NULL.
    OptText(Option<String>),
    /// A number, or an instant in milliseconds.
    Int(i64),
    /// A number or NULL.
    OptInt(Option<i64>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Bytes or NULL.
    OptBytes(Option<Vec<u8>>),
    /// A boolean.
    Bool(bool),
    /// A boolean or NULL.
    OptBool(Option<bool>),
}

impl Value {
    /// Refuses text with a NUL, which PostgreSQL cannot store; SQLite is held to the same.
    pub(crate) fn check(&self) -> Result<()> {
        let text = match self {
            Self::Text(text) | Self::OptText(Some(text)) => text,
            _ => return Ok(()),
        };
        if text.contains('\0') {
            Err(StoreError::Conflict("text with a nul byte"))
        } else {
            Ok(())
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::OptText(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::OptInt(number)
    }
}

impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Int(at.as_millis())
    }
}

impl From<Option<Timestamp>> for Value {
    fn from(at: Option<Timestamp>) -> Self {
        Self::OptInt(at.map(Timestamp::as_millis))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Option<Vec<u8>>> for Value {
    fn from(bytes: Option<Vec<u8>>) -> Self {
        Self::OptBytes(bytes)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<Option<bool>> for Value {
    fn from(truth: Option<bool>) -> Self {
        Self::OptBool(truth)
    }
}

impl From<Uuid> for Value {
    fn from(id: Uuid) -> Self {
        Self::Text(id.as_hyphenated().to_string())
    }
}

macro_rules! id_values {
    ($($id:ident),*) => {$(
        impl From<oneclaw_core::ids::$id> for Value {
            fn from(id: oneclaw_core::ids::$id) -> Self {
                id.as_uuid().into()
            }
        }
        impl From<Option<oneclaw_core::ids::$id>> for Value {
            fn from(id: Option<oneclaw_core::ids::$id>) -> Self {
                Self::OptText(id.map(|id| id.to_string()))
            }
        }
    )*};
}

id_values!(
    OrgId,
    UserId,
    AgentId,
    VaultId,
    SecretId,
    PolicyId,
    EnrollmentId,
    ApiKeyId,
    EventId,
    SinkId,
    TransactionId,
    SigningKeyId,
    ChainEntryId,
    PluginId,
    PluginVersionId,
    AttachmentId,
    PublisherId,
    ShareId,
    EnvVarId
);

impl From<Address> for Value {
    /// In lower case, so that equal addresses are equal text.
    fn from(address: Address) -> Self {
        Self::Text(format!("{address:#x}"))
    }
}

impl From<Option<Address>> for Value {
    fn from(address: Option<Address>) -> Self {
        Self::OptText(address.map(|address| format!("{address:#x}")))
    }
}

impl From<Amount> for Value {
    fn from(amount: Amount) -> Self {
        Self::Text(amount.to_string())
    }
}

impl From<Option<Amount>> for Value {
    fn from(amount: Option<Amount>) -> Self {
        Self::OptText(amount.map(|amount| amount.to_string()))
    }
}

/// A number as the databases have them.
///
/// # Errors
/// [`StoreError::Conflict`] with this word for 2^63 and more.
pub(crate) fn number(number: u64, what: &'static str) -> Result<i64> {
    i64::try_from(number).map_err(|_| StoreError::Conflict(what))
}

/// The parameters of a statement, in the order of `$1`, `$2`, ….
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::Value::from($value)),*] };
}
pub(crate) use params;
