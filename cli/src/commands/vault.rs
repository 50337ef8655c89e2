//! Vaults.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::client::{items, segment, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;

/// Vaults, which hold secrets
#[derive(Subcommand)]
pub enum VaultCommand {
    /// List the vaults that you may see
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  1claw vault list\n  1claw vault list --json"
    )]
    List,
    /// Make a vault
    #[command(after_help = "Examples:\n  1claw vault create production -d \"Keys of the fleet\"")]
    Create {
        /// What to call it
        name: String,
        /// What it is for
        #[arg(short, long)]
        description: Option<String>,
    },
    /// Show one vault
    #[command(after_help = "Examples:\n  1claw vault get production")]
    Get {
        /// Id, or name if no other vault has it
        vault: String,
    },
    /// Delete a vault with everything in it
    #[command(
        visible_alias = "rm",
        after_help = "Examples:\n  1claw vault delete 0190a0b0-0000-7000-8000-000000000001 --yes"
    )]
    Delete {
        /// Id, or name if no other vault has it
        vault: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Have commands in this directory, and below it, use a vault
    #[command(after_help = "Examples:\n  1claw vault link production")]
    Link {
        /// Id, or name if no other vault has it
        vault: String,
    },
    /// Undo `link`
    #[command(after_help = "Examples:\n  1claw vault unlink")]
    Unlink,
}

const COLUMNS: &[Column] = &[
    Column::id("ID", "id"),
    Column::new("Name", "name"),
    Column::new("Description", "description"),
    Column::time("Created", "created_at"),
];

const FIELDS: &[Column] = &[
    Column::id("ID", "id"),
    Column::new("Name", "name"),
    Column::new("Description", "description"),
    Column::made("Owner", |vault| {
        format!(
            "{}:{}",
            text(vault, "created_by_type"),
            text(vault, "created_by")
        )
    }),
    Column::time("Created", "created_at"),
];

fn here() -> Result<String, Failure> {
    let here = std::env::current_dir()?;
    here.to_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::local("the name of this directory is not UTF-8"))
}

impl VaultCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        match self {
            Self::List => {
                let list = context.client()?.get("/v1/vaults")?;
                output.list(items(&list, "vaults"), COLUMNS)
            }
            Self::Create { name, description } => {
                let body = json!({ "name": name, "description": description });
                let vault = context.client()?.post("/v1/vaults", &body)?;
                output.done(
                    &format!("vault `{name}` made: {}", text(&vault, "id")),
                    &vault,
                )
            }
            Self::Get { vault } => {
                let vault = context.client()?.get(&context.vault_route(Some(&vault))?)?;
                output.item(&vault, FIELDS)
            }
            Self::Delete { vault, yes } => {
                let id = context.vault(Some(&vault))?;
                let route = format!("/v1/vaults/{}", segment(&id));
                if !yes {
                    let found = context.client()?.get(&route)?;
                    let name = text(&found, "name");
                    context.confirm(
                        &format!("Delete vault `{name}` ({id}) with all its secrets and policies?"),
                        yes,
                    )?;
                }
                context.client()?.delete(&route)?;
                output.done(&format!("vault {id} deleted"), &Value::Null)
            }
            Self::Link { vault } => {
                let id = context.vault(Some(&vault))?;
                let here = here()?;
                context.place()?.change(|settings| {
                    settings.project_links.insert(here.clone(), id.clone());
                })?;
                output.done(
                    &format!("{here} uses vault {id}"),
                    &json!({ "directory": here, "vault_id": id }),
                )
            }
            Self::Unlink => {
                let here = here()?;
                let mut found = None;
                context
                    .place()?
                    .change(|settings| found = settings.project_links.remove(&here))?;
                match found {
                    Some(id) => {
                        output.done(&format!("{here} uses vault {id} no more"), &Value::Null)
                    }
                    None => Err(Failure::local(format!("{here} is linked to no vault"))),
                }
            }
        }
    }
}
