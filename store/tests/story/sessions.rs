//! Refresh tokens and revoked access tokens.

use oneclaw_store::{RefreshToken, Standing, StoreError, TakenToken, User};
use uuid::Uuid;

use crate::stage::{Stage, at, event, id};

crate::stories!(
    a_refresh_token_works_once_and_its_second_use_ends_the_session,
    of_many_uses_at_once_one_succeeds_and_the_session_ends,
    an_expired_or_unknown_refresh_token_is_nothing,
    a_revoked_access_token_is_dead_and_no_other,
    a_new_password_ends_every_session_and_a_new_name_none,
    what_has_expired_is_forgotten,
    a_sign_in_by_browser_lasts_until_its_end_or_that_of_all_sessions,
);

fn token(user: &User, family: Uuid, n: u8) -> RefreshToken {
    RefreshToken {
        hash: vec![n; 32],
        user_id: user.id,
        family,
        expires_at: at(10_000),
        created_at: at(1),
    }
}

/// Of a caller whose organisation has no IP rules.
fn standing(is_revoked: bool) -> Standing {
    Standing {
        is_revoked,
        ip_rules_revision: 0,
    }
}

async fn a_refresh_token_works_once_and_its_second_use_ends_the_session(stage: Stage) {
    let (_, user) = stage.account().await;
    let family = id();
    let (first, second) = (token(&user, family, 1), token(&user, family, 2));
    let store = &stage.store;
    store.put_refresh_token(first.clone()).await.unwrap();
    let bystander = token(&user, id(), 3);
    store.put_refresh_token(bystander.clone()).await.unwrap();

    let taken = store.take_refresh_token(&first.hash, at(5)).await.unwrap();
    assert_eq!(taken, TakenToken::Valid(first.clone()));
    store.put_refresh_token(second.clone()).await.unwrap();

    let replayed = store.take_refresh_token(&first.hash, at(6)).await.unwrap();
    assert_eq!(replayed, TakenToken::Replayed(first.clone()));
    let next = store.take_refresh_token(&second.hash, at(7)).await.unwrap();
    assert_eq!(next, TakenToken::Unknown);
    let late = store.put_refresh_token(token(&user, family, 4)).await;
    assert_eq!(late, Err(StoreError::Conflict("session")));

    let taken = store
        .take_refresh_token(&bystander.hash, at(7))
        .await
        .unwrap();
    assert_eq!(taken.valid(), Some(bystander));
}

async fn of_many_uses_at_once_one_succeeds_and_the_session_ends(stage: Stage) {
    let (_, user) = stage.account().await;
    let only = token(&user, id(), 1);
    stage.store.put_refresh_token(only.clone()).await.unwrap();
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (store, hash) = (stage.store.clone(), only.hash.clone());
        attempts.spawn(async move { store.take_refresh_token(&hash, at(5)).await.unwrap() });
    }
    let outcomes = attempts.join_all().await;
    let count = |wanted: &TakenToken| outcomes.iter().filter(|o| *o == wanted).count();
    assert_eq!(count(&TakenToken::Valid(only.clone())), 1);
    assert_eq!(count(&TakenToken::Replayed(only.clone())), 1);
    assert_eq!(count(&TakenToken::Unknown), 18);
}

async fn an_expired_or_unknown_refresh_token_is_nothing(stage: Stage) {
    let (_, user) = stage.account().await;
    let family = id();
    let old = token(&user, family, 1);
    stage.store.put_refresh_token(old.clone()).await.unwrap();
    for (hash, now) in [(vec![9; 32], at(1)), (old.hash.clone(), at(10_000))] {
        let taken = stage.store.take_refresh_token(&hash, now).await.unwrap();
        assert_eq!(taken, TakenToken::Unknown);
    }
    // Coming late is no theft: the session goes on.
    stage
        .store
        .put_refresh_token(token(&user, family, 2))
        .await
        .unwrap();
    stage
        .store
        .revoke_refresh_family(family, at(3))
        .await
        .unwrap();
    let taken = stage
        .store
        .take_refresh_token(&[2; 32], at(4))
        .await
        .unwrap();
    assert_eq!(taken, TakenToken::Unknown);
}

async fn a_revoked_access_token_is_dead_and_no_other(stage: Stage) {
    let (org, user) = stage.account().await;
    let agent = stage.agent(&org).await;
    let store = &stage.store;
    store
        .revoke_jti("one", at(10_000), event(&org, "auth.logout"))
        .await
        .unwrap();
    store
        .revoke_jti("one", at(10_000), event(&org, "auth.logout"))
        .await
        .unwrap();
    let session = |jti: &'static str| store.user_session(user.id, jti, at(0));
    assert_eq!(
        session("one").await.unwrap(),
        Some((user.clone(), standing(true)))
    );
    assert_eq!(
        session("two").await.unwrap(),
        Some((user.clone(), standing(false)))
    );
    assert_eq!(
        store.agent_session(agent.id, "one").await.unwrap(),
        Some((agent.clone(), standing(true)))
    );
    assert_eq!(
        store.agent_session(agent.id, "").await.unwrap(),
        Some((agent, standing(false)))
    );
    let nobody = oneclaw_core::ids::UserId::from_uuid(id());
    assert_eq!(
        store.user_session(nobody, "one", at(0)).await.unwrap(),
        None
    );
    assert_eq!(stage.sound_chain(org.id).await, 4);
}

