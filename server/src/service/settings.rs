//! Settings that are changed while the server runs. Every key is known here, with what it may be; none is stored that
//! nothing looks at.

use oneclaw_core::api::{PutSettingRequest, Setting as SettingBody, SettingList};
use oneclaw_core::ids::OrgId;
use oneclaw_core::path::excerpt;
use oneclaw_store::{Setting, SettingScope, StoreError};
use serde_json::json;

use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};
use super::{Services, check, time};

/// A setting that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownSetting {
    /// Its name.
    pub key: &'static str,
    /// What it is until somebody changes it.
    pub default: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `true` or `false`.
    Switch,
    /// 1 to 255 bytes.
    Name,
    /// A whole number, from the first to the second, both included.
    Number(i64, i64),
}

const fn switch(key: &'static str) -> KnownSetting {
    KnownSetting {
        key,
        default: "false",
        kind: Kind::Switch,
    }
}

/// Every transaction is simulated before it is signed, and none is signed where that cannot be done.
pub const REQUIRE_SIMULATION: KnownSetting = switch("intents_api.require_simulation");
/// The password alone removes a second factor.
pub const MFA_DISABLE_WITH_PASSWORD: KnownSetting = switch("auth.mfa_disable_with_password");
/// The name of the organisation, as it stands in invitations.
pub const ORG_NAME: KnownSetting = KnownSetting {
    key: "org.name",
    default: "",
    kind: Kind::Name,
};
/// For how many days an invitation is good.
pub const INVITATION_DAYS: KnownSetting = KnownSetting {
    key: "invitations.valid_days",
    default: "7",
    kind: Kind::Number(1, 30),
};

const OF_SERVER: &[KnownSetting] = &[REQUIRE_SIMULATION, MFA_DISABLE_WITH_PASSWORD];
const OF_ORG: &[KnownSetting] = &[ORG_NAME, INVITATION_DAYS];

impl KnownSetting {
    fn check(&self, value: &str) -> Result<String> {
        match self.kind {
            Kind::Switch => match value {
                "true" | "false" => Ok(value.to_owned()),
                _ => Err(ServiceError::field("value", "must be `true` or `false`")),
            },
            Kind::Name => check::name("value", value),
            Kind::Number(from, to) => match value.parse::<i64>() {
                Ok(number) if (from..=to).contains(&number) => Ok(number.to_string()),
                _ => Err(ServiceError::field(
                    "value",
                    format!("must be a whole number from {from} to {to}"),
                )),
            },
        }
    }
}

fn known(scope: SettingScope) -> &'static [KnownSetting] {
    match scope {
        SettingScope::Server => OF_SERVER,
        SettingScope::Org(_) => OF_ORG,
    }
}

fn find(scope: SettingScope, key: &str) -> Result<KnownSetting> {
    let known = known(scope);
    known
        .iter()
        .find(|setting| setting.key == key)
        .copied()
        .ok_or_else(|| {
            let keys: Vec<String> = known
                .iter()
                .map(|setting| format!("`{}`", setting.key))
                .collect();
            ServiceError::field(
                "key",
                format!(
                    "there is no setting `{}`; there are {}",
                    excerpt(key),
                    keys.join(", ")
                ),
            )
        })
}

impl Services {
    /// Whether the caller runs the server: owners and admins of its first organisation do.
    pub(super) async fn runs_the_server(&self, caller: Option<&Caller>) -> Result<bool> {
        let Some(caller) = caller.filter(|caller| caller.is_admin()) else {
            return Ok(false);
        };
        Ok(self.store.first_org().await? == Some(caller.org()))
    }

    /// Refuses everybody who does not run the server.
    pub(super) async fn server_admin(&self, caller: &Caller) -> Result<()> {
        if self.runs_the_server(Some(caller)).await? {
            return Ok(());
        }
        Err(ServiceError::Forbidden(
            "only owners and admins of the server's first organisation may do this".to_owned(),
        ))
    }

