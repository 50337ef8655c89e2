//! A server in a process of its own, for tests that kill it: SQLite and everything else in the directory that is its one
//! argument. Prints its address once it listens.

use std::path::PathBuf;
use std::sync::Arc;

use oneclaw_server::app;
use oneclaw_server::config::{Config, RootKeySource, Signup};
use oneclaw_server::system_clock::SystemClock;
use secrecy::SecretString;

#[tokio::main]
async fn main() {
    let dir = PathBuf::from(std::env::args_os().nth(1).expect("a directory"));
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        // The same name after each start, though the port is another: tokens stay good.
        public_url: "http://vault.example".to_owned(),
        database_url: SecretString::from(format!("sqlite://{}/oneclaw.db", dir.display())),
        root_key: RootKeySource::File(dir.join("root.key")),
        signup: Signup::Open,
        rate_limits: false,
        data_dir: dir,
        ..Config::default()
    };
    let running = app::start(config, Arc::new(SystemClock)).await.unwrap();
    println!("{}", running.address);
    // Until it is killed, or whoever started it is gone and closes the pipe.
    let mut end = String::new();
    tokio::task::spawn_blocking(move || std::io::stdin().read_line(&mut end))
        .await
        .unwrap()
        .unwrap();
}
