//! Writing secrets.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::client::{path as encoded_path, text};
use crate::clock::{now, point_in_time};
use crate::context::Context;
use crate::failure::Failure;
use crate::input::ValueSource;

/// Write a value: a new version of the secret
///
/// The value is typed without being shown, or comes from --stdin or from @file. Standing on the command line it is taken, too,
/// with a warning: there, other users of the machine and the history of the shell see it.
#[derive(Args)]
#[command(after_help = "Examples:
  1claw secret set api-keys/openai
  printf %s \"$OPENAI_KEY\" | 1claw secret set api-keys/openai --stdin
  1claw secret set keys/deploy @id_ed25519 --type ssh_key --expires 90d")]
pub struct SetArgs {
    /// Path in the vault
    path: String,
    /// @file, or the value itself (which others can see)
    value: Option<String>,
    /// Id or name of the vault [env: ONECLAW_VAULT_ID]
    #[arg(short, long)]
    vault: Option<String>,
    /// What it is: api_key, password, private_key, env_bundle, …
    #[arg(
        short = 't',
        long = "type",
        value_name = "TYPE",
        default_value = "api_key"
    )]
    kind: String,
    /// When it ends: 2026-12-31, 90d, 6m, 1y
    #[arg(short, long, value_name = "TIME")]
    expires: Option<String>,
    /// How many reads succeed
    #[arg(long, value_name = "N")]
    max_access: Option<i64>,
    /// Kept with the secret, as a JSON object or @file
    #[arg(long, value_name = "JSON")]
    metadata: Option<String>,
    /// Take the value from standard input
    #[arg(long)]
    stdin: bool,
}

/// Write a new version, with a value that the server makes or one of your own
#[derive(Args)]
#[command(after_help = "Examples:
  1claw secret rotate db/password --generate
  1claw secret rotate db/password -g --length 40 --charset alphanumeric
  1claw secret rotate db/password --stdin < new-password.txt")]
pub struct RotateArgs {
    /// Path in the vault
    path: String,
    /// @file, or the value itself (which others can see)
    #[arg(conflicts_with = "generate")]
    value: Option<String>,
    /// Id or name of the vault [env: ONECLAW_VAULT_ID]
    #[arg(short, long)]
    vault: Option<String>,
    /// Have the server make the value
    #[arg(short, long, conflicts_with = "stdin")]
    generate: bool,
    /// Characters of the value, 8 to 1024
    #[arg(short, long, requires = "generate")]
    length: Option<u32>,
    /// hex, base64, alphanumeric or ascii
    #[arg(short, long, requires = "generate")]
    charset: Option<String>,
    /// Take the value from standard input
    #[arg(long)]
    stdin: bool,
}

/// The value of a secret, however it is handed over.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn secret_value(
    context: &Context,
    argument: Option<&str>,
    stdin: bool,
) -> Result<zeroize::Zeroizing<String>, Failure> {
    let source = ValueSource::choose(argument, stdin)?;
    if matches!(source, ValueSource::Literal(_)) {
        context.output.note(
            "warning: a value on the command line is seen by other users of this machine and kept by the shell; use --stdin, @file or the prompt",
        );
    }
    let value = source.read("Value: ")?;
    if value.is_empty() {
        return Err(Failure::local("the value is empty; nothing was written"));
    }
    Ok(value)
}

fn written(context: &Context, secret: &Value) -> Result<(), Failure> {
    let version = secret.get("version").and_then(Value::as_i64).unwrap_or(1);
    context.output.done(
        &format!("`{}` is at version {version}", text(secret, "path")),
        secret,
    )
}

impl SetArgs {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let route = context.vault_route(self.vault.as_deref())?;
        let mut body = Map::new();
        body.insert("type".to_owned(), json!(self.kind));
        if let Some(time) = &self.expires {
            body.insert("expires_at".to_owned(), json!(point_in_time(time, now())?));
        }
        if let Some(count) = self.max_access {
            body.insert("max_access_count".to_owned(), json!(count));
        }
        if let Some(metadata) = &self.metadata {
            body.insert(
                "metadata".to_owned(),
                super::super::json_argument("metadata", metadata)?,
            );
        }
        let value = secret_value(context, self.value.as_deref(), self.stdin)?;
        body.insert("value".to_owned(), json!(value.as_str()));
        let route = format!("{route}/secrets/{}", encoded_path(&self.path));
        written(
            context,
            &context.client()?.put(&route, &Value::Object(body))?,
        )
    }
}

impl RotateArgs {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let route = context.vault_route(self.vault.as_deref())?;
        let path = encoded_path(&self.path);
        let secret = if self.generate {
            let mut body = Map::new();
            if let Some(length) = self.length {
                body.insert("length".to_owned(), json!(length));
            }
            if let Some(charset) = &self.charset {
                body.insert("charset".to_owned(), json!(charset));
            }
            let route = format!("{route}/secret-rotate/{path}");
            context.client()?.post(&route, &Value::Object(body))?
        } else {
            let value = secret_value(context, self.value.as_deref(), self.stdin)?;
            let body = json!({ "value": value.as_str() });
            context
                .client()?
                .put(&format!("{route}/secrets/{path}"), &body)?
        };
        written(context, &secret)
    }
}
