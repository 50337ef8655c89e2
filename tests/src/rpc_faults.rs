//! A node of a chain that misbehaves on demand: it stands before a good one and passes on what it does not spoil.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What is wrong with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It says that it belongs to another chain.
    WrongChainId,
    /// It knows its chain, and answers everything else with what is no JSON.
    Garbage,
    /// It knows its chain, and answers everything else with 500.
    HttpError,
    /// It knows its chain, and answers everything else with an error of the protocol.
    RpcError,
    /// It takes a transaction, forgets it, and hangs up.
    SwallowSend,
    /// It takes questions and never answers.
    Hang,
    /// Nothing.
    None,
}

/// The node. It ends with the runtime of the test.
#[derive(Debug)]
pub struct FaultyRpc {
    url: String,
    fault: Arc<Mutex<Fault>>,
}

impl FaultyRpc {
    /// Starts one before the node at `good`.
    pub async fn start(fault: Fault, good: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fault = Arc::new(Mutex::new(fault));
        let (shared, good) = (Arc::clone(&fault), good.to_owned());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, good, http) = (Arc::clone(&shared), good.clone(), http.clone());
                tokio::spawn(async move {
                    // A client that hangs up has had enough.
                    let _ = serve(stream, &shared, &good, &http).await;
                });
            }
        });
        Self { url, fault }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// From now on it behaves.
    pub fn heal(&self) {
        self.spoil(Fault::None);
    }

    /// From now on this is wrong with it.
    pub fn spoil(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }
}

async fn serve(
    mut stream: TcpStream,
    fault: &Mutex<Fault>,
    good: &str,
    http: &reqwest::Client,
) -> std::io::Result<()> {
    let request = read(&mut stream).await?;
    let asked: Value = serde_json::from_slice(&request).unwrap_or_default();
    let fault = *fault.lock().unwrap();
    let answer = |result: Value| json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
    let (status, body) = match (fault, asked["method"].as_str().unwrap_or_default()) {
        (Fault::WrongChainId, "eth_chainId") => (200, answer(json!("0x1")).to_string()),
        (Fault::Hang, _) => std::future::pending().await,
        (Fault::SwallowSend, "eth_sendRawTransaction") => return Ok(()),
        (Fault::Garbage, method) if method != "eth_chainId" => {
            (200, "<html>oops</html>".to_owned())
        }
        (Fault::HttpError, method) if method != "eth_chainId" => (500, "oops".to_owned()),
        (Fault::RpcError, method) if method != "eth_chainId" => {
            let error = json!({"jsonrpc": "2.0", "id": asked["id"],
                "error": {"code": -32000, "message": "the node is out of order"}});
            (200, error.to_string())
        }
        _ => {
            let passed = http
                .post(good)
                .header("content-type", "application/json")
                .body(request)
                .send()
                .await;
            match passed {
                Ok(reply) => (200, reply.text().await.unwrap_or_default()),
                Err(error) => (502, error.to_string()),
            }
        }
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await
}

/// The body of one request.
async fn read(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let length = String::from_utf8_lossy(&bytes[..end])
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        })
        .unwrap_or(0);
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(bytes.split_off(end))
}
