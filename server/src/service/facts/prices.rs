//! What coins and tokens cost, by a list that something else writes.

use std::collections::{BTreeSet, HashMap};

use oneclaw_core::amount::Amount;
use oneclaw_core::api::ChainRef;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::request::Fact;
use oneclaw_core::transaction::{Address, TransactionRequest};
use serde::Deserialize;

use super::fact;
use crate::service::time;

/// Most prices in a list.
const MOST_PRICES: usize = 10_000;
/// A dollar has so many decimals; plugins count in millionths.
const DECIMALS: u8 = 6;
/// Clocks may differ by as much: a price may seem to come from so far ahead.
const SKEW_MS: i64 = 60_000;
/// The word for the coin of a chain.
const NATIVE: &str = "native";

/// A list as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// When the prices were made, where they do not say so themselves.
    as_of: Option<String>,
    prices: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    chain: ChainRef,
    /// `native`, or the address of a token.
    asset: String,
    /// For one whole coin or token.
    usd: String,
    as_of: Option<String>,
}

/// A chain by its id or its name, and a token on it, or none for its coin.
type Key = (ChainKey, Option<Address>);

#[derive(Debug, PartialEq, Eq, Hash)]
enum ChainKey {
    Id(u64),
    Name(String),
}

#[derive(Debug)]
struct Price {
    usd: String,
    as_of: Timestamp,
}

/// Prices by chain and asset.
#[derive(Debug)]
pub(super) struct Prices(HashMap<Key, Price>);

impl Prices {
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let list: List = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if list.prices.len() > MOST_PRICES {
            return Err(format!("`prices` has more than {MOST_PRICES} entries"));
        }
        let mut prices = HashMap::with_capacity(list.prices.len());
        for (at, entry) in list.prices.into_iter().enumerate() {
            let wrong = |field: &str, what: &str| format!("`prices[{at}].{field}` {what}");
            let asset =
                match entry.asset.as_str() {
                    NATIVE => None,
                    address => Some(address.parse::<Address>().map_err(|_| {
                        wrong("asset", "must be `native` or an address such as `0x…`")
                    })?),
                };
            let usd = dollars(&entry.usd).ok_or_else(|| {
                wrong("usd", "must be dollars above 0 as text, with at most six decimals, such as `\"3512.44\"`")
            })?;
            let as_of = entry.as_of.as_ref().or(list.as_of.as_ref());
            let as_of = as_of
                .and_then(|text| time::parse("as_of", text).ok())
                .ok_or_else(|| {
                    wrong("as_of", "must be an RFC 3339 time, here or beside `prices`")
                })?;
            let chain = match entry.chain {
                ChainRef::Id(id) => ChainKey::Id(id),
                ChainRef::Name(name) => name.parse().map_or(ChainKey::Name(name), ChainKey::Id),
            };
            let price = Price { usd, as_of };
            if prices.insert((chain, asset), price).is_some() {
                return Err(wrong("asset", "has a price already"));
            }
        }
        Ok(Self(prices))
    }

    /// What is known, and recent, of what a request has to do with.
    pub fn of(&self, request: &TransactionRequest, max_age_ms: i64) -> Vec<Fact> {
        let Some(chain) = &request.chain else {
            return Vec::new();
        };
        let price = |asset: Option<Address>| {
            let by_id = self.0.get(&(ChainKey::Id(chain.id), asset));
            let price =
                by_id.or_else(|| self.0.get(&(ChainKey::Name(chain.name.clone()), asset)))?;
            let age = request
                .at
                .as_millis()
                .saturating_sub(price.as_of.as_millis());
            (-SKEW_MS..=max_age_ms)
                .contains(&age)
                .then(|| price.usd.clone())
        };
        let moved = request.effects.iter().filter_map(|effect| effect.contract);
        let simulated = request.simulation.iter().flat_map(|s| &s.balance_changes);
        let simulated = simulated.filter_map(|change| change.asset.parse().ok());
        let tokens: BTreeSet<Address> = moved.chain(simulated).collect();
        let native = price(None).map(|usd| fact(format!("price.usd.{NATIVE}"), usd));
        let tokens = tokens
            .into_iter()
            .filter_map(|token| Some(fact(format!("price.usd.{token:#x}"), price(Some(token))?)));
        native.into_iter().chain(tokens).collect()
    }
}

/// The shortest text for so many dollars. Millionths of a dollar fit 64 bits.
fn dollars(text: &str) -> Option<String> {
    let amount = Amount::parse_units(text, DECIMALS).ok()?;
    match amount.limbs() {
        [millionths, 0, 0, 0] if millionths > 0 => Some(amount.to_units(DECIMALS)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_could_be_meant_otherwise_is_refused_with_its_place() {
        let list = |entries: &str| {
            let text = format!(r#"{{"as_of": "2026-11-28T12:00:00Z", "prices": [{entries}]}}"#);
            Prices::read(text.as_bytes()).map(|_| ())
        };
        let good = r#"{"chain": "base", "asset": "native", "usd": "3512.44"}"#;
        list(good).unwrap();
        list(r#"{"chain": 8453, "asset": "native", "usd": "3512"}"#).unwrap();
        for (entry, place) in [
            (
                r#"{"chain": "base", "asset": "coin", "usd": "1"}"#,
                "prices[1].asset",
            ),
            (
                r#"{"chain": "base", "asset": "0x12", "usd": "1"}"#,
                "prices[1].asset",
            ),
            (
                r#"{"chain": 1, "asset": "native", "usd": "0"}"#,
                "prices[1].usd",
            ),
            (
                r#"{"chain": 1, "asset": "native", "usd": "-1"}"#,
                "prices[1].usd",
            ),
            (
                r#"{"chain": 1, "asset": "native", "usd": "1e3"}"#,
                "prices[1].usd",
            ),
            (
                r#"{"chain": 1, "asset": "native", "usd": "0.0000001"}"#,
                "prices[1].usd",
            ),
            (
                r#"{"chain": 1, "asset": "native", "usd": "99999999999999"}"#,
                "prices[1].usd",
            ),
            (r#"{"chain": 1, "asset": "native", "usd": 1}"#, "string"),
            (
                r#"{"chain": 1, "asset": "native", "usd": "1", "as_of": "now"}"#,
                "prices[1].as_of",
            ),
            (
                r#"{"chain": 1, "asset": "native", "usd": "1", "eur": "1"}"#,
                "eur",
            ),
            (good, "has a price already"),
        ] {
            let problem = list(&format!("{good}, {entry}")).unwrap_err();
            assert!(problem.contains(place), "{entry}: {problem}");
        }
        let undated = r#"{"prices": [{"chain": 1, "asset": "native", "usd": "1"}]}"#;
        let problem = Prices::read(undated.as_bytes()).map(|_| ()).unwrap_err();
        assert!(problem.contains("as_of"), "{problem}");
        let many = vec![good; MOST_PRICES + 1].join(",");
        assert!(list(&many).unwrap_err().contains("10000"));
    }
}
