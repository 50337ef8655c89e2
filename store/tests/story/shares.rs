//! Shares: made at a bounded rate, answered, used up, ended.

use oneclaw_core::ids::{ShareId, UserId};
use oneclaw_core::principal::Principal;
use oneclaw_core::share::RecipientKind;
use oneclaw_store::*;
use tokio::task::JoinSet;

use crate::stage::{Stage, at, event, event_in, id, path};
use crate::stories;

const RATE: ShareRate = ShareRate {
    most: 3,
    within_ms: 1_000,
};

fn share(secret: &Secret, creator: Principal) -> Share {
    Share {
        id: ShareId::from_uuid(id()),
        audit_id: id(),
        org_id: secret.org_id,
        secret_id: secret.id,
        vault_id: secret.vault_id,
        path: secret.path.clone(),
        creator,
        creator_name: "Owner".to_owned(),
        recipient_kind: RecipientKind::AnyoneWithLink,
        recipient: None,
        recipient_email: None,
        permissions: vec!["read".to_owned()],
        ip_allowlist: vec!["10.0.0.0/8".to_owned(), "2001:db8::/32".to_owned()],
        passphrase_hash: Some("$argon2id$".to_owned()),
        max_access_count: Some(5),
        access_count: 0,
        expires_at: at(100_000),
        created_at: at(10),
        accepted_at: None,
        declined_at: None,
        end: None,
    }
}

async fn made(stage: &Stage, share: &Share) {
    let event = event_in(share.org_id, "share.create");
    let made = stage
        .store
        .create_share(share, None, event, &[])
        .await
        .unwrap();
    assert_eq!(made, ShareMade::Stored);
}

async fn shared(stage: &Stage) -> (Org, User, Secret, Share) {
    let (org, user) = stage.account().await;
    let owner = Principal::User(user.id);
    let vault = stage.vault(&org, owner).await;
    let (secret, _) = stage.put(&vault, "api-keys/openai", None).await;
    let share = share(&secret, owner);
    made(stage, &share).await;
    (org, user, secret, share)
}

async fn a_share_comes_back_as_it_was_stored(stage: Stage) {
    let (org, user, secret, link) = shared(&stage).await;
    assert_eq!(stage.store.share(link.id).await.unwrap().unwrap(), link);
    let by_address = Share {
        recipient_kind: RecipientKind::ExternalEmail,
        recipient_email: Some("ops@example.com".to_owned()),
        created_at: at(20),
        max_access_count: None,
        ..share(&secret, Principal::User(user.id))
    };
    made(&stage, &by_address).await;
    let owner = Principal::User(user.id);
    assert_eq!(
        stage.store.shares_by(owner).await.unwrap(),
        [by_address.clone(), link.clone()]
    );
    assert_eq!(stage.store.shares_of_org(org.id).await.unwrap().len(), 2);
    let (other, _) = stage.account().await;
    assert_eq!(stage.store.shares_of_org(other.id).await.unwrap(), []);
    let reader = Principal::User(UserId::from_uuid(id()));
    let inbound = stage.store.shares_for(reader, "ops@example.com").await;
    assert_eq!(inbound.unwrap(), [by_address]);
    assert_eq!(stage.store.shares_for(reader, "").await.unwrap(), []);
    let known = stage
        .store
        .create_share(&link, None, event(&org, "share.create"), &[])
        .await;
    assert_eq!(known, Err(StoreError::Conflict("share")));
    assert_eq!(
        stage.actions(org.id).await[3..],
        ["share.create", "share.create"]
    );
    stage.sound_chain(org.id).await;
}

async fn an_organisation_shares_no_faster_than_it_may(stage: Stage) {
    let (org, user, secret, _) = shared(&stage).await;
    let mut tasks = JoinSet::new();
    for n in 0..20 {
        let store = stage.store.clone();
        let new = Share {
            created_at: at(100 + n % 3),
            ..share(&secret, Principal::User(user.id))
        };
        let event = event_in(org.id, "share.create");
        tasks.spawn(async move {
            store
                .create_share(&new, Some(RATE), event, &[])
                .await
                .unwrap()
        });
    }
    let outcomes = tasks.join_all().await;
    let stored = outcomes.iter().filter(|o| **o == ShareMade::Stored);
    assert_eq!(stored.count(), 3);
    // The shares that were made count, whatever has become of them.
    stage.tamper("DELETE FROM shares").await;
    let later = |ms| Share {
        created_at: at(ms),
        ..share(&secret, Principal::User(user.id))
    };
    let make = |share: Share| {
        let store = stage.store.clone();
        async move {
            let event = event_in(share.org_id, "share.create");
            store
                .create_share(&share, Some(RATE), event, &[])
                .await
                .unwrap()
        }
    };
    let ShareMade::TooMany { until } = make(later(1_050)).await else {
        panic!("a fourth share in a second");
    };
    assert!((at(1_100)..=at(1_102)).contains(&until));
    assert_eq!(make(later(1_102)).await, ShareMade::Stored);
    stage.sound_chain(org.id).await;
}

