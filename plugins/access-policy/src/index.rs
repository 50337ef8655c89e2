//! From the beginning of a path to the rules whose patterns begin like it.

use std::ops::Range;

/// The hash of a literal beginning, also of the empty one (FNV-1a). Nothing rests on it being hard to collide: whether a
/// pattern matches is always decided by comparing it.
pub(crate) fn hash(prefix: &[u8]) -> u64 {
    prefix.iter().fold(EMPTY, |hash, byte| step(hash, *byte))
}

const EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

const fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(0x0100_0000_01b3)
}

/// An open-addressing table from the hash of a literal beginning to the rules that have it.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// A power of two of them, at most half of which are used.
    buckets: Box<[Bucket]>,
    /// The most segments of any literal beginning.
    deepest: u8,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    hash: u64,
    start: u32,
    /// Equal to `start` in a bucket that is not used.
    end: u32,
}

impl Index {
    /// `hashes` are those of the rules, in the order of the rules, equal ones together. `deepest` is the most segments
    /// of any literal beginning.
    pub(crate) fn build(hashes: &[u64], deepest: u8) -> Self {
        let runs = hashes.chunk_by(|a, b| a == b);
        let size = (runs.clone().count() * 2).next_power_of_two();
        let mut index = Self {
            buckets: vec![Bucket::default(); size].into_boxed_slice(),
            deepest,
        };
        let mut start = 0;
        for run in runs {
            let end = start + u32::try_from(run.len()).unwrap_or(u32::MAX);
            if let Some(hash) = run.first() {
                index.insert(Bucket {
                    hash: *hash,
                    start,
                    end,
                });
            }
            start = end;
        }
        index
    }

    fn insert(&mut self, bucket: Bucket) {
        let mut at = self.home(bucket.hash);
        while let Some(taken) = self.buckets.get_mut(at) {
            if taken.start == taken.end {
                *taken = bucket;
                return;
            }
            at = (at + 1) & (self.buckets.len() - 1);
        }
    }

    /// The rules whose literal beginning has this hash.
    pub(crate) fn get(&self, hash: u64) -> Option<Range<usize>> {
        let mut at = self.home(hash);
        loop {
            let bucket = self.buckets.get(at)?;
            if bucket.start == bucket.end {
                return None;
            }
            if bucket.hash == hash {
                return Some(bucket.start as usize..bucket.end as usize);
            }
            at = (at + 1) & (self.buckets.len() - 1);
        }
    }

    /// The hashes of the beginnings of a path that end where a segment does, from the empty one to the longest that any
    /// rule has.
    pub(crate) fn beginnings<'a>(&self, path: &'a [u8]) -> Beginnings<'a> {
        Beginnings {
            hash: EMPTY,
            rest: path,
            deeper: self.deepest,
            state: State::Empty,
        }
    }

    /// The upper bits of the hash are the better mixed ones.
    fn home(&self, hash: u64) -> usize {
        (hash >> 32) as usize & self.buckets.len().saturating_sub(1)
    }
}

/// See [`Index::beginnings`].
pub(crate) struct Beginnings<'a> {
    hash: u64,
    rest: &'a [u8],
    /// How many more segments are worth hashing.
    deeper: u8,
    state: State,
}

enum State {
    /// The empty beginning comes next.
    Empty,
    /// A segment comes next.
    Segment,
    /// A slash has been taken; it belongs to the next beginning.
    Slash,
    Done,
}

impl Iterator for Beginnings<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        match self.state {
            State::Empty => {
                self.state = State::Segment;
                return Some(EMPTY);
            }
            State::Segment => {}
            State::Slash => self.hash = step(self.hash, b'/'),
            State::Done => return None,
        }
        self.deeper = self.deeper.checked_sub(1)?;
        let mut hash = self.hash;
        let mut bytes = self.rest.iter();
        self.state = State::Done;
        for byte in &mut bytes {
            if *byte == b'/' {
                self.state = State::Slash;
                break;
            }
            hash = step(hash, *byte);
        }
        self.rest = bytes.as_slice();
        self.hash = hash;
        Some(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_index_of_nothing_finds_nothing() {
        assert_eq!(Index::build(&[], 0).get(EMPTY), None);
        assert_eq!(Index::default().get(EMPTY), None);
    }

    #[test]
    fn beginnings_end_where_segments_do_and_no_deeper_than_any_rule() {
        let beginnings = |deepest| {
            let index = Index::build(&[], deepest);
            index.beginnings(b"ab/c/d").collect::<Vec<_>>()
        };
        let all = [hash(b""), hash(b"ab"), hash(b"ab/c"), hash(b"ab/c/d")];
        assert_eq!(beginnings(9), all);
        assert_eq!(beginnings(3), all);
        assert_eq!(beginnings(2), all[..3]);
        assert_eq!(beginnings(0), all[..1]);
    }

    proptest! {
        #[test]
        fn every_run_is_found_and_nothing_else(mut hashes in proptest::collection::vec(0u64..40, 0..60)) {
            // Hashes that collide in the table, as real ones may.
            for hash in &mut hashes {
                *hash |= (*hash % 4) << 32;
            }
            hashes.sort_unstable();
            let index = Index::build(&hashes, 0);
            for hash in (0..40).map(|h: u64| ((h % 4) << 32) | h) {
                let expected: Vec<_> = (0..hashes.len()).filter(|i| hashes[*i] == hash).collect();
                let found: Vec<_> = index.get(hash).unwrap_or_default().collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
