//! Which tokens an operator accepts.

use std::time::Duration;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

/// How far ahead a token's `exp` may be, unless the operator says otherwise.
pub const DEFAULT_MAX_LIFETIME: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// The shortest HS256 secret that is accepted, in bytes (RFC 7518, section 3.2).
pub const MIN_HS256_SECRET_BYTES: usize = 32;

/// Which tokens are accepted.
#[derive(Clone)]
pub struct TokenRules {
    /// The only accepted `iss`, compared byte by byte.
    pub issuer: String,
    /// The `aud` that every token must have.
    pub audience: String,
    /// The project's legacy secret. Without it HS256 tokens are refused.
    pub hs256_secret: Option<SecretString>,
    /// Where the keys of ES256 and RS256 tokens are published. Without it such tokens are refused.
    pub jwks_url: Option<String>,
    /// How far ahead `exp` may be; see [`DEFAULT_MAX_LIFETIME`].
    pub max_lifetime: Duration,
}

/// Why rules cannot be used; the text is for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// No token could ever be accepted.
    #[error("neither an HS256 secret nor a JWKS address is given: no token could be checked")]
    NoKeys,
    /// See [`MIN_HS256_SECRET_BYTES`].
    #[error("the HS256 secret has fewer than 32 bytes")]
    WeakSecret,
    /// Keys that came over an open wire are anybody's keys.
    #[error("the JWKS address must be https (http only on this machine): {0}")]
    JwksAddress(String),
    /// An empty issuer or audience.
    #[error("the token's issuer and audience must be given")]
    NoIssuer,
}

impl TokenRules {
    /// Whether these rules can be used; to be asked once, at start.
    ///
    /// # Errors
    /// What the operator has to mend.
    pub fn check(&self) -> Result<(), RulesError> {
        if self.issuer.is_empty() || self.audience.is_empty() {
            return Err(RulesError::NoIssuer);
        }
        if self.hs256_secret.is_none() && self.jwks_url.is_none() {
            return Err(RulesError::NoKeys);
        }
        if self.hs256_secret.as_ref().is_some_and(is_weak) {
            return Err(RulesError::WeakSecret);
        }
        match &self.jwks_url {
            Some(url) if jwks_address(url).is_none() => Err(RulesError::JwksAddress(url.clone())),
            Some(_) | None => Ok(()),
        }
    }
}

/// Too short for HS256.
pub(crate) fn is_weak(secret: &SecretString) -> bool {
    secret.expose_secret().len() < MIN_HS256_SECRET_BYTES
}

/// The address, if keys may be fetched from it: https, or http on a loopback address.
pub(crate) fn jwks_address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    let loopback = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    (url.scheme() == "https" || (url.scheme() == "http" && loopback)).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(secret: Option<&str>, jwks_url: Option<&str>) -> TokenRules {
        TokenRules {
            issuer: "https://issuer.example".to_owned(),
            audience: "authenticated".to_owned(),
            hs256_secret: secret.map(SecretString::from),
            jwks_url: jwks_url.map(str::to_owned),
            max_lifetime: DEFAULT_MAX_LIFETIME,
        }
    }

    #[test]
    fn tells_the_operator_what_to_mend() {
        let strong = "0123456789abcdef0123456789abcdef";
        assert_eq!(rules(None, None).check(), Err(RulesError::NoKeys));
        assert_eq!(
            rules(Some("short"), None).check(),
            Err(RulesError::WeakSecret)
        );
        assert_eq!(rules(Some(strong), None).check(), Ok(()));
        for good in [
            "https://p.example/jwks.json",
            "http://127.0.0.1:54321/k",
            "http://[::1]:1/k",
            "http://localhost/k",
        ] {
            assert_eq!(rules(None, Some(good)).check(), Ok(()), "{good}");
        }
        for bad in [
            "http://p.example/k",
            "file:///k",
            "nonsense",
            "http://127.0.0.1.example/",
        ] {
            let refused = RulesError::JwksAddress(bad.to_owned());
            assert_eq!(rules(None, Some(bad)).check(), Err(refused));
        }
    }
}
