//! What a caller wants to have signed, checked field by field before anything else happens.

use oneclaw_core::amount::{Amount, NATIVE_DECIMALS};
use oneclaw_core::api::{AccessListEntry, ChainRef, TransactionRequestBody};
use oneclaw_core::ids::VaultId;
use oneclaw_core::path::{SecretPath, excerpt};
use oneclaw_core::transaction::{AccessListItem, Address, B256, Bytes, TxType};

use super::super::error::{Result, ServiceError};
use super::authorizations::{AuthorizationWish, authorizations};

/// Most bytes of calldata: what nodes accept in a transaction (EIP-7825 aside, 128 KiB is their pool's limit).
const MAX_DATA_BYTES: usize = 128 * 1024;
/// Most gas of a transaction; EIP-7825 caps it at 2^24, older chains allow a block's worth.
const MAX_GAS: u64 = 100_000_000;
/// Gas that every transaction costs.
pub const MIN_GAS: u64 = 21_000;
/// Most entries in an access list, and slots in one of them.
const MAX_ACCESS_LIST: usize = 256;

/// Where a key may be asked for by path.
const KEY_PREFIXES: [&str; 2] = ["keys/", "wallets/"];

/// How fees are to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeeWish {
    /// From the chain.
    Automatic,
    /// A price, for types 0 and 1.
    GasPrice(Amount),
    /// EIP-1559; an absent tip comes from the chain, but is never above the maximum.
    Dynamic {
        /// Base fee and tip.
        max_fee: Amount,
        /// Tip.
        priority: Option<Amount>,
    },
}

/// A transaction as wished for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionWish {
    /// `None`: contract creation.
    pub to: Option<Address>,
    /// Wei.
    pub value: Amount,
    /// Calldata.
    pub data: Bytes,
    /// `None`: by the fees, or what the chain takes.
    pub tx_type: Option<TxType>,
    /// How fees are to be found.
    pub fees: FeeWish,
    /// `None`: estimated.
    pub gas_limit: Option<u64>,
    /// `None`: the next one.
    pub nonce: Option<u64>,
    /// EIP-2930.
    pub access_list: Vec<AccessListItem>,
    /// EIP-7702.
    pub authorizations: Vec<AuthorizationWish>,
    /// Whether to simulate before.
    pub simulate_first: bool,
}

/// Which key is to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyWish {
    /// `None`: the agent's signing key, or `keys/{chain}-signer`.
    pub path: Option<SecretPath>,
    /// Where the path is, if it is in more than one vault.
    pub vault: Option<VaultId>,
}

/// The chain that was named.
///
/// # Errors
/// When there is none, or two that differ.
pub fn chain(body: &TransactionRequestBody) -> Result<ChainRef> {
    match (&body.chain, &body.chain_id) {
        (Some(chain), None) | (None, Some(chain)) => Ok(chain.clone()),
        (Some(chain), Some(other)) if text(chain) == text(other) => Ok(chain.clone()),
        // A name and an id may mean the same chain; which one is looked up decides, and the other must agree later.
        (Some(chain), Some(_)) => Ok(chain.clone()),
        (None, None) => Err(ServiceError::field(
            "chain",
            "is missing; give a name such as `base`, or an id such as 8453",
        )),
    }
}

fn text(chain: &ChainRef) -> String {
    match chain {
        ChainRef::Id(id) => id.to_string(),
        ChainRef::Name(name) => name.clone(),
    }
}

/// The key that was named.
///
/// # Errors
/// Names the field at fault.
pub fn key(body: &TransactionRequestBody, agent: oneclaw_core::ids::AgentId) -> Result<KeyWish> {
    let path = body
        .signing_key_path
        .as_deref()
        .filter(|path| !path.is_empty())
        .map(|path| key_path(path, agent))
        .transpose()?;
    let vault = body
        .vault_id
        .as_deref()
        .filter(|id| !id.is_empty())
        .map(|id| id.parse().map_err(|e| ServiceError::field("vault_id", e)))
        .transpose()?;
    if vault.is_some() && path.is_none() {
        return Err(ServiceError::field(
            "vault_id",
            "goes with `signing_key_path` alone",
        ));
    }
    Ok(KeyWish { path, vault })
}

fn key_path(path: &str, agent: oneclaw_core::ids::AgentId) -> Result<SecretPath> {
    let own = [
        format!("agents/{agent}/keys/"),
        format!("agents/{agent}/chains/"),
    ];
    let is_allowed = KEY_PREFIXES.iter().any(|prefix| path.starts_with(prefix))
        || own.iter().any(|prefix| path.starts_with(prefix.as_str()));
    if !is_allowed {
        return Err(ServiceError::field(
            "signing_key_path",
            format!(
                "`{}` must begin with `keys/`, `wallets/`, `{}` or `{}`",
                excerpt(path),
                own[0],
                own[1]
            ),
        ));
    }
    path.parse()
        .map_err(|e| ServiceError::field("signing_key_path", e))
}

