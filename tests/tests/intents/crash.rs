//! A server that is killed at any moment sends nothing twice, loses no budget, and has told no client an untruth.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use oneclaw_tests::anvil::Anvil;
use reqwest::Method;
use serde_json::{Value, json};

use crate::setup::{ALICE, ETHER};

const SUBMITS: usize = 100;
const KILLS: u64 = 5;

/// A server in a process of its own. Killed when it is dropped.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(dir: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_killable_server"))
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.contains(':'), "the server did not start");
        Self {
            process,
            url: format!("http://{}", line.trim()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGKILL. An error means that it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Client {
    http: reqwest::Client,
    token: String,
}

impl Client {
    async fn send(
        &self,
        url: String,
        method: Method,
        body: Value,
        key: &str,
    ) -> Option<(u16, Value)> {
        let reply = self
            .http
            .request(method, url)
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(body.to_string())
            .send()
            .await
            .ok()?;
        let status = reply.status().as_u16();
        let text = reply.text().await.ok()?;
        let body = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).ok()?
        };
        Some((status, body))
    }

    async fn expect(&self, url: String, method: Method, body: Value, wanted: u16) -> Value {
        let (status, body) = self.send(url, method, body, "").await.unwrap();
        assert_eq!(status, wanted, "{body}");
        body
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_the_server_sends_nothing_twice_and_loses_no_budget() {
    let anvil = Anvil::start().await;
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut client = Client {
        http,
        token: String::new(),
    };

    let body = json!({"email": "owner@example.com", "password": oneclaw_tests::app::PASSWORD});
    let signup = client
        .expect(
            format!("{}/v1/auth/signup", server.url),
            Method::POST,
            body,
            200,
        )
        .await;
    client.token = signup["access_token"].as_str().unwrap().to_owned();
    let admin = format!("{}/v1/admin/chains", server.url);
    let chains = client
        .expect(admin.clone(), Method::GET, Value::Null, 200)
        .await;
    let local = chains["chains"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["chain_id"] == 31337)
        .unwrap();
    let local = format!("{admin}/{}", local["id"].as_str().unwrap());
    let change = json!({"rpc_url": anvil.url(), "allow_private_rpc": true, "confirmations": 1});
    client.expect(local, Method::PUT, change, 200).await;
    // Room for exactly half of the submits.
    let fields = json!({"name": "payer", "intents_api_enabled": true, "tx_daily_limit": "0.5"});
    let agent = client
        .expect(
            format!("{}/v1/agents", server.url),
            Method::POST,
            fields,
            201,
        )
        .await;
    let id = agent["agent"]["id"].as_str().unwrap().to_owned();
    let keys = format!("{}/v1/agents/{id}/signing-keys", server.url);
    let key = client
        .expect(keys, Method::POST, json!({"chain": "ethereum"}), 201)
        .await;
    let address = key["address"].as_str().unwrap().to_owned();
    anvil.fund(&address, 10 * ETHER).await;
    let before = anvil.balance(ALICE).await;

    // Every submit is repeated under its own key until it has an answer, as a client does whose server goes away.
    let mut answers: Vec<Option<(u16, Value)>> = vec![None; SUBMITS];
    for round in 0..=KILLS {
        let url = format!("{}/v1/agents/{id}/transactions", server.url);
        let open: Vec<usize> = (0..SUBMITS).filter(|n| answers[*n].is_none()).collect();
        let sending = async {
            let sent = open.iter().map(|n| {
                let body = json!({"to": ALICE, "value": "0.01", "chain": "localhost"});
                let (client, url) = (&client, url.clone());
                async move {
                    let mut answer = None;
                    // A request whose first attempt was cut off is under way until the server gives it up.
                    for _ in 0..400 {
                        answer = client
                            .send(
                                url.clone(),
                                Method::POST,
                                body.clone(),
                                &format!("submit-{n}"),
                            )
                            .await;
                        match &answer {
                            Some((409 | 503, _)) => {
                                tokio::time::sleep(Duration::from_millis(100)).await
                            }
                            _ => break,
                        }
                    }
                    (*n, answer)
                }
            });
            futures_join_all(sent).await
        };
        let kill = round < KILLS;
        let results = if kill {
            let process = &mut server.process;
            // Another moment each time.
            let moment = Duration::from_millis(30 + 137 * round % 400);
            let killing = async {
                tokio::time::sleep(moment).await;
                process.kill().unwrap();
            };
            tokio::join!(sending, killing).0
        } else {
            sending.await
        };
        for (n, answer) in results {
            if let Some((status, body)) =
                answer.filter(|(status, _)| *status != 409 && *status != 503)
            {
                assert!(matches!(status, 200 | 201 | 403), "{status} {body}");
                answers[n] = Some((status, body));
            }
        }
        if kill {
            server = Server::start(dir.path());
        }
    }

    // Every answer is true: what was said to be paid is paid, once, and no more than the budget.
    let mut hashes = Vec::new();
    for answer in &answers {
        let (status, body) = answer.as_ref().expect("every submit has its answer");
        if *status != 403 {
            hashes.push(body["tx_hash"].as_str().unwrap().to_owned());
        }
    }
    let distinct: std::collections::BTreeSet<&String> = hashes.iter().collect();
    assert_eq!(distinct.len(), hashes.len());
    for hash in &hashes {
        for attempt in 0.. {
            let receipt = anvil.rpc("eth_getTransactionReceipt", json!([hash])).await;
            if receipt["status"] == "0x1" {
                break;
            }
            assert!(
                attempt < 300,
                "{hash} was said to be sent and is not on the chain"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let paid = anvil.balance(ALICE).await - before;
    assert_eq!(paid, hashes.len() as u128 * ETHER / 100);
    assert_eq!(
        hashes.len(),
        50,
        "what was interrupted holds no budget for ever"
    );
    assert_eq!(anvil.nonce(&address).await, 50);
}

/// All of them at once, on this task.
async fn futures_join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pinned: Vec<_> = futures.map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(move |context| {
        let mut waiting = false;
        for (future, output) in pinned.iter_mut().zip(&mut outputs) {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => waiting = true,
                }
            }
        }
        if waiting {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(
                outputs
                    .iter_mut()
                    .map(|output| output.take().unwrap())
                    .collect(),
            )
        }
    })
    .await
}
