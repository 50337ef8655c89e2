//! Environment variables: one value for a name, branch and environment, and changes all or nothing.

use oneclaw_core::ids::EnvVarId;
use oneclaw_core::principal::Principal;
use oneclaw_store::*;

use crate::stage::{Stage, at, event, id};
use crate::stories;

fn value(environment: &str, text: &str) -> EnvValue {
    EnvValue {
        environment: environment.to_owned(),
        seal: i64::MAX - 7,
        wrapped_data_key: vec![1; 60],
        ciphertext: text.as_bytes().to_vec(),
    }
}

fn var(vault: &Vault, name: &str, environments: &[&str]) -> EnvVar {
    EnvVar {
        id: EnvVarId::from_uuid(id()),
        org_id: vault.org_id,
        vault_id: vault.id,
        name: name.to_owned(),
        git_branch: None,
        sensitive: false,
        comment: Some("ä".to_owned()),
        version: 1,
        created_by: vault.created_by,
        created_at: at(1),
        updated_at: at(1),
        values: environments.iter().map(|e| value(e, "sealed")).collect(),
    }
}

async fn staged(stage: &Stage) -> (Org, Vault) {
    let (org, user) = stage.account().await;
    let vault = stage.vault(&org, Principal::User(user.id)).await;
    (org, vault)
}

async fn change(stage: &Stage, vault: &Vault, changes: &[EnvVarChange]) -> Result<()> {
    let mut event = crate::stage::event_in(vault.org_id, "env_var.change");
    event.vault_id = Some(vault.id);
    stage
        .store
        .change_env_vars(vault.id, changes, 3, event)
        .await
}

async fn a_variable_comes_back_as_it_was_stored(stage: Stage) {
    let (org, vault) = staged(&stage).await;
    let (_, other) = staged(&stage).await;
    let first = var(&vault, "B", &["preview", "production"]);
    let branch = EnvVar {
        git_branch: Some("feature/x".to_owned()),
        sensitive: true,
        comment: None,
        ..var(&vault, "A", &["production"])
    };
    let both = [
        EnvVarChange::Insert(first.clone()),
        EnvVarChange::Insert(branch.clone()),
    ];
    change(&stage, &vault, &both).await.unwrap();
    let store = &stage.store;
    assert_eq!(
        store.env_vars(vault.id).await.unwrap(),
        [branch.clone(), first.clone()]
    );
    assert_eq!(
        store.env_vars_named(vault.id, "B").await.unwrap(),
        std::slice::from_ref(&first)
    );
    let preview = EnvVar {
        values: vec![value("preview", "sealed")],
        ..first
    };
    assert_eq!(
        store.env_vars_in(vault.id, "preview").await.unwrap(),
        [preview]
    );
    assert_eq!(store.env_vars(other.id).await.unwrap(), []);
    stage.sound_chain(org.id).await;
}

async fn there_is_one_value_for_a_name_branch_and_environment(stage: Stage) {
    let (org, vault) = staged(&stage).await;
    let first = var(&vault, "A", &["preview", "production"]);
    change(&stage, &vault, &[EnvVarChange::Insert(first.clone())])
        .await
        .unwrap();
    let again = var(&vault, "A", &["development", "preview"]);
    assert_eq!(
        change(&stage, &vault, &[EnvVarChange::Insert(again.clone())]).await,
        Err(StoreError::Conflict("taken"))
    );
    // Within one change, what goes makes room for what comes.
    let rest = EnvVar {
        version: 2,
        updated_at: at(9),
        values: vec![value("production", "new")],
        ..first.clone()
    };
    let split = [
        EnvVarChange::Insert(again.clone()),
        EnvVarChange::Replace(rest.clone()),
    ];
    change(&stage, &vault, &split).await.unwrap();
    for stale in [
        EnvVarChange::Replace(rest.clone()),
        EnvVarChange::Remove(first.id, 1),
    ] {
        assert_eq!(
            change(&stage, &vault, &[stale]).await,
            Err(StoreError::Conflict("version"))
        );
    }
    let (_, other) = staged(&stage).await;
    assert_eq!(
        change(&stage, &other, &[EnvVarChange::Remove(first.id, 2)]).await,
        Err(StoreError::Conflict("version"))
    );
    assert_eq!(stage.store.env_vars(vault.id).await.unwrap().len(), 2);
    change(&stage, &vault, &[EnvVarChange::Remove(first.id, 2)])
        .await
        .unwrap();
    assert_eq!(stage.store.env_vars(vault.id).await.unwrap(), [again]);
    let more = ["B", "C", "D"].map(|name| EnvVarChange::Insert(var(&vault, name, &["preview"])));
    assert_eq!(
        change(&stage, &vault, &more).await,
        Err(StoreError::Conflict("full"))
    );
    assert_eq!(stage.store.env_vars(vault.id).await.unwrap().len(), 1);
    stage.sound_chain(org.id).await;
}