/// The transaction that was asked for.
///
/// # Errors
/// Names the field at fault.
pub fn transaction(body: &TransactionRequestBody) -> Result<TransactionWish> {
    match body.mode.as_deref() {
        None | Some("" | "eoa") => {}
        Some(other) => {
            return Err(ServiceError::field(
                "mode",
                format!(
                    "`{}` is not supported by this server; use `eoa`",
                    excerpt(other)
                ),
            ));
        }
    }
    let data = match body.data.as_deref() {
        None | Some("" | "0x") => Bytes::new(),
        Some(data) => bytes("data", data, MAX_DATA_BYTES)?.into(),
    };
    let to = match body.to.as_deref() {
        None | Some("") if data.is_empty() => {
            return Err(ServiceError::field(
                "to",
                "is missing; it may be left out only to create a contract, with its code in `data`",
            ));
        }
        None | Some("") => None,
        Some(to) => Some(address("to", to)?),
    };
    let value = match body.value.as_deref() {
        None => {
            return Err(ServiceError::field(
                "value",
                "is missing; give native units as a decimal string, such as \"0.05\" or \"0\"",
            ));
        }
        Some(value) => Amount::parse_units(value, NATIVE_DECIMALS)
            .map_err(|e| ServiceError::field("value", e))?,
    };
    let tx_type = body.tx_type.map(tx_type).transpose()?;
    let access_list = access_list(body.access_list.as_deref().unwrap_or_default())?;
    let authorizations = authorizations(body.authorization_list.as_deref().unwrap_or_default())?;
    let fees = fees(body)?;
    let wish = TransactionWish {
        to,
        value,
        data,
        tx_type,
        fees,
        gas_limit: body.gas_limit.map(gas_limit).transpose()?,
        nonce: body.nonce.map(nonce).transpose()?,
        access_list,
        authorizations,
        simulate_first: body.simulate_first.unwrap_or(false),
    };
    consistent(&wish)?;
    Ok(wish)
}

/// Fields of one type of transaction do not go with another type.
fn consistent(wish: &TransactionWish) -> Result<()> {
    if !wish.authorizations.is_empty() && wish.tx_type.is_some_and(|t| t != TxType::SetCode) {
        return Err(ServiceError::field(
            "authorization_list",
            "belongs to type 4 (EIP-7702); leave `tx_type` out or set it to 4",
        ));
    }
    if wish.tx_type == Some(TxType::SetCode) && wish.authorizations.is_empty() {
        return Err(ServiceError::field(
            "authorization_list",
            "is missing; type 4 (EIP-7702) needs at least one authorisation",
        ));
    }
    if !wish.authorizations.is_empty() && wish.to.is_none() {
        return Err(ServiceError::field(
            "to",
            "is missing; type 4 (EIP-7702) cannot create a contract",
        ));
    }
    if !wish.access_list.is_empty() && wish.tx_type == Some(TxType::Legacy) {
        return Err(ServiceError::field(
            "access_list",
            "belongs to types 1, 2 and 4; type 0 has none",
        ));
    }
    let price = matches!(wish.fees, FeeWish::GasPrice(_));
    let dynamic = matches!(wish.fees, FeeWish::Dynamic { .. });
    let needs_dynamic = matches!(wish.tx_type, Some(TxType::DynamicFee | TxType::SetCode))
        || !wish.authorizations.is_empty();
    if price && needs_dynamic {
        return Err(ServiceError::field(
            "gas_price",
            "belongs to types 0 and 1; types 2 and 4 take `max_fee_per_gas`",
        ));
    }
    if dynamic && matches!(wish.tx_type, Some(TxType::Legacy | TxType::AccessList)) {
        return Err(ServiceError::field(
            "max_fee_per_gas",
            "belongs to types 2 and 4; types 0 and 1 take `gas_price`",
        ));
    }
    Ok(())
}

fn tx_type(number: u8) -> Result<TxType> {
    match number {
        0 => Ok(TxType::Legacy),
        1 => Ok(TxType::AccessList),
        2 => Ok(TxType::DynamicFee),
        4 => Ok(TxType::SetCode),
        3 => Err(ServiceError::field(
            "tx_type",
            "3 (EIP-4844, blobs) is not supported by this server; use 0, 1, 2 or 4",
        )),
        other => Err(ServiceError::field(
            "tx_type",
            format!("{other} is not 0, 1, 2 or 4"),
        )),
    }
}

