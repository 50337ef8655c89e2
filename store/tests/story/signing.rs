//! Chains, and the keys that agents have for them.

use oneclaw_core::ids::{ChainEntryId, SigningKeyId};
use oneclaw_core::principal::Principal;
use oneclaw_core::transaction::Address;
use oneclaw_store::*;

use crate::stage::{Stage, at, event, id, open, secret, vault};

crate::stories!(
    a_chain_is_found_by_each_of_its_names_and_changes,
    chains_that_come_with_the_server_come_once,
    an_agent_has_one_active_key_for_a_chain,
    addresses_of_keys_are_remembered,
    a_nonce_of_a_signed_request_is_used_up_once,
    an_agent_has_ten_intent_keys_at_most,
);

fn chain(name: &str, chain_id: u64) -> Chain {
    Chain {
        id: ChainEntryId::from_uuid(id()),
        name: name.to_owned(),
        display_name: "Base".to_owned(),
        chain_id,
        rpc_urls: vec!["https://rpc.example/key-marker".to_owned()],
        ws_url: Some("wss://rpc.example/key-marker".to_owned()),
        explorer_url: None,
        native_currency: "ETH".to_owned(),
        is_testnet: false,
        is_enabled: true,
        allow_private_rpc: false,
        confirmations: 12,
        revision: 1,
        created_at: at(0),
        updated_at: at(0),
    }
}

async fn a_chain_is_found_by_each_of_its_names_and_changes(stage: Stage) {
    let (org, _) = stage.account().await;
    let store = &stage.store;
    let base = chain("base", 8453);
    let told = || event(&org, "chain.change");
    store.create_chain(&base, told()).await.unwrap();
    assert!(!format!("{base:?}").contains("marker"));
    assert_eq!(store.chain(base.id).await.unwrap(), Some(base.clone()));
    assert_eq!(
        store.chain_by_name("base").await.unwrap(),
        Some(base.clone())
    );
    assert_eq!(
        store.chain_by_chain_id(8453).await.unwrap(),
        Some(base.clone())
    );
    for nothing in ["bas", "base\0", ""] {
        assert_eq!(store.chain_by_name(nothing).await.unwrap(), None);
    }
    assert_eq!(store.chain_by_chain_id(u64::MAX).await.unwrap(), None);
    let conflict = Err(StoreError::Conflict("chain"));
    assert_eq!(
        store.create_chain(&chain("base", 1), told()).await,
        conflict
    );
    assert_eq!(
        store.create_chain(&chain("other", 8453), told()).await,
        conflict
    );

    let changed = Chain {
        rpc_urls: Vec::new(),
        is_enabled: false,
        confirmations: 3,
        updated_at: at(9),
        ..base.clone()
    };
    assert_eq!(store.update_chain(&changed, told()).await, Ok(2));
    assert_eq!(
        store.chain(base.id).await.unwrap(),
        Some(Chain {
            revision: 2,
            ..changed
        })
    );
    assert_eq!(store.chains(true).await.unwrap(), []);
    assert_eq!(store.chains(false).await.unwrap().len(), 1);
    store.delete_chain(base.id, told()).await.unwrap();
    assert_eq!(
        store.delete_chain(base.id, told()).await,
        Err(StoreError::NotFound)
    );
    stage.sound_chain(org.id).await;
}

async fn chains_that_come_with_the_server_come_once(stage: Stage) {
    let (org, _) = stage.account().await;
    let told = || event(&org, "chain.change");
    let own = chain("mine", 10);
    stage.store.create_chain(&own, told()).await.unwrap();
    let mut nodes = tokio::task::JoinSet::new();
    for n in 0..8 {
        let store = if stage.is_postgres() && n % 2 == 0 {
            open(&stage.url).await
        } else {
            stage.store.clone()
        };
        nodes.spawn(async move {
            let seeds = [
                chain("ethereum", 1),
                chain("base", 8453),
                chain("optimism", 10),
            ];
            store.seed_chains(&seeds).await
        });
    }
    for outcome in nodes.join_all().await {
        outcome.unwrap();
    }
    let names = async || {
        let chains = stage.store.chains(false).await.unwrap();
        chains.into_iter().map(|it| it.name).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["base", "ethereum", "mine"]);
    let base = stage.store.chain_by_name("base").await.unwrap().unwrap();
    stage.store.delete_chain(base.id, told()).await.unwrap();
    let later = [chain("base", 8453), chain("sepolia", 11_155_111)];
    stage.store.seed_chains(&later).await.unwrap();
    assert_eq!(names().await, ["ethereum", "mine", "sepolia"]);
}

fn key(agent: &Agent, of: &Secret, version: i64) -> SigningKey {
    SigningKey {
        id: SigningKeyId::from_uuid(id()),
        org_id: agent.org_id,
        agent_id: agent.id,
        chain: "ethereum".to_owned(),
        curve: "secp256k1".to_owned(),
        public_key: "02ab".to_owned(),
        address: Some("0xAbC".to_owned()),
        secret_id: of.id,
        vault_id: of.vault_id,
        path: of.path.clone(),
        secret_version: version,
        key_version: version,
        is_active: true,
        created_at: at(version),
        rotated_at: None,
    }
}

