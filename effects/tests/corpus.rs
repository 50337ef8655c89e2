//! Calldata as wallets and protocols make it, and what it means. Calldata and effects of `corpus/` were written by another
//! encoder than the one under test.

use std::fs;
use std::path::Path;

use oneclaw_core::amount::Amount;
use oneclaw_core::transaction::{Address, Bytes, Effect};
use oneclaw_effects::{Limits, of_transaction};
use serde::Deserialize;

mod common;

#[derive(Deserialize)]
struct Case {
    name: String,
    chain_id: u64,
    sender: Address,
    to: Address,
    value: Amount,
    data: Bytes,
    effects: Vec<Effect>,
}

#[test]
fn calldata_means_what_the_corpus_says() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for case in serde_json::from_str::<Vec<Case>>(&text).unwrap() {
            count += 1;
            let intent = common::transaction(Some(case.to), case.value, case.data);
            let effects = of_transaction(case.chain_id, case.sender, &intent, &Limits::default());
            if effects != case.effects {
                wrong.push(format!(
                    "{}:\n{effects:#?}\ninstead of\n{:#?}",
                    case.name, case.effects
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(count >= 80, "only {count} cases were found");
}
