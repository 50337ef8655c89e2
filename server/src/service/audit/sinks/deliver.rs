//! Bringing events to sinks. A sink moves on only when what it was sent has arrived: nothing is lost, and after a fault
//! some events may come twice, with the same ids.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use oneclaw_core::clock::Timestamp;
use oneclaw_outbound::{Reach, Waits, post, send_and_close, send_datagrams, send_over_tls};
use oneclaw_store::{AuditEvent, AuditSink};
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::super::super::error::{Result, ServiceError};
use super::super::super::{Services, time};
use super::super::checkpoints::proof_event;
use super::target::{Carrier, Target};

/// Events sent at a time.
const BATCH: i64 = 500;
/// Batches sent to one sink before others have their turn again.
const BATCHES_A_ROUND: usize = 20;
/// How long a node that took a sink has for a batch before it is taken for lost. Longer than any one attempt.
const TAKEN_MS: i64 = 120_000;
/// Waits of one attempt.
const WAITS: Waits = Waits {
    connect: Duration::from_secs(5),
    request: Duration::from_secs(30),
};
/// Between two attempts after the first failure; doubled with each further one.
const FIRST_PAUSE_MS: i64 = 1_000;
/// Longest pause between two attempts.
const LONGEST_PAUSE_MS: i64 = 300_000;
/// Facility 13 (log audit), severity 6 (informational): RFC 5424 §6.2.1.
const PRIORITY: u8 = 13 * 8 + 6;
/// Longest message that is sent over UDP: 65,535 bytes without the headers of IPv4 and UDP, and a few to spare.
const MAX_DATAGRAM_BYTES: usize = 65_000;

impl Services {
    /// Which places outside the server connects to when somebody else has named them.
    pub(crate) fn reach(&self) -> Reach {
        if self.config.allow_private_targets {
            Reach::Anywhere
        } else {
            Reach::PublicOnly
        }
    }

    /// Sends every sink that is behind what it has not got. Sinks do not wait for each other; answers whether there is
    /// more to do at once.
    ///
    /// # Errors
    /// What the database says.
    pub async fn deliver_audit(self: &Arc<Self>) -> Result<bool> {
        let due = self.store.sinks_due(self.clock.now()).await?;
        let mut rounds = JoinSet::new();
        for sink in due {
            let services = Arc::clone(self);
            rounds.spawn(async move { services.round(sink).await });
        }
        let mut has_more = false;
        while let Some(round) = rounds.join_next().await {
            match round {
                Ok(Ok(more)) => has_more |= more,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "an audit sink could not be served; the next round tries again");
                }
                Err(error) => tracing::error!(%error, "an audit sink could not be served"),
            }
        }
        Ok(has_more)
    }

    /// One turn of one sink; answers whether it is still behind and could go on.
    async fn round(&self, mut sink: AuditSink) -> Result<bool> {
        let until = |now: Timestamp| now.plus_millis(TAKEN_MS);
        let mut taken = until(self.clock.now());
        if !self.store.take_sink(&sink, taken).await? {
            return Ok(false);
        }
        for _ in 0..BATCHES_A_ROUND {
            let events = self
                .store
                .events_after(sink.org_id, sink.position, BATCH)
                .await?;
            let Some(last) = events.last().map(|event| event.seq) else {
                break;
            };
            if let Err(problem) = self.send_batch(&sink, &events).await {
                let now = self.clock.now();
                let retry_at = now.plus_millis(pause_ms(sink.failures));
                tracing::warn!(sink = %sink.id, org = %sink.org_id, problem, "an audit sink does not take events; they are kept for it");
                self.store
                    .release_sink(sink.id, taken, retry_at, Some(&problem))
                    .await?;
                return Ok(false);
            }
            let now = self.clock.now();
            // Taken anew to the next millisecond at least, so that each state of a sink is told from the one before.
            let next = until(now).max(taken.plus_millis(1));
            let moved = self
                .store
                .advance_sink(sink.id, (sink.position, last), (taken, next), now)
                .await;
            match moved {
                Ok(()) => {}
                // Stopped, removed, or taken by another node.
                Err(oneclaw_store::StoreError::NotFound) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
            taken = next;
            sink.position = last;
            sink.failures = 0;
        }
        let now = self.clock.now();
        self.store.release_sink(sink.id, taken, now, None).await?;
        Ok(true)
    }

    /// Sends events; what went wrong is a sentence that names no key.
    async fn send_batch(
        &self,
        sink: &AuditSink,
        events: &[AuditEvent],
    ) -> std::result::Result<(), String> {
        let target = Target::parse(&sink.kind, &sink.target).map_err(|error| error.to_string())?;
        let lines: Vec<String> = events
            .iter()
            .map(|event| proof_event(event).line())
            .collect();
        match &target {
            Target::Https(url) => {
                let client = oneclaw_outbound::client(self.reach(), WAITS)
                    .map_err(|_| "the client cannot be made".to_owned())?;
                let authorization = self
                    .authorization(sink)
                    .map_err(|error| error.to_string())?;
                let id = sink.id.to_string();
                let mut headers = vec![
                    ("content-type", "application/x-ndjson"),
                    ("user-agent", "oneclaw-audit"),
                    ("x-oneclaw-sink", id.as_str()),
                ];
                if let Some(value) = &authorization {
                    headers.push(("authorization", value.as_str()));
                }
                let body = (lines.join("\n") + "\n").into_bytes();
                post(&client, self.reach(), url, &headers, body)
                    .await
                    .map(|_| ())
                    .map_err(|error| error.to_string())
            }
            Target::Syslog { over, host, port } => {
                let name = self.host_name();
                let messages = events
                    .iter()
                    .zip(&lines)
                    .map(|(event, line)| syslog(&name, event, line));
                let place = (host.as_str(), *port);
                let (reach, within) = (self.reach(), WAITS.request);
                let sent = match over {
                    Carrier::Tcp => send_and_close(place, reach, within, &framed(messages)).await,
                    Carrier::Tls => send_over_tls(place, reach, within, &framed(messages)).await,
                    Carrier::Udp => {
                        let messages: Vec<Vec<u8>> = messages.map(datagram).collect();
                        send_datagrams(place, reach, within, &messages).await
                    }
                };
                sent.map_err(|error| error.to_string())
            }
            Target::File(name) => {
                let folder = self
                    .config
                    .data_dir
                    .join("audit")
                    .join(sink.org_id.to_string());
                let name = format!("{name}.jsonl");
                let text = lines.join("\n") + "\n";
                tokio::task::spawn_blocking(move || append(&folder, &name, &text))
                    .await
                    .map_err(|error| error.to_string())?
                    .map_err(|error| format!("the file cannot be written: {}", error.kind()))
            }
        }
    }

    fn authorization(&self, sink: &AuditSink) -> Result<Option<Zeroizing<String>>> {
        let Some(sealed) = &sink.sealed else {
            return Ok(None);
        };
        let opened = self
            .keys
            .sinks()
            .open(sink.id.as_uuid().as_bytes(), sealed)
            .map_err(|error| ServiceError::Internal(error.to_string()))?;
        let text = std::str::from_utf8(&opened)
            .map_err(|_| ServiceError::Internal("an authorization is no text".to_owned()))?;
        Ok(Some(Zeroizing::new(text.to_owned())))
    }

    /// The server's name in syslog: the host of its public URL.
    fn host_name(&self) -> String {
        let url = url::Url::parse(&self.config.public_url).ok();
        let host = url.as_ref().and_then(url::Url::host_str).unwrap_or("-");
        host.chars()
            .filter(char::is_ascii_graphic)
            .take(255)
            .collect()
    }
}

