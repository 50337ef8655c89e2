//! Intents: what agents want to have signed and sent.
//!
//! `prepare` gathers what a decision needs, the gate decides and records, `submit` leads through all of it, `execute` signs
//! and sends, `track` follows up. See `docs/decisions/0006-how-an-intent-becomes-a-signature.md`.

mod actor;
mod authorizations;
mod execute;
mod fees;
mod key;
mod list;
mod prepare;
mod preview;
mod proof;
mod recipients;
mod record;
mod replace;
mod request;
mod simulate;
mod submit;
mod track;
mod wire;

pub use key::EVM_KEY;
pub use proof::SignableRequest;
pub use replace::Replacement;
pub use request::address;
pub use submit::Submitted;
pub use track::Rounds;
