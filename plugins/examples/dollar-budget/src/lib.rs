//! Limits in dollars over coin and tokens together: so much at once, and so much within a rolling window.
//!
//! Prices are facts: `price.usd.native`, and `price.usd.0x…` for a token, as decimal dollars for one whole coin or token
//! with at most six decimals. What has no price is refused, so that a feed which stops closes the door and does not open
//! it. Dollars are counted in millionths, and every conversion is rounded up.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use oneclaw_policy_sdk::outgoing::Outgoing;
use oneclaw_policy_sdk::{
    Address, Amount, BudgetQuery, BudgetView, Decision, Effect, EffectKind, Figures, Manifest,
    Needs, Problem, Reason, Reservation, TransactionGuardrail, TransactionRequest, Verdict, Window,
    reply, settings::problem,
};
use serde::Deserialize;

/// What is counted: millionths of a dollar.
const ASSET: &str = "usd-millionths";
const DOLLAR_DECIMALS: u8 = 6;
const COIN_DECIMALS: u8 = 18;
const MOST_TOKENS: usize = 200;
/// 366 days.
const MOST_SECONDS: u64 = 31_622_400;

/// Limits, and the tokens that can be counted.
pub struct DollarBudget {
    max_per_request: Option<Amount>,
    window: Option<Limit>,
    /// In the order of their addresses.
    tokens: Vec<Token>,
}

struct Limit {
    budget: String,
    window: Window,
    most: Amount,
}

struct Token {
    address: Address,
    decimals: u8,
    fact: String,
}

