//! What the deployment itself asks of SQS and Secrets Manager.

use std::time::Duration;

use serde_json::Value;

use crate::REGION;
use crate::error::Error;

/// Longer than the longest poll.
const PATIENCE: Duration = Duration::from_secs(40);

/// The emulator, as its callers see it.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    client: reqwest::Client,
    pub(crate) url: String,
}

impl Aws {
    pub(crate) fn new(url: &str) -> Result<Self, Error> {
        Ok(Self {
            client: client()?,
            url: url.to_owned(),
        })
    }

    pub(crate) async fn sqs(&self, operation: &str, request: Value) -> Result<Value, Error> {
        self.ask("sqs", "AmazonSQS", operation, &request).await
    }

    pub(crate) async fn secrets(&self, operation: &str, request: Value) -> Result<Value, Error> {
        self.ask("secretsmanager", "secretsmanager", operation, &request)
            .await
    }

    async fn ask(
        &self,
        service: &'static str,
        target: &str,
        operation: &str,
        request: &Value,
    ) -> Result<Value, Error> {
        let failed = |why: String| Error::Aws {
            service,
            operation: operation.to_owned(),
            why,
        };
        let version = if service == "sqs" { "1.0" } else { "1.1" };
        // The emulator reads the region and the service in it, and checks no signature.
        let scope = format!("Credential=local/20260101/{REGION}/{service}/aws4_request");
        let answer = self
            .client
            .post(&self.url)
            .header("x-amz-target", format!("{target}.{operation}"))
            .header("content-type", format!("application/x-amz-json-{version}"))
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"),
            )
            .body(request.to_string())
            .send()
            .await
            .map_err(|error| failed(error.to_string()))?;
        let status = answer.status();
        let text = answer
            .text()
            .await
            .map_err(|error| failed(error.to_string()))?;
        if !status.is_success() {
            return Err(failed(format!("{status} {text}")));
        }
        // What has nothing to say says nothing.
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }
}

/// Speaks to loopback alone.
pub(crate) fn client() -> Result<reqwest::Client, Error> {
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(PATIENCE)
        .build()
        .map_err(Error::system)
}
