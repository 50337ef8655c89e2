//! Configurations, by what they are for: the policies of one caller in one vault form one configuration, and so do the
//! guardrails of one agent, so that changing a policy costs those it is about and nobody else.

use std::fmt;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};

use oneclaw_core::ids::{AgentId, OrgId, VaultId};
use oneclaw_core::principal::Principal;
use quick_cache::sync::Cache;

use crate::configured::Configured;
use crate::engine::Engine;

/// Snapshots that may wait to be made. When more are wanted, the next use of the configuration asks again.
const QUEUE: usize = 64;

/// What a configuration is for.
pub trait CacheKey: Copy + Eq + Hash {
    /// The organisation that it is of.
    fn org(&self) -> OrgId;
}

/// Whose access to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccessKey {
    /// The organisation.
    pub org: OrgId,
    /// The vault.
    pub vault: VaultId,
    /// The caller.
    pub principal: Principal,
}

/// Whose signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GuardrailKey {
    /// The organisation.
    pub org: OrgId,
    /// The agent.
    pub agent: AgentId,
}

impl CacheKey for AccessKey {
    fn org(&self) -> OrgId {
        self.org
    }
}

impl CacheKey for GuardrailKey {
    fn org(&self) -> OrgId {
        self.org
    }
}

/// A bounded cache of configurations. Those in use get a snapshot, made on a thread of the cache's own.
pub struct ConfigurationCache<K> {
    entries: Cache<K, Arc<Entry>>,
    promote_after: u32,
    /// Counts uses; the clock by which the least recently used snapshot is found.
    uses: AtomicU64,
    promotions: Option<SyncSender<Weak<Entry>>>,
}

/// What a configuration was made from, as numbers of which the first that differs says which is later.
pub type Revision = [i64; 3];

/// Configurations for access, each good for one revision of the policies it was made from.
pub type AccessCache = ConfigurationCache<AccessKey>;

/// Configurations for what is signed, each good for the very settings it was made from.
pub type GuardrailCache = ConfigurationCache<GuardrailKey>;

impl<K: CacheKey> fmt::Debug for ConfigurationCache<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigurationCache")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

struct Entry {
    /// Always 0 where the settings themselves tell.
    revision: Revision,
    configured: Arc<Configured>,
    hits: AtomicU32,
    first_hit: AtomicU64,
    last_hit: AtomicU64,
    queued: AtomicBool,
}

impl<K: CacheKey> ConfigurationCache<K> {
    /// A cache for at most `entries` configurations, of which at most `snapshots` have one, made when a configuration
    /// has been used `promote_after` times.
    ///
    /// `snapshots` is lowered to what the engine has slots for, if every processor uses each of them at once: beyond
    /// that, snapshots would cost more than they save.
    #[must_use]
    pub fn new(engine: &Engine, entries: usize, snapshots: usize, promote_after: u32) -> Self {
        let snapshots = snapshots.min(slots_per_processor(engine));
        let (sender, receiver) = sync_channel(QUEUE);
        let worker = std::thread::Builder::new()
            .name("policy-snapshots".to_owned())
            .spawn(move || promote(&receiver, snapshots));
        if let Err(error) = &worker {
            tracing::warn!(%error, "no thread to make policy snapshots; decisions go on without");
        }
        Self {
            entries: Cache::new(entries),
            promote_after: promote_after.max(1),
            uses: AtomicU64::new(0),
            promotions: (worker.is_ok() && snapshots > 0).then_some(sender),
        }
    }

    fn hit(&self, key: &K, is_wanted: impl FnOnce(&Entry) -> bool) -> Option<Arc<Configured>> {
        let entry = self.entries.get(key)?;
        if !is_wanted(&entry) {
            return None;
        }
        self.used(&entry);
        Some(Arc::clone(&entry.configured))
    }

    fn keep(&self, key: K, revision: Revision, configured: Arc<Configured>) {
        if configured.org() != key.org() {
            return;
        }
        let newer = |known: &Arc<Entry>| known.revision > revision;
        if self.entries.peek(&key).is_some_and(|known| newer(&known)) {
            return;
        }
        let entry = Entry {
            revision,
            configured,
            hits: AtomicU32::new(0),
            first_hit: AtomicU64::new(0),
            last_hit: AtomicU64::new(0),
            queued: AtomicBool::new(false),
        };
        self.entries.insert(key, Arc::new(entry));
    }

