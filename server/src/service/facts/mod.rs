//! What plugins are told beyond what a request holds by itself: where its client is, and what coins and tokens cost.
//!
//! An administrator names the files that say so. They are read aside and never while somebody waits, and what is not
//! known is not said: a plugin that needs it refuses. What was said is recorded with the decision, so that it can be made
//! again long after the files have changed.

mod origins;
mod prices;
mod watched;

use std::net::IpAddr;
use std::sync::Arc;

use oneclaw_core::request::Fact;
use oneclaw_core::transaction::TransactionRequest;

use self::origins::Origins;
use self::prices::Prices;
use self::watched::Watched;
use crate::config::FactsConfig;

/// Largest database of addresses.
const MOST_ORIGIN_BYTES: u64 = 256 << 20;
/// Largest list of prices.
const MOST_PRICE_BYTES: u64 = 4 << 20;

/// What is known of the world outside.
#[derive(Debug, Default)]
pub struct Facts {
    origins: Vec<Watched<Origins>>,
    prices: Option<Watched<Prices>>,
    prices_max_age_ms: i64,
}

impl Facts {
    /// Knows nothing before [`Facts::refresh`].
    pub fn new(config: &FactsConfig) -> Self {
        Self {
            origins: config
                .origin_files
                .iter()
                .map(|file| Watched::new(file.clone(), MOST_ORIGIN_BYTES))
                .collect(),
            prices: config
                .prices_file
                .clone()
                .map(|file| Watched::new(file, MOST_PRICE_BYTES)),
            prices_max_age_ms: i64::from(config.prices_max_age_seconds).saturating_mul(1000),
        }
    }

    /// Whether there is anything to be read.
    pub fn has_files(&self) -> bool {
        self.prices.is_some() || !self.origins.is_empty()
    }

    /// Reads the files that have changed. A file that cannot be read is logged, once for each of its versions, and what was
    /// read before stays.
    pub async fn refresh(self: &Arc<Self>) {
        let facts = Arc::clone(self);
        let looked = tokio::task::spawn_blocking(move || {
            for file in &facts.origins {
                file.look(Origins::read);
            }
            if let Some(file) = &facts.prices {
                file.look(|bytes| Prices::read(&bytes));
            }
        });
        if let Err(error) = looked.await {
            tracing::error!(%error, "the files that facts come from could not be looked at");
        }
    }

    /// `client.country` (ISO 3166-1, two letters) and `client.asn` (digits), as far as they are known.
    pub fn of_client(&self, client: IpAddr) -> Vec<Fact> {
        let mut facts: Vec<Fact> = Vec::new();
        for origins in self.origins.iter().filter_map(Watched::get) {
            let known = [
                ("client.country", origins.country(client)),
                ("client.asn", origins.network(client)),
            ];
            for (key, value) in known {
                // The first file that knows says it.
                if let Some(value) = value
                    && facts.iter().all(|fact| fact.key != key)
                {
                    facts.push(fact(key, value));
                }
            }
        }
        facts
    }

    /// `price.usd.native` and `price.usd.0x…` for the coin of the chain, and for tokens that the request has to do with, as
    /// far as there are prices that were made recently.
    pub fn of_prices(&self, request: &TransactionRequest) -> Vec<Fact> {
        match self.prices.as_ref().and_then(Watched::get) {
            Some(prices) => prices.of(request, self.prices_max_age_ms),
            None => Vec::new(),
        }
    }
}

fn fact(key: impl Into<String>, value: String) -> Fact {
    Fact {
        key: key.into(),
        value,
    }
}
