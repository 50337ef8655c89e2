#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod address;
pub mod amount;
#[doc(hidden)]
pub mod bindings;
#[doc(hidden)]
pub mod export;
pub mod outgoing;
pub mod question;
pub mod reply;
pub mod settings;
pub mod time;

pub use bindings::oneclaw::policy::access_types::{AccessRequest, Permission};
pub use bindings::oneclaw::policy::types::{
    Address, Amount, Approval, BudgetQuery, CalendarUnit, CalendarWindow, Decision, Fact, Figures,
    Id, IpAddress, Manifest, Needs, Principal, PrincipalKind, Problem, Reason, Reservation,
    Verdict, Window,
};
pub use bindings::transaction::oneclaw::policy::transaction_types::{
    BalanceChange, BudgetView, Chain, Effect, EffectKind, Fees, Intent, IntentSignature,
    Simulation, TransactionIntent, TransactionRequest, TypedDataIntent,
};

use serde::de::DeserializeOwned;

/// A plugin of the world `access-policy`: it decides whether a principal may do something at a path of a vault.
///
/// A value of the type that implements this trait is one configured plugin. It is made once per settings and then asked
/// any number of times, each time from the same state: the host keeps nothing that `evaluate` leaves behind.
pub trait AccessPolicy: Sized + 'static {
    /// What [`configure`](Self::configure) takes, as JSON. Put `#[serde(deny_unknown_fields)]` on it, so that a slip in a
    /// key is a problem and not a setting that is silently missing.
    type Settings: DeserializeOwned;

    /// What this plugin is. The schema must describe [`Settings`](Self::Settings).
    fn manifest() -> Manifest;

    /// Checks the settings and prepares whatever makes `evaluate` quick.
    ///
    /// # Errors
    /// Everything that is wrong with the settings, each with a pointer to where. Settings with a problem are never
    /// attached.
    fn configure(settings: Self::Settings) -> Result<(Self, Needs), Vec<Problem>>;

    /// Answers one request. There is no default: a plugin that has nothing to say returns [`reply::abstain`], which is
    /// not an allow.
    fn evaluate(&self, request: &AccessRequest) -> Decision;
}

/// A plugin of the world `transaction-guardrail`: it decides whether something may be signed for an agent.
///
/// What holds of [`AccessPolicy`] holds here too. In addition, `configure` says by [`Needs::budgets`] which budgets the
/// plugin wants to see, and each request brings them in the same order. An allow may carry [`Reservation`]s: room that
/// the host holds in a budget, at once with the record of the decision, or refuses the request.
pub trait TransactionGuardrail: Sized + 'static {
    /// What [`configure`](Self::configure) takes, as JSON. Put `#[serde(deny_unknown_fields)]` on it, so that a slip in a
    /// key is a problem and not a setting that is silently missing.
    type Settings: DeserializeOwned;

    /// What this plugin is. The schema must describe [`Settings`](Self::Settings).
    fn manifest() -> Manifest;

    /// Checks the settings, prepares whatever makes `evaluate` quick, and says which budgets are to be seen.
    ///
    /// # Errors
    /// Everything that is wrong with the settings, each with a pointer to where. Settings with a problem are never
    /// attached.
    fn configure(settings: Self::Settings) -> Result<(Self, Needs), Vec<Problem>>;

    /// Answers one request. There is no default: a plugin that has nothing to say returns [`reply::abstain`], which is
    /// not an allow.
    fn evaluate(&self, request: &TransactionRequest) -> Decision;
}

/// A plugin of both worlds: what it is and how it takes its settings in stands in its [`TransactionGuardrail`], whose
/// `configure` can ask for budgets. It is an [`AccessPolicy`] by that.
pub trait PolicyAndGuardrail: TransactionGuardrail {
    /// Answers one request about access, as [`AccessPolicy::evaluate`] does.
    fn evaluate_access(&self, request: &AccessRequest) -> Decision;
}

impl<T: PolicyAndGuardrail> AccessPolicy for T {
    type Settings = <T as TransactionGuardrail>::Settings;

    fn manifest() -> Manifest {
        <T as TransactionGuardrail>::manifest()
    }

    fn configure(settings: Self::Settings) -> Result<(Self, Needs), Vec<Problem>> {
        <T as TransactionGuardrail>::configure(settings)
    }

    fn evaluate(&self, request: &AccessRequest) -> Decision {
        self.evaluate_access(request)
    }
}
