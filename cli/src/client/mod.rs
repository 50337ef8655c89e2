//! The server over HTTP. Every call has a deadline, no redirect is followed, and every answer becomes either JSON or one
//! clear sentence.

mod answer;
mod encode;

use std::time::{Duration, Instant};

use serde_json::Value;
use zeroize::Zeroizing;

pub use self::answer::{items, text};
pub use self::encode::{path, query, segment};
use crate::failure::Failure;

/// How long it may take to get a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// A request that is refused with 429 is repeated by itself if the server wants to be left alone for no longer than this.
/// Nothing was done by a request that got 429.
const LONGEST_WAIT_SECONDS: u64 = 10;

/// How often that happens at most.
const MOST_WAITS: usize = 30;
/// Least pause before bytes are sent again: they are many.
const UPLOAD_PAUSE_SECONDS: u64 = 3;
/// For how long they are sent again.
const LONGEST_UPLOAD: Duration = Duration::from_secs(600);

/// Connections, shared by everything that speaks to the server.
#[derive(Clone)]
pub struct Connection {
    agent: ureq::Agent,
    timeout: Duration,
}

impl Connection {
    /// Every call ends within `timeout`, body and all.
    pub fn new(timeout: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .timeout_connect(Some(CONNECT.min(timeout)))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("oneclaw-cli/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.into(),
            timeout,
        }
    }
}

/// Speaks to one server, with one credential or none.
pub struct Client {
    connection: Connection,
    url: String,
    credential: Option<Zeroizing<String>>,
}

