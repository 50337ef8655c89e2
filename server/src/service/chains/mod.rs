//! The registry of chains. It belongs to the server: owners and admins of its first organisation change it.

mod checks;
mod runtime;
mod seed;

pub use runtime::Chains;

use oneclaw_core::api::{
    Chain as ChainBody, ChainList, ChainRef, CreateChainRequest, UpdateChainRequest,
};
use oneclaw_core::ids::ChainEntryId;
use oneclaw_core::path::excerpt;
use oneclaw_crypto::random;
use oneclaw_store::{Chain, StoreError};
use serde_json::{Value, json};

use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};
use super::{Services, check, time};

/// Families of chains that clients know and this server does not sign for.
pub const FOREIGN_FAMILIES: [&str; 7] = [
    "bitcoin", "solana", "xrp", "xrpl", "ripple", "cardano", "tron",
];

const UNKNOWN: ServiceError = ServiceError::NotFound("no such chain");

impl Services {
    /// Adds the chains that come with the server to a registry that has never had them.
    ///
    /// # Errors
    /// What the database says.
    pub async fn seed_chains(&self) -> Result<()> {
        Ok(self
            .store
            .seed_chains(&seed::chains(self.clock.now()))
            .await?)
    }

    /// The chain that an intent is meant for.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] for one that is not in the registry or is switched off.
    pub async fn chain_for(&self, identifier: &ChainRef) -> Result<Chain> {
        let chain = self.find_chain(identifier).await?.ok_or_else(|| {
            ServiceError::field(
                "chain",
                format!(
                    "there is no chain `{}` in the registry; GET /v1/chains lists them",
                    shown(identifier)
                ),
            )
        })?;
        if !chain.is_enabled {
            return Err(ServiceError::field(
                "chain",
                format!("chain `{}` is switched off on this server", chain.name),
            ));
        }
        Ok(chain)
    }

