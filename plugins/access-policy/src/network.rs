//! Networks, on addresses in their 128-bit form: an IPv4 address `a.b.c.d` is `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2).

use std::net::IpAddr;

use oneclaw_policy_sdk::IpAddress;

/// The prefix length of the block that holds the IPv4 addresses.
const MAPPED_PREFIX: u8 = 96;

/// A CIDR network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    base: [u64; 2],
    mask: [u64; 2],
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or a single address.
    ///
    /// # Errors
    /// Says what would be right.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        const SYNTAX: &str = "must be a network such as `10.0.0.0/8` or `2001:db8::/32`";
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| SYNTAX)?;
        let (base, shortest) = match address {
            IpAddr::V4(v4) => (v4.to_ipv6_mapped().to_bits(), MAPPED_PREFIX),
            IpAddr::V6(v6) => (v6.to_bits(), 0),
        };
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits
                .parse::<u8>()
                .ok()
                .and_then(|given| given.checked_add(shortest))
                .filter(|prefix| *prefix <= 128)
                .ok_or(SYNTAX)?,
            Some(_) => return Err(SYNTAX),
            None => 128,
        };
        let mask = u128::MAX
            .checked_shl(128 - u32::from(prefix))
            .unwrap_or_default();
        if base & !mask != 0 {
            return Err("must have no bits set beyond its prefix");
        }
        Ok(Self {
            base: halves(base),
            mask: halves(mask),
        })
    }

    /// Whether the network contains an address. An IPv6 network that is wider than the block of IPv4 addresses, such as
    /// `::/0`, contains none of these: it says "any IPv6 address".
    pub(crate) fn contains(&self, address: &IpAddress) -> bool {
        let is_v4 = address.high == 0 && address.low >> 32 == 0xffff;
        let [base_high, base_low] = self.base;
        let [mask_high, mask_low] = self.mask;
        let prefix_covers_v4_block = mask_low >> 32 == 0xffff_ffff;
        (address.high ^ base_high) & mask_high == 0
            && (address.low ^ base_low) & mask_low == 0
            && (prefix_covers_v4_block || !is_v4)
    }
}

const fn halves(bits: u128) -> [u64; 2] {
    [(bits >> 64) as u64, bits as u64]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipnet::{IpNet, Ipv4Net, Ipv6Net};
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn on_the_wire(address: IpAddr) -> IpAddress {
        let [high, low] = halves(match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits(),
        });
        IpAddress { high, low }
    }

    fn contains(network: &str, address: &str) -> bool {
        Network::parse(network)
            .unwrap()
            .contains(&on_the_wire(address.parse().unwrap()))
    }

    #[test]
    fn both_families_and_single_addresses_are_read() {
        assert!(contains("10.0.0.0/8", "10.255.1.2"));
        assert!(!contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("10.1.2.3", "10.1.2.3"));
        assert!(!contains("10.1.2.3", "10.1.2.4"));
        assert!(contains("0.0.0.0/0", "203.0.113.9"));
        assert!(contains("2001:db8::/32", "2001:db8:1::9"));
        assert!(contains("::ffff:10.0.0.0/104", "10.9.9.9"));
    }

    #[test]
    fn a_family_never_stands_for_the_other() {
        assert!(!contains("::/0", "10.0.0.1"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(!contains("::fffe:0:0/95", "10.0.0.1"));
    }

    #[test]
    fn slips_are_refused() {
        for bad in [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.1/8",
            "::1/64",
            "x",
            " 10.0.0.0/8",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "::ffff:10.0.0.1/104",
            "10.0.0.0/256",
        ] {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
    }

    fn network() -> impl Strategy<Value = IpNet> {
        prop_oneof![
            (any::<u32>(), 0u8..=32)
                .prop_map(|(bits, len)| IpNet::V4(Ipv4Net::new(bits.into(), len).unwrap().trunc())),
            (any::<u128>(), 0u8..=128)
                .prop_map(|(bits, len)| IpNet::V6(Ipv6Net::new(bits.into(), len).unwrap().trunc())),
        ]
    }

    /// Half of the addresses lie in the network, or differ from one that does in a single bit.
    fn network_and_address() -> impl Strategy<Value = (IpNet, IpAddr)> {
        (
            network(),
            any::<u128>(),
            any::<u8>(),
            any::<bool>(),
            any::<bool>(),
        )
            .prop_map(|(network, noise, bit, inside, flip)| {
                let flipped = u128::from(flip) << (bit % 128);
                let address = match network {
                    IpNet::V4(v4) if inside => {
                        let host = (noise as u32) & u32::from(v4.hostmask());
                        let flipped = u32::from(flip) << (bit % 32);
                        IpAddr::V4(Ipv4Addr::from((u32::from(v4.network()) | host) ^ flipped))
                    }
                    IpNet::V6(v6) if inside => {
                        let host = noise & u128::from(v6.hostmask());
                        IpAddr::V6(Ipv6Addr::from((u128::from(v6.network()) | host) ^ flipped))
                    }
                    _ if flip => IpAddr::V4(Ipv4Addr::from(noise as u32)),
                    _ => IpAddr::V6(Ipv6Addr::from(noise)),
                };
                (network, address.to_canonical())
            })
    }

    proptest! {
        #[test]
        fn agrees_with_ipnet((network, address) in network_and_address()) {
            let parsed = Network::parse(&network.to_string()).unwrap();
            prop_assert_eq!(
                parsed.contains(&on_the_wire(address)),
                network.contains(&address),
                "{} in {}", address, network
            );
        }
    }
}
