//! Secrets.

mod set;

use clap::Subcommand;
use serde_json::Value;

pub use self::set::secret_value;
use crate::client::{items, path as encoded_path, query, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, Format};

/// Secrets: values at paths, in versions
#[derive(Subcommand)]
pub enum SecretCommand {
    /// List the secrets that you may read, without their values
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  1claw secret list --vault production\n  1claw secret list --prefix api-keys/"
    )]
    List {
        /// Id or name of the vault [env: ONECLAW_VAULT_ID]
        #[arg(short, long)]
        vault: Option<String>,
        /// Only paths that start with this
        #[arg(long)]
        prefix: Option<String>,
    },
    /// Read a value; on a terminal it is shown only with --reveal
    #[command(after_help = "Examples:
  1claw secret get api-keys/openai --quiet | pbcopy
  1claw secret get api-keys/openai --reveal
  1claw secret get api-keys/openai --version 2 --json")]
    Get {
        /// Path in the vault
        path: String,
        /// Id or name of the vault [env: ONECLAW_VAULT_ID]
        #[arg(short, long)]
        vault: Option<String>,
        /// This version; the newest otherwise
        #[arg(long, value_name = "N")]
        version: Option<u64>,
        /// Print the value and nothing else, without a line break
        #[arg(short, long)]
        quiet: bool,
        /// Show the value on a terminal, too
        #[arg(long)]
        reveal: bool,
    },
    Set(set::SetArgs),
    Rotate(set::RotateArgs),
    /// Delete a secret with all its versions
    #[command(
        visible_alias = "rm",
        after_help = "Examples:\n  1claw secret delete api-keys/openai --yes"
    )]
    Delete {
        /// Path in the vault
        path: String,
        /// Id or name of the vault [env: ONECLAW_VAULT_ID]
        #[arg(short, long)]
        vault: Option<String>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// List the versions of a secret
    #[command(after_help = "Examples:\n  1claw secret versions api-keys/openai")]
    Versions {
        /// Path in the vault
        path: String,
        /// Id or name of the vault [env: ONECLAW_VAULT_ID]
        #[arg(short, long)]
        vault: Option<String>,
    },
    /// Show what is known of a secret, without reading its value
    #[command(after_help = "Examples:\n  1claw secret describe api-keys/openai")]
    Describe {
        /// Path in the vault
        path: String,
        /// Id or name of the vault [env: ONECLAW_VAULT_ID]
        #[arg(short, long)]
        vault: Option<String>,
    },
    /// Keep a version from being read
    #[command(after_help = "Examples:\n  1claw secret disable api-keys/openai 2 --yes")]
    Disable {
        /// Path in the vault
        path: String,
        /// The version
        version: u64,
        /// Id or name of the vault [env: ONECLAW_VAULT_ID]
        #[arg(short, long)]
        vault: Option<String>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

const COLUMNS: &[Column] = &[
    Column::id("Path", "path"),
    Column::new("Type", "type"),
    Column::new("Ver", "version"),
    Column::time("Updated", "updated_at"),
    Column::time("Expires", "expires_at"),
];

const VERSION_COLUMNS: &[Column] = &[
    Column::new("Ver", "version"),
    Column::new("Type", "type"),
    Column::time("Created", "created_at"),
    Column::time("Expires", "expires_at"),
    Column::new("Disabled", "is_disabled"),
    Column::new("Reads", "access_count"),
];

const FIELDS: &[Column] = &[
    Column::id("ID", "id"),
    Column::id("Path", "path"),
    Column::new("Type", "type"),
    Column::new("Version", "version"),
    Column::time("Created", "created_at"),
    Column::time("Updated", "updated_at"),
    Column::time("Expires", "expires_at"),
    Column::new("Reads", "access_count"),
    Column::new("Most reads", "max_access_count"),
    Column::new("Disabled", "is_disabled"),
    Column::new("Metadata", "metadata"),
];

impl SecretCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        match self {
            Self::List { vault, prefix } => {
                let route = context.vault_route(vault.as_deref())?;
                let query = query(&[("prefix", prefix.as_deref())]);
                let list = context.client()?.get(&format!("{route}/secrets{query}"))?;
                output.list(items(&list, "secrets"), COLUMNS)
            }
            Self::Get {
                path,
                vault,
                version,
                quiet,
                reveal,
            } => {
                let route = context.vault_route(vault.as_deref())?;
                get(context, &route, &path, version, quiet, reveal)
            }
            Self::Set(arguments) => arguments.run(context),
            Self::Rotate(arguments) => arguments.run(context),
            Self::Delete { path, vault, yes } => {
                let route = context.vault_route(vault.as_deref())?;
                context.confirm(&format!("Delete `{path}` with all its versions?"), yes)?;
                context
                    .client()?
                    .delete(&format!("{route}/secrets/{}", encoded_path(&path)))?;
                output.done(&format!("`{path}` deleted"), &Value::Null)
            }
            Self::Versions { path, vault } => {
                let route = context.vault_route(vault.as_deref())?;
                let route = format!("{route}/secret-versions/{}", encoded_path(&path));
                let list = context.client()?.get(&route)?;
                output.list(items(&list, "versions"), VERSION_COLUMNS)
            }
            Self::Describe { path, vault } => {
                let route = context.vault_route(vault.as_deref())?;
                output.item(&newest(context, &route, &path)?, FIELDS)
            }
            Self::Disable {
                path,
                version,
                vault,
                yes,
            } => {
                let route = context.vault_route(vault.as_deref())?;
                context.confirm(&format!("Disable version {version} of `{path}`?"), yes)?;
                context.client()?.post_empty(&format!(
                    "{route}/secret-version-disable/{}/{version}",
                    encoded_path(&path)
                ))?;
                output.done(
                    &format!("version {version} of `{path}` disabled"),
                    &Value::Null,
                )
            }
        }
    }
}

/// The newest version, without its value: nothing is counted as a read.
fn newest(context: &Context, route: &str, path: &str) -> Result<Value, Failure> {
    let route = format!("{route}/secret-versions/{}", encoded_path(path));
    let list = context.client()?.get(&route)?;
    items(&list, "versions")
        .first()
        .cloned()
        .ok_or_else(|| Failure::local(format!("`{path}` has no version")))
}

fn get(
    context: &Context,
    route: &str,
    path: &str,
    version: Option<u64>,
    quiet: bool,
    reveal: bool,
) -> Result<(), Failure> {
    let output = &context.output;
    let asked_for = quiet || reveal || output.format() == Format::Json;
    if output.is_terminal() && !asked_for {
        // Reads may be counted and limited, so none is made for a value that is then not shown.
        output.item(&newest(context, route, path)?, FIELDS)?;
        output.note("the value was not read: --reveal shows it here, --quiet prints it alone");
        return Ok(());
    }
    let secret = context.client()?.get(&match version {
        Some(version) => format!("{route}/secret-version/{}/{version}", encoded_path(path)),
        None => format!("{route}/secrets/{}", encoded_path(path)),
    })?;
    if output.format() == Format::Json && !quiet {
        return output.json(&secret);
    }
    let value = text(&secret, "value");
    if quiet {
        output.raw(value)
    } else {
        output.raw(&format!("{value}\n"))
    }
}
