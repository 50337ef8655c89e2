//! What a plugin answers.

use serde::{Deserialize, Serialize};

pub use crate::amount::Amount;

/// Why a plugin answered as it did. Codes are stable words such as `policy/no-match`; they are meant for programs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reason {
    /// A stable word; `internal/…` is reserved for the host.
    pub code: String,
    /// A sentence for a human, or empty: then the host writes one from the code.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub message: String,
    /// The rule that decided, for example a policy id; empty if none did.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub rule: String,
    /// The condition that failed, for example `time_window`; empty if none did.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub condition: String,
    /// Figures behind a refusal, where there are any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub figures: Option<Figures>,
}

/// The numbers behind a refusal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Figures {
    /// What is counted.
    pub asset: String,
    /// The most that is allowed.
    pub limit: Amount,
    /// What the request asks for.
    pub attempted: Amount,
    /// What counts already.
    pub current: Amount,
}

/// Who must approve before the request may go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Why approval is needed.
    pub reason: Reason,
    /// How many approvals.
    pub approvers: u32,
    /// A role or group that must approve; empty for anyone who may.
    pub group: String,
    /// For how long the request for approval stands, in seconds.
    pub expires_in_seconds: u64,
}

/// The span over which a budget counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The last so many seconds.
    Rolling {
        /// Length in seconds.
        seconds: u64,
    },
    /// The current calendar period in a named zone.
    Calendar {
        /// Day, week (from Monday) or month.
        unit: CalendarUnit,
        /// IANA zone, for example `Europe/Berlin`.
        zone: String,
    },
}

/// A calendar period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalendarUnit {
    /// From midnight.
    Day,
    /// From Monday.
    Week,
    /// From the first.
    Month,
}

/// A budget that a plugin wants to see with each request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BudgetQuery {
    /// The plugin's name for it; see [`BudgetName`](crate::guardrails::BudgetName).
    pub budget: String,
    /// What is counted.
    pub asset: String,
    /// The span that counts.
    pub window: Window,
}

/// Room that a plugin wants held in a budget if the request goes ahead. The host makes it, atomically, with the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The plugin's name for the budget.
    pub budget: String,
    /// What is counted: `native`, `transactions`, `fees`, the address of a token in lower case, or a word of the plugin's.
    pub asset: String,
    /// How much to hold.
    pub amount: Amount,
    /// The most that may be held and spent within the window.
    pub limit: Amount,
    /// The span that counts.
    pub window: Window,
}

/// One plugin's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing against it, and it is granted.
    Allow(Reason),
    /// Refused; wins over every allow.
    Deny(Reason),
    /// Refused until somebody approves.
    RequireApproval(Approval),
    /// Not this plugin's business. Not an allow.
    Abstain,
}

/// A verdict with what goes along with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The answer.
    pub verdict: Verdict,
    /// Room to hold in budgets.
    pub reservations: Vec<Reservation>,
    /// Remarks for the decision record.
    pub notes: Vec<String>,
}
