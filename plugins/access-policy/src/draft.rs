//! From policies as they are written to policies as they are decided by.

use std::cmp::Reverse;

use oneclaw_policy_sdk::time::{MINUTES_PER_DAY, Window, Zone};
use oneclaw_policy_sdk::{Problem, settings::problem};

use crate::conditions::{Conditions, ZonedWindow};
use crate::index::{Index, Key};
use crate::network::Network;
use crate::pattern::Shape;
use crate::rules::{Permissions, Policies, Rule};
use crate::settings::{PolicyRule, WindowRule, Word, ZoneTable};

/// Longest id of a policy, in bytes.
const MAX_ID_BYTES: usize = 128;

/// So many problems are enough to work on; a reply has a limit.
const MAX_PROBLEMS: usize = 32;

/// Rules as they come in.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    rules: Vec<Drafted>,
    zones: Vec<NamedZone>,
    problems: Vec<Problem>,
    /// How many policies have been read, wrong ones included.
    read: usize,
    /// The most segments of any literal beginning.
    deepest: u8,
}

#[derive(Debug)]
struct Drafted {
    priority: u32,
    rule: Rule,
}

#[derive(Debug)]
struct NamedZone {
    name: Box<str>,
    /// The first policy that names it, if one does.
    first_use: Option<usize>,
    /// Absent until the settings define it.
    zone: Option<Zone>,
}

impl Draft {
    /// Takes in the next policy, or notes what is wrong with it.
    pub(crate) fn add_policy(&mut self, policy: &PolicyRule<'_>) {
        let index = self.read;
        self.read += 1;
        let shape = Shape::parse(&policy.pattern);
        if let Err(message) = shape {
            self.wrong(index, "pattern", message);
        }
        if policy.id.is_empty() || policy.id.len() > MAX_ID_BYTES {
            self.wrong(index, "id", "must have 1 to 128 bytes");
        }
        let permissions = self.permissions(index, &policy.permissions);
        let conditions = self.conditions(index, policy);
        let rule = shape.ok().and_then(|shape| {
            self.deepest = self.deepest.max(shape.prefix_segments);
            Rule::new(
                &policy.id,
                &policy.pattern,
                shape,
                permissions,
                policy.allow,
                conditions.map(Box::new),
            )
        });
        if let Some(rule) = rule {
            self.rules.push(Drafted {
                priority: policy.priority,
                rule,
            });
        }
    }

    /// Takes in a zone, or notes what is wrong with it.
    pub(crate) fn add_zone(&mut self, name: &str, table: ZoneTable) {
        let pointer = || format!("/zones/{}", name.replace('~', "~0").replace('/', "~1"));
        match Zone::new(table.transitions, table.until) {
            Err(message) => self.note(problem(pointer(), message)),
            Ok(zone) => {
                let at = self.zone_index(name);
                if let Some(named) = self.zones.get_mut(at)
                    && named.zone.replace(zone).is_some()
                {
                    self.note(problem(pointer(), "must be defined once"));
                }
            }
        }
    }

    /// Ranks and indexes the rules.
    ///
    /// # Errors
    /// Everything that was wrong with any of them.
    pub(crate) fn finish(mut self) -> Result<Policies, Vec<Problem>> {
        let mut zones = Vec::with_capacity(self.zones.len());
        for named in std::mem::take(&mut self.zones) {
            match (named.zone, named.first_use) {
                (Some(zone), _) => zones.push(zone),
                (None, Some(index)) => {
                    self.wrong(index, "time_window/zone", "must be one of `/zones`");
                }
                (None, None) => {}
            }
        }
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        self.rules.sort_unstable_by(|a, b| {
            let strength = |d: &Drafted| (Reverse(d.priority), d.rule.allow);
            strength(a)
                .cmp(&strength(b))
                .then_with(|| a.rule.id().cmp(b.rule.id()))
        });
        let mut rules: Vec<Rule> = Vec::with_capacity(self.rules.len());
        for (rank, mut drafted) in (0..).zip(self.rules) {
            drafted.rule.rank = rank;
            rules.push(drafted.rule);
        }
        rules.sort_unstable_by_key(|rule| (rule.key, rule.rank));
        let keys: Vec<Key> = rules.iter().map(|rule| rule.key).collect();
        Ok(Policies {
            rules: rules.into_boxed_slice(),
            index: Index::build(&keys, self.deepest),
            zones: zones.into_boxed_slice(),
        })
    }

