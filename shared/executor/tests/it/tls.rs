//! Certificates that are trusted and that are not.

use std::net::SocketAddr;
use std::sync::Arc;

use executor::outbound::Cause;
use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd, generate_simple_self_signed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use url::Url;

use crate::upstream::{Way, get, http};

struct Certificate {
    der: CertificateDer<'static>,
    pem: Vec<u8>,
    key: Vec<u8>,
}

fn certificate(name: &str) -> Certificate {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([name.to_owned()]).unwrap();
    Certificate {
        der: cert.der().clone(),
        pem: cert.pem().into_bytes(),
        key: signing_key.serialize_der(),
    }
}

fn expired(name: &str) -> Certificate {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(2002, 1, 1);
    let key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    Certificate {
        der: cert.der().clone(),
        pem: cert.pem().into_bytes(),
        key: key.serialize_der(),
    }
}

async fn serve(certificate: &Certificate) -> SocketAddr {
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der.clone()],
            PrivatePkcs8KeyDer::from(certificate.key.clone()).into(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(http("200 OK", "", "{}").as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

async fn call(
    address: SocketAddr,
    roots: Vec<Vec<u8>>,
) -> Result<executor::outbound::Answer, executor::outbound::Stopped> {
    let host = format!("upstream.example:{}", address.port());
    let way = Way::with(&host, &["127.0.0.1"], roots);
    way.send(&get(Url::parse(&format!("https://{host}/")).unwrap()))
        .await
}

#[tokio::test]
async fn a_trusted_certificate_for_the_name_is_accepted() {
    let good = certificate("upstream.example");
    let address = serve(&good).await;
    assert_eq!(call(address, vec![good.pem]).await.unwrap().status, 200);
}

#[tokio::test]
async fn other_certificates_are_told_as_such() {
    let unknown = certificate("upstream.example");
    let other = certificate("other.example");
    let old = expired("upstream.example");
    for (shown, trusted) in [(&unknown, &other), (&other, &other), (&old, &old)] {
        let address = serve(shown).await;
        let stopped = call(address, vec![trusted.pem.clone()]).await.unwrap_err();
        assert!(!stopped.sent);
        assert!(
            matches!(stopped.cause, Cause::Connect { ref hint, .. } if hint.contains("certificate")),
            "{stopped:?}"
        );
    }
}
