//! Receipts of decisions: fetched, and verified without the server.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use oneclaw_audit_proof::receipt::{Answer, Receipt, SignedReceipt};
use oneclaw_core::recorded::Question;
use oneclaw_core::verdict::Verdict;
use oneclaw_policy_host::Evaluation;
use serde_json::{Value, json};

use super::plugin::local::{self, Caged, Room};
use super::text_argument;
use crate::client::segment;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;

/// Longest receipt, and longest file of cases.
const MOST_BYTES: u64 = 1024 * 1024;

/// Receipts: what the server signs about one decision
#[derive(Subcommand)]
pub enum ReceiptCommand {
    /// Print the receipt of a decision, to be kept
    #[command(after_help = "Examples:\n  1claw receipt get $DECISION_ID > receipt.json")]
    Get {
        /// Id of the decision
        decision: String,
    },
    Verify(VerifyArgs),
}

/// Check that a server signed a receipt, and with the component, that it decides so
///
/// With --key nothing is asked of any server. Settings and request stand in cases: `1claw decision export --as-cases`.
#[derive(Args)]
#[command(after_help = "Examples:
  1claw receipt verify receipt.json
  1claw receipt verify receipt.json --key @jwks.json
  1claw receipt verify receipt.json --key @jwks.json --component office-door.wasm --cases cases.json")]
pub struct VerifyArgs {
    /// The receipt
    receipt: PathBuf,
    /// The server's key for receipts (base64url), or @file with it or with the keys that a server publishes; fetched otherwise
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A component that answered: it is asked again
    #[arg(long, value_name = "FILE", requires = "cases")]
    component: Option<PathBuf>,
    /// Cases, with the request and the settings among them
    #[arg(long, value_name = "FILE", requires = "component")]
    cases: Option<PathBuf>,
}

const FIELDS: &[Column] = &[
    Column::id("Decision", "decision_id"),
    Column::new("Issuer", "issuer"),
    Column::time("Decided", "decided_at"),
    Column::new("Who", "principal"),
    Column::new("Verdict", "verdict"),
    Column::new("Code", "code"),
];

impl ReceiptCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Get { decision } => {
                let route = format!("/v1/decisions/{}/receipt", segment(&decision));
                let receipt = context.client()?.get(&route)?;
                context.output.json(&receipt)
            }
            Self::Verify(arguments) => arguments.run(context),
        }
    }
}

impl VerifyArgs {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let name = self.receipt.display().to_string();
        let wrong = |error: &dyn std::fmt::Display| Failure::local(format!("{name}: {error}"));
        let text = local::read(&self.receipt, MOST_BYTES)?;
        let signed = SignedReceipt::read(&text).map_err(|error| wrong(&error))?;
        let key = self.key(context, &signed)?;
        let receipt = signed.verify(&key).map_err(|error| wrong(&error))?;
        let again = match (&self.component, &self.cases) {
            (Some(component), Some(cases)) => Some(decide_again(receipt, component, cases)?),
            _ => None,
        };
        let mut shown = json!(receipt);
        if let (Some(answer), Some(shown)) = (&again, shown.as_object_mut()) {
            shown.insert("decided_again".to_owned(), json!(answer));
        }
        context.output.item(&shown, FIELDS)?;
        context.output.note(&match again {
            Some(answer) => format!(
                "the signature holds, and {} {} answers again: {} {}",
                answer.name, answer.version, answer.verdict, answer.code
            ),
            None => "the signature holds".to_owned(),
        });
        Ok(())
    }

    fn key(&self, context: &Context, signed: &SignedReceipt) -> Result<[u8; 32], Failure> {
        let (given, from) = match &self.key {
            Some(key) => (text_argument(key)?, "--key"),
            None => {
                context.output.note(
                    "the server is asked for its keys; --key checks against some that you kept",
                );
                let keys = context.anonymous().get("/.well-known/jwks.json")?;
                (keys.to_string(), "the server's keys")
            }
        };
        let given = given.trim();
        // One key is a set of one.
        let set = if given.starts_with('{') {
            given.to_owned()
        } else {
            json!({"keys": [{"kid": signed.kid, "x": given}]}).to_string()
        };
        signed
            .key_in(&set)
            .map_err(|error| Failure::local(format!("{from}: {error}")))
    }
}

/// Puts the request of a receipt to a component again, in the cage of the server.
fn decide_again(receipt: &Receipt, component: &Path, cases: &Path) -> Result<Answer, Failure> {
    let caged = Caged::load(component, Room::WIDEST)?;
    let bytes = caged.plugin.component();
    let digest = &receipt
        .answer_of(bytes)
        .map_err(|error| Failure::local(format!("{}: {error}", component.display())))?
        .digest;
    let read = local::read(cases, MOST_BYTES)?;
    let read: Vec<Value> = serde_json::from_slice(&read)
        .map_err(|error| Failure::local(format!("{}: {error}", cases.display())))?;
    let (question, settings, answer) = read
        .iter()
        .find_map(|case| fitting(receipt, digest, case))
        .ok_or_else(|| {
            Failure::hinted(
                format!(
                    "{}: no case has the request and the settings that the receipt names",
                    cases.display()
                ),
                "`1claw decision export --as-cases` gives those of recorded decisions",
            )
        })?;
    let evaluation = caged
        .engine
        .rerun(bytes, settings, &question)
        .map_err(|error| Failure::local(error.to_string()))?;
    let (verdict, code) = said(&evaluation);
    if (verdict, code) == (answer.verdict.as_str(), answer.code.as_str()) {
        return Ok(answer.clone());
    }
    Err(Failure::local(format!(
        "{} {} answers {verdict} `{code}`, and the receipt says {} `{}`",
        answer.name, answer.version, answer.verdict, answer.code
    )))
}

/// The request of a case as text, its settings, and the answer of a receipt that is about both.
fn fitting<'a>(
    receipt: &'a Receipt,
    digest: &str,
    case: &'a Value,
) -> Option<(String, &'a str, &'a Answer)> {
    let question = json!({"world": case.get("world")?, "request": case.get("request")?});
    let parsed: Question = serde_json::from_value(question.clone()).ok()?;
    receipt.is_about(&parsed.canonical_bytes().ok()?).ok()?;
    let settings = case.get("settings")?.as_str()?;
    let mut answers = receipt.plugins.iter();
    let answer =
        answers.find(|answer| answer.digest == digest && answer.was_told(settings).is_ok())?;
    Some((question.to_string(), settings, answer))
}

/// An answer in the words of receipts.
fn said(evaluation: &Evaluation) -> (&'static str, &str) {
    match &evaluation.outcome {
        Ok(decision) => match &decision.verdict {
            Verdict::Allow(reason) => ("allow", &reason.code),
            Verdict::Deny(reason) => ("deny", &reason.code),
            Verdict::RequireApproval(approval) => ("require-approval", &approval.reason.code),
            Verdict::Abstain => ("abstain", ""),
        },
        Err(failure) => ("failed", failure.code),
    }
}