fn nonce(nonce: u64) -> Result<u64> {
    // EIP-2681; the database counts in 63 bits, which is no sooner reached.
    if i64::try_from(nonce).is_ok_and(|nonce| nonce < i64::MAX) {
        Ok(nonce)
    } else {
        Err(ServiceError::field("nonce", "must be below 2^63 - 1"))
    }
}

fn gas_limit(gas: u64) -> Result<u64> {
    if (MIN_GAS..=MAX_GAS).contains(&gas) {
        Ok(gas)
    } else {
        Err(ServiceError::field(
            "gas_limit",
            format!("must be from {MIN_GAS} to {MAX_GAS}"),
        ))
    }
}

/// A fee that was given, or nothing for an absent or empty one.
///
/// # Errors
/// Names the field.
pub fn wei(field: &str, text: Option<&str>) -> Result<Option<Amount>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let amount: Amount = text.parse().map_err(|_| {
        ServiceError::field(
            field,
            format!(
                "`{}` is not wei for each unit of gas; write an integer as a string, such as \"2000000000\"",
                excerpt(text)
            ),
        )
    })?;
    if u128::try_from(amount).is_err() {
        return Err(ServiceError::field(field, "must be below 2^128 wei"));
    }
    Ok(Some(amount))
}

fn fees(body: &TransactionRequestBody) -> Result<FeeWish> {
    let price = wei("gas_price", body.gas_price.as_deref())?;
    let max_fee = wei("max_fee_per_gas", body.max_fee_per_gas.as_deref())?;
    let priority = wei(
        "max_priority_fee_per_gas",
        body.max_priority_fee_per_gas.as_deref(),
    )?;
    match (price, max_fee, priority) {
        (None, None, None) => Ok(FeeWish::Automatic),
        (Some(price), None, None) => Ok(FeeWish::GasPrice(price)),
        (None, Some(max_fee), Some(priority)) if priority > max_fee => Err(ServiceError::field(
            "max_priority_fee_per_gas",
            "is more than `max_fee_per_gas`, of which it is a part",
        )),
        (None, Some(max_fee), priority) => Ok(FeeWish::Dynamic { max_fee, priority }),
        (None, None, Some(_)) => Err(ServiceError::field(
            "max_fee_per_gas",
            "is missing; it goes with `max_priority_fee_per_gas`",
        )),
        (Some(_), _, _) => Err(ServiceError::field(
            "gas_price",
            "does not go with `max_fee_per_gas`; give one of them",
        )),
    }
}

fn access_list(entries: &[AccessListEntry]) -> Result<Vec<AccessListItem>> {
    let too_long = |what: &str| {
        ServiceError::field(
            "access_list",
            format!("has more than {MAX_ACCESS_LIST} {what}"),
        )
    };
    if entries.len() > MAX_ACCESS_LIST {
        return Err(too_long("entries"));
    }
    entries
        .iter()
        .enumerate()
        .map(|(index, entry)| {
            if entry.storage_keys.len() > MAX_ACCESS_LIST {
                return Err(too_long("slots in one entry"));
            }
            let field = format!("access_list[{index}].storage_keys");
            Ok(AccessListItem {
                address: address(&format!("access_list[{index}].address"), &entry.address)?,
                storage_keys: entry
                    .storage_keys
                    .iter()
                    .map(|key| word(&field, key))
                    .collect::<Result<_>>()?,
            })
        })
        .collect()
}

/// An address: `0x` and 40 hexadecimal digits, of which mixed case must be that of EIP-55.
///
/// # Errors
/// Names the field.
pub fn address(field: &str, text: &str) -> Result<Address> {
    let wrong = || {
        ServiceError::field(
            field,
            format!(
                "`{}` is not an address: `0x` and 40 hexadecimal digits",
                excerpt(text)
            ),
        )
    };
    let digits = text.strip_prefix("0x").ok_or_else(wrong)?;
    if digits.len() != 40 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let parsed: Address = text.parse().map_err(|_| wrong())?;
    let is_mixed = digits.bytes().any(|b| b.is_ascii_uppercase())
        && digits.bytes().any(|b| b.is_ascii_lowercase());
    if is_mixed && parsed.to_checksum(None) != text {
        return Err(ServiceError::field(
            field,
            format!(
                "`{text}` has a wrong checksum (EIP-55), so a digit or its case was mistyped; all lower case is taken as it is"
            ),
        ));
    }
    Ok(parsed)
}

/// 32 bytes: `0x` and 64 hexadecimal digits.
///
/// # Errors
/// Names the field.
pub fn word(field: &str, text: &str) -> Result<B256> {
    let bytes = bytes(field, text, 32)?;
    <[u8; 32]>::try_from(bytes)
        .map(B256::from)
        .map_err(|_| ServiceError::field(field, "must be `0x` and 64 hexadecimal digits"))
}

