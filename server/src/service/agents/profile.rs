//! The fields of an agent that are checked, stored and returned, in one table.
//!
//! A field that is in the table is validated by its kind. A field that is not is ignored, as everywhere in the contract,
//! except for the families `cards_…` and `federation_…`, which are stored as they come.

use oneclaw_core::label::{MAX_LABELS, is_label_word};
use oneclaw_core::path::excerpt;
use serde_json::{Map, Value, json};

use super::super::check;
use super::super::error::{Result, ServiceError};

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`; `null` means `false`.
    Flag,
    /// A list of non-empty strings; `null` means none.
    Strings,
    /// An amount in native major units as a decimal string, or `null`.
    Decimal,
    /// A whole number of at least 0, or `null`.
    Count,
    /// A JSON object, or `null`.
    Object,
    /// A larger JSON object with guardrails, or `null`.
    Guardrails,
    /// Names or ids of chains; ids are kept as text. `null` means none.
    Chains,
    /// An object of text: names and values of labels. `null` means none.
    Labels,
    /// `off`, `optional` or `required`.
    SignatureMode,
    /// `deny` or `allow`; `block` is read as `deny`.
    DenyOrAllow,
    /// A list of `{verifying_contract, name?, chain_id?}` or bare addresses.
    Domains,
    /// Must not be switched on: there is no trusted execution environment.
    Tee,
}

/// When a field may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// On creation.
    Create,
    /// On update.
    Update,
}

/// Name and kind of each field.
pub const FIELDS: [(&str, Kind); 32] = [
    ("tx_to_allowlist", Kind::Strings),
    ("tx_max_value", Kind::Decimal),
    ("tx_daily_limit", Kind::Decimal),
    ("tx_allowed_chains", Kind::Chains),
    ("tx_token_allowlist", Kind::Strings),
    ("tx_known_tokens_only", Kind::Flag),
    ("tx_max_per_day", Kind::Count),
    ("per_chain_guardrails", Kind::Guardrails),
    ("tx_overhead_budget", Kind::Object),
    ("solana_ata_allowlist", Kind::Strings),
    ("xrpl_allowed_tx_types", Kind::Strings),
    ("message_signing_enabled", Kind::Flag),
    ("raw_signing_enabled", Kind::Flag),
    ("eip712_default_policy", Kind::DenyOrAllow),
    ("eip712_domain_allowlist", Kind::Domains),
    ("shroud_enabled", Kind::Flag),
    ("shroud_config", Kind::Object),
    ("execution_intents_enabled", Kind::Flag),
    ("execution_guardrails", Kind::Object),
    ("intents_require_tee", Kind::Tee),
    ("execution_require_tee", Kind::Tee),
    ("cards_enabled", Kind::Flag),
    ("cards_config", Kind::Object),
    ("federation_enabled", Kind::Flag),
    ("federation_audiences", Kind::Strings),
    ("federation_config", Kind::Object),
    ("environment_locked", Kind::Flag),
    ("env_auto_resolve", Kind::Flag),
    ("per_environment_guardrails", Kind::Object),
    ("guardrails", Kind::Guardrails),
    ("intent_signature", Kind::SignatureMode),
    ("labels", Kind::Labels),
];

/// `(alias, name)`: the name wins if both are given.
const ALIASES: [(&str, &str); 2] = [
    ("tx_max_value_eth", "tx_max_value"),
    ("tx_daily_limit_eth", "tx_daily_limit"),
];

/// Families whose members are stored as they come.
const FAMILIES: [&str; 2] = ["cards_", "federation_"];

/// Most members of the families together.
const MAX_FAMILY_MEMBERS: usize = 64;

/// Most bytes of an object with guardrails, as JSON.
const MAX_GUARDRAILS_BYTES: usize = 128 * 1024;

/// Fields that can be set for many agents at once.
const OF_MANY: [&str; 14] = [
    "tx_to_allowlist",
    "tx_max_value",
    "tx_daily_limit",
    "tx_allowed_chains",
    "tx_token_allowlist",
    "tx_known_tokens_only",
    "tx_max_per_day",
    "per_chain_guardrails",
    "tx_overhead_budget",
    "message_signing_enabled",
    "raw_signing_enabled",
    "eip712_default_policy",
    "intent_signature",
    "guardrails",
];

/// Fields beside those that bound what an agent may have signed. Labels do: they choose among the guardrails of the fleet.
const MORE_GUARDRAILS: [&str; 6] = [
    "solana_ata_allowlist",
    "xrpl_allowed_tx_types",
    "eip712_domain_allowlist",
    "execution_guardrails",
    "per_environment_guardrails",
    "labels",
];

/// Whether a field, under any of its names, is a guardrail.
pub fn is_guardrail(field: &str) -> bool {
    OF_MANY.contains(&field)
        || MORE_GUARDRAILS.contains(&field)
        || ALIASES.iter().any(|(alias, _)| *alias == field)
}

/// The fields of a profile that say something in particular.
pub fn set_fields(profile: &Value) -> Vec<&str> {
    let defaults = defaults();
    profile
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, value)| !value.is_null() && defaults.get(*name) != Some(*value))
        .map(|(name, _)| name.as_str())
        .collect()
}

/// For a field that gives an agent something: the one value that takes it from many.
fn closed(field: &str) -> Option<Value> {
    match field {
        "message_signing_enabled" | "raw_signing_enabled" => Some(json!(false)),
        "eip712_default_policy" => Some(json!("deny")),
        "intent_signature" => Some(json!("required")),
        _ => None,
    }
}

/// A profile that says nothing in particular.
pub fn defaults() -> Map<String, Value> {
    FIELDS
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), default(*kind)))
        .collect()
}

fn default(kind: Kind) -> Value {
    match kind {
        Kind::Flag | Kind::Tee => json!(false),
        Kind::Strings | Kind::Domains | Kind::Chains => json!([]),
        Kind::Decimal | Kind::Count | Kind::Object | Kind::Guardrails => Value::Null,
        Kind::Labels => json!({}),
        Kind::SignatureMode => json!("off"),
        Kind::DenyOrAllow => json!("deny"),
    }
}

/// Checks the shape of the given fields and takes them over. What guardrails mean is checked on the whole, by
/// [`guardrails::check`](super::super::guardrails::check).
///
/// # Errors
/// Names the field at fault; then nothing was taken over that the caller may keep.
pub fn apply(
    profile: &mut Map<String, Value>,
    mut given: Map<String, Value>,
    when: When,
) -> Result<()> {
    for (alias, name) in ALIASES {
        if let Some(value) = given.remove(alias) {
            given.entry(name).or_insert(value);
        }
    }
    for (name, value) in given {
        if let Some((_, kind)) = FIELDS.iter().find(|(field, _)| *field == name) {
            if name == "raw_signing_enabled"
                && when == When::Create
                && value != json!(false)
                && !value.is_null()
            {
                return Err(ServiceError::field(
                    name,
                    "cannot be set on creation; a human switches it on later",
                ));
            }
            let value = checked(&name, *kind, value)?;
            profile.insert(name, value);
        } else if FAMILIES.iter().any(|family| name.starts_with(family)) {
            let members = profile
                .keys()
                .filter(|key| FAMILIES.iter().any(|family| key.starts_with(family)));
            if name.len() > 64 || members.count() >= MAX_FAMILY_MEMBERS {
                return Err(ServiceError::field(
                    excerpt(&name),
                    "is one field too many of its family",
                ));
            }
            check::document(&name, &value)?;
            profile.insert(name, value);
        }
    }
    Ok(())
}

/// Checks the shape of guardrails for many agents. What is `null` or says nothing is left out.
///
/// # Errors
/// Names the field at fault.
pub fn fleet_fields(mut given: Map<String, Value>) -> Result<Map<String, Value>> {
    for (alias, name) in ALIASES {
        if let Some(value) = given.remove(alias) {
            given.entry(name).or_insert(value);
        }
    }
    let mut fields = Map::new();
    for (name, value) in given {
        let kind = FIELDS
            .iter()
            .find(|(field, _)| *field == name && OF_MANY.contains(field));
        let Some((_, kind)) = kind else {
            return Err(ServiceError::field(
                excerpt(&name),
                "is no guardrail that can be set for many agents",
            ));
        };
        if value.is_null() {
            continue;
        }
        let value = checked(&name, *kind, value)?;
        match closed(&name) {
            // The strictest wins: for many agents a field can only take away.
            Some(closed) if value != closed => {
                return Err(ServiceError::field(
                    name,
                    format!("must be {closed} or absent: each agent is given more by itself"),
                ));
            }
            Some(_) => {}
            None if value == default(*kind) => continue,
            None => {}
        }
        fields.insert(name, value);
    }
    Ok(fields)
}

fn checked(name: &str, kind: Kind, value: Value) -> Result<Value> {
    let wrong = |message: &str| Err(ServiceError::field(name, message));
    match (kind, value) {
        (kind, Value::Null) => Ok(default(kind)),
        (Kind::Flag, value @ Value::Bool(_)) => Ok(value),
        (Kind::Flag, _) => wrong("must be true or false"),
        (Kind::Tee, Value::Bool(false)) => Ok(json!(false)),
        (Kind::Tee, _) => {
            wrong("cannot be switched on: this server has no trusted execution environment")
        }
        (Kind::Strings, Value::Array(items)) => strings(name, items),
        (Kind::Strings, _) => wrong("must be a list of strings"),
        // Some clients cannot send null and clear a value with empty text.
        (Kind::Decimal, Value::String(text)) if text.is_empty() => Ok(Value::Null),
        (Kind::Decimal, Value::String(text)) if is_decimal(&text) => Ok(Value::String(text)),
        (Kind::Decimal, Value::Number(number)) if number.is_u64() => {
            Ok(Value::String(number.to_string()))
        }
        (Kind::Decimal, _) => wrong(
            "must be an amount in native units as a decimal string, such as `\"0.05\"`, with at most 18 decimals",
        ),
        (Kind::Count, Value::Number(number))
            if number.as_u64().is_some_and(|n| n <= 1_000_000_000) =>
        {
            Ok(Value::Number(number))
        }
        (Kind::Count, _) => wrong("must be a whole number from 0 to 1000000000"),
        (Kind::Object, value @ Value::Object(_)) => {
            check::document(name, &value)?;
            Ok(value)
        }
        (Kind::Guardrails, value @ Value::Object(_)) => {
            let bytes = serde_json::to_vec(&value).map_or(usize::MAX, |text| text.len());
            if bytes > MAX_GUARDRAILS_BYTES {
                return wrong(&format!(
                    "has {bytes} bytes as JSON; the limit is {MAX_GUARDRAILS_BYTES}"
                ));
            }
            Ok(value)
        }
        (Kind::Object | Kind::Guardrails, _) => wrong("must be an object"),
        (Kind::Chains, Value::Array(items)) => strings(name, items.into_iter().map(text).collect()),
        (Kind::Chains, _) => wrong("must be a list of chains, such as `[\"base\"]`"),
        (Kind::Labels, Value::Object(map)) => labels(name, map),
        (Kind::Labels, _) => wrong("must be an object such as `{\"team\": \"red\"}`"),
        (Kind::SignatureMode, Value::String(word))
            if matches!(word.as_str(), "off" | "optional" | "required") =>
        {
            Ok(Value::String(word))
        }
        (Kind::SignatureMode, _) => wrong("must be `off`, `optional` or `required`"),
        (Kind::DenyOrAllow, Value::String(word)) if word == "allow" => Ok(json!("allow")),
        (Kind::DenyOrAllow, Value::String(word)) if word == "deny" || word == "block" => {
            Ok(json!("deny"))
        }
        (Kind::DenyOrAllow, _) => wrong("must be `deny` or `allow`"),
        (Kind::Domains, Value::Array(items)) => domains(name, items),
        (Kind::Domains, _) => wrong("must be a list of `{verifying_contract, name, chain_id}`"),
    }
}

