//! Requests counted, and room asked for.

use oneclaw_core::ids::OrgId;
use oneclaw_core::principal::Principal;
use oneclaw_store::{Limits, Metered, NewRequest, Plan, Provisioning, StoreError};

use crate::stage::{Stage, agent, at, event, id, open, vault};

crate::stories!(
    counts_are_durable_with_the_next_commit_of_the_writer,
    two_nodes_count_together,
    of_a_hundred_vaults_at_once_as_many_are_made_as_there_is_room_for,
    fleets_made_at_once_fit_as_a_whole_or_not_at_all,
    the_newest_requests_are_kept,
);

const MONTH: i64 = 202_611;

async fn written(stage: &Stage, org: OrgId) -> i64 {
    stage
        .number(&format!(
            "SELECT COALESCE(max(requests), 0) FROM usage_months WHERE org_id = '{org}' AND month = {MONTH}"
        ))
        .await
}

async fn counts_are_durable_with_the_next_commit_of_the_writer(stage: Stage) {
    let (org, _) = stage.account().await;
    let (other, _) = stage.account().await;
    for n in 1..=5 {
        let usage = stage.store.count_request(org.id, MONTH).await.unwrap();
        assert_eq!((usage.requests, usage.plan), (n, Plan::default()));
    }
    stage.store.count_request(other.id, MONTH).await.unwrap();
    // What a request records carries its count along.
    stage.store.record(event(&org, "x")).await.unwrap();
    assert_eq!(written(&stage, org.id).await, 5);
    assert_eq!(written(&stage, other.id).await, 1);
    let usage = stage.store.count_request(org.id, MONTH).await.unwrap();
    assert_eq!(usage.requests, 6);
    assert_eq!(
        stage
            .store
            .request_usage(org.id, MONTH)
            .await
            .unwrap()
            .requests,
        6
    );
    // Another month begins at nothing.
    let next = stage.store.count_request(org.id, MONTH + 1).await.unwrap();
    assert_eq!(next.requests, 1);
    stage.store.close().await;
    assert_eq!(written(&stage, org.id).await, 6);
}

async fn two_nodes_count_together(stage: Stage) {
    let (org, _) = stage.account().await;
    let nodes = [stage.store.clone(), open(&stage.url).await];
    let mut counting = tokio::task::JoinSet::new();
    for n in 0..200 {
        let (node, event) = (nodes[n % 2].clone(), event(&org, "x"));
        counting.spawn(async move {
            node.count_request(event.org_id, MONTH).await.unwrap();
            if n % 5 == 0 {
                node.record(event).await.unwrap();
            }
        });
    }
    counting.join_all().await;
    for node in &nodes {
        node.close().await;
    }
    assert_eq!(written(&stage, org.id).await, 200);
    let third = open(&stage.url).await;
    assert_eq!(
        third.request_usage(org.id, MONTH).await.unwrap().requests,
        200
    );
}

async fn of_a_hundred_vaults_at_once_as_many_are_made_as_there_is_room_for(stage: Stage) {
    let (org, user) = stage.account().await;
    let plan = Plan {
        tier: Some("free".to_owned()),
        limits: Limits {
            vaults: Some(7),
            ..Limits::default()
        },
        ..Plan::default()
    };
    stage
        .store
        .set_plan(org.id, &plan, event(&org, "billing.tier"))
        .await
        .unwrap();
    assert_eq!(
        stage.store.request_usage(org.id, MONTH).await.unwrap().plan,
        plan
    );
    let nodes = [stage.store.clone(), open(&stage.url).await];
    let mut making = tokio::task::JoinSet::new();
    for n in 0..100 {
        let (node, event) = (nodes[n % 2].clone(), event(&org, "vault.create"));
        let vault = vault(&org, Principal::User(user.id));
        making.spawn(async move { node.create_vault(&vault, None, event).await });
    }
    let outcomes = making.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 7);
    for outcome in outcomes {
        let Err(error) = outcome else { continue };
        let StoreError::LimitReached(reached) = error else {
            panic!("{error}");
        };
        assert_eq!(
            (reached.what, reached.used, reached.max),
            (Metered::Vaults, 7, 7)
        );
    }
    assert_eq!(stage.store.count_vaults(org.id).await.unwrap(), 7);
    // A tier that has ended holds nothing back.
    let ended = Plan {
        ends_at: Some(at(0)),
        ..plan
    };
    stage
        .store
        .set_plan(org.id, &ended, event(&org, "billing.tier"))
        .await
        .unwrap();
    stage.vault(&org, Principal::User(user.id)).await;
}

