//! What guardrails need to know of the registry of chains.

use std::collections::BTreeMap;

use oneclaw_core::guardrails::AllowedChain;
use oneclaw_core::path::excerpt;

use super::super::Services;
use super::super::chains::FOREIGN_FAMILIES;
use super::super::error::Result;

/// A chain of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainName {
    /// EIP-155.
    pub id: u64,
    /// For example `base`.
    pub name: String,
    /// Symbol of its native coin.
    pub native_currency: String,
}

/// The chains of the registry, those that are switched off included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChainNames {
    by_id: BTreeMap<u64, ChainName>,
}

impl FromIterator<ChainName> for ChainNames {
    fn from_iter<T: IntoIterator<Item = ChainName>>(chains: T) -> Self {
        Self {
            by_id: chains.into_iter().map(|chain| (chain.id, chain)).collect(),
        }
    }
}

impl ChainNames {
    /// The chain with this name, or with this id as text.
    pub fn find(&self, word: &str) -> Option<&ChainName> {
        self.by_id
            .values()
            .find(|chain| chain.name == word)
            .or_else(|| self.by_id.get(&word.parse().ok()?))
    }

    /// As [`ChainNames::find`].
    ///
    /// # Errors
    /// Says what is wrong with the word.
    pub(super) fn get(&self, word: &str) -> std::result::Result<&ChainName, String> {
        self.find(word).ok_or_else(|| unknown(word))
    }
}

/// Why a word is no chain.
fn unknown(word: &str) -> String {
    if FOREIGN_FAMILIES.contains(&word) {
        format!("`{word}` is no EVM chain; this server signs for EVM chains alone")
    } else {
        format!(
            "there is no chain `{}` in the registry; GET /v1/chains lists them",
            excerpt(word)
        )
    }
}

impl From<&ChainName> for AllowedChain {
    fn from(chain: &ChainName) -> Self {
        Self {
            id: chain.id,
            name: chain.name.clone(),
        }
    }
}

impl Services {
    /// The chains that guardrails may name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn chain_names(&self) -> Result<ChainNames> {
        let chains = self.store.chains(false).await?;
        Ok(chains
            .into_iter()
            .map(|chain| ChainName {
                id: chain.chain_id,
                name: chain.name,
                native_currency: chain.native_currency,
            })
            .collect())
    }
}
