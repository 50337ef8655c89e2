//! Labels of agents, and lists of thousands.

use oneclaw_tests::app::{Agent, Human, TestApp};
use serde_json::{Value, json};

async fn fleet(app: &TestApp, owner: &Human, sizes: &[(&str, usize)]) -> Vec<Agent> {
    let mut agents = Vec::new();
    for (team, size) in sizes {
        for n in 0..*size {
            let fields = json!({"name": format!("{team}-{n}"), "labels": {"team": team}});
            agents.push(app.agent(owner, fields).await);
        }
    }
    agents
}

fn names(list: &Value) -> Vec<&str> {
    let agents = list["agents"].as_array().unwrap().iter();
    agents.map(|a| a["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn without_a_page_the_list_is_complete_and_as_it_always_was() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    fleet(&app, &owner, &[("red", 3)]).await;
    let list = app.get("/v1/agents", &owner.token).await.expect(200);
    assert_eq!(names(&list), ["red-0", "red-1", "red-2"]);
    assert_eq!(list.as_object().unwrap().len(), 1, "{list}");
    assert_eq!(list["agents"][0]["labels"], json!({"team": "red"}));
}

#[tokio::test]
async fn pages_lead_through_the_whole_fleet_while_it_grows() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    fleet(&app, &owner, &[("red", 4), ("blue", 3)]).await;
    let mut seen = Vec::new();
    let mut query = "limit=2".to_owned();
    loop {
        let url = format!("/v1/agents?{query}");
        let page = app.get(&url, &owner.token).await.expect(200);
        seen.extend(names(&page).into_iter().map(str::to_owned));
        if seen.len() == 2 {
            fleet(&app, &owner, &[("late", 1)]).await;
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(
        seen,
        [
            "red-0", "red-1", "red-2", "red-3", "blue-0", "blue-1", "blue-2", "late-0"
        ]
    );
}

#[tokio::test]
async fn filters_find_agents_by_label_name_and_state() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    let agents = fleet(&app, &owner, &[("red", 2), ("blue", 2)]).await;
    let url = format!("/v1/agents/{}", agents[0].id);
    app.patch(
        &url,
        &owner.token,
        json!({"is_active": false, "labels": {"team": "red", "stage": "prod"}}),
    )
    .await
    .expect(200);
    for (query, expected) in [
        ("label=team=red", vec!["red-0", "red-1"]),
        ("label=stage=prod,team=red", vec!["red-0"]),
        ("label=team=green", vec![]),
        ("search=UE-1", vec!["blue-1"]),
        ("q=-0", vec!["red-0", "blue-0"]),
        ("is_active=false", vec!["red-0"]),
        ("is_active=true&label=team=red&q=red", vec!["red-1"]),
        ("label=&search=&is_active=&limit=1", vec!["red-0"]),
    ] {
        let url = format!("/v1/agents?{query}");
        let list = app.get(&url, &owner.token).await.expect(200);
        assert_eq!(names(&list), expected, "{query}");
    }
    // Another organisation sees its own alone.
    let stranger = app.human("stranger").await;
    let list = app
        .get("/v1/agents?label=team=red", &stranger.token)
        .await
        .expect(200);
    assert_eq!(names(&list), [] as [&str; 0]);
}

#[tokio::test]
async fn a_question_that_cannot_be_meant_names_its_parameter() {
    let app = TestApp::start().await;
    let owner = app.human("owner").await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=12.34", "cursor"),
        ("label=team", "label"),
        ("label=team=a,team=b", "label"),
        ("is_active=yes", "is_active"),
    ] {
        let url = format!("/v1/agents?{query}");
        let problem = app.get(&url, &owner.token).await.problem(400);
        assert!(problem["fields"][field].is_string(), "{query}: {problem}");
    }
    let agent = app.agent(&owner, json!({})).await;
    let token = app.token(&agent).await;
    app.get("/v1/agents?limit=1", &token).await.problem(403);
}
