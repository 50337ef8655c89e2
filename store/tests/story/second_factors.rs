//! Second factors, proofs that count once, and programs that wait for approval.

use oneclaw_store::{DeviceLogin, DevicePoll, DeviceState, ProofKind, StoreError};

use crate::stage::{Stage, at, event};

crate::stories!(
    a_code_and_a_recovery_code_are_taken_once_whoever_tries_at_the_same_time,
    a_second_factor_counts_once_it_was_confirmed_and_not_after_it_was_removed,
    a_proof_counts_once_for_its_purpose_and_a_few_guesses,
    a_program_waits_is_approved_once_and_is_taken_once,
);

async fn a_code_and_a_recovery_code_are_taken_once_whoever_tries_at_the_same_time(stage: Stage) {
    let (org, user) = stage.account().await;
    let store = &stage.store;
    let step = |n| store.take_totp_step(user.id, n, event(&org, "mfa.code_used"));
    store
        .begin_second_factor(user.id, &[1], event(&org, "mfa.setup"))
        .await
        .unwrap();
    assert!(!step(5).await.unwrap(), "not confirmed yet");
    let codes = [vec![1; 32], vec![2; 32]];
    store
        .confirm_second_factor(user.id, &[1], 5, &codes, event(&org, "mfa.enable"))
        .await
        .unwrap();
    for (n, taken) in [(5, false), (4, false), (6, true), (6, false), (7, true)] {
        assert_eq!(step(n).await.unwrap(), taken, "{n}");
    }
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (store, user, event) = (store.clone(), user.id, event(&org, "mfa.code_used"));
        attempts.spawn(async move {
            store
                .take_recovery_code(user, &[1; 32], event)
                .await
                .unwrap()
        });
    }
    let taken = attempts.join_all().await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1);
    assert_eq!(store.recovery_codes_left(user.id).await.unwrap(), 1);
}

async fn a_second_factor_counts_once_it_was_confirmed_and_not_after_it_was_removed(stage: Stage) {
    let (org, user) = stage.account().await;
    let store = &stage.store;
    let begin = |secret: u8| {
        let event = event(&org, "mfa.setup");
        async move { store.begin_second_factor(user.id, &[secret], event).await }
    };
    let confirm = |secret: u8| {
        let event = event(&org, "mfa.enable");
        async move {
            store
                .confirm_second_factor(user.id, &[secret], 1, &[], event)
                .await
        }
    };
    assert_eq!(confirm(1).await, Err(StoreError::NotFound));
    begin(1).await.unwrap();
    begin(2).await.unwrap();
    assert_eq!(confirm(1).await, Err(StoreError::NotFound));
    confirm(2).await.unwrap();
    assert_eq!(begin(3).await, Err(StoreError::Conflict("second factor")));
    let factor = store.second_factor(user.id).await.unwrap().unwrap();
    assert_eq!(factor.sealed_secret, [2]);
    assert!(factor.confirmed_at.is_some());
    let gone = event(&org, "mfa.disable");
    store
        .remove_second_factor(user.id, gone.clone())
        .await
        .unwrap();
    assert_eq!(store.second_factor(user.id).await.unwrap(), None);
    let again = store.remove_second_factor(user.id, gone).await;
    assert_eq!(again, Err(StoreError::NotFound));
}

async fn a_proof_counts_once_for_its_purpose_and_a_few_guesses(stage: Stage) {
    let (_, user) = stage.account().await;
    let store = &stage.store;
    let (challenge, reauth) = (ProofKind::Challenge, ProofKind::Reauth);
    let put = |hash: u8, kind| store.put_proof_of(hash, kind, user.id);
    put(1, challenge).await;
    assert_eq!(
        store.take_proof(&[1; 32], reauth, at(5)).await.unwrap(),
        None
    );
    for guess in [Some(user.id), Some(user.id), None] {
        let found = store.guess_with_proof(&[1; 32], challenge, at(5)).await;
        assert_eq!(found.unwrap(), guess);
    }
    put(2, reauth).await;
    assert_eq!(
        store
            .take_proof(&[2; 32], reauth, at(10_000))
            .await
            .unwrap(),
        None
    );
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let store = store.clone();
        attempts.spawn(async move { store.take_proof(&[2; 32], reauth, at(5)).await.unwrap() });
    }
    let taken = attempts.join_all().await;
    assert_eq!(taken.iter().filter(|taken| taken.is_some()).count(), 1);
}

/// A proof with two guesses.
trait PutProof {
    async fn put_proof_of(&self, hash: u8, kind: ProofKind, user: oneclaw_core::ids::UserId);
}

impl PutProof for oneclaw_store::Store {
    async fn put_proof_of(&self, hash: u8, kind: ProofKind, user: oneclaw_core::ids::UserId) {
        self.put_proof(&[hash; 32], kind, user, 2, at(10_000))
            .await
            .unwrap();
    }
}

async fn a_program_waits_is_approved_once_and_is_taken_once(stage: Stage) {
    let (org, user) = stage.account().await;
    let store = &stage.store;
    let login = DeviceLogin {
        user_code: "BCDFGHJK".to_owned(),
        client_id: "cli".to_owned(),
        email: None,
        ip: "192.0.2.1".parse().unwrap(),
        state: DeviceState::Waiting,
        user_id: None,
        created_at: at(1),
        expires_at: at(600_000),
    };
    store
        .put_device_login(&[1; 32], &login, 5_000)
        .await
        .unwrap();
    let again = store.put_device_login(&[2; 32], &login, 5_000).await;
    assert_eq!(again, Err(StoreError::Conflict("user_code")));
    let found = store.device_login(&login.user_code, at(5)).await.unwrap();
    assert_eq!(found, Some(login.clone()));
    for (now, poll) in [
        (1_000, DevicePoll::Waiting),
        (2_000, DevicePoll::TooSoon),
        (11_500, DevicePoll::Waiting),
        (600_000, DevicePoll::Unknown),
    ] {
        let polled = store.poll_device_login(&[1; 32], at(now)).await.unwrap();
        assert_eq!(polled, poll, "{now}");
    }
    let take = || store.take_device_login(&[1; 32], event(&org, "auth.success"));
    assert_eq!(take().await, Err(StoreError::NotFound));
    let decide = |state| {
        let event = event(&org, "auth.device_approve");
        store.decide_device_login("BCDFGHJK", user.id, state, event)
    };
    decide(DeviceState::Approved).await.unwrap();
    assert_eq!(decide(DeviceState::Denied).await, Err(StoreError::NotFound));
    let polled = store.poll_device_login(&[1; 32], at(12_000)).await.unwrap();
    assert_eq!(polled, DevicePoll::Approved(user.id));
    take().await.unwrap();
    assert_eq!(take().await, Err(StoreError::NotFound));
    let polled = store.poll_device_login(&[1; 32], at(12_001)).await.unwrap();
    assert_eq!(polled, DevicePoll::Unknown);
}
