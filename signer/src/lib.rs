#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod check;
mod encode;
mod error;
mod key;
mod sign;

pub use error::{KeyError, SignError};
pub use key::{KeyFormat, NewKey, address_of, generate, import};
pub use sign::{SealedKey, Signed, sign};
