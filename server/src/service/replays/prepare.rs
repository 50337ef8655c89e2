//! From recorded decisions to what plugins are to be asked again.

mod attached;
mod budgets;

use std::collections::HashMap;
use std::sync::Arc;

use oneclaw_core::audience::Audience;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, OrgId, VaultId};
use oneclaw_core::principal::{Principal, PrincipalKind};
use oneclaw_core::recorded::{ACCESS_POLICY, Question, TRANSACTION_GUARDRAIL};
use oneclaw_core::scope::ScopeMatcher;
use oneclaw_core::template::AgentWords;
use oneclaw_policy_host::{Configured, Engine, Evaluation, Plugin};
use oneclaw_store::Agent;
use serde_json::Value;
use sha2::{Digest, Sha256};

use self::attached::{has_counted, is_of};
use super::candidate::{Candidate, GuardrailDraft, PolicyDraft};
use super::compare::evaluation;
use crate::service::decisions::body::{PluginBody, Recorded};
use crate::service::error::{Result, ServiceError};
use crate::service::{Services, access_settings, agents, guardrails, policies};

/// Settings and configurations that a replay holds at a time.
const MOST_HELD: usize = 4096;

/// What a recorded decision comes to be asked.
#[derive(Debug)]
pub enum Trial {
    /// These answers stay as they were, and these plugins are asked.
    Ask {
        /// Answers that count and stay.
        kept: Vec<Evaluation>,
        /// Plugins with what they are asked.
        asked: Vec<(Arc<Configured>, Question)>,
    },
    /// The candidate has nothing to do with it.
    Untouched,
    /// It cannot be told what would hold.
    Undetermined(String),
}

/// Settings as text, or why there are none.
type Settings = std::result::Result<Arc<str>, String>;

/// What one replay has looked up already.
#[derive(Debug)]
pub struct Session<'a> {
    services: &'a Services,
    engine: &'a Engine,
    org: OrgId,
    /// Time zone tables are made for it.
    at: Timestamp,
    candidate: &'a Candidate,
    plugins: HashMap<String, Option<Arc<Plugin>>>,
    recorded: HashMap<String, Option<Arc<str>>>,
    access: HashMap<(VaultId, Principal), Settings>,
    guardrails: HashMap<AgentId, Settings>,
    /// Agents of now, for their labels.
    agents: HashMap<AgentId, Option<Arc<Agent>>>,
    /// What the candidate is asked about, if it is an attachment.
    scope: Option<ScopeMatcher>,
    configured: HashMap<[u8; 32], std::result::Result<Arc<Configured>, String>>,
}

/// A plugin that is to answer, and with which settings.
struct Part {
    plugin: Arc<Plugin>,
    settings: Arc<str>,
    /// The recorded answer whose budgets it is shown.
    place: Option<usize>,
}

impl<'a> Session<'a> {
    /// For one replay.
    pub fn new(
        services: &'a Services,
        engine: &'a Engine,
        org: OrgId,
        at: Timestamp,
        candidate: &'a Candidate,
    ) -> Self {
        Self {
            services,
            engine,
            org,
            at,
            candidate,
            plugins: HashMap::new(),
            recorded: HashMap::new(),
            access: HashMap::new(),
            guardrails: HashMap::new(),
            agents: HashMap::new(),
            scope: match candidate {
                Candidate::Attached(draft) => draft.scope.clone().map(ScopeMatcher::new),
                _ => None,
            },
            configured: HashMap::new(),
        }
    }

