//! Which addresses are not for tools: everything that is not globally routable unicast.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address must not be connected to; `None` means it is a public unicast address.
///
/// Covers the IANA special-purpose registries for IPv4 and IPv6 whole (also blocks that they call
/// globally reachable: no API lives there), every IPv6 form that carries an IPv4 address, and the
/// metadata services of cloud providers.
pub fn address_refused(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => v4_refused(ip),
        IpAddr::V6(ip) => v6_refused(ip),
    }
}

const METADATA: &str = "cloud metadata";

/// Metadata services, said first so that the reason is the useful one.
const V4_METADATA: [Ipv4Addr; 6] = [
    // AWS, Google Cloud, Azure, Oracle, DigitalOcean, OpenStack.
    Ipv4Addr::new(169, 254, 169, 254),
    // AWS: task credentials, pod identity.
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    // Azure's wire server: a public address that only answers inside.
    Ipv4Addr::new(168, 63, 129, 16),
    // Oracle.
    Ipv4Addr::new(192, 0, 0, 192),
    // Alibaba.
    Ipv4Addr::new(100, 100, 100, 200),
];

/// Blocks of IPv4: first address, prefix length, why.
const V4_BLOCKS: [(Ipv4Addr, u32, &str); 19] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared address space"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "IETF protocol assignments"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "AS112"),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "multicast tunnelling"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(192, 175, 48, 0), 24, "AS112"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarking"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(255, 255, 255, 255), 32, "broadcast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

fn v4_refused(ip: Ipv4Addr) -> Option<&'static str> {
    if V4_METADATA.contains(&ip) {
        return Some(METADATA);
    }
    V4_BLOCKS
        .iter()
        .find(|(start, length, _)| (ip.to_bits() ^ start.to_bits()) >> (32 - length) == 0)
        .map(|(_, _, why)| *why)
}

/// Blocks of IPv6: first address, prefix length, why. Whatever is not in `2000::/3` is refused
/// anyway; those blocks stand here for their reasons.
const V6_BLOCKS: [(Ipv6Addr, u32, &str); 21] = [
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified"),
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    (v6(0, 0, 0, 0, 0, 0xffff), 96, "IPv4-mapped"),
    (v6(0, 0, 0, 0, 0xffff, 0), 96, "IPv4-translated"),
    (Ipv6Addr::UNSPECIFIED, 96, "IPv4-compatible"),
    (v6(0x64, 0xff9b, 0, 0, 0, 0), 96, "NAT64"),
    (v6(0x64, 0xff9b, 1, 0, 0, 0), 48, "NAT64"),
    (v6(0x100, 0, 0, 0, 0, 0), 64, "discard-only"),
    (v6(0x2001, 0, 0, 0, 0, 0), 32, "Teredo"),
    (v6(0x2001, 0, 0, 0, 0, 0), 23, "IETF protocol assignments"),
    (v6(0x2001, 0xdb8, 0, 0, 0, 0), 32, "documentation"),
    (v6(0x2002, 0, 0, 0, 0, 0), 16, "6to4"),
    (v6(0x2620, 0x4f, 0x8000, 0, 0, 0), 48, "AS112"),
    (v6(0x3ffe, 0, 0, 0, 0, 0), 16, "6bone"),
    (v6(0x3fff, 0, 0, 0, 0, 0), 20, "documentation"),
    (v6(0x5f00, 0, 0, 0, 0, 0), 16, "segment routing"),
    (v6(0xfd00, 0xec2, 0, 0, 0, 0), 32, METADATA),
    (v6(0xfc00, 0, 0, 0, 0, 0), 7, "unique local"),
    (v6(0xfe80, 0, 0, 0, 0, 0), 10, "link-local"),
    (v6(0xfec0, 0, 0, 0, 0, 0), 10, "site-local"),
    (v6(0xff00, 0, 0, 0, 0, 0), 8, "multicast"),
];

const fn v6(a: u16, b: u16, c: u16, d: u16, e: u16, f: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, d, e, f, 0, 0)
}

