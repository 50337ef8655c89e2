//! From an agent's fields and its `guardrails` document to the settings of the transaction guardrails.
//!
//! One function reads both when they are written and when they count, so that nothing is stored which nothing enforces.
//! What cannot be read any more when it counts is an error: the gate then refuses everything.

mod chains;
mod document;
mod fields;
mod fleet;
mod rules;
mod words;

#[cfg(test)]
mod tests;

pub use chains::{ChainName, ChainNames};

use std::collections::{BTreeMap, BTreeSet};

use oneclaw_core::clock::Timestamp;
use oneclaw_core::conditions::ZoneTable;
use oneclaw_core::guardrails::{GuardrailSettings, Ruleset, SigningSettings, Stance};
use oneclaw_core::request::Fact;
use oneclaw_store::{Agent, FleetGuardrails, GuardrailScope};
use serde_json::Value;

use self::document::{Document, Rules};
use self::fields::{Fields, Labelled};
use self::rules::{Compiler, checked_domain};
use super::error::{Result, ServiceError};

/// Name of the built-in plugin, which keeps its budgets apart from those of others.
pub const PLUGIN: &str = "transaction-guardrails";
/// Where the native value of an agent's transactions is counted.
pub const SPENT: &str = "agent/daily";
/// Where an agent's transactions are counted.
pub const COUNTED: &str = "agent/count-day";
/// Where the fees of an agent's transactions are counted.
const FEES: &str = "agent/fees-day";

/// The shape of the `guardrails` document (JSON Schema 2020-12).
pub const SCHEMA: &str = include_str!("../../../../docs/reference/guardrails.schema.json");

/// Most chains with rules of their own.
const MAX_CHAINS: usize = 64;
/// Most different budgets of an agent: what the plugin takes.
const MAX_BUDGETS: usize = 64;
/// Most bytes of settings: half of what the plugin's cage takes by default.
const MAX_SETTINGS_BYTES: usize = 512 * 1024;

/// The settings that hold for an agent: its own guardrails and those for many that it is one of. Chains that are in the
/// registry no more are left out: nothing can be meant for them.
///
/// # Errors
/// When what is stored cannot be enforced. Then nothing may be signed.
pub fn build(
    agent: &Agent,
    fleet: &[FleetGuardrails],
    chains: &ChainNames,
    now: Timestamp,
) -> Result<GuardrailSettings> {
    let chains = Chains {
        names: chains,
        must_exist: false,
    };
    assemble(&agent.profile, fleet, &chains, now)
}

/// Checks guardrails for many agents before they are stored.
///
/// # Errors
/// Names the field at fault, and says what would be right.
pub fn check_fleet(
    scope: &GuardrailScope,
    document: &Value,
    chains: &ChainNames,
    now: Timestamp,
) -> Result<()> {
    let chains = Chains {
        names: chains,
        must_exist: true,
    };
    fleet::check(scope, document, &chains, now)
}

/// Checks an agent's guardrails before they are stored: all of them, whichever were changed.
///
/// # Errors
/// Names the field at fault, and says what would be right.
pub fn check(profile: &Value, chains: &ChainNames, now: Timestamp) -> Result<()> {
    let chains = Chains {
        names: chains,
        must_exist: true,
    };
    let settings = assemble(profile, &[], &chains, now)?;
    let budgets: BTreeSet<&str> = settings
        .rulesets
        .iter()
        .flat_map(|ruleset| &ruleset.budgets)
        .map(|budget| budget.budget.as_str())
        .collect();
    if budgets.len() > MAX_BUDGETS {
        return Err(ServiceError::field(
            "guardrails.budgets",
            format!(
                "all guardrails of this agent come to {} budgets; the limit is {MAX_BUDGETS}",
                budgets.len()
            ),
        ));
    }
    let bytes = serde_json::to_vec(&settings)
        .map_err(|e| ServiceError::Internal(e.to_string()))?
        .len();
    if bytes > MAX_SETTINGS_BYTES {
        return Err(ServiceError::field(
            "guardrails",
            format!(
                "all guardrails of this agent come to {bytes} bytes; the limit is {MAX_SETTINGS_BYTES}"
            ),
        ));
    }
    Ok(())
}

