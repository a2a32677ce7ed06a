//! Certificates for the fake API: good, expired, or signed by nobody that the client trusts.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// What is wrong, or right, with the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Valid, signed by [`Tls::root_pem`].
    Good,
    /// Signed by [`Tls::root_pem`], over since 2021.
    Expired,
    /// Signed by a root that nobody was told about.
    UnknownRoot,
}

/// A certificate authority of the test's own and a server certificate for `localhost` and 127.0.0.1.
pub struct Tls {
    root_pem: String,
    acceptor: TlsAcceptor,
}

impl Tls {
    /// Makes fresh keys and certificates.
    ///
    /// # Panics
    /// When the certificate library refuses, which is a defect of this file.
    pub fn new(kind: Certificate) -> Self {
        let root = Root::new();
        let signer = if kind == Certificate::UnknownRoot {
            Root::new()
        } else {
            root.again()
        };
        let key = KeyPair::generate().expect("a key");
        let mut params =
            CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])
                .expect("valid names");
        if kind == Certificate::Expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let leaf = params
            .signed_by(&key, &signer.issuer)
            .expect("a signed certificate");
        let config = ServerConfig::builder_with_provider(Arc::new(
            tokio_rustls::rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .expect("default protocol versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(leaf.der().to_vec())],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .expect("key and certificate fit");
        Self {
            root_pem: root.pem,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }

    /// The root certificate that a client must trust for [`Certificate::Good`] to work.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }
}

struct Root {
    pem: String,
    key_der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Root {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let key_der = key.serialize_der();
        let params = Self::params();
        let pem = params.self_signed(&key).expect("a root certificate").pem();
        Self {
            pem,
            key_der,
            issuer: Issuer::new(Self::params(), key),
        }
    }

    /// The same root once more: an issuer cannot be cloned.
    fn again(&self) -> Self {
        let key = KeyPair::try_from(self.key_der.as_slice()).expect("our own key");
        Self {
            pem: self.pem.clone(),
            key_der: self.key_der.clone(),
            issuer: Issuer::new(Self::params(), key),
        }
    }

    fn params() -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "testkit root");
        params
    }
}
