#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod export;
pub mod note;
pub mod receipt;
pub mod tree;
pub mod verify;

pub use note::{Checkpoint, NoteError, VerifierKey};
pub use tree::{Frontier, Hash};
pub use verify::{Problem, Report, Verifier, VerifyError, Wrong};
