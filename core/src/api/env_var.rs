//! Environment variables of vaults, and those that an organisation links to several.

use std::collections::BTreeMap;

use super::{Patch, Sensitive, body, patch, secret_body};

secret_body! {
    /// `POST /v1/vaults/{vault_id}/env-vars` and `POST /v1/org/env-vars`
    pub struct CreateEnvVarRequest {
        /// 1 to 256 of `A-Z`, `0-9` and `_`.
        pub key: String,
        /// At most 32 KiB.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub value: Sensitive,
        /// Absent: `production`, `preview` and `development`.
        #[serde(default)]
        pub environments: Option<Vec<String>>,
        /// Holds for this branch alone.
        #[serde(default)]
        pub git_branch: Option<String>,
        /// Listings do not show the value.
        #[serde(default)]
        pub sensitive: Option<bool>,
        /// For display.
        #[serde(default)]
        pub comment: Option<String>,
        /// Vaults that it is linked to from the start; for variables of the organisation alone.
        #[serde(default)]
        pub vault_ids: Option<Vec<String>>,
    }
}

secret_body! {
    /// `PATCH /v1/vaults/{vault_id}/env-vars/{key}`
    #[derive(Default)]
    pub struct UpdateEnvVarRequest {
        /// A new value.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        pub value: Option<Sensitive>,
        /// All environments that it is to hold in.
        #[serde(default)]
        pub environments: Option<Vec<String>>,
        /// Whether listings leave the value out.
        #[serde(default)]
        pub sensitive: Option<bool>,
        /// `null` clears it.
        #[serde(default, deserialize_with = "patch")]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        pub comment: Patch<String>,
    }
}

secret_body! {
    /// An environment variable.
    pub struct EnvVar {
        /// Its id.
        pub id: String,
        /// The vault that it lies in.
        pub vault_id: String,
        /// Its name.
        pub key: String,
        /// Absent in listings if the variable is sensitive.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        pub value: Option<Sensitive>,
        /// Where it holds, as far as the caller may read there.
        pub environments: Vec<String>,
        /// The branch that it holds for alone.
        pub git_branch: Option<String>,
        /// Whether listings leave the value out.
        pub sensitive: bool,
        /// For display.
        pub comment: Option<String>,
        /// 1, 2, 3, …
        pub version: i64,
        /// `user:<uuid>` or `agent:<uuid>`
        pub created_by: String,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339.
        pub updated_at: String,
        /// The vaults that a variable of the organisation is linked to; empty for others.
        pub vault_ids: Vec<String>,
    }
}

secret_body! {
    /// Environment variables.
    pub struct EnvVarList {
        /// By name, then branch.
        pub env_vars: Vec<EnvVar>,
    }
}

secret_body! {
    /// What holds in one environment, for one branch if one was named.
    pub struct ResolvedEnvVars {
        /// Values by name.
        #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
        pub vars: BTreeMap<String, Sensitive>,
        /// The same once more, for clients that read this name.
        #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
        pub variables: BTreeMap<String, Sensitive>,
        /// Where each came from: `branch`, `vault` or `shared`.
        pub sources: BTreeMap<String, String>,
        /// The environment.
        pub environment: String,
        /// The branch, if one was named.
        pub git_branch: Option<String>,
        /// RFC 3339.
        pub resolved_at: String,
    }
}

body! {
    /// `POST /v1/vaults/{vault_id}/environments`
    pub struct CreateEnvironmentRequest {
        /// 1 to 64 of `a-z`, `0-9` and `-`.
        pub slug: String,
        /// For display.
        #[serde(default)]
        pub description: Option<String>,
        /// An environment whose variables the new one begins with.
        #[serde(default)]
        pub copy_from: Option<String>,
    }
}

body! {
    /// An environment of a vault.
    pub struct Environment {
        /// Its id; of one that every vault has, its name.
        pub id: String,
        /// Its name.
        pub slug: String,
        /// For display.
        pub description: Option<String>,
        /// Whether every vault has it.
        pub is_builtin: bool,
        /// The environment that its variables were copied from.
        pub copied_from: Option<String>,
        /// Whether it was copied and does not follow what it was copied from: always so for copies.
        pub is_detached: bool,
        /// RFC 3339.
        pub created_at: String,
    }
}

body! {
    /// The environments of a vault.
    pub struct EnvironmentList {
        /// Those that every vault has, then the vault's own, by name.
        pub environments: Vec<Environment>,
    }
}

body! {
    /// `POST /v1/org/env-vars/{key}/link` and `…/unlink`
    pub struct LinkEnvVarRequest {
        /// The vault in which the variable is to hold.
        pub vault_id: String,
    }
}
