//! Vaults, policies, and the revisions by which a cache sees a change.

use oneclaw_core::audience::Audience;
use oneclaw_core::ids::{AgentId, VaultId};
use oneclaw_core::principal::Principal;
use oneclaw_core::request::Permission;
use oneclaw_store::{Policy, StoreError, Vault};
use serde_json::json;

use crate::stage::{Stage, at, event, event_in, id, open, path, policy, vault};

crate::stories!(
    a_policy_is_found_again_exactly_as_it_was_written,
    every_change_of_a_callers_policies_raises_its_revision_and_nobody_elses,
    a_vault_is_visible_to_its_maker_and_to_whom_it_is_opened,
    a_vault_goes_with_everything_in_it,
    patterns_in_force_are_those_that_allow_and_have_not_expired,
    many_enrolments_at_once_leave_every_revision_right,
);

async fn a_policy_is_found_again_exactly_as_it_was_written(stage: Stage) {
    let (org, user) = stage.account().await;
    let me = Principal::User(user.id);
    let vault = stage.vault(&org, me).await;
    let written = policy(&vault, Principal::Agent(AgentId::from_uuid(id())), "a/*");
    stage
        .store
        .create_policy(&written, event(&org, "policy.create"))
        .await
        .unwrap();
    let other = policy(&vault, me, "b/*");
    stage
        .store
        .create_policy(&other, event(&org, "policy.create"))
        .await
        .unwrap();

    let (store, id) = (&stage.store, written.id);
    assert_eq!(
        store.policy(vault.id, id).await.unwrap(),
        Some(written.clone())
    );
    assert_eq!(
        store
            .policy(VaultId::from_uuid(other.id.as_uuid()), id)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        store.policies(vault.id).await.unwrap(),
        vec![written.clone(), other]
    );
    let mine = store
        .policies_for(vault.id, written.audience.principal().unwrap())
        .await
        .unwrap();
    assert_eq!(mine.policies, vec![written.clone()]);

    let changed = Policy {
        permissions: vec![Permission::Write],
        conditions: json!({}),
        allow: false,
        priority: u32::MAX,
        expires_at: None,
        extras: json!({"tx_conditions": {"b": 1, "a": 2}}),
        ..written.clone()
    };
    // What may never change does not change.
    let asked = Policy {
        pattern: "**".to_owned(),
        audience: Audience::EveryAgent,
        ..changed.clone()
    };
    store
        .update_policy(&asked, event(&org, "policy.update"))
        .await
        .unwrap();
    assert_eq!(store.policy(vault.id, id).await.unwrap(), Some(changed));

    let twice = store
        .create_policy(&written, event(&org, "policy.create"))
        .await;
    assert_eq!(twice, Err(StoreError::Conflict("policy")));
    let nowhere = policy(
        &Vault {
            id: VaultId::from_uuid(org.id.as_uuid()),
            ..vault.clone()
        },
        me,
        "**",
    );
    let outcome = store
        .create_policy(&nowhere, event(&org, "policy.create"))
        .await;
    assert_eq!(outcome, Err(StoreError::NotFound));
    store
        .delete_policy(vault.id, id, event(&org, "policy.delete"))
        .await
        .unwrap();
    let outcome = store
        .delete_policy(vault.id, id, event(&org, "policy.delete"))
        .await;
    assert_eq!(outcome, Err(StoreError::NotFound));
    assert_eq!(stage.sound_chain(org.id).await, 6);
}

async fn every_change_of_a_callers_policies_raises_its_revision_and_nobody_elses(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let (ours, theirs) = (
        Principal::Agent(AgentId::from_uuid(id())),
        Principal::Agent(AgentId::from_uuid(id())),
    );
    // Another node, with its own connections.
    let elsewhere = open(&stage.url).await;
    let revision = async |caller| {
        let here = stage
            .store
            .vault_access(org.id, vault.id, caller)
            .await
            .unwrap()
            .unwrap();
        let there = elsewhere
            .vault_access(org.id, vault.id, caller)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(here, there);
        here.1.policies
    };
    assert_eq!(revision(ours).await, 0);
    let rule = policy(&vault, ours, "a/**");
    stage
        .store
        .create_policy(&rule, event(&org, "policy.create"))
        .await
        .unwrap();
    assert_eq!(revision(ours).await, 1);
    stage
        .store
        .update_policy(&rule, event(&org, "policy.update"))
        .await
        .unwrap();
    assert_eq!(revision(ours).await, 2);
    stage
        .store
        .delete_policy(vault.id, rule.id, event(&org, "policy.delete"))
        .await
        .unwrap();
    assert_eq!(revision(ours).await, 3);
    // Not back to the beginning, though there is no policy.
    stage
        .store
        .create_policy(&rule, event(&org, "policy.create"))
        .await
        .unwrap();
    assert_eq!(revision(ours).await, 4);
    assert_eq!(revision(theirs).await, 0);
    // A human with the id of an agent is somebody else.
    let namesake = Principal::User(oneclaw_core::ids::UserId::from_uuid(ours.uuid()));
    assert_eq!(revision(namesake).await, 0);

    let (stranger, _) = stage.account().await;
    assert_eq!(
        stage
            .store
            .vault_access(stranger.id, vault.id, ours)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        stage.store.vault(stranger.id, vault.id).await.unwrap(),
        None
    );
}

