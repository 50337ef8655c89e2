//! A fleet from a file: `apply`, `diff`, `export`.

mod carry_out;
mod current;
mod export;
mod file;
mod plan;
mod plugins;
mod show;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use self::file::Fleet;
use self::plan::Step;
use crate::commands::agent::keys_file::KeysFile;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Format;

/// Make a fleet what a file says
///
/// Shows what would be done, and asks. What the file does not speak of stays as it is. Agents of the fleet that are not in the
/// file any more are deactivated and its plugins detached, each of which is asked for by itself. Vaults are made and never
/// deleted. A run that broke off is finished by running it again.
#[derive(Args)]
#[command(after_help = "Examples:
  1claw apply -f fleet.yaml
  1claw apply -f fleet.yaml --yes --keys /run/secrets/keys.csv

A file:
  fleet: production
  vaults:
    - name: production-vault
  defaults:
    tx_max_value: 0.05
    tx_allowed_chains: [base]
  agents:
    - name: worker-1
      scopes: ['api-keys/**', 'agents/worker-1/**']
    - name: worker-2
      vaults: [production-vault]
      tx_max_value: 0.1
  plugins:
    - plugin: office-hours@1.0.0
      settings: {from: 9, to: 17}
      scope: {paths: ['prod/**']}
      mode: enforce
  policies:
    - vault: production-vault
      path: api-keys/**
      agents: all
    - vault: production-vault
      path: agents/{agent-name}/**
      agents: [worker-1, worker-2]
      permissions: [read, write]")]
pub struct ApplyArgs {
    /// The file, in YAML or JSON
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Do not ask, neither before the plan nor before agents are deactivated and plugins detached
    #[arg(short, long)]
    yes: bool,
    /// Where keys of new agents go; beside the file, with the ending .keys.csv, otherwise
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

/// Show what `apply` would do
#[derive(Args)]
#[command(after_help = "Examples:
  1claw diff -f fleet.yaml
  1claw diff -f fleet.yaml --exit-code || echo the fleet is not as the file says")]
pub struct DiffArgs {
    /// The file, in YAML or JSON
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// End with 1 if there is a difference
    #[arg(long)]
    exit_code: bool,
}

/// Print a file that says what a fleet is, for `apply`
#[derive(Args)]
#[command(after_help = "Examples:
  1claw export --fleet production > fleet.yaml
  1claw export --fleet production --all > fleet.yaml")]
pub struct ExportArgs {
    /// What the fleet is called
    #[arg(long, default_value = "default", value_name = "NAME")]
    fleet: String,
    /// With all agents that belong to no fleet yet
    #[arg(long)]
    all: bool,
}

fn planned(context: &Context, fleet: &Fleet) -> Result<(current::Current, Vec<Step>), Failure> {
    let current = current::read(context, fleet)?;
    let steps = plan::plan(fleet, &current)?;
    Ok((current, steps))
}

fn show(context: &Context, steps: &[Step]) -> Result<(), Failure> {
    if context.output.format() == Format::Json {
        return context.output.json(&show::json(steps));
    }
    context
        .output
        .raw(&show::text(steps, context.output.color()))
}

impl DiffArgs {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let fleet = file::read(&self.file)?;
        let (_, steps) = planned(context, &fleet)?;
        show(context, &steps)?;
        if self.exit_code && !steps.is_empty() {
            return Err(Failure::local("the fleet is not as the file says"));
        }
        Ok(())
    }
}

impl ApplyArgs {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let fleet = file::read(&self.file)?;
        let path = self
            .keys
            .clone()
            .unwrap_or_else(|| self.file.with_extension("keys.csv"));
        let mut keys = KeysFile::read(&path)?;
        let (current, mut steps) = planned(context, &fleet)?;
        steps.extend(lost_keys(&current, &keys));
        show(context, &steps)?;
        if steps.is_empty() {
            return Ok(());
        }
        if !self.yes {
            steps = agreed(steps)?;
        }
        let registered = steps
            .iter()
            .filter(|step| matches!(step, Step::CreateAgent { .. } | Step::NewKey { .. }))
            .count();
        carry_out::carry_out(context, &fleet.name, &current, &steps, &mut keys)?;
        if registered > 0 {
            context.output.note(&format!(
                "{registered} new keys are in {}",
                keys.path().display()
            ));
        }
        if context.output.format() != Format::Json {
            context
                .output
                .done(&format!("{} steps done", steps.len()), &json!(null))?;
        }
        Ok(())
    }
}

/// Agents of the file whose key was asked for by a run that broke off before it arrived.
fn lost_keys(current: &current::Current, keys: &KeysFile) -> Vec<Step> {
    let mut lost: Vec<Step> = current
        .agents
        .iter()
        .filter(|(name, _)| keys.was_lost(name))
        .map(|(name, agent)| Step::NewKey {
            id: crate::client::text(agent, "id").to_owned(),
            name: name.clone(),
        })
        .collect();
    lost.sort_by_key(|step| match step {
        Step::NewKey { name, .. } => name.clone(),
        _ => String::new(),
    });
    lost
}

/// Asks: once for the plan, and once more before agents are deactivated or plugins detached, which may be left out.
fn agreed(steps: Vec<Step>) -> Result<Vec<Step>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "there is no terminal to ask on, and nothing was done; say --yes".to_owned(),
        ));
    }
    let (mut todo, mut detached, mut deactivated) = (Vec::new(), Vec::new(), Vec::new());
    for step in steps {
        match step {
            Step::DetachPlugin { .. } => detached.push(step),
            Step::Deactivate { .. } => deactivated.push(step),
            _ => todo.push(step),
        }
    }
    if !todo.is_empty() && !crate::input::yes_or_no("Do this?")? {
        return Err(Failure::local("nothing was done"));
    }
    for (ends, what) in [
        (detached, "Detach {} plugins"),
        (deactivated, "Deactivate {} agents"),
    ] {
        let what = what.replace("{}", &ends.len().to_string());
        let question = format!("{what} that are not in the file any more?");
        if !ends.is_empty() && crate::input::yes_or_no(&question)? {
            todo.extend(ends);
        }
    }
    if todo.is_empty() {
        return Err(Failure::local("nothing was done"));
    }
    Ok(todo)
}

impl ExportArgs {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let file = export::export(context, &self.fleet, self.all)?;
        if context.output.format() == Format::Json {
            return context.output.json(&json!(file));
        }
        let text =
            serde_saphyr::to_string(&file).map_err(|error| Failure::local(error.to_string()))?;
        context.output.raw(&text)
    }
}
