//! What verifying says.

use std::fmt;
use std::io;

use crate::note::NoteError;

/// Why a file cannot be verified at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It cannot be read.
    #[error("line {line}: {source}")]
    Read {
        /// From 1.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// It is no export, or of another format.
    #[error("this is not an export of the audit trail: {0}")]
    NotAnExport(&'static str),
    /// A checkpoint that was handed in is not signed, or of another chain.
    #[error("checkpoint {number} of those given: {source}")]
    Given {
        /// From 1.
        number: usize,
        /// Why.
        source: NoteError,
    },
}

/// What is wrong with an export, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line of the file, from 1.
    pub line: u64,
    /// What.
    pub what: Wrong,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// A line that is none of an export, or stands where it must not.
    Form(String),
    /// Events are missing: numbers `first` to `last`.
    Missing {
        /// The first that is missing.
        first: u64,
        /// The last.
        last: u64,
    },
    /// An event stands out of its place, or twice.
    Order {
        /// Its number.
        seq: u64,
        /// Its id.
        event_id: String,
    },
    /// An event is not as it was recorded.
    Edited {
        /// Its number.
        seq: u64,
        /// Its id, if that is not what was edited.
        event_id: String,
    },
    /// Somewhere among these events one is not as it was when the checkpoint was signed.
    Altered {
        /// The first that may be.
        first: u64,
        /// The last: the checkpoint's.
        last: u64,
    },
    /// A checkpoint that nobody signed with the key.
    Unsigned(NoteError),
    /// Two different trees were signed for one number of events.
    Forked {
        /// That number.
        size: u64,
    },
    /// The file begins after an event, and no checkpoint says what there was up to it.
    UnsignedStart {
        /// That event's number.
        after: u64,
    },
    /// The chain was longer when a checkpoint was signed: its end is missing.
    Truncated {
        /// Events that there were.
        signed: u64,
        /// The last in the file.
        found: u64,
    },
    /// The last line is missing, or says otherwise.
    CutOff,
    /// Not one checkpoint covers an event of the file.
    Uncovered,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(what) => f.write_str(what),
            Self::Missing { first, last } if first == last => write!(f, "event {first} is missing"),
            Self::Missing { first, last } => write!(f, "events {first} to {last} are missing"),
            Self::Order { seq, event_id } => {
                write!(f, "event {seq} ({event_id}) is out of its place")
            }
            Self::Edited { seq, event_id } => {
                write!(f, "event {seq} ({event_id}) is not as it was recorded")
            }
            Self::Altered { first, last } => write!(
                f,
                "events {first} to {last} are not what the checkpoint at {last} signed"
            ),
            Self::Unsigned(error) => error.fmt(f),
            Self::Forked { size } => {
                write!(f, "two different histories of {size} events were signed")
            }
            Self::UnsignedStart { after } => write!(
                f,
                "no checkpoint says what there was up to event {after}, after which the file begins"
            ),
            Self::Truncated { signed, found } => write!(
                f,
                "the end is missing: there were {signed} events when a checkpoint was signed, and the file ends with {found}"
            ),
            Self::CutOff => f.write_str("the file ends before its last line"),
            Self::Uncovered => f.write_str("no checkpoint covers an event of this file"),
        }
    }
}

/// The outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whose chain.
    pub org_id: String,
    /// Number of the first event of the file.
    pub first: u64,
    /// Number of the last.
    pub last: u64,
    /// Events read.
    pub events: u64,
    /// Checkpoints that hold and were compared with the events.
    pub checkpoints: u64,
    /// Up to this event a checkpoint covers the file; later ones are not covered yet.
    pub covered: u64,
    /// What is wrong, in the order of the file; the first thousand.
    pub problems: Vec<Problem>,
    /// How many more problems there are.
    pub more_problems: u64,
}

impl Report {
    /// Nothing was edited, dropped, reordered or cut off.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        self.problems.is_empty()
    }
}
