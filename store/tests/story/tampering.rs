//! What somebody with the database, but without the key, cannot do unseen.

use oneclaw_core::ids::{EventId, OrgId, VaultId};
use oneclaw_store::{EventFilter, EventPage, NewEvent, Store};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use crate::stage::{Stage, at, event, id};

crate::stories!(
    an_edit_of_any_column_names_the_event,
    a_missing_event_is_named_wherever_it_was,
    an_end_that_was_cut_off_is_missed,
    another_key_verifies_nothing,
);

/// Every column of an event; those of numbers last.
const COLUMNS: [&str; 14] = [
    "org_id",
    "id",
    "action",
    "actor_type",
    "actor_id",
    "resource_type",
    "resource_id",
    "vault_id",
    "details",
    "ip",
    "prev_event_id",
    "integrity_hash",
    "seq",
    "at",
];
const TEXTS: usize = 12;
/// Events in the chain that is tampered with.
const EVENTS: i64 = 8;

/// An organisation with a chain of events, some with all columns filled; answers their ids in order.
async fn chain(stage: &Stage) -> (OrgId, Vec<EventId>) {
    let (org, _) = stage.account().await;
    for n in 1..EVENTS {
        let mut event = NewEvent {
            at: at(n),
            ..event(&org, "secret.read")
        };
        if n % 2 == 0 {
            event.vault_id = Some(VaultId::from_uuid(id()));
        } else {
            event.ip = None;
        }
        stage.store.record(event).await.unwrap();
    }
    let filter = EventFilter {
        limit: 100,
        ..EventFilter::default()
    };
    let EventPage { events, .. } = stage.store.events(org.id, &filter).await.unwrap();
    (
        org.id,
        events.into_iter().rev().map(|event| event.id).collect(),
    )
}

async fn broken_at(store: &Store, org: OrgId) -> Option<EventId> {
    let outcome = store.verify(org, None, None, 1000).await.unwrap();
    assert!(!outcome.chain_valid, "nothing was noticed");
    assert!(outcome.events_verified < EVENTS);
    outcome.broken_at
}

async fn an_edit_of_any_column_names_the_event(stage: Stage) {
    for (n, column) in COLUMNS.iter().enumerate() {
        let (org, ids) = chain(&stage).await;
        let row = n % ids.len();
        let value = match n {
            // A number beyond the chain, for a place in it is taken.
            12 => "seq + 1000".to_owned(),
            13 => "at + 1".to_owned(),
            _ => format!("COALESCE({column}, '') || 'x'"),
        };
        let sql = format!(
            "UPDATE audit_events SET {column} = {value} WHERE id = '{}'",
            ids[row]
        );
        assert_eq!(stage.tamper(&sql).await, 1);
        assert_eq!(
            broken_at(&stage.store, org).await,
            Some(ids[row]),
            "{column}"
        );
    }
}

async fn a_missing_event_is_named_wherever_it_was(stage: Stage) {
    for (row, close_the_gap) in [(0, false), (3, false), (7, false), (3, true)] {
        let (org, ids) = chain(&stage).await;
        let sql = format!("DELETE FROM audit_events WHERE id = '{}'", ids[row]);
        assert_eq!(stage.tamper(&sql).await, 1);
        if close_the_gap {
            for seq in (row + 2)..=ids.len() {
                let sql = format!(
                    "UPDATE audit_events SET seq = seq - 1 WHERE org_id = '{org}' AND seq = {seq}"
                );
                assert_eq!(stage.tamper(&sql).await, 1);
            }
            // The one that now stands in its place follows another.
            assert_eq!(broken_at(&stage.store, org).await, Some(ids[row + 1]));
        } else {
            assert_eq!(broken_at(&stage.store, org).await, Some(ids[row]));
        }
    }
    // Several at once: it is seen that they are gone.
    for gone in ["seq > 5", "seq IN (3, 4)", "seq > 0"] {
        let (org, _) = chain(&stage).await;
        stage
            .tamper(&format!(
                "DELETE FROM audit_events WHERE org_id = '{org}' AND {gone}"
            ))
            .await;
        broken_at(&stage.store, org).await;
        for (from, to) in [(Some(at(0)), None), (None, Some(at(100)))] {
            let part = stage.store.verify(org, from, to, 1000).await.unwrap();
            assert!(!part.chain_valid, "{gone} {from:?} {to:?}");
        }
    }
}

