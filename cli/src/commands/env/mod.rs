//! Secrets as environment variables.

mod dotenv;
mod run;
mod source;
mod vars;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use self::source::Source;
use crate::client::path as encoded_path;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Format;

/// Environment variables: fetch them, store them, run a command with them
#[derive(Subcommand)]
pub enum EnvCommand {
    Pull(PullArgs),
    Push(PushArgs),
    Run(run::RunArgs),
    /// List the variables of a vault; values of sensitive ones are not shown
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  1claw env list -v production\n  1claw env list -v production -e staging --json"
    )]
    List(vars::Which),
    Add(vars::AddArgs),
    /// Remove a variable, from one environment if one is given
    #[command(
        visible_alias = "rm",
        after_help = "Examples:\n  1claw env delete DATABASE_URL -v production --yes\n  1claw env delete DATABASE_URL -v production -e preview --yes"
    )]
    Delete {
        /// Name of the variable
        key: String,
        #[command(flatten)]
        which: vars::Which,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    #[command(subcommand)]
    Environments(vars::EnvironmentsCommand),
}

/// Which variables.
#[derive(Args)]
pub struct Selection {
    /// Id or name of the vault [env: ONECLAW_VAULT_ID]
    #[arg(short, long)]
    vault: Option<String>,
    /// The variables of this environment, instead of secrets
    #[arg(short, long, value_name = "NAME", conflicts_with = "prefix")]
    environment: Option<String>,
    /// With those for this branch
    #[arg(long, value_name = "NAME", requires = "environment")]
    git_branch: Option<String>,
    /// Only secrets whose path starts with this
    #[arg(long)]
    prefix: Option<String>,
}

impl Selection {
    fn source(&self, context: &Context) -> Result<Source, Failure> {
        let route = context.vault_route(self.vault.as_deref())?;
        Ok(match &self.environment {
            Some(name) => Source::Environment {
                route,
                name: name.clone(),
                git_branch: self.git_branch.clone(),
            },
            None => Source::Secrets {
                route,
                prefix: self.prefix.clone(),
            },
        })
    }
}

/// Fetch variables, for a file or another program
///
/// Secrets of the types api_key and password become a variable each, named after their path (`api-keys/openai` is
/// API_KEYS_OPENAI); an env_bundle becomes those that are in it.
#[derive(Args)]
#[command(after_help = "Examples:
  1claw env pull -v production -o .env
  1claw env pull -v production --prefix api-keys/ --format json
  eval \"$(1claw env pull -v production --format shell)\"")]
pub struct PullArgs {
    #[command(flatten)]
    selection: Selection,
    /// dotenv (the default), json (that with --json) or shell
    #[arg(short, long, value_name = "FORMAT", value_parser = ["dotenv", "json", "shell"])]
    format: Option<String>,
    /// A file that only you can read; standard output otherwise
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Show the values on a terminal, too
    #[arg(long)]
    reveal: bool,
}

/// Store the variables of a file: as one secret of the type env_bundle, or in an environment
#[derive(Args)]
#[command(after_help = "Examples:
  1claw env push .env -v production
  1claw env push .env -v production --path config/api
  1claw env push .env -v production -e staging")]
pub struct PushArgs {
    /// A file with lines NAME=value; - is standard input
    file: PathBuf,
    /// Id or name of the vault [env: ONECLAW_VAULT_ID]
    #[arg(short, long)]
    vault: Option<String>,
    /// Path of the secret
    #[arg(
        short,
        long,
        default_value = "config/env",
        conflicts_with = "environment"
    )]
    path: String,
    /// Store them as variables of this environment
    #[arg(short, long, value_name = "NAME")]
    environment: Option<String>,
    /// Keep the values out of lists (the default)
    #[arg(long, requires = "environment", overrides_with = "no_sensitive")]
    sensitive: bool,
    /// Show the values in lists
    #[arg(long, requires = "environment")]
    no_sensitive: bool,
}

impl EnvCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Pull(arguments) => arguments.run(context),
            Self::Push(arguments) => arguments.run(context),
            Self::Run(arguments) => arguments.run(context),
            Self::List(which) => vars::list(context, &which),
            Self::Add(arguments) => arguments.run(context),
            Self::Delete { key, which, yes } => vars::remove(context, &key, &which, yes),
            Self::Environments(command) => command.run(context),
        }
    }
}

impl PullArgs {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        if self.output.is_none() && output.is_terminal() && !self.reveal {
            return Err(Failure::Usage(
                "values are not shown on a terminal; write them to a file with --output, or say --reveal".to_owned(),
            ));
        }
        let variables = self.selection.source(context)?.variables(context)?;
        let format = match (self.format.as_deref(), context.output.format()) {
            (Some(format), _) => format,
            (None, Format::Json) => "json",
            (None, _) => "dotenv",
        };
        let text = match format {
            "json" => {
                let members: Map<String, Value> = variables
                    .iter()
                    .map(|(name, value)| (name.clone(), json!(value.as_str())))
                    .collect();
                let json = serde_json::to_string_pretty(&members);
                json.map_err(|error| Failure::local(error.to_string()))? + "\n"
            }
            "shell" => dotenv::shell(&variables),
            _ => dotenv::write(&variables),
        };
        match &self.output {
            None => output.raw(&text),
            Some(file) => {
                crate::settings::write_private(file, text.as_bytes())?;
                output.done(
                    &format!("{} variables are in {}", variables.len(), file.display()),
                    &json!({ "file": file.display().to_string(), "variables": variables.len() }),
                )
            }
        }
    }
}

impl PushArgs {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let text = if self.file.as_os_str() == "-" {
            crate::input::ValueSource::Stdin.read("")?
        } else {
            crate::input::read_file(&self.file)?
        };
        let variables = dotenv::read(&text)
            .map_err(|what| Failure::Usage(format!("{}, {what}", self.file.display())))?;
        if variables.is_empty() {
            return Err(Failure::local(format!(
                "{} has no variable in it",
                self.file.display()
            )));
        }
        let route = context.vault_route(self.vault.as_deref())?;
        if let Some(environment) = &self.environment {
            let count =
                source::store(context, &route, environment, &variables, !self.no_sensitive)?;
            return context.output.done(
                &format!("{count} variables are in environment `{environment}`"),
                &json!({ "environment": environment, "variables": count }),
            );
        }
        let body = json!({ "value": text.as_str(), "type": "env_bundle" });
        let route = format!("{route}/secrets/{}", encoded_path(&self.path));
        let secret = context.client()?.put(&route, &body)?;
        if context.output.format() == Format::Json {
            return context.output.json(&secret);
        }
        context.output.done(
            &format!("{} variables are in `{}`", variables.len(), self.path),
            &secret,
        )
    }
}
