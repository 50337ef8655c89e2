//! A component that was taken in.

use std::fmt;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use wasmtime::component::{Component, InstancePre};

use crate::artefacts;
use crate::audit::audit;
use crate::bindings::access::oneclaw::policy::types as wit;
use crate::cage::{self, Budget, Cage};
use crate::catch;
use crate::engine::Shared;
use crate::error::LoadError;
use crate::failure::Failure;
use crate::ready::Ready;
use crate::world::Worlds;

/// Most bytes of a name or a version in a manifest.
const MAX_WORD_BYTES: usize = 64;
/// Most bytes of a manifest's summary.
const MAX_SUMMARY_BYTES: usize = 512;

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Lower-case words joined by hyphens, for example `office-hours`.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// JSON Schema (2020-12) of the settings.
    pub settings_schema: String,
}

/// Which plugin answered: enough to find the very bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PluginIdentity {
    /// The name in its manifest.
    pub name: String,
    /// The version in its manifest.
    pub version: String,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: String,
}

/// A component that passed every check and is compiled. Belongs to no organisation; see [`crate::Configured`].
pub struct Plugin {
    pub(crate) identity: Arc<PluginIdentity>,
    manifest: Manifest,
    /// The component itself, from which snapshots are made.
    pub(crate) bytes: Box<[u8]>,
    pub(crate) ready: Ready,
    /// The component with the means to read its memory, compiled when the first snapshot is made.
    pub(crate) instrumented: OnceLock<Ready>,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("identity", &self.identity)
            .field("worlds", &self.worlds())
            .finish_non_exhaustive()
    }
}

impl Plugin {
    /// SHA-256 of the component, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.identity.digest
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Name, version and digest.
    #[must_use]
    pub fn identity(&self) -> &PluginIdentity {
        &self.identity
    }

    /// The component itself.
    #[must_use]
    pub fn component(&self) -> &[u8] {
        &self.bytes
    }

    /// What it can decide on.
    #[must_use]
    pub fn worlds(&self) -> Worlds {
        self.ready.worlds()
    }

    pub(crate) fn load(
        shared: &Shared,
        bytes: &[u8],
        threads: Threads,
    ) -> Result<Arc<Self>, LoadError> {
        let size = bytes.len() as u64;
        let limit = shared.limits.component_bytes();
        if size > limit {
            return Err(LoadError::TooLarge { bytes: size, limit });
        }
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        if let Some(plugin) = shared.known_plugin(&digest) {
            return Ok(plugin);
        }
        catch::panics(|| audit(bytes)).map_err(LoadError::Invalid)??;
        let digest_text = hex::encode(digest);
        let compiled = catch::panics(|| compile(shared, &digest_text, bytes, threads));
        let component = compiled.map_err(LoadError::Compile)??;

        let pre = shared.serving.linker.instantiate_pre(&component);
        let pre = pre.map_err(|error| LoadError::Compile(format!("{error:#}")))?;
        let ready =
            Ready::new(pre.clone()).map_err(|error| LoadError::World(format!("{error:#}")))?;
        let manifest = describe(shared, &pre)?;
        let plugin = Arc::new(Self {
            identity: Arc::new(PluginIdentity {
                name: manifest.name.clone(),
                version: manifest.version.clone(),
                digest: digest_text,
            }),
            manifest,
            bytes: bytes.into(),
            ready,
            instrumented: OnceLock::new(),
        });
        shared.remember_plugin(digest, &plugin);
        Ok(plugin)
    }
}

/// How many processors compiling may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// All there are.
    All,
    /// The caller's.
    One,
}

fn compile(
    shared: &Shared,
    digest: &str,
    bytes: &[u8],
    threads: Threads,
) -> Result<Component, LoadError> {
    let (kept, serving) = (shared.artefacts.as_ref(), &shared.serving.engine);
    match threads {
        Threads::All => artefacts::compile(kept, serving, digest, bytes),
        Threads::One => {
            artefacts::compile_aside(kept, &shared.workshop.engine, serving, digest, bytes)
        }
    }
    .map_err(|error| LoadError::Compile(format!("{error:#}")))
}

