//! A plugin to start from. It refuses everything below one path; what it shall leave to others or allow is for you to write.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use oneclaw_policy_sdk::{
    AccessPolicy, AccessRequest, Decision, Manifest, Needs, Problem, reply, settings,
};

/// What the plugin decides by, made from its settings once.
pub struct Template {
    below: String,
}

/// What whoever attaches the plugin writes. Keys that are not here are refused.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Paths below this one are the plugin's business.
    below: String,
}

impl AccessPolicy for Template {
    type Settings = Settings;

    fn manifest() -> Manifest {
        Manifest {
            name: "template".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Refuses every access below one path.".to_owned(),
            settings_schema: include_str!("settings.schema.json").to_owned(),
        }
    }

    fn configure(settings: Settings) -> Result<(Self, Needs), Vec<Problem>> {
        if settings.below.is_empty() || settings.below.ends_with('/') {
            return Err(vec![settings::problem(
                "/below",
                "must be a path such as `prod`, without a slash at its end",
            )]);
        }
        let needs = Needs {
            budgets: Vec::new(),
            facts: Vec::new(),
        };
        let below = settings.below + "/";
        Ok((Self { below }, needs))
    }

    fn evaluate(&self, request: &AccessRequest) -> Decision {
        if request.path.starts_with(&self.below) {
            reply::deny("template/closed")
        } else {
            // Not this plugin's business. It is no allow: if nobody else allows the request, it is refused.
            reply::abstain()
        }
    }
}

oneclaw_policy_sdk::export_access_policy!(Template);
