//! One key of the issuer, with the only algorithm it is used with. Pure.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::error::Reason;
use crate::token::{Algorithm, Token};

/// RSA moduli from 2,048 to 8,192 bits, in bytes.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// A key, and by its kind the algorithm.
pub(crate) enum Key {
    /// A P-256 key: ES256.
    P256(ParsedPublicKey),
    /// An RSA key of at least 2,048 bits: RS256.
    Rsa(ParsedPublicKey),
    /// The project's legacy secret: HS256.
    Shared(Box<hmac::Key>),
}

impl Key {
    /// The legacy secret as a key.
    pub(crate) fn shared(secret: &SecretString) -> Self {
        let bytes = secret.expose_secret().as_bytes();
        Self::Shared(Box::new(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// A member of a JWKS (RFC 7517) as its `kid` and the key. `None` for what is not used here:
    /// symmetric keys, other curves and algorithms, keys without a `kid` or for another use, keys
    /// that hold a private part.
    pub(crate) fn published(jwk: &Value) -> Option<(String, Self)> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let kid = text("kid").filter(|kid| !kid.is_empty())?;
        let for_signatures = match jwk.get("use") {
            None => true,
            Some(usage) => usage == "sig",
        };
        let for_verifying = match jwk.get("key_ops") {
            None => true,
            Some(Value::Array(operations)) => operations.iter().any(|one| one == "verify"),
            Some(_) => false,
        };
        if !for_signatures || !for_verifying || jwk.get("d").is_some() {
            return None;
        }
        let (key, algorithm) = match text("kty")? {
            "EC" if text("crv")? == "P-256" => (p256(text("x")?, text("y")?)?, "ES256"),
            "RSA" => (rsa(text("n")?, text("e")?)?, "RS256"),
            _ => return None,
        };
        match jwk.get("alg") {
            Some(named) if named != algorithm => None,
            Some(_) | None => Some((kid.to_owned(), key)),
        }
    }

    fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(_) => Algorithm::Es256,
            Self::Rsa(_) => Algorithm::Rs256,
            Self::Shared(_) => Algorithm::Hs256,
        }
    }

    /// Whether this key signed this token, with the key's algorithm.
    pub(crate) fn verify(&self, token: &Token<'_>) -> Result<(), Reason> {
        if token.algorithm != self.algorithm() {
            return Err(Reason::Algorithm);
        }
        match self {
            // The fixed form of 64 bytes: a signature in DER form does not verify.
            Self::P256(key) | Self::Rsa(key) => key.verify_sig(token.signed, &token.signature),
            Self::Shared(key) => constant_time::verify_slices_are_equal(
                hmac::sign(key, token.signed).as_ref(),
                &token.signature,
            ),
        }
        .map_err(|_| Reason::Signature)
    }
}

fn p256(x: &str, y: &str) -> Option<Key> {
    let (x, y) = (bytes(x)?, bytes(y)?);
    if x.len() != 32 || y.len() != 32 {
        return None;
    }
    // An uncompressed point (SEC 1): parsing it checks that it lies on the curve.
    let point = [&[4_u8][..], &x, &y].concat();
    ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .ok()
        .map(Key::P256)
}

fn rsa(n: &str, e: &str) -> Option<Key> {
    let (n, e) = (bytes(n)?, bytes(e)?);
    if !MODULUS_BYTES.contains(&n.len()) {
        return None;
    }
    RsaPublicKeyComponents { n, e }
        .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
        .ok()
        .map(Key::Rsa)
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    use super::*;

    fn jwk() -> Value {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-256", "kid": "a", "alg": "ES256", "use": "sig",
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..])
        })
    }

    #[test]
    fn takes_only_keys_that_are_meant_for_it() {
        assert!(Key::published(&jwk()).is_some());
        for (name, value) in [
            ("kid", json!("")),
            ("kid", json!(1)),
            ("kty", json!("oct")),
            ("crv", json!("P-384")),
            ("alg", json!("HS256")),
            ("alg", json!("RS256")),
            ("use", json!("enc")),
            ("key_ops", json!(["sign"])),
            ("d", json!("AAAA")),
            ("x", json!("AAAA")),
            ("y", json!(URL_SAFE_NO_PAD.encode([1_u8; 32]))),
        ] {
            let mut changed = jwk();
            changed[name] = value;
            assert!(Key::published(&changed).is_none(), "{name}");
        }
        let symmetric = json!({"kty": "oct", "kid": "a", "k": "c2VjcmV0"});
        assert!(Key::published(&symmetric).is_none());
        let small = json!({"kty": "RSA", "kid": "a", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode([0xff_u8; 128])});
        assert!(Key::published(&small).is_none());
    }
}
