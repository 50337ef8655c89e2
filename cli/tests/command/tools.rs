//! The tools that plugins are built by.

use std::sync::LazyLock;

static ENVIRONMENT: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let passed_on = |name: &str| {
        let upper = name.to_ascii_uppercase();
        let prefixes = [
            "SSL_CERT_",
            "CARGO_HTTP_",
            "CARGO_REGISTRIES_",
            "PIP_",
            "NPM_CONFIG_",
            "NODE_EXTRA_",
        ];
        ["CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"].contains(&name)
            || upper.ends_with("_PROXY")
            || prefixes.iter().any(|prefix| upper.starts_with(prefix))
    };
    let mut environment: Vec<_> = std::env::vars()
        .filter(|(name, _)| passed_on(name))
        .collect();
    // The command runs with another home directory.
    let home = std::env::home_dir().unwrap();
    for (name, below) in [
        ("CARGO_HOME", ".cargo"),
        ("RUSTUP_HOME", ".rustup"),
        ("NPM_CONFIG_USERCONFIG", ".npmrc"),
        ("NPM_CONFIG_CACHE", ".npm"),
        ("PIP_CACHE_DIR", ".cache/pip"),
    ] {
        if !environment.iter().any(|(known, _)| known == name) {
            environment.push((name.to_owned(), home.join(below).display().to_string()));
        }
    }
    environment
});

/// What they need to be found and to work, from where these tests run.
pub fn environment() -> Vec<(&'static str, &'static str)> {
    ENVIRONMENT
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}
