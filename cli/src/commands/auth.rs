//! Tokens for other services.

use clap::Subcommand;
use serde_json::json;

use crate::client::text;
use crate::context::Context;
use crate::failure::Failure;
use crate::input::ValueSource;
use crate::output::Format;

/// Tokens for other services
#[derive(Subcommand)]
pub enum AuthCommand {
    /// Exchange an agent's token for one that another service accepts (RFC 8693)
    #[command(after_help = "Examples:
  1claw auth federated-token --audience https://sts.example.com
  1claw auth federated-token -a https://sts.example.com --raw")]
    FederatedToken {
        /// The service that is to accept it
        #[arg(short, long)]
        audience: String,
        /// What it is to be good for
        #[arg(short, long)]
        scope: Option<String>,
        /// The token to exchange, as @file; the credential in use otherwise
        #[arg(long, value_name = "@FILE")]
        subject_token: Option<String>,
        /// Print the token and nothing else
        #[arg(long)]
        raw: bool,
    },
}

impl AuthCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let Self::FederatedToken {
            audience,
            scope,
            subject_token,
            raw,
        } = self;
        let mut body = json!({
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": audience,
            "scope": scope,
        });
        if let (Some(given), Some(members)) = (&subject_token, body.as_object_mut()) {
            let token = ValueSource::choose(Some(given), false)?.read("")?;
            members.insert("subject_token".to_owned(), json!(token.trim()));
            members.insert(
                "subject_token_type".to_owned(),
                json!("urn:ietf:params:oauth:token-type:access_token"),
            );
        }
        let answer = context.client()?.post("/v1/auth/federated-token", &body)?;
        if raw || context.output.format() != Format::Json {
            return context
                .output
                .raw(&format!("{}\n", text(&answer, "access_token")));
        }
        context.output.json(&answer)
    }
}
