//! Doing it: page by page, on two threads that give way to whoever is served.

use std::num::NonZeroUsize;

use oneclaw_core::ids::EventId;
use oneclaw_crypto::random;
use oneclaw_policy_host::Engine;
use oneclaw_store::{NewEvent, Replay, ReplayChange, ReplayEnd, ReplayProgress};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::Spec;
use super::candidate::{Candidate, Demand};
use super::compare::{Comparison, Held, change, compare, is_the_gates};
use super::prepare::{Session, Trial};
use crate::service::Services;
use crate::service::decisions::body::Recorded;
use crate::service::error::{Result, ServiceError};

/// Decisions in a page.
const PAGE: i64 = 512;
/// Threads that decide.
const THREADS: usize = 2;
/// Changes that are listed; more are counted.
const MOST_LISTED: i64 = 10_000;

/// What came of the decisions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// The same verdict for the same reason.
    pub same: u64,
    /// The same verdict for another reason.
    pub other_reason: u64,
    /// Allowed then, and not now.
    pub allow_to_deny: u64,
    /// Not allowed then, and now.
    pub deny_to_allow: u64,
    /// From a denial to a wish for approval, or back.
    pub other_changes: u64,
    /// It cannot be told.
    pub undetermined: u64,
    /// Nothing that the candidate could change.
    pub untouched: u64,
    /// Failed then for want of time or room, which need not happen again.
    pub not_reproducible: u64,
    /// Changes that are listed.
    pub listed: i64,
}

impl Counts {
    /// Verdicts that change.
    pub const fn changes(&self) -> u64 {
        self.allow_to_deny
            .saturating_add(self.deny_to_allow)
            .saturating_add(self.other_changes)
    }

    /// Whether a demand is met. What cannot be told meets none.
    pub fn meets(&self, demand: Demand) -> bool {
        self.undetermined == 0
            && !(demand.no_new_allow && self.deny_to_allow > 0)
            && demand.max_changes.is_none_or(|most| self.changes() <= most)
    }
}

/// What came of one decision.
enum Outcome {
    Compared(Box<Comparison>),
    Untouched,
    NotReproducible,
    Undetermined(String),
}

impl Services {
    /// Whether a replay waits, or was left unfinished.
    ///
    /// # Errors
    /// What the database says.
    pub async fn has_replays(&self) -> Result<bool> {
        Ok(self.store.has_replays_to_do().await?)
    }

    /// Works on the replay that has waited longest, to its end. Answers whether there was one.
    ///
    /// # Errors
    /// What the database says; the replay is gone on with later.
    pub async fn replay_round(&self) -> Result<bool> {
        let now = self.clock.now();
        let worker = random::new_id();
        let Some(replay) = self.store.take_up_replay(worker, now).await? else {
            return Ok(false);
        };
        let (error, counts, gate_passed) = match self.run_replay(&replay, worker).await {
            Ok(Some((counts, gate_passed))) => (None, counts, gate_passed),
            // Cancelled, or taken over.
            Ok(None) => return Ok(true),
            Err(ServiceError::Unavailable(why)) => return Err(ServiceError::Unavailable(why)),
            Err(error) => (Some(error.to_string()), Counts::default(), None),
        };
        let end = match &error {
            None => ReplayEnd::Done { gate_passed },
            Some(why) => ReplayEnd::Failed(why),
        };
        let now = self.clock.now();
        let event = NewEvent {
            id: EventId::from_uuid(random::new_id()),
            org_id: replay.org_id,
            action: "replay.finish".to_owned(),
            actor_type: "system".to_owned(),
            actor_id: String::new(),
            resource_type: "replay".to_owned(),
            resource_id: replay.id.to_string(),
            vault_id: None,
            details: json!({"counts": counts, "error": error, "gate_passed": gate_passed}),
            ip: None,
            at: now,
            decision: None,
        };
        self.store
            .end_replay(replay.id, worker, now, end, event)
            .await?;
        Ok(true)
    }

    /// What came of it, and whether it met what was demanded, if something was. `None`: it is not this worker's any more.
    async fn run_replay(
        &self,
        replay: &Replay,
        worker: Uuid,
    ) -> Result<Option<(Counts, Option<bool>)>> {
        let spec: Spec = serde_json::from_value(replay.spec.clone())
            .map_err(|e| ServiceError::Internal(e.to_string()))?;
        let filter = spec.filter.clone().filter()?;
        let mut counts: Counts = serde_json::from_value(replay.counts.clone()).unwrap_or_default();
        let engine = self.replays.engine()?;
        let mut session = Session::new(
            self,
            engine,
            replay.org_id,
            replay.created_at,
            &spec.candidate,
        );
        let mut cursor = replay.cursor;
        loop {
            let rows = self
                .store
                .decisions_oldest_first(replay.org_id, &filter, cursor, PAGE)
                .await?;
            let Some(last) = rows.last().map(|row| (row.at, row.id)) else {
                let gate_passed = spec.demand.is_any().then(|| counts.meets(spec.demand));
                return Ok(Some((counts, gate_passed)));
            };
            let looked_at = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            let changes = decide_page(&mut session, &spec, rows, &mut counts).await?;
            let progress = ReplayProgress {
                looked_at,
                counts: json!(counts),
                cursor: last,
                changes,
            };
            let is_ours = self
                .store
                .advance_replay(replay.id, worker, progress)
                .await?;
            if !is_ours {
                return Ok(None);
            }
            cursor = Some(last);
        }
    }

