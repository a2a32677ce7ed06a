//! Where a tool may send a call: the rules about names and ports, and about addresses.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::config::Scheme;
use crate::fault::Fault;

pub use address::address_refused;

mod address;

/// The ports that a tool may call.
pub const PORTS: [u16; 2] = [443, 8443];

/// Last labels of names that do not stand for hosts of the public internet (RFC 6761, RFC 6762,
/// RFC 7686, RFC 8375, ICANN's `internal`, and those that routers and companies use).
const INTERNAL_TLDS: [&str; 15] = [
    "alt",
    "arpa",
    "cluster",
    "corp",
    "home",
    "internal",
    "intra",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
];

/// A host and a port, as the operator wrote them down.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// Lower-case name, or an address; IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Why a text is no [`HostPort`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected host:port, such as localhost:8080 or [::1]:8080")]
pub struct HostPortError;

impl FromStr for HostPort {
    type Err = HostPortError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or(HostPortError)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => {
                let inner = rest.strip_suffix(']').ok_or(HostPortError)?;
                let address: Ipv6Addr = inner.parse().map_err(|_| HostPortError)?;
                address.to_string()
            }
            None => host.to_ascii_lowercase(),
        };
        let malformed = |c: char| c.is_whitespace() || c.is_control() || "/@?#\\[]*".contains(c);
        let six = host.parse::<Ipv6Addr>().is_ok();
        if host.is_empty() || host.contains(malformed) || (host.contains(':') && !six) {
            return Err(HostPortError);
        }
        // Digits alone: `parse` would take a sign.
        let port = Some(port)
            .filter(|port| port.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|port| port.parse().ok())
            .filter(|port| *port != 0)
            .ok_or(HostPortError)?;
        Ok(Self { host, port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// What the operator allows and forbids. The default allows the public internet over https and
/// nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Exempt from the rules on scheme, name, port and address (`EGRESS_ALLOW`).
    pub allow: Vec<HostPort>,
    /// Hosts of this product itself, `host` or `host:port`: a tool must not call back into it.
    pub own_hosts: Vec<String>,
}

impl Policy {
    /// Reads the operator's list: `host:port` entries with commas between them. Empty is nobody.
    ///
    /// # Errors
    /// A fault with code `invalid_egress_allow` that names the entry.
    pub fn parse_allow(list: &str) -> Result<Vec<HostPort>, Fault> {
        list.split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(|entry| {
                entry.parse().map_err(|error: HostPortError| {
                    Fault::new("", "invalid_egress_allow", format!("\"{entry}\": {error}"))
                        .hint("write exact host:port entries with commas between them")
                })
            })
            .collect()
    }

    /// Whether the operator listed exactly this host and port. Where this product itself is reached is never exempt: a tool
    /// that calls it could call itself for ever.
    pub fn exempt(&self, host: &str, port: u16) -> bool {
        let host = bare(host);
        let listed = |entry: &HostPort| entry.port == port && same_host(&entry.host, host);
        self.allow.iter().any(listed) && !self.is_itself(host, port)
    }

    /// Whether this product itself is reached there; an entry without a port means those of http and https.
    fn is_itself(&self, host: &str, port: u16) -> bool {
        self.own_hosts
            .iter()
            .any(|own| match own.parse::<HostPort>() {
                Ok(own) => own.port == port && same_host(&own.host, host),
                Err(HostPortError) => [80, 443].contains(&port) && same_host(bare(own), host),
            })
    }

    /// Whether a call may go to this host by its name alone; no look-up is made. Hosts that the
    /// operator listed pass; all others must be https, public DNS names, on one of [`PORTS`], and
    /// not ours.
    ///
    /// # Errors
    /// Why not, as the end of a sentence about the host.
    pub fn check_host(&self, scheme: Scheme, host: &str, port: u16) -> Result<(), String> {
        if self.exempt(host, port) {
            return Ok(());
        }
        if scheme != Scheme::Https {
            return Err("is not reached over https".to_owned());
        }
        if let Some(why) = name_refused(host) {
            return Err(why);
        }
        if !PORTS.contains(&port) {
            return Err(format!(
                "is called on port {port}; allowed are 443 and 8443"
            ));
        }
        let ours = self.own_hosts.iter().any(|own| match own.rsplit_once(':') {
            Some((name, own_port)) if !name.contains(':') => {
                own_port == port.to_string() && same_host(name, host)
            }
            _ => same_host(own, host),
        });
        if ours {
            return Err("is a host of this service itself".to_owned());
        }
        Ok(())
    }
}

/// Why a host is no public DNS name; `None` when it is one.
fn name_refused(host: &str) -> Option<String> {
    if bare(host).parse::<IpAddr>().is_ok() {
        return Some("is an address; a DNS name is needed".to_owned());
    }
    let labels: Vec<&str> = host.split('.').collect();
    let well_formed = host.len() <= 253 && labels.iter().all(|label| is_label(label));
    if !well_formed {
        return Some("is not a DNS name".to_owned());
    }
    let tld = labels
        .last()
        .copied()
        .unwrap_or_default()
        .to_ascii_lowercase();
    if INTERNAL_TLDS.contains(&tld.as_str()) {
        return Some(format!("is an internal name (.{tld})"));
    }
    if labels.len() < 2 {
        return Some("has one label only; a public DNS name has two or more".to_owned());
    }
    // No label of the public root is numeric, and what ends in a number is read as an address.
    let alphabetic = tld.starts_with("xn--") || tld.bytes().all(|b| b.is_ascii_alphabetic());
    if !alphabetic || tld.len() < 2 {
        return Some(format!("ends in \"{tld}\", which is no top-level domain"));
    }
    None
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

fn same_host(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || matches!((one.parse::<Ipv6Addr>(), other.parse::<Ipv6Addr>()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allow: &str) -> Policy {
        Policy {
            allow: Policy::parse_allow(allow).unwrap(),
            own_hosts: vec!["api.tools.example.org".into(), "db.example.co:8443".into()],
        }
    }

    #[test]
    fn public_names_pass() {
        for host in [
            "api.example.com",
            "a.b.c.d.example.co.uk",
            "xn--mnchen-3ya.de",
            "example.xn--p1ai",
            "a9fea9fe.nip.io",
            "make-1.2.3.4-rebind-169.254-169.254-rr.1u.ms",
            "API.Example.COM",
            "localhost.example.com",
        ] {
            for port in PORTS {
                let checked = policy("").check_host(Scheme::Https, host, port);
                assert_eq!(checked, Ok(()), "{host}:{port}");
            }
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for host in [
            "",
            ".",
            "localhost",
            "LOCALHOST",
            "foo.localhost",
            "localhost.localdomain",
            "metadata",
            "metadata.google.internal",
            "printer.local",
            "router.lan",
            "abcdefghijklmnop.onion",
            "1.0.0.127.in-addr.arpa",
            "127.0.0.1",
            "8.8.8.8",
            "127.0.1",
            "2130706433",
            "0xa9fea9fe",
            "0xa9.0xfe.0xa9.0xfe",
            "425.510.425.510",
            "example.0x7f",
            "[::1]",
            "::1",
            "[2606:4700::1111]",
            "example.com.",
            "example..com",
            "-a.example.com",
            "a-.example.com",
            "--1.sslip.io",
            "exa mple.com",
            "user@example.com",
            "exämple.com",
            "example.c",
            &format!("{}.com", "a".repeat(64)),
            &format!("{}com", "a.".repeat(130)),
        ] {
            let checked = policy("").check_host(Scheme::Https, host, 443);
            assert!(checked.is_err(), "{host}");
        }
    }

    #[test]
    fn other_ports_schemes_and_our_own_hosts_are_refused() {
        let policy = policy("");
        for (scheme, host, port) in [
            (Scheme::Http, "api.example.com", 80),
            (Scheme::Http, "api.example.com", 443),
            (Scheme::Https, "api.example.com", 80),
            (Scheme::Https, "api.example.com", 5432),
            (Scheme::Https, "api.tools.example.org", 443),
            (Scheme::Https, "API.tools.example.org", 8443),
            (Scheme::Https, "db.example.co", 8443),
        ] {
            assert!(
                policy.check_host(scheme, host, port).is_err(),
                "{host}:{port}"
            );
        }
        assert_eq!(
            policy.check_host(Scheme::Https, "db.example.co", 443),
            Ok(())
        );
    }

    #[test]
    fn the_operators_list_does_not_open_ourselves() {
        let mut policy = policy(
            "api.tools.example.org:443,api.tools.example.org:9000,db.example.co:8443,127.0.0.1:3000,[::1]:3000,127.0.0.1:9000",
        );
        policy.own_hosts.push("127.0.0.1:3000".into());
        policy.own_hosts.push("[::1]:3000".into());
        for (host, port, exempt) in [
            ("API.tools.example.org", 443, false),
            // Another server on the same machine.
            ("api.tools.example.org", 9000, true),
            ("db.example.co", 8443, false),
            ("127.0.0.1", 3000, false),
            ("[::1]", 3000, false),
            ("127.0.0.1", 9000, true),
        ] {
            assert_eq!(policy.exempt(host, port), exempt, "{host}:{port}");
            let checked = policy.check_host(Scheme::Http, host, port);
            assert_eq!(checked.is_ok(), exempt, "{host}:{port}");
        }
    }

    #[test]
    fn the_operators_list_is_exact() {
        let policy = policy("127.0.0.1:9000, LocalHost:8080,[::1]:9001,");
        for (host, port, exempt) in [
            ("127.0.0.1", 9000, true),
            ("localhost", 8080, true),
            ("LOCALHOST", 8080, true),
            ("::1", 9001, true),
            ("[0:0:0:0:0:0:0:1]", 9001, true),
            ("127.0.0.1", 9001, false),
            ("127.0.0.2", 9000, false),
            ("a.localhost", 8080, false),
            ("localhost.", 8080, false),
        ] {
            assert_eq!(policy.exempt(host, port), exempt, "{host}:{port}");
            let checked = policy.check_host(Scheme::Http, host, port);
            assert_eq!(checked.is_ok(), exempt, "{host}:{port}");
        }
    }

    #[test]
    fn lists_that_say_too_much_are_refused() {
        assert_eq!(Policy::parse_allow(""), Ok(vec![]));
        for list in [
            "localhost",
            "localhost:",
            ":80",
            "a:0",
            "a:+80",
            "a:65536",
            "*:80",
            "*.example.com:443",
            "http://localhost:80",
            "10.0.0.0/8:80",
            "::1:80:",
            "[::1:80",
            "a b:80",
            "a@b:80",
        ] {
            let fault = Policy::parse_allow(list).unwrap_err();
            assert_eq!(fault.code, "invalid_egress_allow", "{list}");
        }
        let listed = Policy::parse_allow("[::1]:80,a.b:443").unwrap();
        let written: Vec<String> = listed.iter().map(ToString::to_string).collect();
        assert_eq!(written, ["[::1]:80", "a.b:443"]);
    }
}
