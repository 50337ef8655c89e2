//! What was uploaded.

use oneclaw_core::api::{Plugin, PluginList, PluginVersion as VersionBody, YankPluginRequest};
use oneclaw_store::{PluginRecord, PluginVersion, StoreError};
use serde_json::json;

use super::{UNKNOWN_PLUGIN, UNKNOWN_VERSION, wire};
use crate::service::caller::{Caller, RequestContext};
use crate::service::error::{Result, ServiceError};
use crate::service::events::{self, EventExt};
use crate::service::{Services, check, time};

impl Services {
    /// `GET /v1/plugins`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for everybody but owners and admins.
    pub async fn list_plugins(&self, caller: &Caller) -> Result<PluginList> {
        self.plugin_administrator(caller)?;
        let plugins = self.store.plugins(caller.org()).await?;
        let mut versions = self.store.plugin_versions(caller.org()).await?;
        Ok(PluginList {
            plugins: plugins
                .into_iter()
                .map(|plugin| {
                    let (own, others) = std::mem::take(&mut versions)
                        .into_iter()
                        .partition(|version| version.plugin_id == plugin.id);
                    versions = others;
                    body(plugin, own)
                })
                .collect(),
        })
    }

    /// `GET /v1/plugins/{name}`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Forbidden`].
    pub async fn show_plugin(&self, caller: &Caller, name: &str) -> Result<Plugin> {
        self.plugin_administrator(caller)?;
        let plugin = self.store.plugin(caller.org(), name).await?;
        let plugin = plugin.ok_or(UNKNOWN_PLUGIN)?;
        let mut versions = self.store.plugin_versions(caller.org()).await?;
        versions.retain(|version| version.plugin_id == plugin.id);
        Ok(body(plugin, versions))
    }

    /// `GET /v1/plugins/{name}/versions/{version}`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Forbidden`].
    pub async fn show_plugin_version(
        &self,
        caller: &Caller,
        name: &str,
        version: &str,
    ) -> Result<VersionBody> {
        Ok(wire::version(
            self.known_version(caller, name, version).await?,
        ))
    }

    /// `GET /v1/plugins/{name}/versions/{version}/component`: the bytes that were uploaded.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Forbidden`].
    pub async fn plugin_component(
        &self,
        caller: &Caller,
        name: &str,
        version: &str,
    ) -> Result<Vec<u8>> {
        let version = self.known_version(caller, name, version).await?;
        self.store
            .plugin_component(caller.org(), &version.digest)
            .await?
            .ok_or(UNKNOWN_VERSION)
    }

    /// `POST /v1/plugins/{name}/versions/{version}/yank`: attached nowhere anew. Where it decides it goes on.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Conflict`] if it is yanked already; [`ServiceError::Forbidden`].
    pub async fn yank_plugin_version(
        &self,
        context: &RequestContext,
        caller: &Caller,
        name: &str,
        version: &str,
        request: YankPluginRequest,
    ) -> Result<VersionBody> {
        let reason = request.reason.unwrap_or_default();
        let reason = check::description("reason", &reason)?;
        let mut version = self.known_version(caller, name, version).await?;
        let event = events::by_caller(context, caller, "plugin.yank", "plugin", version.id)
            .with_details(json!({
                "plugin": version.plugin, "version": version.version, "digest": version.digest, "reason": reason,
            }));
        let yanked = self
            .store
            .yank_plugin_version(caller.org(), version.id, context.at, event)
            .await;
        match yanked {
            Err(StoreError::NotFound) => Err(ServiceError::Conflict(
                "this version is yanked already".to_owned(),
            )),
            other => {
                other?;
                version.yanked_at = Some(context.at);
                Ok(wire::version(version))
            }
        }
    }

    /// `DELETE /v1/plugins/{name}`: takes no new version and is attached nowhere any more. What it decided can still be
    /// looked up.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Conflict`] while it is attached; [`ServiceError::Forbidden`].
    pub async fn retire_plugin(
        &self,
        context: &RequestContext,
        caller: &Caller,
        name: &str,
    ) -> Result<()> {
        self.plugin_administrator(caller)?;
        let plugin = self.store.plugin(caller.org(), name).await?;
        let plugin = plugin.ok_or(UNKNOWN_PLUGIN)?;
        let event = events::by_caller(context, caller, "plugin.retire", "plugin", plugin.id)
            .with_details(json!({"plugin": plugin.name}));
        let retired = self
            .store
            .retire_plugin(caller.org(), plugin.id, context.at, event)
            .await;
        match retired {
            Err(StoreError::Conflict("attached")) => Err(ServiceError::Conflict(
                "the plugin is attached; detach it first".to_owned(),
            )),
            Err(StoreError::NotFound) => {
                Err(ServiceError::Conflict("it is retired already".to_owned()))
            }
            other => Ok(other?),
        }
    }

    pub(super) async fn known_version(
        &self,
        caller: &Caller,
        name: &str,
        version: &str,
    ) -> Result<PluginVersion> {
        self.plugin_administrator(caller)?;
        self.store
            .plugin_version(caller.org(), name, version)
            .await?
            .ok_or(UNKNOWN_VERSION)
    }
}

fn body(plugin: PluginRecord, versions: Vec<PluginVersion>) -> Plugin {
    Plugin {
        id: plugin.id.to_string(),
        name: plugin.name,
        versions: versions.into_iter().map(wire::version).collect(),
        created_at: time::format(plugin.created_at),
        retired_at: time::format_option(plugin.retired_at),
    }
}
