//! What the values mean: each is checked, and the error says what would be right.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use http::Uri;
use http::uri::Scheme;
use ipnet::IpNet;
use oneclaw_core::ip::parse_network;
use secrecy::{ExposeSecret, SecretString};

use super::error::ConfigError;
use super::layers::{Entry, Layers, Value};
use super::{
    AccessMode, AccessPlugin, Config, DecisionsConfig, EnrollmentMode, LogConfig, LogFormat,
    PluginLimits, RootKeySource, Signup, TokenLifetimes, default_public_url,
};

/// A year, in seconds.
const YEAR: u32 = 365 * 24 * 3600;
/// A day, in seconds.
const DAY: u32 = 24 * 3600;

/// What is wrong with a value; follows the name of the setting in a sentence.
pub(super) type Problem = String;

pub(super) fn config(layers: &Layers) -> Result<Config, ConfigError> {
    let data_dir = value(layers, "data_dir", path)?;
    let default = data_dir.map_or_else(Config::default, Config::for_data_dir);
    let listen = value(layers, "listen", address)?.unwrap_or(default.listen);
    let access_plugin =
        value(layers, "access_plugin", access_plugin)?.unwrap_or(default.access_plugin);
    let access_mode = value(layers, "access_mode", |entry| {
        word(
            entry,
            &[("fresh", AccessMode::Fresh), ("warm", AccessMode::Warm)],
        )
    })?;
    let config = Config {
        listen,
        database_url: secret(layers, "database_url", "database_url_file", database_url)?
            .unwrap_or(default.database_url),
        public_url: value(layers, "public_url", public_url)?
            .unwrap_or_else(|| default_public_url(listen)),
        signup: value(layers, "signup", |entry| {
            let words = [
                ("first", Signup::First),
                ("open", Signup::Open),
                ("closed", Signup::Closed),
            ];
            word(entry, &words)
        })?
        .unwrap_or(default.signup),
        root_key: root_key(layers)?.unwrap_or(default.root_key),
        trusted_proxies: value(layers, "trusted_proxies", networks)?
            .unwrap_or(default.trusted_proxies),
        rate_limits: value(layers, "rate_limits", switch)?.unwrap_or(default.rate_limits),
        tokens: tokens(layers, default.tokens)?,
        cors_origins: value(layers, "cors_origins", origins)?.unwrap_or(default.cors_origins),
        access_mode: access_mode.unwrap_or(match access_plugin {
            AccessPlugin::BuiltIn | AccessPlugin::None => AccessMode::Warm,
            AccessPlugin::File(_) => AccessMode::Fresh,
        }),
        access_plugin,
        guardrail_plugin: value(layers, "guardrail_plugin", self::access_plugin)?
            .unwrap_or(default.guardrail_plugin),
        plugins: plugins(layers, default.plugins)?,
        max_body_bytes: value(layers, "max_body_bytes", |entry| {
            number(entry, 1024, 64 * 1024 * 1024, "bytes")
        })?
        .map_or(default.max_body_bytes, |bytes| bytes as usize),
        require_verified_email: value(layers, "require_verified_email", switch)?
            .unwrap_or(default.require_verified_email),
        enrollment: value(layers, "enrollment.mode", |entry| {
            let words = [
                ("approval", EnrollmentMode::Approval),
                ("auto", EnrollmentMode::Auto),
                ("off", EnrollmentMode::Off),
            ];
            word(entry, &words)
        })?
        .unwrap_or(default.enrollment),
        mail: super::mail::read(layers)?,
        decisions: decisions(layers, default.decisions)?,
        facts: super::facts::read(layers)?,
        allow_private_targets: value(layers, "allow_private_targets", switch)?
            .unwrap_or(default.allow_private_targets),
        audit_retention_days: value(layers, "audit_retention_days", |entry| {
            number(entry, 1, 36_500, "days")
        })?
        .or(default.audit_retention_days),
        log: LogConfig {
            format: value(layers, "log.format", |entry| {
                word(
                    entry,
                    &[("text", LogFormat::Text), ("json", LogFormat::Json)],
                )
            })?
            .unwrap_or(default.log.format),
            level: value(layers, "log.level", log_level)?.unwrap_or(default.log.level),
        },
        data_dir: default.data_dir,
    };
    if !config.rate_limits && !config.listen.ip().to_canonical().is_loopback() {
        return Err(ConfigError::RateLimitsOff(config.listen));
    }
    Ok(config)
}

