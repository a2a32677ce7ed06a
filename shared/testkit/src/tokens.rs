//! Session tokens as Supabase signs them, and as attackers do.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData};
use serde_json::{Map, Value, json};

use crate::upstream::FakeUpstream;

/// Where [`Jwks`] publishes its keys.
const JWKS_PATH: &str = "/auth/v1/.well-known/jwks.json";

/// A key that signs tokens.
#[derive(Clone)]
pub struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
    /// The key id in the header; `None` leaves it out.
    pub kid: Option<String>,
    jwk: Option<Value>,
}

impl Signer {
    /// The project's legacy secret.
    pub fn hs256(secret: &str) -> Self {
        Self {
            key: EncodingKey::from_secret(secret.as_bytes()),
            algorithm: Algorithm::HS256,
            kid: None,
            jwk: None,
        }
    }

    /// A new P-256 key.
    ///
    /// # Panics
    /// When the system gives no key.
    pub fn es256(kid: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let point = pair.der_bytes();
        let (x, y) = point[1..].split_at(32);
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)
        });
        Self {
            key: EncodingKey::from_ec_der(&pair.serialize_der()),
            algorithm: Algorithm::ES256,
            kid: Some(kid.to_owned()),
            jwk: Some(jwk),
        }
    }

    /// A new RSA key of 2048 bits.
    ///
    /// # Panics
    /// When the system gives no key.
    pub fn rs256(kid: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
        let (n, e) = rsa_numbers(pair.der_bytes()).expect("a PKCS #1 public key");
        let jwk = json!({
            "kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid,
            "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e)
        });
        let private = pkcs1(&pair.serialize_der())
            .expect("a PKCS #8 private key")
            .to_vec();
        Self {
            key: EncodingKey::from_rsa_der(&private),
            algorithm: Algorithm::RS256,
            kid: Some(kid.to_owned()),
            jwk: Some(jwk),
        }
    }

    /// The public key, as a JWKS lists it.
    ///
    /// # Panics
    /// For a secret, which is not public.
    pub fn jwk(&self) -> Value {
        self.jwk.clone().expect("a public key")
    }
}

/// A token to be signed; starts as one that is accepted.
#[derive(Clone, Debug)]
pub struct Token {
    /// The header besides `alg`, `typ` and the signer's `kid`.
    pub header: Map<String, Value>,
    /// The claims.
    pub claims: Map<String, Value>,
}

impl Token {
    /// A good token of this user for one hour.
    pub fn of(user: &str, email: &str, issuer: &str) -> Self {
        let now = jsonwebtoken::get_current_timestamp();
        let claims = json!({
            "sub": user, "email": email, "role": "authenticated",
            "iss": issuer, "aud": "authenticated",
            "iat": now, "exp": now + 3600
        });
        Self {
            header: Map::new(),
            claims: claims.as_object().cloned().unwrap_or_default(),
        }
    }

    /// The same with another claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// The same without a claim.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// The same with another header member; `kid` and `alg` win over the signer's.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Signs it, whatever it says.
    ///
    /// # Panics
    /// When the key cannot sign.
    pub fn signed(&self, signer: &Signer) -> String {
        let mut header = json!({ "alg": format!("{:?}", signer.algorithm), "typ": "JWT" });
        if let Some(kid) = &signer.kid {
            header["kid"] = kid.as_str().into();
        }
        for (name, value) in &self.header {
            header[name.as_str()] = value.clone();
        }
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!(
            "{}.{}",
            encode(&header),
            encode(&Value::Object(self.claims.clone()))
        );
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &signer.key, signer.algorithm)
                .expect("a key that signs");
        format!("{message}.{signature}")
    }
}

/// A server that publishes public keys.
pub struct Jwks {
    server: FakeUpstream,
}

impl Jwks {
    /// Publishes these keys.
    pub async fn publish(signers: &[&Signer]) -> Self {
        let server = FakeUpstream::start().await;
        let jwks = Self { server };
        jwks.replace(signers);
        jwks
    }

    /// From now on, publishes these keys instead.
    pub fn replace(&self, signers: &[&Signer]) {
        let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
        self.server.on(JWKS_PATH, json!({ "keys": keys }));
    }

    /// `JWKS_URL`.
    pub fn url(&self) -> String {
        format!("{}{JWKS_PATH}", self.server.base_url())
    }

    /// The server itself, to make it fail or to count its requests.
    pub fn server(&self) -> &FakeUpstream {
        &self.server
    }
}

/// Modulus and exponent of a PKCS #1 `RSAPublicKey` (RFC 8017, appendix A.1.1).
fn rsa_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, sequence, _) = element(der)?;
    let (_, n, rest) = element(sequence)?;
    let (_, e, _) = element(rest)?;
    Some((n.strip_prefix(&[0]).unwrap_or(n), e))
}

/// The PKCS #1 key inside a PKCS #8 one (RFC 5958): version, algorithm, octets.
fn pkcs1(der: &[u8]) -> Option<&[u8]> {
    let (_, sequence, _) = element(der)?;
    let (_, _, rest) = element(sequence)?;
    let (_, _, rest) = element(rest)?;
    Some(element(rest)?.1)
}

/// One DER element: its tag, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let length = digits
            .iter()
            .fold(0, |sum, digit| sum << 8 | usize::from(*digit));
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}
