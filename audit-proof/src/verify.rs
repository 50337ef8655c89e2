//! Verifying an export.

mod report;

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use serde::Deserialize;

use crate::export::{self, Event, Header, Line};
use crate::note::{Checkpoint, VerifierKey, origin};
use crate::tree::{Frontier, Hash};

pub use report::{Problem, Report, VerifyError, Wrong};

/// Longest line that is read, in bytes.
const MAX_LINE_BYTES: u64 = 4 * 1024 * 1024;
/// Most events between two lists of hashes.
const MAX_PAGE: usize = 10_000;
/// Most checkpoints in a file.
const MAX_CHECKPOINTS: usize = 1_000_000;
/// Reported problems; further ones are counted.
const MAX_PROBLEMS: usize = 1_000;

/// Verifies exports against a public key.
#[derive(Debug)]
pub struct Verifier {
    key: VerifierKey,
    held: Vec<Checkpoint>,
}

impl Verifier {
    /// With the key that the server publishes.
    #[must_use]
    pub const fn new(key: VerifierKey) -> Self {
        Self {
            key,
            held: Vec::new(),
        }
    }

    /// Also compares with checkpoints that were kept outside the server. They show what an export alone cannot: that an
    /// old copy of everything was put back.
    ///
    /// # Errors
    /// [`VerifyError::Given`] for one that the key did not sign.
    pub fn holding<'a>(
        mut self,
        notes: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, VerifyError> {
        for (index, note) in notes.into_iter().enumerate() {
            let checkpoint = Checkpoint::open(note, &self.key);
            self.held
                .push(checkpoint.map_err(|source| VerifyError::Given {
                    number: index + 1,
                    source,
                })?);
        }
        Ok(self)
    }

    /// Reads an export to its end. Memory does not grow with the number of events.
    ///
    /// # Errors
    /// [`VerifyError`]. That something is wrong with the events is an answer, not an error.
    pub fn verify(&self, file: impl BufRead) -> Result<Report, VerifyError> {
        let mut lines = Lines { file, number: 0 };
        let first = lines
            .next()?
            .ok_or(VerifyError::NotAnExport("it is empty"))?;
        let Ok(Line::Header(header)) = serde_json::from_str(&first) else {
            return Err(VerifyError::NotAnExport("the first line is no header"));
        };
        let mut walk = Walk::begin(self, header)?;
        while let Some(line) = lines.next()? {
            walk.line = lines.number;
            walk.take(&line);
        }
        Ok(walk.finish())
    }
}

/// Lines of bounded length.
struct Lines<R> {
    file: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<String>, VerifyError> {
        self.number += 1;
        let line = self.number;
        let mut text = String::new();
        let read = self
            .file
            .by_ref()
            .take(MAX_LINE_BYTES)
            .read_line(&mut text)
            .map_err(|source| VerifyError::Read { line, source })?;
        if read == 0 {
            return Ok(None);
        }
        if u64::try_from(read) == Ok(MAX_LINE_BYTES) && !text.ends_with('\n') {
            let source = io::Error::new(io::ErrorKind::InvalidData, "longer than 4 MiB");
            return Err(VerifyError::Read { line, source });
        }
        // Some editors and systems end lines with two characters; neither is part of an event.
        let length = text.trim_end_matches(['\n', '\r']).len();
        text.truncate(length);
        Ok(Some(text))
    }
}

/// Only what kind of line it is.
#[derive(Deserialize)]
struct Kind {
    record: String,
}

/// An event of the page at hand.
struct Seen {
    seq: u64,
    id: String,
    leaf: Hash,
    line: u64,
}

struct Walk<'a> {
    verifier: &'a Verifier,
    header: Header,
    line: u64,
    /// Trees that were signed, by size.
    signed: BTreeMap<u64, Hash>,
    tree: Frontier,
    /// Up to here the tree was found to be a signed one.
    covered: u64,
    checkpoints: u64,
    page: Vec<Seen>,
    /// The event that must come next.
    next: u64,
    /// What it must name as the event before it, as far as that is known.
    before: Option<Option<String>>,
    events: u64,
    ended: bool,
    problems: Vec<Problem>,
    more_problems: u64,
}

impl<'a> Walk<'a> {
    fn begin(verifier: &'a Verifier, header: Header) -> Result<Self, VerifyError> {
        if header.format != export::FORMAT {
            return Err(VerifyError::NotAnExport(
                "it has a format of another version",
            ));
        }
        let tree = header.frontier().ok_or(VerifyError::NotAnExport(
            "its header has no tree to go on from",
        ))?;
        let mut walk = Self {
            verifier,
            line: 1,
            signed: BTreeMap::new(),
            covered: 0,
            checkpoints: 0,
            page: Vec::new(),
            next: tree.size() + 1,
            before: Some(header.after_event_id.clone()),
            events: 0,
            ended: false,
            problems: Vec::new(),
            more_problems: 0,
            tree,
            header,
        };
        for checkpoint in &verifier.held {
            walk.signed(checkpoint.clone());
        }
        Ok(walk)
    }

