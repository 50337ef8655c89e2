//! What can go wrong, what to do about it, and the exit code that says so.

use serde_json::Value;

/// Exit codes. `docs/guides/command-line.md` has the table for users.
pub mod exit {
    /// It did not work.
    pub const FAILURE: u8 = 1;
    /// The command line was wrong; the parser of arguments uses the same code.
    pub const USAGE: u8 = 2;
    /// The server refused: a policy, a guardrail, a role.
    pub const DENIED: u8 = 3;
    /// A human has to approve first.
    pub const NEEDS_APPROVAL: u8 = 4;
    /// There is no server that would answer.
    pub const UNREACHABLE: u8 = 5;
    /// `env run`: the command is there and cannot be started.
    pub const NOT_EXECUTABLE: u8 = 126;
    /// `env run`: there is no such command.
    pub const NO_SUCH_COMMAND: u8 = 127;
}

/// The end of a command that did not work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server answered with a problem.
    #[error("API error ({}): {}", .0.status, .0.detail)]
    Refused(Box<Refusal>),
    /// No answer, or none of a oneclaw server. The message says what to do, so that it is one line.
    #[error("{0}")]
    Unreachable(String),
    /// The arguments make no sense together.
    #[error("{0}")]
    Usage(String),
    /// Something on this side.
    #[error("{message}")]
    Local {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Something waits for a human.
    #[error("{0}")]
    NeedsApproval(String),
    /// A command that `env run` could not start.
    #[error("{message}")]
    NotStarted {
        /// What is wrong.
        message: String,
        /// 126 or 127, as shells have it.
        code: u8,
    },
    /// Whoever read our output went away. Not worth a word.
    #[error("the reader of the output went away")]
    ClosedPipe,
}

/// A problem of the server's (RFC 9457).
#[derive(Debug)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// What is wrong.
    pub detail: String,
    /// `type`, where it is not `about:blank`.
    pub kind: Option<String>,
    /// The whole body.
    pub body: Value,
    /// Seconds, from `Retry-After`.
    pub retry_after: Option<u64>,
}

impl Failure {
    /// Something on this side, with nothing to suggest.
    pub fn local(message: impl Into<String>) -> Self {
        Self::Local {
            message: message.into(),
            hint: None,
        }
    }

    /// Something on this side, and what to do.
    pub fn hinted(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Local {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// A file or stream that did not do what it should.
    pub fn file(what: &std::path::Path, error: &std::io::Error) -> Self {
        Self::local(format!("{}: {error}", what.display()))
    }

    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            _ => None,
        }
    }

    /// What the shell gets.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(refusal) => refusal.exit_code(),
            Self::Unreachable(_) => exit::UNREACHABLE,
            Self::Usage(_) => exit::USAGE,
            Self::Local { .. } => exit::FAILURE,
            Self::NeedsApproval(_) => exit::NEEDS_APPROVAL,
            Self::NotStarted { code, .. } => *code,
            Self::ClosedPipe => 0,
        }
    }

    /// What to do next, if there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => refusal.hint(),
            Self::Local { hint, .. } => hint.clone(),
            Self::Usage(_) => Some("`--help` shows what the command takes".to_owned()),
            Self::Unreachable(_)
            | Self::NeedsApproval(_)
            | Self::NotStarted { .. }
            | Self::ClosedPipe => None,
        }
    }
}

impl Refusal {
    fn exit_code(&self) -> u8 {
        match (self.status, self.kind.as_deref()) {
            (_, Some("approval_required")) => exit::NEEDS_APPROVAL,
            (403, Some("resource_limit_exceeded")) => exit::FAILURE,
            (403, _) => exit::DENIED,
            _ => exit::FAILURE,
        }
    }

    fn member(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }

    fn hint(&self) -> Option<String> {
        if self.kind.as_deref() == Some("approval_required") {
            let id = self.member("approval_request_id").unwrap_or("the request");
            return Some(format!("a human has to approve {id}; run this again then"));
        }
        match self.status {
            401 => Some(
                "sign in with `1claw login`, or set ONECLAW_TOKEN or ONECLAW_API_KEY".to_owned(),
            ),
            403 => self
                .member("decision_id")
                .map(|id| format!("`1claw decision explain {id}` says why")),
            429 => self
                .retry_after
                .map(|seconds| format!("try again in {seconds} s")),
            500.. => self
                .member("request_id")
                .map(|id| format!("the log of the server has more, under request {id}")),
            _ => None,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Self::ClosedPipe
        } else {
            Self::local(error.to_string())
        }
    }
}