    /// What is to be asked about a decision.
    ///
    /// # Errors
    /// What the database says.
    pub async fn prepare(&mut self, recorded: &Recorded) -> Result<Trial> {
        let Some(question) = recorded.question.clone() else {
            return Ok(Trial::Untouched);
        };
        if super::compare::is_the_gates(recorded) {
            return Ok(Trial::Untouched);
        }
        let world = question.world();
        let (parts, is_whole) = match self.candidate {
            Candidate::Recorded => (self.as_recorded(recorded).await?, true),
            Candidate::Current => {
                let settings = match &question {
                    Question::Access(request) => {
                        self.access_settings(request.vault, request.principal, None)
                            .await?
                    }
                    Question::Transaction(request) => {
                        self.guardrails(request.principal, None).await?
                    }
                };
                (self.with_settings(world, recorded, settings), false)
            }
            Candidate::Policies(draft) => match &question {
                Question::Access(request) if request.vault.to_string() == draft.vault_id => {
                    let settings = self
                        .access_settings(request.vault, request.principal, Some(draft))
                        .await?;
                    (self.with_settings(world, recorded, settings), false)
                }
                _ => return Ok(Trial::Untouched),
            },
            Candidate::Guardrails(draft) => match &question {
                Question::Transaction(request)
                    if request.principal.uuid().to_string() == draft.agent_id =>
                {
                    let settings = self.guardrails(request.principal, Some(draft)).await?;
                    (self.with_settings(world, recorded, settings), false)
                }
                _ => return Ok(Trial::Untouched),
            },
            Candidate::Settings(draft) if draft.world == world => {
                let settings = Ok(draft.settings.to_string().into());
                (self.with_settings(world, recorded, settings), false)
            }
            Candidate::Plugin(draft) if draft.world == world => {
                let (digest, settings) = (draft.digest.clone(), draft.settings.clone());
                (self.with_plugin(recorded, &digest, settings).await?, false)
            }
            Candidate::Attached(draft) => {
                let parts = match self.is_in_scope(draft, &question).await? {
                    Ok(true) => self.as_attached(recorded, draft).await?,
                    Ok(false) if has_counted(recorded, draft) => Ok(Vec::new()),
                    Ok(false) => return Ok(Trial::Untouched),
                    Err(why) => Err(why),
                };
                (parts, false)
            }
            Candidate::Settings(_) | Candidate::Plugin(_) => return Ok(Trial::Untouched),
        };
        let parts = match parts {
            Ok(parts) => parts,
            Err(why) => return Ok(Trial::Undetermined(why)),
        };
        let replaced: Vec<String> = parts
            .iter()
            .map(|part| part.plugin.identity().name.clone())
            .collect();
        let kept = recorded
            .basis
            .plugins
            .iter()
            .zip(&recorded.answers)
            .filter(|(plugin, _)| plugin.is_enforced())
            // What could not be had is not asked again, and still counts against the whole.
            .filter(|(plugin, _)| {
                if is_whole {
                    return matches!(self.candidate, Candidate::Recorded)
                        && plugin.digest.is_empty();
                }
                match self.candidate {
                    Candidate::Attached(draft) => !is_of(plugin, draft),
                    _ => !replaced.contains(&plugin.name),
                }
            })
            .map(|(plugin, answer)| evaluation(plugin, answer))
            .collect();
        let mut asked = Vec::with_capacity(parts.len());
        for part in parts {
            match self.configure(&part, &question) {
                Ok(configured) => {
                    let question = self
                        .with_budgets(&configured, question.clone(), recorded, part.place)
                        .await?;
                    asked.push((configured, question));
                }
                Err(why) => return Ok(Trial::Undetermined(why)),
            }
        }
        Ok(Trial::Ask { kept, asked })
    }

    async fn as_recorded(
        &mut self,
        recorded: &Recorded,
    ) -> Result<std::result::Result<Vec<Part>, String>> {
        let mut parts = Vec::new();
        for (place, plugin) in recorded.basis.plugins.iter().enumerate() {
            if plugin.digest.is_empty() || !plugin.is_enforced() {
                continue;
            }
            let Some(loaded) = self.plugin(&plugin.digest).await? else {
                return Ok(Err(format!(
                    "component {} of plugin `{}` is not kept here",
                    plugin.digest, plugin.name
                )));
            };
            let Some(settings) = self.recorded_settings(&plugin.settings).await? else {
                return Ok(Err(format!(
                    "settings {} are not kept any more",
                    plugin.settings
                )));
            };
            parts.push(Part {
                plugin: loaded,
                settings,
                place: Some(place),
            });
        }
        Ok(Ok(parts))
    }

    /// The plugin that comes with the server, with other settings.
    fn with_settings(
        &self,
        world: &str,
        recorded: &Recorded,
        settings: Settings,
    ) -> std::result::Result<Vec<Part>, String> {
        let plugin = self
            .services
            .gate
            .plugin_for(world)
            .ok_or("no plugin is in force")?;
        // The engine of replays has its own copy of it.
        let plugin = self
            .engine
            .load(plugin.component())
            .map_err(|_| "the plugin in force cannot be loaded")?;
        Ok(vec![Part {
            place: place_of(recorded, &plugin.identity().name),
            plugin,
            settings: settings?,
        }])
    }

    async fn with_plugin(
        &mut self,
        recorded: &Recorded,
        digest: &str,
        settings: Option<Value>,
    ) -> Result<std::result::Result<Vec<Part>, String>> {
        let Some(plugin) = self.plugin(digest).await? else {
            return Ok(Err(format!("component {digest} is not kept here")));
        };
        let place = place_of(recorded, &plugin.identity().name);
        let before = place
            .and_then(|place| recorded.basis.plugins.get(place))
            .map(|plugin: &PluginBody| plugin.settings.clone());
        let settings = match (settings, before) {
            (Some(settings), _) => settings.to_string().into(),
            (None, Some(before)) => match self.recorded_settings(&before).await? {
                Some(settings) => settings,
                None => return Ok(Err(format!("settings {before} are not kept any more"))),
            },
            (None, None) => "{}".into(),
        };
        Ok(Ok(vec![Part {
            plugin,
            settings,
            place,
        }]))
    }

