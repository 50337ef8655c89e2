//! Many agents: provisioned, grouped, granted and watched over HTTP.

mod lists;
mod policies;
mod watching;
