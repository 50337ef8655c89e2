//! The settings of the server: defaults, overridden by `oneclaw.toml`, overridden by `ONECLAW_*` environment variables.
//!
//! This is the one place that reads the environment. Everything is checked here, before anything is started, and an error
//! names the setting, where it was set, and what would be right. `config.default.toml` explains every setting.

mod error;
mod facts;
mod layers;
mod mail;
mod read;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use secrecy::SecretString;

pub use error::{ConfigError, Origin};
pub use facts::FactsConfig;
pub use mail::{MailConfig, SmtpConfig, SmtpSecurity};

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the server accepts connections. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// The folder of everything the server keeps: the embedded database, the root key, caches.
    pub data_dir: PathBuf,
    /// `sqlite://<file>` or `postgres://…`; may hold a password.
    pub database_url: SecretString,
    /// The address under which clients reach the server, without a slash at the end; issuer of its tokens.
    pub public_url: String,
    /// Who may sign up.
    pub signup: Signup,
    /// Where the root key comes from.
    pub root_key: RootKeySource,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether any rate limit applies. Can be off only on a loopback address.
    pub rate_limits: bool,
    /// How long tokens last.
    pub tokens: TokenLifetimes,
    /// Origins of web pages that may call the API: `https://host[:port]`, or `*` alone for all.
    pub cors_origins: Vec<String>,
    /// The component that decides access.
    pub access_plugin: AccessPlugin,
    /// How its instances are used.
    pub access_mode: AccessMode,
    /// The component that decides on everything that is signed.
    pub guardrail_plugin: AccessPlugin,
    /// What a plugin may take.
    pub plugins: PluginLimits,
    /// Longest accepted request body, in bytes.
    pub max_body_bytes: usize,
    /// Whether an account can be used only once its address is proved.
    pub require_verified_email: bool,
    /// What happens to agents that ask to be let in.
    pub enrollment: EnrollmentMode,
    /// How mails leave.
    pub mail: MailConfig,
    /// What is kept of decisions.
    pub decisions: DecisionsConfig,
    /// What plugins are told beyond what a request holds by itself.
    pub facts: FactsConfig,
    /// Whether sinks and webhooks may be at addresses that are not public, and be spoken to in the clear.
    pub allow_private_targets: bool,
    /// Audit events older than so many days are removed; none are when absent.
    pub audit_retention_days: Option<u32>,
    /// Logging.
    pub log: LogConfig,
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signup {
    /// The first account claims the server; then nobody.
    First,
    /// Anyone, each with an organisation of their own.
    Open,
    /// Nobody.
    Closed,
}

/// What happens to an agent that asks to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrollmentMode {
    /// A human decides.
    Approval,
    /// One that names the address of an account is let in, and its key is mailed there.
    Auto,
    /// Nobody may ask.
    Off,
}

/// Where the root key comes from.
#[derive(Debug, Clone)]
pub enum RootKeySource {
    /// A file, made on first start.
    File(PathBuf),
    /// The key itself, as text.
    Text(SecretString),
}

/// How long tokens last, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLifetimes {
    /// Of humans who signed in with a password.
    pub user_seconds: u32,
    /// Issued for a personal API key.
    pub api_key_seconds: u32,
    /// Of agents that have no lifetime of their own.
    pub agent_seconds: u32,
    /// Refresh tokens.
    pub refresh_seconds: u32,
}

/// A component that decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessPlugin {
    /// The one that comes with the server.
    BuiltIn,
    /// None: everything is denied.
    None,
    /// A component in a file, in place of the built-in one.
    File(PathBuf),
}

/// What a plugin may take, whoever it is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PluginLimits {
    /// Bytes of a component at upload.
    pub component_bytes: u32,
    /// Bytes of memory.
    pub memory_bytes: u32,
    /// Units of fuel for a decision.
    pub fuel_per_decision: u32,
    /// Units of fuel for taking in settings.
    pub fuel_per_configure: u32,
    /// Milliseconds for a decision: the net below fuel, wide enough that a thread which waits for a busy processor is not
    /// taken for a runaway plugin.
    pub deadline_ms: u32,
    /// Milliseconds for taking in settings.
    pub configure_deadline_ms: u32,
}

