//! A request as plain JSON, in the words that policy languages use. For plugins that hand requests on to an engine.

use serde_json::{Map, Value, json};

use crate::outgoing::Outgoing;
use crate::{
    AccessRequest, Amount, EffectKind, Fact, Id, Intent, IpAddress, Permission, Principal,
    PrincipalKind, TransactionRequest,
};

/// What is asked, of whom, by whom.
#[derive(Debug, Clone)]
pub struct Question {
    /// `User` or `Agent`, and the id.
    pub principal: (&'static str, String),
    /// `read`, `write`, `delete`, `rotate`, `transaction`, `typed_data`, `message` or `digest`.
    pub action: &'static str,
    /// `Path` and the path, or `Account` and the address that is called or paid.
    pub resource: (&'static str, String),
    /// Everything else.
    pub context: Map<String, Value>,
}

/// The question of an access request.
#[must_use]
pub fn of_access(request: &AccessRequest) -> Question {
    let mut context = shared(
        &request.organisation,
        request.client,
        request.at_ms,
        request.environment.as_deref(),
        &request.facts,
    );
    context.insert("vault".to_owned(), json!(uuid(request.vault)));
    context.insert("owner".to_owned(), json!(request.owner));
    Question {
        principal: principal(&request.principal),
        action: match request.permission {
            Permission::Read => "read",
            Permission::Write => "write",
            Permission::Delete => "delete",
            Permission::Rotate => "rotate",
        },
        resource: ("Path", request.path.clone()),
        context,
    }
}

/// The question of a request to have something signed.
#[must_use]
pub fn of_transaction(request: &TransactionRequest) -> Question {
    let outgoing = Outgoing::of(request);
    let mut context = shared(
        &request.organisation,
        request.client,
        request.at_ms,
        request.environment.as_deref(),
        &request.facts,
    );
    let mut put = |key: &str, value: Value| context.insert(key.to_owned(), value);
    put("sender", json!(request.sender.to_string()));
    put("labels", record(&request.labels));
    put("signed_by_agent", json!(request.signature.is_some()));
    if let Some(chain) = &request.chain {
        put("chain_id", integer(Amount::from(chain.id)));
        put("chain", json!(chain.name));
    }
    let value = outgoing.native.unwrap_or(Amount::MAX);
    put("value_wei", json!(value.to_string()));
    // Rounded up, and held at the largest number there is: never less than what leaves.
    let gwei = value.checked_div_ceil(1_000_000_000);
    put("value_gwei", integer(gwei.unwrap_or(Amount::MAX)));
    let tokens = outgoing.tokens.iter();
    put(
        "tokens",
        tokens.map(|(token, _)| json!(token.to_string())).collect(),
    );
    let recipients = outgoing.recipients();
    let recipients = recipients.iter().map(|address| json!(address.to_string()));
    put("recipients", recipients.collect());
    let is_unread = outgoing.effects.iter().any(|effect| {
        matches!(
            effect.kind,
            EffectKind::Opaque | EffectKind::Delegatecall | EffectKind::Delegation
        )
    });
    put("unread", json!(is_unread));
    let (action, to) = match &request.intent {
        Intent::Transaction(tx) => {
            if let Some(selector) = tx.selector {
                put("selector", json!(format!("0x{selector:08x}")));
            }
            ("transaction", tx.to)
        }
        Intent::TypedData(typed) => {
            put("primary_type", json!(typed.primary_type));
            ("typed_data", typed.verifying_contract)
        }
        Intent::Message(_) => ("message", None),
        Intent::Digest(_) => ("digest", None),
    };
    Question {
        principal: principal(&request.principal),
        action,
        resource: (
            "Account",
            to.map_or_else(|| "none".to_owned(), |to| to.to_string()),
        ),
        context,
    }
}

fn shared(
    organisation: &Id,
    client: IpAddress,
    at_ms: i64,
    environment: Option<&str>,
    facts: &[Fact],
) -> Map<String, Value> {
    let mut context = Map::new();
    let mut put = |key: &str, value: Value| context.insert(key.to_owned(), value);
    put("organisation", json!(uuid(*organisation)));
    put("client", json!(address(client)));
    put("at_ms", json!(at_ms));
    put(
        "minute_of_day_utc",
        json!(at_ms.div_euclid(60_000).rem_euclid(1440)),
    );
    // 1970-01-01 was a Thursday; Monday is 1.
    put(
        "weekday_utc",
        json!((at_ms.div_euclid(86_400_000) + 3).rem_euclid(7) + 1),
    );
    if let Some(environment) = environment {
        put("environment", json!(environment));
    }
    put("facts", record(facts));
    context
}

/// The first of several facts with one key counts, as for every plugin that looks for a key.
fn record(facts: &[Fact]) -> Value {
    let mut record = Map::new();
    for fact in facts {
        record
            .entry(fact.key.clone())
            .or_insert_with(|| json!(fact.value));
    }
    Value::Object(record)
}

fn principal(principal: &Principal) -> (&'static str, String) {
    let kind = match principal.kind {
        PrincipalKind::User => "User",
        PrincipalKind::Agent => "Agent",
    };
    (kind, uuid(principal.id))
}

fn uuid(id: Id) -> String {
    let digits = format!("{:016x}{:016x}", id.high, id.low);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    let parts = parts.map(|range| digits.get(range).unwrap_or_default());
    parts.join("-")
}

fn address(client: IpAddress) -> String {
    let all = u128::from(client.high) << 64 | u128::from(client.low);
    std::net::Ipv6Addr::from_bits(all)
        .to_canonical()
        .to_string()
}

/// Policies know signed 64-bit integers.
fn integer(amount: Amount) -> Value {
    match amount.limbs() {
        [low, 0, 0, 0] => json!(i64::try_from(low).unwrap_or(i64::MAX)),
        _ => json!(i64::MAX),
    }
}
