//! Somebody at a shell: a server, a home directory of their own, and the command.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use oneclaw_tests::app::{Config, Database, PASSWORD, TestApp};
use serde_json::Value;
use tempfile::TempDir;

/// The command.
pub const BINARY: &str = env!("CARGO_BIN_EXE_1claw");

/// See the module.
pub struct Shell {
    pub app: TestApp,
    pub home: TempDir,
}

/// What came of a command.
#[derive(Debug)]
pub struct Ran {
    /// 128 and the number of the signal, if one ended it.
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// It worked; what it printed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// It worked, and printed JSON.
    #[track_caller]
    pub fn json(self) -> Value {
        let out = self.ok();
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("not JSON ({e}): {out}"))
    }

    /// It failed with this exit code; what it said on standard error.
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(
            self.err.starts_with('✗') || self.err.contains("\n✗") || code == 2,
            "{}",
            self.err
        );
        self.err
    }
}

/// Runs its arguments at a terminal of its own and types the first of them.
const TERMINAL: &str = "
import fcntl, os, pty, struct, sys, termios
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 90, 0, 0))
    os.execv(sys.argv[2], sys.argv[2:])
os.write(terminal, sys.argv[1].encode())
said = b''
while True:
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        break
    if not piece:
        break
    said += piece
sys.stdout.buffer.write(said)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";

/// A command with nothing in its environment but what is given.
pub fn command(program: &str, home: &std::path::Path, environment: &[(&str, &str)]) -> Command {
    let mut path = PathBuf::from(BINARY)
        .parent()
        .unwrap()
        .as_os_str()
        .to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", home)
        .envs(environment.iter().copied())
        .current_dir(home);
    command
}

/// Runs it to its end.
pub fn finish(mut command: Command, stdin: &str) -> Ran {
    use std::os::unix::process::ExitStatusExt as _;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without having read what it was given.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let status = output.status;
    Ran {
        code: status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap()),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Shell {
    /// A server, and nobody signed in.
    pub async fn start() -> Self {
        Self {
            app: TestApp::start().await,
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// A server, and somebody signed in to it.
    pub async fn signed_in() -> Self {
        let shell = Self::start().await;
        shell.sign_up("you");
        shell
    }

    /// A server whose webhooks may go to the targets of tests, and somebody signed in to it.
    pub async fn with_targets() -> Self {
        let targets = |config: &mut Config| config.allow_private_targets = true;
        Self::configured(targets).await
    }

    /// A server with changed settings, and somebody signed in to it.
    pub async fn configured(change: impl FnOnce(&mut Config)) -> Self {
        let shell = Self {
            app: TestApp::start_with(Database::Sqlite, change).await,
            home: tempfile::tempdir().unwrap(),
        };
        shell.sign_up("you");
        shell
    }

    pub fn sign_up(&self, name: &str) {
        let email = format!("{name}@example.com");
        self.with(
            &["signup", "--email", &email, "--password-stdin"],
            PASSWORD,
            &[],
        )
        .ok();
    }

    /// The command with these arguments.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.with(arguments, "", &[])
    }

    /// With something on standard input, and in the environment.
    pub fn with(&self, arguments: &[&str], stdin: &str, environment: &[(&str, &str)]) -> Ran {
        let mut command = command(
            BINARY,
            self.home.path(),
            &[("ONECLAW_API_URL", &self.app.url)],
        );
        command.args(arguments).envs(environment.iter().copied());
        tokio::task::block_in_place(|| finish(command, stdin))
    }

    /// A script for `sh`, which finds the command in its path.
    pub fn sh(&self, script: &str, environment: &[(&str, &str)]) -> Ran {
        let mut command = command(
            "sh",
            self.home.path(),
            &[("ONECLAW_API_URL", &self.app.url)],
        );
        command
            .args(["-eu", "-c", script])
            .envs(environment.iter().copied());
        tokio::task::block_in_place(|| finish(command, ""))
    }

    /// The command at a terminal of 90 columns, where this is typed. Its output is all in `out`, with the line breaks of a
    /// terminal taken back.
    pub fn terminal(&self, arguments: &[&str], typed: &str) -> Ran {
        let mut command = command(
            "python3",
            self.home.path(),
            &[
                ("ONECLAW_API_URL", &self.app.url),
                ("TERM", "xterm"),
                ("PYENV_VERSION", ""),
            ],
        );
        command
            .args(["-c", TERMINAL, typed, BINARY])
            .args(arguments);
        let ran = tokio::task::block_in_place(|| finish(command, ""));
        Ran {
            out: ran.out.replace("\r\n", "\n"),
            ..ran
        }
    }

    /// What the command prints as JSON.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        self.run(&all).json()
    }

    /// Makes a vault and gives its id.
    pub fn vault(&self, name: &str) -> String {
        let vault = self.json(&["vault", "create", name]);
        vault["id"].as_str().unwrap().to_owned()
    }

    /// Registers an agent and gives id and key.
    pub fn agent(&self, name: &str, more: &[&str]) -> (String, String) {
        let mut arguments = vec!["agent", "create", name];
        arguments.extend(more);
        let made = self.json(&arguments);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&made["agent"]["id"]), text(&made["api_key"]))
    }

    /// Lets an agent do this at these paths of a vault.
    pub fn policy(&self, vault: &str, agent: &str, path: &str, permissions: &str) {
        self.run(&[
            "policy",
            "create",
            "-v",
            vault,
            "--principal-type",
            "agent",
            "--principal-id",
            agent,
            "--path",
            path,
            "--permissions",
            permissions,
        ])
        .ok();
    }

    /// Puts a file in the home directory.
    pub fn file(&self, name: &str, text: &str) {
        std::fs::write(self.home.path().join(name), text).unwrap();
    }

    /// The token of whoever signed in.
    pub fn token(&self) -> String {
        let settings = self.settings();
        settings["auth"]["token"].as_str().unwrap().to_owned()
    }

    /// What is kept.
    pub fn settings(&self) -> Value {
        let path = self.home.path().join(".config/oneclaw/config.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }
}
