//! From settings as they are written to rules that are decided by.

use oneclaw_policy_sdk::settings::problem;
use oneclaw_policy_sdk::time::{MINUTES_PER_DAY, Window, Zone};
use oneclaw_policy_sdk::{
    BudgetQuery, CalendarUnit, CalendarWindow, Problem, Window as BudgetWindow,
};

use crate::rules::{Addresses, Budget, Guardrails, Ruleset, ZonedWindow};
use crate::settings::{Asset, BudgetRule, RulesetRule, Settings, Span, Unit, WindowRule};

/// Longest name of a ruleset, in bytes.
const MAX_NAME_BYTES: usize = 128;
/// Longest code, name of a budget and label in it, in bytes.
const MAX_WORD_BYTES: usize = 64;
/// The host holds room in so many budgets for one request.
const MAX_BUDGETS: usize = 64;
/// A leap year.
const MAX_ROLLING_SECONDS: u64 = 366 * 86_400;
/// So many problems are enough to work on; a reply has a limit.
const MAX_PROBLEMS: usize = 32;

impl Settings {
    /// Checks the settings and sorts what is looked up.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn into_guardrails(self) -> Result<Guardrails, Vec<Problem>> {
        let mut draft = Draft::default();
        draft.domains(&self);
        for (name, table) in self.zones {
            match Zone::new(table.transitions, table.until) {
                Ok(zone) => draft.zones.push((name, zone)),
                Err(message) => {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    draft.wrong(format!("/zones/{name}"), message);
                }
            }
        }
        let mut rulesets = Vec::with_capacity(self.rulesets.len());
        for (index, rule) in self.rulesets.into_iter().enumerate() {
            rulesets.push(draft.ruleset(&format!("/rulesets/{index}"), rule));
        }
        if !draft.problems.is_empty() {
            return Err(draft.problems);
        }
        Ok(Guardrails {
            signing: self.signing,
            rulesets,
            zones: draft.zones.into_iter().map(|(_, zone)| zone).collect(),
            budgets: draft.budgets,
        })
    }
}

#[derive(Default)]
struct Draft {
    zones: Vec<(String, Zone)>,
    budgets: Vec<BudgetQuery>,
    problems: Vec<Problem>,
}

impl Draft {
    fn domains(&mut self, settings: &Settings) {
        for (at, domain) in settings.signing.domains.iter().enumerate() {
            for (index, field) in domain.fields.iter().enumerate() {
                if !field.pointer.is_empty() && !field.pointer.starts_with('/') {
                    self.wrong(
                        format!("/signing/domains/{at}/fields/{index}/pointer"),
                        "must be a JSON pointer, such as `/details/amount`",
                    );
                }
            }
        }
    }

    fn ruleset(&mut self, at: &str, rule: RulesetRule) -> Ruleset {
        if rule.name.is_empty() || rule.name.len() > MAX_NAME_BYTES {
            self.wrong(format!("{at}/name"), "must have 1 to 128 bytes");
        }
        let budgets = rule.budgets.into_iter().enumerate();
        let budgets = budgets
            .map(|(index, budget)| self.budget(&format!("{at}/budgets/{index}"), budget))
            .collect();
        let windows = rule.time_windows.iter().enumerate();
        let time_windows = windows
            .map(|(index, window)| self.window(&format!("{at}/time_windows/{index}"), window))
            .collect();
        let mut functions = rule.functions;
        functions.sort_unstable_by_key(|function| function.selector);
        Ruleset {
            name: rule.name,
            on_chains: rule.on_chains,
            chains: rule.chains,
            recipients: rule.recipients.into(),
            denied_recipients: rule.denied_recipients.into(),
            max_value: rule.max_value,
            budgets,
            tokens: rule.tokens.map(Addresses::from),
            token_limits: rule.token_limits,
            functions,
            max_gas: rule.max_gas,
            max_fee_per_gas: rule.max_fee_per_gas,
            max_priority_fee_per_gas: rule.max_priority_fee_per_gas,
            max_total_fee: rule.max_total_fee,
            unlimited_approvals: rule.unlimited_approvals,
            contract_creation: rule.contract_creation,
            delegations: rule.delegations,
            delegatecalls: rule.delegatecalls,
            opaque_calls: rule.opaque_calls,
            time_windows,
            require_signed_intent: rule.require_signed_intent,
            require_simulation: rule.require_simulation,
        }
    }

