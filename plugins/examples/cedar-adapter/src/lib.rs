#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Entities, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    Response,
};
use oneclaw_policy_sdk::question::{self, Question};
use oneclaw_policy_sdk::{
    AccessRequest, Decision, Manifest, Needs, PolicyAndGuardrail, Problem, Reason,
    TransactionGuardrail, TransactionRequest, Verdict, reply, settings::problem,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Parsed policies, and the entities that they speak of.
pub struct CedarAdapter {
    policies: PolicySet,
    entities: Entities,
    unmatched: Unmatched,
}

/// See `settings.schema.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    policies: String,
    #[serde(default)]
    entities: Vec<Value>,
    #[serde(default)]
    unmatched: Unmatched,
}

/// What becomes of a request that no policy speaks of.
#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "snake_case")]
enum Unmatched {
    #[default]
    Deny,
    Abstain,
}

impl CedarAdapter {
    fn decide(&self, question: Question) -> Decision {
        let response = match self.ask(question) {
            Ok(response) => response,
            Err(why) => return refuse("cedar/bad-request", why),
        };
        let diagnostics = response.diagnostics();
        // Cedar passes over a policy that fails. If it was a `forbid`, that would open the door.
        if let Some(error) = diagnostics.errors().next() {
            return refuse("cedar/policy-failed", error.to_string());
        }
        let mut rules: Vec<String> = diagnostics.reason().map(ToString::to_string).collect();
        rules.sort_unstable();
        let rule = rules.join(",");
        let reason = |code| Reason {
            rule: rule.clone(),
            ..reply::reason(code)
        };
        match (response.decision(), self.unmatched) {
            (cedar_policy::Decision::Allow, _) => {
                reply::with_reason(reason("cedar/permitted"), Verdict::Allow)
            }
            (cedar_policy::Decision::Deny, _) if !rule.is_empty() => {
                reply::with_reason(reason("cedar/forbidden"), Verdict::Deny)
            }
            (cedar_policy::Decision::Deny, Unmatched::Deny) => reply::deny("cedar/no-permit"),
            (cedar_policy::Decision::Deny, Unmatched::Abstain) => reply::abstain(),
        }
    }

    fn ask(&self, question: Question) -> Result<Response, String> {
        let (principal, resource) = (uid(question.principal)?, uid(question.resource)?);
        let action = uid(("Action", question.action.to_owned()))?;
        let context = Context::from_json_value(Value::Object(question.context), None)
            .map_err(|e| e.to_string())?;
        let request = Request::new(principal, action, resource.clone(), context, None)
            .map_err(|e| e.to_string())?;
        let entities = self
            .entities
            .clone()
            .add_entities(folders(&resource)?, None)
            .map_err(|e| e.to_string())?;
        Ok(Authorizer::new().is_authorized(&request, &self.policies, &entities))
    }
}

/// The entity of a path, which is in the folders above it: `db/prod/key` is in `Folder::"db/prod"` and in `Folder::"db"`.
fn folders(resource: &EntityUid) -> Result<Vec<cedar_policy::Entity>, String> {
    let path: &str = resource.id().unescaped();
    let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
    let parents: Result<_, String> = above.map(|path| uid(("Folder", path.to_owned()))).collect();
    let entity = cedar_policy::Entity::new_no_attrs(resource.clone(), parents?);
    Ok(vec![entity])
}

fn uid((kind, id): (&str, String)) -> Result<EntityUid, String> {
    let kind = EntityTypeName::from_str(kind).map_err(|e| e.to_string())?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn refuse(code: &str, message: String) -> Decision {
    let reason = Reason {
        message,
        ..reply::reason(code)
    };
    reply::with_reason(reason, Verdict::Deny)
}

impl TransactionGuardrail for CedarAdapter {
    type Settings = Settings;

    fn manifest() -> Manifest {
        Manifest {
            name: "cedar-adapter".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Decides by Cedar policies that stand in the settings.".to_owned(),
            settings_schema: include_str!("settings.schema.json").to_owned(),
        }
    }

    fn configure(settings: Settings) -> Result<(Self, Needs), Vec<Problem>> {
        let policies = PolicySet::from_str(&settings.policies)
            .map_err(|e| vec![problem("/policies", &e.to_string())])?;
        if policies.is_empty() {
            return Err(vec![problem("/policies", "must have at least one policy")]);
        }
        let entities = Entities::from_json_value(json!(settings.entities), None)
            .map_err(|e| vec![problem("/entities", &e.to_string())])?;
        let needs = Needs {
            budgets: Vec::new(),
            facts: Vec::new(),
        };
        let adapter = Self {
            policies,
            entities,
            unmatched: settings.unmatched,
        };
        Ok((adapter, needs))
    }

    fn evaluate(&self, request: &TransactionRequest) -> Decision {
        self.decide(question::of_transaction(request))
    }
}

impl PolicyAndGuardrail for CedarAdapter {
    fn evaluate_access(&self, request: &AccessRequest) -> Decision {
        self.decide(question::of_access(request))
    }
}

oneclaw_policy_sdk::export_policy_and_guardrail!(CedarAdapter);