    /// How many configurations are here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn used(&self, entry: &Arc<Entry>) {
        let now = self.uses.fetch_add(1, Ordering::Relaxed);
        entry.last_hit.store(now, Ordering::Relaxed);
        let hits = entry.hits.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if hits == 1 {
            entry.first_hit.store(now, Ordering::Relaxed);
        }
        let due = hits >= self.promote_after && !entry.queued.load(Ordering::Relaxed);
        if due && !entry.queued.swap(true, Ordering::Relaxed) {
            let sent = self
                .promotions
                .as_ref()
                .is_some_and(|queue| queue.try_send(Arc::downgrade(entry)).is_ok());
            if !sent {
                entry.queued.store(false, Ordering::Relaxed);
            }
        }
    }
}

impl AccessCache {
    /// The configuration that was made from this revision, if it is here.
    #[must_use]
    pub fn get(&self, key: &AccessKey, revision: Revision) -> Option<Arc<Configured>> {
        self.hit(key, |entry| entry.revision == revision)
    }

    /// Keeps a configuration. One that was made from a later revision stays.
    ///
    /// A configuration of another organisation than the key's is not kept.
    pub fn insert(&self, key: AccessKey, revision: Revision, configured: Arc<Configured>) {
        self.keep(key, revision, configured);
    }
}

impl GuardrailCache {
    /// The configuration that was made from these settings, if it is here.
    #[must_use]
    pub fn get_for(&self, key: &GuardrailKey, settings: &str) -> Option<Arc<Configured>> {
        // Compared as they are, which costs less than to hash them.
        self.hit(key, |entry| **entry.configured.settings() == *settings)
    }

    /// Keeps a configuration in place of the one with other settings, if there is one.
    ///
    /// A configuration of another organisation than the key's is not kept.
    pub fn insert_for(&self, key: GuardrailKey, configured: Arc<Configured>) {
        self.keep(key, [0; 3], configured);
    }
}

fn slots_per_processor(engine: &Engine) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let slots = usize::try_from(engine.slots().instances).unwrap_or(usize::MAX);
    slots / processors
}

/// The work of the background thread; ends when the cache is gone.
fn promote(queue: &Receiver<Weak<Entry>>, most: usize) {
    let mut promoted: Vec<Weak<Entry>> = Vec::new();
    while let Ok(entry) = queue.recv() {
        let Some(entry) = entry.upgrade() else {
            continue;
        };
        promoted.retain(|other| other.strong_count() > 0);
        if promoted.len() >= most && !make_room(&mut promoted, &entry) {
            entry.start_over();
            continue;
        }
        match entry.configured.build_snapshot() {
            Ok(()) => promoted.push(Arc::downgrade(&entry)),
            // Stays queued, and so is not tried again: nothing about it will change.
            Err(error) => tracing::debug!(%error, "a policy configuration stays without snapshot"),
        }
    }
}

/// Takes the snapshot of the configuration that was not used for longest, if it was not used since the candidate first
/// was. Otherwise everything is in use, and trading one for the other would only mean to compile for ever.
fn make_room(promoted: &mut Vec<Weak<Entry>>, candidate: &Entry) -> bool {
    let oldest = promoted
        .iter()
        .enumerate()
        .filter_map(|(at, entry)| entry.upgrade().map(|entry| (at, entry)))
        .min_by_key(|(_, entry)| entry.last_hit.load(Ordering::Relaxed));
    match oldest {
        Some((at, entry))
            if entry.last_hit.load(Ordering::Relaxed)
                < candidate.first_hit.load(Ordering::Relaxed) =>
        {
            promoted.swap_remove(at);
            entry.configured.drop_snapshot();
            entry.start_over();
            true
        }
        Some(_) => false,
        None => true,
    }
}

impl Entry {
    /// Counts uses from nothing again.
    fn start_over(&self) {
        self.hits.store(0, Ordering::Relaxed);
        self.queued.store(false, Ordering::Relaxed);
    }
}
