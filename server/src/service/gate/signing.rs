//! The gate before every signature: the guardrails decide while the database holds nonce and budgets, and what they allow
//! is recorded, reserved and leased together.

use std::sync::Arc;

use oneclaw_core::amount::Amount;
use oneclaw_core::ids::AgentId;
use oneclaw_core::principal::Principal;
use oneclaw_core::recorded::TRANSACTION_GUARDRAIL;
use oneclaw_core::transaction::{BudgetView, TransactionRequest};
use oneclaw_core::verdict::BudgetQuery;
use oneclaw_policy_host::{
    Attachment, DecidedTransaction, Denial, GuardrailAttachment, GuardrailKey, Ruling,
    SigningPermit, decide_transaction,
};
use oneclaw_store::{
    Agent, BudgetSum, Committed, Idempotency, IntentDraft, IntentMode, Judgement, NewReservation,
    NonceWish, Proceed, Transaction,
};
use serde_json::json;

use super::budgets::Resolver;
use super::evidence::{self, Evidence};
use super::refusals::{Seen, exceeded, no_such_budget, refusal, signing_evidence};
use super::{Gate, PluginState};
use crate::service::caller::{Caller, RequestContext};
use crate::service::decisions::record;
use crate::service::error::{Result, ServiceError};
use crate::service::events::{self, EventExt};
use crate::service::guardrails::ChainNames;

/// How long a permit to sign holds, in milliseconds: time enough to commit, open a key and sign.
const PERMIT_TTL_MS: i64 = 10_000;

/// An intent that is to be decided and recorded.
#[derive(Debug)]
pub struct IntentToDecide<'a> {
    /// Who called.
    pub caller: &'a Caller,
    /// For whom.
    pub agent: &'a Agent,
    /// What is asked; nonce and budgets are filled in here.
    pub request: TransactionRequest,
    /// The row that is written if it is allowed.
    pub record: Transaction,
    /// Which nonce.
    pub nonce: NonceWish,
    /// Under which key of the client.
    pub idempotency: Option<Idempotency>,
    /// Something else than the guardrails is in the way: nothing is to be written even if they allow it.
    pub is_obstructed: bool,
    /// Puts a leased nonce into the request.
    pub with_nonce: fn(&mut TransactionRequest, u64),
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// Allowed and recorded: it may be signed.
    Allowed {
        /// The only way to a signature.
        permit: Box<SigningPermit>,
        /// The row.
        transaction: Box<Transaction>,
    },
    /// Allowed, and stopped by what the caller said was in the way. Nothing was recorded.
    Obstructed,
    /// This client's key was used for the same intent before.
    Existing(Box<Transaction>),
}

/// A plugin with the budgets it asked for.
pub(super) struct Asked {
    pub(super) attachment: Attachment,
    /// The name of the plugin, which keeps its budgets apart from those of others.
    pub(super) plugin: String,
    pub(super) queries: Vec<BudgetQuery>,
}

/// What would be decided, for a preview.
#[derive(Debug)]
pub struct Foreseen {
    /// The decision.
    pub decided: DecidedTransaction,
    /// Plugin and budget, as the plugins saw it.
    pub views: Vec<(String, BudgetView)>,
}

impl Gate {
    /// Whether there is a plugin that can decide on transactions.
    pub fn guards_transactions(&self) -> bool {
        matches!(self.guardrails, PluginState::Ready(_))
    }

