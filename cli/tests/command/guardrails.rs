//! Guardrails of many agents at once.

use serde_json::json;

use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread")]
async fn guardrails_of_all_and_of_a_label_hold_beside_those_of_each_agent() {
    let shell = Shell::signed_in().await;
    let payer = |name: &str, labels: &[&str]| {
        let mut more = vec!["--intents-api", "--tx-max-value", "1"];
        more.extend(labels);
        let (id, _) = shell.agent(name, &more);
        shell.run(&["agent", "keys", "create", &id]).ok();
        id
    };
    let (red, plain) = (payer("red", &["--labels", "team=red"]), payer("plain", &[]));
    let pay = |agent: &str, value: &str| {
        shell.run(&[
            "agent",
            "tx",
            "sign",
            agent,
            "--chain",
            "sepolia",
            "--to",
            "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
            "--value",
            value,
        ])
    };
    pay(&red, "0.5").ok();
    shell
        .run(&["guardrails", "set", "--tx-max-value", "0.2"])
        .ok();
    shell
        .run(&[
            "guardrails",
            "set",
            "--label",
            "team=red",
            "--tx-max-value",
            "0.1",
        ])
        .ok();
    pay(&plain, "0.2").ok();
    pay(&plain, "0.3").fails(3);
    pay(&red, "0.1").ok();
    pay(&red, "0.2").fails(3);
    let all = shell.json(&["guardrails", "show"]);
    assert_eq!(all["guardrails"]["tx_max_value"], "0.2");

    // What is not given stays, and an empty value takes away.
    shell
        .run(&["guardrails", "set", "--tx-allowed-chains", "base,sepolia"])
        .ok();
    let all = shell.json(&["guardrails", "show"]);
    assert_eq!(
        json!([
            all["guardrails"]["tx_max_value"],
            all["guardrails"]["tx_allowed_chains"]
        ]),
        json!(["0.2", ["base", "sepolia"]])
    );
    shell.run(&["guardrails", "set", "--tx-max-value", ""]).ok();
    pay(&plain, "0.5").ok();
    shell
        .run(&["guardrails", "clear", "--label", "team=red"])
        .fails(2);
    shell
        .run(&["guardrails", "clear", "--label", "team=red", "--yes"])
        .ok();
    pay(&red, "0.5").ok();
    pay(&red, "1.1").fails(3);

    shell.run(&["guardrails", "set"]).fails(2);
    shell
        .run(&[
            "guardrails",
            "set",
            "--label",
            "team",
            "--tx-max-value",
            "1",
        ])
        .fails(2);
    let (_, key) = shell.agent("nosy", &[]);
    shell
        .with(&["guardrails", "show"], "", &[("ONECLAW_API_KEY", &key)])
        .fails(3);
}
