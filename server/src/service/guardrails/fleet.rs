//! Guardrails for many agents: rulesets beside the agent's own, each of which must pass.

use std::collections::BTreeMap;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::guardrails::{GuardrailSettings, Ruleset};
use oneclaw_store::{FleetGuardrails, GuardrailScope};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::error::{Result, ServiceError};
use super::{Chains, Place, bounded, compile_source, restricts, states_a_stance, take_stances};

/// Most budgets of one document for many agents.
const MAX_BUDGETS: usize = 16;
/// Longest name of a budget in one, in bytes: the mark of whose it is comes before it.
pub(super) const MAX_BUDGET_NAME_BYTES: usize = 20;

/// What a document for many agents adds to the settings of one.
#[derive(Debug)]
pub(super) struct ForMany {
    pub(super) settings: GuardrailSettings,
    /// Whether it limits what transactions do: then the agent counts as one that somebody restricted.
    pub(super) is_guarding: bool,
    no_messages: bool,
    no_digests: bool,
    no_typed_data: bool,
}

impl ForMany {
    /// Takes away from the agent's own settings, and adds the rulesets.
    pub(super) fn narrow(self, own: &mut GuardrailSettings) {
        own.signing.messages &= !self.no_messages;
        own.signing.digests &= !self.no_digests;
        own.signing.typed_data &= !self.no_typed_data;
        own.rulesets.extend(self.settings.rulesets);
        own.zones.extend(self.settings.zones);
    }
}

/// Reads a document that was stored.
///
/// # Errors
/// When it cannot be enforced.
pub(super) fn for_many(
    one: &FleetGuardrails,
    chains: &Chains<'_>,
    now: Timestamp,
) -> Result<ForMany> {
    read(&one.scope, &one.document, chains, now)
}

/// Checks a document before it is stored.
///
/// # Errors
/// Names the field at fault.
pub(super) fn check(
    scope: &GuardrailScope,
    document: &Value,
    chains: &Chains<'_>,
    now: Timestamp,
) -> Result<()> {
    let settings = read(scope, document, chains, now)?.settings;
    let budgets = settings.rulesets.iter().map(|rules| rules.budgets.len());
    bounded("guardrails.budgets", budgets.sum(), MAX_BUDGETS)
}

fn read(
    scope: &GuardrailScope,
    document: &Value,
    chains: &Chains<'_>,
    now: Timestamp,
) -> Result<ForMany> {
    let (name, own_budgets, labels) = match scope {
        GuardrailScope::Organisation => (
            "organisation".to_owned(),
            "org/".to_owned(),
            BTreeMap::new(),
        ),
        GuardrailScope::Label(label) => {
            // Names of budgets have an alphabet that labels do not fit in.
            let digest = Sha256::digest(label.to_string());
            let mark = hex::encode(digest.get(..4).unwrap_or_default());
            (
                format!("label/{label}"),
                format!("l{mark}/"),
                BTreeMap::from([(label.key.clone(), label.value.clone())]),
            )
        }
    };
    let place = Place {
        own_budgets: &own_budgets,
        labels: &labels,
    };
    let mut source = compile_source(document, chains, now, place)?;
    if !source.signing.domains.is_empty() {
        return Err(ServiceError::field(
            "guardrails.typed_data",
            "cannot be set for many agents: it opens domains, and guardrails for many can only close",
        ));
    }
    // What the document does not mention is left to the agents' own.
    let mut has_list = false;
    for ruleset in std::iter::once(&mut source.agent).chain(source.richer.first_mut()) {
        if !ruleset.recipients.is_empty() {
            take_stances(ruleset, &source.rules, None);
            has_list = true;
        }
    }
    if !has_list {
        take_stances(&mut source.agent, &source.rules, None);
    }
    let is_guarding = states_a_stance(&source.rules) || source.rulesets().any(restricts);
    let is_closed = |field: &str, closed: Value| document.get(field) == Some(&closed);
    Ok(ForMany {
        is_guarding,
        no_messages: is_closed("message_signing_enabled", json!(false)),
        no_digests: is_closed("raw_signing_enabled", json!(false)),
        no_typed_data: is_closed("eip712_default_policy", json!("deny")),
        settings: GuardrailSettings {
            zones: std::mem::take(&mut source.zones),
            rulesets: source
                .into_rulesets()
                .map(|rules| named(rules, &name))
                .collect(),
            ..GuardrailSettings::default()
        },
    })
}

/// A refusal names whose rule it was.
fn named(rules: Ruleset, whose: &str) -> Ruleset {
    Ruleset {
        name: match rules.name.as_str() {
            "agent" => whose.to_owned(),
            part => format!("{whose}/{part}"),
        },
        ..rules
    }
}
