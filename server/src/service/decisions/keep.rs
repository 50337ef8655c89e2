//! What is kept so that decisions can be made again, and for how long.

use oneclaw_core::ids::OrgId;
use oneclaw_policy_host::Plugin;
use oneclaw_store::Component;

use crate::service::Services;
use crate::service::error::Result;

/// A day, in seconds.
const DAY: i64 = 24 * 60 * 60;

impl Services {
    /// Keeps the components that decide on this server, so that what they decide can be decided again after the next
    /// version has taken their place.
    ///
    /// # Errors
    /// What the database says.
    pub async fn keep_components(&self) -> Result<()> {
        for plugin in self.gate.plugins() {
            let component = component(plugin);
            self.store
                .keep_component(&component, self.clock.now())
                .await?;
        }
        Ok(())
    }

    /// Removes the records that are older than the settings say.
    ///
    /// # Errors
    /// What the database says.
    pub async fn purge_decisions(&self) -> Result<u64> {
        let days = i64::from(self.config.decisions.retention_days);
        let cutoff = self.clock.now().plus_seconds(-days.saturating_mul(DAY));
        self.store.purge_replays(cutoff).await?;
        Ok(self.store.purge_decisions(cutoff).await?)
    }

    /// The bytes of a component that decides or decided for an organisation, by their digest.
    ///
    /// # Errors
    /// What the database says.
    pub(in crate::service) async fn component_bytes(
        &self,
        org: OrgId,
        digest: &str,
    ) -> Result<Option<Vec<u8>>> {
        if let Some(plugin) = self.gate.plugins().find(|p| p.digest() == digest) {
            return Ok(Some(plugin.component().to_vec()));
        }
        if let Some(kept) = self.store.component(digest).await? {
            return Ok(Some(kept.bytes));
        }
        Ok(self.store.plugin_component(org, digest).await?)
    }
}

fn component(plugin: &Plugin) -> Component {
    Component {
        digest: plugin.digest().to_owned(),
        name: plugin.manifest().name.clone(),
        version: plugin.manifest().version.clone(),
        bytes: plugin.component().to_vec(),
    }
}
