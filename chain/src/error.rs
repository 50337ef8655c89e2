//! What goes wrong between the server and a node.

use std::net::IpAddr;

use alloy::primitives::Bytes;

/// Longest text of a node that is kept, in characters.
const MAX_MESSAGE_CHARS: usize = 300;

/// Why there is no answer. The texts may be shown to users: they name hosts, never a path or query, which may hold keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// The chain has no URL.
    #[error("no RPC URL is set for chain `{chain}`; set one in the settings of the chain")]
    NoUrl {
        /// Name of the chain.
        chain: String,
    },
    /// No connection, a connection that broke, or an HTTP status other than 200.
    #[error("the node at `{host}` cannot be reached: {what}")]
    Unreachable {
        /// Where.
        host: String,
        /// What happened.
        what: String,
    },
    /// The node serves another chain.
    #[error(
        "the node at `{host}` serves chain {got}, not {expected}; correct its URL or the id of the chain"
    )]
    WrongChain {
        /// Where.
        host: String,
        /// The id in the settings.
        expected: u64,
        /// The id that the node gave.
        got: u64,
    },
    /// The host resolves to an address that is not public.
    #[error(
        "`{host}` resolves to {address}, which is not a public address; allow private addresses for this chain if that is meant"
    )]
    Forbidden {
        /// Where.
        host: String,
        /// What it resolves to.
        address: IpAddr,
    },
    /// No answer in time.
    #[error("the node at `{host}` did not answer in time")]
    Timeout {
        /// Where.
        host: String,
    },
    /// An answer that is not one.
    #[error("the node answered `{method}` with {what}")]
    BadAnswer {
        /// What was asked.
        method: &'static str,
        /// What is wrong with the answer.
        what: String,
    },
    /// The node understood and said no.
    #[error("the node answered: {message} (code {code})")]
    Node {
        /// Its code.
        code: i64,
        /// Its words: at most 300 characters, none of them control characters.
        message: String,
        /// What a contract reverted with, if the node told.
        data: Option<Bytes>,
    },
}

impl RpcError {
    /// Whether another node may do better: everything but an answer, and an answer that the node is too busy.
    pub(crate) const fn worth_another_node(&self) -> bool {
        match self {
            Self::Node { code, .. } => matches!(code, -32005 | 429),
            Self::NoUrl { .. } => false,
            _ => true,
        }
    }

    /// Whether the node does not know the method (JSON-RPC 2.0, and what some nodes say instead).
    pub(crate) fn is_unknown_method(&self) -> bool {
        match self {
            Self::Node { code: -32601, .. } => true,
            Self::Node { message, .. } => {
                let message = message.to_lowercase();
                message.contains("method not found")
                    || message.contains("method not supported")
                    || (message.contains("the method") && message.contains("does not exist"))
            }
            _ => false,
        }
    }
}

/// A stranger's words, made fit to be shown: bounded, and without control characters and those that turn the direction of
/// text.
pub fn tame(text: &str, most_chars: usize) -> String {
    text.chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'))
        .take(most_chars)
        .collect()
}

/// [`tame`] for messages.
pub fn tame_message(text: &str) -> String {
    tame(text, MAX_MESSAGE_CHARS)
}
