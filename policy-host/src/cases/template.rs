//! An ordinary request, into which a case puts what matters to it.

use oneclaw_core::request::AccessRequest;
use oneclaw_core::transaction::TransactionRequest;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Ids that stand for nobody in particular.
const ORG: &str = "00000000-0000-7000-8000-000000000001";
const VAULT: &str = "00000000-0000-7000-8000-000000000002";
const AGENT: &str = "agent:00000000-0000-7000-8000-000000000003";
const KEY: &str = "00000000-0000-7000-8000-000000000004";
/// 2026-01-01T12:00:00Z, a Thursday.
const AT: i64 = 1_767_268_800_000;

pub(super) fn access(given: &Value) -> Result<AccessRequest, String> {
    let request = json!({
        "org": ORG,
        "vault": VAULT,
        "path": "path/to/secret",
        "permission": "read",
        "principal": AGENT,
        "owner": false,
        "environment": null,
        "client": "127.0.0.1",
        "at": AT,
        "facts": [],
    });
    filled(request, given)
}

pub(super) fn transaction(given: &Value) -> Result<TransactionRequest, String> {
    let mut request = json!({
        "org": ORG,
        "principal": AGENT,
        "key": {"secret": KEY, "vault": VAULT, "path": "agents/agent/chains/evm", "version": 1},
        "sender": format!("0x{}", "11".repeat(20)),
        "chain": {"id": 1, "name": "ethereum"},
        "intent": {"message": "0x"},
        "effects": [],
        "signature": null,
        "simulation": null,
        "budgets": [],
        "client": "127.0.0.1",
        "at": AT,
        "environment": null,
        "labels": [],
        "facts": [],
    });
    let mut given = given.clone();
    // A kind of intent takes the place of the other, and brings what all of its kind have.
    if let (Some(intent), Some(request)) = (given.get("intent"), request.as_object_mut()) {
        let ordinary = if intent.get("transaction").is_some() {
            json!({"transaction": {
                "tx_type": "dynamic_fee",
                "to": format!("0x{}", "22".repeat(20)),
                "value": "0",
                "data": "0x",
                "gas_limit": 21_000,
                "fees": {"max_fee_per_gas": "30000000000", "max_priority_fee_per_gas": "1000000000"},
                "nonce": 0,
                "access_list": [],
                "authorizations": [],
            }})
        } else {
            json!({})
        };
        request.insert("intent".to_owned(), ordinary);
    }
    fill_each(
        &mut given,
        "effects",
        &json!({"amount": "0", "unlimited": false}),
    );
    fill_each(
        &mut given,
        "budgets",
        &json!({"spent": "0", "reserved": "0"}),
    );
    filled(request, &given)
}

/// Puts into every element of a list what it leaves out.
fn fill_each(given: &mut Value, list: &str, ordinary: &Value) {
    let Some(items) = given.get_mut(list).and_then(Value::as_array_mut) else {
        return;
    };
    for item in items {
        let mut whole = ordinary.clone();
        merge(&mut whole, item);
        *item = whole;
    }
}

fn filled<T: DeserializeOwned>(mut request: Value, given: &Value) -> Result<T, String> {
    match given {
        Value::Null => {}
        Value::Object(fields) => {
            let known = request.as_object();
            if let Some(field) = fields
                .keys()
                .find(|field| known.is_some_and(|known| !known.contains_key(*field)))
            {
                return Err(format!(
                    "the request has a field `{}` that there is not",
                    oneclaw_core::path::excerpt(field)
                ));
            }
            merge(&mut request, given);
        }
        _ => return Err("the request is not an object".to_owned()),
    }
    if let Some(at) = request.get_mut("at")
        && let Some(text) = at.as_str()
    {
        let instant: jiff::Timestamp = text.parse().map_err(
            |_| "`at` is neither milliseconds nor a time such as `2026-01-01T12:00:00Z`",
        )?;
        *at = json!(instant.as_millisecond());
    }
    serde_json::from_value(request).map_err(|error| format!("the request cannot be read: {error}"))
}

/// Objects are merged, anything else takes the place of what was there.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}
