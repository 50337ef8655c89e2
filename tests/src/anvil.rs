//! A real chain: the native anvil. npm's wrapper is not used, because killing it would leave the chain running.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The version that is installed where there is none.
const VERSION: &str = "1.7.1";

/// How long a new chain may take to answer.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Addresses of the accounts that every new chain has, with 10000 coins each. They come from the words `test test test test
/// test test test test test test test junk`, and are known to everybody.
pub const ACCOUNTS: [&str; 3] = [
    "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266",
    "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
    "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc",
];

/// The private keys of [`ACCOUNTS`], in the same order.
pub const KEYS: [&str; 3] = [
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
];

/// A running chain. Ends when dropped.
pub struct Anvil {
    child: Child,
    url: String,
    http: reqwest::Client,
}

impl Anvil {
    /// Starts a chain that mines each transaction at once.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a chain with further arguments, for example `["--chain-id", "8453"]`.
    ///
    /// # Panics
    /// If there is no anvil and none can be installed, or it does not answer.
    pub async fn start_with(arguments: &[&str]) -> Self {
        // Somebody else may take the port between finding and using it: then this one ends, and another port is tried.
        for _ in 0..5 {
            if let Some(anvil) = Self::try_start(arguments).await {
                return anvil;
            }
        }
        panic!("anvil did not answer on any of five ports; does it start with {arguments:?}?");
    }

    async fn try_start(arguments: &[&str]) -> Option<Self> {
        oneclaw_chain::install_tls();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let port = free_port();
        let child = Command::new(binary())
            .args(["--silent", "--host", "127.0.0.1", "--port"])
            .arg(port.to_string())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("anvil can be started");
        let mut anvil = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            http,
        };
        let limit = Instant::now() + START_LIMIT;
        while Instant::now() < limit {
            if anvil.child.try_wait().unwrap().is_some() {
                return None;
            }
            if anvil.try_rpc("eth_chainId", json!([])).await.is_ok() {
                return Some(anvil);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its chain id: 31337, unless started with another.
    pub async fn chain_id(&self) -> u64 {
        quantity(&self.rpc("eth_chainId", json!([])).await)
            .try_into()
            .unwrap()
    }

    /// Sets what an account has, in wei.
    pub async fn fund(&self, address: &str, wei: u128) {
        let params = json!([address, format!("{wei:#x}")]);
        self.rpc("anvil_setBalance", params).await;
    }

    /// What an account has, in wei.
    pub async fn balance(&self, address: &str) -> u128 {
        quantity(&self.rpc("eth_getBalance", json!([address, "latest"])).await)
    }

    /// Number of an account's next transaction, those in no block yet not counted.
    pub async fn nonce(&self, address: &str) -> u64 {
        let params = json!([address, "latest"]);
        quantity(&self.rpc("eth_getTransactionCount", params).await)
            .try_into()
            .unwrap()
    }

    /// Makes `blocks` blocks.
    pub async fn mine(&self, blocks: u64) {
        self.rpc("anvil_mine", json!([format!("{blocks:#x}")]))
            .await;
    }

    /// Whether each transaction gets its own block at once.
    pub async fn set_automine(&self, on: bool) {
        self.rpc("evm_setAutomine", json!([on])).await;
    }

    /// Any method.
    ///
    /// # Panics
    /// If the chain answers with an error.
    pub async fn rpc(&self, method: &str, params: Value) -> Value {
        match self.try_rpc(method, params).await {
            Ok(result) => result,
            Err(error) => panic!("{method}: {error}"),
        }
    }

    /// Any method, with the chain's error or that of the connection.
    pub async fn try_rpc(&self, method: &str, params: Value) -> Result<Value, String> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let sent = self.http.post(&self.url).json(&body).send().await;
        let response = sent.map_err(|error| error.to_string())?;
        let mut answer: Value = response.json().await.map_err(|error| error.to_string())?;
        match answer.get("error") {
            Some(error) => Err(error.to_string()),
            None => Ok(answer["result"].take()),
        }
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn quantity(value: &Value) -> u128 {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    u128::from_str_radix(digits.expect("a quantity"), 16).unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}

/// A native anvil of the path, or the one under the target directory, installed there if it is missing.
fn binary() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(found) = std::env::split_paths(&path)
        .map(|folder| folder.join("anvil"))
        .find(|file| is_native(file))
    {
        return found;
    }
    let folder = target().join("anvil");
    let package = package();
    let installed = folder.join(format!("{VERSION}/node_modules/{package}/bin/anvil"));
    std::fs::create_dir_all(&folder).unwrap();
    // Test processes run side by side: one installs, the others wait for it.
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    if !is_native(&installed) {
        install(&folder.join(VERSION), &package);
    }
    assert!(
        is_native(&installed),
        "there is no native anvil: put one into the PATH, or run `npm install --no-save --prefix {} {package}@{VERSION}`",
        folder.join(VERSION).display()
    );
    installed
}

fn install(prefix: &Path, package: &str) {
    std::fs::create_dir_all(prefix).unwrap();
    let status = Command::new("npm")
        .args([
            "install",
            "--no-save",
            "--no-audit",
            "--no-fund",
            "--prefix",
        ])
        .arg(prefix)
        .arg(format!("{package}@{VERSION}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "anvil cannot be installed: put a native anvil of Foundry into the PATH, or make `npm install {package}@{VERSION}` work"
    );
}

fn package() -> String {
    let system = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        "linux"
    };
    let machine = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    format!("@foundry-rs/anvil-{system}-{machine}")
}

/// The folder of the build: tests run from `target/<profile>/deps`.
fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .map_or_else(std::env::temp_dir, Path::to_owned)
}

/// Whether a file is a program of the machine rather than a script.
fn is_native(file: &Path) -> bool {
    let Ok(mut file) = File::open(file) else {
        return false;
    };
    let mut head = [0; 2];
    std::io::Read::read_exact(&mut file, &mut head).is_ok() && head != *b"#!"
}
