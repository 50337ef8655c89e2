//! A fleet in one request: vaults, agents and policies, all of them or none.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use oneclaw_core::api::{
    BulkAgent, BulkPolicy, BulkProvisionRequest, BulkProvisionResponse, BulkVault,
    ProvisionedAgent, ProvisionedPolicy, ProvisionedVault,
};
use oneclaw_core::audience::Audience;
use oneclaw_core::ids::{AgentId, VaultId};
use oneclaw_core::label::is_label_word;
use oneclaw_core::path::excerpt;
use oneclaw_core::principal::Principal;
use oneclaw_store::{Agent, ClientKey, NewEvent, Policy, Provisioned, Provisioning, User, Vault};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt};
use super::super::{Services, check, policies};
use super::{draft, profile};

/// Most agents in one request.
const MAX_AGENTS: usize = 1000;
/// Most vaults in one request.
const MAX_VAULTS: usize = 1000;
/// Most policies in one request.
const MAX_POLICIES: usize = 5000;
/// What stands before the word of something that the same request makes.
const REF: &str = "ref:";
/// How many vaults get keys before others are served in between.
const VAULTS_AT_A_TIME: usize = 32;

/// What is made, before it is stored.
struct Fleet {
    vaults: Vec<Vault>,
    agents: Vec<Agent>,
    api_keys: Vec<SecretString>,
    policies: Vec<Policy>,
    answer: BulkProvisionResponse,
}

/// The words of a request, and the ids that they stand for.
#[derive(Default)]
struct Words {
    vaults: BTreeMap<String, VaultId>,
    agents: BTreeMap<String, AgentId>,
}

impl Services {
    /// `POST /v1/agents/bulk`. `client_key` is the `Idempotency-Key`.
    ///
    /// # Errors
    /// Names the entry and the field at fault, and then nothing was made; [`ServiceError::Conflict`] for a key that was
    /// used for another request.
    pub async fn provision_agents(
        &self,
        context: &RequestContext,
        caller: &Caller,
        client_key: Option<&str>,
        request: BulkProvisionRequest,
    ) -> Result<BulkProvisionResponse> {
        let human = caller.human()?.clone();
        bounded(&request)?;
        let under = match client_key.filter(|key| !key.is_empty()) {
            Some(key) => Some((
                check::client_key("Idempotency-Key", key)?,
                digest(&request)?,
            )),
            None => None,
        };
        if let Some((key, digest)) = &under
            && let Some((before, result)) = self
                .store
                .provisioned_under(human.org_id, key, context.at)
                .await?
        {
            return if before == *digest {
                replayed(result)
            } else {
                Err(other_request())
            };
        }
        let mut fleet = self.fleet(context, caller, &human, request).await?;
        let under = match under {
            Some((key, body_digest)) => Some(ClientKey {
                key,
                body_digest,
                result: serde_json::to_value(&fleet.answer)
                    .map_err(|e| ServiceError::Internal(e.to_string()))?,
                at: context.at,
            }),
            None => None,
        };
        match self
            .store_fleet(context, caller, &human, &mut fleet, under)
            .await?
        {
            Provisioned::Done => {
                for (shown, key) in fleet.answer.agents.iter_mut().zip(&fleet.api_keys) {
                    shown.api_key = Some(key.expose_secret().to_owned());
                }
                Ok(fleet.answer)
            }
            Provisioned::Before(result) => replayed(result),
            Provisioned::OtherRequest => Err(other_request()),
        }
    }