pub(super) fn value<T>(
    layers: &Layers,
    setting: &'static str,
    read: impl Fn(&Entry) -> Result<T, Problem>,
) -> Result<Option<T>, ConfigError> {
    let Some(entry) = layers.get(setting) else {
        return Ok(None);
    };
    read(entry).map(Some).map_err(|problem| ConfigError::Value {
        setting,
        origin: entry.origin.clone(),
        problem,
    })
}

/// A secret that is given itself or by the name of a file that holds it, but not both.
pub(super) fn secret(
    layers: &Layers,
    setting: &'static str,
    file_setting: &'static str,
    check: impl Fn(&str) -> Result<(), Problem>,
) -> Result<Option<SecretString>, ConfigError> {
    refuse_both(layers, setting, file_setting)?;
    let given = value(layers, setting, |entry| {
        let text = text(entry)?.trim();
        check(text).map(|()| SecretString::from(text))
    })?;
    let in_file = value(layers, file_setting, |entry| {
        let path = path(entry)?;
        let content = std::fs::read_to_string(&path)
            .map(SecretString::from)
            .map_err(|e| format!("names `{}`, which could not be read: {e}", path.display()))?;
        let text = content.expose_secret().trim();
        check(text)
            .map(|()| SecretString::from(text))
            .map_err(|problem| format!("names `{}`, whose content {problem}", path.display()))
    })?;
    Ok(given.or(in_file))
}

fn refuse_both(
    layers: &Layers,
    setting: &'static str,
    file_setting: &'static str,
) -> Result<(), ConfigError> {
    match (layers.get(setting), layers.get(file_setting)) {
        (Some(one), Some(other)) => Err(ConfigError::Both {
            setting,
            one: one.origin.clone(),
            other: other.origin.clone(),
        }),
        _ => Ok(()),
    }
}

/// Unlike other secrets the file of the root key need not exist: it is made on first start.
fn root_key(layers: &Layers) -> Result<Option<RootKeySource>, ConfigError> {
    refuse_both(layers, "root_key", "root_key_file")?;
    let given = value(layers, "root_key", |entry| {
        let key = SecretString::from(text(entry)?.trim());
        oneclaw_crypto::root_key::RootKey::from_text(&key)
            .map_err(|_| "must be 32 bytes, written as 64 hexadecimal digits or in base64")?;
        Ok(RootKeySource::Text(key))
    })?;
    let in_file = value(layers, "root_key_file", path)?.map(RootKeySource::File);
    Ok(given.or(in_file))
}

fn plugins(layers: &Layers, default: PluginLimits) -> Result<PluginLimits, ConfigError> {
    let limit = |setting, least, most, unit, default| {
        value(layers, setting, |entry| number(entry, least, most, unit))
            .map(|value| value.unwrap_or(default))
    };
    Ok(PluginLimits {
        component_bytes: limit(
            "plugins.component_bytes",
            1024,
            64 << 20,
            "bytes",
            default.component_bytes,
        )?,
        memory_bytes: limit(
            "plugins.memory_bytes",
            64 << 10,
            256 << 20,
            "bytes",
            default.memory_bytes,
        )?,
        fuel_per_decision: limit(
            "plugins.fuel_per_decision",
            10_000,
            4_000_000_000,
            "units",
            default.fuel_per_decision,
        )?,
        fuel_per_configure: limit(
            "plugins.fuel_per_configure",
            10_000,
            4_000_000_000,
            "units",
            default.fuel_per_configure,
        )?,
        deadline_ms: limit(
            "plugins.deadline_ms",
            1,
            60_000,
            "milliseconds",
            default.deadline_ms,
        )?,
        configure_deadline_ms: limit(
            "plugins.configure_deadline_ms",
            1,
            600_000,
            "milliseconds",
            default.configure_deadline_ms,
        )?,
    })
}

