//! Plugins of an organisation: taken in and tried, signed, attached, rolled back. What they decide is asked by the gate.

mod attachments;
mod promotion;
mod publishers;
mod registry;
mod runtime;
mod settings;
mod shown;
mod states;
mod upload;
mod wire;

pub(in crate::service) use promotion::AttachmentDraft;
pub use runtime::{CatchUp, PluginRuntime};
pub(in crate::service) use wire::world_of;

use super::Services;
use super::caller::Caller;
use super::error::{Result, ServiceError};

const UNKNOWN_PLUGIN: ServiceError = ServiceError::NotFound("no such plugin");
const UNKNOWN_VERSION: ServiceError = ServiceError::NotFound("no such version of this plugin");
const UNKNOWN_ATTACHMENT: ServiceError = ServiceError::NotFound("no such attachment");
const UNKNOWN_PUBLISHER: ServiceError = ServiceError::NotFound("no such publisher");

impl Services {
    /// Makes ready what was uploaded to other nodes, so that no decision has to wait for it.
    pub async fn catch_up_on_plugins(&self, progress: &mut CatchUp) {
        if let Err(error) = self.plugins.catch_up(self.clock.now(), progress).await {
            tracing::warn!(%error, "plugins uploaded elsewhere were not made ready; the next round tries again");
        }
    }

    /// Whoever may say what decides: owners and admins.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for everybody else.
    pub fn plugin_administrator(&self, caller: &Caller) -> Result<()> {
        caller.human()?;
        if caller.is_admin() {
            return Ok(());
        }
        Err(ServiceError::Forbidden(
            "only owners and admins of the organisation may see and change plugins".to_owned(),
        ))
    }
}
