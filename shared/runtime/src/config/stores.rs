//! Where secret values live, as the variables say. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use vault::{AwsConfig, MAX_CACHE, StoreKind, StoresConfig};

use super::read::Reader;

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    /// The stores beside the builtin one, and which of them is the default.
    pub(super) fn secret_stores(&mut self) -> StoresConfig {
        let aws = self.aws_secrets();
        let environment = self.secret_environment();
        let default = self.default_store(aws.is_some(), !environment.is_empty());
        StoresConfig {
            default,
            aws,
            environment,
            cache: self.secret_cache(),
        }
    }

    fn default_store(&mut self, has_aws: bool, has_environment: bool) -> StoreKind {
        let kind = match self.text("SECRET_PROVIDER").map(|text| text.parse()) {
            None => return StoreKind::Builtin,
            Some(Ok(kind)) => kind,
            Some(Err(why)) => {
                self.fault("SECRET_PROVIDER", why);
                return StoreKind::Builtin;
            }
        };
        match kind {
            StoreKind::AwsSecretsManager if !has_aws => {
                self.fault(
                    "SECRET_PROVIDER",
                    "aws_secrets_manager needs SECRET_AWS_PREFIX",
                );
            }
            StoreKind::Environment if !has_environment => {
                self.fault("SECRET_PROVIDER", "environment needs SECRET_ENV_ALLOW");
            }
            StoreKind::Builtin | StoreKind::AwsSecretsManager | StoreKind::Environment => {}
        }
        kind
    }

    fn aws_secrets(&mut self) -> Option<AwsConfig> {
        let prefix = self.text("SECRET_AWS_PREFIX")?;
        if !is_prefix(&prefix) {
            self.fault(
                "SECRET_AWS_PREFIX",
                "must be 1 to 128 of letters, digits and _+=.@-, parts separated by /",
            );
        }
        let mut required = |name: &str| self.required(name, "SECRET_AWS_PREFIX");
        let region = required("AWS_REGION");
        let access_key_id = required("AWS_ACCESS_KEY_ID");
        let secret_access_key = required("AWS_SECRET_ACCESS_KEY").into();
        Some(AwsConfig {
            prefix,
            region,
            endpoint_url: self.origin("AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            access_key_id,
            secret_access_key,
            session_token: self.text("AWS_SESSION_TOKEN").map(SecretString::from),
        })
    }

    /// The allowed variables that are set. Their values are taken as they are, with all their spaces.
    fn secret_environment(&mut self) -> BTreeMap<String, SecretString> {
        let text = self.text("SECRET_ENV_ALLOW").unwrap_or_default();
        let names = text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        names
            .filter_map(|name| {
                let value = (self.lookup)(name)?;
                Some((name.to_owned(), SecretString::from(value)))
            })
            .collect()
    }

    fn secret_cache(&mut self) -> Duration {
        let Some(text) = self.text("SECRET_CACHE_SECONDS") else {
            return MAX_CACHE;
        };
        match text.parse().map(Duration::from_secs) {
            Ok(time) if time <= MAX_CACHE => time,
            Ok(_) | Err(_) => {
                self.fault("SECRET_CACHE_SECONDS", "must be a number from 0 to 60");
                MAX_CACHE
            }
        }
    }
}

/// What AWS allows in a name, without slashes at the ends: `prefix/workspace/NAME` is one.
fn is_prefix(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_+=.@-".contains(&b))
    };
    text.len() <= 128 && text.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use crate::Config;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<StoresConfig, String> {
        let lookup = |name: &str| {
            let base = ("DATABASE_URL", "postgres://localhost/x");
            let mut all = pairs.iter().chain([&base]);
            all.find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Config::from_lookup(lookup)
            .map(|config| config.secret_stores)
            .map_err(|error| error.to_string())
    }

    const AWS: [(&str, &str); 5] = [
        ("SECRET_PROVIDER", "aws_secrets_manager"),
        ("SECRET_AWS_PREFIX", "api-to-tools"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hunter22"),
    ];

    #[test]
    fn values_stay_in_postgres_unless_the_operator_says_otherwise() {
        let stores = read(&[("AWS_REGION", "eu-central-1")]).unwrap();
        assert_eq!(stores.default, StoreKind::Builtin);
        assert!(stores.aws.is_none() && stores.environment.is_empty());
        assert_eq!(stores.cache, MAX_CACHE);
    }

    #[test]
    fn aws_is_turned_on_by_its_prefix() {
        let stores = read(&AWS).unwrap();
        assert_eq!(stores.default, StoreKind::AwsSecretsManager);
        let aws = stores.aws.unwrap();
        assert_eq!(aws.prefix, "api-to-tools");
        assert_eq!(aws.endpoint_url, None);
        assert!(!format!("{aws:?}").contains("hunter22"));
        let without = read(&AWS[..1]).unwrap_err();
        assert!(without.contains("SECRET_AWS_PREFIX"), "{without}");
        let without = read(&AWS[..2]).unwrap_err();
        assert!(without.contains("AWS_SECRET_ACCESS_KEY"), "{without}");
    }

    #[test]
    fn only_listed_variables_can_be_reached() {
        let stores = read(&[
            ("SECRET_ENV_ALLOW", "QUOTE_KEY, NOT_SET"),
            ("QUOTE_KEY", "not-a-real-key-0001"),
            ("HOME", "/root"),
        ]);
        let environment = stores.unwrap().environment;
        assert_eq!(environment.keys().collect::<Vec<_>>(), ["QUOTE_KEY"]);
        let value = environment["QUOTE_KEY"].expose_secret();
        assert_eq!(value, "not-a-real-key-0001");
        let none = read(&[("SECRET_PROVIDER", "environment")]).unwrap_err();
        assert!(none.contains("SECRET_ENV_ALLOW"), "{none}");
    }

    #[test]
    fn a_prefix_is_part_of_a_name() {
        for fine in ["a", "api-to-tools", "prod/tools_1"] {
            assert!(is_prefix(fine), "{fine}");
        }
        for bad in ["", "/a", "a/", "a//b", "a b", "a*", "ä", &"a".repeat(129)] {
            assert!(!is_prefix(bad), "{bad}");
        }
    }
}
