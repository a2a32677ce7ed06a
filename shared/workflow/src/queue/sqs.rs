//! The queue at SQS: a standard queue, messages in batches of ten. Its client is built when first used, and never asks IMDS.

mod batches;

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry as Change, DeleteMessageBatchRequestEntry as Delete,
    Message, MessageSystemAttributeName, SendMessageBatchRequestEntry as Send,
};
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use self::batches::{Told, in_batches};
use super::{Delivery, MAX_BATCH, MAX_DELAY, MAX_INVISIBLE, MAX_WAIT, Queue, QueueError};
use crate::Hint;

/// What connecting may take.
const CONNECT: Duration = Duration::from_secs(1);
/// What one request may take, beside the wait that it asks for.
const REQUEST: Duration = Duration::from_secs(2);
/// What a request may take with its repetitions, beside the wait that it asks for.
const REPEATED: Duration = Duration::from_secs(5);
/// How often the client makes a request that gets no answer, or one that may be better next time.
const ATTEMPTS: u32 = 3;

/// How the queue is reached.
#[derive(Clone)]
pub struct SqsConfig {
    /// The queue.
    pub queue_url: String,
    /// Its region.
    pub region: String,
    /// Another address than the region's own: an emulator, a VPC endpoint.
    pub endpoint_url: Option<String>,
    /// The access key's id.
    pub access_key_id: String,
    /// The access key.
    pub secret_access_key: SecretString,
    /// The session token of temporary credentials.
    pub session_token: Option<SecretString>,
}

impl fmt::Debug for SqsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsConfig")
            .field("queue_url", &self.queue_url)
            .field("region", &self.region)
            .field("endpoint_url", &self.endpoint_url)
            .finish_non_exhaustive()
    }
}

/// The queue. Nothing lasts longer than a few seconds beyond the wait of [`Queue::receive`].
#[derive(Debug)]
pub struct SqsQueue {
    config: SqsConfig,
    client: OnceLock<Client>,
}

impl SqsQueue {
    /// The queue of this address. Nothing is connected yet.
    pub const fn new(config: SqsConfig) -> Self {
        Self {
            config,
            client: OnceLock::new(),
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let SqsConfig {
                region,
                endpoint_url,
                access_key_id,
                secret_access_key,
                session_token,
                queue_url: _,
            } = &self.config;
            let token = session_token.as_ref();
            let credentials = Credentials::new(
                access_key_id,
                secret_access_key.expose_secret(),
                token.map(|token| token.expose_secret().to_owned()),
                None,
                "configuration",
            );
            let retries = RetryConfig::standard()
                .with_max_attempts(ATTEMPTS)
                .with_initial_backoff(Duration::from_millis(100))
                .with_max_backoff(Duration::from_secs(1));
            let mut config = Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(region.clone()))
                .credentials_provider(credentials)
                .retry_config(retries)
                .timeout_config(timeouts(Duration::ZERO));
            config.set_endpoint_url(endpoint_url.clone());
            Client::from_conf(config.build())
        })
    }

    async fn send_batch(
        &self,
        hints: &[Hint],
        batch: &[usize],
        delay: i32,
    ) -> Result<Told, QueueError> {
        let entry = |index: &usize| {
            let entry = Send::builder().id(index.to_string()).delay_seconds(delay);
            entry.message_body(hints.get(*index)?.body()).build().ok()
        };
        let entries = batch.iter().filter_map(entry).collect();
        let request = self.client().send_message_batch();
        let request = request.queue_url(&self.config.queue_url);
        let answer = silently(request.set_entries(Some(entries)).send()).await?;
        let done = answer
            .successful()
            .iter()
            .map(aws_sdk_sqs::types::SendMessageBatchResultEntry::id);
        Ok(Told::new(done, answer.failed()))
    }

    async fn delete_batch(&self, receipts: &[String], batch: &[usize]) -> Result<Told, QueueError> {
        let entry = |index: &usize| {
            let entry = Delete::builder().id(index.to_string());
            entry.receipt_handle(receipts.get(*index)?).build().ok()
        };
        let entries = batch.iter().filter_map(entry).collect();
        let request = self.client().delete_message_batch();
        let request = request.queue_url(&self.config.queue_url);
        let answer = silently(request.set_entries(Some(entries)).send()).await?;
        let done = answer
            .successful()
            .iter()
            .map(aws_sdk_sqs::types::DeleteMessageBatchResultEntry::id);
        Ok(Told::new(done, answer.failed()))
    }

    async fn change_batch(
        &self,
        receipts: &[String],
        batch: &[usize],
        after: i32,
    ) -> Result<Told, QueueError> {
        let entry = |index: &usize| {
            let entry = Change::builder().id(index.to_string());
            let entry = entry.visibility_timeout(after);
            entry.receipt_handle(receipts.get(*index)?).build().ok()
        };
        let entries = batch.iter().filter_map(entry).collect();
        let request = self.client().change_message_visibility_batch();
        let request = request.queue_url(&self.config.queue_url);
        let answer = silently(request.set_entries(Some(entries)).send()).await?;
        let done = answer
            .successful()
            .iter()
            .map(aws_sdk_sqs::types::ChangeMessageVisibilityBatchResultEntry::id);
        Ok(Told::new(done, answer.failed()))
    }

    async fn take(&self, most: usize, wait: Duration) -> Result<Vec<Delivery>, QueueError> {
        let wait = whole_seconds(wait.min(MAX_WAIT));
        let most = i32::try_from(most.min(MAX_BATCH)).unwrap_or_default();
        let longer = timeouts(Duration::from_secs(wait.unsigned_abs().into()));
        let request = self.client().receive_message();
        let request = request
            .queue_url(&self.config.queue_url)
            .max_number_of_messages(most)
            .wait_time_seconds(wait)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let request = request.customize();
        let request = request.config_override(Config::builder().timeout_config(longer));
        let answer = silently(request.send()).await?;
        Ok(answer.messages().iter().map(delivery).collect())
    }
}

