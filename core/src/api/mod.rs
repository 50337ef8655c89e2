//! The bodies that travel over HTTP.