async fn fleets_made_at_once_fit_as_a_whole_or_not_at_all(stage: Stage) {
    let (org, user) = stage.account().await;
    let plan = Plan {
        tier: Some("business".to_owned()),
        limits: Limits {
            agents: Some(50),
            vaults: Some(4),
            ..Limits::default()
        },
        ..Plan::default()
    };
    stage
        .store
        .set_plan(org.id, &plan, event(&org, "billing.tier"))
        .await
        .unwrap();
    let nodes = [stage.store.clone(), open(&stage.url).await];
    let mut making = tokio::task::JoinSet::new();
    for n in 0..10 {
        let fleet = Provisioning {
            agents: (0..12).map(|_| (agent(&org), Vec::new())).collect(),
            vaults: vec![vault(&org, Principal::User(user.id))],
            events: vec![event(&org, "agent.register")],
            ..Provisioning::default()
        };
        let (node, org) = (nodes[n % 2].clone(), org.id);
        making.spawn(async move { node.provision(org, fleet).await });
    }
    let outcomes = making.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 4);
    for error in outcomes.into_iter().filter_map(Result::err) {
        let StoreError::LimitReached(reached) = error else {
            panic!("{error}");
        };
        assert_eq!(
            (reached.what, reached.used, reached.wanted),
            (Metered::Vaults, 4, 1)
        );
    }
    // Two more agents fit, and three do not.
    let fleet = |size: usize| Provisioning {
        agents: (0..size).map(|_| (agent(&org), Vec::new())).collect(),
        events: vec![event(&org, "agent.register")],
        ..Provisioning::default()
    };
    let refused = stage.store.provision(org.id, fleet(3)).await;
    let Err(StoreError::LimitReached(reached)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((reached.used, reached.wanted), (48, 3));
    stage.store.provision(org.id, fleet(2)).await.unwrap();
    assert_eq!(stage.store.count_agents(org.id).await.unwrap(), 50);
    stage.sound_chain(org.id).await;
}

async fn the_newest_requests_are_kept(stage: Stage) {
    let (org, user) = stage.account().await;
    let note = |n: i64| NewRequest {
        id: id(),
        org_id: org.id,
        principal: Principal::User(user.id),
        method: "GET".to_owned(),
        endpoint: format!("/{n}"),
        status: 200,
        at: at(n),
    };
    for n in 0..150 {
        stage.store.note_request(note(n));
    }
    let newest = stage.store.request_history(org.id, 2).await.unwrap();
    let endpoints: Vec<_> = newest
        .iter()
        .map(|request| request.endpoint.as_str())
        .collect();
    assert_eq!(endpoints, ["/149", "/148"]);
    for n in 150..410 {
        stage.store.note_request(note(n));
    }
    let kept = stage.store.request_history(org.id, 1_000).await.unwrap();
    assert_eq!(kept.len(), 200);
    assert_eq!(
        (kept[0].endpoint.as_str(), kept[199].endpoint.as_str()),
        ("/409", "/210")
    );
    let stored = stage
        .number(&format!(
            "SELECT count(*) FROM usage_requests WHERE org_id = '{}'",
            org.id
        ))
        .await;
    assert_eq!(stored, 200);
}
