//! Secrets and their versions.

use oneclaw_core::principal::Principal;
use oneclaw_store::{SecretVersion, StoreError};

use crate::stage::{Stage, at, event, event_in, path, secret};

crate::stories!(
    a_version_is_found_again_exactly_as_it_was_stored,
    writers_at_once_get_numbers_without_a_gap,
    a_deleted_path_is_gone_with_all_its_versions_and_can_be_written_again,
    a_disabled_version_gives_way_to_the_one_before,
    a_listing_shows_the_latest_version_of_what_begins_with_the_prefix,
);

async fn a_version_is_found_again_exactly_as_it_was_stored(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let first = stage.put(&vault, "api-keys/openai", Some(3)).await;
    let second = stage.put(&vault, "api-keys/openai", None).await;
    let at_path = path("api-keys/openai");
    let store = &stage.store;

    assert_eq!(second.1.version, 2);
    assert_eq!(
        store.secret(vault.id, &at_path).await.unwrap(),
        Some(second.0.clone())
    );
    let newest = store.latest_readable(vault.id, &at_path).await.unwrap();
    assert_eq!(newest, Some(second.clone()));
    let (_, older) = store.version(vault.id, &at_path, 1).await.unwrap().unwrap();
    assert_eq!(older, first.1);
    assert_eq!(store.version(vault.id, &at_path, 3).await.unwrap(), None);
    assert_eq!(
        store
            .latest_readable(vault.id, &path("api-keys"))
            .await
            .unwrap(),
        None
    );

    let listed = |version: SecretVersion| SecretVersion {
        wrapped_data_key: Vec::new(),
        ciphertext: Vec::new(),
        ..version
    };
    let versions = store.versions(vault.id, &at_path).await.unwrap();
    assert_eq!(versions, [listed(second.1.clone()), listed(first.1)]);
    assert!(
        store
            .versions(vault.id, &path("nothing"))
            .await
            .unwrap()
            .is_empty()
    );
    assert!(!format!("{:?}", second.1).contains("sealed"));
    assert_eq!(store.count_secrets(org.id).await.unwrap(), 1);
}

async fn writers_at_once_get_numbers_without_a_gap(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..20 {
        let (store, vault) = (stage.store.clone(), vault.clone());
        writers.spawn(async move {
            loop {
                let (existing, number) =
                    store.next_version(vault.id, &path("shared")).await.unwrap();
                let (secret, mut version) = secret(&vault, "shared", existing, number);
                version.ciphertext = format!("{writer} {number}").into_bytes();
                let event = event_in(vault.org_id, "secret.write");
                match store.put_version(&secret, &version, event).await {
                    Ok(()) => return (writer, number),
                    Err(StoreError::Conflict("version")) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
    let mut written = writers.join_all().await;
    written.sort_unstable_by_key(|(_, number)| *number);
    let numbers: Vec<_> = written.iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    for (writer, number) in written {
        let (secret, version) = stage
            .store
            .version(vault.id, &path("shared"), number)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            version.ciphertext,
            format!("{writer} {number}").into_bytes()
        );
        assert_eq!(secret.latest_version, 20);
    }
    // One event for each version, none for the attempts that lost.
    assert_eq!(stage.sound_chain(org.id).await, 22);
}

async fn a_deleted_path_is_gone_with_all_its_versions_and_can_be_written_again(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    let (first, _) = stage.put(&vault, "a", None).await;
    stage.put(&vault, "a", None).await;
    let mut deletion = event(&org, "secret.delete");
    deletion.at = at(500);
    let store = &stage.store;
    store
        .delete_secret(vault.id, &path("a"), deletion)
        .await
        .unwrap();

    let deleted = store.secret(vault.id, &path("a")).await.unwrap().unwrap();
    assert_eq!(deleted.deleted_at, Some(at(500)));
    assert_eq!(
        store.latest_readable(vault.id, &path("a")).await.unwrap(),
        None
    );
    assert!(store.list(vault.id, "").await.unwrap().is_empty());
    assert_eq!(store.count_secrets(org.id).await.unwrap(), 0);
    for missing in ["a", "b"] {
        let event = event(&org, "secret.delete");
        let outcome = store.delete_secret(vault.id, &path(missing), event).await;
        assert_eq!(outcome, Err(StoreError::NotFound));
    }

    let (revived, third) = stage.put(&vault, "a", None).await;
    assert_eq!((revived.id, third.version), (first.id, 3));
    let found = store.latest_readable(vault.id, &path("a")).await.unwrap();
    assert_eq!(found, Some((revived, third)));
    // What was deleted does not come back.
    let versions = store.versions(vault.id, &path("a")).await.unwrap();
    let disabled: Vec<_> = versions.iter().map(|version| version.disabled_at).collect();
    assert_eq!(disabled, [None, Some(at(500)), Some(at(500))]);
}

async fn a_disabled_version_gives_way_to_the_one_before(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    stage.put(&vault, "a", None).await;
    stage.put(&vault, "a", None).await;
    let store = &stage.store;
    let disable = async |number, ms| {
        let mut event = event(&org, "secret.version_disable");
        event.at = at(ms);
        store
            .disable_version(vault.id, &path("a"), number, event)
            .await
    };
    disable(2, 10).await.unwrap();
    disable(2, 20).await.unwrap();
    let (_, newest) = store
        .latest_readable(vault.id, &path("a"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(newest.version, 1);
    let (_, disabled) = store
        .version(vault.id, &path("a"), 2)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(disabled.disabled_at, Some(at(10)));
    disable(1, 30).await.unwrap();
    assert_eq!(
        store.latest_readable(vault.id, &path("a")).await.unwrap(),
        None
    );
    assert_eq!(disable(3, 40).await, Err(StoreError::NotFound));
    // The path is listed all the same, as disabled.
    let listed = store.list(vault.id, "").await.unwrap();
    assert_eq!(listed[0].1.disabled_at, Some(at(10)));
}

async fn a_listing_shows_the_latest_version_of_what_begins_with_the_prefix(stage: Stage) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    for at_path in [
        "b",
        "api_keys/x",
        "apiXkeys/x",
        "api-keys/x",
        "api",
        "API",
        "api/z",
        "apj",
        "a",
    ] {
        stage.put(&vault, at_path, None).await;
    }
    stage.put(&vault, "api", None).await;
    let list = async |prefix: &str| {
        let listed = stage.store.list(vault.id, prefix).await.unwrap();
        let shown = |(secret, version): (oneclaw_store::Secret, SecretVersion)| {
            assert!(version.ciphertext.is_empty() && version.wrapped_data_key.is_empty());
            assert_eq!(version.version, secret.latest_version);
            format!("{} {}", secret.path, version.version)
        };
        listed.into_iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(list("api_").await, ["api_keys/x 1"]);
    assert_eq!(
        list("api").await,
        [
            "api 2",
            "api-keys/x 1",
            "api/z 1",
            "apiXkeys/x 1",
            "api_keys/x 1"
        ]
    );
    assert_eq!(list("").await.len(), 9);
    for nothing in ["%", "c", "api/z/", "\0", "a\u{10ffff}"] {
        assert!(list(nothing).await.is_empty(), "{nothing:?}");
    }
}