/// The labels of an agent, by which budgets are shared.
pub fn labels(agent: &Agent) -> Vec<Fact> {
    agent
        .labels()
        .map(|(key, value)| Fact {
            key: key.to_owned(),
            value: value.to_owned(),
        })
        .collect()
}

/// The registry, and whether a word that names none of it is an error.
#[derive(Debug)]
struct Chains<'a> {
    names: &'a ChainNames,
    must_exist: bool,
}

/// What a key of `per_chain_guardrails` or `tx_overhead_budget` stands for.
#[derive(Debug, Clone, Copy)]
enum Family<'a> {
    /// All chains: they are all EVM chains.
    Evm,
    /// One of them.
    One(&'a ChainName),
}

impl Family<'_> {
    /// Chains for a ruleset; empty for all.
    fn ids(&self) -> Vec<u64> {
        match self {
            Self::Evm => Vec::new(),
            Self::One(chain) => vec![chain.id],
        }
    }

    /// Behind the name of a budget that counts here alone.
    fn suffix(&self) -> String {
        match self {
            Self::Evm => ".evm".to_owned(),
            Self::One(chain) => format!(".{}", chain.id),
        }
    }
}

impl<'a> Chains<'a> {
    fn find(&self, word: &str, at: impl Fn() -> String) -> Result<Option<&'a ChainName>> {
        match self.names.get(word) {
            Ok(chain) => Ok(Some(chain)),
            Err(message) if self.must_exist => Err(ServiceError::field(at(), message)),
            Err(_) => Ok(None),
        }
    }

    fn family(&self, word: &str, at: impl Fn() -> String) -> Result<Option<Family<'a>>> {
        if word == "evm" {
            return Ok(Some(Family::Evm));
        }
        Ok(self.find(word, at)?.map(Family::One))
    }
}

fn bounded(field: &str, given: usize, most: usize) -> Result<()> {
    if given > most {
        return Err(ServiceError::field(
            field,
            format!("has more than {most} entries"),
        ));
    }
    Ok(())
}

/// Where guardrails stand: what budgets of theirs are told apart by, and the labels that they may share them by.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    /// Before the name of a budget; empty for those of an agent.
    own_budgets: &'a str,
    labels: &'a BTreeMap<String, String>,
}

/// What one set of fields comes to, before stances are taken.
#[derive(Debug)]
struct Source {
    agent: Ruleset,
    single_chains: Vec<Ruleset>,
    /// Of the document; its main ruleset first.
    richer: Vec<Ruleset>,
    rules: Rules,
    signing: SigningSettings,
    zones: BTreeMap<String, ZoneTable>,
}

impl Source {
    fn rulesets(&self) -> impl Iterator<Item = &Ruleset> {
        std::iter::once(&self.agent)
            .chain(&self.single_chains)
            .chain(&self.richer)
    }

    /// Those that say something.
    fn into_rulesets(self) -> impl Iterator<Item = Ruleset> {
        std::iter::once(self.agent)
            .chain(self.single_chains)
            .chain(self.richer)
            .filter(says_something)
    }
}

fn compile_source(
    profile: &Value,
    chains: &Chains<'_>,
    now: Timestamp,
    place: Place<'_>,
) -> Result<Source> {
    let fields: Fields = words::read("", profile)?;
    fields.refuse_unenforced()?;
    let document = Document::read(
        "guardrails",
        profile.get("guardrails").unwrap_or(&Value::Null),
    )?;
    let mut compiler = Compiler {
        chains,
        place,
        now,
        zones: BTreeMap::new(),
        domains: Vec::new(),
        budgets: 0,
    };
    let mut agent = fields.everywhere(chains)?;
    agent.require_signed_intent = fields.intent_signature.as_deref() == Some("required");
    let mut single_chains = fields.by_chain(chains)?;
    let richer = compiler.compile("guardrails", "guardrails", &document.rules, None)?;
    bounded("guardrails.per_chain", document.per_chain.len(), MAX_CHAINS)?;
    for (word, rules) in &document.per_chain {
        let field = format!("guardrails.per_chain.{word}");
        let Some(chain) = chains.find(word, || field.clone())? else {
            continue;
        };
        let name = format!("guardrails/per_chain/{word}");
        let mut compiled = compiler.compile(&field, &name, rules, Some(chain))?;
        if let Some(main) = compiled.first_mut() {
            take_stances(main, rules, None);
        }
        single_chains.extend(compiled);
    }
    let mut signing = fields.signing()?;
    signing.domains.append(&mut compiler.domains);
    Ok(Source {
        agent,
        single_chains,
        richer,
        rules: document.rules,
        signing,
        zones: compiler.zones,
    })
}

