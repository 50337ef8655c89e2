//! From where an organisation's humans and agents may speak. Looked at after authentication, for every caller, on every
//! request: the revision of the rules comes with the caller's record, and the rules themselves are kept by revision.

use std::net::IpAddr;
use std::sync::Arc;

use oneclaw_core::api::{CreateIpRuleRequest, IpRule as IpRuleBody, IpRuleList};
use oneclaw_core::ids::OrgId;
use oneclaw_core::ip;
use oneclaw_core::path::excerpt;
use oneclaw_core::principal::{Principal, PrincipalKind};
use oneclaw_crypto::random;
use oneclaw_store::{IpRule, IpRuleAudience, IpRuleKind, StoreError};
use quick_cache::sync::Cache;
use serde_json::json;
use uuid::Uuid;

use super::caller::{Caller, RequestContext};
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};
use super::{Services, check, time};

/// Most rules of one organisation. All of them are looked at on every request.
const MAX_RULES: usize = 200;
/// Organisations whose rules are kept in memory.
const REMEMBERED: usize = 10_000;

/// Rules by organisation, each with its revision.
#[derive(Debug)]
pub struct IpRules {
    known: Cache<OrgId, Arc<(i64, Vec<IpRule>)>>,
}

impl Default for IpRules {
    fn default() -> Self {
        Self {
            known: Cache::new(REMEMBERED),
        }
    }
}

/// Whether rules let somebody speak from an address: no rule against it matches, and if there are rules for it, one does.
fn admits(rules: &[IpRule], kind: PrincipalKind, address: IpAddr) -> bool {
    let address = ip::canonical(address);
    let is_about = |audience| match audience {
        IpRuleAudience::All => true,
        IpRuleAudience::Users => kind == PrincipalKind::User,
        IpRuleAudience::Agents => kind == PrincipalKind::Agent,
    };
    let mut has_allows = false;
    let mut is_allowed = false;
    for rule in rules.iter().filter(|rule| is_about(rule.audience)) {
        let matches = rule.network.contains(&address);
        match rule.kind {
            IpRuleKind::Deny if matches => return false,
            IpRuleKind::Deny => {}
            IpRuleKind::Allow => {
                has_allows = true;
                is_allowed |= matches;
            }
        }
    }
    is_allowed || !has_allows
}

impl Services {
    /// Refuses a caller at an address that its organisation's rules do not let speak. The refusal is recorded.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`]; what the database says.
    pub(super) async fn check_address(
        &self,
        context: &RequestContext,
        org: OrgId,
        principal: Principal,
        revision: i64,
    ) -> Result<()> {
        if revision == 0 {
            return Ok(());
        }
        let rules = self.ip_rules_at(org, revision).await?;
        if admits(&rules.1, principal.kind(), context.client) {
            return Ok(());
        }
        let kind = principal.kind().as_str();
        let event = events::by_principal(
            context,
            org,
            principal,
            "auth.address_denied",
            kind,
            principal.uuid(),
        )
        .with_details(json!({"decision": "deny", "code": "ip_rules"}));
        self.store.record(event).await?;
        Err(ServiceError::Forbidden(
            "the IP rules of the organisation do not allow this address".to_owned(),
        ))
    }

    /// As [`Services::check_address`], for somebody whose record came without the revision.
    pub(super) async fn check_address_of(
        &self,
        context: &RequestContext,
        org: OrgId,
        principal: Principal,
    ) -> Result<()> {
        let revision = self.store.ip_rules_revision(org).await?;
        self.check_address(context, org, principal, revision).await
    }

    /// The rules of this revision, or of a later one.
    async fn ip_rules_at(&self, org: OrgId, revision: i64) -> Result<Arc<(i64, Vec<IpRule>)>> {
        if let Some(known) = self.ip_rules.known.get(&org)
            && known.0 >= revision
        {
            return Ok(known);
        }
        let read = Arc::new(self.store.ip_rules(org).await?);
        self.ip_rules.known.insert(org, Arc::clone(&read));
        Ok(read)
    }

    /// `GET /v1/security/ip-rules`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for all but owners and admins.
    pub async fn list_ip_rules(&self, caller: &Caller) -> Result<IpRuleList> {
        let (_, rules) = self.store.ip_rules(caller.admin()?.org_id).await?;
        Ok(IpRuleList {
            rules: rules.iter().map(wire).collect(),
        })
    }

    /// `POST /v1/security/ip-rules`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for all but owners and admins; names the field at fault; [`ServiceError::Conflict`]
    /// when it would lock out the caller's own address and `force` is not set.
    pub async fn create_ip_rule(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: &CreateIpRuleRequest,
    ) -> Result<IpRuleBody> {
        let admin = caller.admin()?;
        let kind = match request.rule_type.as_str() {
            "allow" => IpRuleKind::Allow,
            "deny" | "block" => IpRuleKind::Deny,
            other => {
                return Err(ServiceError::field(
                    "rule_type",
                    format!("`{}` is not `allow` or `deny`", excerpt(other)),
                ));
            }
        };
        let audience = match request.applies_to.as_deref() {
            None | Some("all") => IpRuleAudience::All,
            Some("users") => IpRuleAudience::Users,
            Some("agents") => IpRuleAudience::Agents,
            Some(other) => {
                return Err(ServiceError::field(
                    "applies_to",
                    format!("`{}` is not `all`, `users` or `agents`", excerpt(other)),
                ));
            }
        };
        let network = ip::parse_network(request.cidr.trim());
        let label = request.label.as_deref().map(str::trim);
        let rule = IpRule {
            id: random::new_id(),
            org_id: admin.org_id,
            kind,
            network: network.map_err(|e| ServiceError::field("cidr", e))?,
            label: match label.filter(|label| !label.is_empty()) {
                Some(label) => check::name("label", label)?,
                None => String::new(),
            },
            audience,
            created_by: admin.id,
            created_at: context.at,
        };
        let (revision, mut rules) = self.store.ip_rules(admin.org_id).await?;
        if rules.len() >= MAX_RULES {
            return Err(ServiceError::Conflict(format!(
                "an organisation has at most {MAX_RULES} IP rules"
            )));
        }
        rules.push(rule.clone());
        keep_in(context, &rules, request.force)?;
        let event = events::by_caller(context, caller, "ip_rule.create", "ip_rule", rule.id)
            .with_details(details(&rule));
        let added = self.store.add_ip_rule(&rule, revision, event).await;
        added.map_err(changed)?;
        Ok(wire(&rule))
    }