    /// A chain of the registry, switched on or not.
    pub(super) async fn find_chain(&self, identifier: &ChainRef) -> Result<Option<Chain>> {
        let name = match identifier {
            ChainRef::Id(id) => return Ok(self.store.chain_by_chain_id(*id).await?),
            ChainRef::Name(name) => name.trim(),
        };
        if !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(match name.parse() {
                Ok(id) => self.store.chain_by_chain_id(id).await?,
                Err(_) => None,
            });
        }
        Ok(self.store.chain_by_name(&name.to_ascii_lowercase()).await?)
    }

    /// `GET /v1/chains`: those that are switched on.
    ///
    /// # Errors
    /// What the database says.
    pub async fn list_chains(&self, caller: Option<&Caller>) -> Result<ChainList> {
        let shows_urls = self.runs_the_server(caller).await?;
        self.list(true, shows_urls).await
    }

    /// `GET /v1/chains/{identifier}`: by name or chain id.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], also for one that is switched off.
    pub async fn chain(&self, caller: Option<&Caller>, identifier: &str) -> Result<ChainBody> {
        let identifier = ChainRef::Name(identifier.to_owned());
        let chain = self
            .find_chain(&identifier)
            .await?
            .filter(|chain| chain.is_enabled)
            .ok_or(UNKNOWN)?;
        Ok(body(chain, self.runs_the_server(caller).await?))
    }

    /// `GET /v1/admin/chains`: all of them, with the URLs of their nodes.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`].
    pub async fn list_all_chains(&self, caller: &Caller) -> Result<ChainList> {
        self.server_admin(caller).await?;
        self.list(false, true).await
    }

    /// `POST /v1/admin/chains`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Conflict`] for a name or a chain id that is known;
    /// [`ServiceError::Forbidden`].
    pub async fn create_chain(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: CreateChainRequest,
    ) -> Result<ChainBody> {
        self.server_admin(caller).await?;
        let is_testnet = request.is_testnet.unwrap_or(false);
        let chain = Chain {
            id: ChainEntryId::from_uuid(random::new_id()),
            name: checks::name(&request.name)?,
            display_name: check::name("display_name", &request.display_name)?,
            chain_id: checks::chain_id(request.chain_id)?,
            rpc_urls: checks::rpc_urls(request.rpc_url, request.rpc_urls)?,
            ws_url: checks::ws_url(request.ws_url)?,
            explorer_url: checks::explorer_url(request.explorer_url)?,
            native_currency: checks::currency(request.native_currency.as_deref().unwrap_or("ETH"))?,
            is_testnet,
            is_enabled: request.is_enabled.unwrap_or(true),
            allow_private_rpc: request.allow_private_rpc.unwrap_or(false),
            confirmations: checks::confirmations(
                request
                    .confirmations
                    .unwrap_or_else(|| seed::default_confirmations(is_testnet)),
            )?,
            revision: 1,
            created_at: context.at,
            updated_at: context.at,
        };
        checks::nodes(&chain)?;
        let event = events::by_caller(context, caller, "chain.create", "chain", chain.id)
            .with_details(details(&chain));
        match self.store.create_chain(&chain, event).await {
            Err(StoreError::Conflict(_)) => Err(ServiceError::Conflict(format!(
                "there is a chain with the name `{}` or the chain id {} already",
                chain.name, chain.chain_id
            ))),
            other => {
                other?;
                Ok(body(chain, true))
            }
        }
    }

    /// `PUT /v1/admin/chains/{id}`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::NotFound`]; [`ServiceError::Forbidden`].
    pub async fn update_chain(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: ChainEntryId,
        request: UpdateChainRequest,
    ) -> Result<ChainBody> {
        self.server_admin(caller).await?;
        let mut chain = self.store.chain(id).await?.ok_or(UNKNOWN)?;
        if request.name.is_some_and(|name| name != chain.name) {
            return Err(cannot_change("name"));
        }
        if request.chain_id.is_some_and(|id| id != chain.chain_id) {
            return Err(cannot_change("chain_id"));
        }
        if let Some(name) = &request.display_name {
            chain.display_name = check::name("display_name", name)?;
        }
        if request.rpc_url.is_some() || request.rpc_urls.is_some() {
            let (one, many) = (request.rpc_url.flatten(), request.rpc_urls.flatten());
            chain.rpc_urls = checks::rpc_urls(one, many)?;
        }
        if let Some(url) = request.ws_url {
            chain.ws_url = checks::ws_url(url)?;
        }
        if let Some(url) = request.explorer_url {
            chain.explorer_url = checks::explorer_url(url)?;
        }
        if let Some(symbol) = &request.native_currency {
            chain.native_currency = checks::currency(symbol)?;
        }
        chain.is_testnet = request.is_testnet.unwrap_or(chain.is_testnet);
        chain.is_enabled = request.is_enabled.unwrap_or(chain.is_enabled);
        chain.allow_private_rpc = request.allow_private_rpc.unwrap_or(chain.allow_private_rpc);
        if let Some(blocks) = request.confirmations {
            chain.confirmations = checks::confirmations(blocks)?;
        }
        checks::nodes(&chain)?;
        chain.updated_at = context.at;
        let event = events::by_caller(context, caller, "chain.update", "chain", id)
            .with_details(details(&chain));
        self.store.update_chain(&chain, event).await?;
        Ok(body(chain, true))
    }

    /// `DELETE /v1/admin/chains/{id}`: transactions that were meant for it stay.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Forbidden`].
    pub async fn delete_chain(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: ChainEntryId,
    ) -> Result<()> {
        self.server_admin(caller).await?;
        let chain = self.store.chain(id).await?.ok_or(UNKNOWN)?;
        let event = events::by_caller(context, caller, "chain.delete", "chain", id)
            .with_details(details(&chain));
        Ok(self.store.delete_chain(id, event).await?)
    }

    async fn list(&self, enabled_only: bool, shows_urls: bool) -> Result<ChainList> {
        let chains = self.store.chains(enabled_only).await?;
        Ok(ChainList {
            chains: chains
                .into_iter()
                .map(|chain| body(chain, shows_urls))
                .collect(),
        })
    }
}

fn shown(identifier: &ChainRef) -> String {
    match identifier {
        ChainRef::Id(id) => id.to_string(),
        ChainRef::Name(name) => excerpt(name),
    }
}

fn cannot_change(field: &str) -> ServiceError {
    ServiceError::field(
        field,
        "cannot be changed; delete the chain and add it anew if that is meant",
    )
}

/// What is recorded of a chain: of its URLs, which may hold keys, only how many there are.
fn details(chain: &Chain) -> Value {
    json!({
        "name": chain.name,
        "chain_id": chain.chain_id,
        "is_enabled": chain.is_enabled,
        "rpc_urls": chain.rpc_urls.len(),
        "allow_private_rpc": chain.allow_private_rpc,
        "confirmations": chain.confirmations,
    })
}

fn body(chain: Chain, shows_urls: bool) -> ChainBody {
    ChainBody {
        id: chain.id.to_string(),
        name: chain.name,
        display_name: chain.display_name,
        chain_id: chain.chain_id,
        rpc_url: chain.rpc_urls.first().filter(|_| shows_urls).cloned(),
        rpc_urls: shows_urls.then_some(chain.rpc_urls),
        ws_url: chain.ws_url.filter(|_| shows_urls),
        explorer_url: chain.explorer_url,
        native_currency: chain.native_currency,
        is_testnet: chain.is_testnet,
        is_enabled: chain.is_enabled,
        allow_private_rpc: shows_urls.then_some(chain.allow_private_rpc),
        confirmations: chain.confirmations,
        created_at: time::format(chain.created_at),
        updated_at: time::format(chain.updated_at),
    }
}
