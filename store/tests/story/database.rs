//! Opening, upgrading and closing a database.

use oneclaw_store::{DatabaseKind, Store, StoreError, StoreOptions};

use crate::stage::{AUDIT_KEY, Stage, event, open};

crate::stories!(
    a_database_opens_again_with_everything_in_it,
    two_handles_see_each_other_at_once,
    a_changed_migration_is_refused,
    a_database_of_a_newer_version_is_refused,
    text_with_nul_is_refused_and_nothing_is_stored,
);

async fn reopen(stage: &Stage) -> Result<Store, StoreError> {
    Store::open(&stage.url, AUDIT_KEY, StoreOptions::default()).await
}

async fn a_database_opens_again_with_everything_in_it(stage: Stage) {
    let (org, user) = stage.account().await;
    stage.store.ping().await.unwrap();
    stage.store.close().await;
    let store = open(&stage.url).await;
    assert_eq!(store.user(user.id).await.unwrap(), Some(user));
    store.record(event(&org, "auth.success")).await.unwrap();
    assert!(
        store
            .verify(org.id, None, None, 10)
            .await
            .unwrap()
            .chain_valid
    );
}

async fn two_handles_see_each_other_at_once(stage: Stage) {
    let other = open(&stage.url).await;
    let (org, mut user) = stage.account().await;
    for n in 0..20 {
        let (writer, reader) = if n % 2 == 0 {
            (&stage.store, &other)
        } else {
            (&other, &stage.store)
        };
        user.display_name = format!("name {n}");
        writer
            .update_user(&user, event(&org, "user.update"))
            .await
            .unwrap();
        assert_eq!(reader.user(user.id).await.unwrap(), Some(user.clone()));
    }
    assert_eq!(stage.sound_chain(org.id).await, 21);
}

async fn a_changed_migration_is_refused(stage: Stage) {
    let blank = if stage.is_postgres() {
        "'\\x00'"
    } else {
        "x'00'"
    };
    stage
        .tamper(&format!("UPDATE _sqlx_migrations SET checksum = {blank}"))
        .await;
    let error = reopen(&stage).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Corrupt(why) if why.contains("has changed")),
        "{error}"
    );
}

async fn a_database_of_a_newer_version_is_refused(stage: Stage) {
    stage
        .tamper(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             SELECT 9999, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
        )
        .await;
    let error = reopen(&stage).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Corrupt(why) if why.contains("newer version")),
        "{error}"
    );
}

async fn text_with_nul_is_refused_and_nothing_is_stored(stage: Stage) {
    let (org, mut user) = stage.account().await;
    let before = user.clone();
    user.display_name = "a\0b".to_owned();
    let outcome = stage
        .store
        .update_user(&user, event(&org, "user.update"))
        .await;
    assert!(
        matches!(outcome, Err(StoreError::Conflict(_))),
        "{outcome:?}"
    );
    assert_eq!(stage.store.user(user.id).await.unwrap(), Some(before));
    assert_eq!(stage.sound_chain(org.id).await, 1);
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_refused_without_repeating_its_password() {
    let dir = tempfile::tempdir().unwrap();
    let missing = format!("sqlite://{}/no/such/dir/x.db", dir.path().display());
    for url in [
        "mysql://user:hunter2@localhost/x",
        "postgres://user:hunter2@127.0.0.1:1/x",
        "postgres://user:hunter2@[::1/x",
        "sqlite::memory:",
        "sqlite://x?mode=memory",
        "hunter2",
        &missing,
    ] {
        let options = StoreOptions {
            acquire_timeout: std::time::Duration::from_millis(300),
            ..Default::default()
        };
        let error = Store::open(url, AUDIT_KEY, options).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Unavailable(_)),
            "{url}: {error:?}"
        );
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_sqlite_files_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::sqlite().await;
    assert_eq!(stage.store.database_kind(), DatabaseKind::Sqlite);
    stage.account().await;
    let file = stage.url.trim_start_matches("sqlite://");
    for suffix in ["", "-wal", "-shm"] {
        let mode = std::fs::metadata(format!("{file}{suffix}"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix}");
    }
}