/// See `settings.schema.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    max_usd_per_request: Option<String>,
    max_usd_in_window: Option<WindowSettings>,
    #[serde(default)]
    tokens: Vec<TokenSettings>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowSettings {
    usd: String,
    #[serde(default = "a_day")]
    seconds: u64,
    #[serde(default)]
    shared_by: SharedBy,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum SharedBy {
    #[default]
    Agent,
    Organisation,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenSettings {
    address: Address,
    decimals: u8,
}

const fn a_day() -> u64 {
    86_400
}

impl TransactionGuardrail for DollarBudget {
    type Settings = Settings;

    fn manifest() -> Manifest {
        Manifest {
            name: "dollar-budget".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Limits what leaves by its value in dollars.".to_owned(),
            settings_schema: include_str!("settings.schema.json").to_owned(),
        }
    }

    fn configure(settings: Settings) -> Result<(Self, Needs), Vec<Problem>> {
        let mut problems = Vec::new();
        let mut dollars = |pointer: &str, text: &str| {
            Amount::parse_units(text, DOLLAR_DECIMALS)
                .map_err(|_| {
                    problems.push(problem(
                        pointer,
                        "must be dollars with at most six decimals, such as `250.50`",
                    ));
                })
                .unwrap_or(Amount::ZERO)
        };
        let max_per_request = settings
            .max_usd_per_request
            .map(|text| dollars("/max_usd_per_request", &text));
        let window = settings.max_usd_in_window.map(|window| {
            let most = dollars("/max_usd_in_window/usd", &window.usd);
            (window, most)
        });
        if max_per_request.is_none() && window.is_none() {
            problems.push(problem(
                "",
                "must have `max_usd_per_request`, `max_usd_in_window` or both",
            ));
        }
        if let Some((window, _)) = &window
            && !(1..=MOST_SECONDS).contains(&window.seconds)
        {
            problems.push(problem(
                "/max_usd_in_window/seconds",
                "must be from 1 to 31622400",
            ));
        }
        let tokens = tokens(&settings.tokens, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let window = window.map(|(window, most)| Limit {
            budget: match window.shared_by {
                SharedBy::Agent => "agent/dollars".to_owned(),
                SharedBy::Organisation => "organisation/dollars".to_owned(),
            },
            window: Window::Rolling(window.seconds),
            most,
        });
        let plugin = Self {
            max_per_request,
            window,
            tokens,
        };
        let needs = plugin.needs();
        Ok((plugin, needs))
    }

    fn evaluate(&self, request: &TransactionRequest) -> Decision {
        let outgoing = Outgoing::of(request);
        let attempted = match self.value(request, &outgoing) {
            Ok(attempted) => attempted,
            Err(refusal) => return reply::with_reason(*refusal, Verdict::Deny),
        };
        if let Some(most) = self.max_per_request.filter(|most| attempted > *most) {
            return above("dollar-budget/request", most, attempted, Amount::ZERO);
        }
        let Some(limit) = &self.window else {
            return reply::abstain();
        };
        let [view] = request.budgets.as_slice() else {
            return reply::deny("dollar-budget/no-budget");
        };
        let current = used(view);
        let total = current.checked_add(attempted);
        if total.is_none_or(|total| total > limit.most) {
            return above("dollar-budget/window", limit.most, attempted, current);
        }
        if attempted.is_zero() {
            return reply::abstain();
        }
        let room = Reservation {
            budget: limit.budget.clone(),
            asset: ASSET.to_owned(),
            amount: attempted,
            limit: limit.most,
            window: limit.window.clone(),
        };
        reply::allow_reserving(reply::reason("dollar-budget/within"), vec![room])
    }
}

impl DollarBudget {
    fn needs(&self) -> Needs {
        let window = self.window.iter();
        Needs {
            budgets: window
                .map(|limit| BudgetQuery {
                    budget: limit.budget.clone(),
                    asset: ASSET.to_owned(),
                    window: limit.window.clone(),
                })
                .collect(),
            facts: std::iter::once(NATIVE_PRICE.to_owned())
                .chain(self.tokens.iter().map(|token| token.fact.clone()))
                .collect(),
        }
    }

    /// What leaves, in millionths of a dollar.
    fn value(
        &self,
        request: &TransactionRequest,
        outgoing: &Outgoing<'_>,
    ) -> Result<Amount, Box<Reason>> {
        let unread = |effect: &Effect| {
            matches!(
                effect.kind,
                EffectKind::Opaque | EffectKind::Delegatecall | EffectKind::Delegation
            )
        };
        if outgoing.effects.iter().any(unread) {
            return Err(refusal(
                "dollar-budget/unread",
                "What this would do cannot be read, so that its value is not known.",
            ));
        }
        let native = (outgoing.native, COIN_DECIMALS, NATIVE_PRICE);
        let mut total = self.priced(request, native)?;
        for (address, amount) in &outgoing.tokens {
            let Ok(at) = self
                .tokens
                .binary_search_by_key(address, |token| token.address)
            else {
                return Err(refusal(
                    "dollar-budget/unknown-token",
                    &format!("Token {address} is not among those that can be counted."),
                ));
            };
            let Some(token) = self.tokens.get(at) else {
                continue;
            };
            let value = self.priced(request, (*amount, token.decimals, &token.fact))?;
            total = total.saturating_add(value);
        }
        Ok(total)
    }

    fn priced(
        &self,
        request: &TransactionRequest,
        (amount, decimals, fact): (Option<Amount>, u8, &str),
    ) -> Result<Amount, Box<Reason>> {
        let amount = amount.unwrap_or(Amount::MAX);
        if amount.is_zero() {
            return Ok(Amount::ZERO);
        }
        let price = request.facts.iter().find(|known| known.key == fact);
        let price = price
            .and_then(|known| Amount::parse_units(&known.value, DOLLAR_DECIMALS).ok())
            .and_then(|price| match price.limbs() {
                [price, 0, 0, 0] if price > 0 => Some(price),
                _ => None,
            });
        let Some(price) = price else {
            return Err(refusal(
                "dollar-budget/no-price",
                &format!("There is no price `{fact}`."),
            ));
        };
        let mut value = amount.checked_mul(price);
        let mut decimals = u32::from(decimals);
        while decimals > 0 {
            let step = decimals.min(19);
            value = value.and_then(|value| value.checked_div_ceil(10_u64.pow(step)));
            decimals -= step;
        }
        Ok(value.unwrap_or(Amount::MAX))
    }
}

const NATIVE_PRICE: &str = "price.usd.native";

fn tokens(settings: &[TokenSettings], problems: &mut Vec<Problem>) -> Vec<Token> {
    if settings.len() > MOST_TOKENS {
        problems.push(problem("/tokens", "must have at most 200 entries"));
    }
    for (at, token) in settings.iter().enumerate() {
        if token.decimals > 36 {
            problems.push(problem(
                format!("/tokens/{at}/decimals"),
                "must be at most 36",
            ));
        }
    }
    let mut tokens: Vec<Token> = settings
        .iter()
        .map(|token| Token {
            address: token.address,
            decimals: token.decimals,
            fact: format!("price.usd.{}", token.address),
        })
        .collect();
    tokens.sort_by_key(|token| token.address);
    if tokens.windows(2).any(|pair| match pair {
        [a, b] => a.address == b.address,
        _ => false,
    }) {
        problems.push(problem("/tokens", "must name each token once"));
    }
    tokens
}

fn used(view: &BudgetView) -> Amount {
    view.spent.saturating_add(view.reserved)
}

fn refusal(code: &str, message: &str) -> Box<Reason> {
    Box::new(Reason {
        message: message.to_owned(),
        ..reply::reason(code)
    })
}

fn above(code: &str, limit: Amount, attempted: Amount, current: Amount) -> Decision {
    let message = format!(
        "{} dollars on top of {} exceed the limit of {}.",
        attempted.to_units(DOLLAR_DECIMALS),
        current.to_units(DOLLAR_DECIMALS),
        limit.to_units(DOLLAR_DECIMALS),
    );
    let figures = Figures {
        asset: ASSET.to_owned(),
        limit,
        attempted,
        current,
    };
    reply::deny_with_figures(*refusal(code, &message), figures)
}

oneclaw_policy_sdk::export_transaction_guardrail!(DollarBudget);
