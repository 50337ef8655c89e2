//! Guardrails of many agents at once.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::agent::{AgentFields, schema};
use super::changes_something;
use crate::client::{Client, segment};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;

/// Guardrails that hold for every agent, or for those with a label, besides their own
#[derive(Subcommand)]
pub enum GuardrailsCommand {
    /// Show them
    #[command(
        after_help = "Examples:\n  1claw guardrails show\n  1claw guardrails show --label team=red"
    )]
    Show(Scope),
    Set(Box<SetArgs>),
    /// Take them away; what each agent has itself stays
    #[command(after_help = "Examples:\n  1claw guardrails clear --label team=red --yes")]
    Clear {
        #[command(flatten)]
        scope: Scope,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// Change them: what is given is set, what is not stays, an empty value takes it away
#[derive(Args)]
#[command(after_help = "Examples:
  1claw guardrails set --tx-max-value 0.05 --tx-daily-limit 0.5 --tx-allowed-chains base
  1claw guardrails set --label team=red --tx-max-value 0.01")]
pub struct SetArgs {
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    fields: AgentFields,
}

/// Whose guardrails.
#[derive(Args)]
pub struct Scope {
    /// Those of the agents with this label; those of all otherwise
    #[arg(long, value_name = "NAME=VALUE")]
    label: Option<String>,
}

impl Scope {
    fn route(&self) -> Result<String, Failure> {
        let Some(label) = &self.label else {
            return Ok("/v1/org/guardrails".to_owned());
        };
        let labels = schema::labels(label).map_err(Failure::Usage)?;
        match labels.iter().next() {
            Some((name, value)) if labels.len() == 1 => Ok(format!(
                "/v1/org/guardrails/labels/{}/{}",
                segment(name),
                segment(value.as_str().unwrap_or_default())
            )),
            _ => Err(Failure::Usage(format!(
                "`{label}` is not one label; write it as name=value"
            ))),
        }
    }
}

const FIELDS: &[Column] = &[
    Column::new("Scope", "scope"),
    Column::new("Label", "label"),
    Column::new("Guardrails", "guardrails"),
    Column::new("Revision", "revision"),
    Column::time("Changed", "updated_at"),
    Column::new("By", "updated_by"),
];

/// The guardrails that there are; none, if nobody has set any.
///
/// # Errors
/// No answer, or a refusal.
pub fn in_force(client: &Client, route: &str) -> Result<Map<String, Value>, Failure> {
    match client.get(route) {
        Ok(is) => Ok(is
            .get("guardrails")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()),
        Err(failure) if failure.status() == Some(404) => Ok(Map::new()),
        Err(failure) => Err(failure),
    }
}

impl GuardrailsCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Show(scope) => context
                .output
                .item(&context.client()?.get(&scope.route()?)?, FIELDS),
            Self::Set(arguments) => {
                let (client, route) = (context.client()?, arguments.scope.route()?);
                let mut all = in_force(client, &route)?;
                let given = arguments.fields.body()?;
                changes_something(&given)?;
                for (name, value) in given {
                    if value.is_null() || value == json!([]) {
                        all.remove(&name);
                    } else {
                        all.insert(name, value);
                    }
                }
                let set = client.put(&route, &Value::Object(all))?;
                context.output.item(&set, FIELDS)
            }
            Self::Clear { scope, yes } => {
                context.confirm(
                    "Take these guardrails away from all the agents they are for?",
                    yes,
                )?;
                context.client()?.delete(&scope.route()?)?;
                context.output.done("the guardrails are gone", &Value::Null)
            }
        }
    }
}
