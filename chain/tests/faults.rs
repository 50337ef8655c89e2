//! Nodes that lie, hang, break off and talk nonsense.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic fails the test"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alloy::primitives::{Address, B256};
use axum::Router;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::routing::post;
use oneclaw_chain::{ChainSpec, Rpc, RpcError, RpcUrl, Sent, SpecError, Timeouts};
use serde_json::{Value, json};

const ID: u64 = 31337;

/// What a node does when asked a method.
enum Answer {
    Result(Value),
    Error(i64, &'static str),
    Status(u16),
    Redirect(String),
    Raw(&'static str),
    Huge,
    Never,
}

type Fault = Box<dyn Fn() -> Answer + Send + Sync>;

struct Node {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Node {
    /// How often anything but the chain id was asked.
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn node(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Node {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answer = Arc::new(answer);
    let handler = move |body: String| {
        let (count, answer) = (Arc::clone(&count), Arc::clone(&answer));
        async move {
            let question: Value = serde_json::from_str(&body).unwrap();
            let method = question["method"].as_str().unwrap();
            if method != "eth_chainId" {
                count.fetch_add(1, Ordering::SeqCst);
            }
            respond(answer(method), &question["id"]).await
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/secret-key", listener.local_addr().unwrap());
    let app = Router::new().route("/secret-key", post(handler));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Node { url, asked }
}

async fn respond(answer: Answer, id: &Value) -> Response<Body> {
    let json = |value: Value| Response::new(Body::from(value.to_string()));
    match answer {
        Answer::Result(result) => json(json!({ "jsonrpc": "2.0", "id": id, "result": result })),
        Answer::Error(code, message) => json(
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } }),
        ),
        Answer::Status(status) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        }
        Answer::Redirect(to) => Response::builder()
            .status(307)
            .header("location", to)
            .body(Body::empty())
            .unwrap(),
        Answer::Raw(text) => Response::new(Body::from(text)),
        Answer::Huge => Response::new(Body::from(vec![b' '; 5 * 1024 * 1024])),
        Answer::Never => std::future::pending().await,
    }
}

/// A node of the right chain that answers everything else with `answer`.
async fn honest(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Node {
    node(move |method| match method {
        "eth_chainId" => Answer::Result(json!("0x7a69")),
        method => answer(method),
    })
    .await
}

fn spec(urls: &[&str]) -> ChainSpec {
    ChainSpec {
        name: "test".to_owned(),
        chain_id: ID,
        urls: urls.iter().map(|url| RpcUrl::parse(url).unwrap()).collect(),
        allow_private: true,
        timeouts: Timeouts {
            connect: Duration::from_millis(500),
            request: Duration::from_millis(500),
            call: Duration::from_secs(5),
            rest: Duration::from_secs(60),
        },
    }
}

fn rpc(urls: &[&str]) -> Rpc {
    Rpc::new(spec(urls)).unwrap()
}

/// A port that nobody listens on.
async fn closed() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/secret-key", listener.local_addr().unwrap())
}

#[tokio::test]
async fn a_node_that_fails_in_any_way_is_replaced_by_the_next_and_then_tried_last() {
    let elsewhere = honest(|_| Answer::Result(json!("0x63"))).await;
    let target = elsewhere.url.clone();
    let faults: [(&str, Fault); 9] = [
        ("hangs", Box::new(|| Answer::Never)),
        ("503", Box::new(|| Answer::Status(503))),
        (
            "redirects",
            Box::new(move || Answer::Redirect(target.clone())),
        ),
        ("is no JSON", Box::new(|| Answer::Raw("<html>"))),
        (
            "is of another question",
            Box::new(|| Answer::Raw(r#"{"jsonrpc":"2.0","id":7,"result":"0x1"}"#)),
        ),
        ("never ends", Box::new(|| Answer::Huge)),
        ("is a number", Box::new(|| Answer::Result(json!(7)))),
        ("is null", Box::new(|| Answer::Result(Value::Null))),
        (
            "is busy",
            Box::new(|| Answer::Error(-32005, "limit exceeded")),
        ),
    ];
    for (what, fault) in faults {
        let bad = honest(move |_| fault()).await;
        let good = honest(|_| Answer::Result(json!("0x7"))).await;
        let both = rpc(&[&bad.url, &good.url]);
        assert_eq!(both.block_number().await, Ok(7), "{what}");
        assert_eq!(both.block_number().await, Ok(7), "{what}");
        assert_eq!((bad.asked(), good.asked()), (1, 2), "{what}");
        let alone = rpc(&[&bad.url]).block_number().await.unwrap_err();
        assert!(!alone.to_string().contains("secret-key"), "{alone}");
    }
    assert_eq!(elsewhere.asked(), 0, "a redirect was followed");
    let good = honest(|_| Answer::Result(json!("0x7"))).await;
    assert_eq!(
        rpc(&[&closed().await, &good.url]).block_number().await,
        Ok(7)
    );
}

#[tokio::test]
async fn a_node_of_another_chain_is_asked_nothing_and_both_ids_are_named() {
    let liar = node(|_| Answer::Result(json!("0x1"))).await;
    let rpc = rpc(&[&liar.url]);
    let error = rpc.block_number().await.unwrap_err();
    assert_eq!(
        error,
        RpcError::WrongChain {
            host: "127.0.0.1".to_owned(),
            expected: ID,
            got: 1
        }
    );
    assert!(rpc.send_raw(&[2], B256::ZERO).await.is_err());
    assert_eq!(liar.asked(), 0);
    assert!(!format!("{rpc:?}{:?}", spec(&[&liar.url])).contains("secret-key"));
}

#[tokio::test]
async fn an_answer_of_a_node_is_an_answer_and_nobody_else_is_asked() {
    let first = honest(|_| Answer::Error(-32000, "no\u{202e}\u{7} thanks")).await;
    let second = honest(|_| Answer::Result(json!("0x7"))).await;
    let rpc = rpc(&[&first.url, &second.url]);
    let error = rpc.balance(Address::ZERO).await.unwrap_err();
    assert_eq!(
        error,
        RpcError::Node {
            code: -32000,
            message: "no thanks".to_owned(),
            data: None
        }
    );
    assert_eq!(second.asked(), 0);
}

async fn outcome(
    answer: impl Fn() -> Answer + Send + Sync + 'static,
    known: Value,
) -> (Sent, usize) {
    let first = honest(move |method| match method {
        "eth_sendRawTransaction" => answer(),
        _ => Answer::Result(known.clone()),
    })
    .await;
    let second = honest(|_| Answer::Result(Value::Null)).await;
    let rpc = rpc(&[&first.url, &second.url]);
    let sent = rpc.send_raw(&[2, 1], B256::repeat_byte(7)).await.unwrap();
    (sent, second.asked())
}

#[tokio::test]
async fn only_certain_answers_are_refusals_and_nothing_is_sent_twice() {
    let hash = B256::repeat_byte(7);
    let accepted = outcome(move || Answer::Result(json!(hash)), Value::Null).await;
    assert_eq!(accepted, (Sent::Accepted, 0));
    let known = outcome(|| Answer::Error(-32000, "already known"), Value::Null).await;
    assert_eq!(known, (Sent::AlreadyKnown, 0));
    let mined = json!({ "hash": hash });
    let mined = outcome(
        || Answer::Error(-32000, "nonce too low: next 5, tx 4"),
        mined,
    )
    .await;
    assert_eq!(mined, (Sent::AlreadyKnown, 0));
    for words in [
        "nonce too low",
        "insufficient funds for gas * price + value",
        "intrinsic gas too low",
        "replacement transaction underpriced",
        "exceeds block gas limit",
        "invalid sender",
    ] {
        let (sent, others) = outcome(move || Answer::Error(-32000, words), Value::Null).await;
        assert!(matches!(sent, Sent::Refused { .. }), "{words}: {sent:?}");
        assert_eq!(others, 0);
    }
    let unclear: [fn() -> Answer; 6] = [
        || Answer::Error(-32603, "internal error"),
        || Answer::Status(502),
        || Answer::Never,
        || Answer::Raw("oops"),
        || Answer::Result(json!(B256::repeat_byte(8))),
        || Answer::Huge,
    ];
    for (index, answer) in unclear.into_iter().enumerate() {
        let (sent, others) = outcome(answer, Value::Null).await;
        assert!(matches!(sent, Sent::Unknown { .. }), "{index}: {sent:?}");
        assert_eq!(
            others, 0,
            "{index}: the transaction went to another node as well"
        );
    }
}

#[tokio::test]
async fn a_transaction_goes_to_the_next_node_while_none_has_got_it() {
    let hash = B256::repeat_byte(7);
    let good = honest(move |_| Answer::Result(json!(hash))).await;
    let rpc = rpc(&[&closed().await, &good.url]);
    assert_eq!(rpc.send_raw(&[2], hash).await, Ok(Sent::Accepted));
    let none = self::rpc(&[&closed().await]).send_raw(&[2], hash).await;
    assert!(
        matches!(none, Err(RpcError::Unreachable { .. })),
        "{none:?}"
    );
    let unset = self::rpc(&[]).send_raw(&[2], hash).await;
    assert!(matches!(unset, Err(RpcError::NoUrl { .. })), "{unset:?}");
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused_as_such_and_behind_names() {
    let node = honest(|_| Answer::Result(json!("0x7"))).await;
    let guarded = |url: &str| {
        Rpc::new(ChainSpec {
            allow_private: false,
            ..spec(&[url])
        })
    };
    for url in [
        node.url.as_str(),
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://0x7f.1/",
        "http://169.254.169.254/",
    ] {
        let refused = guarded(url).map(|_| ()).unwrap_err();
        assert!(matches!(refused, SpecError::Forbidden { .. }), "{url}");
    }
    let named = node.url.replace("127.0.0.1", "localhost");
    let refused = guarded(&named).unwrap().block_number().await.unwrap_err();
    assert!(matches!(refused, RpcError::Forbidden { .. }), "{refused:?}");
    assert_eq!(node.asked(), 0);
    assert_eq!(rpc(&[&named]).block_number().await, Ok(7));
    for bad in [
        "ftp://example.com/key",
        "example.com",
        "file:///etc/passwd",
        "",
    ] {
        assert_eq!(RpcUrl::parse(bad), Err(SpecError::NotAUrl));
    }
}

#[tokio::test]
async fn where_the_node_cannot_simulate_calls_are_tried_each_alone() {
    let node = honest(|method| match method {
        "eth_call" => Answer::Result(json!("0x01")),
        "eth_estimateGas" => Answer::Result(json!("0x5208")),
        _ => Answer::Error(-32601, "the method does not exist"),
    })
    .await;
    let call = oneclaw_chain::Call {
        from: Address::ZERO,
        to: Some(Address::ZERO),
        value: 1_u64.into(),
        data: Vec::new().into(),
        gas: None,
    };
    let report = rpc(&[&node.url])
        .simulate(&[call.clone(), call])
        .await
        .unwrap();
    assert_eq!(report.method, oneclaw_chain::Method::EachAlone);
    assert_eq!(report.calls.len(), 2);
    assert!(
        report
            .calls
            .iter()
            .all(|call| call.outcome.gas_used == 21000)
    );
}
