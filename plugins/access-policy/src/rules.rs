//! The policies, ready to decide.

use oneclaw_policy_sdk::Permission;
use oneclaw_policy_sdk::time::Zone;

use crate::conditions::Conditions;
use crate::index::{Ending, Index, Key};
use crate::matcher;
use crate::pattern::{Rest, Shape, rest_start};
use crate::words;

/// One caller's policies in one vault, indexed.
#[derive(Debug)]
pub struct Policies {
    /// Rules that have the same key stand together, the stronger first.
    pub(crate) rules: Box<[Rule]>,
    pub(crate) index: Index,
    pub(crate) zones: Box<[Zone]>,
}

/// One policy.
#[derive(Debug)]
pub(crate) struct Rule {
    /// What the rule is found by.
    pub(crate) key: Key,
    /// That of the pattern, if its last segment is literal.
    ending: Option<Ending>,
    /// The id, then the pattern: one allocation for both.
    text: Box<str>,
    id_len: u16,
    prefix_len: u16,
    rest: Rest,
    pub(crate) permissions: Permissions,
    pub(crate) allow: bool,
    /// The place among all policies, by strength. No two rules share one, so that which rule decides never depends on
    /// the order in which the settings list them.
    pub(crate) rank: u32,
    pub(crate) conditions: Option<Box<Conditions>>,
}

impl Rule {
    /// A rule that is ranked and indexed later on. `shape` is that of `pattern`.
    pub(crate) fn new(
        id: &str,
        pattern: &str,
        shape: Shape,
        permissions: Permissions,
        allow: bool,
        conditions: Option<Box<Conditions>>,
    ) -> Option<Self> {
        let prefix = pattern.get(..usize::from(shape.prefix_len))?;
        let last = pattern.rsplit('/').next().unwrap_or(pattern);
        let ending = (!last.contains('*')).then(|| Ending::of(last.as_bytes()));
        Some(Self {
            key: Key::of(prefix.as_bytes(), ending),
            ending,
            text: [id, pattern].concat().into_boxed_str(),
            id_len: u16::try_from(id.len()).ok()?,
            prefix_len: shape.prefix_len,
            rest: shape.rest,
            permissions,
            allow,
            rank: 0,
            conditions,
        })
    }

    pub(crate) fn id(&self) -> &str {
        self.text.get(..usize::from(self.id_len)).unwrap_or("")
    }

    fn pattern(&self) -> &[u8] {
        self.text
            .as_bytes()
            .get(usize::from(self.id_len)..)
            .unwrap_or_default()
    }

    /// Whether the pattern matches a path, whose ending is `ending`.
    pub(crate) fn matches(&self, path: &[u8], ending: Ending) -> bool {
        if self.ending.is_some_and(|wanted| wanted != ending) {
            return false;
        }
        let prefix_len = usize::from(self.prefix_len);
        let pattern = self.pattern();
        let (Some(prefix), Some(beginning)) = (pattern.get(..prefix_len), path.get(..prefix_len))
        else {
            return false;
        };
        // The literal beginning must end where a segment of the path does.
        let behind = match path.get(prefix_len..) {
            Some([]) => Some(&[][..]),
            Some(whole) if prefix_len == 0 => Some(whole),
            Some([b'/', behind @ ..]) => Some(behind),
            _ => None,
        };
        let Some(behind) = behind else {
            return false;
        };
        if !words::same(prefix, beginning) {
            return false;
        }
        match self.rest {
            Rest::Nothing => behind.is_empty(),
            Rest::OneSegment => !behind.is_empty() && words::segment_len(behind) == behind.len(),
            Rest::Anything => true,
            Rest::Glob => pattern
                .get(rest_start(prefix_len)..)
                .is_some_and(|rest| matcher::matches(rest, behind)),
        }
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Permissions(u8);

impl Permissions {
    const READ: u8 = 1;
    const WRITE: u8 = 2;
    const DELETE: u8 = 4;
    const ROTATE: u8 = 8;

    /// The permissions that a word of the settings grants. `write` covers delete and rotate.
    pub(crate) fn granted_by(word: &str) -> Option<Self> {
        Some(Self(match word {
            "read" => Self::READ,
            "write" => Self::WRITE | Self::DELETE | Self::ROTATE,
            "delete" => Self::DELETE,
            "rotate" => Self::ROTATE,
            _ => return None,
        }))
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn contains(self, wanted: Permission) -> bool {
        let bit = match wanted {
            Permission::Read => Self::READ,
            Permission::Write => Self::WRITE,
            Permission::Delete => Self::DELETE,
            Permission::Rotate => Self::ROTATE,
        };
        self.0 & bit != 0
    }
}
