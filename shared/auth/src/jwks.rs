//! Asks the issuer for its keys: once for all who wait, within limits on time and size.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use reqwest::{Client, Url, redirect};
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::error::AuthError;
use crate::key::Key;
use crate::key_set::{Found, KeySet, Knowledge, Step};

/// How long the issuer may take to answer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);

/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// The issuer's keys, fetched on first need.
pub(crate) struct Jwks {
    url: Url,
    clock: Clock,
    /// Built on first use: a function that sees only known tokens never pays for it.
    client: OnceLock<Client>,
    knowledge: RwLock<Knowledge>,
    flight: Mutex<()>,
}

/// Why the issuer gave no keys; for the log.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the request failed")]
    Request(#[from] reqwest::Error),
    #[error("status {0}")]
    Status(u16),
    #[error("the answer is larger than 256 KB")]
    TooLarge,
    #[error("the answer is no JWKS")]
    NotKeys,
}

impl Jwks {
    pub(crate) fn new(url: Url, clock: Clock) -> Self {
        Self {
            url,
            clock,
            client: OnceLock::new(),
            knowledge: RwLock::default(),
            flight: Mutex::default(),
        }
    }

    /// The generation of the keys now in use.
    pub(crate) fn generation(&self) -> u64 {
        self.knowledge
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .generation()
    }

    /// The key of this `kid`, or `None` if the issuer has none such. `may_be_new` allows to ask the
    /// issuer again about a `kid` that is not among fresh keys.
    pub(crate) async fn find(
        &self,
        kid: &str,
        may_be_new: bool,
    ) -> Result<Option<Found>, AuthError> {
        if let Some(settled) = self.settled(kid, may_be_new) {
            return settled;
        }
        let _only_one = self.flight.lock().await;
        // Another may have asked while this one waited.
        match self.step(kid, may_be_new) {
            Step::Fetch(why) => {
                let answer = self.ask().await;
                let now = self.clock.now();
                self.knowledge
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .learn(why, answer, now);
            }
            Step::Use(_) | Step::Unknown | Step::Unavailable => {}
        }
        self.settled(kid, false)
            .unwrap_or(Err(AuthError::KeysUnavailable))
    }

    fn step(&self, kid: &str, may_be_new: bool) -> Step {
        self.knowledge
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .step(kid, may_be_new, self.clock.now())
    }

    fn settled(&self, kid: &str, may_be_new: bool) -> Option<Result<Option<Found>, AuthError>> {
        match self.step(kid, may_be_new) {
            Step::Use(found) => Some(Ok(Some(found))),
            Step::Unknown => Some(Ok(None)),
            Step::Unavailable => Some(Err(AuthError::KeysUnavailable)),
            Step::Fetch(_) => None,
        }
    }

    async fn ask(&self) -> Option<HashMap<String, Arc<Key>>> {
        match self.fetch().await {
            Ok(keys) => Some(keys),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, url = %self.url, "the issuer's keys could not be fetched");
                None
            }
        }
    }

    async fn fetch(&self) -> Result<HashMap<String, Arc<Key>>, FetchError> {
        let mut response = self.client()?.get(self.url.clone()).send().await?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        KeySet::read(&body).ok_or(FetchError::NotKeys)
    }

    fn client(&self) -> Result<&Client, reqwest::Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(FETCH_TIMEOUT)
            .timeout(FETCH_TIMEOUT)
            // Ten minutes later a kept connection is dead anyway.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(self.client.get_or_init(|| client))
    }
}
