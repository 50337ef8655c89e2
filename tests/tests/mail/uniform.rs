//! An enrolment tells nothing about the address that it names, neither by what is answered nor by how long it takes.

use std::time::Instant;

use oneclaw_core::ids::{EventId, OrgId, UserId};
use oneclaw_server::config::Config;
use oneclaw_store::{NewEvent, Org, Role, SignupRule, User};
use oneclaw_tests::app::{Database, Reply, TestApp};
use serde_json::json;

/// Enrolments of each kind.
const ROUNDS: usize = 120;

/// How many standard deviations the ranks of two samples may be apart: as far apart by chance once in 15,000 runs.
const FARTHEST: f64 = 4.0;

async fn timed(app: &TestApp, email: &str) -> (Reply, f64) {
    let body = json!({"name": "worker", "human_email": email, "description": "Reads mail"});
    let start = Instant::now();
    let reply = app.post("/v1/agents/enroll", "", body).await;
    (reply, start.elapsed().as_secs_f64())
}

/// What a client sees of an answer, but for what must differ in every answer.
fn shape(reply: &Reply) -> String {
    let mut headers: Vec<String> = reply
        .headers
        .iter()
        .map(|(name, value)| match name.as_str() {
            "x-request-id" | "date" => name.to_string(),
            _ => format!("{name}: {}", value.to_str().unwrap()),
        })
        .collect();
    headers.sort();
    let mut body = reply.json();
    let url = body["approval_url"].as_str().unwrap_or_default().to_owned();
    let (page, token) = url.rsplit_once('/').unwrap_or_default();
    let alphabet = token
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    body["approval_url"] = json!([page, token.len(), token.get(..4), alphabet]);
    body.as_object_mut().unwrap().remove("request_id");
    format!("{} {headers:?} {body}", reply.status)
}

/// Mann and Whitney's test: by how many standard deviations the ranks of the first sample are off their mean.
fn distance(first: &[f64], second: &[f64]) -> f64 {
    let (n, m) = (first.len() as f64, second.len() as f64);
    let wins: f64 = first
        .iter()
        .map(|a| {
            second
                .iter()
                .map(|b| match a.total_cmp(b) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                })
                .sum::<f64>()
        })
        .sum();
    (wins - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

fn limited(config: &mut Config) {
    config.rate_limits = true;
}

/// An account, without the time that hashing a password takes.
async fn account(app: &TestApp, email: &str) {
    let at = app.running.services.clock.now();
    let id = oneclaw_crypto::random::new_id;
    let org = Org {
        id: OrgId::from_uuid(id()),
        name: email.to_owned(),
        created_at: at,
    };
    let user = User {
        id: UserId::from_uuid(id()),
        org_id: org.id,
        email: email.to_owned(),
        password_hash: oneclaw_crypto::password::DUMMY_HASH.to_owned(),
        display_name: email.to_owned(),
        role: Role::Owner,
        email_verified: false,
        marketing_emails: false,
        is_active: true,
        created_at: at,
    };
    let event = NewEvent {
        id: EventId::from_uuid(id()),
        org_id: org.id,
        action: "org.create".to_owned(),
        actor_type: "user".to_owned(),
        actor_id: user.id.to_string(),
        resource_type: "org".to_owned(),
        resource_id: org.id.to_string(),
        vault_id: None,
        details: json!({}),
        ip: None,
        decision: None,
        at,
    };
    let store = &app.running.services.store;
    store
        .create_account(&org, &user, event, SignupRule::Open)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_and_unknown_addresses_get_the_same_answer_in_the_same_time() {
    let app = TestApp::start_with(Database::Sqlite, limited).await;
    let known: Vec<String> = (0..ROUNDS)
        .map(|n| format!("known-{n:03}@example.com"))
        .collect();
    for email in &known {
        account(&app, email).await;
    }
    // The first requests of a server are slower than the others, whatever they are about.
    for n in 0..10 {
        app.clock.advance_seconds(1);
        timed(&app, &format!("warm-{n:03}@example.com"))
            .await
            .0
            .expect(201);
    }
    let (mut times_known, mut times_unknown) = (Vec::new(), Vec::new());
    let mut shapes = std::collections::BTreeSet::new();
    for (n, known) in known.iter().enumerate() {
        let unknown = format!("other-{n:03}@example.com");
        // Each goes first as often as the other, in no simple pattern.
        let order = if (n * 7 + n / 3).is_multiple_of(2) {
            [(known, true), (&unknown, false)]
        } else {
            [(&unknown, false), (known, true)]
        };
        for (email, is_known) in order {
            app.clock.advance_seconds(1);
            let (reply, seconds) = timed(&app, email).await;
            assert_eq!(reply.status, 201, "{}", reply.text);
            shapes.insert(shape(&reply));
            if is_known {
                times_known.push(seconds);
            } else {
                times_unknown.push(seconds);
            }
        }
    }
    assert_eq!(shapes.len(), 1, "{shapes:#?}");
    let distance = distance(&times_known, &times_unknown);
    assert!(
        distance.abs() < FARTHEST,
        "times of known and unknown addresses are {distance:.1} standard deviations apart"
    );
    // The known ones were looked into all the same.
    let last = known.last().unwrap();
    app.mail_to(last).await;

    // And so is a second attempt within ten minutes.
    let mut refusals = std::collections::BTreeSet::new();
    for email in [
        last.as_str(),
        &format!("other-{:03}@example.com", ROUNDS - 1),
    ] {
        app.clock.advance_seconds(1);
        let (reply, _) = timed(&app, email).await;
        assert_eq!(reply.status, 429);
        let mut body = reply.json();
        for varying in ["request_id", "retry_after", "detail"] {
            body.as_object_mut().unwrap().remove(varying);
        }
        refusals.insert(body.to_string());
    }
    assert_eq!(refusals.len(), 1, "{refusals:?}");
}

#[test]
fn the_test_would_notice_one_answer_that_takes_a_fifth_longer() {
    // Times as they are on a busy machine: scattered by half, with a long tail.
    let noise =
        |n: usize| ((n * 7919) % 101) as f64 / 200.0 + if n.is_multiple_of(17) { 3.0 } else { 0.0 };
    let plain: Vec<f64> = (0..ROUNDS).map(|n| 1.0 + noise(n)).collect();
    let same: Vec<f64> = (0..ROUNDS).map(|n| 1.0 + noise(n + 1000)).collect();
    let slower: Vec<f64> = same.iter().map(|time| time + 0.2).collect();
    assert!(distance(&plain, &same).abs() < FARTHEST);
    assert!(distance(&slower, &plain) > FARTHEST);
}