async fn a_new_password_ends_every_session_and_a_new_name_none(stage: Stage) {
    let (org, mut user) = stage.account().await;
    let store = &stage.store;
    let is_revoked = async |issued_ms: i64| {
        store
            .user_session(user.id, "jti", at(issued_ms))
            .await
            .unwrap()
            .unwrap()
            .1
            .is_revoked
    };
    store
        .put_refresh_token(token(&user, id(), 1))
        .await
        .unwrap();

    user.display_name = "Other".to_owned();
    let mut change = event(&org, "user.update");
    change.at = at(60_500);
    store.update_user(&user, change.clone()).await.unwrap();
    assert!(!is_revoked(0).await);

    change.id = event(&org, "").id;
    user.password_hash = "$argon2id$new".to_owned();
    store.update_user(&user, change).await.unwrap();
    assert!(is_revoked(59_000).await);
    // Whoever signs in again within the same second gets a token that works.
    assert!(!is_revoked(60_000).await);
    let taken = store.take_refresh_token(&[1; 32], at(2)).await.unwrap();
    assert_eq!(taken, TakenToken::Unknown);

    store
        .put_refresh_token(token(&user, id(), 2))
        .await
        .unwrap();
    store
        .revoke_user_sessions(user.id, at(70_000))
        .await
        .unwrap();
    assert!(is_revoked(69_000).await);
    let taken = store.take_refresh_token(&[2; 32], at(2)).await.unwrap();
    assert_eq!(taken, TakenToken::Unknown);
    let nobody = oneclaw_core::ids::UserId::from_uuid(id());
    assert_eq!(
        store.revoke_user_sessions(nobody, at(0)).await,
        Err(StoreError::NotFound)
    );
}

async fn what_has_expired_is_forgotten(stage: Stage) {
    let (org, user) = stage.account().await;
    let store = &stage.store;
    store
        .put_refresh_token(token(&user, id(), 1))
        .await
        .unwrap();
    let lasting = RefreshToken {
        expires_at: at(20_000),
        ..token(&user, id(), 2)
    };
    store.put_refresh_token(lasting.clone()).await.unwrap();
    store
        .revoke_jti("old", at(5_000), event(&org, "auth.logout"))
        .await
        .unwrap();
    store
        .revoke_jti("new", at(20_000), event(&org, "auth.logout"))
        .await
        .unwrap();
    // A token, its family, and a revocation.
    assert_eq!(store.purge_expired(at(15_000)).await.unwrap(), 3);
    assert_eq!(store.purge_expired(at(15_000)).await.unwrap(), 0);
    assert!(
        store
            .user_session(user.id, "new", at(0))
            .await
            .unwrap()
            .unwrap()
            .1
            .is_revoked
    );
    let taken = store
        .take_refresh_token(&lasting.hash, at(15_000))
        .await
        .unwrap();
    assert_eq!(taken.valid(), Some(lasting));
}

async fn a_sign_in_by_browser_lasts_until_its_end_or_that_of_all_sessions(stage: Stage) {
    let (org, user) = stage.account().await;
    let store = &stage.store;
    for hash in [[1; 32], [2; 32], [3; 32]] {
        store
            .put_browser_session(&hash, user.id, at(10_000), event(&org, "auth.success"))
            .await
            .unwrap();
    }
    let alive = async |n: u8, now| store.browser_session(&[n; 32], at(now)).await.unwrap();
    assert_eq!(alive(1, 9_999).await, Some((user.clone(), standing(false))));
    assert_eq!(alive(1, 10_000).await, None);
    assert_eq!(alive(9, 5).await, None);
    for _ in 0..2 {
        store
            .end_browser_session(&[1; 32], event(&org, "auth.logout"))
            .await
            .unwrap();
    }
    assert_eq!(alive(1, 5).await, None);
    assert_eq!(alive(2, 5).await, Some((user.clone(), standing(false))));
    store.revoke_user_sessions(user.id, at(6)).await.unwrap();
    assert_eq!(alive(2, 7).await, None);
    store
        .put_browser_session(&[4; 32], user.id, at(10_000), event(&org, "auth.success"))
        .await
        .unwrap();
    assert_eq!(store.purge_expired(at(15_000)).await.unwrap(), 1);
    assert_eq!(
        stage.number("SELECT count(*) FROM browser_sessions").await,
        0
    );
}
