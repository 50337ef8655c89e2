//! Everything that is needed for a decision, gathered without holding anything: keys, fees, effects, a simulation.

use oneclaw_chain::Rpc;
use oneclaw_core::api::{SignRequest, TransactionRequestBody};
use oneclaw_core::principal::Principal;
use oneclaw_core::request::Fact;
use oneclaw_core::transaction as words;
use oneclaw_core::transaction::{
    Authorization, B256, Bytes, Intent, IntentSignature, TransactionIntent, TransactionRequest,
};
use oneclaw_effects as effects;
use oneclaw_store::{Chain, IntentMode, NonceWish};

use super::super::Services;
use super::super::caller::RequestContext;
use super::super::error::{Result, ServiceError};
use super::super::{guardrails, settings};
use super::actor::Actor;
use super::authorizations::own_authorizations;
use super::fees;
use super::key::FoundKey;
use super::request::{self, TransactionWish};
use super::simulate::{self, Trial};

/// Longest message that is signed, in bytes.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// What is done with the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The server sends the transaction.
    Submit,
    /// The caller gets the signed transaction (`…/transactions/sign`).
    SignOnly,
    /// The caller gets the signature (`…/sign`).
    Sign,
}

impl Purpose {
    /// The same in the words of the database.
    pub const fn mode(self) -> IntentMode {
        match self {
            Self::Submit => IntentMode::Submit,
            Self::SignOnly => IntentMode::SignOnly,
            Self::Sign => IntentMode::Sign,
        }
    }

    /// The word in records, and the fact `intent.purpose`.
    pub const fn as_str(self) -> &'static str {
        self.mode().as_str()
    }
}

/// What would be in the way even if the guardrails allow it. It is said only then: who is refused learns the reason of the
/// refusal and no more.
#[derive(Debug, Clone)]
pub enum Obstacle {
    /// Gas cannot be estimated.
    WouldFail(String),
    /// The simulation that was asked for reverted.
    Reverted(String),
    /// The simulation that was asked for could not be made.
    NotSimulated(String),
}

/// Ready to be decided.
#[derive(Debug)]
pub struct Prepared {
    /// For whom.
    pub actor: Actor,
    /// Where.
    pub chain: Chain,
    /// Who speaks to it.
    pub rpc: Option<Rpc>,
    /// With which key.
    pub key: FoundKey,
    /// The nonce is filled in by the database.
    pub nonce: NonceWish,
    /// Everything else, as the plugins will see it.
    pub request: TransactionRequest,
    /// What is done with the signature.
    pub purpose: Purpose,
    /// The simulation, if one was asked for.
    pub trial: Option<Trial>,
    /// See [`Obstacle`].
    pub obstacle: Option<Obstacle>,
}

