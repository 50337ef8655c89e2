//! What a plugin is attached to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::glob::PathGlob;
use crate::ids::{AgentId, VaultId};
use crate::path::SecretPath;
use crate::principal::Principal;

/// Which requests an attached plugin is asked about: those that fit in every way that is given. A list fits if one of its
/// entries does. A scope in which nothing is given is the whole organisation.
///
/// Vaults and paths are about secrets, and a plugin for which some are given is asked about nothing that is signed;
/// chains are about what is signed, and the other way round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttachmentScope {
    /// These vaults.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vaults: Vec<VaultId>,
    /// Paths that fit one of these patterns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// These agents, and no human.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<AgentId>,
    /// Agents that have all of these labels, and no human.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Chains with these names. What is signed for no chain in particular could be used on any, and fits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chains: Vec<String>,
}

/// A scope that is ready to be compared with requests.
#[derive(Debug, Clone)]
pub struct ScopeMatcher {
    scope: AttachmentScope,
    /// `None` for a pattern that is none: it fits everything, so that whoever broke it gains nothing.
    paths: Vec<Option<PathGlob>>,
}

/// Whether whoever asks has a label with this name and this value.
pub type Labels<'a> = &'a dyn Fn(&str, &str) -> bool;

impl ScopeMatcher {
    /// Takes a scope in.
    #[must_use]
    pub fn new(scope: AttachmentScope) -> Self {
        let paths = scope.paths.iter().map(|p| PathGlob::new(p).ok()).collect();
        Self { scope, paths }
    }

    /// Whether it has a place for an access to a secret.
    #[must_use]
    pub fn fits_access(
        &self,
        vault: VaultId,
        path: &SecretPath,
        principal: Principal,
        labels: Labels<'_>,
    ) -> bool {
        let AttachmentScope { vaults, chains, .. } = &self.scope;
        let fits_path =
            |glob: &Option<PathGlob>| glob.as_ref().is_none_or(|glob| glob.matches(path.as_str()));
        chains.is_empty()
            && (vaults.is_empty() || vaults.contains(&vault))
            && (self.paths.is_empty() || self.paths.iter().any(fits_path))
            && self.fits_principal(principal, labels)
    }

    /// Whether it has a place for something that is to be signed, for a chain with this name if for one in particular.
    #[must_use]
    pub fn fits_signature(
        &self,
        chain: Option<&str>,
        principal: Principal,
        labels: Labels<'_>,
    ) -> bool {
        let AttachmentScope {
            vaults,
            paths,
            chains,
            ..
        } = &self.scope;
        vaults.is_empty()
            && paths.is_empty()
            && (chains.is_empty() || chain.is_none_or(|name| chains.iter().any(|c| c == name)))
            && self.fits_principal(principal, labels)
    }

    fn fits_principal(&self, principal: Principal, labels: Labels<'_>) -> bool {
        let AttachmentScope {
            agents,
            labels: wanted,
            ..
        } = &self.scope;
        let fits_agent = match principal {
            Principal::Agent(id) => agents.is_empty() || agents.contains(&id),
            Principal::User(_) => agents.is_empty() && wanted.is_empty(),
        };
        fits_agent && wanted.iter().all(|(key, value)| labels(key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VAULT: &str = "0190a0b0-0000-7000-8000-000000000001";
    const AGENT: &str = "agent:0190a0b0-0000-7000-8000-000000000002";
    const HUMAN: &str = "user:0190a0b0-0000-7000-8000-000000000003";

    fn scope(json: &str) -> ScopeMatcher {
        ScopeMatcher::new(serde_json::from_str(json).unwrap())
    }

    fn labels(key: &str, value: &str) -> bool {
        (key, value) == ("team", "treasury")
    }

    fn reads(scope: &ScopeMatcher, path: &str, principal: &str) -> bool {
        scope.fits_access(
            VAULT.parse().unwrap(),
            &path.parse().unwrap(),
            principal.parse().unwrap(),
            &labels,
        )
    }

    fn signs(scope: &ScopeMatcher, chain: Option<&str>) -> bool {
        scope.fits_signature(chain, AGENT.parse().unwrap(), &labels)
    }

    #[test]
    fn what_is_not_given_fits_everything() {
        let everything = scope("{}");
        assert!(reads(&everything, "a/b", AGENT) && reads(&everything, "a", HUMAN));
        assert!(signs(&everything, None) && signs(&everything, Some("base")));
    }

    #[test]
    fn everything_that_is_given_has_to_fit() {
        let narrow = scope(&format!(
            r#"{{"vaults":["{VAULT}"],"paths":["prod/**","x"],"labels":{{"team":"treasury"}}}}"#
        ));
        assert!(reads(&narrow, "prod/db", AGENT) && reads(&narrow, "x", AGENT));
        assert!(!reads(&narrow, "dev/db", AGENT));
        assert!(!reads(&narrow, "prod/db", HUMAN), "a human has no labels");
        assert!(!reads(
            &scope(r#"{"labels":{"team":"support"}}"#),
            "x",
            AGENT
        ));
        assert!(!reads(
            &scope(&format!(
                r#"{{"vaults":["{}"]}}"#,
                VAULT.replace("01", "09")
            )),
            "x",
            AGENT
        ));
    }

    #[test]
    fn secrets_and_signatures_are_told_apart() {
        assert!(!reads(&scope(r#"{"chains":["base"]}"#), "x", AGENT));
        assert!(!signs(&scope(r#"{"paths":["**"]}"#), Some("base")));
        let base = scope(r#"{"chains":["base"]}"#);
        assert!(signs(&base, Some("base")) && !signs(&base, Some("ethereum")));
        assert!(signs(&base, None), "it could be used on any chain");
    }

    #[test]
    fn a_slip_in_a_scope_is_no_wider_scope() {
        assert!(serde_json::from_str::<AttachmentScope>(r#"{"agent":["x"]}"#).is_err());
    }
}
