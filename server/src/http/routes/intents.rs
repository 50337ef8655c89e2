//! Intents: transactions and other things to be signed, for an agent.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use oneclaw_core::api::{
    CreateIntentKeyRequest, IntentKey, IntentKeyList, ReplaceTransactionRequest, SignRequest,
    SignResponse, SignedTransaction, SimulateBundleRequest, SimulationList, SimulationResult,
    Transaction, TransactionList, TransactionPreview, TransactionRequestBody,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::extract::{
    Authenticated, Body, Context, OptionalSignable, Params, Query, Signable, idempotency_key, parse,
};
use crate::http::problem::Answer;
use crate::service::SharedServices;
use crate::service::intents::{Replacement, Submitted};

/// Query of lists.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SignedQuery {
    /// `true` or `1`: with the signed bytes.
    #[serde(default)]
    include_signed_tx: Option<String>,
}

impl SignedQuery {
    fn include_signed(&self) -> bool {
        matches!(self.include_signed_tx.as_deref(), Some("true" | "1"))
    }
}

/// Signs a transaction and sends it.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/transactions", tag = "intents", security(("bearer" = [])),
    params(("agent_id" = String, Path)), request_body = TransactionRequestBody,
    responses((status = 201, body = Transaction), (status = 200, description = "The same was submitted before under this Idempotency-Key", body = Transaction),
        (status = 403, description = "A guardrail refused"), (status = 409, description = "The Idempotency-Key is in use"),
        (status = 422, description = "The simulation reverted", body = Transaction)))]
pub async fn submit(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
    headers: HeaderMap,
    Signable(body, request): Signable<TransactionRequestBody>,
) -> Answer<(StatusCode, Json<Transaction>)> {
    let agent = parse("agent_id", &agent)?;
    let key = idempotency_key(&headers)?;
    let submitted = services
        .submit_transaction(&context, &caller, agent, &body, key, &request)
        .await?;
    Ok(match submitted {
        Submitted::Created(transaction) => (StatusCode::CREATED, Json(transaction)),
        Submitted::Replayed(transaction) => (StatusCode::OK, Json(transaction)),
        Submitted::SimulationFailed(transaction) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Json(transaction))
        }
    })
}

/// The last 100 transactions of an agent, newest first.
#[utoipa::path(get, path = "/v1/agents/{agent_id}/transactions", tag = "intents", security(("bearer" = [])),
    params(("agent_id" = String, Path), SignedQuery), responses((status = 200, body = TransactionList)))]
pub async fn list(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
    Query(query): Query<SignedQuery>,
) -> Answer<Json<TransactionList>> {
    let agent = parse("agent_id", &agent)?;
    let list = services
        .list_transactions(&caller, agent, query.include_signed())
        .await?;
    Ok(Json(list))
}

/// A transaction.
#[utoipa::path(get, path = "/v1/agents/{agent_id}/transactions/{tx_id}", tag = "intents", security(("bearer" = [])),
    params(("agent_id" = String, Path), ("tx_id" = String, Path), SignedQuery),
    responses((status = 200, body = Transaction), (status = 404)))]
pub async fn get(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params((agent, id)): Params<(String, String)>,
    Query(query): Query<SignedQuery>,
) -> Answer<Json<Transaction>> {
    let agent = parse("agent_id", &agent)?;
    let id = parse("tx_id", &id)?;
    let transaction = services
        .transaction(&caller, agent, id, query.include_signed())
        .await?;
    Ok(Json(transaction))
}

/// What a signing route answers: the signature, or 422 with the transaction whose simulation reverted.
fn signed<T: serde::Serialize>(outcome: Result<T, Transaction>) -> Response {
    match outcome {
        Ok(signed) => Json(signed).into_response(),
        Err(failed) => (StatusCode::UNPROCESSABLE_ENTITY, Json(failed)).into_response(),
    }
}

/// Signs a transaction for the caller to send. It counts against every limit as if it were sent.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/transactions/sign", tag = "intents", security(("bearer" = [])),
    params(("agent_id" = String, Path)), request_body = TransactionRequestBody,
    responses((status = 200, body = SignedTransaction), (status = 403, description = "A guardrail refused"),
        (status = 422, description = "The simulation reverted", body = Transaction)))]
pub async fn sign_only(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
    Signable(body, request): Signable<TransactionRequestBody>,
) -> Answer<Response> {
    let agent = parse("agent_id", &agent)?;
    let outcome = services
        .sign_transaction(&context, &caller, agent, &body, &request)
        .await?;
    Ok(signed(outcome))
}

/// Signs a transaction, typed data (EIP-712), a message (EIP-191) or a digest; sends nothing.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/sign", tag = "intents", security(("bearer" = [])),
    params(("agent_id" = String, Path)), request_body = SignRequest,
    responses((status = 200, body = SignResponse), (status = 403, description = "A guardrail refused")))]
pub async fn sign(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
    Signable(body, request): Signable<SignRequest>,
) -> Answer<Response> {
    let agent = parse("agent_id", &agent)?;
    let outcome = services
        .sign_intent(&context, &caller, agent, &body, &request)
        .await?;
    Ok(signed(outcome))
}

/// Tries a transaction out. Nothing is signed.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/transactions/simulate", tag = "intents", security(("bearer" = [])),
    params(("agent_id" = String, Path)), request_body = TransactionRequestBody,
    responses((status = 200, body = SimulationResult)))]
