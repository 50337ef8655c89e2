//! Sending without HTTP: over TCP, TLS and UDP.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::send::SendError;
use crate::{NotPublic, Reach, install_tls, lookup};

/// Datagrams that are sent without a pause. Receivers keep about as many in their buffers; arbitrary.
const BURST: usize = 16;
/// The pause after so many.
const BREATH: Duration = Duration::from_millis(1);
/// How long to listen for the word that a port is closed.
const ECHO: Duration = Duration::from_millis(100);

/// Sends bytes over a TCP connection of their own, ends it, and waits until the other side has read all of them and ended
/// it too. A side that goes away with bytes unread resets the connection, and one that is gone never ends it: either is
/// seen.
///
/// # Errors
/// [`SendError`].
pub async fn send_and_close(
    place: (&str, u16),
    reach: Reach,
    within: Duration,
    bytes: &[u8],
) -> Result<(), SendError> {
    in_time(within, async {
        let mut stream = connect(place, reach).await?;
        deliver(&mut stream, bytes).await
    })
    .await
}

/// As [`send_and_close`], over TLS: to whom the system's certificates vouch for under this name or address.
///
/// # Errors
/// [`SendError`].
pub async fn send_over_tls(
    place: (&str, u16),
    reach: Reach,
    within: Duration,
    bytes: &[u8],
) -> Result<(), SendError> {
    install_tls();
    let config = ClientConfig::with_platform_verifier()
        .map_err(|error| SendError::Unreachable(shortened(&error)))?;
    send_secured(place, reach, within, bytes, config).await
}

async fn send_secured(
    (host, port): (&str, u16),
    reach: Reach,
    within: Duration,
    bytes: &[u8],
    config: ClientConfig,
) -> Result<(), SendError> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| SendError::Unreachable(shortened(&error)))?;
    in_time(within, async {
        let stream = connect((host, port), reach).await?;
        let connector = TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(name, stream).await?;
        match deliver(&mut stream, bytes).await {
            // It has ended the connection below, and spared itself the word of TLS for that.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            other => other,
        }
    })
    .await
}

/// Sends each message as a datagram of its own. Nothing says that they arrive; that nobody is there is noticed where the
/// other side, or something on the way, says so.
///
/// # Errors
/// [`SendError`]; then some may have been sent.
pub async fn send_datagrams(
    (host, port): (&str, u16),
    reach: Reach,
    within: Duration,
    messages: &[Vec<u8>],
) -> Result<(), SendError> {
    in_time(within, async {
        let found = lookup(host, port, reach).await?;
        let to = found.first().ok_or(io::ErrorKind::NotFound)?;
        let from = match to {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = UdpSocket::bind(from).await?;
        socket.connect(to).await?;
        for burst in messages.chunks(BURST) {
            for message in burst {
                socket.send(message).await?;
            }
            tokio::time::sleep(BREATH).await;
        }
        match timeout(ECHO, socket.recv(&mut [0; 16])).await {
            Ok(Err(error)) => Err(error),
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    })
    .await
}

async fn connect((host, port): (&str, u16), reach: Reach) -> io::Result<TcpStream> {
    let addresses = lookup(host, port, reach).await?;
    TcpStream::connect(addresses.as_slice()).await
}

/// Sends everything, and waits for the other side to end it.
async fn deliver(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    bytes: &[u8],
) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.shutdown().await?;
    let mut answer = [0; 1024];
    while stream.read(&mut answer).await? > 0 {}
    Ok(())
}

async fn in_time(
    within: Duration,
    sending: impl Future<Output = io::Result<()>>,
) -> Result<(), SendError> {
    match timeout(within, sending).await {
        Err(_) => Err(SendError::Timeout),
        Ok(sent) => sent.map_err(|error| {
            let inner = error.get_ref();
            match inner.and_then(|inner| inner.downcast_ref::<NotPublic>()) {
                Some(refused) => SendError::NotPublic(*refused),
                None => SendError::Unreachable(shortened(&error)),
            }
        }),
    }
}

fn shortened(error: &impl ToString) -> String {
    error.to_string().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{RootCertStore, ServerConfig};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

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

    /// One that takes what is sent, and a client's settings that trust it.
    async fn tls_receiver() -> (
        u16,
        ClientConfig,
        tokio::task::JoinHandle<io::Result<Vec<u8>>>,
    ) {
        crate::install_tls();
        // It vouches for itself.
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let cert = cert.der().clone();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let server = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![cert.clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(cert).unwrap();
        let trusting = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let receiver = tokio::spawn(async move {
            let (stream, _) = listener.accept().await?;
            let mut stream = TlsAcceptor::from(Arc::new(server)).accept(stream).await?;
            let mut got = Vec::new();
            stream.read_to_end(&mut got).await?;
            stream.shutdown().await?;
            Ok(got)
        });
        (port, trusting, receiver)
    }

    #[tokio::test]
    async fn what_goes_over_tls_arrives_at_whom_the_certificate_names() {
        let (port, trusting, receiver) = tls_receiver().await;
        let place = ("localhost", port);
        send_secured(place, Reach::Anywhere, WITHIN, b"hello", trusting)
            .await
            .unwrap();
        assert_eq!(receiver.await.unwrap().unwrap(), b"hello");
    }

    #[tokio::test]
    async fn nothing_is_sent_over_tls_to_whom_nobody_trusts_or_who_has_another_name() {
        let (port, _, receiver) = tls_receiver().await;
        let sent = send_over_tls(("localhost", port), Reach::Anywhere, WITHIN, b"hello").await;
        assert!(matches!(sent, Err(SendError::Unreachable(_))), "{sent:?}");
        assert!(receiver.await.unwrap().is_err());

        let (port, trusting, receiver) = tls_receiver().await;
        let place = ("127.0.0.1", port);
        let sent = send_secured(place, Reach::Anywhere, WITHIN, b"hello", trusting).await;
        assert!(matches!(sent, Err(SendError::Unreachable(_))), "{sent:?}");
        assert!(receiver.await.unwrap().is_err());
    }

    #[tokio::test]
    async fn datagrams_arrive_one_by_one_and_a_closed_port_is_noticed() {
        let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let place = ("127.0.0.1", receiver.local_addr().unwrap().port());
        let messages: Vec<Vec<u8>> = (0..40_u8).map(|n| vec![n; 100]).collect();
        send_datagrams(place, Reach::Anywhere, WITHIN, &messages)
            .await
            .unwrap();
        let mut got = [0; 1024];
        for message in &messages {
            let length = receiver.recv(&mut got).await.unwrap();
            assert_eq!(&got[..length], message);
        }
        drop(receiver);
        let sent = send_datagrams(place, Reach::Anywhere, WITHIN, &messages).await;
        assert!(matches!(sent, Err(SendError::Unreachable(_))), "{sent:?}");
        let sent = send_datagrams(place, Reach::PublicOnly, WITHIN, &messages).await;
        assert!(matches!(sent, Err(SendError::NotPublic(_))), "{sent:?}");
    }
}