fn tokens(layers: &Layers, default: TokenLifetimes) -> Result<TokenLifetimes, ConfigError> {
    let seconds = |setting, longest, default| {
        value(layers, setting, |entry| {
            number(entry, 60, longest, "seconds")
        })
        .map(|seconds| seconds.unwrap_or(default))
    };
    Ok(TokenLifetimes {
        user_seconds: seconds("tokens.user_seconds", DAY, default.user_seconds)?,
        api_key_seconds: seconds("tokens.api_key_seconds", DAY, default.api_key_seconds)?,
        agent_seconds: seconds("tokens.agent_seconds", DAY, default.agent_seconds)?,
        refresh_seconds: seconds("tokens.refresh_seconds", YEAR, default.refresh_seconds)?,
    })
}

fn decisions(layers: &Layers, default: DecisionsConfig) -> Result<DecisionsConfig, ConfigError> {
    let given = |setting, least, most, unit, default| {
        value(layers, setting, |entry| number(entry, least, most, unit))
            .map(|number| number.unwrap_or(default))
    };
    Ok(DecisionsConfig {
        retention_days: given(
            "decisions.retention_days",
            1,
            3650,
            "days",
            default.retention_days,
        )?,
        allowed_percent: given(
            "decisions.allowed_percent",
            0,
            100,
            "percent",
            default.allowed_percent,
        )?,
        self_check: given(
            "decisions.self_check",
            0,
            100_000,
            "decisions",
            default.self_check,
        )?,
    })
}

pub(super) fn text(entry: &Entry) -> Result<&str, Problem> {
    match &entry.value {
        Value::Variable(text) | Value::Toml(toml::Value::String(text)) => Ok(text),
        Value::Toml(other) => Err(format!("must be a string, not {}", kind(other))),
    }
}

pub(super) fn number(entry: &Entry, least: u32, most: u32, unit: &str) -> Result<u32, Problem> {
    let number = match &entry.value {
        Value::Variable(text) => text.trim().parse().ok(),
        Value::Toml(toml::Value::Integer(number)) => Some(*number),
        Value::Toml(_) => None,
    };
    number
        .and_then(|n| u32::try_from(n).ok())
        .filter(|n| (least..=most).contains(n))
        .ok_or_else(|| format!("must be a whole number of {unit} from {least} to {most}"))
}

fn switch(entry: &Entry) -> Result<bool, Problem> {
    match &entry.value {
        Value::Toml(toml::Value::Boolean(on)) => Ok(*on),
        _ => word(entry, &[("on", true), ("off", false)]),
    }
}

fn word<T: Copy>(entry: &Entry, words: &[(&str, T)]) -> Result<T, Problem> {
    let text = text(entry)?.trim();
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let words: Vec<String> = words.iter().map(|(w, _)| format!("`{w}`")).collect();
        format!("is `{}`; write {}", quote(text), words.join(" or "))
    })
}

/// A list of strings; in a variable they are separated by commas.
pub(super) fn list(entry: &Entry) -> Result<Vec<String>, Problem> {
    match &entry.value {
        Value::Variable(text) => Ok(text
            .split(',')
            .map(|part| part.trim().to_owned())
            .filter(|part| !part.is_empty())
            .collect()),
        Value::Toml(toml::Value::Array(items)) => items
            .iter()
            .map(|item| match item {
                toml::Value::String(text) => Ok(text.clone()),
                other => Err(format!(
                    "must be a list of strings, but holds {}",
                    kind(other)
                )),
            })
            .collect(),
        Value::Toml(other) => Err(format!("must be a list of strings, not {}", kind(other))),
    }
}

fn kind(value: &toml::Value) -> &'static str {
    match value {
        toml::Value::String(_) => "a string",
        toml::Value::Integer(_) => "a number",
        toml::Value::Float(_) => "a fraction",
        toml::Value::Boolean(_) => "a truth value",
        toml::Value::Datetime(_) => "a date",
        toml::Value::Array(_) => "a list",
        toml::Value::Table(_) => "a table",
    }
}

pub(super) fn path(entry: &Entry) -> Result<PathBuf, Problem> {
    path_of(text(entry)?)
}

