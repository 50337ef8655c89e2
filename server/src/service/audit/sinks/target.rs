//! Where a sink is.

use oneclaw_core::path::excerpt;
use oneclaw_outbound::{Reach, refused_literal};
use url::Url;

use super::super::super::error::{Result, ServiceError};

/// Longest target, in bytes.
const MAX_TARGET_BYTES: usize = 2048;
/// Longest name of a file, in bytes.
const MAX_FILE_BYTES: usize = 64;

/// A place that events can be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// Posted to, one event a line. `http` as well, where private targets are allowed.
    Https(Url),
    /// RFC 5424.
    Syslog {
        /// What it is carried by.
        over: Carrier,
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// A file of this name in the folder of the organisation.
    File(String),
}

/// What carries messages of syslog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// TCP, lengths before messages (RFC 6587 §3.4.1).
    Tcp,
    /// TLS, lengths before messages (RFC 5425).
    Tls,
    /// UDP, a datagram for each message (RFC 5426).
    Udp,
}

impl Carrier {
    const ALL: [Self; 3] = [Self::Tcp, Self::Tls, Self::Udp];

    /// What a target begins with; TCP is meant where nothing is said.
    fn scheme(self) -> &'static str {
        match self {
            Self::Tcp => "tcp://",
            Self::Tls => "tls://",
            Self::Udp => "udp://",
        }
    }

    /// Splits a target.
    fn split(target: &str) -> (Self, &str) {
        Self::ALL
            .into_iter()
            .find_map(|carrier| Some((carrier, target.strip_prefix(carrier.scheme())?)))
            .unwrap_or((Self::Tcp, target))
    }
}

impl Target {
    /// Reads what a caller wrote.
    ///
    /// # Errors
    /// Names the field at fault.
    pub(super) fn parse(kind: &str, target: &str) -> Result<Self> {
        if target.len() > MAX_TARGET_BYTES {
            return Err(wrong(format!("is longer than {MAX_TARGET_BYTES} bytes")));
        }
        match kind {
            "https" => {
                let url = Url::parse(target).ok();
                let url = url.filter(|url| {
                    matches!(url.scheme(), "https" | "http")
                        && url.host().is_some()
                        && url.username().is_empty()
                        && url.password().is_none()
                });
                url.map(Self::Https).ok_or_else(|| {
                    wrong("must be a URL that begins with `https://`, without a user or password; send those as `authorization`")
                })
            }
            "syslog" => {
                let (over, place) = Carrier::split(target);
                let place = place.rsplit_once(':').and_then(|(host, port)| {
                    let host = host.trim_start_matches('[').trim_end_matches(']');
                    let is_host = !host.is_empty()
                        && host
                            .chars()
                            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':'));
                    let port = port.parse().ok().filter(|port| *port > 0)?;
                    is_host.then(|| (host.to_owned(), port))
                });
                place
                    .map(|(host, port)| Self::Syslog { over, host, port })
                    .ok_or_else(|| {
                        wrong(
                            "must be a host and a port, such as `tls://logs.example.com:6514`; `tcp://` and `udp://` \
                             may stand before them as well",
                        )
                    })
            }
            "file" => {
                let is_name = !target.is_empty()
                    && target.len() <= MAX_FILE_BYTES
                    && target
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
                is_name.then(|| Self::File(target.to_owned())).ok_or_else(|| {
                    wrong(format!(
                        "must be a name of 1 to {MAX_FILE_BYTES} letters, digits, `-` and `_`; the server chooses the folder"
                    ))
                })
            }
            other => Err(ServiceError::field(
                "kind",
                format!(
                    "is `{}`; it must be `https`, `syslog` or `file`",
                    excerpt(other)
                ),
            )),
        }
    }

    /// Refuses at once what would be refused at every attempt.
    ///
    /// # Errors
    /// Names the field.
    pub(super) fn check_reach(&self, reach: Reach) -> Result<()> {
        let hint = "an administrator can allow that with the setting `allow_private_targets`";
        match self {
            Self::Https(url) if url.scheme() == "http" && reach == Reach::PublicOnly => Err(wrong(
                "must begin with `https://`: events must not travel in the clear",
            )),
            Self::Https(url) => match refused_literal(url, reach) {
                Some(refused) => Err(wrong(format!("{refused}; {hint}"))),
                None => Ok(()),
            },
            Self::Syslog { host, .. } => match host.parse() {
                Ok(address) if !reach.includes(address) => Err(wrong(format!(
                    "{} is not a public address; {hint}",
                    address
                ))),
                _ => Ok(()),
            },
            Self::File(_) => Ok(()),
        }
    }

    /// As it is stored; [`Target::parse`] reads it back.
    pub(super) fn as_stored(&self) -> String {
        match self {
            Self::Https(url) => url.to_string(),
            Self::Syslog { over, host, port } => {
                let scheme = match over {
                    Carrier::Tcp => "",
                    other => other.scheme(),
                };
                if host.contains(':') {
                    format!("{scheme}[{host}]:{port}")
                } else {
                    format!("{scheme}{host}:{port}")
                }
            }
            Self::File(name) => name.clone(),
        }
    }

    /// As much of it as may stand in an audit event: paths of URLs often hold keys.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Https(url) => url.host_str().unwrap_or_default().to_owned(),
            other => other.as_stored(),
        }
    }
}

fn wrong(message: impl std::fmt::Display) -> ServiceError {
    ServiceError::field("target", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_back_as_they_were_stored() {
        for (kind, text) in [
            ("https", "https://logs.example.com/in?x=1"),
            ("syslog", "logs.example.com:601"),
            ("syslog", "[2001:db8::1]:601"),
            ("syslog", "tls://logs.example.com:6514"),
            ("syslog", "udp://[2001:db8::1]:514"),
            ("file", "trail-1"),
        ] {
            let target = Target::parse(kind, text).unwrap();
            assert_eq!(target.as_stored(), text);
        }
        let named = Target::parse("syslog", "tcp://logs.example.com:601").unwrap();
        assert_eq!(named.as_stored(), "logs.example.com:601");
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for (kind, text) in [
            ("https", "ftp://example.com"),
            ("https", "https://user:pass@example.com"),
            ("https", "example.com"),
            ("syslog", "logs.example.com"),
            ("syslog", "logs.example.com:0"),
            ("syslog", ":601"),
            ("syslog", "a b:601"),
            ("syslog", "dtls://logs.example.com:601"),
            ("syslog", "udp://logs.example.com"),
            ("file", ""),
            ("file", "../x"),
            ("file", "a/b"),
            ("file", "a.b"),
            ("kafka", "x"),
        ] {
            assert!(Target::parse(kind, text).is_err(), "{kind} {text}");
        }
    }

    #[test]
    fn private_places_are_refused_unless_they_are_allowed() {
        for (kind, text) in [
            ("https", "https://127.0.0.1/"),
            ("https", "http://logs.example.com/"),
            ("syslog", "10.0.0.1:601"),
            ("syslog", "tls://10.0.0.1:6514"),
            ("syslog", "udp://127.0.0.1:514"),
            ("syslog", "[::1]:601"),
        ] {
            let target = Target::parse(kind, text).unwrap();
            assert!(target.check_reach(Reach::PublicOnly).is_err(), "{text}");
            assert!(target.check_reach(Reach::Anywhere).is_ok(), "{text}");
        }
    }
}