    fn budget(&mut self, at: &str, rule: BudgetRule) -> Budget {
        if !is_budget_name(&rule.budget) {
            self.wrong(
                format!("{at}/budget"),
                "must be agent/, key/, organisation/ or label.<label>/ and 1 to 64 of a-z, 0-9, -, _, . and /",
            );
        }
        let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_/".contains(&b);
        if !rule.code.starts_with(|c: char| c.is_ascii_lowercase())
            || rule.code.len() > MAX_WORD_BYTES
            || !rule.code.bytes().all(is_word)
            || rule.code.starts_with("internal/")
        {
            self.wrong(
                format!("{at}/code"),
                "must be 1 to 64 of a-z, 0-9, -, _ and /, beginning with a letter and not with internal/",
            );
        }
        let query = BudgetQuery {
            budget: rule.budget,
            asset: word(rule.asset),
            window: self.span(&format!("{at}/window"), rule.window),
        };
        let known = self.budgets.iter().position(|known| *known == query);
        let index = known.unwrap_or(self.budgets.len());
        if known.is_none() {
            self.budgets.push(query);
            if self.budgets.len() == MAX_BUDGETS + 1 {
                self.wrong(at.to_owned(), "there must be at most 64 different budgets");
            }
        }
        Budget {
            query: index,
            code: rule.code,
            asset: rule.asset,
            limit: rule.limit,
        }
    }

    fn span(&mut self, at: &str, span: Span) -> BudgetWindow {
        match span {
            Span::Rolling { seconds } => {
                if seconds == 0 || seconds > MAX_ROLLING_SECONDS {
                    self.wrong(
                        format!("{at}/rolling/seconds"),
                        "must be 1 to 31622400 (366 days)",
                    );
                }
                BudgetWindow::Rolling(seconds)
            }
            Span::Calendar { unit, zone } => {
                if zone.is_empty() {
                    self.wrong(
                        format!("{at}/calendar/zone"),
                        "must be an IANA zone, such as Europe/Berlin",
                    );
                }
                let unit = match unit {
                    Unit::Day => CalendarUnit::Day,
                    Unit::Week => CalendarUnit::Week,
                    Unit::Month => CalendarUnit::Month,
                };
                BudgetWindow::Calendar(CalendarWindow { unit, zone })
            }
        }
    }

    fn window(&mut self, at: &str, rule: &WindowRule) -> ZonedWindow {
        if rule.after_minute >= MINUTES_PER_DAY {
            self.wrong(format!("{at}/after_minute"), "must be 0 to 1439");
        }
        if rule.before_minute > MINUTES_PER_DAY {
            self.wrong(format!("{at}/before_minute"), "must be 0 to 1440");
        }
        if rule.days == 0 || rule.days > 0b111_1111 {
            self.wrong(format!("{at}/days"), "must be 1 to 127");
        }
        let zone = self.zones.iter().position(|(name, _)| *name == rule.zone);
        if zone.is_none() {
            self.wrong(format!("{at}/zone"), "must be one of `/zones`");
        }
        ZonedWindow {
            window: Window {
                after_minute: rule.after_minute,
                before_minute: rule.before_minute,
                days: rule.days,
            },
            zone: zone.unwrap_or(usize::MAX),
        }
    }

    fn wrong(&mut self, pointer: String, message: &str) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem(pointer, message));
        }
    }
}

/// The host's word for an asset.
pub(crate) fn word(asset: Asset) -> String {
    match asset {
        Asset::Native => "native".to_owned(),
        Asset::Transactions => "transactions".to_owned(),
        Asset::Fees => "fees".to_owned(),
        Asset::Token(token) => token.to_string(),
    }
}

fn is_budget_name(text: &str) -> bool {
    let Some((scope, name)) = text.split_once('/') else {
        return false;
    };
    let fits = |part: &str| (1..=MAX_WORD_BYTES).contains(&part.len());
    let is_punctuation = |b: u8| matches!(b, b'-' | b'_' | b'.');
    let is_name =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || is_punctuation(b) || b == b'/';
    let is_scope = match scope.strip_prefix("label.") {
        Some(label) => {
            let is_label = |b: u8| b.is_ascii_alphanumeric() || is_punctuation(b);
            fits(label) && label.bytes().all(is_label)
        }
        None => matches!(scope, "agent" | "key" | "organisation"),
    };
    is_scope && fits(name) && name.bytes().all(is_name)
}
