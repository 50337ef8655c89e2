//! The programs of the guide on signed intents are run, and what they sign is verified.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use oneclaw_core::clock::Timestamp;
use oneclaw_crypto::http_signature::{Message, VerifiedSignature, verify};
use serde_json::{Value, json};

const SEED: [u8; 32] = [7; 32];

struct Request {
    method: &'static str,
    url: &'static str,
    body: &'static str,
    idempotency_key: Option<&'static str>,
}

const REQUESTS: [Request; 3] = [
    Request {
        method: "POST",
        url: "https://vault.example/v1/agents/a/transactions",
        body: r#"{"to":"0x35","value":"0.1","note":"ünïcode"}"#,
        idempotency_key: Some("k-1"),
    },
    Request {
        method: "DELETE",
        url: "http://127.0.0.1:8210/v1/agents/a/intent-keys/laptop",
        body: "",
        idempotency_key: None,
    },
    Request {
        method: "POST",
        url: "https://vault.example/v1/agents/a%2Fb/sign?dry=1&x=%20y",
        body: "{}",
        idempotency_key: None,
    },
];

impl Request {
    fn as_json(&self) -> String {
        json!({
            "method": self.method, "url": self.url, "body": self.body,
            "idempotency_key": self.idempotency_key,
        })
        .to_string()
    }

    /// Path and query, as a server receives them.
    fn target(&self) -> (&str, Option<&str>) {
        let (_, rest) = self.url.split_once("://").unwrap();
        let (_, target) = rest.split_at(rest.find('/').unwrap());
        match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        }
    }

    /// What a server makes of the request with these headers, a moment after it was signed.
    fn verified(&self, headers: &Value) -> VerifiedSignature {
        let headers: Vec<(String, Vec<u8>)> = headers
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().into()))
            .collect();
        let sent = |name: &str| {
            let (_, value) = headers.iter().find(|(given, _)| given == name)?;
            Some(std::str::from_utf8(value).unwrap())
        };
        assert_eq!(sent("Idempotency-Key"), self.idempotency_key);
        let input = sent("Signature-Input").unwrap();
        let (_, from_created) = input.split_once("created=").unwrap();
        let (created, _) = from_created.split_once(';').unwrap();
        let now = Timestamp::from_millis(0).plus_seconds(created.parse().unwrap());
        let (path, query) = self.target();
        let message = Message {
            method: self.method,
            path,
            query,
            origin: None,
            headers: &headers,
            body: self.body.as_bytes(),
        };
        let public = SigningKey::from_bytes(&SEED).verifying_key().to_bytes();
        verify(&message, |id| (id == "laptop").then_some(public), now).unwrap()
    }
}

fn guide(file: &str) -> PathBuf {
    let guides = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides");
    guides.join(file)
}

fn run(command: &mut Command, input: &str) -> Value {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|why| panic!("this test needs {:?}: {why}", command.get_program()));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn assert_all_differ(mut nonces: Vec<String>) {
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), REQUESTS.len());
}

/// The key of the Python program is a stand-in that tells what it is asked to sign, so that the test needs no package; the
/// signature is made here.
#[test]
fn what_the_python_program_signs_is_accepted() {
    const DRIVER: &str = "
import json, sys
sys.path.insert(0, sys.argv[1])
from sign_intent import sign_intent
class Key:
    def sign(self, data):
        self.signed = data.decode()
        return bytes(64)
key = Key()
given = json.load(sys.stdin)
body = given['body'].encode()
headers = sign_intent(key, 'laptop', given['method'], given['url'], body, given['idempotency_key'])
json.dump({'headers': headers, 'signed': key.signed}, sys.stdout)
";
    let nonces = REQUESTS.iter().map(|request| {
        let mut python = Command::new("python3");
        python
            .args(["-B", "-E", "-s", "-c", DRIVER])
            .arg(guide("examples"))
            .env("PYTHONUTF8", "1");
        let told = run(&mut python, &request.as_json());
        let signed = told["signed"].as_str().unwrap();
        let signature = SigningKey::from_bytes(&SEED).sign(signed.as_bytes());
        let mut headers = told["headers"].clone();
        let stand_in = format!("sig=:{}:", STANDARD.encode([0; 64]));
        assert_eq!(headers["Signature"], stand_in);
        headers["Signature"] = json!(format!("sig=:{}:", STANDARD.encode(signature.to_bytes())));
        request.verified(&headers).nonce
    });
    assert_all_differ(nonces.collect());
}

#[test]
fn what_the_typescript_program_signs_is_accepted() {
    const DRIVER: &str = "
import { readFileSync } from 'node:fs';
import { createPrivateKey } from 'node:crypto';
import { pathToFileURL } from 'node:url';
const [program, pem] = process.argv.slice(-2);
const { signIntent } = await import(pathToFileURL(program).href);
const given = JSON.parse(readFileSync(0, 'utf8'));
const key = createPrivateKey(pem);
const idempotencyKey = given.idempotency_key ?? undefined;
console.log(JSON.stringify(signIntent(key, 'laptop', given.method, given.url, given.body, idempotencyKey)));
";
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("sign-intent.mjs");
    let typed = fs::read_to_string(guide("examples/sign-intent.ts")).unwrap();
    fs::write(&program, without_types(&typed)).unwrap();
    // RFC 8410 §7: a version, the algorithm, and the seed in an octet string in an octet string.
    let mut der = hex::decode("302e020100300506032b657004220420").unwrap();
    der.extend(SEED);
    let encoded = STANDARD.encode(der);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{encoded}\n-----END PRIVATE KEY-----\n");
    let nonces = REQUESTS.iter().map(|request| {
        let mut node = Command::new("node");
        node.args(["--input-type=module", "--eval", DRIVER, "--"])
            .arg(&program)
            .arg(&pem);
        let headers = run(&mut node, &request.as_json());
        request.verified(&headers).nonce
    });
    assert_all_differ(nonces.collect());
}

/// JavaScript, for versions of Node.js that do not strip types by themselves. What is missed here is an error there.
fn without_types(program: &str) -> String {
    let annotations = [
        "type KeyObject, ",
        ": KeyObject",
        "?: string",
        ": string",
        ": Record<string, string>",
    ];
    annotations
        .into_iter()
        .fold(program.to_owned(), |program, annotation| {
            program.replace(annotation, "")
        })
}

#[test]
fn the_guide_shows_the_programs_as_they_are() {
    let text = fs::read_to_string(guide("signed-intents.md")).unwrap();
    for (file, language) in [("sign_intent.py", "python"), ("sign-intent.ts", "ts")] {
        let program = fs::read_to_string(guide("examples").join(file)).unwrap();
        let block = format!("```{language}\n{program}```");
        assert!(text.contains(&block), "{file} differs from the guide");
    }
}
