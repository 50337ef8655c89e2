//! A small mail server: takes mails over SMTP and keeps them, as long as it is there.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::mail::Mail;

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Takes everything.
    Willing,
    /// Takes no recipient for now (450).
    Busy,
    /// Knows no recipient (550).
    Strict,
    /// Greets and then says nothing any more.
    Mute,
}

/// A running mail server. Ends, with every connection, when dropped.
pub struct SmtpServer {
    /// Where it listens.
    pub address: SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
    count: watch::Receiver<usize>,
    connections: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl SmtpServer {
    /// Starts on any port.
    pub async fn start(manner: Manner) -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap(), manner).await
    }

    /// Starts where another one was.
    pub async fn start_on(address: SocketAddr, manner: Manner) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let (counted, count) = watch::channel(0);
        let (connected, connections) = watch::channel(0);
        let kept = Arc::clone(&mails);
        let task = tokio::spawn(async move {
            let mut talks = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connected.send_modify(|n| *n += 1);
                talks.spawn(talk(stream, manner, Arc::clone(&kept), counted.clone()));
            }
        });
        Self {
            address,
            mails,
            count,
            connections,
            task,
        }
    }

    /// What `smtp_url` is to be.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Waits until it has so many mails, and gives them.
    ///
    /// # Panics
    /// If they do not come within a minute.
    pub async fn wait_for(&self, mails: usize) -> Vec<Mail> {
        let mut count = self.count.clone();
        tokio::time::timeout(Duration::from_secs(60), count.wait_for(|n| *n >= mails))
            .await
            .unwrap_or_else(|_| panic!("{mails} mails did not come: {:?}", self.mails()))
            .unwrap();
        self.mails()
    }

    /// Waits until somebody has connected so many times.
    ///
    /// # Panics
    /// If nobody does within a minute.
    pub async fn wait_for_connections(&self, connections: usize) {
        let mut count = self.connections.clone();
        tokio::time::timeout(
            Duration::from_secs(60),
            count.wait_for(|n| *n >= connections),
        )
        .await
        .expect("somebody connects within a minute")
        .unwrap();
    }

    /// Ends it; once this is done its port is free.
    pub async fn stop(mut self) {
        self.task.abort();
        // An error says that it was aborted.
        let _ = (&mut self.task).await;
    }

    /// The mails so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn talk(
    stream: TcpStream,
    manner: Manner,
    mails: Arc<Mutex<Vec<Mail>>>,
    counted: watch::Sender<usize>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 test ESMTP\r\n").await?;
    if manner == Manner::Mute {
        let mut nothing = [0; 1024];
        while stream.read(&mut nothing).await? > 0 {}
        return Ok(());
    }
    let mut line = String::new();
    while {
        line.clear();
        stream.read_line(&mut line).await? > 0
    } {
        let word = line
            .get(..4)
            .map(str::to_ascii_uppercase)
            .unwrap_or_default();
        let answer: &[u8] = match (word.as_str(), manner) {
            ("EHLO", _) => b"250-test\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            ("RCPT", Manner::Busy) => b"450 4.2.1 come back later\r\n",
            ("RCPT", Manner::Strict) => b"550 5.1.1 nobody of that name\r\n",
            ("DATA", _) => b"354 go on\r\n",
            ("QUIT", _) => b"221 bye\r\n",
            _ => b"250 well\r\n",
        };
        stream.write_all(answer).await?;
        if word == "QUIT" {
            break;
        }
        if word == "DATA" {
            let text = data(&mut stream).await?;
            mails.lock().unwrap().push(Mail::parse(&text));
            stream.write_all(b"250 taken\r\n").await?;
            counted.send_modify(|n| *n += 1);
        }
    }
    Ok(())
}

/// The mail itself, up to the line with a dot alone (RFC 5321 §4.5.2).
async fn data(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut text = String::new();
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match line.as_str() {
            ".\r\n" => return Ok(text),
            dotted => text.push_str(dotted.strip_prefix('.').unwrap_or(dotted)),
        }
    }
}
