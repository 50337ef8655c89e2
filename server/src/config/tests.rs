use std::path::PathBuf;

use secrecy::ExposeSecret;

use super::*;

const EXPLAINED: &str = include_str!("../../config.default.toml");

/// A folder with an `oneclaw.toml` of this text.
fn folder(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("oneclaw.toml");
    std::fs::write(&file, text).unwrap();
    (folder, file)
}

fn load(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let (_folder, file) = folder(text);
    let env = env.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    Config::load(&file, env)
}

fn from_env(env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    load("", env)
}

fn error(text: &str, env: &[(&str, &str)]) -> String {
    load(text, env).unwrap_err().to_string()
}

/// Everything, with the one value that `Debug` hides.
fn shown(config: &Config) -> String {
    format!("{config:?} {}", config.database_url.expose_secret())
}

/// The explained file with its defaults switched on.
fn with_defaults_on() -> String {
    let lines = EXPLAINED.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if !setting.starts_with(['#', ' ']) => setting,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn without_file_and_environment_there_are_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::load(&folder.path().join("oneclaw.toml"), []).unwrap();
    assert_eq!(shown(&config), shown(&Config::default()));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8210");
    assert_eq!(config.public_url, "http://127.0.0.1:8210");
    assert_eq!(
        config.database_url.expose_secret(),
        "sqlite://./oneclaw-data/oneclaw.db"
    );
}

#[test]
fn the_explained_file_changes_nothing() {
    assert_eq!(
        shown(&load(EXPLAINED, &[]).unwrap()),
        shown(&Config::default())
    );
}

#[test]
fn the_explained_file_states_the_defaults() {
    let text = with_defaults_on();
    assert_eq!(shown(&load(&text, &[]).unwrap()), shown(&Config::default()));
}

#[test]
fn the_explained_file_names_every_setting() {
    let table: toml::Table = with_defaults_on().parse().unwrap();
    let mut named = Vec::new();
    for (key, value) in table {
        match value {
            toml::Value::Table(inner) => named.extend(inner.keys().map(|k| format!("{key}.{k}"))),
            _ => named.push(key),
        }
    }
    let mut section = String::new();
    for line in EXPLAINED.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.replace(']', ".");
        }
        if let Some(example) = line.strip_prefix("##") {
            let example: toml::Table = example.parse().unwrap();
            named.extend(example.keys().map(|key| format!("{section}{key}")));
        }
    }
    named.sort();
    let mut settings = layers::SETTINGS.to_vec();
    settings.sort_unstable();
    assert_eq!(named, settings);
}

