//! A plugin of both worlds, written with the SDK alone: lets one path be read, and so much be spent.

use oneclaw_policy_sdk::{
    AccessRequest, Amount, BudgetQuery, Decision, Intent, Manifest, Needs, PolicyAndGuardrail,
    Problem, Reservation, TransactionGuardrail, TransactionRequest, Window, reply,
};

/// The plugin; its settings are the same.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwoWorlds {
    path: String,
    limit: Amount,
}

const BUDGET: &str = "agent/daily";
const ASSET: &str = "native";
const WINDOW: Window = Window::Rolling(86_400);

impl TransactionGuardrail for TwoWorlds {
    type Settings = Self;

    fn manifest() -> Manifest {
        Manifest {
            name: "two-worlds".to_owned(),
            version: "1.0.0".to_owned(),
            summary: "Lets one path be read, and so much be spent.".to_owned(),
            settings_schema: r#"{"type":"object"}"#.to_owned(),
        }
    }

    fn configure(settings: Self) -> Result<(Self, Needs), Vec<Problem>> {
        let needs = Needs {
            budgets: vec![BudgetQuery {
                budget: BUDGET.to_owned(),
                asset: ASSET.to_owned(),
                window: WINDOW,
            }],
            facts: Vec::new(),
        };
        Ok((settings, needs))
    }

    fn evaluate(&self, request: &TransactionRequest) -> Decision {
        let (Intent::Transaction(transaction), [view]) = (&request.intent, &*request.budgets)
        else {
            return reply::abstain();
        };
        let total = view
            .spent
            .checked_add(view.reserved)
            .and_then(|current| current.checked_add(transaction.value));
        if total.is_none_or(|total| total > self.limit) {
            return reply::deny("two-worlds/too-much");
        }
        let room = Reservation {
            budget: BUDGET.to_owned(),
            asset: ASSET.to_owned(),
            amount: transaction.value,
            limit: self.limit,
            window: WINDOW,
        };
        reply::allow_reserving(reply::reason("two-worlds/enough"), vec![room])
    }
}

impl PolicyAndGuardrail for TwoWorlds {
    fn evaluate_access(&self, request: &AccessRequest) -> Decision {
        if request.path == self.path {
            reply::allow("two-worlds/listed")
        } else {
            reply::abstain()
        }
    }
}

oneclaw_policy_sdk::export_policy_and_guardrail!(TwoWorlds);
