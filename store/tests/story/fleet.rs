//! Thousands of agents: labels, pages, and policies that are about many at once.

use oneclaw_core::audience::Audience;
use oneclaw_core::ids::VaultId;
use oneclaw_core::principal::{Principal, PrincipalKind};
use oneclaw_store::{
    Agent, AgentFilter, ClientKey, GuardrailScope, KeyRotation, Org, Policy, PolicyRevision,
    Provisioned, Provisioning, StoreError, Vault,
};
use serde_json::json;

use crate::stage::{Stage, agent, at, event, open, policy, secret, vault};

crate::stories!(
    pages_show_every_agent_once_and_in_order,
    filters_go_together,
    policies_for_many_reach_those_they_are_about_and_no_others,
    one_change_of_a_policy_for_many_changes_a_row_and_shows_for_each,
    what_an_agent_is_called_shows_in_its_revision_alone,
    a_name_belongs_to_whom_it_was_given_first,
    labels_go_with_their_agent,
    old_keys_count_until_their_overlap_ends_and_never_longer,
    a_fleet_is_stored_whole_or_not_at_all,
    guardrails_for_many_are_numbered_without_gaps_and_found_by_label,
);

async fn enlist(stage: &Stage, org: &Org, name: &str, labels: serde_json::Value) -> Agent {
    let agent = Agent {
        name: name.to_owned(),
        profile: json!({"labels": labels}),
        ..agent(org)
    };
    stage
        .store
        .create_agent(&agent, None, Vec::new(), event(org, "agent.register"))
        .await
        .unwrap();
    agent
}

async fn grant(stage: &Stage, org: &Org, vault: &Vault, to: &str, pattern: &str) -> Policy {
    let nobody = Principal::User(oneclaw_core::ids::UserId::from_uuid(vault.id.as_uuid()));
    let policy = Policy {
        audience: Audience::parse(PrincipalKind::Agent, to).unwrap(),
        ..policy(vault, nobody, pattern)
    };
    stage
        .store
        .create_policy(&policy, event(org, "policy.create"))
        .await
        .unwrap();
    policy
}

async fn revision(stage: &Stage, org: &Org, vault: VaultId, agent: &Agent) -> PolicyRevision {
    let caller = Principal::Agent(agent.id);
    let access = stage.store.vault_access(org.id, vault, caller).await;
    access.unwrap().unwrap().1
}

async fn change(stage: &Stage, org: &Org, agent: &Agent) {
    stage
        .store
        .update_agent(agent, event(org, "agent.update"))
        .await
        .unwrap();
}

async fn pages_show_every_agent_once_and_in_order(stage: Stage) {
    let (org, _) = stage.account().await;
    let (stranger, _) = stage.account().await;
    enlist(&stage, &stranger, "other", json!({"team": "red"})).await;
    let mut agents = Vec::new();
    for n in 0..23 {
        // Several have the very same age.
        let agent = Agent {
            name: format!("worker-{n}"),
            created_at: at(n / 5),
            profile: json!({"labels": {"team": if n % 2 == 0 { "red" } else { "blue" }}}),
            ..agent(&org)
        };
        stage
            .store
            .create_agent(&agent, None, Vec::new(), event(&org, "agent.register"))
            .await
            .unwrap();
        agents.push(agent);
    }
    for (labels, expected) in [
        (None, agents.clone()),
        (
            Some("team=red".parse().unwrap()),
            agents.iter().step_by(2).cloned().collect(),
        ),
    ] {
        let mut filter = AgentFilter {
            labels,
            limit: Some(5),
            ..AgentFilter::default()
        };
        let mut seen = Vec::new();
        loop {
            let page = stage.store.agent_page(org.id, &filter).await.unwrap();
            assert!(page.agents.len() <= 5);
            seen.extend(page.agents);
            filter.after = page.next;
            if filter.after.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected);
        filter.limit = None;
        let all = stage.store.agent_page(org.id, &filter).await.unwrap();
        assert_eq!((all.agents, all.next), (expected, None));
    }
}