#[test]
fn examples_of_settings_without_a_default_are_valid() {
    let key = EXPLAINED
        .lines()
        .find_map(|l| l.strip_prefix("##root_key = "));
    load(&format!("root_key = {}", key.unwrap()), &[]).unwrap();
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let text = "listen = \"127.0.0.1:1\"\nsignup = \"open\"\n[tokens]\nuser_seconds = 60\n";
    let config = load(
        text,
        &[
            ("ONECLAW_LISTEN", "127.0.0.1:2"),
            ("ONECLAW_TOKENS_AGENT_SECONDS", "61"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.signup, Signup::Open);
    assert_eq!(config.tokens.user_seconds, 60);
    assert_eq!(config.tokens.agent_seconds, 61);
    assert_eq!(config.tokens.refresh_seconds, 2_592_000);
}

#[test]
fn every_setting_can_be_given_in_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("plugin.wasm");
    std::fs::write(&plugin, "").unwrap();
    let url_file = folder.path().join("url");
    std::fs::write(&url_file, "postgres://u:p@h/d\n").unwrap();
    let smtp_file = folder.path().join("smtp");
    std::fs::write(&smtp_file, "smtps://u:p@h\n").unwrap();
    let values = [
        ("listen", "[::1]:9"),
        ("public_url", "https://Vault.example:8443/"),
        ("data_dir", "/srv/data"),
        ("database_url", "postgres://u:p@h/d"),
        ("database_url_file", url_file.to_str().unwrap()),
        ("root_key", &"ab".repeat(32)),
        ("root_key_file", "/etc/root.key"),
        ("signup", "closed"),
        ("trusted_proxies", "10.0.0.0/8, 2001:db8::1"),
        ("rate_limits", "off"),
        ("cors_origins", "https://a.example,http://localhost:3000"),
        ("max_body_bytes", "4096"),
        ("access_plugin", plugin.to_str().unwrap()),
        ("access_mode", "fresh"),
        ("guardrail_plugin", "none"),
        ("plugins.component_bytes", "4096"),
        ("plugins.memory_bytes", "65536"),
        ("plugins.fuel_per_decision", "10000"),
        ("plugins.fuel_per_configure", "10000"),
        ("plugins.deadline_ms", "1"),
        ("plugins.configure_deadline_ms", "1"),
        ("smtp_url", "smtp://127.0.0.1:2525"),
        ("smtp_url_file", smtp_file.to_str().unwrap()),
        ("mail_from", "Vault <vault@example.com>"),
        ("allow_private_targets", "on"),
        ("audit_retention_days", "10"),
        ("require_verified_email", "on"),
        ("enrollment.mode", "auto"),
        ("tokens.user_seconds", "100"),
        ("tokens.api_key_seconds", "101"),
        ("tokens.agent_seconds", "102"),
        ("tokens.refresh_seconds", "103"),
        ("decisions.retention_days", "7"),
        ("decisions.allowed_percent", "10"),
        ("decisions.self_check", "100"),
        ("facts.origin_files", "/srv/country.mmdb, /srv/network.mmdb"),
        ("facts.prices_file", "/srv/prices.json"),
        ("facts.prices_max_age_seconds", "60"),
        ("log.format", "json"),
        ("log.level", "warn,oneclaw_server=debug"),
    ];
    assert_eq!(values.map(|(setting, _)| setting), layers::SETTINGS);
    for (setting, value) in values {
        let mut env = vec![(layers::variable(setting), value)];
        if setting.starts_with("smtp_url") {
            env.push(("ONECLAW_MAIL_FROM".to_owned(), "a@example.com"));
        }
        let env: Vec<_> = env
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        let config = from_env(&env).unwrap();
        assert_ne!(shown(&config), shown(&Config::default()), "{setting}");
    }
    let config = from_env(&[
        ("ONECLAW_PUBLIC_URL", "https://Vault.example:8443/"),
        ("ONECLAW_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::1"),
        ("ONECLAW_DATABASE_URL_FILE", url_file.to_str().unwrap()),
    ])
    .unwrap();
    assert_eq!(config.public_url, "https://vault.example:8443");
    let proxies: Vec<_> = config
        .trusted_proxies
        .iter()
        .map(|p| p.to_string())
        .collect();
    assert_eq!(proxies, ["10.0.0.0/8", "2001:db8::1/128"]);
    assert_eq!(config.database_url.expose_secret(), "postgres://u:p@h/d");
}

#[test]
fn the_data_folder_moves_database_and_root_key() {
    let config = from_env(&[("ONECLAW_DATA_DIR", "/srv/what?")]).unwrap();
    assert_eq!(
        config.database_url.expose_secret(),
        "sqlite:///srv/what%3f/oneclaw.db"
    );
    assert!(
        matches!(&config.root_key, RootKeySource::File(p) if p == Path::new("/srv/what?/root.key"))
    );
}

#[test]
fn the_public_url_follows_the_address() {
    let url = |listen| from_env(&[("ONECLAW_LISTEN", listen)]).unwrap().public_url;
    assert_eq!(url("192.0.2.1:80"), "http://192.0.2.1:80");
    assert_eq!(url("[::1]:8210"), "http://[::1]:8210");
    assert_eq!(url("0.0.0.0:8210"), "http://localhost:8210");
    assert_eq!(url("[::]:8210"), "http://localhost:8210");
}

#[test]
fn the_file_that_the_environment_names_is_read_instead_and_must_exist() {
    let (_folder, other) = folder("signup = \"closed\"");
    let config = load(
        "signup = \"open\"",
        &[("ONECLAW_CONFIG", other.to_str().unwrap())],
    );
    assert_eq!(config.unwrap().signup, Signup::Closed);
    let error = error("", &[("ONECLAW_CONFIG", "/nowhere/oneclaw.toml")]);
    assert!(error.contains("`/nowhere/oneclaw.toml`"), "{error}");
}

#[test]
fn unknown_names_are_all_reported_with_the_nearest_known_one() {
    let error = error(
        "lisen = 1\n[tokens]\nuser_second = 1\n[databse]\nurl = \"x\"\n",
        &[("ONECLAW_SIGNUPS", "open"), ("ONECLAW_LOG", "x")],
    );
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(lines.len(), 5, "{error}");
    for (name, nearest) in [
        ("`lisen`", "`listen`"),
        ("`tokens.user_second`", "`tokens.user_seconds`"),
        ("`databse`", "`database_url`"),
        ("`ONECLAW_SIGNUPS`", "`ONECLAW_SIGNUP`"),
        ("`ONECLAW_LOG`", "`ONECLAW_LOG_"),
    ] {
        let named = |l: &&&str| l.contains(name) && l.contains(nearest);
        assert!(lines.iter().any(|l| named(&l)), "{name}: {error}");
    }
}

#[test]
fn variables_of_the_official_clients_are_left_alone() {
    let env = [
        "API_KEY",
        "TOKEN",
        "API_URL",
        "VAULT_ID",
        "CONFIG_DIR",
        "DPOP",
        "BASE_URL",
        "AGENT_ID",
        "AGENT_API_KEY",
    ]
    .map(|name| (format!("ONECLAW_{name}"), "x".to_owned()));
    Config::load(Path::new("/nowhere/oneclaw.toml"), env).unwrap();
    from_env(&[("PATH", "/bin"), ("ONECLAWS", "x")]).unwrap();
}

#[test]
fn a_secret_and_its_file_cannot_both_be_given() {
    for (setting, value) in [
        ("ROOT_KEY", "ab".repeat(32)),
        ("DATABASE_URL", "sqlite://x".to_owned()),
    ] {
        let (name, file) = (
            format!("ONECLAW_{setting}"),
            format!("ONECLAW_{setting}_FILE"),
        );
        let error = error("", &[(&name, &value), (&file, "/x")]);
        assert!(
            error.contains("not both") && error.contains(&file),
            "{error}"
        );
    }
    let error = error(
        "root_key_file = \"/x\"",
        &[("ONECLAW_ROOT_KEY", &"ab".repeat(32))],
    );
    assert!(
        error.contains("not both") && error.contains("oneclaw.toml"),
        "{error}"
    );
}

#[test]
fn each_bad_value_is_refused_with_its_place_and_what_would_be_right() {
    for (setting, value, right) in [
        ("listen", "8210", "`127.0.0.1:8210`"),
        ("listen", "localhost:8210", "`127.0.0.1:8210`"),
        ("public_url", "vault.example", "`https://host`"),
        (
            "public_url",
            "https://vault.example/vault",
            "without a path",
        ),
        ("public_url", "https://user@vault.example", "`https://host`"),
        ("public_url", "https://vault.example?x", "`https://host`"),
        ("public_url", "https://vault.example#x", "`https://host`"),
        ("public_url", "https://vault.example:", "`https://host`"),
        ("public_url", "ftp://vault.example", "`https://host`"),
        ("data_dir", " ", "path"),
        ("database_url", "mysql://h/d", "`sqlite://`"),
        ("database_url", "postgres://", "`sqlite://`"),
        ("database_url_file", "/nowhere/url", "`/nowhere/url`"),
        ("root_key", "abc", "64 hexadecimal digits"),
        ("signup", "yes", "`first` or `open` or `closed`"),
        ("trusted_proxies", "10.0.0.1/8", "write `10.0.0.0/8`"),
        ("rate_limits", "no", "`on` or `off`"),
        ("cors_origins", "*,https://a.example", "alone"),
        ("cors_origins", "a.example", "`https://app.example.com`"),
        ("max_body_bytes", "1", "from 1024 to 67108864"),
        ("access_plugin", "/nowhere/plugin.wasm", "`built-in`"),
        ("access_mode", "cold", "`fresh` or `warm`"),
        ("tokens.user_seconds", "59", "from 60 to 86400"),
        ("tokens.agent_seconds", "-1", "from 60 to 86400"),
        ("tokens.api_key_seconds", "1h", "whole number of seconds"),
        (
            "tokens.refresh_seconds",
            "99999999999",
            "from 60 to 31536000",
        ),
        ("facts.prices_file", " ", "path"),
        ("facts.prices_max_age_seconds", "0", "from 1 to 604800"),
        ("facts.origin_files", "1,2,3,4,5,6,7,8,9", "at most 8"),
        ("log.format", "xml", "`text` or `json`"),
        ("log.level", "verbose", "`debug`"),
        ("log.level", "info,=debug", "directives"),
        ("log.level", "", "`debug`"),
    ] {
        let variable = layers::variable(setting);
        let error = error("", &[(&variable, value)]);
        for part in [
            format!("`{setting}`"),
            format!("`{variable}`"),
            right.to_owned(),
        ] {
            assert!(error.contains(&part), "{setting} = {value}: {error}");
        }
    }
}

#[test]
fn each_value_of_a_wrong_type_is_refused_with_its_file() {
    for text in [
        "listen = 8210",
        "signup = true",
        "rate_limits = 1",
        "cors_origins = \"https://a.example\"",
        "trusted_proxies = [1]",
        "max_body_bytes = \"4096\"",
        "max_body_bytes = 4096.0",
        "tokens.user_seconds = \"60\"",
        "log.level = 3",
        "listen.port = 1",
    ] {
        let error = error(text, &[]);
        assert!(error.contains("oneclaw.toml`"), "{text}: {error}");
        assert!(
            error.contains("must be ") || error.contains("write "),
            "{text}: {error}"
        );
    }
    assert!(!load("rate_limits = false", &[]).unwrap().rate_limits);
}

#[test]
fn rate_limits_stay_on_where_others_can_reach_the_server() {
    let off = |listen| {
        from_env(&[("ONECLAW_RATE_LIMITS", "off"), ("ONECLAW_LISTEN", listen)])
            .map(|c| c.rate_limits)
    };
    for loopback in [
        "127.0.0.1:0",
        "127.1.2.3:80",
        "[::1]:80",
        "[::ffff:127.0.0.1]:80",
    ] {
        assert!(!off(loopback).unwrap(), "{loopback}");
    }
    for open in ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "10.0.0.1:80"] {
        assert!(
            matches!(off(open), Err(ConfigError::RateLimitsOff(_))),
            "{open}"
        );
    }
}

