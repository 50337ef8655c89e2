//! Decisions: recorded, explained, replayed and vouched for.

mod records;