async fn filters_go_together(stage: Stage) {
    let (org, _) = stage.account().await;
    let red = enlist(
        &stage,
        &org,
        "Web_1",
        json!({"team": "red", "stage": "prod"}),
    )
    .await;
    let blue = enlist(
        &stage,
        &org,
        "web-1",
        json!({"team": "blue", "stage": "prod"}),
    )
    .await;
    let mut idle = enlist(&stage, &org, "idle", json!({"team": "red"})).await;
    idle.is_active = false;
    change(&stage, &org, &idle).await;

    let found = async |labels: &str, name: &str, is_active: Option<bool>| {
        let filter = AgentFilter {
            labels: (!labels.is_empty()).then(|| labels.parse().unwrap()),
            name_contains: (!name.is_empty()).then(|| name.to_owned()),
            is_active,
            ..AgentFilter::default()
        };
        let page = stage.store.agent_page(org.id, &filter).await.unwrap();
        page.agents.into_iter().map(|a| a.id).collect::<Vec<_>>()
    };
    assert_eq!(found("", "", None).await, [red.id, blue.id, idle.id]);
    assert_eq!(found("team=red", "", None).await, [red.id, idle.id]);
    assert_eq!(found("team=red,stage=prod", "", None).await, [red.id]);
    assert_eq!(found("team=red", "", Some(false)).await, [idle.id]);
    assert_eq!(found("", "", Some(true)).await, [red.id, blue.id]);
    assert_eq!(found("", "WEB", None).await, [red.id, blue.id]);
    // `_` and `%` mean themselves.
    assert_eq!(found("", "web_", None).await, [red.id]);
    assert_eq!(found("", "%", None).await, []);
    assert_eq!(found("team=green", "", None).await, []);
}

async fn policies_for_many_reach_those_they_are_about_and_no_others(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let both = enlist(
        &stage,
        &org,
        "both",
        json!({"team": "red", "stage": "prod"}),
    )
    .await;
    let red = enlist(&stage, &org, "red", json!({"team": "red"})).await;
    let none = enlist(&stage, &org, "none", json!({})).await;
    let every = grant(&stage, &org, &vault, "*", "every/*").await;
    let labelled = grant(&stage, &org, &vault, "label:team=red", "team/*").await;
    let narrow = grant(&stage, &org, &vault, "label:stage=prod,team=red", "x/*").await;
    let own = grant(&stage, &org, &vault, &none.id.to_string(), "own/*").await;

    let about = async |caller: Principal| {
        let about = stage.store.policies_for(vault.id, caller).await.unwrap();
        about.policies.into_iter().map(|p| p.id).collect::<Vec<_>>()
    };
    assert_eq!(
        about(Principal::Agent(both.id)).await,
        [every.id, labelled.id, narrow.id]
    );
    assert_eq!(
        about(Principal::Agent(red.id)).await,
        [every.id, labelled.id]
    );
    assert_eq!(about(Principal::Agent(none.id)).await, [every.id, own.id]);
    assert_eq!(about(Principal::User(user.id)).await, []);
    assert_eq!(
        stage.store.policy(vault.id, narrow.id).await.unwrap(),
        Some(narrow.clone())
    );

    // The same policies open the vault to the eye and make scopes.
    let (patterns, words) = stage
        .store
        .patterns_granted_to(org.id, Principal::Agent(both.id), at(0))
        .await
        .unwrap();
    assert_eq!(patterns, ["every/*", "team/*", "x/*"]);
    assert_eq!(words.unwrap().name.as_deref(), Some("both"));
    let visible = async |org, agent: &Agent| {
        let caller = Principal::Agent(agent.id);
        stage
            .store
            .vaults_visible_to(org, caller)
            .await
            .unwrap()
            .len()
    };
    assert_eq!(visible(org.id, &red).await, 1);
    // Another organisation's agents have nothing to do with them.
    let (stranger, _) = stage.account().await;
    let theirs = enlist(&stage, &stranger, "theirs", json!({"team": "red"})).await;
    assert_eq!(visible(stranger.id, &theirs).await, 0);
    let caller = Principal::Agent(theirs.id);
    let outcome = stage
        .store
        .patterns_granted_to(stranger.id, caller, at(0))
        .await;
    assert!(outcome.unwrap().0.is_empty());
}

