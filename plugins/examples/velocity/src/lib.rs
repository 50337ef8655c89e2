//! Stops an agent that suddenly spends far more than it used to.
//!
//! The plugin counts what it lets pass in a budget of its own, and looks at it twice: over the last 24 hours, and over
//! the last 30 days. An agent may spend in a day `factor` times what it spent a day on average over the 29 days before,
//! and always as much as `floor`, so that a new agent can begin. Above that, somebody has to approve, or it is refused.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use oneclaw_policy_sdk::outgoing::Outgoing;
use oneclaw_policy_sdk::{
    Address, Amount, Approval, BudgetQuery, BudgetView, Decision, Figures, Manifest, Needs,
    Problem, Reason, Reservation, TransactionGuardrail, TransactionRequest, Verdict, Window, reply,
    settings::problem,
};
use serde::Deserialize;

const BUDGET: &str = "agent/velocity";
const DAY: Window = Window::Rolling(86_400);
const MONTH: Window = Window::Rolling(30 * 86_400);
/// Days in [`MONTH`] before the last one.
const DAYS_BEFORE: u64 = 29;
/// Most assets: each takes two of the 64 budgets that a plugin may look at.
const MOST_ASSETS: usize = 32;

/// What is watched, and how far it may rise.
pub struct Velocity {
    factor: u64,
    assets: Vec<Watched>,
    above: Above,
}

struct Watched {
    asset: Asset,
    /// As it is written in budgets.
    name: String,
    floor: Amount,
}

enum Asset {
    Native,
    Token(Address),
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "snake_case")]
enum Above {
    Deny,
    #[default]
    RequireApproval,
}

/// See `settings.schema.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    factor: u64,
    assets: Vec<AssetSettings>,
    #[serde(default)]
    above: Above,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssetSettings {
    asset: String,
    floor: Amount,
}

impl TransactionGuardrail for Velocity {
    type Settings = Settings;

    fn manifest() -> Manifest {
        Manifest {
            name: "velocity".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Stops a sudden rise against the agent's own last 30 days.".to_owned(),
            settings_schema: include_str!("settings.schema.json").to_owned(),
        }
    }

    fn configure(settings: Settings) -> Result<(Self, Needs), Vec<Problem>> {
        let mut problems = Vec::new();
        if !(1..=1000).contains(&settings.factor) {
            problems.push(problem("/factor", "must be from 1 to 1000"));
        }
        if settings.assets.is_empty() || settings.assets.len() > MOST_ASSETS {
            problems.push(problem("/assets", "must have 1 to 32 entries"));
        }
        let mut assets: Vec<Watched> = Vec::new();
        for (at, entry) in settings.assets.into_iter().enumerate() {
            let asset = match entry.asset.as_str() {
                "native" => Some(Asset::Native),
                address => address.parse().ok().map(Asset::Token),
            };
            let Some(asset) = asset else {
                problems.push(problem(
                    format!("/assets/{at}/asset"),
                    "must be `native` or the address of a token",
                ));
                continue;
            };
            let name = entry.asset.to_ascii_lowercase();
            if assets.iter().any(|known| known.name == name) {
                problems.push(problem(format!("/assets/{at}/asset"), "is there twice"));
            }
            let floor = entry.floor;
            assets.push(Watched { asset, name, floor });
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let query = |asset: &Watched, window| BudgetQuery {
            budget: BUDGET.to_owned(),
            asset: asset.name.clone(),
            window,
        };
        let needs = Needs {
            budgets: assets
                .iter()
                .flat_map(|asset| [query(asset, DAY), query(asset, MONTH)])
                .collect(),
            facts: Vec::new(),
        };
        let plugin = Self {
            factor: settings.factor,
            assets,
            above: settings.above,
        };
        Ok((plugin, needs))
    }

    fn evaluate(&self, request: &TransactionRequest) -> Decision {
        let outgoing = Outgoing::of(request);
        let mut reservations = Vec::new();
        // Views come in the order of the queries: a day and a month for each asset.
        let mut views = request.budgets.chunks_exact(2);
        for watched in &self.assets {
            let Some([day, month]) = views.next() else {
                return reply::deny("velocity/no-budget");
            };
            let attempted = match &watched.asset {
                Asset::Native => outgoing.native,
                Asset::Token(token) => outgoing.of_token(token),
            };
            let attempted = attempted.unwrap_or(Amount::MAX);
            if attempted.is_zero() {
                continue;
            }
            let limit = self.limit(watched, day, month);
            let current = used(day);
            let total = current.checked_add(attempted);
            if total.is_none_or(|total| total > limit) {
                return self.refuse(Figures {
                    asset: watched.name.clone(),
                    limit,
                    attempted,
                    current,
                });
            }
            reservations.push(Reservation {
                budget: BUDGET.to_owned(),
                asset: watched.name.clone(),
                amount: attempted,
                limit,
                window: DAY,
            });
        }
        if reservations.is_empty() {
            return reply::abstain();
        }
        reply::allow_reserving(reply::reason("velocity/usual"), reservations)
    }
}

impl Velocity {
    /// What may be spent in a day: so many times the daily average before it, and at least the floor.
    fn limit(&self, watched: &Watched, day: &BudgetView, month: &BudgetView) -> Amount {
        let before = used(month).saturating_sub(used(day));
        // Multiplied first, so that small amounts are not rounded to nothing.
        let usual = before.checked_mul(self.factor);
        let usual = usual.and_then(|sum| sum.checked_div_ceil(DAYS_BEFORE));
        usual.unwrap_or(Amount::MAX).max(watched.floor)
    }

    fn refuse(&self, figures: Figures) -> Decision {
        let reason = Reason {
            message: format!(
                "{} within a day is more than {} times what is usual; {} are left.",
                figures.attempted,
                self.factor,
                figures.limit.saturating_sub(figures.current),
            ),
            figures: Some(figures),
            ..reply::reason("velocity/sudden-rise")
        };
        match self.above {
            Above::Deny => reply::with_reason(reason, Verdict::Deny),
            Above::RequireApproval => Decision {
                verdict: Verdict::RequireApproval(Approval {
                    reason,
                    approvers: 1,
                    group: String::new(),
                    expires_in_seconds: 3600,
                }),
                ..reply::abstain()
            },
        }
    }
}

fn used(view: &BudgetView) -> Amount {
    view.spent.saturating_add(view.reserved)
}

oneclaw_policy_sdk::export_transaction_guardrail!(Velocity);