    /// Decides on an intent, and records what it leads to.
    ///
    /// # Errors
    /// [`ServiceError::Guardrail`] (recorded) for a refusal, [`ServiceError::Conflict`] for an idempotency key that was
    /// used for something else or a transaction that cannot be replaced any more.
    pub async fn decide_intent(
        &self,
        context: &RequestContext,
        chains: &ChainNames,
        intent: IntentToDecide<'_>,
    ) -> Result<Outcome> {
        let asked = self.guardrails_for(context, intent.agent, chains).await?;
        let chain = intent.request.chain.as_ref().map(|c| c.name.as_str());
        let (asked, ticket) = self
            .with_own_guardrails(asked, intent.agent, chain, context.at)
            .await?;
        let resolver = Resolver::new(&intent.request);
        let (queries, places) = queries(&resolver, &asked);
        let draft = IntentDraft {
            transaction: intent.record.clone(),
            nonce: intent.nonce,
            budgets: queries,
            idempotency: intent.idempotency.clone(),
            replaces: intent.record.replaces,
        };
        let event = events::by_caller(
            context,
            intent.caller,
            action(&intent.record),
            "transaction",
            intent.record.id,
        );
        let mut last = None;
        let committed = self
            .store
            .commit_intent(draft, |nonce, sums| {
                let mut request = intent.request.clone();
                if let Some(nonce) = nonce {
                    (intent.with_nonce)(&mut request, nonce);
                }
                let decided = decide(&asked, &places, sums, request);
                let seen: Vec<_> = asked
                    .iter()
                    .zip(&places)
                    .map(|(asked, places)| (&asked.attachment, views(asked, places, sums)))
                    .collect();
                let judgement = if intent.is_obstructed {
                    Judgement::Refuse
                } else {
                    self.judge(&resolver, &intent, &event, nonce, (&decided, &seen))
                };
                last = Some((decided, seen));
                judgement
            })
            .await?;
        if let Some((decided, _)) = &last {
            ticket.settle(decided.evaluations());
        }
        match committed {
            Committed::Done(transaction) => {
                let (decided, _) = last.ok_or_else(undecided)?;
                match decided.into_permit() {
                    Ok(permit) => Ok(Outcome::Allowed {
                        permit: Box::new(permit),
                        transaction,
                    }),
                    // Not reached: what is not allowed is not recorded as done.
                    Err(denial) => Err(ServiceError::Internal(denial.message)),
                }
            }
            Committed::Existing(transaction) => Ok(Outcome::Existing(transaction)),
            Committed::IdempotencyConflict => Err(ServiceError::Conflict(
                "this Idempotency-Key was used for another request; use a new one for each intent"
                    .to_owned(),
            )),
            Committed::ReplacedAlready => Err(ServiceError::Conflict(
                "this transaction is final or replaced already".to_owned(),
            )),
            Committed::Refused => {
                let (decided, seen) = last.ok_or_else(undecided)?;
                let is_allowed = matches!(decided.ruling(), Ruling::Allow(_));
                // Allowed, and only the obstacle in the way; or a budget that cannot be told whose it is.
                if is_allowed && intent.is_obstructed {
                    return Ok(Outcome::Obstructed);
                }
                let unknown = is_allowed.then(no_such_budget);
                let evidence = signing_evidence(&decided, seen, unknown.as_ref())?;
                let denial = match (unknown, decided.into_permit()) {
                    (Some(denial), _) | (None, Err(denial)) => denial,
                    // Not reached: what is allowed has no room, or is obstructed.
                    (None, Ok(_)) => no_such_budget(),
                };
                Err(self
                    .refuse_signing(context, &intent, &denial, evidence)
                    .await?)
            }
            Committed::Exceeded {
                reservation,
                current,
            } => {
                let (decided, seen) = last.ok_or_else(undecided)?;
                let denial = exceeded(&decided, reservation, current);
                let evidence = signing_evidence(&decided, seen, Some(&denial))?;
                Err(self
                    .refuse_signing(context, &intent, &denial, evidence)
                    .await?)
            }
        }
    }

    /// What would be decided now. Nothing is used up and nothing recorded.
    ///
    /// # Errors
    /// What the database says.
    pub async fn foresee_intent(
        &self,
        context: &RequestContext,
        chains: &ChainNames,
        agent: &Agent,
        request: TransactionRequest,
    ) -> Result<Foreseen> {
        let asked = self.guardrails_for(context, agent, chains).await?;
        let chain = request.chain.as_ref().map(|c| c.name.as_str());
        let (asked, ticket) = self
            .with_own_guardrails(asked, agent, chain, context.at)
            .await?;
        let resolver = Resolver::new(&request);
        let (queries, places) = queries(&resolver, &asked);
        let sums = self.store.budget_sums(agent.org_id, &queries).await?;
        let views = asked
            .iter()
            .zip(&places)
            .flat_map(|(asked, places)| {
                views(asked, places, &sums)
                    .into_iter()
                    .map(|view| (asked.plugin.clone(), view))
            })
            .collect();
        let decided = decide(&asked, &places, &sums, request);
        ticket.settle(decided.evaluations());
        Ok(Foreseen { decided, views })
    }

