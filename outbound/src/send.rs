//! Sending, with an answer to one question: did it arrive?

use reqwest::Client;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::{NotPublic, Reach, refused_literal, root_cause};

/// Longest answer that is read, in bytes; nothing of it is used.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Why something did not arrive, or is not known to have.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Its address is out of reach.
    #[error("{0}; the server's settings can allow it")]
    NotPublic(#[from] NotPublic),
    /// Nobody answers in time.
    #[error("no answer in time")]
    Timeout,
    /// An answer that is not a success.
    #[error("it answers with HTTP status {0}")]
    Status(u16),
    /// A header that cannot be sent.
    #[error("a header holds characters that it must not")]
    Header,
    /// Anything else.
    #[error("{0}")]
    Unreachable(String),
}

/// Posts a body; answers with the status. Whatever is not a status of success did not arrive.
///
/// # Errors
/// [`SendError`], which never repeats the URL.
pub async fn post(
    client: &Client,
    reach: Reach,
    url: &Url,
    headers: &[(&'static str, &str)],
    body: Vec<u8>,
) -> Result<u16, SendError> {
    if let Some(refused) = refused_literal(url, reach) {
        return Err(refused.into());
    }
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let mut value = HeaderValue::from_str(value).map_err(|_| SendError::Header)?;
        value.set_sensitive(true);
        map.insert(HeaderName::from_static(name), value);
    }
    let mut response = client
        .post(url.clone())
        .headers(map)
        .body(body)
        .send()
        .await
        .map_err(|error| from_reqwest(&error))?;
    let status = response.status();
    let mut read = 0;
    // Read to its end, so that the connection can be used again.
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > MAX_ANSWER_BYTES {
            break;
        }
    }
    if status.is_success() {
        Ok(status.as_u16())
    } else {
        Err(SendError::Status(status.as_u16()))
    }
}

fn from_reqwest(error: &reqwest::Error) -> SendError {
    let cause = root_cause(error);
    if let Some(refused) = cause.downcast_ref::<NotPublic>() {
        SendError::NotPublic(*refused)
    } else if error.is_timeout() {
        SendError::Timeout
    } else {
        SendError::Unreachable(cause.to_string().chars().take(200).collect())
    }
}
