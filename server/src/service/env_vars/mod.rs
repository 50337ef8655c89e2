//! Environment variables: names and values for programs, by environment and branch.
//!
//! To policies, a variable is the path `env/{environment}/{KEY}` of its vault. Each value is sealed once for each of its
//! environments, at that path, and opened with the permit for it.

mod environments;
mod list;
mod resolve;
mod shared;
mod update;
mod write;

pub use list::EnvVarQuery;

use oneclaw_core::api;
use oneclaw_core::api::Sensitive;
use oneclaw_core::ids::{EnvVarId, VaultId};
use oneclaw_core::path::{SecretPath, excerpt};
use oneclaw_policy_host::Action;
use oneclaw_store::{EnvVar, NewEvent, StoreError};
use serde_json::{Value, json};

use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};
use super::gate::Grant;
use super::{Services, check, time};

/// The environments that every vault has.
const BUILT_IN: [&str; 3] = ["production", "preview", "development"];
/// Most variables of a vault.
const MAX_VARS: i64 = 1000;
/// Most environments that a vault has of its own.
const MAX_ENVIRONMENTS: i64 = 50;
/// Largest value, in bytes.
const MAX_VALUE_BYTES: usize = 32 * 1024;
/// Longest name, in bytes.
const MAX_NAME_BYTES: usize = 256;
/// Longest name of an environment, in bytes.
const MAX_SLUG_BYTES: usize = 64;
/// Longest name of a branch, in bytes.
const MAX_BRANCH_BYTES: usize = 255;
/// Names that a record lists; it always has their number.
const RECORDED_NAMES: usize = 200;

const UNKNOWN: ServiceError = ServiceError::NotFound("no such variable");

/// Where policies know a variable. A path ends in a letter or digit, and a name may end in `_`: then a segment follows.
fn path_of(environment: &str, name: &str) -> Result<SecretPath> {
    let end = if name.ends_with('_') { "/0" } else { "" };
    format!("env/{environment}/{name}{end}")
        .parse()
        .map_err(|e| ServiceError::Internal(format!("a variable without a path: {e}")))
}

fn check_name(name: &str) -> Result<()> {
    let is_sound = (1..=MAX_NAME_BYTES).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if is_sound {
        return Ok(());
    }
    Err(ServiceError::field(
        "key",
        format!(
            "`{}` is not 1 to {MAX_NAME_BYTES} of `A-Z`, `0-9` and `_`",
            excerpt(name)
        ),
    ))
}

fn check_slug(field: &str, slug: &str) -> Result<()> {
    let is_sound = (1..=MAX_SLUG_BYTES).contains(&slug.len())
        && slug
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !slug.starts_with('-')
        && !slug.ends_with('-');
    if is_sound {
        return Ok(());
    }
    Err(ServiceError::field(
        field,
        format!(
            "`{}` is not 1 to {MAX_SLUG_BYTES} of `a-z`, `0-9` and `-`, without `-` at either end",
            excerpt(slug)
        ),
    ))
}

/// A branch; the empty one is none.
fn check_branch(branch: Option<&str>) -> Result<Option<String>> {
    let Some(branch) = branch.filter(|branch| !branch.is_empty()) else {
        return Ok(None);
    };
    if branch.len() > MAX_BRANCH_BYTES || branch.chars().any(char::is_control) {
        return Err(ServiceError::field(
            "git_branch",
            format!("must have at most {MAX_BRANCH_BYTES} bytes and no control characters"),
        ));
    }
    Ok(Some(branch.to_owned()))
}

fn check_comment(comment: Option<&str>) -> Result<Option<String>> {
    comment
        .filter(|text| !text.is_empty())
        .map(|text| check::description("comment", text))
        .transpose()
}

fn check_value(value: &Sensitive) -> Result<()> {
    if value.len() > MAX_VALUE_BYTES || value.contains('\0') {
        return Err(ServiceError::field(
            "value",
            format!("must have at most {MAX_VALUE_BYTES} bytes and no NUL"),
        ));
    }
    Ok(())
}

/// Names of environments, each once, in order.
fn check_environments(list: &[String]) -> Result<Vec<String>> {
    const FIELD: &str = "environments";
    let most = BUILT_IN.len() + usize::try_from(MAX_ENVIRONMENTS).unwrap_or(usize::MAX);
    if list.is_empty() || list.len() > most {
        return Err(ServiceError::field(
            FIELD,
            format!("must name from 1 to {most} environments"),
        ));
    }
    let mut slugs = list.to_vec();
    slugs.sort_unstable();
    slugs.dedup();
    for slug in &slugs {
        check_slug(FIELD, slug)?;
    }
    Ok(slugs)
}

