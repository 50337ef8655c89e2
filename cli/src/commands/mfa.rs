//! The second factor of one's own account.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::client::{Method, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::output::{Column, Format, one_line};

/// The second factor of your account
#[derive(Subcommand)]
pub enum MfaCommand {
    /// Show whether there is one
    #[command(after_help = "Examples:\n  1claw mfa status")]
    Status,
    /// Set one up: enter the secret into an authenticator, then its code here
    #[command(after_help = "Examples:\n  1claw mfa enable")]
    Enable,
    /// Remove it
    #[command(after_help = "Examples:\n  1claw mfa disable --code 123456")]
    Disable {
        /// The code of the authenticator, or a recovery code
        #[arg(long, value_name = "CODE")]
        code: Option<String>,
    },
}

const STATUS: &[Column] = &[
    Column::new("Second factor", "enabled"),
    Column::new("Recovery codes left", "recovery_codes_left"),
];

fn code(given: Option<String>) -> Result<zeroize::Zeroizing<String>, Failure> {
    match given {
        Some(code) => Ok(zeroize::Zeroizing::new(code)),
        None => input::hidden("Code of your authenticator: ", "give it with --code"),
    }
}

impl MfaCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let (client, output) = (context.client()?, &context.output);
        match self {
            Self::Status => output.item(&client.get("/v1/auth/mfa/status")?, STATUS),
            Self::Enable => {
                let setup = client.post_empty("/v1/auth/mfa/setup")?;
                output.note(&format!(
                    "Enter this into your authenticator:\n  {}\n  secret {}",
                    one_line(text(&setup, "otpauth_uri")),
                    one_line(text(&setup, "secret"))
                ));
                let code = input::line("Code that it shows: ")?;
                let answer =
                    client.post("/v1/auth/mfa/verify-setup", &json!({ "code": code.trim() }))?;
                output.done(
                    "the second factor is on; keep these recovery codes, each is good once:",
                    &answer,
                )?;
                if output.format() != Format::Json {
                    let codes = answer.get("recovery_codes").and_then(Value::as_array);
                    for code in codes.into_iter().flatten().filter_map(Value::as_str) {
                        output.raw(&format!("  {}\n", one_line(code)))?;
                    }
                }
                Ok(())
            }
            Self::Disable { code: given } => {
                let body = json!({ "code": code(given)?.trim() });
                client.send(Method::Delete, "/v1/auth/mfa", Some(&body), &[])?;
                output.done("the second factor is off", &Value::Null)
            }
        }
    }
}
