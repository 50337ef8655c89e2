//! The lines of an export: each a JSON object whose member `record` says what it is.
//!
//! ```text
//! {"record":"header", …}        whose chain, and where the file begins
//! {"record":"checkpoint", …}    signed notes, smallest first
//! {"record":"event", …}         events, oldest first; without its line feed, the line is the leaf of the tree
//! {"record":"leaves", …}        the hashes of the events before it, so that an edit can be found
//! {"record":"end", …}           how many events there were
//! ```

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tree::{self, Frontier, Hash};

/// Version of this format.
pub const FORMAT: u32 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "lowercase")]
pub enum Line {
    /// The first.
    Header(Header),
    /// A signed note.
    Checkpoint {
        /// The note.
        note: String,
    },
    /// Hashes of events.
    Leaves {
        /// Number of the event that the first hash is of.
        first: u64,
        /// Lower-case hexadecimal.
        hashes: Vec<String>,
    },
    /// The last.
    End {
        /// Events in the file.
        events: u64,
    },
}

/// The first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`]
    pub format: u32,
    /// Whose chain.
    pub org_id: String,
    /// What its checkpoints begin with.
    pub origin: String,
    /// RFC 3339.
    pub exported_at: String,
    /// The event that the file's first one follows; 0 if it begins with the first ever.
    pub after: u64,
    /// Its id, if there is one.
    pub after_event_id: Option<String>,
    /// The tree up to there: roots of its complete subtrees, largest first, lower-case hexadecimal.
    pub after_roots: Vec<String>,
    /// The last event of the file.
    pub through: u64,
    /// The key that the server signs with, for convenience. Verify with one that you have from somewhere else.
    pub key: String,
}

impl Header {
    /// The tree where the file begins.
    #[must_use]
    pub fn frontier(&self) -> Option<Frontier> {
        let roots = self
            .after_roots
            .iter()
            .map(|root| hash(root))
            .collect::<Option<_>>()?;
        Frontier::from_parts(self.after, roots)
    }
}

/// An event. Members stand in the order of their names, without a space: [`Event::line`] is the same for whoever writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// For example `secret.read`.
    pub action: String,
    /// Bare id, or empty.
    pub actor_id: String,
    /// `user`, `agent`, `system` or `anonymous`.
    pub actor_type: String,
    /// RFC 3339.
    pub created_at: String,
    /// Whatever else is worth knowing; its members in the order of their names, at every level.
    pub details: Value,
    /// Its id.
    pub id: String,
    /// The server's own hash over the event and the one before; only the server can compute it.
    pub integrity_hash: String,
    /// Where the caller spoke from.
    pub ip_address: Option<String>,
    /// Whose chain.
    pub org_id: String,
    /// The event before it.
    pub prev_event_id: Option<String>,
    /// `event`
    pub record: EventRecord,
    /// Id or path, or empty.
    pub resource_id: String,
    /// For example `secret`.
    pub resource_type: String,
    /// Its place in the chain, from 1.
    pub seq: u64,
    /// The vault it is about.
    pub vault_id: Option<String>,
}

/// The word `event`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventRecord {
    /// It.
    #[default]
    Event,
}

impl Event {
    /// The line without its line feed.
    #[must_use]
    pub fn line(&self) -> String {
        text(self)
    }
}

/// The leaf of an event's line.
#[must_use]
pub fn leaf(line: &str) -> Hash {
    tree::leaf(line.as_bytes())
}

/// A line as text.
#[must_use]
pub fn line(line: &Line) -> String {
    text(line)
}

/// Hashes as text.
#[must_use]
pub fn hashes(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(hex::encode).collect()
}

/// A hash from text.
#[must_use]
pub fn hash(text: &str) -> Option<Hash> {
    hex::decode(text).ok()?.try_into().ok()
}

fn text(value: &impl Serialize) -> String {
    // Keys are text and numbers are finite: there is nothing that could not be written.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_members_of_an_event_are_in_order() {
        let event = Event {
            action: "a".to_owned(),
            actor_id: String::new(),
            actor_type: "user".to_owned(),
            created_at: "2026-01-01T00:00:00Z".to_owned(),
            details: json!({"a": 1}),
            id: "i".to_owned(),
            integrity_hash: "h".to_owned(),
            ip_address: None,
            org_id: "o".to_owned(),
            prev_event_id: None,
            record: EventRecord::Event,
            resource_id: "r".to_owned(),
            resource_type: "t".to_owned(),
            seq: 1,
            vault_id: None,
        };
        let line = event.line();
        let sorted: std::collections::BTreeMap<String, Value> =
            serde_json::from_str(&line).unwrap();
        assert_eq!(serde_json::to_string(&sorted).unwrap(), line);
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }
}
