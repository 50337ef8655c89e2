//! Sending, with an answer to one question: did it arrive?

use std::io;
use std::time::Duration;

use reqwest::Client;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use crate::{NotPublic, Reach, lookup, refused_literal, root_cause};

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

/// Posts a body. Whatever is not a status of success did not arrive.
///
/// # Errors
/// [`SendError`], which never repeats the URL.
pub async fn post(
    client: &Client,
    reach: Reach,
    url: &Url,
    headers: &[(&'static str, &str)],
    body: Vec<u8>,
) -> Result<(), SendError> {
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
        Ok(())
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

/// Sends bytes over a TCP connection of their own, ends it, and waits until the other side has read all of them and ended
/// it too. A side that goes away with bytes unread resets the connection, and one that is gone never ends it: either is
/// seen.
///
/// # Errors
/// [`SendError`].
pub async fn send_and_close(
    (host, port): (&str, u16),
    reach: Reach,
    within: Duration,
    bytes: &[u8],
) -> Result<(), SendError> {
    let sent = tokio::time::timeout(within, async {
        let addresses = lookup(host, port, reach).await?;
        let mut stream = TcpStream::connect(addresses.as_slice()).await?;
        stream.write_all(bytes).await?;
        stream.shutdown().await?;
        let mut answer = [0; 1024];
        while stream.read(&mut answer).await? > 0 {}
        Ok::<_, io::Error>(())
    });
    match sent.await {
        Err(_) => Err(SendError::Timeout),
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(
            match error
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<NotPublic>())
            {
                Some(refused) => SendError::NotPublic(*refused),
                None => SendError::Unreachable(error.to_string().chars().take(200).collect()),
            },
        ),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const WITHIN: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn what_was_read_to_its_end_has_arrived() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let reader = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut got = Vec::new();
            stream.read_to_end(&mut got).await.unwrap();
            got
        });
        let place = ("127.0.0.1", port);
        send_and_close(place, Reach::Anywhere, WITHIN, b"hello")
            .await
            .unwrap();
        assert_eq!(reader.await.unwrap(), b"hello");
        assert!(matches!(
            send_and_close(place, Reach::PublicOnly, WITHIN, b"hello").await,
            Err(SendError::NotPublic(_))
        ));
    }

    #[tokio::test]
    async fn what_was_left_unread_has_not_arrived() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let reader = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            // Something has come in for certain, and most of it stays unread.
            stream.read_u8().await.unwrap();
        });
        let much = vec![7; 1024];
        let sent = send_and_close(("127.0.0.1", port), Reach::Anywhere, WITHIN, &much).await;
        assert!(matches!(sent, Err(SendError::Unreachable(_))), "{sent:?}");
        reader.await.unwrap();
    }
}
