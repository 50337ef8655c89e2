//! Budgets as plugins name them: what is no name, no asset or no window is taken from nobody.

use oneclaw_core::guardrails::BudgetName;
use oneclaw_core::path::excerpt;
use oneclaw_core::verdict::{BudgetQuery, CalendarUnit, Reservation, Window};

use super::amount;
use crate::bindings::access::oneclaw::policy::types as wit;
use crate::zones;

/// Most budgets that a configuration may want to see, and most reservations in one answer.
const MAX_BUDGETS: usize = 64;
/// Most bytes of the name of what is counted.
const MAX_ASSET_BYTES: usize = 64;
/// The longest rolling window, in seconds: a leap year.
const MAX_ROLLING_SECONDS: u64 = 366 * 24 * 60 * 60;

/// Takes the budgets in that a plugin wants to see.
///
/// # Errors
/// Says what is wrong with them.
pub(crate) fn queries(queries: Vec<wit::BudgetQuery>) -> Result<Vec<BudgetQuery>, String> {
    few_enough(queries.len(), "budgets to see")?;
    queries
        .into_iter()
        .map(|query| {
            named(&query.budget, &query.asset)?;
            Ok(BudgetQuery {
                window: window(query.window)?,
                budget: query.budget,
                asset: query.asset,
            })
        })
        .collect()
}

/// Takes the reservations of an answer in. An amount above its limit is none of this function's business: the budget has
/// no room for it.
///
/// # Errors
/// Says what is wrong with them.
pub(crate) fn reservations(wanted: Vec<wit::Reservation>) -> Result<Vec<Reservation>, String> {
    few_enough(wanted.len(), "reservations")?;
    wanted
        .into_iter()
        .map(|wanted| {
            named(&wanted.budget, &wanted.asset)?;
            Ok(Reservation {
                window: window(wanted.window)?,
                budget: wanted.budget,
                asset: wanted.asset,
                amount: amount(wanted.amount),
                limit: amount(wanted.limit),
            })
        })
        .collect()
}

fn few_enough(count: usize, what: &str) -> Result<(), String> {
    if count > MAX_BUDGETS {
        return Err(format!("{count} {what}; at most {MAX_BUDGETS} are taken"));
    }
    Ok(())
}

fn named(budget: &str, asset: &str) -> Result<(), String> {
    if BudgetName::parse(budget).is_none() {
        return Err(format!(
            "the budget `{}`; the name of a budget is its scope and a word, such as `agent/daily`",
            excerpt(budget)
        ));
    }
    if !is_asset(asset) {
        return Err(format!(
            "the asset `{}`; an asset is a lower-case word such as `native`, or the address of a token in lower case",
            excerpt(asset)
        ));
    }
    Ok(())
}

/// `a-z`, `0-9` and `-`. What begins like an address is one, so that no token is counted under two names.
fn is_asset(asset: &str) -> bool {
    let in_alphabet = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if asset.is_empty() || asset.len() > MAX_ASSET_BYTES || !asset.bytes().all(in_alphabet) {
        return false;
    }
    asset
        .strip_prefix("0x")
        .is_none_or(|digits| digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn window(window: wit::Window) -> Result<Window, String> {
    match window {
        wit::Window::Rolling(seconds) if (1..=MAX_ROLLING_SECONDS).contains(&seconds) => {
            Ok(Window::Rolling { seconds })
        }
        wit::Window::Rolling(seconds) => Err(format!(
            "a window of {seconds} seconds; a rolling window is from 1 to {MAX_ROLLING_SECONDS}"
        )),
        wit::Window::Calendar(calendar) if zones::is_known(&calendar.zone) => {
            Ok(Window::Calendar {
                unit: match calendar.unit {
                    wit::CalendarUnit::Day => CalendarUnit::Day,
                    wit::CalendarUnit::Week => CalendarUnit::Week,
                    wit::CalendarUnit::Month => CalendarUnit::Month,
                },
                zone: calendar.zone,
            })
        }
        wit::Window::Calendar(calendar) => Err(format!(
            "a window in the zone `{}`, which is not an IANA time zone",
            excerpt(&calendar.zone)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_are_words_or_addresses() {
        let address = format!("0x{}", "0a".repeat(20));
        for good in [
            "native",
            "transactions",
            "fees",
            "usd-cents",
            "0",
            &address,
            &"a".repeat(64),
        ] {
            assert!(is_asset(good), "{good}");
        }
        for bad in [
            "",
            "Native",
            "a b",
            "a/b",
            "0x",
            "0xab",
            &address.to_uppercase(),
            &address.replace('a', "A"),
            &address.replace('a', "g"),
            &format!("{address}0"),
            &"a".repeat(65),
        ] {
            assert!(!is_asset(bad), "{bad}");
        }
    }

    #[test]
    fn sixty_four_budgets_are_enough() {
        let query = wit::BudgetQuery {
            budget: "agent/daily".to_owned(),
            asset: "native".to_owned(),
            window: wit::Window::Rolling(60),
        };
        assert_eq!(queries(vec![query.clone(); 64]).unwrap().len(), 64);
        assert_eq!(
            queries(vec![query; 65]).unwrap_err(),
            "65 budgets to see; at most 64 are taken"
        );
    }

    #[test]
    fn windows_have_a_length_and_a_zone() {
        let calendar = |zone: &str| {
            window(wit::Window::Calendar(wit::CalendarWindow {
                unit: wit::CalendarUnit::Week,
                zone: zone.to_owned(),
            }))
        };
        for seconds in [1, MAX_ROLLING_SECONDS] {
            assert_eq!(
                window(wit::Window::Rolling(seconds)),
                Ok(Window::Rolling { seconds })
            );
        }
        for seconds in [0, MAX_ROLLING_SECONDS + 1, u64::MAX] {
            assert!(window(wit::Window::Rolling(seconds)).is_err(), "{seconds}");
        }
        assert!(calendar("Europe/Berlin").is_ok());
        for zone in ["", "Mars/Olympus", "Etc/Unknown", "../etc/passwd"] {
            assert!(calendar(zone).is_err(), "{zone}");
        }
    }
}