async fn of_a_hundred_accesses_at_once_as_many_count_as_there_are_left(stage: Stage) {
    let (org, _, secret, share) = shared(&stage).await;
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let store = stage.store.clone();
        let access = ShareAccess {
            share: share.id,
            version: (secret.id, 1),
            event: event_in(org.id, "share.access"),
        };
        tasks.spawn(async move { store.commit_share_access(&access).await.unwrap() });
    }
    let mut counts: Vec<i64> = Vec::new();
    for outcome in tasks.join_all().await {
        match outcome {
            ShareOutcome::Counted(count) => counts.push(count),
            other => assert_eq!(other, ShareOutcome::ShareOver),
        }
    }
    counts.sort_unstable();
    assert_eq!(counts, [1, 2, 3, 4, 5]);
    let stored = stage.store.share(share.id).await.unwrap().unwrap();
    assert_eq!(stored.access_count, 5);
    let versions = stage.store.versions(secret.vault_id, &secret.path).await;
    assert_eq!(versions.unwrap()[0].access_count, 5);
    let actions = stage.actions(org.id).await;
    assert_eq!(actions.iter().filter(|a| *a == "share.access").count(), 5);
    stage.sound_chain(org.id).await;
}

async fn a_secret_that_is_used_up_uses_no_share_up(stage: Stage) {
    let (org, user) = stage.account().await;
    let owner = Principal::User(user.id);
    let vault = stage.vault(&org, owner).await;
    let (secret, _) = stage.put(&vault, "once", Some(1)).await;
    let share = share(&secret, owner);
    made(&stage, &share).await;
    let access = || ShareAccess {
        share: share.id,
        version: (secret.id, 1),
        event: event(&org, "share.access"),
    };
    let store = &stage.store;
    assert_eq!(
        store.commit_share_access(&access()).await,
        Ok(ShareOutcome::Counted(1))
    );
    assert_eq!(
        store.commit_share_access(&access()).await,
        Ok(ShareOutcome::SecretOver)
    );
    let stored = store.share(share.id).await.unwrap().unwrap();
    assert_eq!(stored.access_count, 1);
}

async fn recipients_answer_once_and_for_themselves(stage: Stage) {
    let (org, user, secret, _) = shared(&stage).await;
    let (_, reader) = stage.account().await;
    let reader = Principal::User(reader.id);
    let (_, other) = stage.account().await;
    let other = Principal::User(other.id);
    let by_address = Share {
        recipient_kind: RecipientKind::ExternalEmail,
        recipient_email: Some("ops@example.com".to_owned()),
        ..share(&secret, Principal::User(user.id))
    };
    made(&stage, &by_address).await;
    let answer = |who, what| {
        let store = stage.store.clone();
        let event = event_in(org.id, "share.answer");
        let id = by_address.id;
        async move { store.answer_share(id, who, what, event).await }
    };
    answer(reader, ShareAnswer::Accept).await.unwrap();
    // Now it is this account's, whoever has the address later.
    assert_eq!(
        answer(other, ShareAnswer::Accept).await,
        Err(StoreError::Conflict("share"))
    );
    assert_eq!(
        stage
            .store
            .shares_for(other, "ops@example.com")
            .await
            .unwrap(),
        []
    );
    assert_eq!(stage.store.shares_for(reader, "").await.unwrap().len(), 1);
    answer(reader, ShareAnswer::Decline).await.unwrap();
    for what in [ShareAnswer::Accept, ShareAnswer::Decline] {
        assert_eq!(
            answer(reader, what).await,
            Err(StoreError::Conflict("share"))
        );
    }
    let access = ShareAccess {
        share: by_address.id,
        version: (secret.id, 1),
        event: event(&org, "share.access"),
    };
    assert_eq!(
        stage.store.commit_share_access(&access).await,
        Ok(ShareOutcome::ShareOver)
    );
    stage.sound_chain(org.id).await;
}

