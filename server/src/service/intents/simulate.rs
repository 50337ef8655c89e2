//! Trying transactions out, on a node that is asked to and changes nothing.

use oneclaw_chain::{Method, Rpc};
use oneclaw_core::api::{
    BalanceChangeBody, SimulationList, SimulationResult, TransactionRequestBody,
};
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::AgentId;
use oneclaw_core::transaction::Simulation;
use oneclaw_crypto::random;

use super::super::Services;
use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::time;
use super::{fees, request};

/// Most transactions in one bundle.
const MAX_BUNDLE: usize = 10;

const NO_BACKEND: &str = "simulation backend not configured";

impl Services {
    /// `POST …/transactions/simulate`
    ///
    /// # Errors
    /// Names the field at fault. That the chain has no RPC, or that it does not answer, is a result.
    pub async fn simulate_transaction(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: AgentId,
        body: &TransactionRequestBody,
    ) -> Result<SimulationResult> {
        let bundle = std::slice::from_ref(body);
        self.simulate(context, caller, agent, bundle)
            .await?
            .pop()
            .ok_or_else(|| ServiceError::Internal("a simulation without result".to_owned()))
    }

    /// `POST …/transactions/simulate-bundle`: one after the other, each on what the ones before it left.
    ///
    /// # Errors
    /// As [`Services::simulate_transaction`].
    pub async fn simulate_bundle(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: AgentId,
        bodies: &[TransactionRequestBody],
    ) -> Result<SimulationList> {
        if bodies.is_empty() || bodies.len() > MAX_BUNDLE {
            return Err(ServiceError::field(
                "transactions",
                format!("must have 1 to {MAX_BUNDLE} entries"),
            ));
        }
        let simulations = self.simulate(context, caller, agent, bodies).await?;
        Ok(SimulationList { simulations })
    }

    async fn simulate(
        &self,
        context: &RequestContext,
        caller: &Caller,
        agent: AgentId,
        bodies: &[TransactionRequestBody],
    ) -> Result<Vec<SimulationResult>> {
        let actor = self.actor(context, caller, agent).await?;
        let mut chain = None;
        let mut calls = Vec::with_capacity(bodies.len());
        for body in bodies {
            let named = self.chain_for(&request::chain(body)?).await?;
            let wish = request::transaction(body)?;
            let key = request::key(body, agent)?;
            let first = chain.get_or_insert_with(|| named.clone());
            if first.id != named.id {
                return Err(ServiceError::field(
                    "transactions",
                    "must all be for one chain",
                ));
            }
            let key = self.find_key(context, &actor, &named, &key).await?;
            calls.push(fees::call(key.address, &wish));
        }
        let rpc = chain.and_then(|chain| self.chains.rpc(&chain));
        Ok(match rpc {
            None => vec![without_result(NO_BACKEND.to_owned(), context.at); calls.len()],
            Some(rpc) => match rpc.simulate(&calls).await {
                Ok(report) => report
                    .calls
                    .iter()
                    .map(|call| result(report.method, &call.outcome, context.at))
                    .collect(),
                Err(error) => vec![without_result(error.to_string(), context.at); calls.len()],
            },
        })
    }
}

fn new_id() -> String {
    random::new_id().to_string()
}

fn without_result(error: String, at: Timestamp) -> SimulationResult {
    SimulationResult {
        simulation_id: new_id(),
        status: "error".to_owned(),
        gas_used: 0,
        balance_changes: Vec::new(),
        error: Some(error),
        revert_reason: None,
        error_human_readable: None,
        method: None,
        simulated_at: time::format(at),
    }
}

fn result(method: Method, outcome: &Simulation, at: Timestamp) -> SimulationResult {
    let reason = outcome.revert_reason.clone();
    SimulationResult {
        simulation_id: new_id(),
        status: if outcome.success {
            "success"
        } else {
            "reverted"
        }
        .to_owned(),
        gas_used: outcome.gas_used,
        balance_changes: outcome
            .balance_changes
            .iter()
            .map(|change| BalanceChangeBody {
                address: change.account.to_checksum(None),
                token: (change.asset != "native").then(|| change.asset.clone()),
                change: format!(
                    "{}{}",
                    if change.negative { "-" } else { "" },
                    change.amount
                ),
            })
            .collect(),
        error: None,
        error_human_readable: reason
            .as_ref()
            .map(|reason| format!("the transaction would revert: {reason}")),
        revert_reason: reason,
        method: Some(
            match method {
                Method::SimulateV1 => "eth_simulateV1",
                Method::EachAlone => "eth_call",
            }
            .to_owned(),
        ),
        simulated_at: time::format(at),
    }
}

/// A simulation that goes before a signature.
#[derive(Debug, Clone)]
pub struct Trial {
    /// `success`, `reverted`, `error` or `skipped`.
    pub status: &'static str,
    /// Identifies it, if it was made.
    pub id: Option<String>,
    /// What it showed, if it was made.
    pub fact: Option<Simulation>,
    /// Why it did not go through.
    pub problem: Option<String>,
}

/// What is said where a simulation is required and nobody can make one.
pub fn impossible() -> Trial {
    Trial {
        status: "error",
        id: None,
        fact: None,
        problem: Some(NO_BACKEND.to_owned()),
    }
}

/// Tries one call.
pub async fn trial(rpc: Option<&Rpc>, call: oneclaw_chain::Call) -> Trial {
    let Some(rpc) = rpc else {
        return Trial {
            status: "skipped",
            id: None,
            fact: None,
            problem: None,
        };
    };
    let outcome = match rpc.simulate(&[call]).await {
        Ok(report) => report.calls.into_iter().next().map(|call| call.outcome),
        Err(error) => {
            return Trial {
                status: "error",
                id: None,
                fact: None,
                problem: Some(error.to_string()),
            };
        }
    };
    let Some(outcome) = outcome else {
        return Trial {
            status: "error",
            id: None,
            fact: None,
            problem: Some("the node simulated nothing".to_owned()),
        };
    };
    Trial {
        status: if outcome.success {
            "success"
        } else {
            "reverted"
        },
        id: Some(new_id()),
        problem: (!outcome.success).then(|| {
            outcome
                .revert_reason
                .clone()
                .unwrap_or_else(|| "the transaction would revert".to_owned())
        }),
        fact: Some(outcome),
    }
}