fn describe(shared: &Shared, pre: &InstancePre<Cage>) -> Result<Manifest, LoadError> {
    let budget = Budget::configure(&shared.limits);
    let mut store = cage::store(&shared.serving.engine, &shared.limits, budget)
        .map_err(|error| LoadError::Compile(format!("{error:#}")))?;
    // Both worlds have this function.
    let answer = pre.instantiate(&mut store).and_then(|instance| {
        let describe = instance.get_typed_func::<(), (wit::Manifest,)>(&mut store, "describe")?;
        Ok(describe.call(&mut store, ())?.0)
    });
    let manifest =
        answer.map_err(|error| LoadError::Describe(Failure::of(&error, store.data())))?;
    checked(Manifest {
        name: manifest.name,
        version: manifest.version,
        summary: manifest.summary,
        settings_schema: manifest.settings_schema,
    })
}

fn checked(manifest: Manifest) -> Result<Manifest, LoadError> {
    let wrong = |what: &str, text: &str, rule: &str| {
        let text = oneclaw_core::path::excerpt(text);
        Err(LoadError::Manifest(format!("{what} `{text}` {rule}")))
    };
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    if manifest.name.len() > MAX_WORD_BYTES || !manifest.name.split('-').all(is_word) {
        return wrong(
            "name",
            &manifest.name,
            "is not made of lower-case words joined by hyphens",
        );
    }
    if !is_version(&manifest.version) {
        return wrong(
            "version",
            &manifest.version,
            "is not a semantic version, such as `1.0.0`",
        );
    }
    let summary = &manifest.summary;
    if summary.len() > MAX_SUMMARY_BYTES || summary.chars().any(char::is_control) {
        return wrong("summary", summary, "is not one line of at most 512 bytes");
    }
    match serde_json::from_str::<serde_json::Value>(&manifest.settings_schema) {
        Ok(serde_json::Value::Object(_) | serde_json::Value::Bool(_)) => Ok(manifest),
        _ => wrong(
            "settings schema",
            &manifest.settings_schema,
            "is not a JSON Schema",
        ),
    }
}

/// `MAJOR.MINOR.PATCH`, then what a version may carry behind `-` or `+` (semver.org).
fn is_version(version: &str) -> bool {
    let (core, rest) = version
        .find(['-', '+'])
        .and_then(|at| version.split_at_checked(at))
        .unwrap_or((version, ""));
    let numbers: Vec<&str> = core.split('.').collect();
    version.len() <= MAX_WORD_BYTES
        && numbers.len() == 3
        && numbers.iter().all(|n| {
            n.parse::<u64>()
                .is_ok_and(|parsed| parsed.to_string() == *n)
        })
        && rest
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.'))
        && rest.len() != 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(name: &str, version: &str, schema: &str) -> Result<Manifest, LoadError> {
        checked(Manifest {
            name: name.to_owned(),
            version: version.to_owned(),
            summary: "Does nothing.".to_owned(),
            settings_schema: schema.to_owned(),
        })
    }

    #[test]
    fn a_manifest_must_be_usable() {
        assert!(manifest("office-hours", "1.0.0-rc.1+5", "{}").is_ok());
        for name in [
            "",
            "Office",
            "office--hours",
            "-x",
            "office hours",
            "o\n",
            &"x".repeat(65),
        ] {
            assert!(manifest(name, "1.0.0", "{}").is_err(), "{name}");
        }
        for version in [
            "", "1", "1.0", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0-ä", "v1.0.0",
        ] {
            assert!(manifest("x", version, "{}").is_err(), "{version}");
        }
        for schema in ["", "[]", "{", "1"] {
            assert!(manifest("x", "1.0.0", schema).is_err(), "{schema}");
        }
    }
}
