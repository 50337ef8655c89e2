//! Agents and the keys that are theirs.

use oneclaw_core::ids::AgentId;
use oneclaw_core::principal::Principal;
use oneclaw_store::{Agent, StoreError, Vault};
use serde_json::json;
use uuid::Uuid;

use crate::stage::{Stage, agent, at, event, id, open, path, policy, secret, vault};

crate::stories!(
    an_agent_comes_with_its_keys_and_the_vault_for_them,
    of_two_first_agents_one_brings_the_vault,
    an_update_changes_every_field,
    new_keys_come_with_the_agents_record_or_not_at_all,
    removed_agents_take_their_policies_along,
    last_active_times_are_written_in_the_end_and_never_go_back,
);

fn system_vault(stage_vault: Vault) -> Vault {
    Vault {
        name: "__agent-keys".to_owned(),
        is_system: true,
        ..stage_vault
    }
}

async fn an_agent_comes_with_its_keys_and_the_vault_for_them(stage: Stage) {
    let (org, user) = stage.account().await;
    let mut first = agent(&org);
    first.created_by = Some(user.id);
    let keys = system_vault(vault(&org, Principal::User(user.id)));
    assert_eq!(stage.store.system_vault(org.id).await.unwrap(), None);
    let at_path = format!("agents/{}/ssh/private_key", first.id);
    let private = secret(&keys, &at_path, None, 1);
    stage
        .store
        .create_agent(
            &first,
            Some(&keys),
            vec![private.clone()],
            event(&org, "agent.register"),
        )
        .await
        .unwrap();

    assert_eq!(
        stage.store.agent(org.id, first.id).await.unwrap(),
        Some(first.clone())
    );
    assert_eq!(
        stage.store.agents(org.id).await.unwrap(),
        vec![first.clone()]
    );
    let by_key = stage
        .store
        .agent_by_key_hash(first.key_hash.as_ref().unwrap(), at(0))
        .await
        .unwrap();
    assert_eq!(by_key.map(|(agent, _)| agent), Some(first.clone()));
    assert_eq!(
        stage
            .store
            .agent_by_key_hash(&[1; 32], at(0))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        stage.store.system_vault(org.id).await.unwrap(),
        Some(keys.clone())
    );
    let stored = stage
        .store
        .latest_readable(keys.id, &path(&at_path))
        .await
        .unwrap();
    assert_eq!(stored, Some(private));

    // The system vault is nobody's to see, to list or to count.
    assert!(stage.store.vaults(org.id).await.unwrap().is_empty());
    let me = Principal::User(user.id);
    assert!(
        stage
            .store
            .vaults_visible_to(org.id, me)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(stage.store.count_vaults(org.id).await.unwrap(), 0);
    assert_eq!(stage.store.count_secrets(org.id).await.unwrap(), 0);
    assert_eq!(stage.store.count_agents(org.id).await.unwrap(), 1);

    let (stranger, _) = stage.account().await;
    assert_eq!(
        stage.store.agent(stranger.id, first.id).await.unwrap(),
        None
    );
    // The last human does not leave an agent behind alone; with another owner, the human may go and the agent stays.
    let leave = event(&org, "org.member_delete");
    assert_eq!(
        stage.store.delete_user(user.id, leave).await,
        Err(StoreError::Conflict("not empty"))
    );
    stage.member(&org, &user, "other@example.com").await;
    stage
        .store
        .delete_user(user.id, event(&org, "org.member_delete"))
        .await
        .unwrap();
    let kept = stage.store.agent(org.id, first.id).await.unwrap().unwrap();
    assert_eq!(
        kept,
        Agent {
            created_by: None,
            ..first
        }
    );
}

async fn of_two_first_agents_one_brings_the_vault(stage: Stage) {
    let (org, user) = stage.account().await;
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (store, org) = (stage.store.clone(), org.clone());
        let keys = system_vault(vault(&org, Principal::User(user.id)));
        attempts.spawn(async move {
            let event = event(&org, "agent.register");
            store
                .create_agent(&agent(&org), Some(&keys), Vec::new(), event)
                .await
        });
    }
    let outcomes = attempts.join_all().await;
    let lost = Err(StoreError::Conflict("system vault"));
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(
        outcomes.iter().filter(|outcome| **outcome == lost).count(),
        3
    );
    assert_eq!(stage.store.count_agents(org.id).await.unwrap(), 1);
    assert_eq!(stage.sound_chain(org.id).await, 2);
}

async fn an_update_changes_every_field(stage: Stage) {
    let (org, _) = stage.account().await;
    let before = stage.agent(&org).await;
    let changed = Agent {
        name: "other".to_owned(),
        description: String::new(),
        scopes: Vec::new(),
        is_active: false,
        expires_at: None,
        api_key_expires_at: Some(at(77)),
        token_ttl_seconds: None,
        vault_ids: Vec::new(),
        intents_api_enabled: false,
        environment: None,
        profile: json!({}),
        ssh_public_key: None,
        ecdh_public_key: Some("ZWNkaA==".to_owned()),
        ..before.clone()
    };
    // The key is not among them: whoever read the record before a rotation must not undo it.
    let asked = Agent {
        key_prefix: Some("ocv_other".to_owned()),
        key_hash: Some(vec![8; 32]),
        ..changed.clone()
    };
    stage
        .store
        .update_agent(&asked, event(&org, "agent.update"))
        .await
        .unwrap();
    assert_eq!(
        stage.store.agent(org.id, before.id).await.unwrap(),
        Some(changed)
    );
    let unknown = Agent {
        id: AgentId::from_uuid(id()),
        ..before
    };
    let outcome = stage
        .store
        .update_agent(&unknown, event(&org, "agent.update"))
        .await;
    assert_eq!(outcome, Err(StoreError::NotFound));
}

