//! Replays: recorded decisions, made again with other policies, guardrails or plugins, to see what would change.
//!
//! They run off the path of requests, on threads and with an engine of their own. Nothing that they find out leads to a
//! permit.

mod aliases;
mod candidate;
mod check;
mod compare;
mod prepare;
mod run;
mod self_check;

use std::fmt;
use std::sync::OnceLock;

use oneclaw_core::api::{CreateReplayRequest, Replay, ReplayChangeList, ReplayFilter, ReplayList};
use oneclaw_core::clock::Timestamp;
use oneclaw_crypto::random;
use oneclaw_policy_host::{Engine, EngineOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use self::candidate::{Candidate, Demand};
use self::run::Counts;
use super::caller::{Caller, RequestContext};
use super::decisions::read::DecisionQuery;
use super::error::{Result, ServiceError};
use super::events::{self, EventExt};
use super::{Services, check as checks, time};

/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Most days that a replay reaches back.
const MAX_DAYS: i64 = 3650;
/// Most changes in one page.
const MAX_PAGE: i64 = 1000;

const UNKNOWN: ServiceError = ServiceError::NotFound("no such replay");

/// What a replay is to do, as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spec {
    candidate: Candidate,
    filter: DecisionQuery,
    demand: Demand,
    /// Whether decisions are listed that come out the same for another reason.
    #[serde(default)]
    reasons: bool,
}

impl Spec {
    fn of(candidate: Candidate) -> Self {
        Self {
            candidate,
            filter: DecisionQuery::default(),
            demand: Demand::default(),
            reasons: false,
        }
    }
}

/// What replays share.
pub struct Replays {
    options: EngineOptions,
    /// Made when the first replay runs: many servers never run one.
    engine: OnceLock<Engine>,
}

impl fmt::Debug for Replays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replays").finish_non_exhaustive()
    }
}

impl Replays {
    /// With the options of an engine that serves nobody else.
    pub fn new(options: EngineOptions) -> Self {
        Self {
            options,
            engine: OnceLock::new(),
        }
    }

    fn engine(&self) -> Result<&Engine> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine);
        }
        let engine =
            Engine::new(self.options.clone()).map_err(|e| ServiceError::Internal(e.to_string()))?;
        Ok(self.engine.get_or_init(|| engine))
    }
}

impl Services {
    /// `POST /v1/replays`
    ///
    /// # Errors
    /// Names the field at fault; [`ServiceError::Forbidden`] unless the caller is owner or admin.
    pub async fn create_replay(
        &self,
        context: &RequestContext,
        caller: &Caller,
        request: CreateReplayRequest,
    ) -> Result<Replay> {
        admin(caller)?;
        let candidate = Candidate::read(request.candidate)?;
        let demand = match request.gate {
            None => Demand::default(),
            Some(value) => serde_json::from_value(value).map_err(|e| {
                ServiceError::field(
                    "gate",
                    format!("must be an object with `no_new_allow` or `max_changes`: {e}"),
                )
            })?,
        };
        let candidate = self.check_candidate(context, caller, candidate).await?;
        let spec = Spec {
            filter: filter(request.filter.unwrap_or_default(), context.at)?,
            candidate,
            demand,
            reasons: request.include_reasons.unwrap_or(false),
        };
        self.queue_replay(context, caller, spec).await
    }

    async fn queue_replay(
        &self,
        context: &RequestContext,
        caller: &Caller,
        spec: Spec,
    ) -> Result<Replay> {
        let filter = spec.filter.clone().filter()?;
        let total = self.store.count_decisions(caller.org(), &filter).await?;
        let replay = oneclaw_store::Replay {
            id: random::new_id(),
            org_id: caller.org(),
            created_by: caller.principal(),
            created_at: context.at,
            spec: json!(spec),
            state: "queued".to_owned(),
            total: i64::try_from(total).unwrap_or(i64::MAX),
            done: 0,
            counts: json!(Counts::default()),
            cursor: None,
            started_at: None,
            finished_at: None,
            error: None,
            gate_passed: None,
        };
        let event = events::by_caller(context, caller, "replay.create", "replay", replay.id)
            .with_details(json!({"candidate": word(&spec.candidate), "decisions": total}));
        self.store
            .add_replay(&replay, event)
            .await
            .map_err(|error| match error {
                oneclaw_store::StoreError::Conflict("replays") => ServiceError::Conflict(
                    "eight replays of this organisation wait or run already; cancel one, or wait"
                        .to_owned(),
                ),
                error => error.into(),
            })?;
        wire(&replay)
    }