async fn an_end_that_was_cut_off_is_missed(stage: Stage) {
    let heads = [
        "DELETE FROM audit_heads WHERE org_id = '{org}'",
        "UPDATE audit_heads SET seq = 0, event_id = NULL, hash = '', seal = '' WHERE org_id = '{org}'",
        // As if the last event but one had always been the last.
        "UPDATE audit_heads SET seq = 7, \
         event_id = (SELECT id FROM audit_events WHERE org_id = '{org}' AND seq = 7), \
         hash = (SELECT integrity_hash FROM audit_events WHERE org_id = '{org}' AND seq = 7) \
         WHERE org_id = '{org}'",
        // With the seal of another chain that is as long.
        "UPDATE audit_heads SET seal = (SELECT seal FROM audit_heads WHERE org_id = '{other}') \
         WHERE org_id = '{org}'",
    ];
    let (other, _) = chain(&stage).await;
    for head in heads {
        let (org, _) = chain(&stage).await;
        let head = head
            .replace("{org}", &org.to_string())
            .replace("{other}", &other.to_string());
        stage
            .tamper(&format!(
                "DELETE FROM audit_events WHERE org_id = '{org}' AND seq = 8"
            ))
            .await;
        stage.tamper(&head).await;
        broken_at(&stage.store, org).await;
        // And nobody writes on as if nothing were wrong.
        let outcome = stage.store.record(crate::stage::event_in(org, "x")).await;
        assert!(
            matches!(outcome, Err(oneclaw_store::StoreError::Corrupt(_))),
            "{outcome:?}"
        );
        // Nor does it help to take everything away.
        stage
            .tamper(&format!("DELETE FROM audit_events WHERE org_id = '{org}'"))
            .await;
        let outcome = stage.store.verify(org, None, None, 1000).await.unwrap();
        assert!(!outcome.chain_valid);
    }
}

async fn another_key_verifies_nothing(stage: Stage) {
    let (org, _) = chain(&stage).await;
    let other = Store::open(&stage.url, [8; 32], Default::default())
        .await
        .unwrap();
    broken_at(&other, org).await;
    let outcome = other.record(crate::stage::event_in(org, "x")).await;
    assert!(matches!(
        outcome,
        Err(oneclaw_store::StoreError::Corrupt(_))
    ));
    assert_eq!(stage.sound_chain(org).await, EVENTS);
}

/// An edit of one cell.
#[derive(Debug, Clone)]
enum Edit {
    /// Another byte at some place.
    Byte {
        column: usize,
        place: prop::sample::Index,
        byte: u8,
    },
    /// One byte less.
    Shorter {
        column: usize,
        place: prop::sample::Index,
    },
    /// One byte more.
    Longer {
        column: usize,
        place: prop::sample::Index,
        byte: u8,
    },
    /// NULL where there was something, something where there was NULL.
    Null { column: usize },
    /// Another number.
    Number { column: usize, value: i64 },
}

impl Edit {
    fn column(&self) -> usize {
        let (Self::Byte { column, .. }
        | Self::Shorter { column, .. }
        | Self::Longer { column, .. }
        | Self::Null { column }
        | Self::Number { column, .. }) = self;
        *column
    }
}

fn edits() -> impl Strategy<Value = (usize, Edit)> {
    let text = || 0..TEXTS;
    let place = any::<prop::sample::Index>;
    let edit = prop_oneof![
        6 => (text(), place(), any::<u8>()).prop_map(|(column, place, byte)| Edit::Byte { column, place, byte }),
        1 => (text(), place()).prop_map(|(column, place)| Edit::Shorter { column, place }),
        1 => (text(), place(), any::<u8>())
            .prop_map(|(column, place, byte)| Edit::Longer { column, place, byte }),
        1 => prop::sample::select(vec![7_usize, 9, 10]).prop_map(|column| Edit::Null { column }),
        2 => (TEXTS..COLUMNS.len(), any::<i64>()).prop_map(|(column, value)| Edit::Number { column, value }),
    ];
    (0..usize::try_from(EVENTS).unwrap(), edit)
}

