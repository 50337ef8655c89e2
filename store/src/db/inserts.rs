//! Rows inserted many at a time.

use super::{Tx, Value};
use crate::error::Result;

/// Rows in one statement. Each number has its own text, so there are few of them.
const CHUNKS: [usize; 3] = [32, 8, 1];

/// Statements that insert rows of so many values.
pub(crate) struct Inserts<const COLUMNS: usize>([(usize, String); 3]);

impl<const COLUMNS: usize> Inserts<COLUMNS> {
    /// Into a place: a table, with its columns in brackets.
    pub(crate) fn into(place: &str) -> Self {
        Self(CHUNKS.map(|rows| (rows, statement(place, COLUMNS, rows))))
    }

    /// Inserts the rows in their order.
    pub(crate) async fn run(
        &'static self,
        tx: &mut Tx,
        rows: impl IntoIterator<Item = [Value; COLUMNS]>,
    ) -> Result<()> {
        let mut rows = rows.into_iter().collect::<Vec<_>>().into_iter();
        for (size, sql) in &self.0 {
            while rows.len() >= *size {
                let params = rows.by_ref().take(*size).flatten().collect();
                tx.execute(sql, params).await?;
            }
        }
        Ok(())
    }
}

fn statement(place: &str, columns: usize, rows: usize) -> String {
    let rows: Vec<String> = (0..rows)
        .map(|row| {
            let numbers: Vec<String> = (1..=columns)
                .map(|column| format!("${}", row * columns + column))
                .collect();
            format!("({})", numbers.join(", "))
        })
        .collect();
    format!("INSERT INTO {place} VALUES {}", rows.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_numbered_once() {
        let sql = statement("t (a, b, c)", 3, 32);
        for n in 1..=32 * 3 {
            let alone = |sep: &str| sql.matches(&format!("${n}{sep}")).count();
            assert_eq!(alone(",") + alone(")"), 1, "${n}");
        }
        assert_eq!(
            statement("t (a, b)", 2, 2),
            "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4)"
        );
    }
}