impl Services {
    /// Prepares a transaction.
    ///
    /// # Errors
    /// Names the field at fault, or says what does not answer.
    pub(super) async fn prepare_transaction(
        &self,
        context: &RequestContext,
        actor: Actor,
        body: &TransactionRequestBody,
        purpose: Purpose,
        signature: Option<IntentSignature>,
    ) -> Result<Prepared> {
        let wish = request::transaction(body)?;
        let key_wish = request::key(body, actor.agent.id)?;
        let chain = self.chain_for(&request::chain(body)?).await?;
        if let Some(other) = body.chain_id.as_ref().filter(|_| body.chain.is_some())
            && self.chain_for(other).await?.id != chain.id
        {
            return Err(ServiceError::field(
                "chain_id",
                "names another chain than `chain`; give one of them",
            ));
        }
        own_authorizations(&wish, chain.chain_id)?;
        // Boxed, because the stack of a debug build has not room for a decision within a decision.
        let key = Box::pin(self.find_key(context, &actor, &chain, &key_wish)).await?;
        let rpc = self.chains.rpc(&chain);
        let execution = fees::fill(rpc.as_ref(), key.address, &wish).await?;
        let must_simulate = self.is_on(settings::REQUIRE_SIMULATION).await?;
        let trial = match &rpc {
            None if must_simulate => Some(simulate::impossible()),
            _ if wish.simulate_first || must_simulate => {
                let call = fees::call(key.address, &wish);
                Some(simulate::trial(rpc.as_ref(), call).await)
            }
            _ => None,
        };
        let obstacle = obstacle(trial.as_ref(), execution.would_fail);
        let nonce = match (wish.nonce, &rpc) {
            (Some(nonce), _) => NonceWish::Explicit(nonce),
            (None, Some(rpc)) => NonceWish::Next {
                at_least: rpc.pending_nonce(key.address).await?,
            },
            (None, None) => NonceWish::Next { at_least: 0 },
        };
        let intent = TransactionIntent {
            tx_type: execution.tx_type,
            to: wish.to,
            value: wish.value,
            data: wish.data.clone(),
            gas_limit: execution.gas_limit,
            fees: execution.fees,
            nonce: wish.nonce.unwrap_or_default(),
            access_list: wish.access_list.clone(),
            authorizations: authorizations(&wish, chain.chain_id),
        };
        let decoded = effects::of_transaction(
            chain.chain_id,
            key.address,
            &intent,
            &effects::Limits::default(),
        );
        let mut request = base_request(context, &actor, &chain, &key, purpose, signature);
        request.intent = Intent::Transaction(intent);
        request.effects = decoded;
        request.simulation = trial.as_ref().and_then(|trial| trial.fact.clone());
        self.add_known_facts(actor.agent.id, &mut request).await?;
        Ok(Prepared {
            actor,
            chain,
            rpc,
            key,
            nonce,
            request,
            purpose,
            trial,
            obstacle,
        })
    }

    /// Prepares what is not a transaction: typed data, a message, a digest.
    ///
    /// # Errors
    /// Names the field at fault.
    pub(super) async fn prepare_other(
        &self,
        context: &RequestContext,
        actor: Actor,
        body: &SignRequest,
        signature: Option<IntentSignature>,
    ) -> Result<Prepared> {
        let key_wish = request::key(&body.transaction, actor.agent.id)?;
        let (intent, effects) = other_intent(body)?;
        let chain = self.chain_for(&request::chain(&body.transaction)?).await?;
        let key = self.find_key(context, &actor, &chain, &key_wish).await?;
        let mut request = base_request(context, &actor, &chain, &key, Purpose::Sign, signature);
        request.effects = effects.map_or_else(Vec::new, |typed| {
            effects::of_typed_data(key.address, &typed)
        });
        request.intent = intent;
        self.add_known_facts(actor.agent.id, &mut request).await?;
        Ok(Prepared {
            rpc: None,
            actor,
            chain,
            key,
            nonce: NonceWish::None,
            request,
            purpose: Purpose::Sign,
            trial: None,
            obstacle: None,
        })
    }
}

fn other_intent(body: &SignRequest) -> Result<(Intent, Option<effects::TypedData>)> {
    let missing =
        |field: &str, what: &str| ServiceError::field(field, format!("is missing; {what}"));
    match body.intent_type.as_str() {
        "personal_sign" | "message" => {
            let text = body
                .message
                .as_deref()
                .ok_or_else(|| missing("message", "give text, or bytes as `0x…`"))?;
            Ok((Intent::Message(message(text)?), None))
        }
        "typed_data" => {
            let document = body.typed_data.as_ref().ok_or_else(|| {
                missing("typed_data", "give `{types, primaryType, domain, message}`")
            })?;
            let typed = effects::TypedData::parse(document)
                .map_err(|e| ServiceError::field("typed_data", e))?;
            Ok((Intent::TypedData(typed.intent()), Some(typed)))
        }
        "eip712_digest" | "digest" => {
            let hash = body
                .hash
                .as_deref()
                .ok_or_else(|| missing("hash", "give `0x` and 64 hexadecimal digits"))?;
            Ok((Intent::Digest(request::word("hash", hash)?), None))
        }
        _ => Err(ServiceError::field(
            "intent_type",
            "must be `transaction`, `typed_data`, `personal_sign` or `eip712_digest`",
        )),
    }
}