impl Default for PluginLimits {
    fn default() -> Self {
        Self {
            component_bytes: 8 << 20,
            memory_bytes: 4 << 20,
            fuel_per_decision: 10_000_000,
            fuel_per_configure: 200_000_000,
            deadline_ms: 50,
            configure_deadline_ms: 100,
        }
    }
}

/// How instances of the access component are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessMode {
    /// A fresh instance for every decision: nothing survives one, by construction.
    Fresh,
    /// An instance decides several times, for one organisation and one configuration, and is then replaced. The default for
    /// the built-in component, which keeps no state; a component of your own gets fresh instances unless you say otherwise.
    Warm,
}

/// What is kept of decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecisionsConfig {
    /// Days after which a record goes.
    pub retention_days: u32,
    /// Of so many allows in a hundred a record is kept. Of refusals every record is kept.
    pub allowed_percent: u32,
    /// Every night so many recorded decisions of each organisation are made again, to see that they come out the same; 0:
    /// none.
    pub self_check: u32,
}

/// Logging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// How lines look.
    pub format: LogFormat,
    /// A level, or several directives: `info,oneclaw_server=debug`.
    pub level: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For humans.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    /// The settings of a server that nobody configured.
    fn default() -> Self {
        Self::for_data_dir(PathBuf::from("./oneclaw-data"))
    }
}

impl Config {
    /// The defaults, with database and root key in this folder.
    #[must_use]
    pub fn for_data_dir(data_dir: PathBuf) -> Self {
        let listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8210);
        Self {
            listen,
            database_url: default_database_url(&data_dir),
            public_url: default_public_url(listen),
            signup: Signup::First,
            root_key: RootKeySource::File(data_dir.join("root.key")),
            trusted_proxies: Vec::new(),
            rate_limits: true,
            tokens: TokenLifetimes {
                user_seconds: 3600,
                api_key_seconds: 3600,
                agent_seconds: 3600,
                refresh_seconds: 30 * 24 * 3600,
            },
            cors_origins: Vec::new(),
            access_plugin: AccessPlugin::BuiltIn,
            guardrail_plugin: AccessPlugin::BuiltIn,
            access_mode: AccessMode::Warm,
            plugins: PluginLimits::default(),
            max_body_bytes: 2 * 1024 * 1024,
            require_verified_email: false,
            enrollment: EnrollmentMode::Approval,
            mail: MailConfig::default(),
            decisions: DecisionsConfig {
                retention_days: 30,
                allowed_percent: 100,
                self_check: 0,
            },
            facts: FactsConfig::default(),
            allow_private_targets: false,
            audit_retention_days: None,
            log: LogConfig {
                format: LogFormat::Text,
                level: "info".to_owned(),
            },
            data_dir,
        }
    }

    /// The settings of this process: from its environment, and the file that `ONECLAW_CONFIG` names, or else
    /// `oneclaw.toml` in the working folder if there is one.
    ///
    /// # Errors
    /// Whatever is wrong with them.
    pub fn from_process() -> Result<Self, ConfigError> {
        let mut env = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|n| n.starts_with(layers::ENV_PREFIX)) else {
                continue;
            };
            let value = value
                .into_string()
                .map_err(|_| ConfigError::EnvironmentText(name.to_owned()))?;
            env.push((name.to_owned(), value));
        }
        Self::load(Path::new("oneclaw.toml"), env)
    }

    /// The settings of a given environment. `default_file` is read if the environment names no other file, and need not
    /// exist.
    ///
    /// # Errors
    /// Whatever is wrong with them.
    pub fn load(
        default_file: &Path,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        read::config(&layers::Layers::collect(default_file, env)?)
    }
}

fn default_public_url(listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() {
        // Every interface is no address that a client could use.
        format!("http://localhost:{}", listen.port())
    } else {
        format!("http://{listen}")
    }
}

fn default_database_url(data_dir: &Path) -> SecretString {
    let file = data_dir.join("oneclaw.db");
    // The two characters that mean something in the path of such a URL.
    let path = file
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3f");
    SecretString::from(format!("sqlite://{path}"))
}
