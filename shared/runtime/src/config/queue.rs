//! The queue of the flows, as the variables say. Pure.

use secrecy::SecretString;
use workflow::SqsConfig;

use super::read::Reader;

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    /// SQS, when its queue is named.
    pub(super) fn flow_queue(&mut self) -> Option<SqsConfig> {
        let queue_url = self.origin("FLOW_QUEUE_URL")?;
        let mut required = |name: &str| self.required(name, "FLOW_QUEUE_URL");
        let region = required("AWS_REGION");
        let access_key_id = required("AWS_ACCESS_KEY_ID");
        let secret_access_key = required("AWS_SECRET_ACCESS_KEY").into();
        Some(SqsConfig {
            queue_url,
            region,
            endpoint_url: self.origin("AWS_ENDPOINT_URL_SQS"),
            access_key_id,
            secret_access_key,
            session_token: self.text("AWS_SESSION_TOKEN").map(SecretString::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    const URL: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/stack-flows";

    fn read(pairs: &[(&str, &str)]) -> Result<Option<SqsConfig>, String> {
        let lookup = |name: &str| {
            let base = ("DATABASE_URL", "postgres://localhost/x");
            let mut all = pairs.iter().chain([&base]);
            all.find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Config::from_lookup(lookup)
            .map(|config| config.flow_queue)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn sqs_is_turned_on_by_its_queue() {
        assert!(read(&[("AWS_REGION", "eu-central-1")]).unwrap().is_none());
        let queue = read(&[
            ("FLOW_QUEUE_URL", URL),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "hunter22"),
            ("AWS_SESSION_TOKEN", "hunter22"),
        ]);
        let queue = queue.unwrap().unwrap();
        assert_eq!(
            (queue.queue_url.as_str(), queue.endpoint_url.as_deref()),
            (URL, None)
        );
        assert!(!format!("{queue:?}").contains("hunter22"));
    }

    #[test]
    fn everything_that_it_needs_is_told() {
        let told = read(&[("FLOW_QUEUE_URL", URL)]).unwrap_err();
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            assert!(
                told.contains(&format!("{name}: is required with FLOW_QUEUE_URL")),
                "{told}"
            );
        }
        let told = read(&[("FLOW_QUEUE_URL", "stack-flows")]).unwrap_err();
        assert!(
            told.contains("FLOW_QUEUE_URL: must start with https://"),
            "{told}"
        );
    }
}