async fn an_agent_has_one_active_key_for_a_chain(stage: Stage) {
    let (org, user) = stage.account().await;
    let agent = stage.agent(&org).await;
    let store = &stage.store;
    let told = || event(&org, "signing_key.change");
    let keys = Vault {
        is_system: true,
        ..vault(&org, Principal::User(user.id))
    };
    let place = format!("agents/{}/chains/ethereum", agent.id);
    let (held_in, sealed) = secret(&keys, &place, None, 1);
    let first = key(&agent, &held_in, 1);
    store
        .create_signing_key(&first, (&held_in, &sealed), Some(&keys), told())
        .await
        .unwrap();
    let active = async || {
        store
            .active_signing_key(agent.id, "ethereum")
            .await
            .unwrap()
    };
    assert_eq!(active().await, Some(first.clone()));
    assert_eq!(
        store.active_signing_key(agent.id, "solana").await.unwrap(),
        None
    );

    let (elsewhere, another) = secret(&keys, "agents/other", None, 1);
    let twice = store
        .create_signing_key(
            &key(&agent, &elsewhere, 9),
            (&elsewhere, &another),
            None,
            told(),
        )
        .await;
    assert_eq!(twice, Err(StoreError::Conflict("signing key")));
    assert_eq!(
        store.secret(keys.id, &elsewhere.path).await.unwrap(),
        None,
        "its secret is not stored either"
    );

    let (held_in, sealed) = secret(&keys, &place, Some(held_in), 2);
    let second = key(&agent, &held_in, 2);
    store
        .rotate_signing_key(first.id, &second, (&held_in, &sealed), told())
        .await
        .unwrap();
    assert_eq!(active().await, Some(second.clone()));
    let again = store
        .rotate_signing_key(
            first.id,
            &key(&agent, &held_in, 3),
            (&held_in, &sealed),
            told(),
        )
        .await;
    assert_eq!(again, Err(StoreError::NotFound));
    let old = SigningKey {
        is_active: false,
        rotated_at: Some(at(0)),
        ..first
    };
    assert_eq!(store.signing_keys(agent.id).await.unwrap(), [second, old]);
    let end = async || {
        store
            .deactivate_signing_key(agent.id, "ethereum", told())
            .await
    };
    assert_eq!(end().await, Ok(()));
    assert_eq!(end().await, Err(StoreError::NotFound));
    assert_eq!(active().await, None);
    store
        .delete_agents(org.id, &[agent.id], vec![told()])
        .await
        .unwrap();
    assert_eq!(store.signing_keys(agent.id).await.unwrap(), []);
    stage.sound_chain(org.id).await;
}

async fn addresses_of_keys_are_remembered(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let (secret, _) = stage.put(&vault, "keys/eth", None).await;
    let store = &stage.store;
    assert_eq!(store.key_address(secret.id, 1).await.unwrap(), None);
    let address = Address::repeat_byte(0xcd);
    for _ in 0..2 {
        store.put_key_address(secret.id, 1, address).await.unwrap();
    }
    assert_eq!(
        store.key_address(secret.id, 1).await.unwrap(),
        Some(address)
    );
    assert_eq!(store.key_address(secret.id, 2).await.unwrap(), None);
}

async fn a_nonce_of_a_signed_request_is_used_up_once(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let store = stage.store.clone();
        let id = agent.id;
        attempts.spawn(async move {
            store
                .burn_intent_nonce(id, "key", "nonce", at(100))
                .await
                .unwrap()
        });
    }
    let burnt = attempts.join_all().await;
    assert_eq!(burnt.into_iter().filter(|first| *first).count(), 1);
    let store = &stage.store;
    let burn = async |key: &str| {
        store
            .burn_intent_nonce(agent.id, key, "nonce", at(100))
            .await
            .unwrap()
    };
    assert!(burn("other key").await);
    assert_eq!(store.purge_expired(at(100)).await.unwrap(), 0);
    assert!(!burn("key").await);
    assert_eq!(store.purge_expired(at(101)).await.unwrap(), 2);
}

async fn an_agent_has_ten_intent_keys_at_most(stage: Stage) {
    let (org, user) = stage.account().await;
    let agent = stage.agent(&org).await;
    let told = || event(&org, "intent_key.change");
    let key = |n: u8| IntentKey {
        agent_id: agent.id,
        key_id: format!("key-{n}"),
        org_id: org.id,
        public_key: vec![n; 32],
        created_by: Principal::User(user.id),
        created_at: at(i64::from(n)),
        revoked_at: None,
    };
    let mut attempts = tokio::task::JoinSet::new();
    for n in 0..15 {
        let (store, key, told) = (stage.store.clone(), key(n), told());
        attempts.spawn(async move { store.create_intent_key(&key, told).await });
    }
    let outcomes = attempts.join_all().await;
    assert_eq!(outcomes.iter().filter(|it| it.is_ok()).count(), 10);
    let full = Err(StoreError::Conflict("intent keys"));
    assert_eq!(outcomes.iter().filter(|it| **it == full).count(), 5);

    let store = &stage.store;
    let known = store.intent_keys(agent.id).await.unwrap();
    let first = known[0].clone();
    let found = async || store.intent_key(agent.id, &first.key_id).await.unwrap();
    assert_eq!(found().await, Some(first.clone()));
    let revoke = async || {
        store
            .revoke_intent_key(agent.id, &first.key_id, told())
            .await
    };
    assert_eq!(revoke().await, Ok(()));
    assert_eq!(revoke().await, Err(StoreError::NotFound));
    assert_eq!(found().await, None);
    assert_eq!(
        store.create_intent_key(&first, told()).await,
        Err(StoreError::Conflict("intent key")),
        "names are not used again"
    );
    store.create_intent_key(&key(99), told()).await.unwrap();
    assert_eq!(store.intent_keys(agent.id).await.unwrap().len(), 10);
    stage.sound_chain(org.id).await;
}
