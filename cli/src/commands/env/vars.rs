//! The variables of environments, one by one, and the environments themselves.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::client::{items, query, segment, text};
use crate::commands::comma_list;
use crate::commands::secret::secret_value;
use crate::context::Context;
use crate::failure::Failure;
use crate::input::ValueSource;
use crate::output::Column;

/// Which of the variables of a vault are meant.
#[derive(Args)]
pub struct Which {
    /// Id or name of the vault [env: ONECLAW_VAULT_ID]
    #[arg(short, long)]
    vault: Option<String>,
    /// Those that hold in this environment
    #[arg(short, long, value_name = "NAME")]
    environment: Option<String>,
    /// Those for this branch
    #[arg(long, value_name = "NAME")]
    git_branch: Option<String>,
}

impl Which {
    fn query(&self) -> String {
        query(&[
            ("environment", self.environment.as_deref()),
            ("git_branch", self.git_branch.as_deref()),
        ])
    }
}

/// Give a variable a value
///
/// The value is typed without being shown, or comes from --stdin or from @file. Standing on the command line it is taken, too,
/// with a warning: there, other users of the machine and the history of the shell see it.
#[derive(Args)]
#[command(after_help = "Examples:
  1claw env add DATABASE_URL -v production -e production,preview
  printf %s \"$KEY\" | 1claw env add API_KEY -v production -e staging --stdin
  1claw env add LOG_LEVEL debug -v production -e development --no-sensitive
  1claw env add DATABASE_URL -v production -e staging --overwrite --stdin < url.txt")]
pub struct AddArgs {
    /// Name of the variable
    key: String,
    /// @file, or the value itself (which others can see)
    value: Option<String>,
    /// Id or name of the vault [env: ONECLAW_VAULT_ID]
    #[arg(short, long)]
    vault: Option<String>,
    /// Where it holds; in production, preview and development otherwise
    #[arg(short, long, value_name = "A,B")]
    environment: Option<String>,
    /// Only for this branch
    #[arg(long, value_name = "NAME")]
    git_branch: Option<String>,
    /// What it is for
    #[arg(long)]
    comment: Option<String>,
    /// Show the value in lists
    #[arg(long)]
    no_sensitive: bool,
    /// Take the value from standard input
    #[arg(long)]
    stdin: bool,
    /// Give a variable that is there a new value; of one environment, if one is given
    #[arg(long)]
    overwrite: bool,
}