/// The cell after the edit, as an SQL expression; none when it is what it was.
fn edited(edit: &Edit, cell: &Option<Vec<u8>>) -> Option<String> {
    let bytes = cell.clone().unwrap_or_default();
    let mut after = bytes.clone();
    match edit {
        Edit::Null { .. } => {
            return Some(if cell.is_some() { "NULL" } else { "'x'" }.to_owned());
        }
        Edit::Number { value, .. } => return Some(value.to_string()),
        Edit::Byte { place, byte, .. } if !after.is_empty() => {
            let place = place.index(after.len());
            after[place] = *byte;
        }
        Edit::Shorter { place, .. } if !after.is_empty() => {
            after.remove(place.index(after.len()));
        }
        Edit::Byte { byte, .. } => after.push(*byte),
        Edit::Shorter { .. } => {}
        Edit::Longer { place, byte, .. } => after.insert(place.index(after.len() + 1), *byte),
    }
    (after != bytes).then(|| text_of(&after))
}

/// One connection that edits an SQLite file behind the store's back.
struct Intruder {
    runtime: tokio::runtime::Runtime,
    connection: std::cell::RefCell<SqliteConnection>,
}

impl Intruder {
    fn new(runtime: tokio::runtime::Runtime, url: &str) -> Self {
        let connection = runtime.block_on(SqliteConnection::connect(url)).unwrap();
        Self {
            runtime,
            connection: connection.into(),
        }
    }

    fn rowid(&self, id: EventId) -> i64 {
        let sql = format!("SELECT rowid FROM audit_events WHERE id = '{id}'");
        let mut connection = self.connection.borrow_mut();
        let found = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *connection);
        self.runtime.block_on(found).unwrap()
    }

    fn cell(&self, rowid: i64, column: &str) -> Option<Vec<u8>> {
        let sql = format!("SELECT CAST({column} AS BLOB) FROM audit_events WHERE rowid = {rowid}");
        let mut connection = self.connection.borrow_mut();
        let found = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *connection);
        self.runtime.block_on(found).unwrap()
    }

    /// Puts an expression into a cell; whether that changed anything.
    fn set(&self, rowid: i64, column: &str, value: &str) -> bool {
        let sql = format!(
            "UPDATE audit_events SET {column} = {value} WHERE rowid = {rowid} AND {column} IS NOT {value}"
        );
        let mut connection = self.connection.borrow_mut();
        let done = sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection);
        // A place in the chain that is taken cannot be had, nor a name.
        self.runtime
            .block_on(done)
            .is_ok_and(|done| done.rows_affected() == 1)
    }
}

/// Any bytes at all as text, also such as are none.
fn text_of(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("CAST(x'{hex}' AS TEXT)")
}

#[test]
fn an_edit_of_any_byte_of_any_column_names_the_event() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (stage, (org, ids)) = runtime.block_on(async {
        let stage = Stage::sqlite().await;
        let chain = chain(&stage).await;
        (stage, chain)
    });
    let intruder = Intruder::new(runtime, &stage.url);
    let effective = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config {
        cases: 600,
        ..Config::default()
    });
    let outcome = runner.run(&edits(), |(row, edit)| {
        let (id, column) = (ids[row], COLUMNS[edit.column()]);
        let rowid = intruder.rowid(id);
        let before = intruder.cell(rowid, column);
        let Some(value) = edited(&edit, &before) else {
            return Ok(());
        };
        if !intruder.set(rowid, column, &value) {
            return Ok(());
        }
        effective.set(effective.get() + 1);
        let verified = stage.store.verify(org, None, None, 1000);
        let outcome = intruder.runtime.block_on(verified).unwrap();
        let renamed = intruder
            .cell(rowid, "id")
            .and_then(|id| String::from_utf8(id).ok());
        let restored = match before {
            None => "NULL".to_owned(),
            Some(bytes) if TEXTS <= edit.column() => {
                format!("CAST({} AS INTEGER)", text_of(&bytes))
            }
            Some(bytes) => text_of(&bytes),
        };
        assert!(intruder.set(rowid, column, &restored));

        prop_assert!(
            !outcome.chain_valid,
            "{} of event {} was not noticed",
            column,
            row + 1
        );
        // An event whose name was changed goes by the new one, if that is a name.
        let renamed = renamed.and_then(|id| id.parse::<EventId>().ok());
        prop_assert!(
            [Some(id), renamed.or(Some(id))].contains(&outcome.broken_at),
            "{} of event {} was blamed on {:?}",
            column,
            row + 1,
            outcome.broken_at
        );
        Ok::<_, TestCaseError>(())
    });
    outcome.unwrap();
    assert!(
        effective.get() > 400,
        "{} edits changed anything",
        effective.get()
    );
    assert_eq!(intruder.runtime.block_on(stage.sound_chain(org)), EVENTS);
}