pub(super) fn path_of(text: &str) -> Result<PathBuf, Problem> {
    if text.trim().is_empty() || text.contains('\0') {
        return Err("must be the path of a file or folder".to_owned());
    }
    Ok(PathBuf::from(text))
}

fn address(entry: &Entry) -> Result<std::net::SocketAddr, Problem> {
    let text = text(entry)?.trim();
    text.parse().map_err(|_| {
        format!(
            "is `{}`; write an IP address and a port, such as `127.0.0.1:8210` or `[::]:8210`",
            quote(text)
        )
    })
}

fn networks(entry: &Entry) -> Result<Vec<IpNet>, Problem> {
    list(entry)?
        .iter()
        .map(|text| parse_network(text).map_err(|e| format!("is wrong: {e}")))
        .collect()
}

fn access_plugin(entry: &Entry) -> Result<AccessPlugin, Problem> {
    match text(entry)? {
        "built-in" => Ok(AccessPlugin::BuiltIn),
        "none" => Ok(AccessPlugin::None),
        file if Path::new(file).is_file() => Ok(AccessPlugin::File(file.into())),
        other => Err(format!(
            "is `{}`, which is no file; write `built-in`, `none`, or the path of a component",
            quote(other)
        )),
    }
}

/// The value is not quoted: it may hold a password.
fn database_url(text: &str) -> Result<(), Problem> {
    let known = ["sqlite://", "postgres://", "postgresql://"];
    if known
        .iter()
        .any(|k| text.starts_with(k) && text.len() > k.len())
    {
        Ok(())
    } else {
        Err("must begin with `sqlite://` or `postgres://`, followed by a file or a host".to_owned())
    }
}

fn public_url(entry: &Entry) -> Result<String, Problem> {
    let text = text(entry)?.trim();
    web_origin(text).ok_or_else(|| {
        format!(
            "is `{}`; write `https://host` or `http://host:port`, without a path: clients expect the API at the root",
            quote(text)
        )
    })
}

fn origins(entry: &Entry) -> Result<Vec<String>, Problem> {
    let origins = list(entry)?;
    if origins.iter().any(|o| o == "*") {
        return match origins.len() {
            1 => Ok(origins),
            _ => Err("holds `*` and more; `*` stands for every origin and must stand alone".into()),
        };
    }
    let check = |text: &String| {
        web_origin(text).ok_or_else(|| {
            format!(
                "holds `{}`; write origins such as `https://app.example.com`, or `*` alone",
                quote(text)
            )
        })
    };
    origins.iter().map(check).collect()
}

/// `scheme://host[:port]` in lower case, or nothing if there is anything else to it.
fn web_origin(text: &str) -> Option<String> {
    let uri = Uri::from_str(text).ok()?;
    let scheme = uri
        .scheme()
        .filter(|s| **s == Scheme::HTTP || **s == Scheme::HTTPS)?;
    let authority = uri.authority()?;
    let bare = uri.path() == "/" && uri.query().is_none() && !text.contains('#');
    let named = !authority.host().is_empty() && !authority.as_str().contains('@');
    // An empty or unreadable port is not the absence of one.
    let port = authority.port_u16().is_some() || !has_port(authority.as_str());
    (bare && named && port).then(|| format!("{scheme}://{authority}").to_ascii_lowercase())
}

fn has_port(authority: &str) -> bool {
    let after_host = authority.rsplit(']').next().unwrap_or(authority);
    after_host.contains(':')
}

fn log_level(entry: &Entry) -> Result<String, Problem> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let text = text(entry)?.trim();
    let good = text.split(',').all(|directive| {
        let (target, level) = directive.split_once('=').unwrap_or(("all", directive));
        let named = !target.is_empty()
            && target
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'));
        named && LEVELS.contains(&level)
    });
    if good {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "is `{}`; write `off`, `error`, `warn`, `info`, `debug` or `trace`, or directives such as `info,oneclaw_server=debug`",
            quote(text)
        ))
    }
}

pub(super) fn quote(text: &str) -> String {
    oneclaw_core::path::excerpt(text)
}