fn v6_refused(ip: Ipv6Addr) -> Option<&'static str> {
    let block = V6_BLOCKS
        .iter()
        .find(|(start, length, _)| (ip.to_bits() ^ start.to_bits()) >> (128 - length) == 0);
    if let Some((_, _, why)) = block {
        return Some(why);
    }
    let [first, _, _, _, interface, marker, _, _] = ip.segments();
    // RFC 5214: an interface id of 0000:5efe or 0200:5efe and an IPv4 address.
    if interface & !0x0200 == 0 && marker == 0x5efe {
        return Some("ISATAP");
    }
    (first >> 13 != 0b001).then_some("not global unicast")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_pass() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "2001:200::1",
            "2a00:1450:4001:80b::200e",
            "2003::1",
            "2600:1f18::1",
            "3ffd::1",
        ] {
            assert_eq!(address_refused(text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn special_v4_addresses_are_refused() {
        for (text, why) in [
            ("0.0.0.0", "this network"),
            ("0.1.2.3", "this network"),
            ("0.255.255.255", "this network"),
            ("10.0.0.0", "private"),
            ("10.255.255.255", "private"),
            ("100.64.0.0", "shared address space"),
            ("100.127.255.255", "shared address space"),
            ("100.100.100.200", METADATA),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("169.254.0.1", "link-local"),
            ("169.254.100.1", "link-local"),
            ("169.254.169.254", METADATA),
            ("169.254.170.2", METADATA),
            ("169.254.170.23", METADATA),
            ("168.63.129.16", METADATA),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.8", "IETF protocol assignments"),
            ("192.0.0.192", METADATA),
            ("192.0.2.1", "documentation"),
            ("192.31.196.1", "AS112"),
            ("192.52.193.1", "multicast tunnelling"),
            ("192.88.99.1", "6to4 relay"),
            ("192.168.0.1", "private"),
            ("192.168.255.255", "private"),
            ("192.175.48.1", "AS112"),
            ("198.18.0.1", "benchmarking"),
            ("198.19.255.255", "benchmarking"),
            ("198.51.100.1", "documentation"),
            ("203.0.113.1", "documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "broadcast"),
        ] {
            assert_eq!(address_refused(text.parse().unwrap()), Some(why), "{text}");
        }
    }

    #[test]
    fn special_v6_addresses_are_refused() {
        for (text, why) in [
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::ffff:169.254.169.254", "IPv4-mapped"),
            ("::ffff:a9fe:a9fe", "IPv4-mapped"),
            ("::ffff:8.8.8.8", "IPv4-mapped"),
            ("::ffff:0:127.0.0.1", "IPv4-translated"),
            ("::127.0.0.1", "IPv4-compatible"),
            ("::2", "IPv4-compatible"),
            ("64:ff9b::a9fe:a9fe", "NAT64"),
            ("64:ff9b::8.8.8.8", "NAT64"),
            ("64:ff9b:1::a9fe:a9fe", "NAT64"),
            ("64:ff9b:1:ffff::1", "NAT64"),
            ("100::1", "discard-only"),
            ("100:0:0:1::1", "not global unicast"),
            ("2001::1", "Teredo"),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo"),
            ("2001:1::1", "IETF protocol assignments"),
            ("2001:2::1", "IETF protocol assignments"),
            ("2001:10::1", "IETF protocol assignments"),
            ("2001:20::1", "IETF protocol assignments"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::", "6to4"),
            ("2002:a9fe:a9fe::1", "6to4"),
            ("2620:4f:8000::1", "AS112"),
            ("3ffe::1", "6bone"),
            ("3fff::1", "documentation"),
            ("3fff:fff::1", "documentation"),
            ("5f00::1", "segment routing"),
            ("2a00:1450::5efe:10.0.0.1", "ISATAP"),
            ("2a00:1450::200:5efe:10.0.0.1", "ISATAP"),
            ("2a00:1450:1:2:0:5efe:8.8.8.8", "ISATAP"),
            ("fd00:ec2::254", METADATA),
            ("fd00:ec2::23", METADATA),
            ("fc00::1", "unique local"),
            ("fdff::1", "unique local"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
            ("4000::1", "not global unicast"),
            ("1fff::1", "not global unicast"),
            ("fe00::1", "not global unicast"),
        ] {
            assert_eq!(address_refused(text.parse().unwrap()), Some(why), "{text}");
        }
    }
}
