//! What the guides say, tried out.

#[cfg(test)]
mod signed_intents;
