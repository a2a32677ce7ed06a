//! The HTTP clients, one a workspace, and the TLS setup that they share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use domain::ids::WorkspaceId;
use reqwest::Client;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::guard::{Guard, Lookup};
use super::stopped::{Cause, Stopped};

/// Clients kept at most. The one that was idle for longest makes room.
const MAX_CLIENTS: usize = 128;
/// Idle connections kept for one host, per client.
const MAX_IDLE: usize = 64;
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(60);
/// Response headers accepted; an answer with more breaks off.
const MAX_HEADERS: usize = 128;

/// What tells one client from another. Connections are never shared over these lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientKey {
    /// No connection pool is shared between tenants.
    pub(crate) workspace_id: WorkspaceId,
    /// Used only for hosts of the operator's allow-list, whose addresses are not checked.
    pub(crate) exempt: bool,
    /// `https`; a plain client needs no root certificates.
    pub(crate) tls: bool,
    /// Name look-up, TCP and TLS together.
    pub(crate) connect_timeout: Duration,
}

struct Open {
    client: Client,
    used: u64,
}

#[derive(Default)]
struct Cache {
    open: HashMap<ClientKey, Open>,
    clock: u64,
}

/// A bounded cache of clients; everything in it is made on first use.
pub(crate) struct Clients {
    lookup: Lookup,
    extra_roots: Vec<Vec<u8>>,
    /// Reading the root certificates costs milliseconds, so it happens once and only for `https`.
    tls: OnceLock<Result<ClientConfig, String>>,
    cache: Mutex<Cache>,
}

impl Clients {
    pub(crate) fn new(lookup: Lookup, extra_roots: Vec<Vec<u8>>) -> Self {
        Self {
            lookup,
            extra_roots,
            tls: OnceLock::new(),
            cache: Mutex::default(),
        }
    }

    /// The client of this key.
    pub(crate) fn get(&self, key: ClientKey) -> Result<Client, Stopped> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.clock += 1;
        let now = cache.clock;
        if let Some(open) = cache.open.get_mut(&key) {
            open.used = now;
            return Ok(open.client.clone());
        }
        let client = self.build(key)?;
        if cache.open.len() >= MAX_CLIENTS {
            let oldest = cache.open.iter().min_by_key(|(_, open)| open.used);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                cache.open.remove(&oldest);
            }
        }
        let kept = client.clone();
        cache.open.insert(
            key,
            Open {
                client: kept,
                used: now,
            },
        );
        Ok(client)
    }

    fn build(&self, key: ClientKey) -> Result<Client, Stopped> {
        let guard = Guard {
            lookup: self.lookup.clone(),
            exempt: key.exempt,
        };
        Client::builder()
            .tls_backend_preconfigured(self.tls(key.tls)?)
            .dns_resolver(Arc::new(guard))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .http1_only()
            .http1_max_headers(MAX_HEADERS)
            .tcp_nodelay(true)
            .connect_timeout(key.connect_timeout)
            .pool_max_idle_per_host(MAX_IDLE)
            .pool_idle_timeout(IDLE)
            .build()
            .map_err(no_client)
    }

    fn tls(&self, roots: bool) -> Result<ClientConfig, Stopped> {
        if !roots {
            return plain().map_err(no_client);
        }
        self.tls
            .get_or_init(|| with_roots(&self.extra_roots))
            .clone()
            .map_err(no_client)
    }
}

/// A setup that trusts nobody, for clients that only ever speak plain HTTP.
fn plain() -> Result<ClientConfig, String> {
    static PLAIN: OnceLock<Result<ClientConfig, String>> = OnceLock::new();
    PLAIN
        .get_or_init(|| {
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            Ok(ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth())
        })
        .clone()
}

/// The platform's root certificates and the given ones (PEM).
fn with_roots(extra: &[Vec<u8>]) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut certificates = Vec::new();
    for pem in extra {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            certificates.push(certificate.map_err(|error| error.to_string())?);
        }
    }
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(
        certificates,
        Arc::clone(&provider),
    )
    .map_err(|error| error.to_string())?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

fn no_client(why: impl std::fmt::Display) -> Stopped {
    Stopped::unsent(Cause::Connect {
        message: format!("The HTTP client could not be set up: {why}"),
        hint: "Install the operating system's root certificates (package ca-certificates)."
            .to_owned(),
    })
}
