//! An issuer on a loopback port whose answers a test changes, and whose questions it counts.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secrecy::SecretString;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::forge::{ISSUER, SECRET};
use crate::clock::Clock;
use crate::rules::{DEFAULT_MAX_LIFETIME, TokenRules};
use crate::verifier::Verifier;

/// When these tests begin, in seconds since 1970.
pub(super) const START: u64 = 1_800_000_000;

/// The issuer and the clock of one test.
pub(super) struct Issuer {
    port: u16,
    answer: Arc<Mutex<(u16, String)>>,
    asked: Arc<AtomicUsize>,
    now: Arc<AtomicU64>,
}

impl Issuer {
    pub(super) async fn start(jwks: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Self {
            port: listener.local_addr().unwrap().port(),
            answer: Arc::new(Mutex::new((200, jwks.to_string()))),
            asked: Arc::default(),
            now: Arc::new(AtomicU64::new(START)),
        };
        let (answer, asked) = (Arc::clone(&issuer.answer), Arc::clone(&issuer.asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n")
                    && stream.read_buf(&mut request).await.unwrap_or(0) > 0
                {}
                asked.fetch_add(1, Ordering::SeqCst);
                let (status, body) = answer.lock().unwrap().clone();
                let head = format!(
                    "HTTP/1.1 {status} Whatever\r\nlocation: /elsewhere\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                // The client may have turned away already.
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            }
        });
        issuer
    }

    /// A verifier that trusts this issuer, and the legacy secret.
    pub(super) fn verifier(&self) -> Arc<Verifier> {
        let now = Arc::clone(&self.now);
        let clock = Clock::new(move || -> SystemTime {
            UNIX_EPOCH + Duration::from_secs(now.load(Ordering::SeqCst))
        });
        let rules = TokenRules {
            issuer: ISSUER.to_owned(),
            audience: "authenticated".to_owned(),
            hs256_secret: Some(SecretString::from(SECRET)),
            jwks_url: Some(format!("http://127.0.0.1:{}/jwks.json", self.port)),
            max_lifetime: DEFAULT_MAX_LIFETIME,
        };
        rules.check().unwrap();
        Arc::new(Verifier::new(rules, clock))
    }

    pub(super) fn answers(&self, status: u16, body: impl Into<String>) {
        *self.answer.lock().unwrap() = (status, body.into());
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(super) fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    pub(super) fn seconds_pass(&self, seconds: u64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }
}