    async fn fleet(
        &self,
        context: &RequestContext,
        caller: &Caller,
        human: &User,
        request: BulkProvisionRequest,
    ) -> Result<Fleet> {
        let mut words = Words::default();
        let mut fleet = Fleet {
            vaults: Vec::with_capacity(request.vaults.len()),
            agents: Vec::with_capacity(request.agents.len()),
            api_keys: Vec::with_capacity(request.agents.len()),
            policies: Vec::with_capacity(request.policies.len()),
            answer: BulkProvisionResponse {
                agents: Vec::with_capacity(request.agents.len()),
                vaults: Vec::with_capacity(request.vaults.len()),
                policies: Vec::with_capacity(request.policies.len()),
                replayed: false,
            },
        };
        for (n, vault) in request.vaults.into_iter().enumerate() {
            if n % VAULTS_AT_A_TIME == 0 {
                tokio::task::yield_now().await;
            }
            self.add_vault(context, caller, &mut words, vault, &mut fleet)
                .map_err(|e| at(&format!("vaults[{n}]"), e))?;
        }
        let chains = self.chain_names().await?;
        let mut known = BTreeMap::new();
        for (n, BulkAgent { reference, agent }) in request.agents.into_iter().enumerate() {
            let place = format!("agents[{n}]");
            let mut vaults = Vec::new();
            for text in check_list(agent.vault_ids.as_deref().unwrap_or_default())
                .map_err(|e| at(&place, e))?
            {
                let id = match text.trim().strip_prefix(REF) {
                    Some(word) => *words
                        .vaults
                        .get(word)
                        .ok_or_else(|| unknown(&place, "vault_ids", text))?,
                    None => {
                        self.vault_of(human, text.trim(), &mut known)
                            .await
                            .map_err(|e| at(&place, e))?
                            .id
                    }
                };
                if !vaults.contains(&id) {
                    vaults.push(id);
                }
            }
            let made = draft::checked(context, human, agent, vaults, &chains)
                .map_err(|e| at(&place, e))?;
            take_word(&mut words.agents, reference.as_ref(), made.id).map_err(|e| at(&place, e))?;
            self.add_agent(reference, made, &mut fleet)?;
        }
        for (n, BulkPolicy { vault, policy }) in request.policies.into_iter().enumerate() {
            let place = format!("policies[{n}]");
            let vault = match vault.trim().strip_prefix(REF) {
                Some(word) => {
                    let id = words.vaults.get(word);
                    fleet
                        .vaults
                        .iter()
                        .find(|vault| Some(&vault.id) == id)
                        .cloned()
                        .ok_or_else(|| unknown(&place, "vault", &vault))?
                }
                None => {
                    let vault = self
                        .vault_of(human, vault.trim(), &mut known)
                        .await
                        .map_err(|e| at(&place, e))?;
                    self.managed_vault(caller, vault.id).await?
                }
            };
            let audience = match policy.principal_id.strip_prefix(REF) {
                Some(word) => words
                    .agents
                    .get(word)
                    .map(|id| Audience::One(Principal::Agent(*id)))
                    .ok_or_else(|| unknown(&place, "principal_id", &policy.principal_id))?,
                None => {
                    let audience = policies::audience(&policy.principal_type, &policy.principal_id)
                        .map_err(|e| at(&place, e))?;
                    self.in_organisation(caller, &audience).await?;
                    audience
                }
            };
            let policy =
                policies::new_policy(caller.principal(), context.at, &vault, audience, policy)
                    .map_err(|e| at(&place, e))?;
            fleet.answer.policies.push(ProvisionedPolicy {
                id: policy.id.to_string(),
                vault_id: policy.vault_id.to_string(),
                principal_id: policy.audience.to_string(),
                secret_path_pattern: policy.pattern.clone(),
            });
            fleet.policies.push(policy);
        }
        let mut groups: BTreeMap<(VaultId, &Audience), i64> = BTreeMap::new();
        for policy in &fleet.policies {
            let count = groups
                .entry((policy.vault_id, &policy.audience))
                .or_default();
            *count = count.saturating_add(1);
        }
        for ((vault, audience), more) in groups {
            self.room_for_policies(vault, audience, more).await?;
        }
        Ok(fleet)
    }

    fn add_vault(
        &self,
        context: &RequestContext,
        caller: &Caller,
        words: &mut Words,
        asked: BulkVault,
        fleet: &mut Fleet,
    ) -> Result<()> {
        let vault = self.new_vault(context, caller, &asked.name, asked.description.as_deref())?;
        take_word(&mut words.vaults, asked.reference.as_ref(), vault.id)?;
        fleet.answer.vaults.push(ProvisionedVault {
            reference: asked.reference,
            id: vault.id.to_string(),
            name: vault.name.clone(),
        });
        fleet.vaults.push(vault);
        Ok(())
    }

    fn add_agent(
        &self,
        reference: Option<String>,
        mut agent: Agent,
        fleet: &mut Fleet,
    ) -> Result<()> {
        fleet.api_keys.push(self.give_key(&mut agent)?);
        fleet.answer.agents.push(ProvisionedAgent {
            reference,
            id: agent.id.to_string(),
            name: agent.name.clone(),
            api_key_prefix: agent.key_prefix.clone(),
            api_key: None,
        });
        fleet.agents.push(agent);
        Ok(())
    }

