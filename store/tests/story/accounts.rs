//! Accounts and personal API keys.

use oneclaw_core::ids::{ApiKeyId, UserId};
use oneclaw_core::principal::Principal;
use oneclaw_store::{ApiKey, Role, SignupRule, StoreError, User};

use crate::stage::{Stage, account, at, event, id, policy};

crate::stories!(
    an_account_is_found_again_exactly_as_it_was_made,
    the_first_human_claims_the_server_even_when_many_sign_up_at_once,
    no_two_accounts_share_an_address,
    an_update_changes_every_field_but_the_role_and_nobody_elses,
    an_account_goes_with_its_keys_sessions_and_policies_and_leaves_its_vaults,
    the_last_human_of_the_oldest_organisation_stays,
    a_personal_key_works_until_it_is_deactivated,
);

async fn an_account_is_found_again_exactly_as_it_was_made(stage: Stage) {
    assert_eq!(stage.store.first_org().await.unwrap(), None);
    let (org, user) = stage.account().await;
    assert_eq!(stage.store.user(user.id).await.unwrap(), Some(user.clone()));
    assert_eq!(
        stage.store.user_by_email(&user.email).await.unwrap(),
        Some(user.clone())
    );
    assert_eq!(
        stage
            .store
            .user_by_email("nobody@example.org")
            .await
            .unwrap(),
        None
    );
    assert_eq!(stage.store.user_by_email("no\0body").await.unwrap(), None);
    assert_eq!(stage.store.first_org().await.unwrap(), Some(org.id));
    assert_eq!(stage.store.count_users(org.id).await.unwrap(), 1);
    assert!(!format!("{user:?}").contains("argon2"));
}

async fn the_first_human_claims_the_server_even_when_many_sign_up_at_once(stage: Stage) {
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let store = stage.store.clone();
        attempts.spawn(async move {
            let (org, user) = account();
            store
                .create_account(&org, &user, event(&org, "org.create"), SignupRule::First)
                .await
        });
    }
    let outcomes = attempts.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let claimed = |outcome: &&Result<_, _>| **outcome == Err(StoreError::Conflict("claimed"));
    assert_eq!(outcomes.iter().filter(claimed).count(), 9);
    // A refused sign-up leaves nothing behind.
    assert_eq!(stage.number("SELECT count(*) FROM orgs").await, 1);
    assert_eq!(stage.number("SELECT count(*) FROM audit_events").await, 1);
}

async fn no_two_accounts_share_an_address(stage: Stage) {
    let (_, first) = stage.account().await;
    let (org, mut second) = account();
    second.email = first.email.clone();
    let outcome = stage
        .store
        .create_account(&org, &second, event(&org, "org.create"), SignupRule::Open)
        .await;
    assert_eq!(outcome, Err(StoreError::Conflict("email")));
    assert_eq!(stage.number("SELECT count(*) FROM orgs").await, 1);

    let (org, mut other) = stage.account().await;
    other.email = first.email;
    let outcome = stage
        .store
        .update_user(&other, event(&org, "user.update"))
        .await;
    assert_eq!(outcome, Err(StoreError::Conflict("email")));
    assert_eq!(stage.sound_chain(org.id).await, 1);
}

async fn an_update_changes_every_field_but_the_role_and_nobody_elses(stage: Stage) {
    let (org, user) = stage.account().await;
    let (_, bystander) = stage.account().await;
    let changed = User {
        email: "new@example.org".to_owned(),
        password_hash: "$argon2id$new".to_owned(),
        display_name: "New".to_owned(),
        role: Role::Admin,
        email_verified: true,
        marketing_emails: false,
        is_active: false,
        ..user.clone()
    };
    stage
        .store
        .update_user(&changed, event(&org, "user.update"))
        .await
        .unwrap();
    assert_eq!(
        stage.store.user(user.id).await.unwrap(),
        Some(User {
            role: user.role,
            ..changed.clone()
        })
    );
    assert_eq!(
        stage.store.user(bystander.id).await.unwrap(),
        Some(bystander.clone())
    );

    let stranger = User {
        org_id: bystander.org_id,
        ..changed
    };
    let outcome = stage
        .store
        .update_user(&stranger, event(&org, "user.update"))
        .await;
    assert_eq!(outcome, Err(StoreError::NotFound));
}

