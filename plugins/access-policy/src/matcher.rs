//! Matching a pattern against a path, segment by segment.
//!
//! Both loops below remember only the last star: what an earlier star could take over, the last one can take as well. So
//! the work is bounded by the product of the two lengths, whatever the pattern.

use crate::words;

/// Whether a pattern matches the whole of a path. The empty path has no segments.
pub(crate) fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let mut pattern = Segments::of(pattern);
    let mut path = Segments::of(path);
    // Behind the last `**`, and the first segment of the path that it has not swallowed.
    let mut last_star: Option<(Segments<'_>, Segments<'_>)> = None;
    loop {
        let mut pattern_behind = pattern;
        let mut path_behind = path;
        match (pattern_behind.next(), path_behind.next()) {
            (None, None) => return true,
            (Some(b"**"), _) => {
                last_star = Some((pattern_behind, path));
                pattern = pattern_behind;
                continue;
            }
            (Some(segment), Some(text)) if segment_matches(segment, text) => {
                pattern = pattern_behind;
                path = path_behind;
                continue;
            }
            _ => {}
        }
        let Some((behind_star, unswallowed)) = &mut last_star else {
            return false;
        };
        if unswallowed.next().is_none() {
            return false;
        }
        pattern = *behind_star;
        path = *unswallowed;
    }
}

/// Whether a segment of a pattern matches a segment of a path. Each `*` stands for any run of bytes, but a lone one needs
/// at least one, which every segment of a path has.
fn segment_matches(mut pattern: &[u8], mut text: &[u8]) -> bool {
    let mut last_star: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => return true,
            (Some((b'*', behind)), _) => {
                last_star = Some((behind, text));
                pattern = behind;
                continue;
            }
            (Some((p, pattern_behind)), Some((t, text_behind))) if p == t => {
                pattern = pattern_behind;
                text = text_behind;
                continue;
            }
            _ => {}
        }
        let Some((behind_star, unswallowed)) = &mut last_star else {
            return false;
        };
        let Some((_, fewer)) = unswallowed.split_first() else {
            return false;
        };
        *unswallowed = fewer;
        pattern = behind_star;
        text = fewer;
    }
}

/// The segments between slashes. Unlike `split`, the empty text has none, and a copy is as cheap as a reference.
#[derive(Clone, Copy)]
struct Segments<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Segments<'a> {
    fn of(text: &'a [u8]) -> Self {
        Self {
            rest: (!text.is_empty()).then_some(text),
        }
    }

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.rest?;
        let (segment, behind) = text.split_at_checked(words::segment_len(text))?;
        self.rest = behind.split_first().map(|(_slash, behind)| behind);
        Some(segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oneclaw_core::glob::PathGlob;
    use proptest::prelude::*;

    #[test]
    fn the_empty_path_is_matched_by_double_stars_alone() {
        assert!(matches(b"**", b""));
        assert!(matches(b"**/**", b""));
        assert!(!matches(b"*", b""));
        assert!(!matches(b"**/*", b""));
    }

    #[test]
    fn a_hostile_pattern_costs_no_more_than_the_product_of_the_lengths() {
        let pattern = "*a".repeat(200) + "b";
        let path = "a".repeat(511);
        assert!(!matches(pattern.as_bytes(), path.as_bytes()));
        let pattern = "**/a/**/a/**/a/**/b";
        let path = "a/".repeat(255) + "a";
        assert!(!matches(pattern.as_bytes(), path.as_bytes()));
    }

    proptest! {
        #[test]
        fn agrees_with_the_servers_globs(
            pattern in "(\\*\\*|\\*|a|b|ab|a\\*|\\*b|a\\*b|\\*a\\*b\\*)(/(\\*\\*|\\*|a|b|ab|a\\*|\\*b|\\*b\\*)){0,5}",
            path in "[ab]{1,4}(/[ab]{1,3}){0,6}",
        ) {
            if let Ok(glob) = PathGlob::new(&pattern) {
                prop_assert_eq!(
                    matches(pattern.as_bytes(), path.as_bytes()),
                    glob.matches(&path),
                    "{} on {}", pattern, path
                );
            }
        }
    }
}
