//! The keys with which an organisation's plugins are signed, and whether they must be.

use oneclaw_core::api::{CreatePublisherRequest, PluginSettings, Publisher as Body, PublisherList};
use oneclaw_core::ids::PublisherId;
use oneclaw_crypto::{http_signature, random};
use oneclaw_store::{PluginRules, Publisher, StoreError};
use serde_json::json;

use super::{UNKNOWN_PUBLISHER, wire};
use crate::service::caller::{Caller, RequestContext};
use crate::service::error::{Result, ServiceError};
use crate::service::events::{self, EventExt};
use crate::service::{Services, check};

impl Services {
    /// `POST /v1/plugins/publishers`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Conflict`] for a key that is known; [`ServiceError::Forbidden`].
    pub async fn create_publisher(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: CreatePublisherRequest,
    ) -> Result<Body> {
        self.plugin_administrator(caller)?;
        let public_key = http_signature::parse_public_key(&request.public_key)
            .map_err(|error| ServiceError::field("public_key", error))?;
        let publisher = Publisher {
            id: PublisherId::from_uuid(random::new_id()),
            org_id: caller.org(),
            name: check::name("name", &request.name)?,
            public_key: public_key.to_vec(),
            created_by: caller.principal(),
            created_at: context.at,
            revoked_at: None,
        };
        let event = events::by_caller(
            context,
            caller,
            "plugin.publisher.create",
            "publisher",
            publisher.id,
        )
        .with_details(json!({
            "name": publisher.name, "public_key": hex::encode(&publisher.public_key),
        }));
        match self.store.create_publisher(&publisher, event).await {
            Err(StoreError::Conflict("publisher")) => Err(ServiceError::Conflict(
                "this key is or was a publisher of the organisation already".to_owned(),
            )),
            Err(StoreError::Conflict("publishers")) => Err(ServiceError::Conflict(
                "the organisation has as many publishers as it may".to_owned(),
            )),
            other => {
                other?;
                Ok(wire::publisher(publisher))
            }
        }
    }

    /// `GET /v1/plugins/publishers`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`].
    pub async fn list_publishers(&self, caller: &Caller) -> Result<PublisherList> {
        self.plugin_administrator(caller)?;
        let publishers = self.store.publishers(caller.org()).await?;
        Ok(PublisherList {
            publishers: publishers.into_iter().map(wire::publisher).collect(),
        })
    }

    /// `DELETE /v1/plugins/publishers/{id}`: signs nothing more. What it signed and is attached goes on deciding.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Forbidden`].
    pub async fn revoke_publisher(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: PublisherId,
    ) -> Result<()> {
        self.plugin_administrator(caller)?;
        let event = events::by_caller(context, caller, "plugin.publisher.revoke", "publisher", id);
        let revoked = self
            .store
            .revoke_publisher(caller.org(), id, context.at, event)
            .await;
        match revoked {
            Err(StoreError::NotFound) => Err(UNKNOWN_PUBLISHER),
            other => Ok(other?),
        }
    }

    /// `GET /v1/plugins/settings`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`].
    pub async fn plugin_settings(&self, caller: &Caller) -> Result<PluginSettings> {
        self.plugin_administrator(caller)?;
        let rules = self.store.plugin_rules(caller.org()).await?;
        Ok(settings(rules))
    }

    /// `PUT /v1/plugins/settings`. What is left out stays.
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Forbidden`].
    pub async fn set_plugin_settings(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: &PluginSettings,
    ) -> Result<PluginSettings> {
        self.plugin_administrator(caller)?;
        let mut rules = self.store.plugin_rules(caller.org()).await?;
        if let Some(word) = &request.signatures {
            rules.signatures_required = is_strict("signatures", word, "optional", "required")?;
        }
        if let Some(word) = &request.promotion {
            rules.replay_required = is_strict("promotion", word, "free", "replayed")?;
        }
        let settings = settings(rules);
        let event = events::by_caller(
            context,
            caller,
            "plugin.settings",
            "organisation",
            caller.org(),
        )
        .with_details(json!(settings));
        self.store
            .set_plugin_rules(caller.org(), rules, event)
            .await?;
        Ok(settings)
    }
}

fn is_strict(field: &str, word: &str, lax: &str, strict: &str) -> Result<bool> {
    match word {
        _ if word == strict => Ok(true),
        _ if word == lax => Ok(false),
        _ => Err(ServiceError::field(
            field,
            format!("must be `{lax}` or `{strict}`"),
        )),
    }
}

fn settings(rules: PluginRules) -> PluginSettings {
    let word =
        |is_strict, lax: &str, strict: &str| Some(if is_strict { strict } else { lax }.to_owned());
    PluginSettings {
        signatures: word(rules.signatures_required, "optional", "required"),
        promotion: word(rules.replay_required, "free", "replayed"),
    }
}
