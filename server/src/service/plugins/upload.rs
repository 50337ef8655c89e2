//! `POST /v1/plugins`: a component is looked at, compiled, asked what it is, and tried with its own cases, all of it in its
//! cage and off the path of requests; then it is stored.

use std::time::Duration;

use oneclaw_core::api::{
    PluginVersion as VersionBody, RESERVED_PLUGIN_NAMES, UploadPluginQuery, plugin_signing_text,
};
use oneclaw_core::ids::{PluginId, PluginVersionId, PublisherId};
use oneclaw_core::path::excerpt;
use oneclaw_crypto::{publisher, random};
use oneclaw_policy_host::{Engine, Manifest, World};
use oneclaw_store::{NewVersion, PluginVersion, StoreError, Uploaded};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::wire;
use crate::service::caller::{Caller, RequestContext};
use crate::service::error::{Result, ServiceError};
use crate::service::events::{self, EventExt};
use crate::service::{Services, check};

/// How long the cases of a component may take together.
const CASES_TIME: Duration = Duration::from_secs(5);

/// What a component turned out to be.
struct Examined {
    manifest: Manifest,
    worlds: Vec<String>,
    cases: u64,
}

impl Services {
    /// Takes a component in. The very bytes again are the version that is there; then the flag is false.
    ///
    /// # Errors
    /// Says what is wrong with the component; [`ServiceError::Conflict`] for a version that is there with other bytes, a
    /// plugin that is retired, or one that decides on more than before without consent; [`ServiceError::Forbidden`] for
    /// everybody but owners and admins.
    pub async fn upload_plugin(
        &self,
        context: &RequestContext,
        caller: &Caller,
        query: &UploadPluginQuery,
        bytes: Vec<u8>,
    ) -> Result<(VersionBody, bool)> {
        self.plugin_administrator(caller)?;
        let org = caller.org();
        if bytes.is_empty() {
            return Err(ServiceError::field("body", "must be a component"));
        }
        let digest = hex::encode(Sha256::digest(&bytes));
        if let Some(known) = self.store.plugin_by_digest(org, &digest).await? {
            claimed("name", query.name.as_deref(), &known.plugin)?;
            claimed("version", query.version.as_deref(), &known.version)?;
            return Ok((wire::version(known), false));
        }
        let signed_by = self.signature(caller, query, &digest).await?;

        let (examined, bytes) = self
            .plugins
            .on_the_bench(org, move |engine| (examine(engine, &bytes), bytes))
            .await?;
        let Examined {
            manifest,
            worlds,
            cases,
        } = examined?;
        claimed("name", query.name.as_deref(), &manifest.name)?;
        claimed("version", query.version.as_deref(), &manifest.version)?;
        if RESERVED_PLUGIN_NAMES.contains(&manifest.name.as_str()) {
            return Err(ServiceError::Conflict(format!(
                "the name `{}` is the server's; give the plugin another one",
                manifest.name
            )));
        }
        self.consented(caller, query, &manifest.name, &worlds)
            .await?;

        let (publisher_id, signature) = signed_by.unzip();
        let version = PluginVersion {
            id: PluginVersionId::from_uuid(random::new_id()),
            plugin_id: PluginId::from_uuid(random::new_id()),
            org_id: org,
            plugin: manifest.name,
            version: manifest.version,
            digest,
            size: bytes.len() as u64,
            summary: manifest.summary,
            settings_schema: manifest.settings_schema,
            worlds,
            cases,
            publisher_id,
            signature,
            created_by: caller.principal(),
            created_at: context.at,
            yanked_at: None,
        };
        let event = events::by_caller(context, caller, "plugin.upload", "plugin", version.id)
            .with_details(json!({
                "plugin": version.plugin, "version": version.version, "digest": version.digest,
                "size": version.size, "worlds": version.worlds, "cases": version.cases,
                "publisher": version.publisher_id.map(|id| id.to_string()),
                "consent": query.consent.unwrap_or(false),
            }));
        let (name, number) = (version.plugin.clone(), version.version.clone());
        let new = NewVersion {
            version,
            bytes: &bytes,
        };
        match self.store.upload_plugin(new, event).await {
            Ok(Uploaded::New(version)) => Ok((wire::version(*version), true)),
            Ok(Uploaded::Known(version)) => Ok((wire::version(*version), false)),
            Err(StoreError::Conflict("version")) => Err(ServiceError::Conflict(format!(
                "there is a version {number} of `{name}` with other bytes already, and a version never changes; raise the \
                 version in its manifest"
            ))),
            Err(StoreError::Conflict("retired")) => {
                Err(ServiceError::Conflict(format!("`{name}` is retired")))
            }
            Err(StoreError::Conflict("versions" | "bytes")) => Err(ServiceError::Conflict(
                "the organisation has as many plugins as it may".to_owned(),
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// The signature that came along, checked.
    async fn signature(
        &self,
        caller: &Caller,
        query: &UploadPluginQuery,
        digest: &str,
    ) -> Result<Option<(PublisherId, Vec<u8>)>> {
        let (publisher, signature) = match (&query.publisher, &query.signature) {
            (None, None) => {
                if self
                    .store
                    .plugin_rules(caller.org())
                    .await?
                    .signatures_required
                {
                    return Err(ServiceError::field(
                        "signature",
                        "plugins of this organisation must be signed by one of its publishers",
                    ));
                }
                return Ok(None);
            }
            (Some(publisher), Some(signature)) => (publisher, signature),
            (Some(_), None) => return Err(ServiceError::field("signature", "is missing")),
            (None, Some(_)) => return Err(ServiceError::field("publisher", "is missing")),
        };
        let id: PublisherId = publisher
            .parse()
            .map_err(|error| ServiceError::field("publisher", error))?;
        let known = self.store.publishers(caller.org()).await?;
        let known = known
            .into_iter()
            .find(|known| known.id == id && known.revoked_at.is_none())
            .ok_or_else(|| {
                ServiceError::field(
                    "publisher",
                    "is no publisher of this organisation that counts",
                )
            })?;
        let signature = wire::base64(signature)
            .ok_or_else(|| ServiceError::field("signature", "must be 64 bytes in base64url"))?;
        let text = plugin_signing_text(digest);
        if !publisher::verify(&known.public_key, text.as_bytes(), &signature) {
            return Err(ServiceError::field(
                "signature",
                format!("is not this publisher's over `{text}`"),
            ));
        }
        Ok(Some((id, signature)))
    }

    /// Whether a version decides on nothing that the version before it did not, or somebody consents.
    async fn consented(
        &self,
        caller: &Caller,
        query: &UploadPluginQuery,
        name: &str,
        worlds: &[String],
    ) -> Result<()> {
        if query.consent == Some(true) {
            return Ok(());
        }
        let versions = self.store.plugin_versions(caller.org()).await?;
        let Some(last) = versions.iter().find(|version| version.plugin == name) else {
            return Ok(());
        };
        match worlds.iter().find(|world| !last.worlds.contains(world)) {
            None => Ok(()),
            Some(world) => Err(ServiceError::Conflict(format!(
                "consent is needed: this version of `{name}` also decides in the world `{world}`, which {} does not; send \
                 `consent=true` if that is meant",
                last.version
            ))),
        }
    }
}

fn claimed(field: &str, claim: Option<&str>, said: &str) -> Result<()> {
    match claim {
        Some(claim) if claim != said => Err(ServiceError::field(
            field,
            format!("is `{}`, but the component says `{said}`", excerpt(claim)),
        )),
        _ => Ok(()),
    }
}

/// On the bench.
fn examine(engine: &Engine, bytes: &[u8]) -> Result<Examined> {
    let wrong = |error: &dyn std::fmt::Display| ServiceError::field("body", error);
    let plugin = engine.load_aside(bytes).map_err(|e| wrong(&e))?;
    let manifest = plugin.manifest().clone();
    if let Ok(schema) = serde_json::from_str(&manifest.settings_schema) {
        check::document("settings_schema", &schema).map_err(|e| wrong(&e))?;
    }
    let cases = engine.examine(&plugin, CASES_TIME).map_err(|e| wrong(&e))?;
    Ok(Examined {
        worlds: [World::AccessPolicy, World::TransactionGuardrail]
            .into_iter()
            .filter(|world| plugin.worlds().include(*world))
            .map(|world| wire::world(world).to_owned())
            .collect(),
        manifest,
        cases: cases as u64,
    })
}
