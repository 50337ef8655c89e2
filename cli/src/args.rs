//! The command line.

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    agent, api_key, audit, auth, billing, completions, config, decision, env, fleet, guardrails,
    login, mfa, plugin, policy, receipt, secret, share, vault, webhook,
};
use crate::context::Context;
use crate::failure::Failure;

/// Vaults, secrets, agents and policies of a oneclaw server, from a shell.
#[derive(Parser)]
#[command(
    name = "1claw",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Examples:
  1claw login --email you@example.com
  1claw vault create production
  printf %s \"$OPENAI_KEY\" | 1claw secret set api-keys/openai --vault production --stdin
  1claw agent create worker-1 --scopes 'api-keys/**'

Exit codes: 0 done, 1 failure, 2 wrong usage, 3 denied, 4 needs an approval, 5 no server that answers."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: GlobalArgs,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Args)]
pub struct GlobalArgs {
    /// Print JSON; lists are bare arrays
    #[arg(
        long,
        global = true,
        conflicts_with = "plain",
        help_heading = "Global options"
    )]
    pub json: bool,
    /// Print columns between tabs, without a header
    #[arg(long, global = true, help_heading = "Global options")]
    pub plain: bool,
    /// The server, for this command alone [env: ONECLAW_API_URL]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help_heading = "Global options"
    )]
    pub api_url: Option<String>,
    /// Seconds that a call to the server may take
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "Global options")]
    pub timeout: u64,
}

/// Everything that can be done.
#[derive(Subcommand)]
pub enum Command {
    Login(login::LoginArgs),
    Signup(login::SignupArgs),
    Logout(login::LogoutArgs),
    Whoami(login::WhoamiArgs),
    #[command(subcommand)]
    Auth(auth::AuthCommand),
    #[command(subcommand)]
    Vault(vault::VaultCommand),
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    #[command(subcommand)]
    Agent(agent::AgentCommand),
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    #[command(subcommand)]
    Env(env::EnvCommand),
    #[command(subcommand)]
    Share(share::ShareCommand),
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    #[command(subcommand)]
    Decision(decision::DecisionCommand),
    #[command(subcommand)]
    Receipt(receipt::ReceiptCommand),
    #[command(subcommand)]
    Guardrails(guardrails::GuardrailsCommand),
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    #[command(subcommand)]
    Billing(billing::BillingCommand),
    Apply(fleet::ApplyArgs),
    Diff(fleet::DiffArgs),
    Export(fleet::ExportArgs),
    #[command(subcommand)]
    Mfa(mfa::MfaCommand),
    #[command(subcommand, name = "api-key")]
    ApiKey(api_key::ApiKeyCommand),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    Completions(completions::CompletionsArgs),
    Man(completions::ManArgs),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// Whatever goes wrong, with its exit code.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Login(arguments) => arguments.run(context),
            Self::Signup(arguments) => arguments.run(context),
            Self::Logout(arguments) => arguments.run(context),
            Self::Whoami(arguments) => arguments.run(context),
            Self::Auth(command) => command.run(context),
            Self::Vault(command) => command.run(context),
            Self::Secret(command) => command.run(context),
            Self::Agent(command) => command.run(context),
            Self::Policy(command) => command.run(context),
            Self::Plugin(command) => command.run(context),
            Self::Env(command) => command.run(context),
            Self::Share(command) => command.run(context),
            Self::Audit(command) => command.run(context),
            Self::Decision(command) => command.run(context),
            Self::Receipt(command) => command.run(context),
            Self::Guardrails(command) => command.run(context),
            Self::Webhook(command) => command.run(context),
            Self::Billing(command) => command.run(context),
            Self::Apply(arguments) => arguments.run(context),
            Self::Diff(arguments) => arguments.run(context),
            Self::Export(arguments) => arguments.run(context),
            Self::Mfa(command) => command.run(context),
            Self::ApiKey(command) => command.run(context),
            Self::Config(command) => command.run(context),
            Self::Completions(arguments) => arguments.run(context),
            Self::Man(arguments) => arguments.run(context),
        }
    }
}
