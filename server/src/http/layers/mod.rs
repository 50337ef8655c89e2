//! What every request passes before and after its handler.

mod authentication;
mod client_address;
mod limits;
mod outermost;
mod usage;

pub use authentication::{RequestLimits, authenticate};
pub use client_address::client_address;
pub use limits::time_limit;
pub use outermost::{catch_panics, request_id, security_headers};
pub use usage::QUOTA_HEADERS;
