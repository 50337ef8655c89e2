//! What an agent's account has on one chain.

use oneclaw_chain::{Rpc, RpcError};
use oneclaw_core::amount::NATIVE_DECIMALS;
use oneclaw_core::api::{ChainRef, SigningKeyBalance, TokenBalance};
use oneclaw_core::ids::AgentId;
use oneclaw_core::transaction::Address;
use tokio::task::JoinSet;

use super::super::Services;
use super::super::caller::Caller;
use super::super::error::{Result, ServiceError};
use super::super::intents::address;
use super::{EVM, NO_KEY};

/// Most tokens that are asked for at a time.
const MAX_TOKENS: usize = 20;

impl Services {
    /// `GET /v1/agents/{agent_id}/signing-keys/{chain}/balance`, on the chain that is named, with any of the tokens in
    /// `tokens`, addresses with commas between them.
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::NotFound`] without an active key; [`ServiceError::ChainUnavailable`] if
    /// the chain has no node or none that answers.
    pub async fn signing_key_balance(
        &self,
        caller: &Caller,
        id: AgentId,
        chain: &str,
        tokens: Option<&str>,
    ) -> Result<SigningKeyBalance> {
        let agent = self.seen_agent(caller, id).await?;
        let identifier = ChainRef::Name(chain.to_owned());
        self.key_word(&identifier).await?;
        let chain = self.chain_for(&identifier).await?;
        let tokens = tokens.map(token_list).transpose()?;
        let key = self
            .store
            .active_signing_key(agent.id, EVM)
            .await?
            .ok_or(NO_KEY)?;
        let account: Address = key
            .address
            .as_deref()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| {
                ServiceError::Internal(format!("signing key {} has no address", key.id))
            })?;
        let rpc = self.chains.rpc(&chain).ok_or_else(|| {
            ServiceError::ChainUnavailable(format!(
                "chain `{}` has no RPC URL; an administrator of the server sets one with PUT /v1/admin/chains/{}",
                chain.name, chain.id
            ))
        })?;
        let balance = rpc.balance(account).await?;
        let tokens = match tokens {
            Some(tokens) => Some(token_balances(&rpc, account, tokens).await?),
            None => None,
        };
        Ok(SigningKeyBalance {
            chain: chain.name,
            address: account.to_checksum(None),
            balance_wei: balance.to_string(),
            balance_display: format!(
                "{} {}",
                balance.to_units(NATIVE_DECIMALS),
                chain.native_currency
            ),
            tokens,
        })
    }
}

fn token_list(text: &str) -> Result<Vec<Address>> {
    let words: Vec<&str> = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .collect();
    if words.len() > MAX_TOKENS {
        return Err(ServiceError::field(
            "tokens",
            format!("names {} tokens; the limit is {MAX_TOKENS}", words.len()),
        ));
    }
    words
        .into_iter()
        .map(|word| address("tokens", word))
        .collect()
}

/// All at once, answered in the order of the question.
async fn token_balances(
    rpc: &Rpc,
    account: Address,
    tokens: Vec<Address>,
) -> Result<Vec<TokenBalance>> {
    let mut asked = JoinSet::new();
    for (i, token) in tokens.into_iter().enumerate() {
        let rpc = rpc.clone();
        asked.spawn(async move { (i, token_balance(&rpc, account, token).await) });
    }
    let mut balances = Vec::new();
    for (i, balance) in asked.join_all().await {
        balances.push((i, balance?));
    }
    balances.sort_by_key(|(i, _)| *i);
    Ok(balances.into_iter().map(|(_, balance)| balance).collect())
}

async fn token_balance(rpc: &Rpc, account: Address, token: Address) -> Result<TokenBalance> {
    let balance = rpc
        .erc20_balance(token, account)
        .await
        .map_err(|error| match error {
            RpcError::BadAnswer { .. } | RpcError::Node { .. } => ServiceError::field(
                "tokens",
                format!("there is no ERC-20 token at {}", token.to_checksum(None)),
            ),
            other => other.into(),
        })?;
    Ok(TokenBalance {
        contract_address: token.to_checksum(None),
        symbol: told(rpc.erc20_symbol(token).await)?,
        balance: balance.to_string(),
        decimals: told(rpc.erc20_decimals(token).await)?,
    })
}

/// A token need not tell its symbol or decimals; a node that fails is another matter.
fn told<T>(answer: std::result::Result<T, RpcError>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(RpcError::BadAnswer { .. } | RpcError::Node { .. }) => Ok(None),
        Err(other) => Err(other.into()),
    }
}
