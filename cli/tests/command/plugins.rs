//! The commands of plugin authors, from nothing to a plugin that decides.

use oneclaw_test_guests::hostile;
use serde_json::json;

use crate::shell::Shell;
use crate::tools;

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_leads_from_nothing_to_a_plugin_that_decides_and_back() {
    let shell = Shell::signed_in().await;
    shell.vault("production");
    let set = ["secret", "set", "prod/db", "-v", "production", "--stdin"];
    shell.with(&set, "value", &[]).ok();
    let secret = ["secret", "get", "prod/db", "-v", "production", "--quiet"];

    let script = guide_script();
    assert!(script.lines().count() < 10, "{script}");
    let environment = tools::environment();
    // What comes before the last command only watches.
    let (watched, promoted) = script.trim_end().rsplit_once('\n').unwrap();
    let said = shell.sh(watched, &environment);
    assert!(said.err.contains("2 cases passed"), "{}", said.err);
    assert!(said.ok().contains("is watched"));
    assert_eq!(shell.run(&secret).ok(), "value");
    crate::shown::plugins::building(&shell, "office-door", &environment);

    // A demand that the plugin cannot meet keeps it from counting.
    let said = shell
        .run(&["plugin", "promote", "office-door", "--max-changes", "0"])
        .fails(1);
    assert!(said.contains("1 verdicts would change"), "{said}");
    let mut replay = vec!["plugin", "replay", "office-door", "0.1.0"];
    replay.extend(["--settings", r#"{"below": "prod"}"#]);
    let replayed = shell.json(&replay);
    assert_eq!(replayed["changes"][0]["before"]["verdict"], "allow");
    assert_eq!(
        replayed["changes"][0]["after"]["code"],
        "office-door/closed"
    );
    let gated = [replay.as_slice(), &["--no-new-allow", "--max-changes", "9"]].concat();
    shell.run(&gated).ok();

    shell.sh(promoted, &environment).ok();
    let said = shell.run(&secret).fails(3);
    assert!(said.contains("403"), "{said}");
    let shown = shell.json(&["plugin", "status", "office-door"]);
    assert_eq!(
        (&shown["mode"], &shown["state"]),
        (&json!("enforce"), &json!("ready"))
    );

    receipts_and_cases(&shell);

    let back = shell.json(&["plugin", "rollback", "office-door"]);
    assert_eq!(back["mode"], "shadow");
    assert_eq!(shell.run(&secret).ok(), "value");
    // With a demand the server looks at the replay as well: it tried exactly what is promoted.
    let demand = ["plugin", "promote", "office-door", "--no-new-allow"];
    assert_eq!(shell.json(&demand)["mode"], "enforce");
    shell.run(&["plugin", "detach", "office-door"]).ok();
    let shown = shell.json(&["plugin", "status", "office-door"]);
    assert_eq!(shown["attached"], false);
    assert_eq!(shell.run(&secret).ok(), "value");
    let said = shell.run(&["plugin", "status", "office-gate"]).fails(1);
    assert!(said.contains("office-gate"), "{said}");

    local_commands(&shell);
}

/// The first commands of the guide, as they stand there.
fn guide_script() -> String {
    let guide = include_str!("../../../docs/guides/write-a-plugin.md");
    let (_, rest) = guide.split_once("```sh\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// The commands of the guide that make cases of decisions.
fn guide_cases() -> &'static str {
    let guide = include_str!("../../../docs/guides/write-a-plugin.md");
    let (_, rest) = guide
        .split_once("Real decisions make good cases:\n\n```sh\n")
        .unwrap();
    rest.split("```").next().unwrap()
}

/// What was refused can be proved, and made a case of.
fn receipts_and_cases(shell: &Shell) {
    let decisions = shell.json(&["plugin", "logs", "office-door", "0.1.0"]);
    let refused = decisions[0]["id"].as_str().unwrap();
    assert_eq!(decisions[0]["code"], "office-door/closed");
    let component = "office-door/office-door.wasm";
    let digest = shell.json(&["plugin", "check", component])["digest"].clone();
    let digest = digest.as_str().unwrap();
    let tried = shell.sh(&format!("cd office-door\n{}", guide_cases()), &[]);
    assert!(tried.err.contains("cases passed"), "{}", tried.err);
    assert!(tried.ok().contains("cases are in real.json"));
    let mut export = vec!["decision", "export", "--as-cases", "--plugin", digest];
    export.extend(["--verdict", "deny", "--output", "cases.json"]);
    let refusals = shell.json(&export);
    assert_eq!(refusals["cases"], 1);
    let since = ["decision", "list", "--since", "2999-01-01T00:00:00Z"];
    assert_eq!(shell.json(&since), json!([]));

    let keep = |file: &str, text: &str| {
        std::fs::write(shell.home.path().join(file), text).unwrap();
    };
    let receipt = shell.run(&["receipt", "get", refused]).ok();
    keep("receipt.json", &receipt);
    shell.run(&["receipt", "verify", "receipt.json"]).ok();
    let verify = ["receipt", "verify", "receipt.json"];
    let again = ["--component", component, "--cases", "cases.json"];
    let ran = shell.run(&[verify.as_slice(), &again].concat());
    assert!(
        ran.err.contains("answers again: deny office-door/closed"),
        "{}",
        ran.err
    );

    // Of a component that had no part in it nothing can be said, and what was altered does not hold.
    keep(
        "altered.json",
        &receipt.replace("office-door/closed", "office-door/opened"),
    );
    let said = shell.run(&["receipt", "verify", "altered.json"]).fails(1);
    assert!(said.contains("signature does not hold"), "{said}");
    keep("none.json", "[]");
    let other = ["--component", component, "--cases", "none.json"];
    let said = shell.run(&[verify.as_slice(), &other].concat()).fails(1);
    assert!(said.contains("no case has the request"), "{said}");
    let unknown = ["--key", "AAAA"];
    shell.run(&[verify.as_slice(), &unknown].concat()).fails(1);
}

/// What needs no server.
fn local_commands(shell: &Shell) {
    let component = "office-door/office-door.wasm";
    let said = shell.run(&["plugin", "new", "office-door"]).fails(1);
    assert!(said.contains("office-door"), "{said}");
    let checked = shell.json(&["plugin", "inspect", component]);
    assert_eq!(checked["name"], "office-door");
    assert_eq!(checked["worlds"], json!(["access-policy"]));
    assert_eq!(checked["cases"], 2);
    shell
        .run(&["plugin", "test", component, "--junit", "report.xml"])
        .ok();
    let report = std::fs::read_to_string(shell.home.path().join("report.xml")).unwrap();
    assert!(report.contains("tests=\"2\" failures=\"0\""), "{report}");
    let measured = shell.json(&["plugin", "bench", component, "--decisions", "10"]);
    assert!(measured[0]["fuel"].as_u64().unwrap() > 0, "{measured}");
    for time in ["compile_ms", "configure_ms", "snapshot_ms", "instance_us"] {
        let time = measured[0][time].as_str().unwrap();
        assert!(time.parse::<f64>().unwrap() >= 0.0, "{measured}");
    }

    shell.run(&["plugin", "keygen", "publisher.key"]).ok();
    let signed = shell.json(&["plugin", "sign", component, "--key", "publisher.key"]);
    assert_eq!(signed["digest"], checked["digest"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_plugin_is_said_to_be_none() {
    let shell = Shell::start().await;
    let home = shell.home.path();
    std::fs::write(home.join("text.wasm"), "no component").unwrap();
    let said = shell.run(&["plugin", "check", "text.wasm"]).fails(1);
    assert!(said.contains("text.wasm"), "{said}");
    let said = shell.run(&["plugin", "check", "absent.wasm"]).fails(1);
    assert!(said.contains("absent.wasm"), "{said}");
    let said = shell.run(&["plugin", "new", "Not A Name"]).fails(2);
    assert!(said.contains("lower-case"), "{said}");
    let said = shell.run(&["plugin", "zone", "Atlantis/Capital"]).fails(2);
    assert!(said.contains("Atlantis/Capital"), "{said}");
    let zone = shell.json(&["plugin", "zone", "Europe/Paris"]);
    assert!(zone["transitions"].as_array().unwrap().len() > 10, "{zone}");

    // What a server would refuse, `check` does not pass.
    let case = r#"[{"name": "it denies", "world": "access-policy", "settings": "abstain",
        "request": {"path": "a", "permission": "read"}, "expect": {"verdict": "deny"}}]"#;
    let component = oneclaw_guest_build::with_cases(hostile("0.1.0"), case.as_bytes());
    std::fs::write(home.join("boaster.wasm"), component).unwrap();
    let said = shell.run(&["plugin", "check", "boaster.wasm"]).fails(1);
    assert!(said.contains("fails its own case `it denies`"), "{said}");
    std::fs::write(home.join("name.wasm"), oneclaw_builtin::ACCESS_POLICY).unwrap();
    let said = shell.run(&["plugin", "check", "name.wasm"]).fails(1);
    assert!(said.contains("`access-policy` is the server's"), "{said}");
    std::fs::write(home.join("large.wasm"), hostile("0.1.0")).unwrap();
    let small = ["plugin", "check", "large.wasm", "--memory-mib", "1"];
    assert_eq!(shell.json(&small)["limits"]["memory_bytes"], 1 << 20);

    shell.run(&["plugin", "keygen", "publisher.key"]).ok();
    let said = shell.run(&["plugin", "keygen", "publisher.key"]).fails(1);
    assert!(said.contains("publisher.key"), "{said}");
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(home.join("publisher.key")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_started_in_each_language_with_all_that_it_is_built_from() {
    let shell = Shell::start().await;
    let read = |file: &str| {
        let path = shell.home.path().join(file);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
    };
    for (language, source, tool) in [
        ("javascript", "plugin.js", "build.js"),
        ("js", "plugin.js", "package-lock.json"),
        ("python", "plugin.py", "build.sh"),
        ("py", "plugin.py", "requirements.txt"),
    ] {
        let name = format!("door-{language}");
        let said = shell.run(&["plugin", "new", &name, "--lang", language]);
        assert!(said.ok().contains("1claw plugin build"));
        assert!(!read(&format!("{name}/{tool}")).contains("change-freeze"));
        let source = read(&format!("{name}/{source}"));
        assert!(source.contains(&format!("{name}/closed")), "{source}");
        assert!(!source.contains("template"), "{source}");
        assert!(read(&format!("{name}/README.md")).contains("--memory-mib"));
        assert!(read(&format!("{name}/cases.json")).contains(&format!("{name}/closed")));
        assert!(read(&format!("{name}/settings.schema.json")).contains("below"));
        assert!(read(&format!("{name}/vendor/wit/policy/access.wit")).contains("access-request"));
        assert!(!shell.home.path().join(&name).join("Cargo.toml").exists());

        let stack = ["plugin", "build", &name, "--stack-kib", "64"];
        let said = shell.run(&stack).fails(2);
        assert!(said.contains("--stack-kib"), "{said}");
    }
    let said = shell.run(&["plugin", "build"]).fails(1);
    assert!(said.contains("1claw plugin new"), "{said}");
    let said = shell.run(&["plugin", "new", "door", "--lang", "cobol"]);
    let said = said.fails(2);
    assert!(said.contains("python"), "{said}");
    assert!(!shell.home.path().join("door").exists());
}
