//! Patterns and paths. A pattern is kept by its parts, because each engine has its own best way to say it.

use std::fmt;

use crate::workload::Random;

const TOP: [&str; 16] = [
    "api-keys", "env", "db", "payments", "infra", "agents", "ci", "mail", "search", "billing",
    "chat", "models", "storage", "queues", "webhooks", "wallets",
];

const MIDDLE: [&str; 32] = [
    "production",
    "staging",
    "development",
    "openai",
    "anthropic",
    "stripe",
    "github",
    "aws",
    "gcp",
    "azure",
    "postgres",
    "redis",
    "kafka",
    "sendgrid",
    "twilio",
    "slack",
    "eu-west",
    "eu-north",
    "us-east",
    "us-west",
    "ap-south",
    "team-a",
    "team-b",
    "team-c",
    "team-d",
    "web",
    "worker",
    "scheduler",
    "gateway",
    "ledger",
    "reports",
    "archive",
];

const LAST: [&str; 12] = [
    "key", "token", "password", "url", "secret", "cert", "seed", "signing", "webhook", "dsn",
    "pin", "salt",
];

/// A path pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// `a/b/c`
    Literal(String),
    /// `a/b/*`: one more segment.
    Children(String),
    /// `a/b/**`: it and everything below.
    Below(String),
    /// `a/*/c`
    Middle(&'static str, &'static str),
    /// `a/b/web-*`: a segment that begins so.
    Beginning(String),
    /// `**/c`
    Named(&'static str),
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(path) => f.write_str(path),
            Self::Children(path) => write!(f, "{path}/*"),
            Self::Below(path) => write!(f, "{path}/**"),
            Self::Middle(first, last) => write!(f, "{first}/*/{last}"),
            Self::Beginning(path) => write!(f, "{path}*"),
            Self::Named(last) => write!(f, "**/{last}"),
        }
    }
}

impl Pattern {
    /// A path that it matches.
    pub fn example(&self, random: &mut Random) -> String {
        let last = random.pick(&LAST);
        match self {
            Self::Literal(path) => path.clone(),
            Self::Children(path) => format!("{path}/{last}"),
            Self::Below(path) if random.one_in(3) => {
                format!("{path}/{}/{last}", random.pick(&MIDDLE))
            }
            Self::Below(path) => format!("{path}/{last}"),
            Self::Middle(first, last) => format!("{first}/{}/{last}", random.pick(&MIDDLE)),
            Self::Beginning(path) => format!("{path}{last}"),
            Self::Named(last) => format!("{}/{last}", random.pick(&TOP)),
        }
    }
}

/// A pattern such as people write.
pub fn pattern(random: &mut Random) -> Pattern {
    let first = random.pick(&TOP);
    let middle = random.pick(&MIDDLE);
    let last = random.pick(&LAST);
    match random.below(20) {
        0..6 => Pattern::Below(format!("{first}/{middle}")),
        6..11 => Pattern::Children(format!("{first}/{middle}")),
        11..15 => Pattern::Literal(format!("{first}/{middle}/{last}")),
        15..17 => Pattern::Middle(first, last),
        17..19 => Pattern::Beginning(format!(
            "{first}/{middle}/{}-",
            random.pick(&["web", "api"])
        )),
        _ => Pattern::Named(last),
    }
}

/// Any path.
pub fn any(random: &mut Random) -> String {
    format!(
        "{}/{}/{}",
        random.pick(&TOP),
        random.pick(&MIDDLE),
        random.pick(&LAST)
    )
}

/// How many segments a path or pattern has.
#[must_use]
pub fn depth(path: &str) -> usize {
    path.split('/').count()
}
