//! What every command works with: where the server is, who asks, and how answers are printed.

use std::cell::OnceCell;
use std::io::IsTerminal as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::args::GlobalArgs;
use crate::client::{Client, Connection, segment};
use crate::clock;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::settings::{Place, Settings, SignIn};

/// Where a server listens that nobody configured.
pub const DEFAULT_URL: &str = "http://127.0.0.1:8210";

/// A token is renewed this long before it expires, so that it does not expire on the way.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_secs(30);

/// See the module.
pub struct Context {
    /// How answers are printed.
    pub output: Output,
    /// What is kept.
    pub settings: Settings,
    place: Option<Place>,
    environment: Environment,
    url: String,
    connection: Connection,
    client: OnceCell<Client>,
}

impl Context {
    /// From the global arguments, the environment and the settings.
    ///
    /// # Errors
    /// The settings cannot be read, or the URL is none.
    pub fn new(arguments: GlobalArgs) -> Result<Self, Failure> {
        let environment = Environment::read();
        let place = environment.config_dir.as_deref().map(Place::in_directory);
        let settings = place
            .as_ref()
            .map_or_else(|| Ok(Settings::default()), Place::read)?;
        let format = if arguments.json {
            Format::Json
        } else if arguments.plain {
            Format::Plain
        } else {
            settings
                .output_format
                .as_deref()
                .map_or(Format::Table, Format::from_setting)
        };
        let output = Output::new(format, environment.no_color);
        let url = arguments
            .api_url
            .or_else(|| environment.api_url.clone())
            .or_else(|| settings.api_url.clone())
            .or_else(|| settings.auth.as_ref().map(|auth| auth.api_url.clone()))
            .unwrap_or_else(|| DEFAULT_URL.to_owned());
        let url = checked_url(&url)?;
        let connection = Connection::new(Duration::from_secs(arguments.timeout));
        Ok(Self {
            output,
            settings,
            place,
            environment,
            url,
            connection,
            client: OnceCell::new(),
        })
    }

    /// The server that is asked.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the settings are.
    ///
    /// # Errors
    /// There is no such place.
    pub fn place(&self) -> Result<&Place, Failure> {
        self.place.as_ref().ok_or_else(|| {
            Failure::hinted(
                "there is no directory for settings",
                "set ONECLAW_CONFIG_DIR or HOME",
            )
        })
    }

    /// Speaks to the server as nobody in particular.
    pub fn anonymous(&self) -> Client {
        Client::new(self.connection.clone(), &self.url, None)
    }

    /// Speaks to the server with this token.
    pub fn client_with(&self, token: Zeroizing<String>) -> Client {
        Client::new(self.connection.clone(), &self.url, Some(token))
    }

