//! The environment: the only module that reads it.

use std::path::PathBuf;

use zeroize::Zeroizing;

/// What the environment says.
pub struct Environment {
    /// `ONECLAW_TOKEN`: a token, used as it is.
    pub token: Option<Zeroizing<String>>,
    /// `ONECLAW_API_KEY`: a key, `1ck_…` or `ocv_…`, used as it is.
    pub api_key: Option<Zeroizing<String>>,
    /// `ONECLAW_API_URL`
    pub api_url: Option<String>,
    /// `ONECLAW_VAULT_ID`
    pub vault: Option<String>,
    /// Where settings are kept: `ONECLAW_CONFIG_DIR`, else `oneclaw` in the user's directory for settings.
    pub config_dir: Option<PathBuf>,
    /// `NO_COLOR` is set to something, or the terminal is a dumb one.
    pub no_color: bool,
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the module of the command line that reads the environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Environment {
    /// Reads it. An empty variable is as good as none.
    pub fn read() -> Self {
        let config_dir = variable("ONECLAW_CONFIG_DIR")
            .map(PathBuf::from)
            .or_else(|| variable("XDG_CONFIG_HOME").map(|dir| PathBuf::from(dir).join("oneclaw")))
            .or_else(|| variable("HOME").map(|dir| PathBuf::from(dir).join(".config/oneclaw")));
        Self {
            token: variable("ONECLAW_TOKEN").map(Zeroizing::new),
            api_key: variable("ONECLAW_API_KEY").map(Zeroizing::new),
            api_url: variable("ONECLAW_API_URL"),
            vault: variable("ONECLAW_VAULT_ID"),
            config_dir,
            no_color: variable("NO_COLOR").is_some()
                || variable("TERM").is_some_and(|term| term == "dumb"),
        }
    }
}

/// Whether a browser could be shown to whoever sits here.
pub fn has_display() -> bool {
    cfg!(target_os = "macos")
        || variable("DISPLAY").is_some()
        || variable("WAYLAND_DISPLAY").is_some()
        || variable("BROWSER").is_some()
}

/// The program that opens a URL: `BROWSER`, else what the system has for it.
pub fn browser() -> String {
    variable("BROWSER").unwrap_or_else(|| {
        if cfg!(target_os = "macos") {
            "open".to_owned()
        } else {
            "xdg-open".to_owned()
        }
    })
}
