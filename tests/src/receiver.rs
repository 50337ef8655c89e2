//! A target of webhooks: takes requests, remembers them, and answers as it is told to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request that came in.
#[derive(Debug, Clone)]
pub struct Received {
    /// Headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body as text.
    pub body: String,
}

impl Received {
    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(given, _)| given == name)
            .map_or("", |(_, value)| value)
    }

    /// Whether it is a delivery of a webhook, and one of its signatures was made with this secret.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let header = self.header("x-oneclaw-signature");
        let Some((t, signatures)) = header
            .strip_prefix("t=")
            .and_then(|rest| rest.split_once(','))
        else {
            return false;
        };
        let secrets = [secret.as_bytes()];
        let expected = oneclaw_crypto::webhook::sign(secrets, t.parse().unwrap(), &self.body);
        signatures
            .split(',')
            .any(|v1| format!("t={t},{v1}") == expected)
    }
}

/// A target.
pub struct Receiver {
    /// Where it listens.
    pub url: String,
    received: Arc<Mutex<Vec<Received>>>,
    answer: Arc<Mutex<String>>,
    listening: Option<JoinHandle<()>>,
}

impl Receiver {
    /// One that answers with 204.
    pub async fn start() -> Self {
        let mut receiver = Self {
            url: "http://127.0.0.1:0/hook".to_owned(),
            received: Arc::default(),
            answer: Arc::new(Mutex::new("204 No Content".to_owned())),
            listening: None,
        };
        receiver.revive().await;
        receiver
    }

    /// Listens, at the address from before if there was one.
    pub async fn revive(&mut self) {
        let address = self.url.split('/').nth(2).unwrap();
        let listener = TcpListener::bind(address).await.unwrap();
        self.url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (inbox, said) = (Arc::clone(&self.received), Arc::clone(&self.answer));
        self.listening = Some(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (inbox, said) = (Arc::clone(&inbox), Arc::clone(&said));
                tokio::spawn(async move { serve(stream, &inbox, &said).await });
            }
        }));
    }

    /// Nobody listens any more.
    pub async fn kill(&mut self) {
        let listening = self.listening.take().unwrap();
        listening.abort();
        let _ = listening.await;
    }

    /// Answers with this status line, and headers behind it, from now on; with nothing, it keeps whoever asks waiting.
    pub fn answers(&self, status: &str) {
        status.clone_into(&mut self.answer.lock().unwrap());
    }

    /// What came, once there are `count` requests.
    ///
    /// # Panics
    /// If they do not come within a minute.
    pub async fn received(&self, count: usize) -> Vec<Received> {
        for _ in 0..3000 {
            let received = self.received.lock().unwrap().clone();
            if received.len() >= count {
                return received;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!(
            "{count} requests did not come: {:?}",
            self.received.lock().unwrap()
        );
    }

    /// What came until now.
    pub fn so_far(&self) -> usize {
        self.received.lock().unwrap().len()
    }
}

async fn serve(mut stream: TcpStream, inbox: &Mutex<Vec<Received>>, answer: &Mutex<String>) {
    let mut bytes = Vec::new();
    let (head, mut body) = loop {
        let mut chunk = [0; 4096];
        let Ok(n @ 1..) = stream.read(&mut chunk).await else {
            return;
        };
        bytes.extend_from_slice(&chunk[..n]);
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            break (head, bytes[end + 4..].to_vec());
        }
    };
    let headers: Vec<(String, String)> = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    while body.len() < length {
        let mut chunk = [0; 4096];
        let Ok(n @ 1..) = stream.read(&mut chunk).await else {
            return;
        };
        body.extend_from_slice(&chunk[..n]);
    }
    inbox.lock().unwrap().push(Received {
        headers,
        body: String::from_utf8(body).unwrap(),
    });
    let status = answer.lock().unwrap().clone();
    if status.is_empty() {
        // Until the other side loses patience.
        let _ = stream.read(&mut [0]).await;
        return;
    }
    let reply = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    // The other side may have gone away; then nobody misses the answer.
    let _ = stream.write_all(reply.as_bytes()).await;
}