async fn shares_end_with_their_secret_their_vault_and_whoever_they_concern(stage: Stage) {
    let (org, user, secret, link) = shared(&stage).await;
    let owner = Principal::User(user.id);
    let agent = stage.agent(&org).await;
    let from_agent = share(&secret, Principal::Agent(agent.id));
    let to_agent = Share {
        recipient_kind: RecipientKind::Agent,
        recipient: Some(Principal::Agent(agent.id)),
        ..share(&secret, owner)
    };
    for share in [&from_agent, &to_agent] {
        made(&stage, share).await;
    }
    let store = &stage.store;
    let end = |id| async move { store.share(id).await.unwrap().unwrap().end };
    store
        .delete_agents(org.id, &[agent.id], vec![event(&org, "agent.delete")])
        .await
        .unwrap();
    assert_eq!(end(from_agent.id).await, Some(ShareEnd::PrincipalDeleted));
    assert_eq!(end(to_agent.id).await, Some(ShareEnd::PrincipalDeleted));
    assert_eq!(end(link.id).await, None);

    let revoked = share(&secret, owner);
    made(&stage, &revoked).await;
    store
        .revoke_share(revoked.id, event(&org, "share.revoke"))
        .await
        .unwrap();
    assert_eq!(
        store
            .revoke_share(revoked.id, event(&org, "share.revoke"))
            .await,
        Err(StoreError::NotFound)
    );
    store
        .delete_secret(secret.vault_id, &secret.path, event(&org, "secret.delete"))
        .await
        .unwrap();
    assert_eq!(end(link.id).await, Some(ShareEnd::SecretDeleted));
    assert_eq!(end(revoked.id).await, Some(ShareEnd::Revoked));
    store
        .delete_vault(secret.vault_id, event(&org, "vault.delete"))
        .await
        .unwrap();
    assert_eq!(store.share(link.id).await.unwrap(), None);

    let vault = stage.vault(&org, owner).await;
    let (kept, _) = stage.put(&vault, "kept", None).await;
    let by_human = share(&kept, owner);
    made(&stage, &by_human).await;
    stage.member(&org, &user, "other@example.com").await;
    store
        .delete_user(user.id, event(&org, "org.member_delete"))
        .await
        .unwrap();
    assert_eq!(end(by_human.id).await, Some(ShareEnd::PrincipalDeleted));
    stage.sound_chain(org.id).await;
}

async fn guesses_run_out_for_everybody_and_come_back_with_time(stage: Stage) {
    let (_, _, _, share) = shared(&stage).await;
    let mut tasks = JoinSet::new();
    for _ in 0..30 {
        let (store, id) = (stage.store.clone(), share.id);
        tasks.spawn(async move { store.take_share_guess(id, 4, 1_000, at(0)).await.unwrap() });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|o| o.is_none()).count(), 4);
    assert!(outcomes.iter().flatten().all(|until| *until == at(1_000)));
    let store = &stage.store;
    store.give_share_guess_back(share.id).await.unwrap();
    let take = |now| async move { store.take_share_guess(share.id, 4, 1_000, now).await };
    assert_eq!(take(at(10)).await, Ok(None));
    assert_eq!(take(at(999)).await, Ok(Some(at(1_000))));
    assert_eq!(take(at(1_000)).await, Ok(None));
}

async fn old_shares_are_forgotten(stage: Stage) {
    let (org, _, _, share) = shared(&stage).await;
    let day = 24 * 3_600_000;
    assert_eq!(
        stage.store.purge_shares(at(100_000 + 30 * day)).await,
        Ok(0)
    );
    assert_eq!(
        stage.store.purge_shares(at(100_001 + 30 * day)).await,
        Ok(1)
    );
    assert_eq!(stage.store.share(share.id).await.unwrap(), None);
    let unknown = stage.store.secret_by_id(org.id, share.secret_id).await;
    assert_eq!(unknown.unwrap().unwrap().path, path("api-keys/openai"));
}

stories!(
    a_share_comes_back_as_it_was_stored,
    an_organisation_shares_no_faster_than_it_may,
    of_a_hundred_accesses_at_once_as_many_count_as_there_are_left,
    a_secret_that_is_used_up_uses_no_share_up,
    recipients_answer_once_and_for_themselves,
    shares_end_with_their_secret_their_vault_and_whoever_they_concern,
    guesses_run_out_for_everybody_and_come_back_with_time,
    old_shares_are_forgotten,
);