    /// Refuses an intent before any plugin is asked, and records that.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn refuse_intent(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: AgentId,
        code: &str,
        message: &str,
    ) -> Result<ServiceError> {
        let principal = Principal::Agent(agent);
        let record = record::unasked(TRANSACTION_GUARDRAIL, principal, code, message)?;
        let details = json!({"decision": "deny", "code": code, "message": message});
        let event = events::by_caller(context, caller, DENIED, "agent", agent)
            .resting_on(Evidence::new(details, Some(record)));
        let decision = event.id;
        self.store.record(event).await?;
        Ok(refusal(decision, code, message, None, ""))
    }

    async fn refuse_signing(
        &self,
        context: &RequestContext,
        intent: &IntentToDecide<'_>,
        denial: &Denial,
        mut evidence: Evidence,
    ) -> Result<ServiceError> {
        evidence.set("message", json!(denial.message));
        let event = events::by_caller(context, intent.caller, DENIED, "agent", intent.agent.id)
            .resting_on(evidence.refused(&denial.code));
        let decision = event.id;
        self.store.record(event).await?;
        let figures = denial.figures.as_deref().cloned();
        Ok(refusal(
            decision,
            &denial.code,
            &denial.message,
            figures,
            &denial.rule,
        ))
    }

    /// What is written if this is allowed.
    fn judge(
        &self,
        resolver: &Resolver,
        intent: &IntentToDecide<'_>,
        event: &oneclaw_store::NewEvent,
        nonce: Option<u64>,
        (decided, seen): (&DecidedTransaction, &[Seen<'_>]),
    ) -> Judgement {
        if !matches!(decided.ruling(), Ruling::Allow(_)) {
            return Judgement::Refuse;
        }
        let mut reservations = Vec::new();
        for (plugin, reservation) in decided.reservations() {
            let Some(budget) = resolver.resolve(
                &plugin.name,
                &reservation.budget,
                &reservation.asset,
                &reservation.window,
            ) else {
                return Judgement::Refuse;
            };
            reservations.push(NewReservation {
                budget,
                amount: reservation.amount,
                limit: reservation.limit,
            });
        }
        reservations.extend(resolver.unlimited(&decided.request().intent, &reservations));
        let mut transaction = intent.record.clone();
        transaction.nonce = nonce;
        transaction.request_digest = hex::encode(decided.request_digest());
        transaction.decision_event = event.id;
        let record = if self.keeps(&decided.request_digest()) {
            match record::of_transaction(decided, seen.iter().cloned(), None) {
                Ok(record) => Some(record),
                // What cannot be recorded is not done.
                Err(_) => return Judgement::Refuse,
            }
        } else {
            None
        };
        let mut evidence = Evidence::new(evidence::of_transaction(decided), record);
        evidence.set("agent_id", json!(intent.agent.id.to_string()));
        Judgement::Proceed(Box::new(Proceed {
            transaction,
            reservations,
            event: event.clone().resting_on(evidence),
        }))
    }

    /// The settings that hold for an agent. What is for many agents is asked for anew each time, so that a change counts
    /// from the next request on, on whichever node.
    async fn settings_for(
        &self,
        context: &RequestContext,
        agent: &Agent,
        chains: &ChainNames,
    ) -> Result<Result<Arc<str>>> {
        let (org, id, at) = (agent.org_id, agent.id, context.at);
        let fleet = self.store.fleet_guardrail_revisions(org, id).await?;
        if let Some(settings) = self.guardrail_settings.get(agent, &fleet, chains, at) {
            return Ok(Ok(settings));
        }
        let fleet = self.store.fleet_guardrails_for(org, id).await?;
        Ok(self.guardrail_settings.make(agent, &fleet, chains, at))
    }

    async fn guardrails_for(
        &self,
        context: &RequestContext,
        agent: &Agent,
        chains: &ChainNames,
    ) -> Result<Vec<Asked>> {
        let settings = self.settings_for(context, agent, chains).await?;
        Ok(self.asked(agent, settings))
    }

    fn asked(&self, agent: &Agent, settings: Result<Arc<str>>) -> Vec<Asked> {
        let plugin = match &self.guardrails {
            PluginState::Ready(plugin) => plugin,
            PluginState::Absent => return Vec::new(),
            PluginState::Broken { name, failure } => {
                return vec![Asked {
                    attachment: Attachment::failed(name.clone(), failure.clone()),
                    plugin: name.clone(),
                    queries: Vec::new(),
                }];
            }
        };
        let name = plugin.manifest().name.clone();
        let failed = |detail: String| {
            tracing::error!(agent = %agent.id, detail, "the guardrails could not be configured");
            vec![Asked {
                attachment: Attachment::failed(name.clone(), super::configure_failed(detail)),
                plugin: name.clone(),
                queries: Vec::new(),
            }]
        };
        let settings = match settings {
            Ok(settings) => settings,
            Err(error) => return failed(error.to_string()),
        };
        let key = GuardrailKey {
            org: agent.org_id,
            agent: agent.id,
        };
        let known = self.guardrail_cache.get_for(&key, &settings);
        let configured = match known {
            Some(configured) => configured,
            None => match self
                .engine
                .configure_guardrail(plugin, agent.org_id, &settings)
            {
                Ok(configured) => {
                    self.guardrail_cache.insert_for(key, configured.clone());
                    configured
                }
                Err(error) => return failed(error.to_string()),
            },
        };
        vec![Asked {
            queries: configured.budget_queries().to_vec(),
            attachment: Attachment::ready(configured, self.guardrail_mode),
            plugin: name,
        }]
    }
}

/// The audit word of a refusal.
const DENIED: &str = "transaction.denied";

fn action(record: &Transaction) -> &'static str {
    match record.kind.as_str() {
        "transaction" if record.replaces.is_some() => "transaction.replace",
        "transaction" if record.mode == IntentMode::Submit => "transaction.submit",
        "transaction" => "transaction.sign",
        "typed_data" => "signing_key.typed_data_sign",
        "personal_sign" => "signing_key.message_sign",
        _ => "signing_key.raw_digest_sign",
    }
}

