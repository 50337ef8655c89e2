//! Countries and networks from which agents may act, and those from which they may not.
//!
//! Where a client is comes as facts: `client.country` (ISO 3166-1, two letters) and `client.asn` (digits). Whoever runs
//! the server names the files that say so. A list whose fact is missing refuses.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use oneclaw_policy_sdk::{
    AccessRequest, Decision, Fact, Manifest, Needs, PolicyAndGuardrail, Problem, Reason,
    TransactionGuardrail, TransactionRequest, Verdict, reply, settings::problem,
};
use serde::Deserialize;

const COUNTRY: &str = "client.country";
const ASN: &str = "client.asn";
const MOST: usize = 10_000;

/// The lists.
pub struct OriginLists {
    countries: Option<List>,
    asns: Option<List>,
}

/// Values in order.
enum List {
    Only(Vec<String>),
    AllBut(Vec<String>),
}

/// See `settings.schema.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    countries: Option<ListSettings<String>>,
    asns: Option<ListSettings<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum ListSettings<T> {
    Only(Vec<T>),
    AllBut(Vec<T>),
}

impl OriginLists {
    fn decide(&self, facts: &[Fact]) -> Decision {
        let lists = [
            (&self.countries, COUNTRY, "origin-lists/country"),
            (&self.asns, ASN, "origin-lists/asn"),
        ];
        for (list, key, code) in lists {
            let Some(list) = list else {
                continue;
            };
            let Some(fact) = facts.iter().find(|fact| fact.key == key) else {
                return refuse("origin-lists/unknown", format!("There is no fact `{key}`."));
            };
            if !list.lets_pass(&fact.value.to_ascii_uppercase()) {
                return refuse(code, format!("Not from `{}`.", fact.value));
            }
        }
        reply::abstain()
    }
}

impl List {
    fn lets_pass(&self, value: &str) -> bool {
        let has = |list: &[String]| {
            list.binary_search_by(|known| known.as_str().cmp(value))
                .is_ok()
        };
        match self {
            Self::Only(list) => has(list),
            Self::AllBut(list) => !has(list),
        }
    }

    fn new<T>(
        settings: ListSettings<T>,
        pointer: &str,
        problems: &mut Vec<Problem>,
        word: impl Fn(T) -> Option<String>,
    ) -> Self {
        let (kind, values): (fn(Vec<String>) -> Self, _) = match settings {
            ListSettings::Only(values) => (Self::Only, values),
            ListSettings::AllBut(values) => (Self::AllBut, values),
        };
        if values.is_empty() || values.len() > MOST {
            problems.push(problem(pointer, "must have 1 to 10000 entries"));
        }
        let mut words = Vec::with_capacity(values.len().min(MOST));
        for (at, value) in values.into_iter().enumerate() {
            match word(value) {
                Some(word) => words.push(word),
                None => problems.push(problem(
                    format!("{pointer}/{at}"),
                    "must be a country's two letters, such as `CH`",
                )),
            }
        }
        words.sort_unstable();
        kind(words)
    }
}

fn refuse(code: &str, message: String) -> Decision {
    let reason = Reason {
        message,
        ..reply::reason(code)
    };
    reply::with_reason(reason, Verdict::Deny)
}

impl TransactionGuardrail for OriginLists {
    type Settings = Settings;

    fn manifest() -> Manifest {
        Manifest {
            name: "origin-lists".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Refuses by the country and the network of the client.".to_owned(),
            settings_schema: include_str!("settings.schema.json").to_owned(),
        }
    }

    fn configure(settings: Settings) -> Result<(Self, Needs), Vec<Problem>> {
        let mut problems = Vec::new();
        let letters = |word: String| {
            let is_country = word.len() == 2 && word.bytes().all(|b| b.is_ascii_alphabetic());
            is_country.then(|| word.to_ascii_uppercase())
        };
        let countries = settings
            .countries
            .map(|list| List::new(list, "/countries", &mut problems, letters));
        let asns = settings
            .asns
            .map(|list| List::new(list, "/asns", &mut problems, |asn| Some(asn.to_string())));
        if countries.is_none() && asns.is_none() {
            problems.push(problem("", "must have `countries`, `asns` or both"));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let needs = Needs {
            budgets: Vec::new(),
            facts: vec![COUNTRY.to_owned(), ASN.to_owned()],
        };
        Ok((Self { countries, asns }, needs))
    }

    fn evaluate(&self, request: &TransactionRequest) -> Decision {
        self.decide(&request.facts)
    }
}

impl PolicyAndGuardrail for OriginLists {
    fn evaluate_access(&self, request: &AccessRequest) -> Decision {
        self.decide(&request.facts)
    }
}

oneclaw_policy_sdk::export_policy_and_guardrail!(OriginLists);
