//! Records of decisions: what was asked, who answered with which settings, and what came of it. A record has the id of its
//! audit event and is stored with it, in one transaction of the database.

mod append;
mod components;
mod pack;
mod purge;
mod read;

use std::sync::Arc;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{EventId, OrgId, VaultId};
use oneclaw_core::principal::Principal;
use sha2::{Digest, Sha256};

pub(crate) use self::append::{Bases, append};
pub use self::components::Component;
pub(crate) use self::pack::{pack, unpack};
pub use self::read::DecisionFilter;

/// What many decisions share: the plugins that decided, and their settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionBasis {
    digest: [u8; 32],
    body: String,
    settings: Vec<(Arc<str>, Arc<str>)>,
}

impl DecisionBasis {
    /// From a description of the plugins as JSON, and the settings by their digests.
    #[must_use]
    pub fn new(body: String, settings: Vec<(Arc<str>, Arc<str>)>) -> Self {
        Self {
            digest: Sha256::digest(&body).into(),
            body,
            settings,
        }
    }

    /// The description.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }
}

/// A decision about to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDecision {
    /// What kind of plugin decides on it, for example `access-policy`.
    pub world: &'static str,
    /// What held: `allow`, `deny` or `require-approval`.
    pub verdict: &'static str,
    /// A stable word for why.
    pub code: String,
    /// On whose account.
    pub principal: Principal,
    /// The vault it is about.
    pub vault_id: Option<VaultId>,
    /// The path in it.
    pub path: Option<String>,
    /// Who decided.
    pub basis: Arc<DecisionBasis>,
    body: Vec<u8>,
}

impl NewDecision {
    /// With the request and the answers as JSON.
    #[must_use]
    pub fn new(
        (world, verdict): (&'static str, &'static str),
        code: &str,
        principal: Principal,
        basis: DecisionBasis,
        body: &str,
    ) -> Self {
        Self {
            world,
            verdict,
            code: code.to_owned(),
            principal,
            vault_id: None,
            path: None,
            basis: Arc::new(basis),
            body: pack(body),
        }
    }

    /// Names the place that it is about.
    #[must_use]
    pub fn at(mut self, vault: VaultId, path: Option<String>) -> Self {
        self.vault_id = Some(vault);
        self.path = path;
        self
    }

    /// The same request and answers, refused in the end for a reason of the gate's. What the plugins had refused or wanted
    /// approved stays as it was.
    #[must_use]
    pub fn refused(&self, code: &str) -> Self {
        if self.verdict != "allow" {
            return self.clone();
        }
        Self {
            verdict: "deny",
            code: code.to_owned(),
            ..self.clone()
        }
    }

    /// SHA-256 of the record as it is stored, by which its audit event vouches for it.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        record_digest(
            [self.world, self.verdict, &self.code],
            (self.principal, self.vault_id, self.path.as_deref()),
            [&self.basis.digest, &self.body],
        )
    }
}

/// Every part with its length before it, so that no two records have the same bytes.
fn record_digest(
    words: [&str; 3],
    (principal, vault, path): (Principal, Option<VaultId>, Option<&str>),
    blobs: [&[u8]; 2],
) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"oneclaw/decision-record/1\0");
    let mut put = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    for word in words {
        put(word.as_bytes());
    }
    put(principal.to_string().as_bytes());
    for place in [vault.map(|id| id.to_string()), path.map(str::to_owned)] {
        match place {
            Some(place) => {
                put(&[1]);
                put(place.as_bytes());
            }
            None => put(&[0]),
        }
    }
    for blob in blobs {
        put(blob);
    }
    hash.finalize().into()
}

/// A decision that was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The id of its audit event.
    pub id: EventId,
    /// The organisation.
    pub org_id: OrgId,
    /// When it was decided.
    pub at: Timestamp,
    /// See [`NewDecision::world`].
    pub world: String,
    /// See [`NewDecision::verdict`].
    pub verdict: String,
    /// See [`NewDecision::code`].
    pub code: String,
    /// On whose account.
    pub principal: Principal,
    /// The vault it is about.
    pub vault_id: Option<VaultId>,
    /// The path in it.
    pub path: Option<String>,
    /// The plugins, as JSON.
    pub basis: String,
    /// Request and answers, as JSON.
    pub body: String,
    /// See [`NewDecision::digest`].
    pub digest: [u8; 32],
}
