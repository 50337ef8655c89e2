#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod aead;

pub mod api_key;
pub mod compare;
pub mod envelope;
pub mod http_signature;
pub mod identity;
pub mod password;
pub mod publisher;
pub mod random;
pub mod root_key;
pub mod sealing;
pub mod statement_key;
pub mod token;
pub mod totp;
pub mod webhook;
