//! Client addresses and networks. IPv4-mapped IPv6 addresses (`::ffff:a.b.c.d`, RFC 4291 §2.5.5.2) are the IPv4
//! address they carry, everywhere.

use std::net::IpAddr;

use ipnet::IpNet;

/// A string that is neither an address nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseNetworkError {
    /// Not an address and not CIDR notation.
    #[error("`{0}` is not an IP address or CIDR network, such as `10.0.0.0/8` or `2001:db8::/32`")]
    Syntax(String),
    /// `10.0.0.1/8`: almost always a slip, so it is refused with the network that was probably meant.
    #[error("`{0}` has bits set beyond its prefix; write `{1}`")]
    HostBits(String, IpNet),
}

/// An address in its canonical family.
#[must_use]
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Parses `10.0.0.0/8`, `2001:db8::/32` or a single address.
///
/// # Errors
/// Says what is wrong and, for stray host bits, what was probably meant.
pub fn parse_network(text: &str) -> Result<IpNet, ParseNetworkError> {
    let syntax = || ParseNetworkError::Syntax(crate::path::excerpt(text));
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(canonical(address)));
    }
    let net: IpNet = text.parse().map_err(|_| syntax())?;
    if net.addr() != net.network() {
        return Err(ParseNetworkError::HostBits(
            crate::path::excerpt(text),
            net.trunc(),
        ));
    }
    match net {
        IpNet::V6(v6) if v6.prefix_len() >= 96 && v6.addr().to_ipv4_mapped().is_some() => {
            let IpAddr::V4(v4) = canonical(IpAddr::V6(v6.addr())) else {
                return Err(syntax());
            };
            ipnet::Ipv4Net::new(v4, v6.prefix_len() - 96)
                .map(IpNet::V4)
                .map_err(|_| syntax())
        }
        net => Ok(net),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_addresses_parse_in_both_families() {
        assert_eq!(
            parse_network("10.0.0.0/8").unwrap().to_string(),
            "10.0.0.0/8"
        );
        assert_eq!(
            parse_network("10.1.2.3").unwrap().to_string(),
            "10.1.2.3/32"
        );
        assert_eq!(
            parse_network("2001:db8::/32").unwrap().to_string(),
            "2001:db8::/32"
        );
        assert_eq!(
            parse_network("::ffff:10.0.0.0/104").unwrap().to_string(),
            "10.0.0.0/8"
        );
        assert_eq!(
            parse_network("::ffff:10.1.2.3").unwrap().to_string(),
            "10.1.2.3/32"
        );
    }

    #[test]
    fn slips_are_refused() {
        for bad in [
            "",
            "10.0.0.0/33",
            "10.0.0",
            "x",
            "10.0.0.0/",
            " 10.0.0.0/8",
            "::/129",
        ] {
            assert!(
                matches!(parse_network(bad), Err(ParseNetworkError::Syntax(_))),
                "{bad}"
            );
        }
        assert_eq!(
            parse_network("10.0.0.1/8").unwrap_err().to_string(),
            "`10.0.0.1/8` has bits set beyond its prefix; write `10.0.0.0/8`"
        );
    }
}