/// `0x` and an even number of hexadecimal digits are bytes, anything else is text.
fn message(text: &str) -> Result<Bytes> {
    let bytes = text
        .strip_prefix("0x")
        .filter(|digits| digits.len() % 2 == 0)
        .and_then(|digits| hex::decode(digits).ok())
        .unwrap_or_else(|| text.as_bytes().to_vec());
    if bytes.len() > MAX_MESSAGE_BYTES {
        return Err(ServiceError::field(
            "message",
            format!("has more than {MAX_MESSAGE_BYTES} bytes"),
        ));
    }
    Ok(bytes.into())
}

/// Those by the sender get the sender's next nonce but one, once the nonce of the transaction is known: it counts up
/// before authorisations are looked at (EIP-7702).
fn authorizations(wish: &TransactionWish, chain_id: u64) -> Vec<Authorization> {
    wish.authorizations
        .iter()
        .map(|wish| Authorization {
            chain_id: wish.chain_id.unwrap_or(chain_id),
            address: wish.address,
            nonce: wish.nonce.unwrap_or(FOLLOWS_TRANSACTION),
            signature: wish.signature.clone(),
        })
        .collect()
}

/// Stands for "the transaction's nonce plus one" until that is known. No account gets there (EIP-2681).
const FOLLOWS_TRANSACTION: u64 = u64::MAX;

/// Puts the nonce in that the database leased.
pub fn with_nonce(request: &mut TransactionRequest, nonce: u64) {
    if let Intent::Transaction(intent) = &mut request.intent {
        intent.nonce = nonce;
        for authorization in &mut intent.authorizations {
            if authorization.nonce == FOLLOWS_TRANSACTION {
                authorization.nonce = nonce.saturating_add(1);
            }
        }
    }
}

fn obstacle(trial: Option<&Trial>, would_fail: Option<String>) -> Option<Obstacle> {
    match trial {
        Some(trial) if trial.status == "reverted" => Some(Obstacle::Reverted(
            trial.problem.clone().unwrap_or_default(),
        )),
        Some(trial) if trial.status == "error" => Some(Obstacle::NotSimulated(
            trial.problem.clone().unwrap_or_default(),
        )),
        _ => would_fail.map(Obstacle::WouldFail),
    }
}

fn base_request(
    context: &RequestContext,
    actor: &Actor,
    chain: &Chain,
    key: &FoundKey,
    purpose: Purpose,
    signature: Option<IntentSignature>,
) -> TransactionRequest {
    let fact = |key: &str, value: String| Fact {
        key: key.to_owned(),
        value,
    };
    let mut facts = vec![
        fact("chain.native_currency", chain.native_currency.clone()),
        fact("chain.is_testnet", chain.is_testnet.to_string()),
        fact("intent.purpose", purpose.as_str().to_owned()),
    ];
    if actor.caller.agent().is_none() {
        facts.push(fact("actor", actor.caller.principal().to_string()));
    }
    TransactionRequest {
        org: actor.agent.org_id,
        principal: Principal::Agent(actor.agent.id),
        key: key.location.clone(),
        sender: key.address,
        chain: Some(words::Chain {
            id: chain.chain_id,
            name: chain.name.clone(),
        }),
        intent: Intent::Digest(B256::ZERO),
        effects: Vec::new(),
        signature,
        simulation: None,
        budgets: Vec::new(),
        client: context.client,
        at: context.at,
        environment: actor.environment.clone(),
        labels: guardrails::labels(&actor.agent),
        facts,
    }
}