async fn new_keys_come_with_the_agents_record_or_not_at_all(stage: Stage) {
    let (org, user) = stage.account().await;
    let mut worker = agent(&org);
    let keys = system_vault(vault(&org, Principal::User(user.id)));
    let first = secret(&keys, "agents/a/ssh/private_key", None, 1);
    stage
        .store
        .create_agent(
            &worker,
            Some(&keys),
            vec![first.clone()],
            event(&org, "agent.register"),
        )
        .await
        .unwrap();
    worker.ssh_public_key = Some("bmV3".to_owned());
    let second = secret(&keys, "agents/a/ssh/private_key", Some(first.0), 2);
    let rotated = event(&org, "agent.rotate_identity_keys");
    stage
        .store
        .update_agent_keys(&worker, vec![second.clone()], rotated)
        .await
        .unwrap();
    let at_path = path("agents/a/ssh/private_key");
    let (_, newest) = stage
        .store
        .latest_readable(keys.id, &at_path)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(newest.version, 2);

    worker.ssh_public_key = Some("bGF0ZQ==".to_owned());
    let stale = event(&org, "agent.rotate_identity_keys");
    let outcome = stage
        .store
        .update_agent_keys(&worker, vec![second], stale)
        .await;
    assert_eq!(outcome, Err(StoreError::Conflict("version")));
    let stored = stage.store.agent(org.id, worker.id).await.unwrap().unwrap();
    assert_eq!(stored.ssh_public_key.as_deref(), Some("bmV3"));
    assert_eq!(stage.sound_chain(org.id).await, 3);
}

async fn removed_agents_take_their_policies_along(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let (one, two, kept) = (
        stage.agent(&org).await,
        stage.agent(&org).await,
        stage.agent(&org).await,
    );
    for agent in [&one, &two, &kept] {
        let rule = policy(&vault, Principal::Agent(agent.id), "a/**");
        stage
            .store
            .create_policy(&rule, event(&org, "policy.create"))
            .await
            .unwrap();
    }
    let unknown = AgentId::from_uuid(Uuid::from_u128(1));
    let mismatch = stage
        .store
        .delete_agents(org.id, &[one.id], Vec::new())
        .await;
    assert_eq!(mismatch, Err(StoreError::Conflict("events")));

    let ids = [two.id, unknown, one.id];
    let events = ids.map(|id| {
        let mut event = event(&org, "agent.delete");
        event.resource_id = id.to_string();
        event
    });
    let removed = stage
        .store
        .delete_agents(org.id, &ids, events.to_vec())
        .await
        .unwrap();
    assert_eq!(removed, vec![one.id, two.id]);

    assert_eq!(
        stage.store.agents(org.id).await.unwrap(),
        vec![kept.clone()]
    );
    let left = stage.store.policies(vault.id).await.unwrap();
    assert_eq!(
        left.iter()
            .map(|p| p.audience.principal())
            .collect::<Vec<_>>(),
        [Some(Principal::Agent(kept.id))]
    );
    let revision = async |agent: &Agent| {
        let caller = Principal::Agent(agent.id);
        stage
            .store
            .vault_access(org.id, vault.id, caller)
            .await
            .unwrap()
            .unwrap()
            .1
            .policies
    };
    assert_eq!(
        (
            revision(&one).await,
            revision(&two).await,
            revision(&kept).await
        ),
        (2, 2, 1)
    );
    let actions = stage.actions(org.id).await;
    assert_eq!(
        actions
            .iter()
            .filter(|action| *action == "agent.delete")
            .count(),
        2
    );
    stage.sound_chain(org.id).await;
}

async fn last_active_times_are_written_in_the_end_and_never_go_back(stage: Stage) {
    let (org, _) = stage.account().await;
    let (busy, idle) = (stage.agent(&org).await, stage.agent(&org).await);
    for ms in [500, 900, 700] {
        stage.store.touch_agent(busy.id, at(ms)).await;
    }
    stage
        .store
        .touch_agent(AgentId::from_uuid(id()), at(1))
        .await;
    stage.store.close().await;

    let store = open(&stage.url).await;
    let seen = async |agent: &Agent, store: &oneclaw_store::Store| {
        store
            .agent(org.id, agent.id)
            .await
            .unwrap()
            .unwrap()
            .last_active_at
    };
    assert_eq!(seen(&busy, &store).await, Some(at(900)));
    assert_eq!(seen(&idle, &store).await, None);
    store.touch_agent(busy.id, at(100)).await;
    store.close().await;
    let store = open(&stage.url).await;
    assert_eq!(seen(&busy, &store).await, Some(at(900)));
}
