//! How a record is written: short keys, nothing that stands in a column or is empty.

use std::net::IpAddr;

use oneclaw_core::path::SecretPath;
use oneclaw_core::recorded::{ACCESS_POLICY, Question};
use oneclaw_core::request::{AccessRequest, Fact, Permission};
use oneclaw_core::transaction::{BudgetView, TransactionRequest};
use oneclaw_core::verdict::{Figures, Reservation, Verdict};
use oneclaw_policy_host::Failure;
use oneclaw_store::Decision;
use serde::{Deserialize, Serialize};

use crate::service::error::{Result, ServiceError};

/// What is kept of a decision beside its columns.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Body {
    /// The request for access.
    #[serde(rename = "q", skip_serializing_if = "Option::is_none", default)]
    pub access: Option<AccessBody>,
    /// The request for a signature.
    #[serde(rename = "x", skip_serializing_if = "Option::is_none", default)]
    pub transaction: Option<Box<TransactionRequest>>,
    /// An answer for each plugin of the basis.
    #[serde(rename = "a", skip_serializing_if = "Vec::is_empty", default)]
    pub answers: Vec<Answer>,
    /// Why it was refused, where no plugin did it.
    #[serde(rename = "g", skip_serializing_if = "Option::is_none", default)]
    pub gate: Option<ByGate>,
}

/// A request for access without what stands in the columns.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessBody {
    #[serde(rename = "p")]
    permission: Permission,
    #[serde(rename = "o", skip_serializing_if = "is_false", default)]
    owner: bool,
    #[serde(rename = "e", skip_serializing_if = "Option::is_none", default)]
    environment: Option<String>,
    #[serde(rename = "c")]
    client: IpAddr,
    #[serde(rename = "f", skip_serializing_if = "Vec::is_empty", default)]
    facts: Vec<Fact>,
}

/// What one plugin answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The verdict; none if the plugin failed.
    #[serde(rename = "v", skip_serializing_if = "Option::is_none", default)]
    pub verdict: Option<Verdict>,
    /// How it failed: code and detail.
    #[serde(rename = "x", skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<(String, String)>,
    /// Room that it wanted held.
    #[serde(rename = "r", skip_serializing_if = "Vec::is_empty", default)]
    pub reservations: Vec<Reservation>,
    /// Its remarks.
    #[serde(rename = "n", skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
    /// The budgets that it saw.
    #[serde(rename = "b", skip_serializing_if = "Vec::is_empty", default)]
    pub budgets: Vec<BudgetView>,
    /// Units of fuel.
    #[serde(rename = "f")]
    pub fuel: u64,
    /// Microseconds.
    #[serde(rename = "t")]
    pub micros: u64,
}

impl Answer {
    /// Whether the same request would be answered so every time.
    pub fn is_reproducible(&self) -> bool {
        self.failure
            .as_ref()
            .is_none_or(|(code, detail)| Failure::recorded(code, detail).is_reproducible())
    }
}

/// A refusal by the gate itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ByGate {
    /// A sentence.
    #[serde(rename = "m")]
    pub message: String,
    /// Numbers, if there are any.
    #[serde(rename = "n", skip_serializing_if = "Option::is_none", default)]
    pub figures: Option<Figures>,
}

/// The plugins that decided, as the records that share them name them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BasisBody {
    /// `access-policy` or `transaction-guardrail`.
    pub world: String,
    /// What ran the plugins.
    pub engine: String,
    /// In the order in which they were asked.
    pub plugins: Vec<PluginBody>,
}

/// A plugin that took part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginBody {
    /// The name in its manifest.
    pub name: String,
    /// The version in its manifest.
    pub version: String,
    /// SHA-256 of the component, in hexadecimal; empty if there was none to be had.
    pub digest: String,
    /// SHA-256 of the settings, in hexadecimal; empty if there were none.
    pub settings: String,
    /// `enforce`, `canary` or `shadow`.
    pub mode: String,
    /// Which attachment of the organisation it was; absent for a plugin that every organisation has.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attachment: Option<String>,
}

impl PluginBody {
    /// Whether its answer counts.
    pub fn is_enforced(&self) -> bool {
        self.mode != SHADOW
    }
}

/// The mode of a plugin whose answer does not count.
const SHADOW: &str = "shadow";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(truth: &bool) -> bool {
    !truth
}

impl From<&AccessRequest> for AccessBody {
    fn from(request: &AccessRequest) -> Self {
        Self {
            permission: request.permission,
            owner: request.owner,
            environment: request.environment.clone(),
            client: request.client,
            facts: request.facts.clone(),
        }
    }
}

/// A record, read.
#[derive(Debug)]
pub struct Recorded {
    /// The columns.
    pub row: Decision,
    /// What was asked; none if it was refused before there was a request.
    pub question: Option<Question>,
    /// Who decided.
    pub basis: BasisBody,
    /// What each of them answered.
    pub answers: Vec<Answer>,
    /// Why it was refused, where no plugin did it.
    pub gate: Option<ByGate>,
}

impl Recorded {
    /// Reads a record.
    ///
    /// # Errors
    /// [`ServiceError::Internal`] for one that cannot be read.
    pub fn read(row: Decision) -> Result<Self> {
        let broken = |what: &str| {
            ServiceError::Internal(format!("the {what} of decision {} cannot be read", row.id))
        };
        let basis: BasisBody = serde_json::from_str(&row.basis).map_err(|_| broken("basis"))?;
        let body: Body = serde_json::from_str(&row.body).map_err(|_| broken("record"))?;
        if basis.plugins.len() != body.answers.len() {
            return Err(broken("record"));
        }
        let question = match (body.access, body.transaction) {
            (Some(access), None) if row.world == ACCESS_POLICY => {
                let path: SecretPath = row
                    .path
                    .as_deref()
                    .and_then(|path| path.parse().ok())
                    .ok_or_else(|| broken("path"))?;
                Some(Question::Access(AccessRequest {
                    org: row.org_id,
                    vault: row.vault_id.ok_or_else(|| broken("vault"))?,
                    path,
                    permission: access.permission,
                    principal: row.principal,
                    owner: access.owner,
                    environment: access.environment,
                    client: access.client,
                    at: row.at,
                    facts: access.facts,
                }))
            }
            (None, Some(transaction)) => Some(Question::Transaction(transaction)),
            (None, None) => None,
            _ => return Err(broken("record")),
        };
        Ok(Self {
            question,
            basis,
            answers: body.answers,
            gate: body.gate,
            row,
        })
    }

    /// The request as one plugin saw it, with its budgets.
    pub fn question_to(&self, plugin: usize) -> Option<Question> {
        let mut question = self.question.clone()?;
        if let (Question::Transaction(request), Some(answer)) =
            (&mut question, self.answers.get(plugin))
        {
            request.budgets.clone_from(&answer.budgets);
        }
        Some(question)
    }
}
