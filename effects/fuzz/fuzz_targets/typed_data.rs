//! Any JSON as typed data. What is accepted reads back as the same hash from its own text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oneclaw_core::transaction::Address;
use oneclaw_effects::{TypedData, of_typed_data};
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let Ok(mut json) = serde_json::from_slice::<Value>(input) else {
        return;
    };
    let Ok(typed) = TypedData::parse(&json) else {
        return;
    };
    assert!(!of_typed_data(Address::ZERO, &typed).is_empty());
    json["message"] =
        serde_json::from_str(&typed.intent().message).expect("canonical text is JSON");
    let again = TypedData::parse(&json).expect("canonical text is accepted");
    assert_eq!(again.signing_hash(), typed.signing_hash());
});