    /// Speaks to the server as whoever signed in.
    ///
    /// # Errors
    /// Nobody did, or the sign-in is over.
    pub fn client(&self) -> Result<&Client, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = self.client_with(self.credential()?);
        Ok(self.client.get_or_init(|| client))
    }

    /// Which of the credentials would be used.
    pub fn credential_source(&self) -> &'static str {
        if self.environment.token.is_some() {
            "ONECLAW_TOKEN"
        } else if self.environment.api_key.is_some() {
            "ONECLAW_API_KEY"
        } else {
            "sign-in"
        }
    }

    fn credential(&self) -> Result<Zeroizing<String>, Failure> {
        if let Some(given) = self
            .environment
            .token
            .as_ref()
            .or(self.environment.api_key.as_ref())
        {
            return Ok(given.clone());
        }
        let Some(auth) = &self.settings.auth else {
            return Err(Failure::hinted(
                "you are not signed in",
                "run `1claw login`, or set ONECLAW_TOKEN or ONECLAW_API_KEY",
            ));
        };
        if auth.api_url != self.url {
            return Err(Failure::hinted(
                format!(
                    "you are signed in to {}, and not to {}",
                    auth.api_url, self.url
                ),
                format!("run `1claw login --api-url {}`", self.url),
            ));
        }
        if is_fresh(auth) {
            return Ok(auth.token.clone());
        }
        self.renewed()
    }

    /// Renews the sign-in. A refresh token is good once, so commands that run at the same time take turns, and the second
    /// finds what the first has got.
    fn renewed(&self) -> Result<Zeroizing<String>, Failure> {
        let over = || Failure::hinted("your sign-in has expired", "run `1claw login`");
        let place = self.place()?;
        let held = place.hold()?;
        let mut settings = place.read()?;
        let Some(auth) = settings
            .auth
            .as_mut()
            .filter(|auth| auth.api_url == self.url)
        else {
            return Err(over());
        };
        if is_fresh(auth) {
            return Ok(auth.token.clone());
        }
        let Some(refresh) = &auth.refresh_token else {
            return Err(over());
        };
        let body = json!({ "refresh_token": refresh.as_str() });
        let answer = match self.anonymous().post("/v1/auth/refresh", &body) {
            Ok(answer) => answer,
            Err(failure) if matches!(failure.status(), Some(400 | 401)) => return Err(over()),
            Err(failure) => return Err(failure),
        };
        take_token(auth, &answer)?;
        let token = auth.token.clone();
        place.write(&settings, &held)?;
        Ok(token)
    }

    /// The vault that is meant: as given, else by the environment, the directory, or the settings. By id or by name.
    ///
    /// # Errors
    /// None is, or the name is that of none or several.
    pub fn vault(&self, given: Option<&str>) -> Result<String, Failure> {
        let meant = given
            .map(str::to_owned)
            .or_else(|| self.environment.vault.clone())
            .or_else(|| self.linked_vault())
            .or_else(|| self.settings.default_vault_id.clone())
            .ok_or_else(|| {
                Failure::hinted(
                    "no vault is given",
                    "use --vault, set ONECLAW_VAULT_ID, run `1claw vault link <id>` here, or `1claw config set default-vault <id>`",
                )
            })?;
        if is_uuid(&meant) {
            return Ok(meant);
        }
        let list = self.client()?.get("/v1/vaults")?;
        let named: Vec<&Value> = crate::client::items(&list, "vaults")
            .iter()
            .filter(|vault| vault.get("name").and_then(Value::as_str) == Some(&meant))
            .collect();
        match named.as_slice() {
            [vault] => Ok(crate::client::text(vault, "id").to_owned()),
            [] => Err(Failure::hinted(
                format!("there is no vault `{meant}` that you may see"),
                "`1claw vault list` shows those there are",
            )),
            _ => Err(Failure::hinted(
                format!("{} vaults have the name `{meant}`", named.len()),
                "give the id of the one you mean",
            )),
        }
    }

    /// The start of every route below the vault that is meant.
    ///
    /// # Errors
    /// See [`vault`](Self::vault).
    pub fn vault_route(&self, given: Option<&str>) -> Result<String, Failure> {
        Ok(format!("/v1/vaults/{}", segment(&self.vault(given)?)))
    }

    /// The vault that this directory, or the nearest one above it, is linked to.
    pub fn linked_vault(&self) -> Option<String> {
        if self.settings.project_links.is_empty() {
            return None;
        }
        let here = std::env::current_dir().ok()?;
        here.ancestors()
            .filter_map(std::path::Path::to_str)
            .find_map(|directory| self.settings.project_links.get(directory))
            .cloned()
    }

    /// Asks before something is lost. Without a terminal there is nobody to ask, and `--yes` has to say so.
    ///
    /// # Errors
    /// The answer is no.
    pub fn confirm(&self, question: &str, yes: bool) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(Failure::Usage(format!(
                "{question} There is no terminal to ask on; say --yes"
            )));
        }
        if crate::input::yes_or_no(question)? {
            Ok(())
        } else {
            Err(Failure::local("nothing was done"))
        }
    }
}

/// Whether the token lives long enough to be used.
fn is_fresh(auth: &SignIn) -> bool {
    auth.expires_at
        .parse::<Timestamp>()
        .ok()
        .and_then(|expires| expires.checked_sub(RENEW_BEFORE).ok())
        .is_some_and(|expires| expires > clock::now())
}

/// Takes the token out of an answer, and with it when it expires.
///
/// # Errors
/// There is none in it.
pub fn take_token(auth: &mut SignIn, answer: &Value) -> Result<(), Failure> {
    let token = crate::client::text(answer, "access_token");
    if token.is_empty() {
        return Err(Failure::local("the server's answer has no token in it"));
    }
    let seconds = answer
        .get("expires_in")
        .and_then(Value::as_i64)
        .unwrap_or(0);
    auth.token = Zeroizing::new(token.to_owned());
    if let Some(refresh) = answer.get("refresh_token").and_then(Value::as_str) {
        auth.refresh_token = Some(Zeroizing::new(refresh.to_owned()));
    }
    auth.expires_at = clock::now()
        .checked_add(SignedDuration::from_secs(seconds))
        .map_err(|_| Failure::local("the server's token has a lifetime that makes no sense"))?
        .to_string();
    Ok(())
}

/// Whether this is an id rather than a name.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(index, c)| match index {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        })
}

/// Routes start at the origin: a path in the URL would be dropped silently, so it is refused.
pub fn checked_url(url: &str) -> Result<String, Failure> {
    let wrong = |why: &str| {
        Failure::Usage(format!(
            "`{url}` is no URL of a server: {why}; write it as {DEFAULT_URL}"
        ))
    };
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or_else(|| wrong("it starts with neither http:// nor https://"))?;
    let host = rest.trim_end_matches('/');
    if host.is_empty() {
        return Err(wrong("it has no host"));
    }
    if host.contains(['/', '?', '#', '@', ' ']) {
        return Err(wrong("it has more than a host and a port"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_scheme_a_host_and_a_port() {
        let ok = |url: &str| checked_url(url).ok();
        assert_eq!(
            ok("https://a.example/").as_deref(),
            Some("https://a.example")
        );
        assert_eq!(
            ok("http://[::1]:8210").as_deref(),
            Some("http://[::1]:8210")
        );
        for wrong in [
            "",
            "a.example",
            "ftp://a",
            "http://",
            "http://a/v1",
            "http://u:p@a",
        ] {
            assert_eq!(ok(wrong), None, "{wrong}");
        }
    }
}
