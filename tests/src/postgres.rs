//! A PostgreSQL cluster to throw away: one for each test process, with a database of its own for each test.
//!
//! The cluster hangs on a pipe that only the test process holds: when that ends, however it ends, the pipe closes, and a
//! small shell script stops the server and removes its files.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Attempts to start a server; another process may take the free port that was found.
const ATTEMPTS: usize = 5;

/// Runs as the unprivileged user. `$1` is the directory of the binaries, `$2` where to put the files, `$3` the port. Its
/// standard input is the pipe: `read` returns when the test process is gone.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
umask 077
dir=$(mktemp -d "$2/oneclaw-postgres.XXXXXXXX") || exit 1
log=$("$1/initdb" -D "$dir/data" -U oneclaw --auth=trust --no-sync --encoding=UTF8 --locale=C.UTF-8 2>&1) || {
    echo "initdb: $log" >&2
    rm -rf "$dir"
    exit 1
}
"$1/postgres" -D "$dir/data" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c max_connections=300 -c shared_buffers=64MB -c fsync=off -c lc_messages=C -c logging_collector=off &
server=$!
# A server that cannot start closes its end of the log, and with it ends the reader's patience.
read -r _
kill -QUIT "$server" 2>/dev/null
wait "$server"
rm -rf "$dir"
"#;

/// Why there is no PostgreSQL, and what to do about it.
#[derive(Debug, Clone)]
struct PostgresError(String);

impl fmt::Display for PostgresError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PostgresError {}

struct Cluster {
    port: u16,
    /// Held open for as long as the process lives.
    _pipe: ChildStdin,
    _script: Child,
}

static CLUSTER: OnceLock<Result<Cluster, PostgresError>> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The address of a new, empty database. The first call starts the cluster, which takes about a second.
///
/// # Panics
/// Says what to install when there is no PostgreSQL, and what the server said when it did not start.
#[expect(
    clippy::panic,
    reason = "a test that needs a database cannot go on without one"
)]
pub async fn new_database() -> String {
    match fresh_database().await {
        Ok(url) => url,
        Err(error) => panic!("{error}"),
    }
}

async fn fresh_database() -> Result<String, PostgresError> {
    let cluster = tokio::task::spawn_blocking(|| CLUSTER.get_or_init(start))
        .await
        .map_err(|e| PostgresError(e.to_string()))?
        .as_ref()
        .map_err(Clone::clone)?;
    let port = cluster.port;
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let failed = |e: sqlx::Error| PostgresError(format!("the database {name} cannot be made: {e}"));
    let server = format!("postgres://oneclaw@127.0.0.1:{port}/postgres");
    let mut connection = PgConnection::connect(&server).await.map_err(failed)?;
    // A collation that is not that of the bytes: what relies on the order of bytes without saying so fails here.
    let create =
        format!("CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'");
    sqlx::raw_sql(AssertSqlSafe(create))
        .execute(&mut connection)
        .await
        .map_err(failed)?;
    Ok(format!("postgres://oneclaw@127.0.0.1:{port}/{name}"))
}

fn start() -> Result<Cluster, PostgresError> {
    let binaries = find_binaries()?;
    let mut last = PostgresError("it was not tried".to_owned());
    for _ in 0..ATTEMPTS {
        match try_start(&binaries) {
            Ok(cluster) => return Ok(cluster),
            Err(error) => last = error,
        }
    }
    Err(PostgresError(format!(
        "PostgreSQL from {} does not start: {last}",
        binaries.display()
    )))
}

fn try_start(binaries: &Path) -> Result<Cluster, PostgresError> {
    let failed = |e: std::io::Error| PostgresError(e.to_string());
    let port = free_port().map_err(failed)?;
    let mut script = unprivileged()
        .args(["sh", "-c", SCRIPT, "sh"])
        .arg(binaries)
        .arg(std::env::temp_dir())
        .arg(port.to_string())
        .current_dir("/")
        .stdin(Stdio::piped())
        // Not the test's own output: whoever waits for that to end would wait for the server as well.
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (Some(pipe), Some(log)) = (script.stdin.take(), script.stderr.take()) else {
        return Err(PostgresError("the script has no pipes".to_owned()));
    };
    wait_until_ready(log)?;
    Ok(Cluster {
        port,
        _pipe: pipe,
        _script: script,
    })
}

/// Follows the server's log until it says that it is ready, and keeps it flowing afterwards.
fn wait_until_ready(log: ChildStderr) -> Result<(), PostgresError> {
    let mut log = BufReader::new(log);
    let mut said = String::new();
    loop {
        let start = said.len();
        let read = log
            .read_line(&mut said)
            .map_err(|e| PostgresError(e.to_string()))?;
        let line = said.get(start..).unwrap_or_default();
        if line.contains("database system is ready to accept connections") {
            break;
        }
        if read == 0 || line.contains("database system is shut down") || line.contains("FATAL") {
            return Err(PostgresError(said));
        }
    }
    std::thread::spawn(move || std::io::copy(&mut log.by_ref(), &mut std::io::sink()));
    Ok(())
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// Debian keeps the server's binaries out of the path.
fn find_binaries() -> Result<PathBuf, PostgresError> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_unstable();
    let packaged = versions.into_iter().rev().map(|(_, path)| path);
    let path = std::env::var_os("PATH").unwrap_or_default();
    packaged
        .chain(std::env::split_paths(&path))
        .find(|dir| dir.join("initdb").is_file() && dir.join("postgres").is_file())
        .ok_or_else(|| {
            PostgresError(
                "this test needs the server binaries of PostgreSQL 15 or later: \
                 apt-get install postgresql"
                    .to_owned(),
            )
        })
}

/// PostgreSQL refuses to run as root: then it runs as the user that its package made.
fn unprivileged() -> Command {
    if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        command
    } else {
        Command::new("env")
    }
}

#[cfg(unix)]
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}
