//! What handlers take: the caller, parsed paths, checked bodies; each with a problem answer when it is not right.

mod body;
mod caller;
mod component;
mod header;
mod path;
mod query;
mod signable;

pub use body::{Body, BulkBody, OptionalBody, read as read_body};
pub use caller::{Authenticated, Authentication, Confirmed, Context, MaybeAuthenticated};
pub use component::ComponentBody;
pub use header::idempotency_key;
pub use path::{Params, SecretAddress, VersionAddress, parse};
pub use query::Query;
pub use signable::{OptionalSignable, Signable};
