//! Path patterns: their syntax, and how one is taken apart for the index.

/// Longest accepted pattern, in bytes.
const MAX_BYTES: usize = 512;

/// Most segments in a pattern.
const MAX_SEGMENTS: usize = 32;

/// Most `**` segments in a pattern.
const MAX_DOUBLE_STARS: usize = 4;

/// What follows the literal beginning of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Rest {
    /// Nothing: the pattern is literal.
    Nothing,
    /// `*`: one more segment.
    OneSegment,
    /// `**`: anything.
    Anything,
    /// Something that has to be matched segment by segment.
    Glob,
}

/// A pattern taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes of the leading segments that hold no star, joined by `/`.
    pub(crate) prefix_len: u16,
    /// How many segments those are.
    pub(crate) prefix_segments: u8,
    pub(crate) rest: Rest,
}

impl Shape {
    /// Checks a pattern and takes it apart.
    ///
    /// # Errors
    /// Says what would be right.
    pub(crate) fn parse(pattern: &str) -> Result<Self, &'static str> {
        check(pattern)?;
        let mut prefix_len = 0;
        let mut prefix_segments = 0;
        for segment in pattern.split('/').take_while(|s| !s.contains('*')) {
            prefix_len += segment.len() + usize::from(prefix_segments > 0);
            prefix_segments += 1;
        }
        let rest = match pattern.get(rest_start(prefix_len)..) {
            None | Some("") => Rest::Nothing,
            Some("*") => Rest::OneSegment,
            Some("**") => Rest::Anything,
            Some(_) => Rest::Glob,
        };
        Ok(Self {
            // In range: at most MAX_BYTES.
            prefix_len: u16::try_from(prefix_len).unwrap_or(u16::MAX),
            prefix_segments,
            rest,
        })
    }
}

/// Where the rest of a pattern or path begins, behind a literal beginning of so many bytes and its slash.
pub(crate) const fn rest_start(prefix_len: usize) -> usize {
    if prefix_len == 0 { 0 } else { prefix_len + 1 }
}

fn check(pattern: &str) -> Result<(), &'static str> {
    let segments = pattern.split('/');
    if pattern.is_empty() {
        return Err("must not be empty");
    }
    if pattern.len() > MAX_BYTES
        || segments.clone().count() > MAX_SEGMENTS
        || segments.clone().filter(|s| *s == "**").count() > MAX_DOUBLE_STARS
    {
        return Err("must have at most 512 bytes, 32 segments and 4 `**`");
    }
    if !pattern
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'/' | b'*'))
    {
        return Err("must consist of letters, digits, `_`, `-`, `/` and `*`");
    }
    for segment in segments {
        if segment.is_empty() {
            return Err("must have no empty segment");
        }
        if segment != "**" && segment.contains("**") {
            return Err("must have `**` only as a whole segment");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pattern_is_split_at_its_first_star() {
        let shape = |pattern| {
            let shape = Shape::parse(pattern).unwrap();
            (shape.prefix_len, shape.prefix_segments, shape.rest)
        };
        assert_eq!(shape("a/b"), (3, 2, Rest::Nothing));
        assert_eq!(shape("a/*"), (1, 1, Rest::OneSegment));
        assert_eq!(shape("a/b/**"), (3, 2, Rest::Anything));
        assert_eq!(shape("**"), (0, 0, Rest::Anything));
        assert_eq!(shape("*"), (0, 0, Rest::OneSegment));
        assert_eq!(shape("a/x*"), (1, 1, Rest::Glob));
        assert_eq!(shape("a/*/b"), (1, 1, Rest::Glob));
        assert_eq!(shape("web-*"), (0, 0, Rest::Glob));
    }

    proptest! {
        #[test]
        fn accepts_what_the_server_accepts(pattern in "[ab*/._-]{0,12}|(\\*\\*/){0,5}a|(a/){28,34}b|a{510,514}") {
            prop_assert_eq!(
                Shape::parse(&pattern).is_ok(),
                oneclaw_core::glob::check(&pattern).is_ok(),
                "{}", pattern
            );
        }
    }
}