/// The methods that the API has.
#[derive(Clone, Copy)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes, or does.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl Client {
    /// See [`Context`](crate::context::Context), which knows URL and credential.
    pub fn new(connection: Connection, url: &str, credential: Option<Zeroizing<String>>) -> Self {
        Self {
            connection,
            url: url.to_owned(),
            credential,
        }
    }

    /// Reads.
    ///
    /// # Errors
    /// No answer, or a problem.
    pub fn get(&self, route: &str) -> Result<Value, Failure> {
        self.send(Method::Get, route, None, &[])
    }

    /// Makes, or does.
    ///
    /// # Errors
    /// No answer, or a problem.
    pub fn post(&self, route: &str, body: &Value) -> Result<Value, Failure> {
        self.send(Method::Post, route, Some(body), &[])
    }

    /// Does something that needs no body.
    ///
    /// # Errors
    /// No answer, or a problem.
    pub fn post_empty(&self, route: &str) -> Result<Value, Failure> {
        self.send(Method::Post, route, None, &[])
    }

    /// Replaces.
    ///
    /// # Errors
    /// No answer, or a problem.
    pub fn put(&self, route: &str, body: &Value) -> Result<Value, Failure> {
        self.send(Method::Put, route, Some(body), &[])
    }

    /// Changes.
    ///
    /// # Errors
    /// No answer, or a problem.
    pub fn patch(&self, route: &str, body: &Value) -> Result<Value, Failure> {
        self.send(Method::Patch, route, Some(body), &[])
    }

    /// Removes.
    ///
    /// # Errors
    /// No answer, or a problem.
    pub fn delete(&self, route: &str) -> Result<Value, Failure> {
        self.send(Method::Delete, route, None, &[])
    }

    /// Anything, with more headers. Waits when the server asks for a short while.
    ///
    /// # Errors
    /// No answer, or a problem.
    pub fn send(
        &self,
        method: Method,
        route: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Result<Value, Failure> {
        let mut waits = 0;
        loop {
            match self.once(method, route, body, headers) {
                Err(Failure::Refused(refusal)) if refusal.status == 429 && waits < MOST_WAITS => {
                    match refusal.retry_after {
                        Some(seconds) if seconds <= LONGEST_WAIT_SECONDS => {
                            waits += 1;
                            std::thread::sleep(Duration::from_secs(seconds.max(1)));
                        }
                        _ => return Err(Failure::Refused(refusal)),
                    }
                }
                other => return other,
            }
        }
    }

    fn once(
        &self,
        method: Method,
        route: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Result<Value, Failure> {
        let mut request = self.request(method, route, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let agent = &self.connection.agent;
        let sent = match body {
            Some(body) => {
                let bytes = serde_json::to_vec(body).map(Zeroizing::new);
                let bytes = bytes.map_err(|error| Failure::local(error.to_string()))?;
                agent.run(
                    request
                        .body(bytes.as_slice())
                        .map_err(|error| malformed(&error))?,
                )
            }
            None => agent.run(request.body(()).map_err(|error| malformed(&error))?),
        };
        sent.and_then(answer::Answer::read)
            .map_err(|error| self.unreachable(&error))
            .and_then(|answer| answer.value(&self.url))
    }

    /// Sends bytes that are no JSON. The server may be longer at work on them than a request may last: then it says when to
    /// send them again, and finds what it has done by then.
    ///
    /// # Errors
    /// No answer, or a problem.
    pub fn upload(&self, route: &str, content_type: &str, body: &[u8]) -> Result<Value, Failure> {
        let begun = Instant::now();
        loop {
            let refusal = match self.upload_once(route, content_type, body) {
                Err(Failure::Refused(refusal)) => refusal,
                other => return other,
            };
            let wait = match (refusal.status, refusal.retry_after) {
                (429 | 503, Some(seconds)) => {
                    Duration::from_secs(seconds.max(UPLOAD_PAUSE_SECONDS))
                }
                _ => return Err(Failure::Refused(refusal)),
            };
            if wait > LONGEST_UPLOAD.saturating_sub(begun.elapsed()) {
                return Err(Failure::Refused(refusal));
            }
            std::thread::sleep(wait);
        }
    }

    fn upload_once(&self, route: &str, content_type: &str, body: &[u8]) -> Result<Value, Failure> {
        let request = self
            .request(Method::Post, route, content_type)
            .body(body)
            .map_err(|error| malformed(&error))?;
        let sent = self.connection.agent.run(request);
        sent.and_then(answer::Answer::read)
            .map_err(|error| self.unreachable(&error))
            .and_then(|answer| answer.value(&self.url))
    }

    fn request(
        &self,
        method: Method,
        route: &str,
        content_type: &str,
    ) -> ureq::http::request::Builder {
        let request = ureq::http::Request::builder()
            .method(method.word())
            .uri(format!("{}{route}", self.url))
            .header("content-type", content_type)
            .header("accept", "application/json");
        match &self.credential {
            Some(credential) => {
                let bearer = Zeroizing::new(format!("Bearer {}", credential.as_str()));
                request.header("authorization", bearer.as_str())
            }
            None => request,
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        answer::unreachable(&self.url, self.connection.timeout, error)
    }

    /// Gets something of any size, piece by piece. It may take any time, as long as something arrives.
    ///
    /// # Errors
    /// No answer, a problem, or `take` does not take a piece.
    pub fn download(
        &self,
        route: &str,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let agent = &self.connection.agent;
        let request = self
            .request(Method::Get, route, "application/json")
            .body(())
            .map_err(|error| malformed(&error))?;
        let request = agent
            .configure_request(request)
            .timeout_global(None)
            .timeout_recv_response(Some(self.connection.timeout))
            .timeout_per_read(Some(self.connection.timeout))
            .build();
        let response = agent
            .run(request)
            .map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            let answer =
                answer::Answer::read(response).map_err(|error| self.unreachable(&error))?;
            return answer.value(&self.url).map(|_| ());
        }
        let mut body = response
            .into_body()
            .into_with_config()
            .limit(u64::MAX)
            .reader();
        let mut piece = vec![0; 64 * 1024];
        loop {
            let length = std::io::Read::read(&mut body, &mut piece)
                .map_err(|error| self.unreachable(&ureq::Error::from(error)))?;
            match piece.get(..length) {
                Some([]) | None => return Ok(()),
                Some(bytes) => take(bytes)?,
            }
        }
    }
}

fn malformed(error: &ureq::http::Error) -> Failure {
    Failure::Usage(format!("the request cannot be made: {error}"))
}
