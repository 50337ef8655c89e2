//! How a database is opened.

use std::fmt;
use std::time::Duration;

/// Which database is behind a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// The embedded one.
    Sqlite,
    /// A server.
    Postgres,
}

impl fmt::Display for DatabaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// Bounds on what the store may use. The defaults suit one server process on a small machine.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Connections that read (SQLite), or connections in all (PostgreSQL).
    pub connections: u32,
    /// How long a call waits for a connection before it fails as unavailable.
    pub acquire_timeout: Duration,
    /// How long one statement may run (PostgreSQL), or wait for the write lock (SQLite).
    pub statement_timeout: Duration,
    /// Audit events and counted reads that may wait for the next commit; when so many wait, callers wait as well.
    pub queue: usize,
    /// How often last-active and last-used times are written.
    pub touch_interval: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            connections: 8,
            acquire_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(15),
            queue: 1024,
            touch_interval: Duration::from_secs(1),
        }
    }
}
