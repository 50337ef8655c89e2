//! Who speaks to chains: connections are kept as long as the entry in the registry stays as it is.

use oneclaw_chain::{ChainSpec, Rpc, RpcUrl, SpecError, Timeouts};
use oneclaw_core::ids::ChainEntryId;
use oneclaw_store::Chain;
use quick_cache::sync::Cache;

/// Chains whose connections are kept; more than any registry needs.
const KEPT: usize = 512;

/// The connections to chains.
#[derive(Debug)]
pub struct Chains {
    kept: Cache<ChainEntryId, (i64, Rpc)>,
}

impl Default for Chains {
    fn default() -> Self {
        Self {
            kept: Cache::new(KEPT),
        }
    }
}

impl Chains {
    /// What the chain is asked through, or `None` if it has no URL. An entry that was changed gets a new one.
    pub fn rpc(&self, chain: &Chain) -> Option<Rpc> {
        if chain.rpc_urls.is_empty() {
            return None;
        }
        if let Some((revision, rpc)) = self.kept.get(&chain.id)
            && revision == chain.revision
        {
            return Some(rpc);
        }
        match connect(
            &chain.name,
            chain.chain_id,
            &chain.rpc_urls,
            chain.allow_private_rpc,
        ) {
            Ok(rpc) => {
                self.kept.insert(chain.id, (chain.revision, rpc.clone()));
                Some(rpc)
            }
            Err(error) => {
                tracing::error!(chain = %chain.name, %error, "the chain cannot be asked");
                None
            }
        }
    }
}

/// Reads the settings of a chain; connects to nothing yet.
pub(super) fn connect(
    name: &str,
    chain_id: u64,
    urls: &[String],
    allow_private: bool,
) -> Result<Rpc, SpecError> {
    let urls = urls
        .iter()
        .map(|url| RpcUrl::parse(url))
        .collect::<Result<Vec<_>, _>>()?;
    Rpc::new(ChainSpec {
        name: name.to_owned(),
        chain_id,
        urls,
        allow_private,
        timeouts: Timeouts::default(),
    })
}
