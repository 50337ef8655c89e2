//! Decisions: recorded, explained, replayed and vouched for.

mod determinism;
mod receipts;
mod records;
mod replays;
