//! Members, invitations, rules on addresses, settings.

use oneclaw_store::{
    IpRule, IpRuleAudience, IpRuleKind, Role, Setting, SettingScope, StoreError, User,
};

use crate::stage::{Stage, account, at, event, id, invitation, invitation_mail};

crate::stories!(
    of_many_who_take_owners_away_at_once_none_takes_the_last,
    an_invitation_is_used_once_by_the_address_it_is_for,
    rules_carry_a_revision_that_every_caller_is_read_with,
    a_setting_is_kept_for_its_scope_alone,
);

async fn of_many_who_take_owners_away_at_once_none_takes_the_last(stage: Stage) {
    let (org, first) = stage.account().await;
    let mut owners = vec![first.id];
    for n in 0..5 {
        let user = stage
            .member(&org, &first, &format!("owner{n}@example.com"))
            .await;
        owners.push(user.id);
    }
    let mut attempts = tokio::task::JoinSet::new();
    for owner in owners {
        let (store, org) = (stage.store.clone(), org.clone());
        attempts.spawn(async move {
            let event = event(&org, "org.member_update");
            let change = (Role::Owner, Role::Member);
            store.change_role(org.id, owner, change, event).await
        });
    }
    let outcomes = attempts.join_all().await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 5);
    let refused = Err(StoreError::Conflict("last owner"));
    assert_eq!(outcomes.iter().filter(|o| **o == refused).count(), 1);
    let members = stage.store.members(org.id).await.unwrap();
    let owner = members.iter().find(|m| m.role == Role::Owner).unwrap();
    let event = event(&org, "org.member_delete");
    let removed = stage
        .store
        .remove_member(org.id, owner.id, Role::Owner, event.clone())
        .await;
    assert_eq!(removed, refused);
    assert_eq!(stage.store.delete_user(owner.id, event).await, refused);
}

async fn an_invitation_is_used_once_by_the_address_it_is_for(stage: Stage) {
    let (org, owner) = stage.account().await;
    let asked = invitation(org.id, owner.id, "ann@example.com");
    let store = &stage.store;
    let invite = |hash: [u8; 32]| {
        let (asked, event) = (asked.clone(), event(&org, "org.invite"));
        async move {
            store
                .put_invitation(&asked, &hash, invitation_mail(asked.org_id), event)
                .await
        }
    };
    invite([1; 32]).await.unwrap();
    assert_eq!(
        store.invitation(&[1; 32], at(9_999)).await.unwrap(),
        Some(asked.clone())
    );
    assert_eq!(store.invitation(&[1; 32], at(10_000)).await.unwrap(), None);
    let ann = User {
        org_id: org.id,
        email: asked.email.clone(),
        ..account().1
    };
    let accept = |user: User| {
        let event = event(&org, "org.member_join");
        async move { store.accept_invitation(&[1; 32], &user, event).await }
    };
    for wrong in [
        User {
            email: "eve@example.com".to_owned(),
            ..ann.clone()
        },
        User {
            role: Role::Admin,
            ..ann.clone()
        },
        User {
            org_id: stage.account().await.0.id,
            ..ann.clone()
        },
    ] {
        assert_eq!(accept(wrong).await, Err(StoreError::NotFound));
    }
    accept(ann.clone()).await.unwrap();
    assert_eq!(accept(ann.clone()).await, Err(StoreError::NotFound));
    assert_eq!(invite([2; 32]).await, Err(StoreError::Conflict("member")));
    assert_eq!(store.members(org.id).await.unwrap().len(), 2);
    assert_eq!(store.count_mails().await.unwrap().waiting, 1);
}

async fn rules_carry_a_revision_that_every_caller_is_read_with(stage: Stage) {
    let (org, user) = stage.account().await;
    let store = &stage.store;
    let rule = IpRule {
        id: id(),
        org_id: org.id,
        kind: IpRuleKind::Deny,
        network: "2001:db8::/32".parse().unwrap(),
        label: "test".to_owned(),
        audience: IpRuleAudience::Agents,
        created_by: user.id,
        created_at: at(1),
    };
    let seen = async || {
        let (_, standing) = store
            .user_session(user.id, "", at(0))
            .await
            .unwrap()
            .unwrap();
        standing.ip_rules_revision
    };
    assert_eq!(seen().await, 0);
    let created = event(&org, "ip_rule.create");
    store.add_ip_rule(&rule, 0, created.clone()).await.unwrap();
    assert_eq!(seen().await, 1);
    assert_eq!(
        store.ip_rules(org.id).await.unwrap(),
        (1, vec![rule.clone()])
    );
    let other = IpRule {
        id: id(),
        ..rule.clone()
    };
    let late = store.add_ip_rule(&other, 0, created).await;
    assert_eq!(late, Err(StoreError::Conflict("ip rules")));
    let deleted = event(&org, "ip_rule.delete");
    store
        .delete_ip_rule(org.id, rule.id, 1, deleted)
        .await
        .unwrap();
    assert_eq!(store.ip_rules(org.id).await.unwrap(), (2, vec![]));
    assert_eq!(seen().await, 2);
}

async fn a_setting_is_kept_for_its_scope_alone(stage: Stage) {
    let (org, user) = stage.account().await;
    let store = &stage.store;
    let setting = |value: &str| Setting {
        key: "some.key".to_owned(),
        value: value.to_owned(),
        updated_by: user.id,
        updated_at: at(1),
    };
    let scope = SettingScope::Org(org.id);
    for value in ["one", "two"] {
        store
            .put_setting(scope, &setting(value), event(&org, "setting.update"))
            .await
            .unwrap();
    }
    assert_eq!(store.settings(scope).await.unwrap(), [setting("two")]);
    assert_eq!(
        store
            .setting(SettingScope::Server, "some.key")
            .await
            .unwrap(),
        None
    );
    let gone = event(&org, "setting.delete");
    store
        .delete_setting(scope, "some.key", gone.clone())
        .await
        .unwrap();
    let again = store.delete_setting(scope, "some.key", gone).await;
    assert_eq!(again, Err(StoreError::NotFound));
}
