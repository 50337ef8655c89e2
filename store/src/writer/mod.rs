//! The one writer that many requests share: it commits what has come in together, so that a thousand reads cost a few
//! syncs, and answers each when it is durable.

mod batch;
mod touches;

use std::sync::Arc;
use std::time::Duration;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, ApiKeyId, SecretId};
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use self::batch::{Chains, Entry};
use self::touches::Touches;
use crate::Store;
use crate::audit::{AuditKey, NewEvent};
use crate::db::Db;
use crate::decisions::Bases;
use crate::error::{Result, StoreError};
use crate::options::StoreOptions;
use crate::usage::Counters;

/// Most entries in one commit.
const MAX_BATCH: usize = 256;

/// A read of a secret, to be counted and recorded before the value is opened.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadCommit {
    /// Recorded when the read counts.
    pub event: NewEvent,
    /// The version whose count goes up, if one does.
    pub count: Option<(SecretId, i64)>,
    /// Recorded instead when the version may not be read any more.
    pub exhausted_event: NewEvent,
}

/// What became of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOutcome {
    /// It counts: the value may be opened.
    Counted,
    /// The version has been read as often as it may, or was disabled or removed in the meantime.
    Exhausted,
}

type Answer<T> = oneshot::Sender<T>;

enum Job {
    Commit(Box<Entry>, Answer<Result<ReadOutcome>>),
    Close(Answer<()>),
}

/// A handle on the writer. The task ends when it is closed or the last handle goes.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
    touches: Arc<Touches>,
    counters: Arc<Counters>,
}

impl Writer {
    /// Starts the task.
    pub(crate) fn start(db: Db, key: AuditKey, bases: Arc<Bases>, options: &StoreOptions) -> Self {
        let (jobs, queue) = mpsc::channel(options.queue.max(1));
        let touches = Arc::new(Touches::default());
        let counters = Arc::new(Counters::default());
        let mut ticks = tokio::time::interval(options.touch_interval.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let task = Task {
            db,
            key,
            bases,
            queue,
            touches: Arc::clone(&touches),
            counters: Arc::clone(&counters),
        };
        tokio::spawn(task.run(ticks));
        Self {
            jobs,
            touches,
            counters,
        }
    }

    /// Waits until everything accepted so far is durable; nothing is accepted afterwards.
    pub(crate) async fn close(&self) {
        let (answer, done) = oneshot::channel();
        if self.jobs.send(Job::Close(answer)).await.is_ok() {
            // An error means that the task has ended already.
            let _ = done.await;
        }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn touch_agent(&self, agent: AgentId, at: Timestamp) {
        self.touches.agent(agent, at);
    }

    pub(crate) fn touch_api_key(&self, key: ApiKeyId, at: Timestamp) {
        self.touches.api_key(key, at);
    }

    async fn commit(&self, entry: Entry) -> Result<ReadOutcome> {
        let (answer, outcome) = oneshot::channel();
        let closed = || StoreError::Unavailable("the store is closed".to_owned());
        self.jobs
            .send(Job::Commit(Box::new(entry), answer))
            .await
            .map_err(|_| closed())?;
        outcome.await.map_err(|_| closed())?
    }
}

impl Store {
    /// Counts and records a read, together with others that come in at the same time; answers when it is durable.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`] for an audit chain that was altered; the read must then not
    /// take place.
    pub async fn commit_read(&self, read: ReadCommit) -> Result<ReadOutcome> {
        let count = read
            .count
            .map(|(secret, version)| (secret, version, read.exhausted_event));
        self.writer
            .commit(Entry {
                event: read.event,
                count,
            })
            .await
    }

    /// Records an event on its own, such as a refusal, together with others that come in at the same time; answers when
    /// it is durable.
    ///
    /// # Errors
    /// As [`Store::commit_read`].
    pub async fn record(&self, event: NewEvent) -> Result<()> {
        self.writer
            .commit(Entry { event, count: None })
            .await
            .map(|_| ())
    }
}

struct Task {
    db: Db,
    key: AuditKey,
    bases: Arc<Bases>,
    queue: mpsc::Receiver<Job>,
    touches: Arc<Touches>,
    counters: Arc<Counters>,
}

impl Task {
    async fn run(mut self, mut ticks: tokio::time::Interval) {
        let mut closing = Vec::new();
        loop {
            tokio::select! {
                job = self.queue.recv() => match job {
                    Some(job) => self.batch(job, &mut closing).await,
                    None => break,
                },
                _ = ticks.tick() => self.flush_touches().await,
            }
        }
        self.flush_touches().await;
        for answer in closing {
            // Whoever asked may have gone.
            let _ = answer.send(());
        }
    }

    /// Commits a job together with what waits behind it.
    async fn batch(&mut self, first: Job, closing: &mut Vec<Answer<()>>) {
        let mut entries = Vec::new();
        let mut answers = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Commit(entry, answer) => {
                    entries.push(*entry);
                    answers.push(answer);
                }
                Job::Close(answer) => {
                    closing.push(answer);
                    self.queue.close();
                }
            }
            next = if entries.len() < MAX_BATCH {
                self.queue.try_recv().ok()
            } else {
                None
            };
        }
        let chains = Chains {
            db: &self.db,
            key: &self.key,
            bases: &self.bases,
            counters: &self.counters,
        };
        let outcomes = batch::commit_all(&chains, &entries).await;
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // A caller that stopped waiting has been recorded all the same.
            let _ = answer.send(outcome);
        }
    }

    async fn flush_touches(&self) {
        if let Err(error) = self.touches.flush(&self.db).await {
            tracing::warn!(%error, "last-active times could not be written; they are kept for the next attempt");
        }
        if let Err(error) = self.counters.flush(&self.db).await {
            tracing::warn!(%error, "counted requests could not be written; they are kept for the next attempt");
        }
    }
}
