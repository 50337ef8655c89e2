//! Where variables come from.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::dotenv::{self, Variables};
use crate::client::{items, path as encoded_path, query, segment, text};
use crate::context::Context;
use crate::failure::Failure;

/// Types of secrets that become variables.
const TYPES: [&str; 3] = ["env_bundle", "api_key", "password"];

/// Where variables come from.
pub enum Source {
    /// The secrets of a vault.
    Secrets {
        /// The route of the vault.
        route: String,
        /// Only paths that start with this.
        prefix: Option<String>,
    },
    /// The variables of an environment.
    Environment {
        /// The route of the vault.
        route: String,
        /// Its name.
        name: String,
        /// The branch whose variables outweigh the others.
        git_branch: Option<String>,
    },
}

impl Source {
    /// Fetches them, by name.
    ///
    /// # Errors
    /// One cannot be read, or a bundle is no bundle. Then there are none: a command must not run with half of what it needs.
    pub fn variables(&self, context: &Context) -> Result<Variables, Failure> {
        let mut variables = match self {
            Self::Secrets { route, prefix } => from_secrets(context, route, prefix.as_deref())?,
            Self::Environment {
                route,
                name,
                git_branch,
            } => from_environment(context, route, name, git_branch.as_deref())?,
        };
        if let Some((name, _)) = variables.iter().find(|(_, value)| value.contains('\0')) {
            return Err(Failure::local(format!(
                "the value of {name} has a zero byte in it, which no environment can hold"
            )));
        }
        variables.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(variables)
    }
}

/// `api-keys/openai` is API_KEYS_OPENAI.
fn variable_name(path: &str) -> String {
    let name = path.to_ascii_uppercase().replace(['/', '-'], "_");
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{name}")
    } else {
        name
    }
}

fn from_secrets(
    context: &Context,
    route: &str,
    prefix: Option<&str>,
) -> Result<Variables, Failure> {
    let client = context.client()?;
    let list = client.get(&format!("{route}/secrets{}", query(&[("prefix", prefix)])))?;
    let mut variables = Variables::new();
    let mut take = |name: String, value: Zeroizing<String>, path: &str| match variables
        .iter_mut()
        .find(|(known, _)| *known == name)
    {
        Some(known) => {
            context.output.note(&format!(
                "warning: {name} comes from more than one secret; `{path}` counts"
            ));
            known.1 = value;
        }
        None => variables.push((name, value)),
    };
    for meta in items(&list, "secrets") {
        let (kind, path) = (text(meta, "type"), text(meta, "path"));
        if !TYPES.contains(&kind) || meta.get("is_disabled").and_then(Value::as_bool) == Some(true)
        {
            continue;
        }
        let secret = client.get(&format!("{route}/secrets/{}", encoded_path(path)))?;
        let value = Zeroizing::new(text(&secret, "value").to_owned());
        if kind == "env_bundle" {
            let bundle =
                dotenv::read(&value).map_err(|what| Failure::local(format!("`{path}`, {what}")))?;
            for (name, value) in bundle {
                take(name, value, path);
            }
        } else {
            take(variable_name(path), value, path);
        }
    }
    Ok(variables)
}

fn from_environment(
    context: &Context,
    route: &str,
    name: &str,
    git_branch: Option<&str>,
) -> Result<Variables, Failure> {
    let query = query(&[("environment", Some(name)), ("git_branch", git_branch)]);
    let answer = context
        .client()?
        .get(&format!("{route}/env-vars/resolve{query}"))?;
    let vars = answer
        .get("vars")
        .or_else(|| answer.get("variables"))
        .and_then(Value::as_object);
    let vars = vars.ok_or_else(|| Failure::local("the server's answer has no variables in it"))?;
    vars.iter()
        .map(|(name, value)| {
            if !dotenv::is_name(name) {
                return Err(Failure::local(format!("`{name}` is no name of a variable")));
            }
            let value = value.as_str().unwrap_or_default().to_owned();
            Ok((name.clone(), Zeroizing::new(value)))
        })
        .collect()
}

/// Stores variables in an environment: those there are get their new value, the others are made.
///
/// # Errors
/// One is refused; those before it are stored.
pub fn store(
    context: &Context,
    route: &str,
    environment: &str,
    variables: &Variables,
    sensitive: bool,
) -> Result<usize, Failure> {
    let client = context.client()?;
    let list = client.get(&format!(
        "{route}/env-vars{}",
        query(&[("environment", Some(environment))])
    ))?;
    let known = items(&list, "env_vars");
    for (name, value) in variables {
        let existing = known
            .iter()
            .find(|variable| text(variable, "key") == name && is_for_one(variable, environment));
        match existing {
            Some(variable) => {
                let id = segment(text(variable, "id"));
                let body = json!({ "value": value.as_str(), "sensitive": sensitive });
                client.patch(&format!("{route}/env-vars/{id}"), &body)?;
            }
            None => {
                let body = json!({
                    "key": name,
                    "value": value.as_str(),
                    "environments": [environment],
                    "sensitive": sensitive,
                });
                client.post(&format!("{route}/env-vars"), &body)?;
            }
        }
    }
    Ok(variables.len())
}

/// A variable that other environments share is left alone: whoever changes one environment means that one.
fn is_for_one(variable: &Value, environment: &str) -> bool {
    items(variable, "environments")
        .iter()
        .map(Value::as_str)
        .eq([Some(environment)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_name() {
        assert_eq!(variable_name("api-keys/openai"), "API_KEYS_OPENAI");
        assert_eq!(variable_name("2fa/seed"), "_2FA_SEED");
        assert!(dotenv::is_name(&variable_name("2fa/seed")));
    }
}