    /// Whether a switch of the server is on.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn is_on(&self, setting: KnownSetting) -> Result<bool> {
        let stored = self.store.setting(SettingScope::Server, setting.key);
        Ok(stored.await?.as_deref().unwrap_or(setting.default) == "true")
    }

    /// A setting of an organisation.
    pub(super) async fn org_setting(&self, org: OrgId, setting: KnownSetting) -> Result<String> {
        let stored = self.store.setting(SettingScope::Org(org), setting.key);
        Ok(stored.await?.unwrap_or_else(|| setting.default.to_owned()))
    }

    /// `GET /v1/admin/settings`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for all but owners and admins of the server's first organisation.
    pub async fn server_settings(&self, caller: &Caller) -> Result<SettingList> {
        self.server_admin(caller).await?;
        self.list_settings(SettingScope::Server).await
    }

    /// `PUT /v1/admin/settings/{key}`
    ///
    /// # Errors
    /// As above; an unknown key or a value that it cannot have is named.
    pub async fn put_server_setting(
        &self,
        context: &RequestContext,
        caller: &Caller,
        key: &str,
        request: &PutSettingRequest,
    ) -> Result<SettingBody> {
        self.server_admin(caller).await?;
        self.put_setting(context, caller, SettingScope::Server, key, request)
            .await
    }

    /// `DELETE /v1/admin/settings/{key}`
    ///
    /// # Errors
    /// As above.
    pub async fn delete_server_setting(
        &self,
        context: &RequestContext,
        caller: &Caller,
        key: &str,
    ) -> Result<()> {
        self.server_admin(caller).await?;
        self.delete_setting(context, caller, SettingScope::Server, key)
            .await
    }

    /// `GET /v1/org/settings`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for agents.
    pub async fn org_settings(&self, caller: &Caller) -> Result<SettingList> {
        let user = caller.human()?;
        self.list_settings(SettingScope::Org(user.org_id)).await
    }

    /// `PUT /v1/org/settings/{key}`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for all but owners and admins; an unknown key or a value that it cannot have is named.
    pub async fn put_org_setting(
        &self,
        context: &RequestContext,
        caller: &Caller,
        key: &str,
        request: &PutSettingRequest,
    ) -> Result<SettingBody> {
        let scope = SettingScope::Org(caller.admin()?.org_id);
        self.put_setting(context, caller, scope, key, request).await
    }

    /// `DELETE /v1/org/settings/{key}`
    ///
    /// # Errors
    /// As above.
    pub async fn delete_org_setting(
        &self,
        context: &RequestContext,
        caller: &Caller,
        key: &str,
    ) -> Result<()> {
        let scope = SettingScope::Org(caller.admin()?.org_id);
        self.delete_setting(context, caller, scope, key).await
    }

    /// Every setting that there is, those that nobody has changed with their default.
    async fn list_settings(&self, scope: SettingScope) -> Result<SettingList> {
        let stored = self.store.settings(scope).await?;
        let settings = known(scope).iter().map(|known| {
            let changed = stored.iter().find(|setting| setting.key == known.key);
            match changed {
                Some(setting) => wire(setting),
                None => SettingBody {
                    key: known.key.to_owned(),
                    value: known.default.to_owned(),
                    updated_by: None,
                    updated_at: None,
                },
            }
        });
        Ok(SettingList {
            settings: settings.collect(),
        })
    }

    async fn put_setting(
        &self,
        context: &RequestContext,
        caller: &Caller,
        scope: SettingScope,
        key: &str,
        request: &PutSettingRequest,
    ) -> Result<SettingBody> {
        let known = find(scope, key)?;
        let setting = Setting {
            key: known.key.to_owned(),
            value: known.check(&request.value)?,
            updated_by: caller.human()?.id,
            updated_at: context.at,
        };
        let event = events::by_caller(context, caller, "setting.update", "setting", known.key)
            .with_details(json!({"value": setting.value}));
        self.store.put_setting(scope, &setting, event).await?;
        Ok(wire(&setting))
    }

    async fn delete_setting(
        &self,
        context: &RequestContext,
        caller: &Caller,
        scope: SettingScope,
        key: &str,
    ) -> Result<()> {
        let known = find(scope, key)?;
        let event = events::by_caller(context, caller, "setting.delete", "setting", known.key);
        match self.store.delete_setting(scope, known.key, event).await {
            // It has its default already, which is what was asked for.
            Err(StoreError::NotFound) => Ok(()),
            other => Ok(other?),
        }
    }
}

fn wire(setting: &Setting) -> SettingBody {
    SettingBody {
        key: setting.key.clone(),
        value: setting.value.clone(),
        updated_by: Some(setting.updated_by.to_string()),
        updated_at: Some(time::format(setting.updated_at)),
    }
}
