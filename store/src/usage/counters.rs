//! Requests that are counted and not written yet.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use oneclaw_core::ids::OrgId;

use super::history::{KEPT, NewRequest};
use super::plan::Plan;
use super::{Month, RequestUsage};
use crate::db::{Db, Tx, params};
use crate::error::Result;

/// Counters of this process. Those of an organisation are kept once it has been seen: there are never more than
/// organisations.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    pending: Counts,
    known: HashMap<OrgId, Known>,
    notes: HashMap<OrgId, VecDeque<NewRequest>>,
}

/// Requests by organisation and month, in the order in which their rows are locked.
type Counts = BTreeMap<(OrgId, Month), i64>;

/// What the database said, and what was handed to it since.
#[derive(Debug, Clone)]
pub(super) struct Known {
    month: Month,
    requests: i64,
    plan: Plan,
}

impl Counters {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a request; `None`, and nothing is counted, for an organisation or a month that was not seen yet.
    pub(super) fn count(&self, org: OrgId, month: Month) -> Option<RequestUsage> {
        self.with(|state| {
            state.known.get(&org).filter(|known| known.month == month)?;
            *state.pending.entry((org, month)).or_default() += 1;
            state.usage(org, month)
        })
    }

    pub(super) fn learn_and_count(&self, org: OrgId, month: Month, known: Known) -> RequestUsage {
        let plan = known.plan.clone();
        self.with(|state| {
            // Another request may have learnt, and a batch may have been written, in the meantime.
            let entry = state.known.entry(org).or_insert_with(|| known.clone());
            if entry.month != month {
                *entry = known;
            }
            *state.pending.entry((org, month)).or_default() += 1;
            state.usage(org, month)
        })
        .unwrap_or(RequestUsage { requests: 1, plan })
    }

    pub(super) fn learn(&self, org: OrgId, month: Month, known: Known) -> RequestUsage {
        let plan = known.plan.clone();
        self.with(|state| {
            let entry = state.known.entry(org).or_insert_with(|| known.clone());
            if entry.month == month {
                entry.requests = entry.requests.max(known.requests);
                entry.plan = known.plan;
            } else {
                *entry = known;
            }
            state.usage(org, month)
        })
        .unwrap_or(RequestUsage { requests: 0, plan })
    }

    pub(super) async fn knowledge_of(&self, db: &Db, org: OrgId, month: Month) -> Result<Known> {
        let sql = "SELECT requests FROM usage_months WHERE org_id = $1 AND month = $2";
        let row = db.optional(sql, params![org, month]).await?;
        Ok(Known {
            month,
            requests: row.map_or(Ok(0), |row| row.int("requests"))?,
            plan: Plan::read(db, org).await?,
        })
    }

    /// A plan that was changed by this process counts at once.
    pub(super) fn replan(&self, org: OrgId, plan: Plan) {
        self.with(|state| {
            if let Some(known) = state.known.get_mut(&org) {
                known.plan = plan;
            }
        });
    }

    pub(super) fn note(&self, request: NewRequest) {
        self.with(|state| {
            let notes = state.notes.entry(request.org_id).or_default();
            if notes.len() >= KEPT {
                notes.pop_front();
            }
            notes.push_back(request);
        });
    }

    /// Takes what is pending along in a transaction. Exactly one of [`Taken::settle`] and [`Taken::give_back`] follows.
    pub(crate) async fn write(&self, tx: &mut Tx) -> Result<Taken> {
        let counts = self.with(|state| {
            let counts = std::mem::take(&mut state.pending);
            for (&(org, month), requests) in &counts {
                state.raise(org, month, *requests);
            }
            counts
        });
        let mut taken = Taken {
            counts,
            totals: Vec::new(),
        };
        for (&(org, month), requests) in &taken.counts {
            let written = tx
                .one(
                    "INSERT INTO usage_months (org_id, month, requests) VALUES ($1, $2, $3) \
                     ON CONFLICT (org_id, month) DO UPDATE SET requests = usage_months.requests + excluded.requests \
                     RETURNING requests",
                    params![org, month, *requests],
                )
                .await
                .and_then(|row| row.int("requests"));
            match written {
                Ok(total) => taken.totals.push((org, month, total)),
                Err(error) => {
                    taken.give_back(self);
                    return Err(error);
                }
            }
        }
        Ok(taken)
    }

    /// Writes what is pending, the history included, and looks whether plans were changed by other nodes.
    pub(crate) async fn flush(&self, db: &Db) -> Result<()> {
        let (has_counts, notes) =
            self.with(|state| (!state.pending.is_empty(), std::mem::take(&mut state.notes)));
        if !has_counts && notes.is_empty() {
            return Ok(());
        }
        let mut tx = db.begin().await?;
        let taken = self.write(&mut tx).await?;
        let written = async {
            super::history::write(&mut tx, &notes).await?;
            tx.commit().await
        };
        if let Err(error) = written.await {
            // The counts must not be lost; a gap in the history may be.
            taken.give_back(self);
            return Err(error);
        }
        let orgs: Vec<OrgId> = taken.totals.iter().map(|(org, ..)| *org).collect();
        taken.settle(self);
        for org in orgs {
            self.replan(org, Plan::read(db, org).await?);
        }
        Ok(())
    }
}

impl State {
    fn usage(&self, org: OrgId, month: Month) -> Option<RequestUsage> {
        let known = self.known.get(&org).filter(|known| known.month == month)?;
        let pending = self.pending.get(&(org, month)).copied().unwrap_or(0);
        Some(RequestUsage {
            requests: known.requests.saturating_add(pending),
            plan: known.plan.clone(),
        })
    }

    fn raise(&mut self, org: OrgId, month: Month, by: i64) {
        if let Some(known) = self
            .known
            .get_mut(&org)
            .filter(|known| known.month == month)
        {
            known.requests = known.requests.saturating_add(by);
        }
    }
}

/// Counts that are being written.
#[derive(Debug)]
#[must_use]
pub(crate) struct Taken {
    counts: Counts,
    totals: Vec<(OrgId, Month, i64)>,
}

impl Taken {
    /// They are durable: what the database has is right, other nodes' included.
    pub(crate) fn settle(self, counters: &Counters) {
        counters.with(|state| {
            for (org, month, total) in self.totals {
                if let Some(known) = state
                    .known
                    .get_mut(&org)
                    .filter(|known| known.month == month)
                {
                    known.requests = known.requests.max(total);
                }
            }
        });
    }

    /// They are not: they are pending again.
    pub(crate) fn give_back(self, counters: &Counters) {
        counters.with(|state| {
            for ((org, month), requests) in self.counts {
                state.raise(org, month, -requests);
                *state.pending.entry((org, month)).or_default() += requests;
            }
        });
    }
}