async fn a_vault_is_visible_to_its_maker_and_to_whom_it_is_opened(stage: Stage) {
    let (org, user) = stage.account().await;
    let (maker, friend, foe) = (
        Principal::User(user.id),
        Principal::Agent(AgentId::from_uuid(id())),
        Principal::Agent(AgentId::from_uuid(id())),
    );
    let open_vault = vault(&org, maker);
    let rule = policy(&open_vault, friend, "**");
    let created = event(&org, "vault.create");
    stage
        .store
        .create_vault(&open_vault, Some(&rule), created)
        .await
        .unwrap();
    let shut = stage.vault(&org, friend).await;
    let deny = Policy {
        allow: false,
        ..policy(&open_vault, foe, "**")
    };
    stage
        .store
        .create_policy(&deny, event(&org, "policy.create"))
        .await
        .unwrap();

    let visible = async |caller| {
        let vaults = stage.store.vaults_visible_to(org.id, caller).await.unwrap();
        vaults.into_iter().map(|vault| vault.id).collect::<Vec<_>>()
    };
    assert_eq!(visible(maker).await, [open_vault.id]);
    assert_eq!(visible(friend).await, [open_vault.id, shut.id]);
    assert_eq!(visible(foe).await, []);
    assert_eq!(
        stage.store.vaults(org.id).await.unwrap(),
        [open_vault.clone(), shut]
    );
    assert_eq!(
        stage.store.vault(org.id, open_vault.id).await.unwrap(),
        Some(open_vault.clone())
    );
    assert_eq!(stage.store.count_vaults(org.id).await.unwrap(), 2);
    assert_eq!(
        stage
            .store
            .vault_access(org.id, open_vault.id, friend)
            .await
            .unwrap()
            .unwrap()
            .1
            .policies,
        1
    );
    let (stranger, _) = stage.account().await;
    assert!(
        stage
            .store
            .vaults_visible_to(stranger.id, friend)
            .await
            .unwrap()
            .is_empty()
    );
    let twice = stage
        .store
        .create_vault(&open_vault, None, event(&org, "vault.create"))
        .await;
    assert_eq!(twice, Err(StoreError::Conflict("vault")));
}

async fn a_vault_goes_with_everything_in_it(stage: Stage) {
    let (org, user) = stage.account().await;
    let me = Principal::User(user.id);
    let (doomed, kept) = (stage.vault(&org, me).await, stage.vault(&org, me).await);
    for vault in [&doomed, &kept] {
        stage.put(vault, "a", None).await;
        stage.put(vault, "a", None).await;
        let rule = policy(vault, me, "**");
        stage
            .store
            .create_policy(&rule, event(&org, "policy.create"))
            .await
            .unwrap();
    }
    stage
        .store
        .delete_vault(doomed.id, event(&org, "vault.delete"))
        .await
        .unwrap();
    assert_eq!(
        stage
            .store
            .vault_access(org.id, doomed.id, me)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        stage.store.secret(doomed.id, &path("a")).await.unwrap(),
        None
    );
    assert_eq!(stage.number("SELECT count(*) FROM secrets").await, 1);
    assert_eq!(
        stage.number("SELECT count(*) FROM secret_versions").await,
        2
    );
    assert_eq!(stage.number("SELECT count(*) FROM policies").await, 1);
    assert_eq!(
        stage.number("SELECT max(revision) FROM policy_sets").await,
        2
    );
    let again = stage
        .store
        .delete_vault(doomed.id, event(&org, "vault.delete"))
        .await;
    assert_eq!(again, Err(StoreError::NotFound));
    // Whoever was writing to it learns that it is gone.
    let late = crate::stage::secret(&doomed, "b", None, 1);
    let outcome = stage
        .store
        .put_version(&late.0, &late.1, event(&org, "secret.write"))
        .await;
    assert_eq!(outcome, Err(StoreError::NotFound));
}

async fn patterns_in_force_are_those_that_allow_and_have_not_expired(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let other = stage.vault(&org, Principal::User(user.id)).await;
    let agent = Principal::Agent(AgentId::from_uuid(id()));
    for rule in [
        policy(&vault, agent, "b/*"),
        policy(&other, agent, "b/*"),
        Policy {
            expires_at: None,
            ..policy(&other, agent, "a/*")
        },
        Policy {
            expires_at: Some(at(100)),
            ..policy(&vault, agent, "expired")
        },
        Policy {
            allow: false,
            ..policy(&vault, agent, "denied")
        },
    ] {
        stage
            .store
            .create_policy(&rule, event(&org, "policy.create"))
            .await
            .unwrap();
    }
    let patterns = async |org, caller, now| {
        stage
            .store
            .patterns_granted_to(org, caller, now)
            .await
            .unwrap()
            .0
    };
    assert_eq!(patterns(org.id, agent, at(100)).await, ["a/*", "b/*"]);
    assert_eq!(
        patterns(org.id, agent, at(99)).await,
        ["a/*", "b/*", "expired"]
    );
    let (stranger, _) = stage.account().await;
    assert!(patterns(stranger.id, agent, at(0)).await.is_empty());
}

async fn many_enrolments_at_once_leave_every_revision_right(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let callers: Vec<_> = (0..4)
        .map(|_| Principal::Agent(AgentId::from_uuid(id())))
        .collect();
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..40 {
        let store = stage.store.clone();
        let rule = policy(&vault, callers[n % 4], &format!("path/{n}"));
        writers.spawn(async move {
            store
                .create_policy(&rule, event_in(rule.org_id, "policy.create"))
                .await
                .unwrap();
        });
    }
    writers.join_all().await;
    for caller in callers {
        let (_, revision) = stage
            .store
            .vault_access(org.id, vault.id, caller)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(revision.policies, 10);
        assert_eq!(
            stage
                .store
                .policies_for(vault.id, caller)
                .await
                .unwrap()
                .policies
                .len(),
            10
        );
    }
    assert_eq!(stage.sound_chain(org.id).await, 42);
}
