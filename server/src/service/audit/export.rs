//! The trail as lines, with everything that verifying it offline takes.

use oneclaw_audit_proof::Hash;
use oneclaw_audit_proof::export::{self, FORMAT, Header, Line};
use oneclaw_audit_proof::note::origin;
use oneclaw_core::ids::OrgId;

use super::super::caller::{Caller, RequestContext};
use super::super::error::{Result, ServiceError};
use super::super::events::{self, EventExt};
use super::super::{Services, SharedServices, time};
use super::checkpoints::proof_event;

/// Events, or checkpoints, read at a time: all that is in memory.
const PAGE: i64 = 500;

/// An export under way: see [`AuditExport::next_lines`].
#[derive(Debug)]
pub struct AuditExport {
    services: SharedServices,
    org: OrgId,
    /// Last line of the header, given out first.
    header: Option<String>,
    /// Checkpoints up to this size were given out.
    checkpoints: Option<i64>,
    /// The last event that was given out, and the last that will be.
    position: i64,
    through: i64,
    events: u64,
    is_done: bool,
}

impl Services {
    /// `GET /v1/audit/export`: begins an export of the whole chain, or of what came after a checkpoint.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] unless the caller is an owner or admin; names the parameter at fault.
    pub async fn export_audit(
        self: &std::sync::Arc<Self>,
        context: &RequestContext,
        caller: &Caller,
        since: Option<i64>,
    ) -> Result<AuditExport> {
        let org = super::administrator(caller)?;
        let span = self.store.chain_span(org).await?;
        let after = match since {
            Some(size) if size < span.after => {
                return Err(ServiceError::field(
                    "since",
                    format!(
                        "the events up to {} were removed because of their age",
                        span.after
                    ),
                ));
            }
            Some(size) => size,
            None => span.after,
        };
        let start = match after {
            0 => None,
            after => Some(
                self.store
                    .newest_checkpoint(org, after)
                    .await?
                    .filter(|checkpoint| checkpoint.size == after)
                    .ok_or_else(|| {
                        ServiceError::field(
                            "since",
                            "must be the size of a checkpoint; GET /v1/audit/checkpoints lists them",
                        )
                    })?,
            ),
        };
        let event = events::by_caller(context, caller, "audit.export", "org", org)
            .with_details(serde_json::json!({"after": after}));
        self.store.record(event).await?;
        // So that the end of the file is covered as well. A chain that does not hold can be exported nevertheless: the
        // file is the evidence.
        if let Err(error) = self.sign_chain(org, context.at).await {
            tracing::error!(%org, %error, "an audit chain is exported that cannot be signed");
        }
        let through = self.store.chain_span(org).await?.through;
        let header = Header {
            format: FORMAT,
            org_id: org.to_string(),
            origin: origin(&org.to_string()),
            exported_at: time::format(context.at),
            after: u64::try_from(after).unwrap_or(0),
            after_event_id: self.event_at(org, after, &span).await?,
            after_roots: start
                .as_ref()
                .map_or_else(Vec::new, |start| start.roots.clone()),
            through: u64::try_from(through).unwrap_or(0),
            key: self.verifier_key()?.to_string(),
        };
        Ok(AuditExport {
            services: std::sync::Arc::clone(self),
            org,
            header: Some(export::line(&Line::Header(header))),
            checkpoints: Some(after.saturating_sub(1)),
            position: after,
            through,
            events: 0,
            is_done: false,
        })
    }

    /// The id of an event by its number.
    async fn event_at(
        &self,
        org: OrgId,
        seq: i64,
        span: &oneclaw_store::ChainSpan,
    ) -> Result<Option<String>> {
        if seq == span.after {
            return Ok(span.after_event.map(|id| id.to_string()));
        }
        let found = self
            .store
            .events_after(org, seq.saturating_sub(1), 1)
            .await?;
        Ok(found
            .first()
            .filter(|event| event.seq == seq)
            .map(|event| event.id.to_string()))
    }
}

impl AuditExport {
    /// The next lines, each with its line feed; `None` after the last.
    ///
    /// # Errors
    /// What the database says. The file then ends without its last line, which its verification notices.
    pub async fn next_lines(&mut self) -> Result<Option<String>> {
        if let Some(header) = self.header.take() {
            return Ok(Some(header + "\n"));
        }
        if let Some(after) = self.checkpoints {
            let found = self
                .services
                .store
                .checkpoints(self.org, after, PAGE)
                .await?;
            let within = found.iter().filter(|c| c.size <= self.through);
            let lines = joined(within.map(|checkpoint| {
                export::line(&Line::Checkpoint {
                    note: checkpoint.note.clone(),
                })
            }));
            self.checkpoints = found
                .last()
                .map(|last| last.size)
                .filter(|size| *size < self.through);
            if !lines.is_empty() {
                return Ok(Some(lines));
            }
        }
        if self.position < self.through {
            return self.page().await.map(Some);
        }
        if self.is_done {
            return Ok(None);
        }
        self.is_done = true;
        let events = self.events;
        Ok(Some(export::line(&Line::End { events }) + "\n"))
    }

    async fn page(&mut self) -> Result<String> {
        let limit = PAGE.min(self.through.saturating_sub(self.position));
        let events = self
            .services
            .store
            .events_after(self.org, self.position, limit)
            .await?;
        let within: Vec<_> = events.iter().filter(|e| e.seq <= self.through).collect();
        let Some(last) = within.last() else {
            // What is missing is for whoever verifies to notice.
            self.position = self.through;
            return Ok(String::new());
        };
        let texts: Vec<String> = within
            .iter()
            .map(|event| proof_event(event).line())
            .collect();
        let hashes: Vec<Hash> = texts.iter().map(|text| export::leaf(text)).collect();
        let leaves = Line::Leaves {
            first: u64::try_from(self.position.saturating_add(1)).unwrap_or(0),
            hashes: export::hashes(&hashes),
        };
        self.events += texts.len() as u64;
        self.position = last.seq;
        Ok(joined(texts.into_iter().chain([export::line(&leaves)])))
    }
}

fn joined(lines: impl Iterator<Item = String>) -> String {
    lines.fold(String::new(), |mut text, line| {
        text.push_str(&line);
        text.push('\n');
        text
    })
}