    /// `DELETE /v1/security/ip-rules/{id}`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for all but owners and admins; [`ServiceError::NotFound`]; [`ServiceError::Conflict`]
    /// when what is left would lock out the caller's own address and `force` is not set.
    pub async fn delete_ip_rule(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: Uuid,
        force: bool,
    ) -> Result<()> {
        let org = caller.admin()?.org_id;
        let (revision, mut rules) = self.store.ip_rules(org).await?;
        let at = rules.iter().position(|rule| rule.id == id);
        let at = at.ok_or(ServiceError::NotFound("no such rule"))?;
        let rule = rules.remove(at);
        keep_in(context, &rules, force)?;
        let event = events::by_caller(context, caller, "ip_rule.delete", "ip_rule", id)
            .with_details(details(&rule));
        let deleted = self.store.delete_ip_rule(org, id, revision, event).await;
        deleted.map_err(changed)
    }
}

/// Refuses rules that would lock out the address of the human who makes them.
fn keep_in(context: &RequestContext, rules: &[IpRule], force: bool) -> Result<()> {
    if force || admits(rules, PrincipalKind::User, context.client) {
        return Ok(());
    }
    Err(ServiceError::Conflict(format!(
        "this would lock you out: you speak from `{}`; send `force` if that is meant",
        context.client
    )))
}

fn changed(error: StoreError) -> ServiceError {
    match error {
        StoreError::Conflict("ip rules") => ServiceError::Conflict(
            "the rules have changed in the meantime; look again and repeat".to_owned(),
        ),
        other => other.into(),
    }
}

fn details(rule: &IpRule) -> serde_json::Value {
    json!({
        "rule_type": rule.kind.as_str(),
        "cidr": rule.network.to_string(),
        "applies_to": rule.audience.as_str(),
    })
}

fn wire(rule: &IpRule) -> IpRuleBody {
    IpRuleBody {
        id: rule.id.to_string(),
        org_id: rule.org_id.to_string(),
        rule_type: rule.kind.as_str().to_owned(),
        cidr: rule.network.to_string(),
        label: rule.label.clone(),
        applies_to: rule.audience.as_str().to_owned(),
        created_by: rule.created_by.to_string(),
        created_at: time::format(rule.created_at),
    }
}

#[cfg(test)]
mod tests {
    use oneclaw_core::clock::Timestamp;
    use oneclaw_core::ids::UserId;

    use super::*;

    fn rule((kind, audience, network): (IpRuleKind, IpRuleAudience, &str)) -> IpRule {
        IpRule {
            id: random::new_id(),
            org_id: OrgId::from_uuid(random::new_id()),
            kind,
            network: network.parse().unwrap(),
            label: String::new(),
            audience,
            created_by: UserId::from_uuid(random::new_id()),
            created_at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn a_denial_wins_and_allows_shut_out_everybody_else_they_are_about() {
        use IpRuleAudience::{Agents, All, Users};
        use IpRuleKind::{Allow, Deny};
        use PrincipalKind::{Agent, User};
        for (rules, kind, address, admitted) in [
            (vec![], User, "192.0.2.1", true),
            (vec![(Deny, All, "192.0.2.0/24")], User, "192.0.2.1", false),
            (
                vec![(Deny, All, "192.0.2.0/24")],
                User,
                "198.51.100.1",
                true,
            ),
            (
                vec![(Allow, All, "192.0.2.0/24")],
                Agent,
                "198.51.100.1",
                false,
            ),
            (
                vec![(Allow, Agents, "192.0.2.0/24")],
                Agent,
                "198.51.100.1",
                false,
            ),
            (
                vec![(Allow, Agents, "192.0.2.0/24")],
                User,
                "198.51.100.1",
                true,
            ),
            (
                vec![(Deny, Users, "0.0.0.0/0")],
                Agent,
                "198.51.100.1",
                true,
            ),
            (
                vec![(Allow, All, "192.0.2.0/24")],
                User,
                "::ffff:192.0.2.9",
                true,
            ),
            (
                vec![(Deny, All, "2001:db8::/32")],
                User,
                "2001:db8::1",
                false,
            ),
            (
                vec![(Allow, All, "2001:db8::/32")],
                User,
                "192.0.2.1",
                false,
            ),
            (
                vec![(Allow, All, "192.0.2.0/24"), (Deny, All, "192.0.2.7/32")],
                User,
                "192.0.2.7",
                false,
            ),
            (
                vec![
                    (Allow, All, "192.0.2.0/25"),
                    (Allow, Users, "192.0.2.128/25"),
                ],
                User,
                "192.0.2.200",
                true,
            ),
        ] {
            let case = format!("{rules:?} {kind:?} {address}");
            let rules: Vec<IpRule> = rules.into_iter().map(rule).collect();
            let address = address.parse().unwrap();
            assert_eq!(admits(&rules, kind, address), admitted, "{case}");
        }
    }
}