async fn one_change_of_a_policy_for_many_changes_a_row_and_shows_for_each(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let mut agents = Vec::new();
    for n in 0..20 {
        let team = if n % 2 == 0 { "red" } else { "blue" };
        agents.push(enlist(&stage, &org, &format!("a{n}"), json!({"team": team})).await);
    }
    let every = grant(&stage, &org, &vault, "*", "every/*").await;
    let red = grant(&stage, &org, &vault, "label:team=red", "red/*").await;
    let rows = "SELECT count(*) FROM policy_sets";
    assert_eq!(stage.number(rows).await, 2);
    let sum = "SELECT CAST(sum(revision) AS BIGINT) FROM policy_sets";
    let before = stage.number(sum).await;
    let mut seen = Vec::new();
    for agent in &agents {
        seen.push(revision(&stage, &org, vault.id, agent).await);
    }
    stage
        .store
        .update_policy(&every, event(&org, "policy.update"))
        .await
        .unwrap();
    assert_eq!(stage.number(sum).await, before + 1);
    for (agent, before) in agents.iter().zip(&mut seen) {
        let now = revision(&stage, &org, vault.id, agent).await;
        assert!(now > *before);
        *before = now;
    }
    stage
        .store
        .delete_policy(vault.id, red.id, event(&org, "policy.delete"))
        .await
        .unwrap();
    for (n, (agent, before)) in agents.iter().zip(&seen).enumerate() {
        let now = revision(&stage, &org, vault.id, agent).await;
        assert_eq!(now > *before, n % 2 == 0, "{n}");
    }
    assert_eq!(stage.number(rows).await, 2);
}

async fn what_an_agent_is_called_shows_in_its_revision_alone(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let mut agent = enlist(&stage, &org, "a", json!({"team": "red"})).await;
    let other = enlist(&stage, &org, "b", json!({"team": "red"})).await;
    grant(&stage, &org, &vault, "label:team=red", "red/*").await;
    let elsewhere = open(&stage.url).await;
    let mut last = revision(&stage, &org, vault.id, &agent).await;
    let untouched = revision(&stage, &org, vault.id, &other).await;

    for (name, labels, is_seen) in [
        ("a", json!({"team": "red"}), false),
        ("c", json!({"team": "red"}), true),
        ("c", json!({"team": "blue"}), true),
        // Back again is not the same as never having left.
        ("c", json!({"team": "red"}), true),
        ("c", json!({}), true),
    ] {
        agent.name = name.to_owned();
        agent.description.push('.');
        agent.profile = json!({ "labels": labels });
        change(&stage, &org, &agent).await;
        let now = revision(&stage, &org, vault.id, &agent).await;
        assert_eq!(now > last, is_seen, "{name} {labels}");
        let caller = Principal::Agent(agent.id);
        let there = elsewhere.vault_access(org.id, vault.id, caller).await;
        assert_eq!(there.unwrap().unwrap().1, now);
        let about = elsewhere.policies_for(vault.id, caller).await.unwrap();
        assert_eq!(about.policies.len(), usize::from(labels["team"] == "red"));
        let words = about.words.unwrap();
        assert_eq!(words.name.as_deref(), Some(name));
        assert_eq!(json!(words.labels), labels);
        last = now;
    }
    assert_eq!(revision(&stage, &org, vault.id, &other).await, untouched);
}