fn strings(name: &str, items: Vec<Value>) -> Result<Value> {
    if items.len() > check::MAX_LIST_ENTRIES {
        return Err(ServiceError::field(
            name,
            format!("has more than {} entries", check::MAX_LIST_ENTRIES),
        ));
    }
    for item in &items {
        let sound = item.as_str().is_some_and(|text| {
            !text.trim().is_empty() && text.len() <= 256 && !text.chars().any(char::is_control)
        });
        if !sound {
            return Err(ServiceError::field(
                name,
                "must be a list of strings of 1 to 256 bytes",
            ));
        }
    }
    Ok(Value::Array(items))
}

/// A number as text.
fn text(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::String(number.to_string()),
        other => other,
    }
}

/// Labels: names of what budgets are shared by, and so of their alphabet.
fn labels(name: &str, map: Map<String, Value>) -> Result<Value> {
    if map.len() > MAX_LABELS {
        return Err(ServiceError::field(
            name,
            format!("has more than {MAX_LABELS} entries"),
        ));
    }
    let sound = |(key, value): (&String, &Value)| {
        is_label_word(key) && value.as_str().is_some_and(is_label_word)
    };
    if !map.iter().all(sound) {
        return Err(ServiceError::field(
            name,
            "names and values have 1 to 64 letters, digits, `-`, `_` and `.`",
        ));
    }
    Ok(Value::Object(map))
}

