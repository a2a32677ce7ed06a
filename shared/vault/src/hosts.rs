//! The hosts that a secret may be sent to. Pure.

use std::net::Ipv6Addr;

/// The port that a host without one means, where one is needed.
const HTTPS: u16 = 443;

/// The longest DNS name.
const MAX_HOST_BYTES: usize = 253;

/// The most hosts that one secret may have.
pub(crate) const MAX_HOSTS: usize = 20;

/// A host, with a port or without.
#[derive(Clone, Debug, PartialEq, Eq)]
struct HostEntry<'a> {
    host: &'a str,
    port: Option<u16>,
}

/// The entry in the form in which it is stored: lower case, the port only if it was given, an IPv6
/// address in brackets. The error says what an entry looks like.
pub(crate) fn normal(entry: &str) -> Result<String, &'static str> {
    const FORM: &str = "an allowed host reads api.example.com or api.example.com:8443: no scheme, no path, no wildcard";
    let lower = entry.trim().to_ascii_lowercase();
    let parsed = parse(&lower).ok_or(FORM)?;
    let name = parsed.host.trim_start_matches('[').trim_end_matches(']');
    let is_ipv6 = parsed.host.starts_with('[');
    let well_formed = if is_ipv6 {
        name.parse::<Ipv6Addr>().is_ok()
    } else {
        is_dns_name_or_ipv4(parsed.host)
    };
    if well_formed { Ok(lower) } else { Err(FORM) }
}

fn is_dns_name_or_ipv4(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    host.len() <= MAX_HOST_BYTES && host.split('.').all(label)
}

fn parse(entry: &str) -> Option<HostEntry<'_>> {
    let after_address = entry.rfind(']').map_or(0, |at| at + 1);
    match entry[after_address..].split_once(':') {
        None => Some(HostEntry {
            host: entry,
            port: None,
        }),
        Some((name, port)) => {
            let host = &entry[..after_address + name.len()];
            let digits = port.bytes().all(|b| b.is_ascii_digit());
            let port = port.parse().ok().filter(|port| digits && *port != 0)?;
            Some(HostEntry {
                host,
                port: Some(port),
            })
        }
    }
}

/// Whether a secret with these allowed hosts may be sent to this one. An entry without a port means
/// every port of the host; one with a port, that port. A target without a port means 443.
pub(crate) fn allows(allowed: &[String], target: &str) -> bool {
    let target = target.to_ascii_lowercase();
    let Some(target) = parse(&target) else {
        return false;
    };
    allowed
        .iter()
        .filter_map(|entry| parse(entry))
        .any(|entry| {
            let port = entry
                .port
                .is_none_or(|port| port == target.port.unwrap_or(HTTPS));
            entry.host.eq_ignore_ascii_case(target.host) && port
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_names_addresses_and_ports() {
        for (entry, stored) in [
            ("api.example.com", "api.example.com"),
            (" API.Example.com:8443 ", "api.example.com:8443"),
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("localhost:1", "localhost:1"),
            ("[::1]:9000", "[::1]:9000"),
            ("[2606:4700::1]", "[2606:4700::1]"),
        ] {
            assert_eq!(normal(entry).as_deref(), Ok(stored));
        }
    }

    #[test]
    fn refuses_what_is_no_host() {
        for bad in [
            "",
            "https://api.example.com",
            "api.example.com/path",
            "*.example.com",
            "user@example.com",
            "api.example.com:",
            "api.example.com:0",
            "api.example.com:+1",
            "api.example.com:65536",
            "api.example.com:1:2",
            "api..example.com",
            "api.example.com.",
            "exämple.com",
            "a b.com",
            "[::1",
            "[::1]x",
            "[evil]",
            "::1",
            "-a.com",
        ] {
            assert!(normal(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_goes_to_its_hosts_only() {
        let allowed = [
            "api.example.com".to_owned(),
            "b.example:8443".to_owned(),
            "[::1]:7".to_owned(),
        ];
        for yes in [
            "api.example.com",
            "API.example.com",
            "api.example.com:8443",
            "b.example:8443",
            "[::1]:7",
        ] {
            assert!(allows(&allowed, yes), "{yes}");
        }
        for no in [
            "example.com",
            "x.api.example.com",
            "b.example",
            "b.example:443",
            "[::1]",
            "evil.com",
            "api.example.com:x",
            "",
        ] {
            assert!(!allows(&allowed, no), "{no}");
        }
        assert!(allows(&["a.example:443".to_owned()], "a.example"));
        assert!(!allows(&[], "api.example.com"));
    }
}
