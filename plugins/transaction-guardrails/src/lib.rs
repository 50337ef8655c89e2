#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod asked;
mod budgets;
mod calls;
mod draft;
mod evaluate;
mod json;
mod recipients;
mod refusal;
mod rules;
mod settings;
mod tokens;
mod typed;
mod values;

pub use rules::Guardrails;
pub use settings::Settings;

use oneclaw_policy_sdk::{
    Decision, Manifest, Needs, Problem, TransactionGuardrail, TransactionRequest,
};

/// The fact that names the native coin in messages; `ETH` where it is absent.
pub(crate) const CURRENCY_FACT: &str = "chain.native_currency";

impl TransactionGuardrail for Guardrails {
    type Settings = Settings;

    fn manifest() -> Manifest {
        Manifest {
            name: "transaction-guardrails".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Lists, limits and budgets for whatever an agent has signed.".to_owned(),
            settings_schema: include_str!("settings.schema.json").to_owned(),
        }
    }

    fn configure(settings: Settings) -> Result<(Self, Needs), Vec<Problem>> {
        let guardrails = settings.into_guardrails()?;
        let needs = Needs {
            budgets: guardrails.budgets.clone(),
            facts: vec![CURRENCY_FACT.to_owned()],
        };
        Ok((guardrails, needs))
    }

    fn evaluate(&self, request: &TransactionRequest) -> Decision {
        self.decide(request)
    }
}

#[cfg(feature = "component")]
oneclaw_policy_sdk::export_transaction_guardrail!(Guardrails);

#[cfg(test)]
mod tests;