    fn wrong(&mut self, line: u64, what: Wrong) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem { line, what });
        } else {
            self.more_problems += 1;
        }
    }

    fn form(&mut self, what: impl Into<String>) {
        self.wrong(self.line, Wrong::Form(what.into()));
    }

    fn take(&mut self, text: &str) {
        if self.ended {
            return self.form("nothing may follow the last line");
        }
        let Ok(kind) = serde_json::from_str::<Kind>(text) else {
            return self.form("this is no line of an export");
        };
        if kind.record == "event" {
            return match serde_json::from_str(text) {
                Ok(event) => self.event(text, event),
                Err(error) => self.form(format!("an event that cannot be read: {error}")),
            };
        }
        match serde_json::from_str(text) {
            Ok(Line::Checkpoint { note }) => self.checkpoint(&note),
            Ok(Line::Leaves { first, hashes }) => self.leaves(first, &hashes),
            Ok(Line::End { events }) => self.end(events),
            Ok(Line::Header(_)) => self.form("a second header"),
            Err(_) => self.form("this is no line of an export"),
        }
    }

    fn checkpoint(&mut self, note: &str) {
        if self.events > 0 || self.signed.len() >= MAX_CHECKPOINTS {
            return self
                .form("checkpoints come before the events, and there are a million at most");
        }
        match Checkpoint::open(note, &self.verifier.key) {
            Ok(checkpoint) => self.signed(checkpoint),
            Err(error) => self.wrong(self.line, Wrong::Unsigned(error)),
        }
    }

    fn signed(&mut self, checkpoint: Checkpoint) {
        if checkpoint.origin != self.header.origin
            || checkpoint.origin != origin(&self.header.org_id)
        {
            return self.form(format!(
                "a checkpoint of another chain, `{}`",
                checkpoint.origin.escape_debug()
            ));
        }
        let known = self
            .signed
            .entry(checkpoint.size)
            .or_insert(checkpoint.root);
        if *known != checkpoint.root {
            let size = checkpoint.size;
            self.wrong(self.line, Wrong::Forked { size });
        }
    }

    fn event(&mut self, text: &str, event: Event) {
        if self.events == 0 {
            self.check_start();
        }
        self.events += 1;
        if self.page.len() >= MAX_PAGE {
            self.settle_page();
        }
        if event.org_id != self.header.org_id {
            self.form(format!("event {} is of another organisation", event.seq));
        }
        if event.seq > self.next {
            let (first, last) = (self.next, event.seq - 1);
            self.wrong(self.line, Wrong::Missing { first, last });
        }
        let follows = self
            .before
            .as_ref()
            .is_none_or(|before| *before == event.prev_event_id);
        if event.seq < self.next || (event.seq == self.next && !follows) {
            let (seq, event_id) = (event.seq, event.id.clone());
            self.wrong(self.line, Wrong::Order { seq, event_id });
        }
        if event.seq >= self.next {
            self.next = event.seq.saturating_add(1);
            self.before = Some(Some(event.id.clone()));
        }
        self.page.push(Seen {
            seq: event.seq,
            id: event.id,
            leaf: export::leaf(text),
            line: self.line,
        });
    }

    /// A file that does not begin with the first event begins after a tree that was signed.
    fn check_start(&mut self) {
        let after = self.tree.size();
        if after == 0 {
            return;
        }
        if self.signed.get(&after) == Some(&self.tree.root()) {
            self.checkpoints += 1;
            self.covered = after;
        } else {
            self.wrong(1, Wrong::UnsignedStart { after });
        }
    }

    /// The hashes that the page's events had when the export was made. Whether these are the right ones, the next
    /// checkpoint tells; which event differs from them, they tell.
    fn leaves(&mut self, first: u64, hashes: &[String]) {
        let Some(hashes) = hashes
            .iter()
            .map(|hash| export::hash(hash))
            .collect::<Option<Vec<_>>>()
        else {
            return self.form("hashes that are none");
        };
        let page = std::mem::take(&mut self.page);
        if first != self.tree.size() + 1 {
            return self.form("hashes of other events than those before them");
        }
        for seen in &page {
            let listed = seen
                .seq
                .checked_sub(first)
                .and_then(|n| hashes.get(usize::try_from(n).ok()?));
            if listed != Some(&seen.leaf) {
                let (seq, event_id) = (seen.seq, seen.id.clone());
                self.wrong(seen.line, Wrong::Edited { seq, event_id });
            }
        }
        let last = self.tree.size() + hashes.len() as u64;
        if self.next <= last {
            let first = self.next;
            self.wrong(self.line, Wrong::Missing { first, last });
            self.next = last + 1;
            // The id of what is missing is not known, so what follows it cannot be compared.
            self.before = None;
        }
        hashes.into_iter().for_each(|hash| self.grow(hash));
    }

    /// Events without a list of hashes count as they are.
    fn settle_page(&mut self) {
        for seen in std::mem::take(&mut self.page) {
            self.grow(seen.leaf);
        }
    }

    fn grow(&mut self, leaf: Hash) {
        self.tree.push(leaf);
        let size = self.tree.size();
        let Some(root) = self.signed.get(&size) else {
            return;
        };
        if *root == self.tree.root() {
            self.checkpoints += 1;
            self.covered = size;
        } else {
            let first = self.covered.max(self.header.after) + 1;
            self.wrong(self.line, Wrong::Altered { first, last: size });
        }
    }

    fn end(&mut self, events: u64) {
        self.ended = true;
        self.settle_page();
        if events != self.events || self.header.through != self.tree.size() {
            self.wrong(self.line, Wrong::CutOff);
        }
    }

    fn finish(mut self) -> Report {
        if !self.ended {
            self.settle_page();
            self.wrong(self.line, Wrong::CutOff);
        }
        if self.events == 0 {
            self.check_start();
        }
        let found = self.tree.size();
        if let Some((&signed, _)) = self.signed.last_key_value()
            && signed > found
        {
            self.wrong(self.line, Wrong::Truncated { signed, found });
        }
        if self.events > 0 && self.covered <= self.header.after && self.problems.is_empty() {
            self.wrong(self.line, Wrong::Uncovered);
        }
        Report {
            org_id: self.header.org_id,
            first: self.header.after + 1,
            last: found,
            events: self.events,
            checkpoints: self.checkpoints,
            covered: self.covered,
            problems: self.problems,
            more_problems: self.more_problems,
        }
    }
}

#[cfg(test)]
mod tests;
