//! The egress guard at execution: which destination may be called, and to which addresses its name may lead.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use domain::config::Scheme;
use domain::egress::{self, Policy};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Addresses tried at most; all are checked.
const MAX_ADDRESSES: usize = 16;

/// The future of one look-up.
pub type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// How a host name becomes addresses.
///
/// The name is handed over absolute, with a trailing dot, so that no search domain is tried; only a
/// host of the operator's allow-list comes as it is written there (`localhost`, a name of the hosts
/// file).
#[derive(Clone)]
pub struct Lookup(Arc<dyn Fn(String) -> Looking + Send + Sync>);

impl Lookup {
    /// A look-up by the given function.
    pub fn new(lookup: impl Fn(String) -> Looking + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }

    fn start(&self, name: String) -> Looking {
        (self.0)(name)
    }
}

impl Default for Lookup {
    /// The operating system's resolver.
    fn default() -> Self {
        Self::new(|name| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        })
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookup")
    }
}

/// The guard refused a destination: no connection was made to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// A name that led to no address.
#[derive(Debug, thiserror::Error)]
#[error("the name {host} could not be resolved")]
pub(crate) struct Unresolved {
    pub(crate) host: String,
    #[source]
    pub(crate) source: Option<io::Error>,
}

/// What [`check`] found out about a destination that may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// The operator named exactly this host and port: its addresses are not checked.
    pub(crate) exempt: bool,
}

/// Every rule about a URL that needs no look-up: scheme, userinfo, fragment, name, port, literal
/// addresses.
pub(crate) fn check(policy: &Policy, url: &Url) -> Result<Allowed, Refused> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused(
            "the URL carries a user name or password".to_owned(),
        ));
    }
    if url.fragment().is_some() {
        return Err(Refused("the URL has a fragment".to_owned()));
    }
    let scheme = match url.scheme() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => return Err(Refused(format!("the scheme {other} is not allowed"))),
    };
    let (Some(host), Some(literal), Some(port)) =
        (url.host_str(), url.host(), url.port_or_known_default())
    else {
        return Err(Refused("the URL has no host".to_owned()));
    };
    if policy.exempt(host, port) {
        return Ok(Allowed { exempt: true });
    }
    match literal {
        Host::Domain(name) => policy
            .check_host(scheme, name, port)
            .map(|()| Allowed { exempt: false })
            .map_err(|why| Refused(format!("{name} {why}"))),
        // The client connects to a literal address without asking any resolver.
        Host::Ipv4(_) | Host::Ipv6(_) => Err(Refused(format!(
            "{host} is a literal address; only host names are allowed"
        ))),
    }
}

/// Checks the address that an answer came from.
pub(crate) fn check_address(allowed: Allowed, remote: Option<SocketAddr>) -> Result<(), Refused> {
    if allowed.exempt {
        return Ok(());
    }
    let Some(remote) = remote else {
        return Err(Refused("the address of the answer is not known".to_owned()));
    };
    match egress::address_refused(remote.ip()) {
        None => Ok(()),
        Some(why) => Err(Refused(format!("it is at a refused address: {why}"))),
    }
}

/// The resolver of one client: one look-up, every address checked, exactly those connected to.
pub(crate) struct Guard {
    pub(crate) lookup: Lookup,
    /// This client is only used for hosts of the operator's allow-list.
    pub(crate) exempt: bool,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().trim_end_matches('.').to_owned();
        let exempt = self.exempt;
        let looking = self.lookup.start(if exempt {
            host.clone()
        } else {
            format!("{host}.")
        });
        Box::pin(async move {
            let addresses = match looking.await {
                Ok(addresses) if !addresses.is_empty() => addresses,
                Ok(_) => return Err(Unresolved { host, source: None }.into()),
                Err(source) => {
                    return Err(Unresolved {
                        host,
                        source: Some(source),
                    }
                    .into());
                }
            };
            if !exempt {
                accept(&host, &addresses)?;
            }
            let connectable = addresses
                .into_iter()
                .take(MAX_ADDRESSES)
                .map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(connectable) as Addrs)
        })
    }
}

/// One refused address refuses the name: an attacker's zone mixes good and bad ones.
fn accept(host: &str, addresses: &[IpAddr]) -> Result<(), Refused> {
    match addresses.iter().find_map(|ip| egress::address_refused(*ip)) {
        None => Ok(()),
        Some(why) => Err(Refused(format!(
            "{host} leads to an address that is refused: {why}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allow: &str) -> Policy {
        Policy {
            allow: Policy::parse_allow(allow).unwrap(),
            ..Policy::default()
        }
    }

    fn refused(policy: &Policy, url: &str) -> bool {
        check(policy, &Url::parse(url).unwrap()).is_err()
    }

    #[test]
    fn literal_addresses_need_the_operators_word() {
        let none = Policy::default();
        for url in [
            "https://169.254.169.254/",
            "https://[::1]/",
            "https://2130706433/",
            "https://8.8.8.8/",
            "https://0xa9.254.0251.254/",
        ] {
            assert!(refused(&none, url), "{url}");
        }
        assert!(!refused(
            &policy("127.0.0.1:9000"),
            "http://127.0.0.1:9000/"
        ));
        assert!(refused(&policy("127.0.0.1:9000"), "http://127.0.0.1:9001/"));
    }

    #[test]
    fn an_exempt_host_may_not_carry_userinfo() {
        assert!(refused(
            &policy("127.0.0.1:9000"),
            "http://user:pass@127.0.0.1:9000/"
        ));
    }

    #[test]
    fn other_schemes_and_internal_names_are_refused() {
        let none = Policy::default();
        for url in [
            "gopher://api.example.com/",
            "http://api.example.com/",
            "https://localhost/",
            "https://metadata.google.internal/",
            "https://api.example.com:6379/",
        ] {
            assert!(refused(&none, url), "{url}");
        }
        assert!(!refused(&none, "https://api.example.com/"));
    }

    #[test]
    fn one_bad_address_refuses_the_name() {
        let good: IpAddr = "93.184.216.34".parse().unwrap();
        for bad in [
            "10.0.0.5",
            "127.0.0.1",
            "169.254.169.254",
            "::1",
            "::ffff:169.254.169.254",
            "fd00:ec2::254",
            "0.0.0.0",
        ] {
            assert!(accept("x.example", &[good, bad.parse().unwrap()]).is_err());
        }
        assert!(accept("x.example", &[good]).is_ok());
    }

    #[test]
    fn an_answer_from_a_refused_address_is_thrown_away() {
        let guarded = Allowed { exempt: false };
        assert!(check_address(guarded, "127.0.0.1:443".parse().ok()).is_err());
        assert!(check_address(guarded, None).is_err());
        assert!(check_address(guarded, "93.184.216.34:443".parse().ok()).is_ok());
        assert!(check_address(Allowed { exempt: true }, "127.0.0.1:443".parse().ok()).is_ok());
    }
}
