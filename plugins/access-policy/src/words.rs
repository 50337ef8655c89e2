//! Bytes, eight at a time. A guest has no vector instructions for comparing and searching, so going byte by byte is what
//! a decision would spend most of its time with.

/// A hash to begin with.
pub(crate) const EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

/// Mixes the first segment of a text into a hash. Also tells the segment's length.
///
/// Nothing rests on the hash being hard to collide: whether a pattern matches is always decided by comparing it.
pub(crate) fn absorb_segment(mut hash: u64, text: &[u8]) -> (u64, usize) {
    let mut rest = text;
    loop {
        let (word, length) = first_word(rest);
        let taken = slash_in(word).min(length);
        hash = mix(hash, word & low_bytes(taken));
        rest = rest.get(taken..).unwrap_or_default();
        if taken < 8 {
            return (hash, text.len() - rest.len());
        }
    }
}

/// The length of the first segment of a text.
pub(crate) fn segment_len(text: &[u8]) -> usize {
    let mut rest = text;
    loop {
        let (word, length) = first_word(rest);
        let taken = slash_in(word).min(length);
        rest = rest.get(taken..).unwrap_or_default();
        if taken < 8 {
            return text.len() - rest.len();
        }
    }
}

/// Whether two byte strings are equal.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let (a_words, a_rest) = a.as_chunks::<8>();
    let (b_words, b_rest) = b.as_chunks::<8>();
    a_words
        .iter()
        .zip(b_words)
        .all(|(a, b)| u64::from_le_bytes(*a) == u64::from_le_bytes(*b))
        && a_rest.iter().zip(b_rest).all(|(a, b)| a == b)
}

/// The first eight bytes, the first one lowest, and how many of them there are; the others are 0.
fn first_word(text: &[u8]) -> (u64, usize) {
    match text.first_chunk::<8>() {
        Some(chunk) => (u64::from_le_bytes(*chunk), 8),
        None => {
            let shifted = |word, byte: &u8| word << 8 | u64::from(*byte);
            (text.iter().rev().fold(0, shifted), text.len())
        }
    }
}

/// Where the first slash of a word is; 8 if there is none.
fn slash_in(word: u64) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    // A byte that was a slash is 0 now, and the lowest such byte is the lowest one whose top bit survives below.
    let zero_if_slash = word ^ u64::from_le_bytes([b'/'; 8]);
    let found = zero_if_slash.wrapping_sub(ONES) & !zero_if_slash & (ONES << 7);
    found.trailing_zeros() as usize / 8
}

fn low_bytes(count: usize) -> u64 {
    u64::MAX.checked_shr(64 - 8 * count as u32).unwrap_or(0)
}

const fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn same_is_equality(a in "[ab]{0,20}", b in "[ab]{0,20}") {
            prop_assert_eq!(same(a.as_bytes(), b.as_bytes()), a == b);
            prop_assert!(same(a.as_bytes(), a.clone().as_bytes()));
        }

        #[test]
        fn a_segment_ends_at_the_first_slash(text in "[a./0]{0,40}") {
            let length = text.find('/').unwrap_or(text.len());
            prop_assert_eq!(segment_len(text.as_bytes()), length);
            prop_assert_eq!(absorb_segment(EMPTY, text.as_bytes()).1, length);
        }

        #[test]
        fn what_follows_a_segment_leaves_its_hash_alone(segment in "[a-c]{0,20}", behind in "[a-c/]{0,20}") {
            let whole = format!("{segment}/{behind}");
            prop_assert_eq!(
                absorb_segment(EMPTY, whole.as_bytes()).0,
                absorb_segment(EMPTY, segment.as_bytes()).0
            );
        }

        #[test]
        fn different_segments_have_different_hashes(a in "[a-c]{0,12}", b in "[a-c]{0,12}") {
            let hash = |text: &str| absorb_segment(EMPTY, text.as_bytes()).0;
            prop_assert_eq!(hash(&a) == hash(&b), a == b);
        }
    }
}
