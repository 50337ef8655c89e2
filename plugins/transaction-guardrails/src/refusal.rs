//! Refusals and the words they are told in.

use oneclaw_policy_sdk::{
    Address, Amount, CalendarUnit, Decision, Figures, Reason, Verdict, Window, reply,
};

/// Decimals of the native coin of every EVM chain.
const NATIVE_DECIMALS: u8 = 18;

/// Longest excerpt, in characters.
const EXCERPT_CHARS: usize = 200;

/// Why something is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
    /// Name of the ruleset.
    pub(crate) rule: String,
    pub(crate) figures: Option<Box<Figures>>,
}

/// Nothing against it, or why it is refused.
pub(crate) type Checked<T = ()> = Result<T, Refusal>;

impl Refusal {
    pub(crate) fn new(code: &str, message: String) -> Self {
        Self {
            code: code.to_owned(),
            message,
            rule: String::new(),
            figures: None,
        }
    }

    pub(crate) fn by(self, rule: &str) -> Self {
        Self {
            rule: rule.to_owned(),
            ..self
        }
    }

    /// `attempted` is absent where it is more than can be counted.
    pub(crate) fn with_figures(
        self,
        asset: &str,
        limit: Amount,
        attempted: Option<Amount>,
        current: Amount,
    ) -> Self {
        Self {
            figures: Some(Box::new(Figures {
                asset: asset.to_owned(),
                limit,
                attempted: attempted.unwrap_or(Amount::MAX),
                current,
            })),
            ..self
        }
    }

    pub(crate) fn into_decision(self) -> Decision {
        let reason = Reason {
            message: self.message,
            rule: self.rule,
            ..reply::reason(&self.code)
        };
        match self.figures {
            Some(figures) => reply::deny_with_figures(reason, *figures),
            None => reply::with_reason(reason, Verdict::Deny),
        }
    }
}

/// Whether `amount` is above `limit`. What could not be counted is above every limit.
pub(crate) fn exceeds(amount: Option<Amount>, limit: Amount) -> bool {
    amount.is_none_or(|amount| amount > limit)
}

/// An amount of the native coin, for example `0.05 ETH`.
pub(crate) fn coins(amount: Option<Amount>, symbol: &str) -> String {
    match amount {
        Some(amount) => format!("{} {symbol}", amount.to_units(NATIVE_DECIMALS)),
        None => format!("more {symbol} than can be counted"),
    }
}

/// A number of base units.
pub(crate) fn units(amount: Option<Amount>) -> String {
    match amount {
        Some(amount) => format!("{amount} base units"),
        None => "more base units than can be counted".to_owned(),
    }
}

/// The beginning of a text that came with the request: a reply has a limit, and a message is to be read.
pub(crate) fn excerpt(text: &str) -> &str {
    let end = text.char_indices().nth(EXCERPT_CHARS);
    end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// An address that may be missing.
pub(crate) fn named(address: Option<Address>) -> String {
    address.map_or_else(|| "that is not known".to_owned(), |a| a.to_string())
}

/// A span of time, for example `24h` or `this month's`.
pub(crate) fn span(window: &Window) -> String {
    match window {
        Window::Rolling(seconds) if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        Window::Rolling(seconds) if seconds % 60 == 0 => format!("{}min", seconds / 60),
        Window::Rolling(seconds) => format!("{seconds}s"),
        Window::Calendar(window) => match window.unit {
            CalendarUnit::Day => "this day's",
            CalendarUnit::Week => "this week's",
            CalendarUnit::Month => "this month's",
        }
        .to_owned(),
    }
}