    /// `GET /v1/replays`
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] unless the caller is owner or admin.
    pub async fn list_replays(&self, caller: &Caller) -> Result<ReplayList> {
        admin(caller)?;
        let replays = self.store.replays(caller.org()).await?;
        Ok(ReplayList {
            replays: replays.iter().map(wire).collect::<Result<_>>()?,
        })
    }

    /// `GET /v1/replays/{id}`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for another organisation's.
    pub async fn get_replay(&self, caller: &Caller, id: Uuid) -> Result<Replay> {
        admin(caller)?;
        wire(&self.store.replay(caller.org(), id).await?.ok_or(UNKNOWN)?)
    }

    /// `GET /v1/replays/{id}/changes`
    ///
    /// # Errors
    /// As [`Services::get_replay`].
    pub async fn list_replay_changes(
        &self,
        caller: &Caller,
        id: Uuid,
        after: Option<i64>,
        limit: Option<i64>,
    ) -> Result<ReplayChangeList> {
        admin(caller)?;
        let replay = self.store.replay(caller.org(), id).await?.ok_or(UNKNOWN)?;
        let limit = checks::page("limit", limit, 100, 1, MAX_PAGE)?;
        let after = checks::page("cursor", after, 0, 0, i64::MAX)?;
        let changes = self.store.replay_changes(replay.id, after, limit).await?;
        let next_cursor = changes
            .last()
            .filter(|_| i64::try_from(changes.len()).is_ok_and(|n| n == limit))
            .map(|change| change.n.to_string());
        Ok(ReplayChangeList {
            changes: changes.into_iter().map(|change| change.body).collect(),
            next_cursor,
        })
    }

    /// `DELETE /v1/replays/{id}`: cancels it; what it has found so far stays.
    ///
    /// # Errors
    /// As [`Services::get_replay`]; [`ServiceError::Conflict`] when it has come to its end.
    pub async fn cancel_replay(
        &self,
        context: &RequestContext,
        caller: &Caller,
        id: Uuid,
    ) -> Result<()> {
        admin(caller)?;
        let event = events::by_caller(context, caller, "replay.cancel", "replay", id);
        match self
            .store
            .cancel_replay(caller.org(), id, context.at, event)
            .await
        {
            Ok(true) => Ok(()),
            Ok(false) => Err(ServiceError::Conflict(
                "the replay has come to its end already".to_owned(),
            )),
            Err(oneclaw_store::StoreError::NotFound) => Err(UNKNOWN),
            Err(error) => Err(error.into()),
        }
    }
}

fn admin(caller: &Caller) -> Result<()> {
    caller.human()?;
    if caller.is_admin() {
        return Ok(());
    }
    Err(ServiceError::Forbidden(
        "replays are for owners and admins of the organisation".to_owned(),
    ))
}

/// Which decisions; fixed when the replay is asked for, so that those which come in meanwhile are not among them.
fn filter(given: ReplayFilter, now: Timestamp) -> Result<DecisionQuery> {
    let since = match (given.days, given.since) {
        (Some(_), Some(_)) => {
            return Err(ServiceError::field(
                "filter.days",
                "cannot be given together with `since`",
            ));
        }
        (Some(days), None) if (1..=MAX_DAYS).contains(&days) => {
            Some(time::format(now.plus_millis(-days.saturating_mul(DAY_MS))))
        }
        (Some(_), None) => {
            return Err(ServiceError::field(
                "filter.days",
                format!("must be from 1 to {MAX_DAYS}"),
            ));
        }
        (None, since) => since,
    };
    let query = DecisionQuery {
        agent: given.agent,
        principal: given.principal,
        vault: given.vault,
        path_prefix: given.path_prefix,
        verdict: given.verdict,
        code: given.code,
        world: given.world,
        plugin: given.plugin,
        since,
        until: Some(
            given
                .until
                .filter(|until| !until.is_empty())
                .unwrap_or_else(|| time::format(now.plus_millis(1))),
        ),
    };
    query.clone().filter()?;
    Ok(query)
}

fn word(candidate: &Candidate) -> Value {
    match json!(candidate) {
        Value::Object(object) => object
            .keys()
            .next()
            .cloned()
            .map_or(Value::Null, Value::from),
        word => word,
    }
}

fn wire(replay: &oneclaw_store::Replay) -> Result<Replay> {
    let broken = |e: serde_json::Error| ServiceError::Internal(e.to_string());
    let spec: Spec = serde_json::from_value(replay.spec.clone()).map_err(broken)?;
    let counts: Counts = serde_json::from_value(replay.counts.clone()).map_err(broken)?;
    Ok(Replay {
        id: replay.id.to_string(),
        status: replay.state.clone(),
        created_at: time::format(replay.created_at),
        started_at: time::format_option(replay.started_at),
        finished_at: time::format_option(replay.finished_at),
        candidate: json!(spec.candidate),
        filter: json!(spec.filter),
        gate: json!(spec.demand),
        gate_passed: replay.gate_passed,
        total: replay.total,
        done: replay.done,
        same: counts.same,
        other_reason: counts.other_reason,
        changes: counts.changes(),
        allow_to_deny: counts.allow_to_deny,
        deny_to_allow: counts.deny_to_allow,
        other_changes: counts.other_changes,
        undetermined: counts.undetermined,
        untouched: counts.untouched,
        not_reproducible: counts.not_reproducible,
        changes_listed: counts.listed,
        error: replay.error.clone(),
    })
}