fn undecided() -> ServiceError {
    ServiceError::Internal("an intent was committed without a decision".to_owned())
}

/// For each query of each plugin: its place among the sums, if it has one.
type Places = Vec<Vec<Option<usize>>>;

fn decide(
    asked: &[Asked],
    places: &Places,
    sums: &[BudgetSum],
    request: TransactionRequest,
) -> DecidedTransaction {
    let attached: Vec<GuardrailAttachment> = asked
        .iter()
        .zip(places)
        .map(|(asked, places)| GuardrailAttachment {
            plugin: asked.attachment.clone(),
            views: views(asked, places, sums),
        })
        .collect();
    decide_transaction(request, &attached, PERMIT_TTL_MS)
}

/// The budgets of one plugin, in the order in which it asked. One that cannot be told whose it is counts as used up.
fn views(asked: &Asked, places: &[Option<usize>], sums: &[BudgetSum]) -> Vec<BudgetView> {
    asked
        .queries
        .iter()
        .zip(places)
        .map(|(query, place)| {
            let sum = place.and_then(|place| sums.get(place));
            BudgetView {
                budget: query.budget.clone(),
                asset: query.asset.clone(),
                window: query.window.clone(),
                spent: sum.map_or(Amount::MAX, |sum| sum.spent),
                reserved: sum.map_or(Amount::ZERO, |sum| sum.reserved),
            }
        })
        .collect()
}

/// Every budget that the plugins asked for, and for each plugin where its own are among them.
fn queries(resolver: &Resolver, asked: &[Asked]) -> (Vec<oneclaw_store::BudgetQuery>, Places) {
    let mut queries = Vec::new();
    let places = asked
        .iter()
        .map(|asked| {
            let resolved = asked.queries.iter().map(|query| {
                let BudgetQuery {
                    budget,
                    asset,
                    window,
                } = query;
                resolver.resolve(&asked.plugin, budget, asset, window)
            });
            resolved
                .map(|query| {
                    queries.push(query?);
                    queries.len().checked_sub(1)
                })
                .collect()
        })
        .collect();
    // Every intent counts there, so that these are locked with the others and not one after the other.
    queries.extend(resolver.of_record());
    (queries, places)
}
