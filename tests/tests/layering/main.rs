//! The layers hold. Each test here fails with the file and line that breaks a rule, the reason for the rule, and what to
//! do instead; ARCHITECTURE.md tells the same rules in words.

mod crates;
mod findings;
mod hygiene;
mod modules;
mod source;