    fn permissions(&mut self, index: usize, words: &[Word<'_>]) -> Permissions {
        let mut all = Permissions::default();
        for (at, word) in words.iter().enumerate() {
            match Permissions::granted_by(&word.0) {
                Some(granted) => all = all.and(granted),
                None => self.wrong(
                    index,
                    &format!("permissions/{at}"),
                    "must be read, write, delete or rotate",
                ),
            }
        }
        if words.is_empty() {
            self.wrong(index, "permissions", "must not be empty");
        }
        all
    }

    fn conditions(&mut self, index: usize, policy: &PolicyRule<'_>) -> Option<Conditions> {
        let conditions = Conditions {
            expires_at_ms: policy.expires_at_ms,
            networks: policy
                .networks
                .as_ref()
                .map(|texts| self.networks(index, texts)),
            window: policy
                .time_window
                .as_ref()
                .map(|window| self.window(index, window)),
            environments: policy
                .environments
                .as_ref()
                .map(|names| self.environments(index, names)),
        };
        (conditions != Conditions::default()).then_some(conditions)
    }

    fn networks(&mut self, index: usize, texts: &[Word<'_>]) -> Box<[Network]> {
        if texts.is_empty() {
            self.wrong(index, "networks", EMPTY_LIST);
        }
        let mut networks = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            match Network::parse(&text.0) {
                Ok(network) => networks.push(network),
                Err(message) => self.wrong(index, &format!("networks/{at}"), message),
            }
        }
        networks.into_boxed_slice()
    }

    fn environments(&mut self, index: usize, names: &[Word<'_>]) -> Box<[Box<str>]> {
        if names.is_empty() {
            self.wrong(index, "environments", EMPTY_LIST);
        }
        names.iter().map(|name| Box::from(&*name.0)).collect()
    }

    fn window(&mut self, index: usize, written: &WindowRule<'_>) -> ZonedWindow {
        if written.after_minute >= MINUTES_PER_DAY {
            self.wrong(index, "time_window/after_minute", "must be 0 to 1439");
        }
        if written.before_minute > MINUTES_PER_DAY {
            self.wrong(index, "time_window/before_minute", "must be 0 to 1440");
        }
        if written.days == 0 || written.days > 0b111_1111 {
            self.wrong(index, "time_window/days", "must be 1 to 127");
        }
        let zone = self.zone_index(&written.zone);
        if let Some(named) = self.zones.get_mut(zone) {
            named.first_use.get_or_insert(index);
        }
        ZonedWindow {
            window: Window {
                after_minute: written.after_minute,
                before_minute: written.before_minute,
                days: written.days,
            },
            // Fewer than 2^32 zones fit the guest's memory.
            zone: u32::try_from(zone).unwrap_or(u32::MAX),
        }
    }

    /// Where the zone of this name is, or will be.
    fn zone_index(&mut self, name: &str) -> usize {
        if let Some(at) = self.zones.iter().position(|zone| *zone.name == *name) {
            return at;
        }
        self.zones.push(NamedZone {
            name: name.into(),
            first_use: None,
            zone: None,
        });
        self.zones.len() - 1
    }

    fn wrong(&mut self, index: usize, field: &str, message: &str) {
        self.note(problem(format!("/policies/{index}/{field}"), message));
    }

    fn note(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }
}

const EMPTY_LIST: &str = "must not be empty; leave it out to have no such condition";