#[test]
fn a_component_of_your_own_gets_fresh_instances_unless_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.wasm");
    std::fs::write(&file, "").unwrap();
    let plugin = ("ONECLAW_ACCESS_PLUGIN", file.to_str().unwrap());
    let config = from_env(&[plugin]).unwrap();
    assert_eq!(config.access_plugin, AccessPlugin::File(file.clone()));
    assert_eq!(config.access_mode, AccessMode::Fresh);
    let config = from_env(&[plugin, ("ONECLAW_ACCESS_MODE", "warm")]).unwrap();
    assert_eq!(config.access_mode, AccessMode::Warm);
}

#[test]
fn broken_toml_is_refused_with_its_line_but_not_its_text() {
    let error = error("signup = \"open\"\nroot_key = s3cret\n", &[]);
    assert!(error.contains("line 2"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn secrets_show_neither_in_debug_output_nor_in_errors() {
    let config = from_env(&[
        ("ONECLAW_ROOT_KEY", &"ab".repeat(32)),
        ("ONECLAW_DATABASE_URL", "postgres://u:s3cret@h/d"),
    ])
    .unwrap();
    let debug = format!("{config:?}");
    assert!(
        !debug.contains("s3cret") && !debug.contains("abab"),
        "{debug}"
    );
    for (name, value) in [
        ("ONECLAW_ROOT_KEY", "s3cret"),
        ("ONECLAW_DATABASE_URL", "mysql://s3cret"),
    ] {
        let error = error("", &[(name, value)]);
        assert!(!error.contains("s3cret"), "{error}");
    }
}