/// Environments of a vault
#[derive(Subcommand)]
pub enum EnvironmentsCommand {
    /// List the environments of a vault
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  1claw env environments list -v production"
    )]
    List {
        /// Id or name of the vault [env: ONECLAW_VAULT_ID]
        #[arg(short, long)]
        vault: Option<String>,
    },
    /// Make an environment
    #[command(after_help = "Examples:
  1claw env environments create staging -v production
  1claw env environments create qa -v production --copy-from preview")]
    Create {
        /// What to call it
        name: String,
        /// Id or name of the vault [env: ONECLAW_VAULT_ID]
        #[arg(short, long)]
        vault: Option<String>,
        /// What it is for
        #[arg(short, long)]
        description: Option<String>,
        /// Begin with copies of the variables of this one
        #[arg(long, value_name = "NAME")]
        copy_from: Option<String>,
    },
    /// Remove an environment with the values in it
    #[command(
        visible_alias = "rm",
        after_help = "Examples:\n  1claw env environments delete staging -v production --yes"
    )]
    Delete {
        /// Its name
        name: String,
        /// Id or name of the vault [env: ONECLAW_VAULT_ID]
        #[arg(short, long)]
        vault: Option<String>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

const COLUMNS: &[Column] = &[
    Column::id("Name", "key"),
    Column::made("Value", |variable| match variable.get("value") {
        Some(Value::String(value)) => value.clone(),
        _ => "(hidden)".to_owned(),
    }),
    Column::new("Environments", "environments"),
    Column::new("Branch", "git_branch"),
    Column::new("Ver", "version"),
    Column::time("Updated", "updated_at"),
    Column::new("Comment", "comment"),
];

const ENVIRONMENTS: &[Column] = &[
    Column::id("Name", "slug"),
    Column::new("Description", "description"),
    Column::new("In every vault", "is_builtin"),
    Column::new("Copied from", "copied_from"),
    Column::time("Created", "created_at"),
];

/// Lists variables; values of sensitive ones are not among what the server says.
///
/// # Errors
/// No answer, or a refusal.
pub fn list(context: &Context, which: &Which) -> Result<(), Failure> {
    let route = context.vault_route(which.vault.as_deref())?;
    let list = context
        .client()?
        .get(&format!("{route}/env-vars{}", which.query()))?;
    context.output.list(items(&list, "env_vars"), COLUMNS)
}

/// Removes a variable.
///
/// # Errors
/// No answer, or a refusal.
pub fn remove(context: &Context, key: &str, which: &Which, yes: bool) -> Result<(), Failure> {
    let route = context.vault_route(which.vault.as_deref())?;
    let whence = which.environment.as_ref().map_or_else(
        || "every environment".to_owned(),
        |name| format!("`{name}`"),
    );
    context.confirm(&format!("Remove {key} from {whence}?"), yes)?;
    context.client()?.delete(&format!(
        "{route}/env-vars/{}{}",
        segment(key),
        which.query()
    ))?;
    context
        .output
        .done(&format!("{key} removed from {whence}"), &Value::Null)
}

impl AddArgs {
    /// See the command.
    ///
    /// # Errors
    /// There is no value, no answer, or a refusal.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let route = context.vault_route(self.vault.as_deref())?;
        let value = if self.no_sensitive {
            ValueSource::choose(self.value.as_deref(), self.stdin)?.read("Value: ")?
        } else {
            secret_value(context, self.value.as_deref(), self.stdin)?
        };
        let mut body = Map::new();
        body.insert("value".to_owned(), json!(value.as_str()));
        body.insert("sensitive".to_owned(), json!(!self.no_sensitive));
        if let Some(comment) = &self.comment {
            body.insert("comment".to_owned(), json!(comment));
        }
        let environments = self.environment.as_deref().map(comma_list);
        let variable = if self.overwrite {
            let one = match environments.as_deref() {
                None => None,
                Some([one]) => Some(one.as_str()),
                Some(_) => {
                    return Err(Failure::Usage(
                        "--overwrite takes one environment, or none for all of the variable's"
                            .to_owned(),
                    ));
                }
            };
            let query = query(&[
                ("environment", one),
                ("git_branch", self.git_branch.as_deref()),
            ]);
            let route = format!("{route}/env-vars/{}{query}", segment(&self.key));
            context.client()?.patch(&route, &Value::Object(body))?
        } else {
            body.insert("key".to_owned(), json!(self.key));
            if let Some(environments) = &environments {
                body.insert("environments".to_owned(), json!(environments));
            }
            if let Some(branch) = &self.git_branch {
                body.insert("git_branch".to_owned(), json!(branch));
            }
            context
                .client()?
                .post(&format!("{route}/env-vars"), &Value::Object(body))?
        };
        let held: Vec<&str> = items(
            variable.get("environments").unwrap_or(&Value::Null),
            "environments",
        )
        .iter()
        .filter_map(Value::as_str)
        .collect();
        context.output.done(
            &format!(
                "{} is at version {} in {}",
                text(&variable, "key"),
                variable.get("version").and_then(Value::as_i64).unwrap_or(1),
                held.join(", ")
            ),
            &variable,
        )
    }
}

impl EnvironmentsCommand {
    /// See the commands.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        let route = |vault: Option<&str>| {
            context
                .vault_route(vault)
                .map(|route| format!("{route}/environments"))
        };
        match self {
            Self::List { vault } => {
                let list = context.client()?.get(&route(vault.as_deref())?)?;
                output.list(items(&list, "environments"), ENVIRONMENTS)
            }
            Self::Create {
                name,
                vault,
                description,
                copy_from,
            } => {
                let body =
                    json!({ "slug": name, "description": description, "copy_from": copy_from });
                let made = context.client()?.post(&route(vault.as_deref())?, &body)?;
                output.done(&format!("environment `{name}` made"), &made)
            }
            Self::Delete { name, vault, yes } => {
                let route = route(vault.as_deref())?;
                context.confirm(
                    &format!("Remove environment `{name}` with the values in it?"),
                    yes,
                )?;
                context
                    .client()?
                    .delete(&format!("{route}/{}", segment(&name)))?;
                output.done(&format!("environment `{name}` removed"), &Value::Null)
            }
        }
    }
}