impl Queue for SqsQueue {
    fn send<'a>(&'a self, hints: &'a [Hint], delay: Duration) -> BoxFuture<'a, Vec<usize>> {
        let delay = whole_seconds(delay.min(MAX_DELAY));
        Box::pin(in_batches("send", hints.len(), move |batch| {
            Box::pin(async move { self.send_batch(hints, &batch, delay).await })
        }))
    }

    fn receive(
        &self,
        most: usize,
        wait: Duration,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, QueueError>> {
        Box::pin(async move {
            match most {
                0 => Ok(Vec::new()),
                most => self.take(most, wait).await,
            }
        })
    }

    fn acknowledge<'a>(&'a self, receipts: &'a [String]) -> BoxFuture<'a, Vec<usize>> {
        Box::pin(in_batches("acknowledge", receipts.len(), move |batch| {
            Box::pin(async move { self.delete_batch(receipts, &batch).await })
        }))
    }

    fn give_back<'a>(
        &'a self,
        receipts: &'a [String],
        after: Duration,
    ) -> BoxFuture<'a, Vec<usize>> {
        let after = whole_seconds(after.min(MAX_INVISIBLE));
        Box::pin(in_batches("give back", receipts.len(), move |batch| {
            Box::pin(async move { self.change_batch(receipts, &batch, after).await })
        }))
    }
}

/// Time limits of a request that asks for so long a wait.
fn timeouts(wait: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(wait + REQUEST)
        .operation_timeout(wait + REPEATED)
        .build()
}

/// Rounded up: what was to be later is not sooner.
fn whole_seconds(duration: Duration) -> i32 {
    let up = u64::from(duration.subsec_nanos() > 0);
    i32::try_from(duration.as_secs() + up).unwrap_or(i32::MAX)
}

fn delivery(message: &Message) -> Delivery {
    let received = message
        .attributes()
        .and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount))
        .and_then(|count| count.parse().ok());
    Delivery {
        hint: Hint::read(message.body().unwrap_or_default()),
        id: message.message_id().unwrap_or_default().to_owned(),
        receipt: message.receipt_handle().unwrap_or_default().to_owned(),
        received: received.unwrap_or(1),
    }
}

/// Makes a request, without what the client writes at trace level: what it signs with.
async fn silently<T, E>(
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T, QueueError>
where
    E: ProvideErrorMetadata,
{
    let answer = call.with_subscriber(NoSubscriber::default()).await;
    answer.map_err(|error| told(&error))
}

/// What an error means. Its text names a status and a code.
fn told<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> QueueError {
    let Some(answer) = error.raw_response() else {
        return QueueError::Unavailable("no answer".to_owned());
    };
    let status = answer.status().as_u16();
    let code = error.as_service_error().and_then(E::code);
    let code = code.unwrap_or_default();
    let why = format!("{status} {code}");
    let passes = status >= 500 || status == 429 || code.contains("Throttl");
    if passes || code == "OverLimit" {
        QueueError::Unavailable(why)
    } else {
        QueueError::Refused(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_printed() {
        let queue = SqsQueue::new(SqsConfig {
            queue_url: "https://sqs.eu-central-1.amazonaws.com/123456789012/flows".to_owned(),
            region: "eu-central-1".to_owned(),
            endpoint_url: None,
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "hunter22".into(),
            session_token: Some("hunter22".into()),
        });
        let _built = queue.client();
        assert!(!format!("{queue:?}").contains("hunter22"));
    }

    #[test]
    fn times_are_whole_seconds_and_never_shorter() {
        for (millis, seconds) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2), (900_000, 900)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
        assert_eq!(whole_seconds(Duration::MAX.min(MAX_INVISIBLE)), 43_200);
    }
}