pub async fn simulate(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
    Body(body): Body<TransactionRequestBody>,
) -> Answer<Json<SimulationResult>> {
    let agent = parse("agent_id", &agent)?;
    let result = services
        .simulate_transaction(&context, &caller, agent, &body)
        .await?;
    Ok(Json(result))
}

/// Tries up to ten transactions out, one after the other. Nothing is signed.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/transactions/simulate-bundle", tag = "intents",
    security(("bearer" = [])), params(("agent_id" = String, Path)), request_body = SimulateBundleRequest,
    responses((status = 200, body = SimulationList)))]
pub async fn simulate_bundle(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
    Body(body): Body<SimulateBundleRequest>,
) -> Answer<Json<SimulationList>> {
    let agent = parse("agent_id", &agent)?;
    let list = services
        .simulate_bundle(&context, &caller, agent, &body.transactions)
        .await?;
    Ok(Json(list))
}

/// Tells what would be decided, by which plugin and rule, with effects and budgets. Nothing is signed or used up.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/transactions/preview", tag = "intents", security(("bearer" = [])),
    params(("agent_id" = String, Path)), request_body = SignRequest,
    responses((status = 200, body = TransactionPreview)))]
pub async fn preview(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
    Body(body): Body<SignRequest>,
) -> Answer<Json<TransactionPreview>> {
    let agent = parse("agent_id", &agent)?;
    let preview = services
        .preview_intent(&context, &caller, agent, &body)
        .await?;
    Ok(Json(preview))
}

/// Sends a transaction again with higher fees.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/transactions/{tx_id}/replace", tag = "intents",
    security(("bearer" = [])), params(("agent_id" = String, Path), ("tx_id" = String, Path)),
    request_body = ReplaceTransactionRequest, responses((status = 201, body = Transaction),
        (status = 409, description = "Not waiting to be included")))]
pub async fn replace(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((agent, id)): Params<(String, String)>,
    OptionalSignable(body, request): OptionalSignable<ReplaceTransactionRequest>,
) -> Answer<(StatusCode, Json<Transaction>)> {
    let agent = parse("agent_id", &agent)?;
    let id = parse("tx_id", &id)?;
    let how = Replacement::SpeedUp;
    let transaction = services
        .replace_transaction(&context, &caller, agent, id, how, &body, &request)
        .await?;
    Ok((StatusCode::CREATED, Json(transaction)))
}

/// Takes the place of a transaction with one that does nothing.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/transactions/{tx_id}/cancel", tag = "intents",
    security(("bearer" = [])), params(("agent_id" = String, Path), ("tx_id" = String, Path)),
    request_body = ReplaceTransactionRequest, responses((status = 201, body = Transaction),
        (status = 409, description = "Not waiting to be included")))]
pub async fn cancel(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((agent, id)): Params<(String, String)>,
    OptionalSignable(body, request): OptionalSignable<ReplaceTransactionRequest>,
) -> Answer<(StatusCode, Json<Transaction>)> {
    let agent = parse("agent_id", &agent)?;
    let id = parse("tx_id", &id)?;
    let how = Replacement::Cancel;
    let transaction = services
        .replace_transaction(&context, &caller, agent, id, how, &body, &request)
        .await?;
    Ok((StatusCode::CREATED, Json(transaction)))
}

/// Registers a key with which the agent signs its requests. The private half stays with the agent.
#[utoipa::path(post, path = "/v1/agents/{agent_id}/intent-keys", tag = "intents", security(("bearer" = [])),
    params(("agent_id" = String, Path)), request_body = CreateIntentKeyRequest,
    responses((status = 201, body = IntentKey), (status = 409)))]
pub async fn create_key(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
    Signable(body, request): Signable<CreateIntentKeyRequest>,
) -> Answer<(StatusCode, Json<IntentKey>)> {
    let agent = parse("agent_id", &agent)?;
    let key = services
        .create_intent_key(&context, &caller, agent, &body, &request)
        .await?;
    Ok((StatusCode::CREATED, Json(key)))
}

/// The keys with which the agent signs its requests.
#[utoipa::path(get, path = "/v1/agents/{agent_id}/intent-keys", tag = "intents", security(("bearer" = [])),
    params(("agent_id" = String, Path)), responses((status = 200, body = IntentKeyList)))]
pub async fn list_keys(
    State(services): State<SharedServices>,
    Authenticated(caller): Authenticated,
    Params(agent): Params<String>,
) -> Answer<Json<IntentKeyList>> {
    let agent = parse("agent_id", &agent)?;
    Ok(Json(services.list_intent_keys(&caller, agent).await?))
}

/// Makes a key count no longer.
#[utoipa::path(delete, path = "/v1/agents/{agent_id}/intent-keys/{key_id}", tag = "intents",
    security(("bearer" = [])), params(("agent_id" = String, Path), ("key_id" = String, Path)),
    responses((status = 204, description = "Counts no longer"), (status = 404)))]
pub async fn revoke_key(
    State(services): State<SharedServices>,
    Context(context): Context,
    Authenticated(caller): Authenticated,
    Params((agent, key)): Params<(String, String)>,
    OptionalSignable(_, request): OptionalSignable<Option<serde_json::Value>>,
) -> Answer<StatusCode> {
    let agent = parse("agent_id", &agent)?;
    services
        .revoke_intent_key(&context, &caller, agent, &key, &request)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
