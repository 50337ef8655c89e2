#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod addresses;
mod raw;
mod send;

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use url::{Host, Url};

pub use addresses::is_public;
pub use raw::{send_and_close, send_datagrams, send_over_tls};
/// What [`client`] makes.
pub use reqwest::Client;
pub use send::{SendError, post};

/// Which addresses may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those of the public internet.
    PublicOnly,
    /// Every one.
    Anywhere,
}

impl Reach {
    /// Whether an address is within reach.
    #[must_use]
    pub fn includes(self, address: IpAddr) -> bool {
        self == Self::Anywhere || is_public(address)
    }
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// For a connection.
    pub connect: Duration,
    /// For one request, connection and body included.
    pub request: Duration,
}

/// An address that is out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotPublic(pub IpAddr);

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a public address", self.0)
    }
}

impl Error for NotPublic {}

/// Installs ring as the TLS provider of the process, if none is installed yet. Any number of calls do no harm.
pub fn install_tls() {
    // The only failure is that a provider is there already, which is what was wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// No redirects, no proxy, no cookies, no compression, every wait bounded.
///
/// # Errors
/// When TLS cannot be set up.
pub fn client(reach: Reach, waits: Waits) -> Result<Client, reqwest::Error> {
    install_tls();
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(waits.connect)
        .timeout(waits.request);
    if reach == Reach::PublicOnly {
        builder = builder.dns_resolver(PublicOnly);
    }
    builder.build()
}

/// The address that a URL names as such, if it is out of reach. No resolver is asked about it when it is connected to, so
/// this must be asked.
#[must_use]
pub fn refused_literal(url: &Url, reach: Reach) -> Option<NotPublic> {
    literal(url)
        .filter(|address| !reach.includes(*address))
        .map(NotPublic)
}

/// The address, if that is what the host is.
#[must_use]
pub fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

/// The addresses of a host that are within reach; the host may be an address itself. Connect to these, and not to the name.
///
/// # Errors
/// Those of the resolver, and [`NotPublic`] when there are addresses and all are out of reach.
pub async fn lookup(host: &str, port: u16, reach: Reach) -> std::io::Result<Vec<SocketAddr>> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    let (within, others): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|found| reach.includes(found.ip()));
    match others.first() {
        Some(other) if within.is_empty() => Err(std::io::Error::new(
            std::io::ErrorKind::PermissionDenied,
            NotPublic(other.ip()),
        )),
        _ => Ok(within),
    }
}

/// The innermost error. The outer ones repeat the URL, which may hold a key.
#[must_use]
pub fn root_cause(error: &reqwest::Error) -> &(dyn Error + 'static) {
    let mut cause: &(dyn Error + 'static) = error;
    loop {
        // What an I/O error wraps is not its source.
        let wrapped = cause
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .map(|inner| inner as &(dyn Error + 'static));
        match wrapped.or_else(|| cause.source()) {
            Some(inner) => cause = inner,
            None => return cause,
        }
    }
}

/// Leaves out what is not public. It is asked for every new connection, and the connection goes to what it answers.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = lookup(name.as_str(), 0, Reach::PublicOnly).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS: Waits = Waits {
        connect: Duration::from_secs(20),
        request: Duration::from_secs(20),
    };

    #[test]
    fn an_address_that_is_written_as_such_is_seen() {
        let refused = |url: &str, reach| refused_literal(&url.parse().unwrap(), reach);
        for url in [
            "https://127.0.0.1/x",
            "https://[::1]:80/",
            "http://0x7f000001/",
            "http://2130706433/",
        ] {
            assert!(refused(url, Reach::PublicOnly).is_some(), "{url}");
            assert_eq!(refused(url, Reach::Anywhere), None, "{url}");
        }
        assert_eq!(refused("https://1.1.1.1/", Reach::PublicOnly), None);
        assert_eq!(refused("https://localhost/", Reach::PublicOnly), None);
    }

    #[tokio::test]
    async fn a_name_behind_which_there_is_nothing_public_is_not_connected_to() {
        let client = client(Reach::PublicOnly, WAITS).unwrap();
        let error = client.get("http://localhost:9/").send().await.unwrap_err();
        let cause = root_cause(&error);
        assert!(cause.downcast_ref::<NotPublic>().is_some(), "{cause:?}");
        assert!(lookup("localhost", 9, Reach::PublicOnly).await.is_err());
        assert!(
            !lookup("localhost", 9, Reach::Anywhere)
                .await
                .unwrap()
                .is_empty()
        );
    }
}
