//! Signing up, in and out.

mod device;

use clap::Args;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::client::text;
use crate::clock::now;
use crate::context::{Context, take_token};
use crate::failure::Failure;
use crate::input;
use crate::output::Column;
use crate::settings::SignIn;

/// Sign in, in a browser or with a password
///
/// Without --email a code is shown, which you enter in a browser where you are signed in. The sign-in is kept in a file that
/// only you can read, is good for this server alone, and renews itself while the server allows it.
#[derive(Args)]
#[command(after_help = "Examples:
  1claw login
  1claw login --email you@example.com
  1claw login --email you@example.com --password-stdin < password.txt
  1claw login --api-url https://vault.example.com")]
pub struct LoginArgs {
    /// Sign in with the password of this account
    #[arg(long)]
    email: Option<String>,
    /// Take the password from standard input
    #[arg(long, requires = "email")]
    password_stdin: bool,
    /// The code of your authenticator, if you have one; asked for otherwise
    #[arg(long, value_name = "CODE", requires = "email")]
    mfa_code: Option<String>,
    /// Show the code, and start no browser
    #[arg(long, conflicts_with = "email")]
    no_browser: bool,
}

/// Make an account and sign in to it
///
/// The first account claims the server; whether others may follow is a setting of the server.
#[derive(Args)]
#[command(after_help = "Examples:
  1claw signup --email you@example.com
  1claw signup --email you@example.com --name You --password-stdin < password.txt")]
pub struct SignupArgs {
    /// Address of the account
    #[arg(long)]
    email: String,
    /// Name to show
    #[arg(long)]
    name: Option<String>,
    /// Take the password from standard input
    #[arg(long)]
    password_stdin: bool,
}

/// Forget the sign-in, and have the server revoke it
#[derive(Args)]
#[command(after_help = "Examples:\n  1claw logout")]
pub struct LogoutArgs {}

/// Show who you are to the server
#[derive(Args)]
#[command(after_help = "Examples:\n  1claw whoami\n  ONECLAW_API_KEY=\"$KEY\" 1claw whoami --json")]
pub struct WhoamiArgs {}

impl LoginArgs {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let answer = match &self.email {
            Some(email) => self.with_password(context, email)?,
            None => device::authorize(context, self.no_browser)?,
        };
        keep(context, &answer)
    }

    fn with_password(&self, context: &Context, email: &str) -> Result<Value, Failure> {
        warn_if_readable_on_the_way(context);
        let password = input::password(self.password_stdin)?;
        let body = json!({ "email": email, "password": password.as_str() });
        let answer = context.anonymous().post("/v1/auth/token", &body)?;
        if answer.get("mfa_required").and_then(Value::as_bool) != Some(true) {
            return Ok(answer);
        }
        let code = match &self.mfa_code {
            Some(code) => Zeroizing::new(code.clone()),
            None => input::hidden(
                "Code of your authenticator: ",
                "give it with --mfa-code, or use an API key",
            )?,
        };
        let body = json!({ "mfa_token": text(&answer, "mfa_token"), "code": code.trim() });
        context.anonymous().post("/v1/auth/mfa/verify", &body)
    }
}

impl SignupArgs {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        warn_if_readable_on_the_way(context);
        let password = if self.password_stdin {
            input::password(true)?
        } else {
            let first = input::password(false)?;
            let second = input::hidden("The same once more: ", "give it with --password-stdin")?;
            if *first != *second {
                return Err(Failure::local("the two are different; no account was made"));
            }
            first
        };
        let mut body = json!({ "email": self.email, "password": password.as_str() });
        if let (Some(name), Some(members)) = (self.name, body.as_object_mut()) {
            members.insert("display_name".to_owned(), json!(name));
        }
        let answer = context.anonymous().post("/v1/auth/signup", &body)?;
        if text(&answer, "access_token").is_empty() {
            let message = text(&answer, "message");
            return context.output.done(message, &json!({ "message": message }));
        }
        keep(context, &answer)
    }
}

