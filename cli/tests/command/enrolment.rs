//! Agents that ask to be let in.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::shell::Shell;

impl Shell {
    /// The enrolments that wait, once there are so many: the server looks into them after it has answered.
    pub fn waiting(&self, count: usize) -> Value {
        let begun = Instant::now();
        loop {
            let waiting = self.json(&["agent", "enrollments", "list"]);
            if waiting.as_array().unwrap().len() >= count {
                return waiting;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{waiting}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_asks_a_human_who_lets_it_in_or_turns_it_away() {
    let shell = Shell::signed_in().await;
    let nobody = tempfile::tempdir().unwrap();
    let ask = |name: &str, more: &[&str]| {
        let mut all = vec!["agent", "enroll", name];
        all.extend(more);
        shell.with(
            &all,
            "",
            &[("ONECLAW_CONFIG_DIR", nobody.path().to_str().unwrap())],
        )
    };
    let said = ask("worker-1", &["--email", "you@example.com"]).ok();
    assert!(said.contains("/enroll/"), "{said}");
    let waiting = shell.waiting(1);
    assert_eq!(
        json!([waiting[0]["name"], waiting[0]["status"]]),
        json!(["worker-1", "pending"])
    );
    assert_eq!(shell.json(&["agent", "list"]), json!([]));
    let id = waiting[0]["id"].as_str().unwrap();
    shell.run(&["agent", "enrollments", "approve", id]).fails(2);
    let key = shell
        .run(&["agent", "enrollments", "approve", id, "--yes", "--quiet"])
        .ok();
    shell
        .with(&["whoami"], "", &[("ONECLAW_API_KEY", &key)])
        .ok();
    assert_eq!(shell.json(&["agent", "list"])[0]["name"], "worker-1");

    // One question per address in ten minutes, whether anybody has the address or not.
    shell.app.clock.advance_seconds(601);
    ask("worker-2", &["--email", "you@example.com"]).ok();
    let waiting = shell.waiting(1);
    let id = waiting[0]["id"].as_str().unwrap();
    shell
        .run(&["agent", "enrollments", "deny", id, "--yes"])
        .ok();
    assert_eq!(shell.json(&["agent", "enrollments", "list"]), json!([]));
    assert_eq!(shell.json(&["agent", "list"]).as_array().unwrap().len(), 1);
    let said = shell
        .run(&["agent", "enrollments", "approve", id, "--yes"])
        .fails(1);
    assert!(said.contains("API error (4"), "{said}");
    ask("", &[]).fails(1);
}