fn pause_ms(failures: i64) -> i64 {
    let doublings = u32::try_from(failures.clamp(0, 16)).unwrap_or(0);
    FIRST_PAUSE_MS
        .saturating_mul(1 << doublings)
        .min(LONGEST_PAUSE_MS)
}

/// One message (RFC 5424). The id of the event is a parameter of it, so that what came twice can be told.
fn syslog(host: &str, event: &AuditEvent, line: &str) -> String {
    let id: String = event
        .action
        .chars()
        .filter(char::is_ascii_graphic)
        .take(32)
        .collect();
    let id = if id.is_empty() { "-" } else { &id };
    format!(
        "<{PRIORITY}>1 {} {host} oneclaw - {id} [oneclaw@32473 event=\"{}\" seq=\"{}\"] {line}",
        time::format(event.at),
        event.id,
        event.seq,
    )
}

/// Messages with their lengths before them (RFC 6587 §3.4.1, RFC 5425 §4.3).
fn framed(messages: impl Iterator<Item = String>) -> Vec<u8> {
    messages
        .map(|message| format!("{} {message}", message.len()))
        .collect::<String>()
        .into_bytes()
}

/// A message as a datagram. One that no datagram holds is cut, as RFC 5426 §3.2 has it: what cannot be sent would otherwise
/// keep back whatever comes behind it.
fn datagram(message: String) -> Vec<u8> {
    let end = message.floor_char_boundary(MAX_DATAGRAM_BYTES);
    let mut bytes = message.into_bytes();
    bytes.truncate(end);
    bytes
}

/// Appends and syncs. A line that an earlier attempt left half written is ended first.
fn append(folder: &Path, name: &str, text: &str) -> std::io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let path: PathBuf = folder.join(name);
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stop_growing() {
        let pauses: Vec<_> = [0, 1, 4, 8, 9, i64::MAX].map(pause_ms).into();
        assert_eq!(pauses, [1_000, 2_000, 16_000, 256_000, 300_000, 300_000]);
    }

    #[test]
    fn a_datagram_is_cut_between_characters() {
        assert_eq!(datagram("ab".to_owned()), b"ab");
        let long = datagram(format!("x{}", "ä".repeat(40_000)));
        assert_eq!(long.len(), MAX_DATAGRAM_BYTES - 1);
        assert!(String::from_utf8(long).is_ok());
    }

    #[test]
    fn a_half_written_line_stays_apart_from_what_follows() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        append(&folder, "x.jsonl", "one\n").unwrap();
        std::fs::write(folder.join("x.jsonl"), "one\ntw").unwrap();
        append(&folder, "x.jsonl", "two\n").unwrap();
        let text = std::fs::read_to_string(folder.join("x.jsonl")).unwrap();
        assert_eq!(text, "one\ntw\ntwo\n");
    }
}