async fn a_name_belongs_to_whom_it_was_given_first(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let mut first = enlist(&stage, &org, "worker", json!({})).await;
    let second = enlist(&stage, &org, "worker", json!({})).await;
    let third = enlist(&stage, &org, "worker", json!({})).await;
    let mut old = enlist(&stage, &org, "old", json!({})).await;
    let name = async |agent: &Agent| {
        let caller = Principal::Agent(agent.id);
        let about = stage.store.policies_for(vault.id, caller).await.unwrap();
        about.words.unwrap().name
    };
    assert_eq!(name(&first).await.as_deref(), Some("worker"));
    assert_eq!(name(&second).await, None);
    // Another organisation's names are its own.
    let (stranger, _) = stage.account().await;
    let theirs = enlist(&stage, &stranger, "worker", json!({})).await;
    assert_eq!(name(&theirs).await.as_deref(), Some("worker"));
    // Taking a name that others have puts one behind them.
    old.name = "worker".to_owned();
    change(&stage, &org, &old).await;
    assert_eq!(name(&old).await, None);
    assert_eq!(name(&first).await.as_deref(), Some("worker"));

    // Giving it up hands it to the next, who sees it at once.
    let before = revision(&stage, &org, vault.id, &second).await;
    first.name = "somebody".to_owned();
    change(&stage, &org, &first).await;
    assert!(revision(&stage, &org, vault.id, &second).await > before);
    assert_eq!(name(&second).await.as_deref(), Some("worker"));
    first.name = "worker".to_owned();
    change(&stage, &org, &first).await;
    assert_eq!(name(&first).await, None);

    let before = revision(&stage, &org, vault.id, &third).await;
    stage
        .store
        .delete_agents(org.id, &[second.id], vec![event(&org, "agent.delete")])
        .await
        .unwrap();
    assert!(revision(&stage, &org, vault.id, &third).await > before);
    assert_eq!(name(&third).await.as_deref(), Some("worker"));
    assert_eq!(name(&old).await, None);
}

async fn labels_go_with_their_agent(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let agent = enlist(&stage, &org, "a", json!({"team": "red", "stage": "prod"})).await;
    let rule = grant(&stage, &org, &vault, "label:stage=prod,team=red", "a").await;
    let labels = "SELECT count(*) FROM agent_labels";
    assert_eq!(stage.number(labels).await, 2);
    stage
        .store
        .delete_agents(org.id, &[agent.id], vec![event(&org, "agent.delete")])
        .await
        .unwrap();
    assert_eq!(stage.number(labels).await, 0);
    // The policy is not about one agent, and stays.
    assert!(
        stage
            .store
            .policy(vault.id, rule.id)
            .await
            .unwrap()
            .is_some()
    );
    stage
        .store
        .delete_vault(vault.id, event(&org, "vault.delete"))
        .await
        .unwrap();
    let asked = "SELECT count(*) FROM policy_labels";
    assert_eq!(stage.number(asked).await, 0);
}

fn rotation(org: &Org, agent: &Agent, byte: u8) -> KeyRotation {
    KeyRotation {
        agent: agent.id,
        key_prefix: format!("ocv_{byte}"),
        key_hash: vec![byte; 32],
        event: event(org, "agent.rotate_key"),
    }
}

