//! Whoever was never paid before has to be approved.
//!
//! Who is new is a fact of the host: `recipients.new` lists, separated by commas, those who would gain something and
//! never did by this agent on this chain before. Recipients in the settings are known from the start. Without the fact, and where it
//! cannot be read what a call would do, everybody is new.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use oneclaw_policy_sdk::outgoing::Outgoing;
use oneclaw_policy_sdk::{
    Address, Approval, Decision, EffectKind, Intent, Manifest, Needs, Problem, Reason,
    TransactionGuardrail, TransactionRequest, Verdict, reply, settings::problem,
};
use serde::Deserialize;

const NEW: &str = "recipients.new";
const MOST_KNOWN: usize = 10_000;

/// Whom everybody knows, and who has to approve of the others.
pub struct FirstRecipient {
    /// In order.
    known: Vec<Address>,
    approvers: u32,
    group: String,
}

/// See `settings.schema.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default)]
    known: Vec<Address>,
    #[serde(default = "one")]
    approvers: u32,
    #[serde(default)]
    group: String,
}

const fn one() -> u32 {
    1
}

impl TransactionGuardrail for FirstRecipient {
    type Settings = Settings;

    fn manifest() -> Manifest {
        Manifest {
            name: "first-recipient".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Asks for approval of recipients that were never paid before.".to_owned(),
            settings_schema: include_str!("settings.schema.json").to_owned(),
        }
    }

    fn configure(settings: Settings) -> Result<(Self, Needs), Vec<Problem>> {
        let mut problems = Vec::new();
        if settings.known.len() > MOST_KNOWN {
            problems.push(problem("/known", "must have at most 10000 entries"));
        }
        if settings.approvers == 0 {
            problems.push(problem("/approvers", "must be at least 1"));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut known = settings.known;
        known.sort_unstable();
        let needs = Needs {
            budgets: Vec::new(),
            facts: vec![NEW.to_owned()],
        };
        let plugin = Self {
            known,
            approvers: settings.approvers,
            group: settings.group,
        };
        Ok((plugin, needs))
    }

    fn evaluate(&self, request: &TransactionRequest) -> Decision {
        let outgoing = Outgoing::of(request);
        let unread = match request.intent {
            Intent::Transaction(_) | Intent::TypedData(_) => {
                let mut effects = outgoing.effects.iter();
                effects.any(|effect| effect.kind == EffectKind::Opaque)
            }
            // Nobody gains anything by a message that has no effects, and rules on messages are others' business.
            Intent::Message(_) => false,
            Intent::Digest(_) => true,
        };
        if unread {
            return self.ask(
                "first-recipient/unread",
                "Who would gain by this cannot be read.".to_owned(),
            );
        }
        let fact = request.facts.iter().find(|fact| fact.key == NEW);
        let is_new = |address: &Address| match fact {
            Some(fact) => {
                let mut new = fact.value.split(',');
                new.any(|text| text.trim().parse().as_ref() == Ok(address))
            }
            None => true,
        };
        let stranger = outgoing
            .recipients()
            .into_iter()
            .filter(|address| *address != request.sender)
            .filter(|address| self.known.binary_search(address).is_err())
            .find(is_new);
        match stranger {
            Some(address) => self.ask(
                "first-recipient/new",
                format!("{address} was never paid by this agent before."),
            ),
            None => reply::abstain(),
        }
    }
}

impl FirstRecipient {
    fn ask(&self, code: &str, message: String) -> Decision {
        let reason = Reason {
            message,
            ..reply::reason(code)
        };
        Decision {
            verdict: Verdict::RequireApproval(Approval {
                reason,
                approvers: self.approvers,
                group: self.group.clone(),
                expires_in_seconds: 86_400,
            }),
            ..reply::abstain()
        }
    }
}

oneclaw_policy_sdk::export_transaction_guardrail!(FirstRecipient);
