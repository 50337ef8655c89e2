//! Opening either database and bringing its tables up to date.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use super::Db;
use crate::error::{Result, StoreError};
use crate::options::StoreOptions;

/// How long a connection may rest before it is asked whether it is still there. Arbitrary.
const TRUSTED_IDLE: Duration = Duration::from_secs(2);

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

pub(super) async fn open(url: &str, options: &StoreOptions) -> Result<Db> {
    if url.starts_with("sqlite:") {
        sqlite(url, options).await
    } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        postgres(url, options).await
    } else {
        // The address may hold a password, so that it is not repeated.
        Err(StoreError::Unavailable(
            "the database address begins neither with `sqlite://` nor with `postgres://`"
                .to_owned(),
        ))
    }
}

async fn sqlite(url: &str, options: &StoreOptions) -> Result<Db> {
    let base = SqliteConnectOptions::from_str(url).map_err(|e| {
        StoreError::Unavailable(format!("the database address cannot be read: {e}"))
    })?;
    let path = base.get_filename().to_path_buf();
    if path.as_os_str().is_empty() || url.contains(":memory:") || url.contains("mode=memory") {
        return Err(StoreError::Unavailable(
            "a database in memory forgets: give the path of a file".to_owned(),
        ));
    }
    create_private_file(&path)?;
    let base = base
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL mode anything less may lose the last commits when the power goes.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(options.statement_timeout)
        .pragma("trusted_schema", "OFF")
        .statement_cache_capacity(256)
        .disable_statement_logging();
    let writer = SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .acquire_timeout(options.acquire_timeout)
        .connect_with(base.clone())
        .await?;
    SQLITE_MIGRATIONS.run(&writer).await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(options.connections.max(1))
        .test_before_acquire(false)
        .acquire_timeout(options.acquire_timeout)
        .connect_with(base.pragma("query_only", "ON"))
        .await?;
    Ok(Db::Sqlite { writer, readers })
}

/// SQLite gives the write-ahead log the mode of the database file, so that making this one private is enough.
fn create_private_file(path: &Path) -> Result<()> {
    let mut open = std::fs::OpenOptions::new();
    open.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    match open.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Unavailable(format!(
            "the database file `{}` cannot be made: {error}",
            path.display()
        ))),
    }
}

async fn postgres(url: &str, options: &StoreOptions) -> Result<Db> {
    let millis = |duration: Duration| format!("{}ms", duration.as_millis());
    let connect = PgConnectOptions::from_str(url)
        // The error of the parser is not repeated: the address may hold a password.
        .map_err(|_| StoreError::Unavailable("the database address cannot be read".to_owned()))?
        .application_name("oneclaw")
        .options([
            ("synchronous_commit", "on".to_owned()),
            ("statement_timeout", millis(options.statement_timeout)),
            ("lock_timeout", millis(options.statement_timeout)),
            // A connection that a lost node holds must not keep its locks.
            (
                "idle_in_transaction_session_timeout",
                millis(options.statement_timeout * 2),
            ),
        ])
        .statement_cache_capacity(256)
        .disable_statement_logging();
    let pool = PgPoolOptions::new()
        // The writer holds one while others read.
        .max_connections(options.connections.max(2))
        .acquire_timeout(options.acquire_timeout)
        // Asking before every statement whether the server is there would double the way. Asking after a pause finds
        // what was lost in it.
        .test_before_acquire(false)
        .before_acquire(|connection, since| {
            Box::pin(async move {
                if since.idle_for > TRUSTED_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(connect)
        .await?;
    POSTGRES_MIGRATIONS.run(&pool).await?;
    Ok(Db::Postgres(pool))
}
