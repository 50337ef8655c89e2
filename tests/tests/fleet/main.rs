//! Many agents: provisioned, grouped, granted and watched over HTTP.

mod guide;
mod keys;
mod lists;
mod policies;
mod provisioning;
mod watching;