    /// Decides these again with the very versions and settings that decided, and gives those that come out differently.
    ///
    /// # Errors
    /// What the database says.
    pub(in crate::service) async fn mismatches(
        &self,
        org: oneclaw_core::ids::OrgId,
        rows: Vec<oneclaw_store::Decision>,
    ) -> Result<(Counts, Vec<ReplayChange>)> {
        let candidate = Candidate::Recorded;
        let spec = Spec::of(candidate);
        let engine = self.replays.engine()?;
        let at = self.clock.now();
        let mut session = Session::new(self, engine, org, at, &spec.candidate);
        let mut counts = Counts::default();
        let changes = decide_page(&mut session, &spec, rows, &mut counts).await?;
        Ok((counts, changes))
    }
}

async fn decide_page(
    session: &mut Session<'_>,
    spec: &Spec,
    rows: Vec<oneclaw_store::Decision>,
    counts: &mut Counts,
) -> Result<Vec<ReplayChange>> {
    let mut trials = Vec::with_capacity(rows.len());
    for row in rows {
        let recorded = Recorded::read(row)?;
        let trial = session.prepare(&recorded).await?;
        trials.push((recorded, trial));
    }
    let repeats = matches!(spec.candidate, Candidate::Recorded);
    let expected = trials.len();
    let outcomes = tokio::task::spawn_blocking(move || decide_all(trials, repeats))
        .await
        .map_err(|e| ServiceError::Internal(e.to_string()))?;
    if outcomes.len() != expected {
        return Err(ServiceError::Internal(
            "a thread of the replay ended before its work".to_owned(),
        ));
    }
    let mut changes = Vec::new();
    for (recorded, outcome) in outcomes {
        let body = match outcome {
            Outcome::Untouched => {
                counts.untouched = counts.untouched.saturating_add(1);
                continue;
            }
            Outcome::NotReproducible => {
                counts.not_reproducible = counts.not_reproducible.saturating_add(1);
                continue;
            }
            Outcome::Compared(compared) => match *compared {
                Comparison::Same => {
                    counts.same = counts.same.saturating_add(1);
                    continue;
                }
                Comparison::OtherReason(old, new) => {
                    counts.other_reason = counts.other_reason.saturating_add(1);
                    if !spec.reasons {
                        continue;
                    }
                    change(&recorded, &old, &new)
                }
                Comparison::Changed(old, new) => {
                    let kind = match (old.verdict, new.verdict) {
                        ("allow", _) => &mut counts.allow_to_deny,
                        (_, "allow") => &mut counts.deny_to_allow,
                        _ => &mut counts.other_changes,
                    };
                    *kind = kind.saturating_add(1);
                    change(&recorded, &old, &new)
                }
            },
            Outcome::Undetermined(why) => {
                counts.undetermined = counts.undetermined.saturating_add(1);
                json!({"decision_id": recorded.row.id.to_string(), "undetermined": why})
            }
        };
        if counts.listed < MOST_LISTED {
            counts.listed = counts.listed.saturating_add(1);
            changes.push(ReplayChange {
                n: counts.listed,
                decision_id: recorded.row.id,
                body,
            });
        }
    }
    Ok(changes)
}

/// Decides in order, each thread its part of the page.
fn decide_all(trials: Vec<(Recorded, Trial)>, repeats: bool) -> Vec<(Recorded, Outcome)> {
    let threads = std::thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .min(THREADS);
    let size = trials.len().div_ceil(threads).max(1);
    let mut parts: Vec<Vec<(Recorded, Trial)>> = Vec::new();
    let mut rest = trials.into_iter();
    loop {
        let part: Vec<_> = rest.by_ref().take(size).collect();
        if part.is_empty() {
            break;
        }
        parts.push(part);
    }
    std::thread::scope(|scope| {
        let workers: Vec<_> = parts
            .into_iter()
            .map(|part| {
                scope.spawn(move || {
                    Engine::give_way();
                    part.into_iter()
                        .map(|(recorded, trial)| {
                            let outcome = decide(&recorded, trial, repeats);
                            (recorded, outcome)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        // If a worker panics, its decisions are missing, and the caller notices.
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_default())
            .collect()
    })
}

fn decide(recorded: &Recorded, trial: Trial, repeats: bool) -> Outcome {
    let (mut evaluations, asked) = match trial {
        Trial::Untouched => return Outcome::Untouched,
        Trial::Undetermined(why) => return Outcome::Undetermined(why),
        Trial::Ask { kept, asked } => (kept, asked),
    };
    if is_the_gates(recorded) {
        return Outcome::Untouched;
    }
    if repeats
        && recorded
            .answers
            .iter()
            .any(|answer| !answer.is_reproducible())
    {
        return Outcome::NotReproducible;
    }
    for (configured, question) in asked {
        evaluations.push(configured.ask(&question));
    }
    Outcome::Compared(Box::new(compare(recorded, Held::of(&evaluations))))
}
