#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod abi;
mod calls;
mod effect;
mod typed;
mod walk;

pub use calls::{MULTI_SENDS, permit2_of};
pub use typed::{TypedData, TypedDataError, of_typed_data};
pub use walk::{Limits, of_transaction};
