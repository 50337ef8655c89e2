//! A row of either database, read by column name.

use std::str::FromStr;

use oneclaw_core::clock::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};

use crate::error::{Result, StoreError};

/// A row.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    fn get<'r, T>(&'r self, column: &'static str) -> Result<T>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        match self {
            Self::Sqlite(row) => Ok(row.try_get(column)?),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    /// Text.
    pub(crate) fn text(&self, column: &'static str) -> Result<String> {
        self.get(column)
    }

    /// Text or NULL.
    pub(crate) fn opt_text(&self, column: &'static str) -> Result<Option<String>> {
        self.get(column)
    }

    /// A number.
    pub(crate) fn int(&self, column: &'static str) -> Result<i64> {
        self.get(column)
    }

    /// A number or NULL.
    pub(crate) fn opt_int(&self, column: &'static str) -> Result<Option<i64>> {
        self.get(column)
    }

    /// A number that is never negative.
    pub(crate) fn unsigned<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T> {
        T::try_from(self.int(column)?).map_err(|_| malformed(column))
    }

    /// A number that is never negative, or NULL.
    pub(crate) fn opt_unsigned<T: TryFrom<i64>>(&self, column: &'static str) -> Result<Option<T>> {
        self.opt_int(column)?
            .map(|number| T::try_from(number).map_err(|_| malformed(column)))
            .transpose()
    }

    /// Bytes.
    pub(crate) fn bytes(&self, column: &'static str) -> Result<Vec<u8>> {
        self.get(column)
    }

    /// Bytes or NULL.
    pub(crate) fn opt_bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>> {
        self.get(column)
    }

    /// A boolean: SQLite has numbers for them.
    pub(crate) fn bool(&self, column: &'static str) -> Result<bool> {
        match self {
            Self::Sqlite(row) => Ok(row.try_get::<i64, _>(column)? != 0),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    /// A boolean or NULL.
    pub(crate) fn opt_bool(&self, column: &'static str) -> Result<Option<bool>> {
        match self {
            Self::Sqlite(row) => Ok(row
                .try_get::<Option<i64>, _>(column)?
                .map(|number| number != 0)),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    /// An instant.
    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp> {
        self.int(column).map(Timestamp::from_millis)
    }

    /// An instant or NULL.
    pub(crate) fn opt_time(&self, column: &'static str) -> Result<Option<Timestamp>> {
        Ok(self.opt_int(column)?.map(Timestamp::from_millis))
    }

    /// An id, a path, a principal: anything that parses.
    pub(crate) fn parsed<T: FromStr>(&self, column: &'static str) -> Result<T> {
        parse(&self.text(column)?, column)
    }

    /// Anything that parses, or NULL.
    pub(crate) fn opt_parsed<T: FromStr>(&self, column: &'static str) -> Result<Option<T>> {
        self.opt_text(column)?
            .map(|text| parse(&text, column))
            .transpose()
    }

    /// JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T> {
        from_json(&self.text(column)?, column)
    }

    /// JSON or NULL.
    pub(crate) fn opt_json<T: DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>> {
        self.opt_text(column)?
            .map(|text| from_json(&text, column))
            .transpose()
    }
}

fn parse<T: FromStr>(text: &str, column: &'static str) -> Result<T> {
    text.parse().map_err(|_| malformed(column))
}

fn from_json<T: DeserializeOwned>(text: &str, column: &'static str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| malformed(column))
}

/// The value itself stays out of the message: it may be worth hiding.
pub(crate) fn malformed(column: &'static str) -> StoreError {
    StoreError::Corrupt(format!(
        "column `{column}` holds something that cannot be read"
    ))
}