/// A password should not travel where others can read it. That is for the user to decide; a word is for us.
fn warn_if_readable_on_the_way(context: &Context) {
    let url = context.url();
    let host = url.strip_prefix("http://").unwrap_or_default();
    let is_here = ["127.", "localhost", "[::1]"]
        .iter()
        .any(|here| host.starts_with(here));
    if !host.is_empty() && !is_here {
        context.output.note(&format!(
            "warning: {url} is not encrypted; whoever is on the way can read the password"
        ));
    }
}

/// Asks whose token it is, and keeps it.
fn keep(context: &Context, answer: &Value) -> Result<(), Failure> {
    let mut auth = SignIn {
        token: Zeroizing::default(),
        refresh_token: None,
        api_url: context.url().to_owned(),
        email: String::new(),
        user_id: String::new(),
        org_id: String::new(),
        expires_at: String::new(),
    };
    take_token(&mut auth, answer)?;
    let profile = context.client_with(auth.token.clone()).get("/v1/auth/me")?;
    auth.email = text(&profile, "email").to_owned();
    auth.user_id = text(&profile, "id").to_owned();
    auth.org_id = text(&profile, "org_id").to_owned();
    let shown = signed_in(&auth);
    let sentence = format!("signed in to {} as {}", auth.api_url, auth.email);
    context
        .place()?
        .change(|settings| settings.auth = Some(auth))?;
    context.output.done(&sentence, &shown)
}

/// A sign-in without its secrets.
fn signed_in(auth: &SignIn) -> Value {
    json!({
        "email": auth.email,
        "user_id": auth.user_id,
        "org_id": auth.org_id,
        "api_url": auth.api_url,
        "expires_at": auth.expires_at,
        "credential": "sign-in",
    })
}

impl LogoutArgs {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let Some(auth) = context.settings.auth.clone() else {
            return context.output.done("you were not signed in", &Value::Null);
        };
        context.place()?.change(|settings| settings.auth = None)?;
        if auth.api_url == context.url() {
            let revoked = context.client_with(auth.token).delete("/v1/auth/token");
            match revoked {
                Ok(_) => {}
                Err(failure) if failure.status() == Some(401) => {}
                Err(failure) => context.output.note(&format!(
                    "the server could not be told, so the token ends by itself at {}: {failure}",
                    auth.expires_at
                )),
            }
        }
        context
            .output
            .done(&format!("signed out of {}", auth.api_url), &Value::Null)
    }
}

const SIGNED_IN: &[Column] = &[
    Column::new("Email", "email"),
    Column::id("User", "user_id"),
    Column::id("Agent", "agent_id"),
    Column::new("Name", "name"),
    Column::id("Organisation", "org_id"),
    Column::new("Server", "api_url"),
    Column::time("Expires", "expires_at"),
    Column::new("Credential", "credential"),
];

impl WhoamiArgs {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let source = context.credential_source();
        let shown = match &context.settings.auth {
            Some(auth) if source == "sign-in" => {
                if auth
                    .expires_at
                    .parse()
                    .is_ok_and(|expires: jiff::Timestamp| expires < now())
                {
                    context.client()?;
                }
                signed_in(auth)
            }
            _ => ask(context, source)?,
        };
        context.output.item(&shown, SIGNED_IN)
    }
}

/// Whose a credential from the environment is, only the server knows.
fn ask(context: &Context, source: &str) -> Result<Value, Failure> {
    let client = context.client()?;
    let mut shown = match client.get("/v1/auth/me") {
        Ok(profile) => json!({
            "email": text(&profile, "email"),
            "user_id": text(&profile, "id"),
            "org_id": text(&profile, "org_id"),
        }),
        Err(failure) if failure.status() == Some(403) => {
            let agent = client.get("/v1/agents/me")?;
            json!({
                "agent_id": text(&agent, "id"),
                "name": text(&agent, "name"),
                "org_id": text(&agent, "org_id"),
            })
        }
        Err(failure) => return Err(failure),
    };
    if let Some(members) = shown.as_object_mut() {
        members.insert("api_url".to_owned(), json!(context.url()));
        members.insert("credential".to_owned(), json!(source));
    }
    Ok(shown)
}
