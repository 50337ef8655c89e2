//! From the beginning of a path to the rules whose patterns begin like it.

use std::ops::Range;

use crate::words::{self, EMPTY};

/// What rules are found by: the literal segments that their pattern begins with or, if it begins with none, the literal
/// segment that it ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u64);

impl Key {
    /// Of the rules whose pattern neither begins nor ends with a literal segment.
    const NEITHER: Self = Self(EMPTY);

    /// Of a pattern with this literal beginning (possibly empty) and ending.
    pub(crate) fn of(beginning: &[u8], ending: Option<Ending>) -> Self {
        match (Beginnings::of(beginning, u8::MAX).last(), ending) {
            (Some(Self::NEITHER) | None, Some(ending)) => ending.key(),
            (Some(key), _) => key,
            (None, None) => Self::NEITHER,
        }
    }
}

/// The hash of a last segment, for telling at a glance that a path does not end like a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending(u64);

impl Ending {
    /// That of a path or literal pattern.
    pub(crate) fn of(path: &[u8]) -> Self {
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let last = path
            .get(slash.map_or(0, |slash| slash + 1)..)
            .unwrap_or_default();
        // Begins differently than a beginning does, so that the two are not mistaken for each other.
        Self(words::absorb_segment(!EMPTY, last).0)
    }

    /// The rules that are found by their ending.
    pub(crate) const fn key(self) -> Key {
        Key(self.0)
    }
}

/// An open-addressing table from keys to the rules that have them.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// A power of two of them, at most half of which are used.
    buckets: Box<[Bucket]>,
    /// The most segments of any literal beginning.
    deepest: u8,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    key: Key,
    start: u32,
    /// Equal to `start` in a bucket that is not used.
    end: u32,
}

impl Index {
    /// `keys` are those of the rules, in the order of the rules, equal ones together. `deepest` is the most segments of
    /// any literal beginning.
    pub(crate) fn build(keys: &[Key], deepest: u8) -> Self {
        let runs = keys.chunk_by(|a, b| a == b);
        let size = (runs.clone().count() * 2).next_power_of_two();
        let unused = Bucket {
            key: Key::NEITHER,
            start: 0,
            end: 0,
        };
        let mut index = Self {
            buckets: vec![unused; size].into_boxed_slice(),
            deepest,
        };
        let mut start = 0;
        for run in runs {
            let end = start + u32::try_from(run.len()).unwrap_or(u32::MAX);
            if let Some(key) = run.first() {
                index.insert(Bucket {
                    key: *key,
                    start,
                    end,
                });
            }
            start = end;
        }
        index
    }

    fn insert(&mut self, bucket: Bucket) {
        let mut at = self.home(bucket.key);
        while let Some(taken) = self.buckets.get_mut(at) {
            if taken.start == taken.end {
                *taken = bucket;
                return;
            }
            at = (at + 1) & (self.buckets.len() - 1);
        }
    }

    /// The rules that have a key.
    pub(crate) fn get(&self, key: Key) -> Option<Range<usize>> {
        let mut at = self.home(key);
        loop {
            let bucket = self.buckets.get(at)?;
            if bucket.start == bucket.end {
                return None;
            }
            if bucket.key == key {
                return Some(bucket.start as usize..bucket.end as usize);
            }
            at = (at + 1) & (self.buckets.len() - 1);
        }
    }

    /// The keys under which a rule that matches a path can be.
    pub(crate) fn keys(&self, path: &[u8], ending: Ending) -> impl Iterator<Item = Key> {
        Beginnings::of(path, self.deepest).chain([ending.key()])
    }

    /// The upper bits of the hash are the better mixed ones.
    fn home(&self, key: Key) -> usize {
        (key.0 >> 32) as usize & self.buckets.len().saturating_sub(1)
    }
}

/// The keys of the beginnings of a path that end where a segment does, from the empty one on.
struct Beginnings<'a> {
    /// Of what has been taken in, unless nothing more is to come.
    next: Option<Key>,
    rest: &'a [u8],
    /// How many more segments are worth hashing.
    deeper: u8,
}

impl<'a> Beginnings<'a> {
    const fn of(path: &'a [u8], deepest: u8) -> Self {
        Self {
            next: Some(Key::NEITHER),
            rest: path,
            deeper: deepest,
        }
    }
}

impl Iterator for Beginnings<'_> {
    type Item = Key;

    fn next(&mut self) -> Option<Key> {
        let key = self.next.take()?;
        if let Some(deeper) = self.deeper.checked_sub(1)
            && !self.rest.is_empty()
        {
            let (hash, length) = words::absorb_segment(key.0, self.rest);
            self.next = Some(Key(hash));
            self.rest = self.rest.get(length + 1..).unwrap_or_default();
            self.deeper = deeper;
        }
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(beginning: &str) -> Key {
        Key::of(beginning.as_bytes(), None)
    }

    #[test]
    fn an_index_of_nothing_finds_nothing() {
        assert_eq!(Index::build(&[], 0).get(Key::NEITHER), None);
        assert_eq!(Index::default().get(Key::NEITHER), None);
    }

    #[test]
    fn a_path_is_looked_up_by_its_beginnings_no_deeper_than_any_rule_and_by_its_ending() {
        let ending = Ending::of(b"ab/c/d");
        let keys = |deepest| {
            let index = Index::build(&[], deepest);
            index.keys(b"ab/c/d", ending).collect::<Vec<_>>()
        };
        let all = [key(""), key("ab"), key("ab/c"), key("ab/c/d")];
        let and_ending = |beginnings: &[Key]| [beginnings, &[ending.key()]].concat();
        assert_eq!(keys(9), and_ending(&all));
        assert_eq!(keys(3), and_ending(&all));
        assert_eq!(keys(2), and_ending(&all[..3]));
        assert_eq!(keys(0), and_ending(&all[..1]));
    }

    #[test]
    fn a_pattern_is_found_by_its_ending_only_if_it_has_no_beginning() {
        let ending = Ending::of(b"c");
        assert_eq!(Key::of(b"", Some(ending)), ending.key());
        assert_eq!(Key::of(b"a", Some(ending)), key("a"));
        assert_eq!(Ending::of(b"a/b/c"), ending);
        assert_ne!(key("c"), ending.key());
    }

    proptest! {
        #[test]
        fn every_run_is_found_and_nothing_else(mut keys in proptest::collection::vec(0u64..40, 0..60)) {
            // Keys that collide in the table, as real ones may.
            let spread = |n: u64| Key(((n % 4) << 32) | n);
            keys.sort_unstable_by_key(|n| spread(*n));
            let keys: Vec<Key> = keys.into_iter().map(spread).collect();
            let index = Index::build(&keys, 0);
            for key in (0..40).map(spread) {
                let expected: Vec<_> = (0..keys.len()).filter(|i| keys[*i] == key).collect();
                let found: Vec<_> = index.get(key).unwrap_or_default().collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
