//! Mails as they arrive, and the outbox of a server that has no mail server.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::app::TestApp;

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// `Message-ID`
    pub id: String,
    /// Address of the recipient.
    pub to: String,
    /// Address of the sender, as it is written.
    pub from: String,
    /// Subject.
    pub subject: String,
    /// Text, decoded.
    pub text: String,
}

impl Mail {
    /// Reads a mail (RFC 5322) of one part, in 7 or 8 bits or quoted-printable.
    pub fn parse(text: &str) -> Self {
        let text = text.replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").expect("head and body");
        let head = head.replace("\n ", " ");
        let header = |name: &str| {
            head.lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_owned())
                .unwrap_or_default()
        };
        let encoding = header("Content-Transfer-Encoding");
        let text = match encoding.as_str() {
            "7bit" | "8bit" | "" => body.to_owned(),
            "quoted-printable" => quoted_printable(body),
            other => panic!("unexpected encoding `{other}`"),
        };
        Self {
            id: header("Message-ID"),
            to: header("To"),
            from: header("From"),
            subject: header("Subject"),
            text,
        }
    }

    /// The first word of the text that begins so: a link, a key.
    ///
    /// # Panics
    /// If there is none.
    pub fn word(&self, beginning: &str) -> String {
        self.text
            .split_whitespace()
            .find(|word| word.starts_with(beginning))
            .unwrap_or_else(|| panic!("no `{beginning}…` in: {}", self.text))
            .to_owned()
    }
}

/// RFC 2045 §6.7.
fn quoted_printable(text: &str) -> String {
    let joined = text.replace("=\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((&byte, later)) = rest.split_first() {
        match (byte, later) {
            (b'=', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                bytes.extend(hex_byte(&digits));
                rest = after;
            }
            _ => {
                bytes.push(byte);
                rest = later;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn hex_byte(digits: &[u8; 2]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Every mail in a data directory's outbox, oldest first.
pub fn outbox(data_dir: &Path) -> Vec<Mail> {
    let mut files: Vec<_> = std::fs::read_dir(data_dir.join("outbox"))
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "eml"))
        .collect();
    // The names begin with the second, and go on with an id that grows.
    files.sort();
    files
        .iter()
        .map(|file| Mail::parse(&std::fs::read_to_string(file).unwrap()))
        .collect()
}

impl TestApp {
    /// The mails that this server wrote into its outbox for an address, once there are `count` of them.
    ///
    /// # Panics
    /// If they do not come within a minute.
    pub async fn mails_to(&self, address: &str, count: usize) -> Vec<Mail> {
        let limit = Instant::now() + Duration::from_secs(60);
        loop {
            let mut mails = outbox(self.dir.path());
            mails.retain(|mail| mail.to == address);
            if mails.len() >= count {
                return mails;
            }
            assert!(
                Instant::now() < limit,
                "{count} mails to {address} did not come: {mails:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The latest mail to an address, as soon as there is one.
    pub async fn mail_to(&self, address: &str) -> Mail {
        self.mails_to(address, 1).await.pop().unwrap()
    }

    /// Waits until no mail waits any more.
    ///
    /// # Panics
    /// If that takes longer than a minute.
    pub async fn mail_is_settled(&self) {
        let limit = Instant::now() + Duration::from_secs(60);
        while self
            .running
            .services
            .store
            .count_mails()
            .await
            .unwrap()
            .waiting
            > 0
        {
            assert!(Instant::now() < limit, "mails wait for a minute already");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
