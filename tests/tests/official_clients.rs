//! The official clients, as they are published, against this server: nothing but the base URL is ours.
//!
//! Each version of the Python client is installed from the package index into a virtual environment of its own under the
//! target directory, on the first run; later runs need no network.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use oneclaw_tests::anvil::Anvil;
use oneclaw_tests::app::{Database, PASSWORD, TestApp};
use serde_json::json;

const TO_INSTALL: &str = "the tests of the official Python client need Python 3.11 or newer as `python3`, with its \
    modules venv and ensurepip; on Debian: apt-get install python3 python3-venv";

#[tokio::test]
async fn python_client_0_53_3_tells_the_whole_story() {
    tells_the_whole_story("0.53.3", Database::Sqlite).await;
}

#[tokio::test]
async fn python_client_0_61_14_tells_the_whole_story() {
    tells_the_whole_story("0.61.14", Database::Postgres).await;
}

async fn tells_the_whole_story(version: &'static str, database: Database) {
    // The limits are on, as they are for everybody: no client may run into them by honest work.
    let app = TestApp::start_with(database, |config| config.rate_limits = true).await;
    // The first account runs the installation, and only it can add a chain.
    let operator = app.human("operator").await;
    let anvil = Anvil::start().await;
    let chain = json!({
        "name": "dev", "display_name": "Development", "chain_id": 31337, "rpc_url": anvil.url(),
        "allow_private_rpc": true, "is_testnet": true, "confirmations": 1,
    });
    let chains = app
        .get("/v1/admin/chains", &operator.token)
        .await
        .expect(200);
    let local = chains["chains"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["chain_id"] == 31337);
    let local = format!(
        "/v1/admin/chains/{}",
        local.unwrap()["id"].as_str().unwrap()
    );
    app.delete(&local, &operator.token).await.expect(204);
    app.post("/v1/admin/chains", &operator.token, chain)
        .await
        .expect(201);
    let (url, rpc) = (app.url.clone(), anvil.url().to_owned());
    let output = tokio::task::spawn_blocking(move || run_story(version, &url, &rpc))
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{complaint}");
    for line in [
        "ok: allowed read: an agent reads a secret that a policy allows".to_owned(),
        "ok: refused read: the same agent is refused one that no policy allows".to_owned(),
        "ok: an agent pays: the recipient's balance rises by the amount, once".to_owned(),
        "ok: one wei over its limit it does not pay".to_owned(),
        "ok: a link is opened with its passphrase as often as it may be".to_owned(),
        "ok: an agent shares a secret back, and its human accepts or declines".to_owned(),
        "ok: both reads stand in the audit trail, with what was decided".to_owned(),
        format!("ok: the whole story with oneclaw {version}"),
    ] {
        assert!(
            told.lines().any(|told| told == line),
            "no line `{line}` in:\n{told}"
        );
    }
}

fn run_story(version: &str, url: &str, rpc: &str) -> Output {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python");
    let requirements = clients.join(format!("requirements-{version}.txt"));
    let python = python_with(&format!("python-client-{version}"), &requirements);
    Command::new(python)
        .args(["-B", "-E", "-s"])
        .arg(clients.join("story.py"))
        .arg(url)
        .env("ONECLAW_STORY_PASSWORD", PASSWORD)
        .env("ONECLAW_STORY_RPC", rpc)
        .env("NO_PROXY", "*")
        .env_remove("ONECLAW_RUNTIME_ID")
        .output()
        .unwrap()
}

/// The interpreter of a virtual environment that holds exactly these requirements.
fn python_with(name: &str, requirements: &Path) -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients");
    fs::create_dir_all(&all).unwrap();
    // Test runs beside this one wait here, and find the work done. The lock goes with the file.
    let lock = File::create(all.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();

    let home = all.join(name);
    let python = home.join("bin/python");
    let installed = home.join("installed.txt");
    let wanted = fs::read_to_string(requirements).unwrap();
    let is_there = fs::read_to_string(&installed).is_ok_and(|found| found == wanted)
        && succeeds(Command::new(&python).args(["-c", "import oneclaw"])).is_ok();
    if is_there {
        return python;
    }
    install(&home, requirements);
    fs::write(installed, wanted).unwrap();
    python
}

fn install(home: &Path, requirements: &Path) {
    let can_install = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
    let mut check = Command::new("python3");
    check.args(["-c", can_install]);
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(home);
    for command in [&mut check, &mut make] {
        if let Err(why) = succeeds(command) {
            panic!("{TO_INSTALL}: {why}");
        }
    }
    let mut pip = Command::new(home.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-input"])
        .args(["--disable-pip-version-check", "--require-hashes"])
        .args(["--only-binary", ":all:", "--requirement"])
        .arg(requirements);
    if let Err(why) = succeeds(&mut pip) {
        panic!("pip cannot install the official client; it needs a package index to reach: {why}");
    }
}

fn succeeds(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "{}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )),
        Err(error) => Err(error.to_string()),
    }
}
