//! A decision that was made, or not made: what one plugin answered and at which cost.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oneclaw_core::ids::AttachmentId;
use oneclaw_core::verdict::Decision;
use wasmtime::{PoolConcurrencyLimitError, Trap};

use crate::attachment::Stage;
use crate::cage::Cage;
use crate::plugin::PluginIdentity;

/// Codes that start so are the host's; a plugin that uses one is lying.
pub(crate) const INTERNAL: &str = "internal/";

pub(crate) const TRAP: &str = "internal/trap";
pub(crate) const STACK: &str = "internal/stack";
pub(crate) const FUEL: &str = "internal/fuel";
pub(crate) const DEADLINE: &str = "internal/deadline";
pub(crate) const MEMORY: &str = "internal/memory";
pub(crate) const BAD_REPLY: &str = "internal/bad-reply";
pub(crate) const CONFIGURE_FAILED: &str = "internal/configure-failed";
pub(crate) const WRONG_ORGANISATION: &str = "internal/wrong-organisation";
pub(crate) const WRONG_PERMISSION: &str = "internal/wrong-permission";
pub(crate) const WRONG_WORLD: &str = "internal/wrong-world";
pub(crate) const WRONG_BUDGETS: &str = "internal/wrong-budgets";
pub(crate) const NO_DIGEST: &str = "internal/no-digest";
pub(crate) const NO_CAPACITY: &str = "internal/no-capacity";
/// Given by whoever loads plugins.
pub(crate) const PLUGIN_NOT_LOADED: &str = "internal/plugin-not-loaded";
pub(crate) const NO_PLUGIN: &str = "internal/no-plugin";

/// A plugin that gave no usable answer. Always a denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A stable word that starts with `internal/`.
    pub code: &'static str,
    /// What happened, for operators. Never holds anything of the request or of settings, apart from what the plugin
    /// itself put into its answer.
    pub detail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)
    }
}

impl Failure {
    /// A failure that was found outside the engine, for example that an attached plugin could not be loaded.
    ///
    /// A `code` that does not start with `internal/` becomes `internal/trap`: nothing that failed may look like a
    /// plugin's own answer.
    #[must_use]
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        let code = if code.starts_with(INTERNAL) {
            code
        } else {
            TRAP
        };
        Self {
            code,
            detail: detail.into(),
        }
    }

    /// A failure that was recorded earlier, by the code that it had then.
    #[must_use]
    pub fn recorded(code: &str, detail: &str) -> Self {
        const CODES: [&str; 14] = [
            TRAP,
            STACK,
            FUEL,
            DEADLINE,
            MEMORY,
            BAD_REPLY,
            CONFIGURE_FAILED,
            WRONG_ORGANISATION,
            WRONG_PERMISSION,
            WRONG_WORLD,
            WRONG_BUDGETS,
            NO_DIGEST,
            NO_CAPACITY,
            PLUGIN_NOT_LOADED,
        ];
        let code = CODES.into_iter().find(|known| *known == code);
        Self::new(code.unwrap_or(TRAP), detail)
    }

    /// Whether the same request would fail in the same way every time, on any machine: not for want of time or of room.
    #[must_use]
    pub fn is_reproducible(&self) -> bool {
        !matches!(
            self.code,
            DEADLINE | NO_CAPACITY | PLUGIN_NOT_LOADED | CONFIGURE_FAILED
        )
    }

    /// What ended a call into a component.
    pub(crate) fn of(error: &wasmtime::Error, cage: &Cage) -> Self {
        if let Some(what) = cage.refused_growth() {
            return Self::new(MEMORY, what);
        }
        if error.is::<PoolConcurrencyLimitError>() {
            return Self::new(NO_CAPACITY, "every slot for plugin instances is in use");
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Self::new(FUEL, "the plugin ran out of fuel"),
            Some(Trap::Interrupt) => Self::new(DEADLINE, "the plugin took too long"),
            Some(Trap::StackOverflow) => Self::new(STACK, "the plugin exhausted its call stack"),
            Some(
                trap @ (Trap::InvalidChar
                | Trap::InvalidDiscriminant
                | Trap::ListOutOfBounds
                | Trap::StringOutOfBounds
                | Trap::UnalignedPointer),
            ) => unreadable(&plain(*trap)),
            Some(trap) => Self::new(TRAP, format!("the plugin trapped: {}", plain(*trap))),
            // What is no trap comes from reading the answer out of the component's memory.
            None => unreadable(&error.root_cause().to_string()),
        }
    }
}

fn unreadable(why: &str) -> Failure {
    Failure::new(
        BAD_REPLY,
        format!("the plugin's answer cannot be read: {why}"),
    )
}

fn plain(trap: Trap) -> String {
    let text = trap.to_string();
    text.strip_prefix("wasm trap: ")
        .map_or_else(|| text.clone(), str::to_owned)
}

/// What one plugin answered, and what it cost.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Which attachment of the organisation this was; `None` for a plugin that every organisation has.
    pub attachment: Option<AttachmentId>,
    /// Whether the answer counts.
    pub stage: Stage,
    /// Who answered.
    pub plugin: Arc<PluginIdentity>,
    /// SHA-256 of the settings it answered with, in hexadecimal; empty if there were none.
    pub settings_digest: Arc<str>,
    /// The answer, or why there is none.
    pub outcome: Result<Decision, Failure>,
    /// Units of fuel that the decision took, without taking in settings.
    pub fuel: u64,
    /// Wall-clock time, from the request to the answer.
    pub elapsed: Duration,
}
