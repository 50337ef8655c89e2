//! One way to speak to two databases: statements are written once, with `$1` placeholders, and run on either.

mod inserts;
mod open;
mod row;
mod value;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool};

pub(crate) use self::inserts::Inserts;
pub(crate) use self::row::{Row, malformed};
pub(crate) use self::value::{Value, number, params};
use crate::error::{Result, StoreError};
use crate::options::{DatabaseKind, StoreOptions};

/// The open database.
#[derive(Debug, Clone)]
pub(crate) enum Db {
    /// One connection writes, the others read.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

/// A statement with its parameters bound, for the database that `$database` names.
macro_rules! bound {
    ($sql:expr, $params:expr) => {{
        let mut query = sqlx::query($sql);
        for value in $params {
            value.check()?;
            query = match value {
                Value::Text(v) => query.bind(v),
                Value::OptText(v) => query.bind(v),
                Value::Int(v) => query.bind(v),
                Value::OptInt(v) => query.bind(v),
                Value::Bytes(v) => query.bind(v),
                Value::OptBytes(v) => query.bind(v),
                Value::Bool(v) => query.bind(v),
                Value::OptBool(v) => query.bind(v),
            };
        }
        query
    }};
}

impl Db {
    /// Opens the database, makes it if it is an SQLite file that does not exist, and brings its tables up to date.
    pub(crate) async fn open(url: &str, options: &StoreOptions) -> Result<Self> {
        open::open(url, options).await
    }

    /// Which database this is.
    pub(crate) fn kind(&self) -> DatabaseKind {
        match self {
            Self::Sqlite { .. } => DatabaseKind::Sqlite,
            Self::Postgres(_) => DatabaseKind::Postgres,
        }
    }

    /// Closes every connection.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }

    /// A transaction that writes. Dropped without [`Tx::commit`], it leaves nothing behind.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        match self {
            // Taking the write lock at once: a transaction that reads first and writes later may find that it cannot.
            Self::Sqlite { writer, .. } => {
                Ok(Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?))
            }
            Self::Postgres(pool) => Ok(Tx::Postgres(pool.begin().await?)),
        }
    }

    /// A transaction that sees one state of the database throughout and changes nothing.
    pub(crate) async fn snapshot(&self) -> Result<Tx> {
        match self {
            Self::Sqlite { readers, .. } => Ok(Tx::Sqlite(readers.begin().await?)),
            Self::Postgres(pool) => Ok(Tx::Postgres(
                pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .await?,
            )),
        }
    }

    /// At most one row.
    pub(crate) async fn optional(
        &self,
        sql: &'static str,
        params: Vec<Value>,
    ) -> Result<Option<Row>> {
        self.reader().await?.optional(sql, params).await
    }

    /// Every row.
    pub(crate) async fn all(&self, sql: &'static str, params: Vec<Value>) -> Result<Vec<Row>> {
        self.reader().await?.all(sql, params).await
    }

    /// Exactly one row.
    pub(crate) async fn one(&self, sql: &'static str, params: Vec<Value>) -> Result<Row> {
        self.optional(sql, params)
            .await?
            .ok_or(StoreError::NotFound)
    }

    async fn reader(&self) -> Result<Reader> {
        Ok(match self {
            Self::Sqlite { readers, .. } => Reader::Sqlite(readers.acquire().await?),
            Self::Postgres(pool) => Reader::Postgres(pool.acquire().await?),
        })
    }
}

/// A connection for one statement.
enum Reader {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Reader {
    async fn optional(&mut self, sql: &'static str, params: Vec<Value>) -> Result<Option<Row>> {
        match self {
            Self::Sqlite(c) => sqlite_optional(c, sql, params).await,
            Self::Postgres(c) => postgres_optional(c, sql, params).await,
        }
    }

    async fn all(&mut self, sql: &'static str, params: Vec<Value>) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(c) => sqlite_all(c, sql, params).await,
            Self::Postgres(c) => postgres_all(c, sql, params).await,
        }
    }
}

/// A transaction.
pub(crate) enum Tx {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Tx {
    /// At most one row.
    pub(crate) async fn optional(
        &mut self,
        sql: &'static str,
        params: Vec<Value>,
    ) -> Result<Option<Row>> {
        match self {
            Self::Sqlite(tx) => sqlite_optional(tx, sql, params).await,
            Self::Postgres(tx) => postgres_optional(tx, sql, params).await,
        }
    }

    /// Exactly one row.
    pub(crate) async fn one(&mut self, sql: &'static str, params: Vec<Value>) -> Result<Row> {
        self.optional(sql, params)
            .await?
            .ok_or(StoreError::NotFound)
    }

    /// Every row.
    pub(crate) async fn all(&mut self, sql: &'static str, params: Vec<Value>) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(tx) => sqlite_all(tx, sql, params).await,
            Self::Postgres(tx) => postgres_all(tx, sql, params).await,
        }
    }

    /// Runs a statement and counts the rows it changed.
    pub(crate) async fn execute(&mut self, sql: &'static str, params: Vec<Value>) -> Result<u64> {
        Ok(match self {
            Self::Sqlite(tx) => bound!(sql, params)
                .execute(&mut **tx)
                .await?
                .rows_affected(),
            Self::Postgres(tx) => bound!(sql, params)
                .execute(&mut **tx)
                .await?
                .rows_affected(),
        })
    }

    /// Runs a statement that must change exactly one row.
    pub(crate) async fn execute_one(
        &mut self,
        sql: &'static str,
        params: Vec<Value>,
    ) -> Result<()> {
        match self.execute(sql, params).await? {
            0 => Err(StoreError::NotFound),
            1 => Ok(()),
            n => Err(StoreError::Corrupt(format!(
                "one row was to change, and {n} would have"
            ))),
        }
    }

    /// Makes everything durable.
    pub(crate) async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

async fn sqlite_optional(
    connection: &mut SqliteConnection,
    sql: &'static str,
    params: Vec<Value>,
) -> Result<Option<Row>> {
    Ok(bound!(sql, params)
        .fetch_optional(connection)
        .await?
        .map(Row::Sqlite))
}

async fn postgres_optional(
    connection: &mut PgConnection,
    sql: &'static str,
    params: Vec<Value>,
) -> Result<Option<Row>> {
    Ok(bound!(sql, params)
        .fetch_optional(connection)
        .await?
        .map(Row::Postgres))
}

async fn sqlite_all(
    connection: &mut SqliteConnection,
    sql: &'static str,
    params: Vec<Value>,
) -> Result<Vec<Row>> {
    let rows = bound!(sql, params).fetch_all(connection).await?;
    Ok(rows.into_iter().map(Row::Sqlite).collect())
}

async fn postgres_all(
    connection: &mut PgConnection,
    sql: &'static str,
    params: Vec<Value>,
) -> Result<Vec<Row>> {
    let rows = bound!(sql, params).fetch_all(connection).await?;
    Ok(rows.into_iter().map(Row::Postgres).collect())
}