    /// A vault that exists, looked up once for a request.
    async fn vault_of<'a>(
        &self,
        human: &User,
        text: &str,
        known: &'a mut BTreeMap<VaultId, Vault>,
    ) -> Result<&'a Vault> {
        let id: VaultId = text.parse().map_err(|e| ServiceError::field("vault", e))?;
        match known.entry(id) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let found = self.store.vault(human.org_id, id).await?;
                let vault = found.ok_or_else(|| {
                    ServiceError::field("vault", format!("there is no vault `{id}`"))
                })?;
                Ok(entry.insert(vault))
            }
        }
    }

    async fn store_fleet(
        &self,
        context: &RequestContext,
        caller: &Caller,
        human: &User,
        fleet: &mut Fleet,
        under: Option<ClientKey>,
    ) -> Result<Provisioned> {
        let events = recorded(context, caller, fleet);
        let agents = std::mem::take(&mut fleet.agents);
        // Two first requests may race for the vault of the keys: the loser finds the winner's the second time.
        for _ in 0..2 {
            let mut all = Provisioning {
                under: under.clone(),
                vaults: fleet.vaults.clone(),
                policies: fleet.policies.clone(),
                events: events.clone(),
                ..Provisioning::default()
            };
            if !agents.is_empty() {
                let (vault, key, is_new) = self.key_vault(context, caller, human.org_id).await?;
                all.agents = draft::with_identities(context, agents.clone(), &vault, key).await?;
                all.system_vault = is_new.then_some(vault);
            }
            match self.store.provision(human.org_id, all).await {
                Err(oneclaw_store::StoreError::Conflict("system vault")) => {}
                other => return Ok(other?),
            }
        }
        Err(ServiceError::Unavailable(
            "the vault of the agents' keys is being made; try again".to_owned(),
        ))
    }
}

fn bounded(request: &BulkProvisionRequest) -> Result<()> {
    for (field, given, most) in [
        ("agents", request.agents.len(), MAX_AGENTS),
        ("vaults", request.vaults.len(), MAX_VAULTS),
        ("policies", request.policies.len(), MAX_POLICIES),
    ] {
        if given > most {
            return Err(ServiceError::field(
                field,
                format!("has {given} entries; the limit is {most}"),
            ));
        }
    }
    if request.agents.is_empty() && request.vaults.is_empty() && request.policies.is_empty() {
        return Err(ServiceError::field(
            "agents",
            "there is nothing to make: give `agents`, `vaults` or `policies`",
        ));
    }
    Ok(())
}

fn digest(request: &BulkProvisionRequest) -> Result<Vec<u8>> {
    let text = serde_json::to_vec(request).map_err(|e| ServiceError::Internal(e.to_string()))?;
    Ok(Sha256::digest(&text).to_vec())
}

fn replayed(result: serde_json::Value) -> Result<BulkProvisionResponse> {
    let answer: BulkProvisionResponse =
        serde_json::from_value(result).map_err(|e| ServiceError::Internal(e.to_string()))?;
    Ok(BulkProvisionResponse {
        replayed: true,
        ..answer
    })
}

fn other_request() -> ServiceError {
    ServiceError::Conflict(
        "this Idempotency-Key was used for another request; use a new one for each".to_owned(),
    )
}

/// Says in which entry a field is at fault.
fn at(place: &str, error: ServiceError) -> ServiceError {
    match error {
        ServiceError::Invalid {
            detail,
            field: Some(field),
        } => ServiceError::Invalid {
            detail: format!("{place}.{detail}"),
            field: Some(format!("{place}.{field}")),
        },
        other => other,
    }
}

fn unknown(place: &str, field: &str, text: &str) -> ServiceError {
    ServiceError::field(
        format!("{place}.{field}"),
        format!("nothing in this request is called `{}`", excerpt(text)),
    )
}

fn take_word<T>(words: &mut BTreeMap<String, T>, word: Option<&String>, id: T) -> Result<()> {
    let Some(word) = word else { return Ok(()) };
    if !is_label_word(word) {
        return Err(ServiceError::field(
            "ref",
            "has 1 to 64 letters, digits, `-`, `_` and `.`",
        ));
    }
    match words.insert(word.clone(), id) {
        None => Ok(()),
        Some(_) => Err(ServiceError::field(
            "ref",
            format!("`{word}` is taken by an entry before"),
        )),
    }
}

fn check_list(texts: &[String]) -> Result<&[String]> {
    if texts.len() > check::MAX_LIST_ENTRIES {
        return Err(ServiceError::field(
            "vault_ids",
            format!("has more than {} entries", check::MAX_LIST_ENTRIES),
        ));
    }
    Ok(texts)
}

/// What is recorded: each thing by itself, as if it had been made alone.
fn recorded(context: &RequestContext, caller: &Caller, fleet: &Fleet) -> Vec<NewEvent> {
    let vaults = fleet.vaults.iter().map(|vault| {
        events::by_caller(context, caller, "vault.create", "vault", vault.id)
            .in_vault(vault.id)
            .with_details(json!({"name": vault.name, "bulk": true}))
    });
    let agents = fleet.agents.iter().map(|agent| {
        events::by_caller(context, caller, "agent.register", "agent", agent.id).with_details(
            json!({
                "name": agent.name,
                "bulk": true,
                "profile_fields": profile::set_fields(&agent.profile),
            }),
        )
    });
    let policies = fleet
        .policies
        .iter()
        .map(|policy| policies::event(context, caller, "policy.create", policy));
    vaults.chain(agents).chain(policies).collect()
}
