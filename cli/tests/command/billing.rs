//! What the organisation uses.

use crate::redact::redacted;
use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread")]
async fn use_is_shown_against_what_the_tier_allows() {
    let shell = Shell::signed_in().await;
    let vault = shell.vault("v");
    for name in ["a", "b"] {
        shell.agent(name, &[]);
        shell
            .with(&["secret", "set", name, "-v", &vault, "--stdin"], "x", &[])
            .ok();
    }
    let usage = shell.run(&["billing", "usage", "--plain"]).ok();
    let row = |resource: &str| {
        let line = usage
            .lines()
            .find(|line| line.starts_with(resource))
            .unwrap();
        line.split('\t').map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("Vaults")[1], "1");
    assert_eq!(row("Secrets")[1], "2");
    assert_eq!(row("Agents")[1..], ["2", "unlimited", ""]);
    let table = shell.run(&["billing", "usage"]).ok();
    assert!(
        table.starts_with("Tier: self_hosted\n\nResource"),
        "{table}"
    );
    assert_eq!(
        shell.json(&["billing", "usage"])["usage"]["agents"]["used"],
        2
    );
    insta::assert_snapshot!(redacted(&shell.run(&["billing", "status"]).ok()), @r"
    Tier:         self_hosted
    Status:       active
    Interval:     month
    Period ends:  <time-------------->
    Overage:      credits
    Credit (USD): 0.00
    ");
    insta::assert_snapshot!(shell.run(&["billing", "credits"]).ok(), @r"
    Balance (USD):                  0.00
    Expires within 30 days (cents): 0
    ");
    insta::assert_snapshot!(shell.run(&["billing", "ledger"]).ok(), @"No results.");
}
