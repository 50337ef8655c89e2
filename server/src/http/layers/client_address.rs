//! Where a request comes from. `X-Forwarded-For` counts only as far as trusted proxies wrote it: the address is the
//! rightmost one that is not a trusted proxy's. A header from anybody else is noise, so that it can never satisfy an
//! IP allowlist.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use ipnet::IpNet;
use oneclaw_core::ip;

use crate::service::SharedServices;
use crate::service::caller::RequestContext;

/// Puts client address and time into the request.
pub async fn client_address(
    State(services): State<SharedServices>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = resolve(
        peer.ip(),
        request.headers(),
        &services.config.trusted_proxies,
    );
    request.extensions_mut().insert(RequestContext {
        client,
        at: services.clock.now(),
    });
    next.run(request).await
}

fn resolve(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let mut client = ip::canonical(peer);
    if !is_trusted(client) {
        return client;
    }
    // Several headers are one list, in order (RFC 9110 §5.3).
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    for text in forwarded.into_iter().rev() {
        let Some(address) = parse(text) else { break };
        client = ip::canonical(address);
        if !is_trusted(client) {
            break;
        }
    }
    client
}

/// An address, possibly in brackets, possibly with a port.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve_from(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        resolve(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_header_from_anyone_but_a_trusted_proxy_is_ignored() {
        assert_eq!(
            resolve_from("203.0.113.9", &["10.0.0.1"], &[]),
            "203.0.113.9"
        );
        assert_eq!(
            resolve_from("203.0.113.9", &["10.0.0.1"], &["10.0.0.0/8"]),
            "203.0.113.9"
        );
    }

    #[test]
    fn behind_trusted_proxies_the_rightmost_stranger_counts() {
        let trusted = ["10.0.0.0/8", "127.0.0.1/32"];
        assert_eq!(
            resolve_from("127.0.0.1", &["198.51.100.7"], &trusted),
            "198.51.100.7"
        );
        // The client itself wrote 10.9.9.9 to pass for an insider; the proxy appended the truth.
        assert_eq!(
            resolve_from("127.0.0.1", &["10.9.9.9, 198.51.100.7"], &trusted),
            "198.51.100.7"
        );
        assert_eq!(
            resolve_from("127.0.0.1", &["198.51.100.7, 10.0.0.2"], &trusted),
            "198.51.100.7"
        );
        assert_eq!(
            resolve_from("127.0.0.1", &["198.51.100.7", "10.0.0.2"], &trusted),
            "198.51.100.7"
        );
        assert_eq!(
            resolve_from("127.0.0.1", &["rubbish"], &trusted),
            "127.0.0.1"
        );
        assert_eq!(
            resolve_from("127.0.0.1", &["10.9.9.9, rubbish, 10.0.0.2"], &trusted),
            "10.0.0.2"
        );
        assert_eq!(resolve_from("127.0.0.1", &[], &trusted), "127.0.0.1");
    }

    #[test]
    fn mapped_addresses_brackets_and_ports_are_understood() {
        assert_eq!(resolve_from("::ffff:203.0.113.9", &[], &[]), "203.0.113.9");
        assert_eq!(
            resolve_from(
                "::ffff:127.0.0.1",
                &["[2001:db8::1]:443"],
                &["127.0.0.1/32"]
            ),
            "2001:db8::1"
        );
        assert_eq!(
            resolve_from("127.0.0.1", &["198.51.100.7:5000"], &["127.0.0.1/32"]),
            "198.51.100.7"
        );
    }
}
