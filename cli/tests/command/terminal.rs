//! What a person at a terminal sees.

use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_on_a_terminal_only_if_it_is_asked_for() {
    let shell = Shell::signed_in().await;
    shell.vault("v");
    shell.run(&["vault", "link", "v"]).ok();
    let said = shell.terminal(&["secret", "set", "a"], "planted-value\n");
    assert_eq!(said.code, 0, "{}", said.out);
    let after_the_prompt = said.out.split_once("Value: ").unwrap().1;
    assert!(
        !after_the_prompt.contains("planted-value"),
        "{after_the_prompt}"
    );
    assert_eq!(
        shell.run(&["secret", "get", "a", "-q"]).ok(),
        "planted-value"
    );
    let said = shell.terminal(&["secret", "get", "a"], "");
    assert!(said.out.contains("the value was not read"), "{}", said.out);
    assert!(!said.out.contains("planted-value"), "{}", said.out);
    assert_eq!(
        shell.json(&["secret", "describe", "a"])["access_count"],
        1,
        "nothing was read for it"
    );
    for arguments in [
        &["secret", "get", "a", "--reveal"][..],
        &["secret", "get", "a", "--quiet"],
    ] {
        assert!(shell.terminal(arguments, "").out.contains("planted-value"));
    }
    let said = shell.terminal(&["env", "pull"], "");
    assert_eq!(said.code, 2, "{}", said.out);
    assert!(
        shell
            .terminal(&["env", "pull", "--reveal"], "")
            .out
            .contains("planted-value")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_fits_the_terminal_and_keeps_what_is_there_to_be_copied() {
    let shell = Shell::signed_in().await;
    let long = "words ".repeat(40);
    let vault = shell.json(&["vault", "create", "production", "-d", &long]);
    let said = shell.terminal(&["vault", "list"], "");
    assert!(
        said.out.contains("\u{1b}[1m"),
        "headers are bold: {:?}",
        said.out
    );
    assert!(
        said.out.contains(vault["id"].as_str().unwrap()),
        "{}",
        said.out
    );
    let plain = |line: &str| {
        line.replace("\u{1b}[1m", "")
            .replace("\u{1b}[0m", "")
            .replace("\u{1b}[22m", "")
    };
    for line in said.out.lines() {
        assert!(plain(line).chars().count() <= 90, "{line:?}");
    }
    let said = shell.sh(
        "NO_COLOR=1 python3 -c 'import pty,sys; pty.spawn([\"1claw\",\"vault\",\"list\"])'",
        &[("TERM", "xterm")],
    );
    assert!(!said.out.contains('\u{1b}'), "{:?}", said.out);
}
