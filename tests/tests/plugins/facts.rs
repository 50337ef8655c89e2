//! What the server tells plugins of the world outside and of the agent's past, by the examples that ask for it.

use std::net::Ipv4Addr;
use std::path::Path;

use oneclaw_plugin_examples as examples;
use oneclaw_tests::app::{Database, Reply, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::mmdb::{self, Value::*};
use crate::setup::{Reader, attach, uploaded};
use crate::signer::{SOMEBODY, Signer, refused, transfer};

/// Somebody else to pay.
const STRANGER: &str = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
/// A token on Base.
const TOKEN: &str = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913";
/// When the clock of tests stands still, and a minute later.
const NOON: &str = "2026-11-23T12:00:00Z";
const A_MINUTE_LATER: &str = "2026-11-23T12:01:00Z";

fn enforced(plugin: &str, settings: Value) -> Value {
    json!({"plugin": plugin, "version": env!("CARGO_PKG_VERSION"), "settings": settings, "mode": "enforce"})
}

/// The value of a fact in the latest decision that was recorded.
async fn told(signer: &Signer, key: &str) -> Option<String> {
    let Signer { app, human, .. } = signer;
    let list = app
        .get("/v1/decisions?limit=1", &human.token)
        .await
        .expect(200);
    let id = list["decisions"][0]["id"].as_str().unwrap();
    let decision = app
        .get(&format!("/v1/decisions/{id}"), &human.token)
        .await
        .expect(200);
    let facts = decision["request"]["facts"].as_array().unwrap();
    let fact = facts.iter().find(|fact| fact["key"] == key)?;
    Some(fact["value"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_never_paid_by_this_agent_on_this_chain_is_new() {
    let signer = Signer::new().await;
    let Signer { app, human, .. } = &signer;
    signer.sign("0.1").await.expect(200);
    assert_eq!(
        told(&signer, "recipients.new").await.as_deref(),
        Some(SOMEBODY.to_lowercase().as_str())
    );
    // Nothing makes nobody known.
    let nothing = transfer(STRANGER, "0");
    signer.ask("sign", &nothing, &[]).await.expect(200);
    uploaded(app, human, examples::FIRST_RECIPIENT).await;
    attach(app, human, enforced("first-recipient", json!({}))).await;

    signer.sign("0.2").await.expect(200);
    assert_eq!(told(&signer, "recipients.new").await.as_deref(), Some(""));
    let stranger = transfer(STRANGER, "0.1");
    let previewed = signer.ask("preview", &stranger, &[]).await.expect(200);
    assert_eq!(previewed["decision"], "require_approval", "{previewed}");
    refused(
        signer.ask("sign", &stranger, &[]).await,
        "approval_unavailable",
    );
    assert_eq!(
        told(&signer, "recipients.new").await.as_deref(),
        Some(STRANGER.to_lowercase().as_str())
    );
    let mut elsewhere = transfer(SOMEBODY, "0.1");
    elsewhere["chain"] = json!("ethereum");
    refused(
        signer.ask("sign", &elsewhere, &[]).await,
        "approval_unavailable",
    );
    let (agent, token) = Signer::another(app, human).await;
    let path = format!("/v1/agents/{}/transactions/sign", agent.id);
    let other = app.post(&path, &token, transfer(SOMEBODY, "0.1")).await;
    refused(other, "approval_unavailable");
}

fn prices(file: &Path, native: &str, as_of: &str) {
    let list = json!({"as_of": as_of, "prices": [
        {"chain": "base", "asset": "native", "usd": native},
        {"chain": 8453, "asset": TOKEN, "usd": "0.5"},
        {"chain": "ethereum", "asset": "native", "usd": "1"},
    ]});
    std::fs::write(file, list.to_string()).unwrap();
}

/// So many base units of the token, to somebody.
fn token_transfer(amount: u64) -> Value {
    let to = SOMEBODY.trim_start_matches("0x").to_lowercase();
    let mut body = transfer(TOKEN, "0");
    body["data"] = json!(format!("0xa9059cbb{to:0>64}{amount:064x}"));
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_are_told_as_long_as_they_are_recent() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("prices.json");
    prices(&file, "2000", NOON);
    let app = TestApp::start_with(Database::Sqlite, |config| {
        config.facts.prices_file = Some(file.clone());
        config.facts.prices_max_age_seconds = 300;
    })
    .await;
    let signer = Signer::on(app).await;
    let Signer { app, human, .. } = &signer;
    uploaded(app, human, examples::DOLLAR_BUDGET).await;
    let settings = json!({
        "max_usd_per_request": "100", "tokens": [{"address": TOKEN, "decimals": 6}]
    });
    attach(app, human, enforced("dollar-budget", settings)).await;

    signer.sign("0.05").await.expect(200);
    assert_eq!(
        told(&signer, "price.usd.native").await.as_deref(),
        Some("2000")
    );
    let token = format!("price.usd.{TOKEN}");
    assert_eq!(told(&signer, &token).await, None);
    signer.refused("0.0501", "dollar-budget/request").await;
    let enough = token_transfer(200_000_000);
    signer.ask("sign", &enough, &[]).await.expect(200);
    assert_eq!(told(&signer, &token).await.as_deref(), Some("0.5"));
    let too_much = token_transfer(200_000_001);
    let reply = signer.ask("sign", &too_much, &[]).await;
    refused(reply, "dollar-budget/request");

    // What cannot be read leaves in force what was.
    std::fs::write(&file, "{").unwrap();
    app.running.services.facts.refresh().await;
    signer.refused("0.0501", "dollar-budget/request").await;
    app.clock.advance_seconds(60);
    prices(&file, "1000", A_MINUTE_LATER);
    app.running.services.facts.refresh().await;
    signer.sign("0.0501").await.expect(200);

    app.clock.advance_seconds(300);
    signer.sign("0.0501").await.expect(200);
    app.clock.advance_seconds(1);
    signer.refused("0.0001", "dollar-budget/no-price").await;
    assert_eq!(told(&signer, "price.usd.native").await, None);
    // Nor does what is not there yet count.
    prices(&file, "1000", "2026-11-24T12:00:00Z");
    app.running.services.facts.refresh().await;
    signer.refused("0.0001", "dollar-budget/no-price").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_client_is_is_told_in_both_worlds_and_proxies_are_seen_through() {
    let dir = tempfile::tempdir().unwrap();
    let countries = dir.path().join("countries.mmdb");
    let networks = dir.path().join("networks.mmdb");
    let (bern, berlin, sea) = ("198.51.100.7", "203.0.113.7", "192.0.2.7");
    let net = |text: &str| text.parse::<Ipv4Addr>().unwrap();
    let country = |code| Map(vec![("country", Map(vec![("iso_code", Text(code))]))]);
    let of_countries = mmdb::database(&[
        (net("198.51.100.0"), 24, country("CH")),
        (net("203.0.113.0"), 24, country("DE")),
    ]);
    let of_networks = mmdb::database(&[
        (
            net("198.51.100.0"),
            24,
            Map(vec![("autonomous_system_number", Number(64_496))]),
        ),
        (net("203.0.113.0"), 25, Map(vec![("asn", Text("AS64497"))])),
    ]);
    std::fs::write(&countries, of_countries).unwrap();
    std::fs::write(&networks, of_networks).unwrap();
    let app = TestApp::start_with(Database::Sqlite, |config| {
        config.facts.origin_files = vec![countries, networks];
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let reader = Reader::new(&app, "readers").await;
    let signer = Signer::on(app).await;
    let app = &signer.app;
    for human in [&reader.human, &signer.human] {
        uploaded(app, human, examples::ORIGIN_LISTS).await;
        let settings = json!({"countries": {"only": ["CH", "DE"]}, "asns": {"all_but": [64_497]}});
        attach(app, human, enforced("origin-lists", settings)).await;
    }
    let read = async |from: &str| -> Reply {
        let path = format!("/v1/vaults/{}/secrets/a", reader.vault);
        let from = [("x-forwarded-for", from)];
        app.send_with(Method::GET, &path, &reader.token, None, &from)
            .await
    };
    let sign = async |from: &str| -> Reply {
        let from = [("x-forwarded-for", from)];
        signer.ask("sign", &transfer(SOMEBODY, "0"), &from).await
    };
    read(bern).await.expect(200);
    sign(bern).await.expect(200);
    assert_eq!(told(&signer, "client.country").await.as_deref(), Some("CH"));
    assert_eq!(told(&signer, "client.asn").await.as_deref(), Some("64496"));
    for (from, code) in [(berlin, "origin-lists/asn"), (sea, "origin-lists/unknown")] {
        read(from).await.problem(403);
        assert_eq!(reader.last(app).await["code"], code);
        refused(sign(from).await, code);
    }
    // What is not behind the proxy cannot pass for somebody else: the rightmost stranger counts.
    read(&format!("{bern}, {sea}")).await.problem(403);
    refused(
        sign(&format!("{bern}, {sea}")).await,
        "origin-lists/unknown",
    );
}