async fn an_environment_comes_and_goes_with_what_is_in_it(stage: Stage) {
    let (org, vault) = staged(&stage).await;
    let environment = Environment {
        id: id().to_string(),
        slug: "staging".to_owned(),
        description: None,
        copied_from: Some("production".to_owned()),
        created_at: at(3),
    };
    let store = &stage.store;
    let make = |copies: Vec<EnvVarChange>| {
        let (environment, event) = (environment.clone(), event(&org, "environment.create"));
        async move {
            store
                .create_environment(vault.id, &environment, 1, (&copies, 3), event)
                .await
        }
    };
    let both = var(&vault, "A", &["production", "staging"]);
    let there_alone = var(&vault, "B", &["staging"]);
    make(vec![
        EnvVarChange::Insert(both.clone()),
        EnvVarChange::Insert(there_alone),
    ])
    .await
    .unwrap();
    assert_eq!(
        make(Vec::new()).await,
        Err(StoreError::Conflict("environment"))
    );
    assert_eq!(
        store.environments(vault.id).await.unwrap(),
        std::slice::from_ref(&environment)
    );
    let delete =
        || store.delete_environment(vault.id, "staging", event(&org, "environment.delete"));
    delete().await.unwrap();
    assert_eq!(delete().await, Err(StoreError::NotFound));
    let left = store.env_vars(vault.id).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].values, both.values[..1]);
    store
        .delete_vault(vault.id, event(&org, "vault.delete"))
        .await
        .unwrap();
    assert_eq!(stage.number("SELECT count(*) FROM env_values").await, 0);
}

async fn shared_variables_hold_where_they_are_linked(stage: Stage) {
    let (org, user) = stage.account().await;
    let owner = Principal::User(user.id);
    let vault = stage.vault(&org, owner).await;
    let store = &stage.store;
    assert_eq!(store.shared_env_vault(org.id).await.unwrap(), None);
    let shared = crate::stage::vault(&org, owner);
    let made = |vault: &Vault| {
        let (vault, event) = (vault.clone(), event(&org, "vault.create"));
        async move { store.create_shared_env_vault(&vault, event).await }
    };
    made(&shared).await.unwrap();
    assert_eq!(
        made(&crate::stage::vault(&org, owner)).await,
        Err(StoreError::Conflict("vault"))
    );
    assert_eq!(
        store.shared_env_vault(org.id).await.unwrap(),
        Some(shared.clone())
    );
    let common = var(&shared, "A", &["preview", "production"]);
    change(&stage, &shared, &[EnvVarChange::Insert(common.clone())])
        .await
        .unwrap();
    let linked = || store.env_vars_linked_to(vault.id, "production");
    assert_eq!(linked().await.unwrap(), []);
    for _ in 0..2 {
        store
            .link_env_vars(&[common.id], vault.id, event(&org, "env_var.link"))
            .await
            .unwrap();
    }
    let in_production = EnvVar {
        values: vec![value("production", "sealed")],
        ..common.clone()
    };
    assert_eq!(linked().await.unwrap(), [in_production]);
    let links = store.env_links(shared.id).await.unwrap();
    assert_eq!(links.get(&common.id), Some(&vec![vault.id]));
    let ids = [common.id];
    let unlink = || store.unlink_env_vars(&ids, vault.id, event(&org, "env_var.unlink"));
    assert_eq!(unlink().await, Ok(1));
    assert_eq!(unlink().await, Ok(0));
    assert_eq!(linked().await.unwrap(), []);
    stage.sound_chain(org.id).await;
}

stories!(
    a_variable_comes_back_as_it_was_stored,
    there_is_one_value_for_a_name_branch_and_environment,
    an_environment_comes_and_goes_with_what_is_in_it,
    shared_variables_hold_where_they_are_linked,
);
