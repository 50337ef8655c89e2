//! Where to go after signing in: a path of ours, never another site.

use serde::{Deserialize, Deserializer};

/// Longest path that is gone to, in bytes.
const MAX_BYTES: usize = 2048;

/// A path and query on this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPath(String);

impl OwnPath {
    /// The path, if it is one of ours. Browsers read `//` and `/\` as the beginning of another host, and drop tabs and line
    /// breaks before they look.
    pub fn parse(text: &str) -> Option<Self> {
        let own = text.len() <= MAX_BYTES
            && text.starts_with('/')
            && !text.starts_with("//")
            && !text.contains('\\')
            && text.bytes().all(|b| b.is_ascii_graphic());
        own.then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a value in a query.
    pub fn encoded(&self) -> String {
        serde_urlencoded::to_string([("next", &self.0)]).unwrap_or_default()
    }
}

impl Default for OwnPath {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl<'de> Deserialize<'de> for OwnPath {
    /// What is not ours becomes the first page: a link that was made wrong is no reason to turn anybody away.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self::parse(&text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_gone_to() {
        for own in ["/", "/cli/verify?code=ABCD-EFGH", "/a/b?x=//y"] {
            assert_eq!(OwnPath::parse(own).unwrap().as_str(), own);
        }
        for other in [
            "",
            "sign-in",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: x=y",
            "/ä",
        ] {
            assert_eq!(OwnPath::parse(other), None, "{other:?}");
        }
        assert_eq!(OwnPath::parse(&format!("/{}", "x".repeat(3000))), None);
    }
}
