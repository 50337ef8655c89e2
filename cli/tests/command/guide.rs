//! The commands for fleets as guides print them, word by word, against a server; what counts is what they do.

use serde_json::json;

use crate::shell::Shell;

/// A policy with conditions, made without the command. The guide has a date that has passed.
const CONDITIONAL_POLICY: &str = r#"curl -s -X POST "$API/v1/vaults/$VAULT_ID/policies" \
-H "Authorization: Bearer $TOKEN" \
-H "Content-Type: application/json" \
-d '{
"secret_path_pattern": "keys/**",
"principal_type": "agent",
"principal_id": "'$AGENT_ID'",
"permissions": ["read"],
"conditions": {
"ip_allowlist": ["10.0.0.0/8"],
"time_window": {"after": "08:00", "before": "20:00", "timezone": "UTC"}
},
"expires_at": "2036-06-01T00:00:00Z"
}'"#;

/// What the agent found goes to the human who made it: one share is accepted and can be read then, one is declined.
fn shares_arrive_and_are_answered(shell: &Shell, agent_id: &str, vault: &str) {
    shell.policy(vault, agent_id, "results/**", "read,write");
    shell
        .run(&["agent", "update", agent_id, "--scopes", "results/**"])
        .ok();
    let key = shell
        .run(&["agent", "rotate-key", agent_id, "--quiet"])
        .ok();
    let as_agent = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.push("--json");
        shell
            .with(&all, "found it", &[("ONECLAW_API_KEY", &key)])
            .json()
    };
    let share = |path: &str| {
        let secret = as_agent(&["secret", "set", path, "-v", vault, "--stdin"]);
        let id = secret["id"].as_str().unwrap();
        let share = as_agent(&["share", "create", id, "--creator", "--max-access", "5"]);
        share["id"].as_str().unwrap().to_owned()
    };
    let (wanted, unwanted) = (share("results/1"), share("results/2"));
    let inbound = shell.sh("1claw share list --inbound", &[]).ok();
    assert!(
        inbound.contains(&wanted) && inbound.contains(&unwanted),
        "{inbound}"
    );
    shell
        .sh("1claw share accept $SHARE_ID", &[("SHARE_ID", &wanted)])
        .ok();
    shell
        .sh("1claw share decline $SHARE_ID", &[("SHARE_ID", &unwanted)])
        .ok();
    let read = |share: &str| shell.run(&["share", "access", share, "--quiet"]);
    assert_eq!(read(&wanted).ok(), "found it");
    read(&unwanted).fails(3);
    let list = shell.json(&["share", "list", "--inbound"]);
    let status: std::collections::BTreeMap<&str, &str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|share| {
            (
                share["id"].as_str().unwrap(),
                share["status"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        (status[wanted.as_str()], status[unwanted.as_str()]),
        ("accepted", "declined")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_fleet_guide_do_what_it_says() {
    let shell = Shell::signed_in().await;
    let (vault_1, vault_2) = (shell.vault("production-vault"), shell.vault("other"));

    shell
        .sh(
            "for name in worker-1 worker-2 worker-3; do\n1claw agent create \"$name\" --scopes \"vaults:read\"\ndone",
            &[],
        )
        .ok();
    let agents = shell.json(&["agent", "list"]);
    let ids: Vec<String> = agents
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| agent["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(agents[0]["scopes"], json!(["vaults:read"]));
    let agent_id = ids[0].as_str();
    let agent = || shell.json(&["agent", "get", agent_id]);

    let environment = [
        ("AGENT_ID", agent_id),
        ("VAULT_1", &vault_1),
        ("VAULT_2", &vault_2),
    ];
    let run = |script: &str| shell.sh(script, &environment).ok();
    run("1claw agent update $AGENT_ID --vault-ids \"$VAULT_1,$VAULT_2\"");
    assert_eq!(agent()["vault_ids"], json!([vault_1, vault_2]));
    let token = shell.token();
    let policy = shell
        .sh(
            CONDITIONAL_POLICY,
            &[
                ("AGENT_ID", agent_id),
                ("VAULT_ID", &vault_1),
                ("TOKEN", &token),
                ("API", &shell.app.url),
            ],
        )
        .json();
    let policies = shell.json(&["policy", "list", "-v", &vault_1]);
    assert_eq!(policies[0]["id"], policy["id"]);
    assert_eq!(
        policies[0]["conditions"],
        json!({
            "ip_allowlist": ["10.0.0.0/8"],
            "time_window": {"after": "08:00", "before": "20:00", "timezone": "UTC"},
        })
    );
    run("1claw agent update $AGENT_ID --token-ttl 300 # 5 minutes");
    assert_eq!(agent()["token_ttl_seconds"], 300);
    shares_arrive_and_are_answered(&shell, agent_id, &vault_1);

    let recipients = [
        "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    ];
    run(&format!(
        "1claw agent update $AGENT_ID \\\n--tx-to-allowlist \"{},{}\" \\\n--tx-max-value 0.1 \\\n--tx-daily-limit 1.0 \\\n--tx-allowed-chains \"base,ethereum\"",
        recipients[0], recipients[1]
    ));
    let guarded = agent();
    assert_eq!(guarded["tx_to_allowlist"], json!(recipients));
    assert_eq!(
        json!([
            guarded["tx_max_value"],
            guarded["tx_daily_limit"],
            guarded["tx_allowed_chains"]
        ]),
        json!(["0.1", "1.0", ["base", "ethereum"]])
    );

    let all = ids.join(" ");
    shell
        .sh(
            "for id in $AGENT_IDS; do\n1claw agent update \"$id\" \\\n--tx-max-value 0.05 \\\n--tx-daily-limit 0.5 \\\n--tx-allowed-chains \"base\"\ndone",
            &[("AGENT_IDS", &all)],
        )
        .ok();
    for agent in shell.json(&["agent", "list"]).as_array().unwrap() {
        assert_eq!(
            json!([
                agent["tx_max_value"],
                agent["tx_daily_limit"],
                agent["tx_allowed_chains"]
            ]),
            json!(["0.05", "0.5", ["base"]])
        );
    }

    let rotated = run("1claw agent rotate-key $AGENT_ID");
    let key = rotated.lines().nth(1).unwrap().trim().to_owned();
    let token = shell.run(&["agent", "token", agent_id, "--quiet"]).ok();
    let as_agent = |arguments: &[&str]| shell.with(arguments, "", &[("ONECLAW_API_KEY", &key)]);
    as_agent(&["whoami"]).ok();

    shell
        .with(
            &["secret", "get", "keys/base-signer", "-v", &vault_1],
            "",
            &[("ONECLAW_API_KEY", &key)],
        )
        .fails(3);
    let printed = run("1claw audit list --actor-type agent --actor-id $AGENT_ID --limit 50 --json");
    let events: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert!(!events.as_array().unwrap().is_empty());
    for event in events.as_array().unwrap() {
        assert_eq!(
            (event["actor_type"].as_str(), event["actor_id"].as_str()),
            (Some("agent"), Some(agent_id))
        );
    }

    let usage = run("1claw billing usage");
    let used = |resource: &str| {
        let row = usage.lines().find(|line| line.starts_with(resource));
        let row = row.unwrap_or_else(|| panic!("{resource}: {usage}"));
        let cells: Vec<&str> = row.split_whitespace().collect();
        cells[cells.len() - 2].to_owned()
    };
    assert_eq!(
        [used("Vaults"), used("Secrets"), used("Agents")],
        ["2", "2", "3"]
    );
    assert!(used("API Requests").parse::<u64>().unwrap() > 10, "{usage}");

    run("1claw agent update $AGENT_ID --active false");
    assert_eq!(agent()["is_active"], false);
    as_agent(&["whoami"]).fails(1);
    shell
        .with(&["whoami"], "", &[("ONECLAW_TOKEN", &token)])
        .fails(1);
    assert!(
        !shell
            .json(&["audit", "list", "--actor-id", agent_id])
            .as_array()
            .unwrap()
            .is_empty()
    );
}