    async fn plugin(&mut self, digest: &str) -> Result<Option<Arc<Plugin>>> {
        if let Some(known) = self.plugins.get(digest) {
            return Ok(known.clone());
        }
        let bytes = self.services.component_bytes(self.org, digest).await?;
        let loaded = match bytes {
            Some(bytes) => self.engine.load(&bytes).ok(),
            None => None,
        };
        self.plugins.insert(digest.to_owned(), loaded.clone());
        Ok(loaded)
    }

    async fn recorded_settings(&mut self, digest: &str) -> Result<Option<Arc<str>>> {
        if let Some(known) = self.recorded.get(digest) {
            return Ok(known.clone());
        }
        let settings = self
            .services
            .store
            .decision_settings(self.org, digest)
            .await?
            .map(Arc::from);
        bounded(&mut self.recorded);
        self.recorded.insert(digest.to_owned(), settings.clone());
        Ok(settings)
    }

    async fn access_settings(
        &mut self,
        vault: VaultId,
        principal: Principal,
        draft: Option<&PolicyDraft>,
    ) -> Result<Settings> {
        if let Some(known) = self.access.get(&(vault, principal)) {
            return Ok(known.clone());
        }
        let mut about = self.services.store.policies_for(vault, principal).await?;
        if let Some(draft) = draft {
            let Some(vault) = self.services.store.vault(self.org, vault).await? else {
                return Ok(Err("the vault is not there any more".to_owned()));
            };
            if draft.set.is_some() {
                about.policies.clear();
            }
            let removed = |id: String| draft.remove.contains(&id);
            about
                .policies
                .retain(|policy| !removed(policy.id.to_string()));
            for request in draft.set.iter().flatten().chain(&draft.add) {
                let policy = policies::draft(&vault, principal, self.at, request.clone())?;
                if is_about(&policy.audience, principal, about.words.as_ref()) {
                    about.policies.push(policy);
                }
            }
        }
        let settings = access_settings::build(&about, self.at)
            .and_then(|settings| text(&settings))
            .map_err(|e| e.to_string());
        bounded(&mut self.access);
        self.access.insert((vault, principal), settings.clone());
        Ok(settings)
    }

    async fn guardrails(
        &mut self,
        principal: Principal,
        draft: Option<&GuardrailDraft>,
    ) -> Result<Settings> {
        let Principal::Agent(id) = principal else {
            return Ok(Err("only agents have guardrails".to_owned()));
        };
        if let Some(known) = self.guardrails.get(&id) {
            return Ok(known.clone());
        }
        let settings = match self.services.store.agent(self.org, id).await? {
            None => Err("the agent is not there any more".to_owned()),
            Some(mut agent) => {
                if let (Some(draft), Some(profile)) = (draft, agent.profile.as_object_mut()) {
                    agents::apply_draft(profile, draft.fields.clone())?;
                }
                let chains = self.services.chain_names().await?;
                let fleet = self
                    .services
                    .store
                    .fleet_guardrails_for(self.org, id)
                    .await?;
                guardrails::build(&agent, &fleet, &chains, self.at)
                    .and_then(|settings| text(&settings))
                    .map_err(|e| e.to_string())
            }
        };
        bounded(&mut self.guardrails);
        self.guardrails.insert(id, settings.clone());
        Ok(settings)
    }

    fn configure(
        &mut self,
        part: &Part,
        question: &Question,
    ) -> std::result::Result<Arc<Configured>, String> {
        let mut hash = Sha256::new();
        hash.update(question.world());
        hash.update(part.plugin.digest());
        hash.update(part.settings.as_bytes());
        let key = hash.finalize().into();
        if let Some(known) = self.configured.get(&key) {
            return known.clone();
        }
        let configured = self
            .engine
            .configure_for(&part.plugin, &part.settings, question)
            .map_err(|e| e.to_string());
        bounded(&mut self.configured);
        self.configured.insert(key, configured.clone());
        configured
    }
}

fn is_about(audience: &Audience, principal: Principal, words: Option<&AgentWords>) -> bool {
    match (audience, words) {
        (Audience::One(one), _) => *one == principal,
        (Audience::EveryAgent, _) => principal.kind() == PrincipalKind::Agent,
        (Audience::Labelled(selector), Some(words)) => selector.selects(&words.labels),
        (Audience::Labelled(_), None) => false,
    }
}

fn place_of(recorded: &Recorded, name: &str) -> Option<usize> {
    recorded
        .basis
        .plugins
        .iter()
        .position(|plugin| plugin.name == name)
}

fn text(settings: &impl serde::Serialize) -> Result<Arc<str>> {
    serde_json::to_string(settings)
        .map(Arc::from)
        .map_err(|e| ServiceError::Internal(e.to_string()))
}

fn bounded<K, V>(held: &mut HashMap<K, V>) {
    if held.len() >= MOST_HELD {
        held.clear();
    }
}

/// Whether a world can be replayed.
pub fn is_world(word: &str) -> bool {
    [ACCESS_POLICY, TRANSACTION_GUARDRAIL].contains(&word)
}