async fn an_account_goes_with_its_keys_sessions_and_policies_and_leaves_its_vaults(stage: Stage) {
    let (org, user) = stage.account().await;
    let me = Principal::User(user.id);
    let vault = stage.vault(&org, me).await;
    let rule = policy(&vault, me, "**");
    stage
        .store
        .create_policy(&rule, event(&org, "policy.create"))
        .await
        .unwrap();
    stage.member(&org, &user, "other@example.com").await;
    let key = api_key(&user);
    stage
        .store
        .create_api_key(&key, event(&org, "api_key.create"))
        .await
        .unwrap();
    let before = stage
        .store
        .vault_access(org.id, vault.id, me)
        .await
        .unwrap()
        .unwrap()
        .1;

    stage
        .store
        .delete_user(user.id, event(&org, "org.member_delete"))
        .await
        .unwrap();

    assert_eq!(stage.store.user(user.id).await.unwrap(), None);
    assert_eq!(
        stage.store.api_key_by_hash(&key.key_hash).await.unwrap(),
        None
    );
    assert!(stage.store.policies(vault.id).await.unwrap().is_empty());
    let (kept, after) = stage
        .store
        .vault_access(org.id, vault.id, me)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept, vault);
    assert!(after > before);
    assert_eq!(stage.sound_chain(org.id).await, 7);
    let again = stage
        .store
        .delete_user(user.id, event(&org, "org.member_delete"))
        .await;
    assert_eq!(again, Err(StoreError::NotFound));
    assert_eq!(stage.sound_chain(org.id).await, 7);
}

async fn the_last_human_of_the_oldest_organisation_stays(stage: Stage) {
    let (oldest, first) = stage.account().await;
    let (other, second) = stage.account().await;
    let leave = |org| event(org, "org.member_delete");
    assert_eq!(
        stage.store.delete_user(first.id, leave(&oldest)).await,
        Err(StoreError::Conflict("runs the server"))
    );
    assert!(stage.store.user(first.id).await.unwrap().is_some());
    let gone = stage.store.delete_user(second.id, leave(&other)).await;
    assert_eq!(gone, Ok(()));
}

fn api_key(user: &User) -> ApiKey {
    let id = ApiKeyId::from_uuid(id());
    ApiKey {
        id,
        org_id: user.org_id,
        user_id: user.id,
        name: "laptop".to_owned(),
        key_prefix: "1ck_abcd".to_owned(),
        key_hash: id.as_uuid().as_bytes().repeat(2),
        scopes: vec!["read".to_owned()],
        is_active: true,
        created_at: at(3),
        expires_at: Some(at(4)),
        last_used_at: None,
    }
}

async fn a_personal_key_works_until_it_is_deactivated(stage: Stage) {
    let (org, user) = stage.account().await;
    let key = api_key(&user);
    stage
        .store
        .create_api_key(&key, event(&org, "api_key.create"))
        .await
        .unwrap();
    let twice = ApiKey {
        id: ApiKeyId::from_uuid(id()),
        ..key.clone()
    };
    let outcome = stage
        .store
        .create_api_key(&twice, event(&org, "api_key.create"))
        .await;
    assert_eq!(outcome, Err(StoreError::Conflict("api key")));
    let orphan = ApiKey {
        user_id: UserId::from_uuid(id()),
        ..api_key(&user)
    };
    let outcome = stage
        .store
        .create_api_key(&orphan, event(&org, "api_key.create"))
        .await;
    assert_eq!(outcome, Err(StoreError::NotFound));

    assert_eq!(
        stage.store.api_keys(user.id).await.unwrap(),
        vec![key.clone()]
    );
    let found = stage.store.api_key_by_hash(&key.key_hash).await.unwrap();
    let found = found.map(|(key, user, _)| (key, user));
    assert_eq!(found, Some((key.clone(), user.clone())));
    assert_eq!(stage.store.api_key_by_hash(&[9; 32]).await.unwrap(), None);

    let (_, stranger) = stage.account().await;
    let outcome = stage
        .store
        .deactivate_api_key(stranger.id, key.id, event(&org, "api_key.revoke"))
        .await;
    assert_eq!(outcome, Err(StoreError::NotFound));
    stage
        .store
        .deactivate_api_key(user.id, key.id, event(&org, "api_key.revoke"))
        .await
        .unwrap();
    let (found, ..) = stage
        .store
        .api_key_by_hash(&key.key_hash)
        .await
        .unwrap()
        .unwrap();
    assert!(!found.is_active);
    assert_eq!(stage.sound_chain(org.id).await, 3);
}