/// A variable as clients see it.
fn wire(
    var: &EnvVar,
    environments: Vec<String>,
    value: Option<Sensitive>,
    vault_ids: &[VaultId],
) -> api::EnvVar {
    api::EnvVar {
        id: var.id.to_string(),
        vault_id: var.vault_id.to_string(),
        key: var.name.clone(),
        value,
        environments,
        git_branch: var.git_branch.clone(),
        sensitive: var.sensitive,
        comment: var.comment.clone(),
        version: var.version,
        created_by: var.created_by.to_string(),
        created_at: time::format(var.created_at),
        updated_at: time::format(var.updated_at),
        vault_ids: vault_ids.iter().map(ToString::to_string).collect(),
    }
}

/// Where a variable holds.
fn environments_of(var: &EnvVar) -> Vec<String> {
    var.values.iter().map(|v| v.environment.clone()).collect()
}

/// An event about a variable of a vault.
fn event(
    context: &RequestContext,
    caller: &Caller,
    vault: VaultId,
    (action, name): (&str, &str),
    details: Value,
) -> NewEvent {
    events::by_caller(context, caller, action, "env_var", name)
        .in_vault(vault)
        .with_details(details)
}

/// What a record says of a variable; never its value.
fn described(var: &EnvVar, environments: &[String]) -> Value {
    json!({
        "environments": environments,
        "git_branch": var.git_branch,
        "sensitive": var.sensitive,
        "version": var.version,
    })
}

/// A conflict in words.
fn in_the_way(error: StoreError) -> ServiceError {
    match error {
        StoreError::Conflict("taken") => ServiceError::Conflict(
            "the vault has a value for this key, branch and environment already; change that one"
                .to_owned(),
        ),
        StoreError::Conflict("version") => ServiceError::Conflict(
            "the variable has changed in the meantime; look at it again".to_owned(),
        ),
        StoreError::Conflict("full") => ServiceError::Conflict(format!(
            "a vault has at most {MAX_VARS} variables and {MAX_ENVIRONMENTS} environments of its own"
        )),
        other => other.into(),
    }
}

impl Services {
    /// Asks the gate about a variable in each of these environments; the first refusal is the answer.
    async fn admit_in<A: Action>(
        &self,
        context: &RequestContext,
        caller: &Caller,
        vault: VaultId,
        (environments, name): (&[String], &str),
    ) -> Result<Vec<(SecretPath, Grant<A>)>> {
        let mut grants = Vec::with_capacity(environments.len());
        for environment in environments {
            let path = path_of(environment, name)?;
            let grant = self.gate.admit(context, caller, vault, &path).await?;
            if grant.vault.is_system {
                return Err(UNKNOWN);
            }
            grants.push((path, grant));
        }
        Ok(grants)
    }

    /// That a vault has all of these environments.
    async fn environments_exist(&self, vault: VaultId, wanted: &[String]) -> Result<()> {
        if wanted.iter().all(|slug| BUILT_IN.contains(&slug.as_str())) {
            return Ok(());
        }
        let own = self.store.environments(vault).await?;
        for slug in wanted {
            let is_known =
                BUILT_IN.contains(&slug.as_str()) || own.iter().any(|known| known.slug == *slug);
            if !is_known {
                return Err(ServiceError::field(
                    "environments",
                    format!("the vault has no environment `{slug}`; create it first"),
                ));
            }
        }
        Ok(())
    }

    /// The variables of a vault that a URL names, by key or by id.
    async fn named(&self, vault: VaultId, key: &str) -> Result<Vec<EnvVar>> {
        if let Ok(id) = key.parse::<EnvVarId>() {
            let mut vars = self.store.env_vars(vault).await?;
            vars.retain(|var| var.id == id);
            return Ok(vars);
        }
        check_name(key)?;
        Ok(self.store.env_vars_named(vault, key).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_path_of_its_own() {
        for (name, path) in [
            ("A", "env/production/A"),
            ("_A", "env/production/_A"),
            ("A_", "env/production/A_/0"),
            ("_", "env/production/_/0"),
        ] {
            check_name(name).unwrap();
            assert_eq!(path_of("production", name).unwrap().as_str(), path);
        }
        let longest = "A".repeat(MAX_NAME_BYTES);
        let slug = "e".repeat(MAX_SLUG_BYTES);
        assert!(path_of(&slug, &longest).is_ok());
    }

    #[test]
    fn slips_are_refused() {
        for bad in ["", "a", "A-B", "A B", "Ä", &"A".repeat(257)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        for bad in ["", "Production", "-a", "a-", "a/b", "a_b", &"a".repeat(65)] {
            assert!(check_slug("slug", bad).is_err(), "{bad}");
        }
        assert!(check_environments(&[]).is_err());
        let twice = ["b".to_owned(), "a".to_owned(), "b".to_owned()];
        assert_eq!(check_environments(&twice).unwrap(), ["a", "b"]);
    }
}