/// The agent's own guardrails, narrowed by those for many.
fn assemble(
    profile: &Value,
    fleet: &[FleetGuardrails],
    chains: &Chains<'_>,
    now: Timestamp,
) -> Result<GuardrailSettings> {
    let labels: BTreeMap<String, String> = words::read::<Labelled>("", profile)?
        .labels
        .unwrap_or_default();
    let place = Place {
        own_budgets: "",
        labels: &labels,
    };
    let mut own = compile_source(profile, chains, now, place)?;
    let for_many = fleet
        .iter()
        .map(|one| fleet::for_many(one, chains, now))
        .collect::<Result<Vec<_>>>()?;
    let is_guarded = states_a_stance(&own.rules)
        || own.rulesets().any(restricts)
        || for_many.iter().any(|many| many.is_guarding);
    // "Listed" is meant with regard to a list of recipients, wherever there is one.
    let mut has_list = false;
    for ruleset in std::iter::once(&mut own.agent).chain(own.richer.first_mut()) {
        if !ruleset.recipients.is_empty() {
            take_stances(ruleset, &own.rules, Some(is_guarded));
            has_list = true;
        }
    }
    if !has_list {
        take_stances(&mut own.agent, &own.rules, Some(is_guarded));
    }
    let mut settings = GuardrailSettings {
        signing: std::mem::take(&mut own.signing),
        zones: std::mem::take(&mut own.zones),
        rulesets: own.into_rulesets().collect(),
    };
    for many in for_many {
        many.narrow(&mut settings);
    }
    Ok(settings)
}

/// Takes over what rules say of each stance. What they do not mention is allowed, or for the rules of the whole agent
/// (`is_guarded` known) what is fit for an agent that somebody restricted. Delegations are refused to all agents.
fn take_stances(ruleset: &mut Ruleset, rules: &Rules, is_guarded: Option<bool>) {
    let or = |stance: Option<Stance>, guarded: Stance| match (stance, is_guarded) {
        (Some(stance), _) => stance,
        (None, Some(true)) => guarded,
        (None, _) => Stance::Allow,
    };
    ruleset.unlimited_approvals = or(rules.unlimited_approvals, Stance::Deny);
    ruleset.contract_creation = or(rules.contract_creation, Stance::Deny);
    ruleset.delegatecalls = or(rules.delegatecalls, Stance::Deny);
    ruleset.opaque_calls = or(rules.opaque_calls, Stance::ListedOnly);
    ruleset.delegations = match (rules.delegations, is_guarded) {
        (Some(stance), _) => stance,
        (None, Some(_)) => Stance::Deny,
        (None, None) => Stance::Allow,
    };
}

/// Whether the rules refuse something by a stance.
fn states_a_stance(rules: &Rules) -> bool {
    [
        rules.unlimited_approvals,
        rules.contract_creation,
        rules.delegations,
        rules.delegatecalls,
        rules.opaque_calls,
    ]
    .into_iter()
    .flatten()
    .any(|stance| stance != Stance::Allow)
}

/// Whether a ruleset refuses anything at all.
fn says_something(ruleset: &Ruleset) -> bool {
    let nothing = Ruleset {
        name: ruleset.name.clone(),
        on_chains: ruleset.on_chains.clone(),
        ..Ruleset::default()
    };
    *ruleset != nothing
}

/// Whether a ruleset limits what transactions do. That the agent must sign its intents is no limit on them.
fn restricts(ruleset: &Ruleset) -> bool {
    says_something(&Ruleset {
        require_signed_intent: false,
        ..ruleset.clone()
    })
}