/// Bytes: `0x` and an even number of hexadecimal digits.
///
/// # Errors
/// Names the field.
pub fn bytes(field: &str, text: &str, most: usize) -> Result<Vec<u8>> {
    let wrong = || {
        ServiceError::field(
            field,
            "must be `0x` and an even number of hexadecimal digits",
        )
    };
    let digits = text.strip_prefix("0x").ok_or_else(wrong)?;
    if digits.len() / 2 > most {
        return Err(ServiceError::field(
            field,
            format!("has more than {most} bytes"),
        ));
    }
    hex::decode(digits).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

    fn body(change: impl FnOnce(&mut TransactionRequestBody)) -> TransactionRequestBody {
        let mut body = TransactionRequestBody {
            to: Some(TO.to_owned()),
            value: Some("0.01".to_owned()),
            chain: Some(ChainRef::Name("base".to_owned())),
            ..TransactionRequestBody::default()
        };
        change(&mut body);
        body
    }

    #[track_caller]
    fn refused(field: &str, change: impl FnOnce(&mut TransactionRequestBody)) {
        match transaction(&body(change)) {
            Err(ServiceError::Invalid {
                field: Some(named), ..
            }) => assert_eq!(named, field),
            other => panic!("{field}: {other:?}"),
        }
    }

    #[test]
    fn a_plain_transfer_is_read() {
        let wish = transaction(&body(|_| {})).unwrap();
        assert_eq!(wish.value, Amount::from(10_000_000_000_000_000_u64));
        assert_eq!(wish.fees, FeeWish::Automatic);
        assert!(wish.data.is_empty());
    }

    #[test]
    fn amounts_that_are_not_plain_decimals_are_refused() {
        for bad in [
            "0x1",
            "1e18",
            "-1",
            "+1",
            " 1",
            "1 ",
            "",
            "1.0000000000000000001",
            "0,5",
            "NaN",
        ] {
            refused("value", |b| b.value = Some(bad.to_owned()));
        }
        refused("value", |b| b.value = None);
        for bad in ["1.5", "0x5", "-1", "ten"] {
            refused("gas_price", |b| b.gas_price = Some(bad.to_owned()));
            refused("max_fee_per_gas", |b| {
                b.max_fee_per_gas = Some(bad.to_owned())
            });
        }
    }

    #[test]
    fn a_wrong_checksum_is_refused_and_plain_lower_case_is_not() {
        assert!(address("to", TO).is_ok());
        assert!(address("to", &TO.to_lowercase()).is_ok());
        assert!(address("to", &TO.replace('C', "c")).is_err());
        for bad in [
            "",
            "0x",
            "70997970C51812dc3A010C7d01b50e0d17dc79C8",
            "0x70997970C5",
            "0xZZ997970C51812dc3A010C7d01b50e0d17dc79C8",
        ] {
            assert!(address("to", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn fields_of_different_types_do_not_mix() {
        let fee = || Some("1000".to_owned());
        refused("gas_price", |b| {
            b.gas_price = fee();
            b.max_fee_per_gas = fee();
        });
        refused("max_fee_per_gas", |b| b.max_priority_fee_per_gas = fee());
        refused("max_priority_fee_per_gas", |b| {
            b.max_fee_per_gas = fee();
            b.max_priority_fee_per_gas = Some("1001".to_owned());
        });
        refused("gas_price", |b| {
            b.gas_price = fee();
            b.tx_type = Some(2);
        });
        refused("max_fee_per_gas", |b| {
            b.max_fee_per_gas = fee();
            b.tx_type = Some(0);
        });
        refused("tx_type", |b| b.tx_type = Some(3));
        refused("authorization_list", |b| b.tx_type = Some(4));
        refused("gas_limit", |b| b.gas_limit = Some(20_999));
        refused("mode", |b| b.mode = Some("smart_account".to_owned()));
        refused("to", |b| b.to = None);
        refused("data", |b| b.data = Some("0xabc".to_owned()));
        refused("data", |b| b.data = Some("abcd".to_owned()));
    }

    #[test]
    fn keys_are_looked_for_in_their_places_alone() {
        let agent = "0190a0b0-0000-7000-8000-000000000001".parse().unwrap();
        let key = |path: &str| key(&body(|b| b.signing_key_path = Some(path.to_owned())), agent);
        assert!(key("keys/hot").is_ok());
        assert!(key("wallets/a/b").is_ok());
        assert!(key("agents/0190a0b0-0000-7000-8000-000000000001/keys/x").is_ok());
        for bad in [
            "secrets/x",
            "keys",
            "agents/other/keys/x",
            "keys/../x",
            "/keys/x",
        ] {
            assert!(key(bad).is_err(), "{bad}");
        }
    }
}