fn domains(name: &str, items: Vec<Value>) -> Result<Value> {
    if items.len() > check::MAX_LIST_ENTRIES {
        return Err(ServiceError::field(
            name,
            format!("has more than {} entries", check::MAX_LIST_ENTRIES),
        ));
    }
    let mut domains = Vec::with_capacity(items.len());
    for item in items {
        let domain = match item {
            Value::String(address) => json!({"verifying_contract": address}),
            other => other,
        };
        if !domain
            .get("verifying_contract")
            .and_then(Value::as_str)
            .is_some_and(is_address)
        {
            return Err(ServiceError::field(
                name,
                "each entry needs a `verifying_contract`: `0x` and 40 hexadecimal digits",
            ));
        }
        check::document(name, &domain)?;
        domains.push(domain);
    }
    Ok(Value::Array(domains))
}

fn is_address(text: &str) -> bool {
    text.strip_prefix("0x")
        .is_some_and(|hex| hex.len() == 40 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Digits, and at most 18 decimals behind a point; nothing else.
fn is_decimal(text: &str) -> bool {
    let (whole, decimals) = text
        .split_once('.')
        .map_or((text, None), |(whole, decimals)| (whole, Some(decimals)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && whole.len() <= 78
        && decimals.is_none_or(|decimals| digits(decimals) && decimals.len() <= 18)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply_to_new(given: Value) -> Result<Map<String, Value>> {
        let mut profile = defaults();
        let Value::Object(given) = given else {
            panic!("not an object")
        };
        apply(&mut profile, given, When::Create)?;
        Ok(profile)
    }

    #[test]
    fn both_names_of_an_amount_are_understood_and_the_newer_one_wins() {
        let profile = apply_to_new(json!({"tx_max_value_eth": "0.1"})).unwrap();
        assert_eq!(profile["tx_max_value"], "0.1");
        let profile =
            apply_to_new(json!({"tx_max_value_eth": "0.1", "tx_max_value": "0.2"})).unwrap();
        assert_eq!(profile["tx_max_value"], "0.2");
        let profile = apply_to_new(json!({"tx_daily_limit_eth": ""})).unwrap();
        assert_eq!(profile["tx_daily_limit"], Value::Null);
    }

    #[test]
    fn a_field_of_the_wrong_kind_is_refused_by_name() {
        for (name, value) in [
            ("tx_max_value", json!(0.1)),
            ("tx_max_value", json!("0x10")),
            ("tx_max_value", json!("-1")),
            ("tx_max_value", json!(" 1")),
            ("tx_max_value", json!("1.")),
            ("tx_max_value", json!("0.1234567890123456789")),
            ("tx_max_per_day", json!(-1)),
            ("tx_to_allowlist", json!("0x")),
            ("tx_to_allowlist", json!([""])),
            ("message_signing_enabled", json!("yes")),
            ("eip712_default_policy", json!("maybe")),
            ("eip712_domain_allowlist", json!(["0x12"])),
            ("intents_require_tee", json!(true)),
            ("raw_signing_enabled", json!(true)),
            ("per_chain_guardrails", json!([])),
            ("guardrails", json!("x")),
            ("guardrails", json!({"x": "y".repeat(MAX_GUARDRAILS_BYTES)})),
            ("tx_allowed_chains", json!("base")),
            ("intent_signature", json!(true)),
            ("labels", json!({"team": 1})),
            ("labels", json!({"a b": "c"})),
            ("labels", json!({"team": ""})),
        ] {
            match apply_to_new(json!({ name: value })) {
                Err(ServiceError::Invalid {
                    field: Some(field), ..
                }) => assert_eq!(field, name),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    #[test]
    fn whole_numbers_may_stand_for_text() {
        let profile =
            apply_to_new(json!({"tx_max_value": 2, "tx_allowed_chains": [8453, "base"]})).unwrap();
        assert_eq!(profile["tx_max_value"], "2");
        assert_eq!(profile["tx_allowed_chains"], json!(["8453", "base"]));
    }

    #[test]
    fn null_clears_a_field_to_its_default() {
        let profile =
            apply_to_new(json!({"tx_to_allowlist": null, "eip712_default_policy": null})).unwrap();
        assert_eq!(profile["tx_to_allowlist"], json!([]));
        assert_eq!(profile["eip712_default_policy"], "deny");
    }
}