async fn old_keys_count_until_their_overlap_ends_and_never_longer(stage: Stage) {
    let (org, _) = stage.account().await;
    let (stranger, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let theirs = stage.agent(&stranger).await;
    let first = agent.key_hash.clone().unwrap();
    let bearer = async |hash: &[u8], now| {
        let found = stage.store.agent_by_key_hash(hash, at(now)).await.unwrap();
        found.map(|(agent, _)| agent.id)
    };
    // Another organisation's agent is left out.
    let rotations = vec![rotation(&org, &agent, 1), rotation(&org, &theirs, 2)];
    let rotated = stage
        .store
        .rotate_agent_keys(org.id, rotations, Some(at(100)))
        .await
        .unwrap();
    assert_eq!(rotated, [agent.id]);
    assert_eq!(bearer(&[2; 32], 0).await, None);
    assert_eq!(bearer(&[1; 32], 0).await, Some(agent.id));
    assert_eq!(bearer(&first, 99).await, Some(agent.id));
    assert_eq!(bearer(&first, 100).await, None);
    // One old key counts at most.
    let next = vec![rotation(&org, &agent, 3)];
    stage
        .store
        .rotate_agent_keys(org.id, next, Some(at(100)))
        .await
        .unwrap();
    assert_eq!(bearer(&first, 50).await, None);
    assert_eq!(bearer(&[1; 32], 50).await, Some(agent.id));
    let last = vec![rotation(&org, &agent, 4)];
    stage
        .store
        .rotate_agent_keys(org.id, last, None)
        .await
        .unwrap();
    assert_eq!(bearer(&[3; 32], 0).await, None);
    assert_eq!(bearer(&[4; 32], 0).await, Some(agent.id));
    let clash = stage
        .store
        .rotate_agent_keys(org.id, vec![rotation(&org, &agent, 4)], Some(at(9)))
        .await;
    assert!(clash.is_ok(), "a key may be its own successor");
    let other = stage.agent(&org).await;
    let clash = stage
        .store
        .rotate_agent_keys(org.id, vec![rotation(&org, &other, 4)], None)
        .await;
    assert_eq!(clash, Err(StoreError::Conflict("agent")));
    let rows = "SELECT count(*) FROM old_agent_keys";
    assert_eq!(stage.number(rows).await, 1);
    stage.store.purge_expired(at(1_000)).await.unwrap();
    assert_eq!(stage.number(rows).await, 0);
}

async fn a_fleet_is_stored_whole_or_not_at_all(stage: Stage) {
    let (org, user) = stage.account().await;
    let me = Principal::User(user.id);
    let fleet = |name: &str, digest: u8| {
        let system = Vault {
            is_system: true,
            ..vault(&org, me)
        };
        let shared = vault(&org, me);
        let agents: Vec<_> = (0..3)
            .map(|n| {
                let agent = Agent {
                    name: format!("{name}-{n}"),
                    profile: json!({"labels": {"team": name}}),
                    ..agent(&org)
                };
                let at_path = format!("agents/{}/ssh/private_key", agent.id);
                (agent, vec![secret(&system, &at_path, None, 1)])
            })
            .collect();
        Provisioning {
            under: Some(ClientKey {
                key: "k".to_owned(),
                body_digest: vec![digest],
                result: json!({"made": name}),
                at: at(0),
            }),
            policies: vec![policy(&shared, Principal::Agent(agents[0].0.id), "a")],
            system_vault: Some(system),
            vaults: vec![shared],
            agents,
            events: vec![event(&org, "agent.register")],
        }
    };
    let before = stage.sound_chain(org.id).await;
    // A policy for a vault that is not there undoes everything, the client's key included.
    let mut broken = fleet("red", 1);
    broken.policies[0].vault_id = VaultId::from_uuid(org.id.as_uuid());
    let outcome = stage.store.provision(org.id, broken).await;
    assert_eq!(outcome, Err(StoreError::NotFound));
    assert_eq!(stage.store.count_agents(org.id).await.unwrap(), 0);
    assert_eq!(stage.sound_chain(org.id).await, before);

    let done = stage.store.provision(org.id, fleet("red", 1)).await;
    assert_eq!(done, Ok(Provisioned::Done));
    assert_eq!(stage.store.count_agents(org.id).await.unwrap(), 3);
    assert_eq!(stage.sound_chain(org.id).await, before + 1);
    let again = stage.store.provision(org.id, fleet("red", 1)).await;
    let told = json!({"made": "red"});
    assert_eq!(again, Ok(Provisioned::Before(told.clone())));
    let other = stage.store.provision(org.id, fleet("red", 2)).await;
    assert_eq!(other, Ok(Provisioned::OtherRequest));
    let known = async |now| stage.store.provisioned_under(org.id, "k", at(now)).await;
    assert_eq!(known(86_399_999).await, Ok(Some((vec![1], told))));
    assert_eq!(known(86_400_000).await, Ok(None));
    let (stranger, _) = stage.account().await;
    let theirs = stage.store.provisioned_under(stranger.id, "k", at(0)).await;
    assert_eq!(theirs, Ok(None));
    let labelled = AgentFilter {
        labels: Some("team=red".parse().unwrap()),
        ..AgentFilter::default()
    };
    let page = stage.store.agent_page(org.id, &labelled).await.unwrap();
    assert_eq!(page.agents.len(), 3);
    stage.store.purge_expired(at(86_400_001)).await.unwrap();
    assert_eq!(stage.number("SELECT count(*) FROM provisionings").await, 0);
}

async fn guardrails_for_many_are_numbered_without_gaps_and_found_by_label(stage: Stage) {
    let (org, user) = stage.account().await;
    let me = Principal::User(user.id);
    let red = enlist(&stage, &org, "red", json!({"team": "red"})).await;
    let plain = enlist(&stage, &org, "plain", json!({})).await;
    let scopes = [
        GuardrailScope::Organisation,
        GuardrailScope::Label("team=red".parse().unwrap()),
        GuardrailScope::Label("team=blue".parse().unwrap()),
    ];
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..12 {
        let (store, org) = (stage.store.clone(), org.clone());
        let scope = scopes[n % 3].clone();
        writers.spawn(async move {
            let document = json!({"tx_max_per_day": n});
            store
                .set_fleet_guardrails(
                    org.id,
                    &scope,
                    Some(&document),
                    me,
                    event(&org, "guardrails.set"),
                )
                .await
                .unwrap()
                .unwrap()
        });
    }
    let mut numbers = writers.join_all().await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>());

    let held = async |agent: &Agent| {
        let of = stage
            .store
            .fleet_guardrails_for(org.id, agent.id)
            .await
            .unwrap();
        let revisions = stage
            .store
            .fleet_guardrail_revisions(org.id, agent.id)
            .await
            .unwrap();
        assert_eq!(
            revisions,
            of.iter().map(|one| one.revision).collect::<Vec<_>>()
        );
        of.into_iter()
            .map(|one| one.scope)
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(
        held(&red).await.into_iter().collect::<Vec<_>>(),
        scopes[..2]
    );
    assert_eq!(
        held(&plain).await.into_iter().collect::<Vec<_>>(),
        scopes[..1]
    );
    let remove = async || {
        stage
            .store
            .set_fleet_guardrails(
                org.id,
                &scopes[0],
                None,
                me,
                event(&org, "guardrails.remove"),
            )
            .await
            .unwrap()
    };
    assert_eq!(remove().await, Some(13));
    // Nothing to take away, nothing recorded.
    assert_eq!(remove().await, None);
    assert!(held(&plain).await.is_empty());
    let changes = stage
        .store
        .guardrail_revisions(org.id, i64::MAX, 3)
        .await
        .unwrap();
    let numbers: Vec<i64> = changes.iter().map(|change| change.revision).collect();
    assert_eq!(numbers, [13, 12, 11]);
    assert_eq!(
        (changes[0].document.as_ref(), &changes[0].scope),
        (None, &scopes[0])
    );
    let older = stage
        .store
        .guardrail_revisions(org.id, 2, 10)
        .await
        .unwrap();
    assert_eq!(older.len(), 1);
    // Twelve of them, the removal, and what the stage did: the organisation and two agents.
    assert_eq!(stage.sound_chain(org.id).await, 16);
}
