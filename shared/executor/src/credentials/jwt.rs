//! A signed assertion (RFC 7523, RFC 7515); pure.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm,
};
use chrono::{DateTime, Utc};
use domain::config::{JwtAlgorithm, JwtBearer, Template};
use domain::failure::{Failure, FailureCode};
use domain::ids::SecretName;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::SecretString;
use serde_json::{Map, Value};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Credentials, hmac};
use crate::render;

/// An assertion is dated back by so many seconds: the clock of whoever checks it may be behind.
const BACK_S: i64 = 10;

/// The assertion that `jwt` describes, as of now. It is a credential: whoever gets it masks it.
///
/// # Errors
/// `secret_missing`: a secret is not given, or is no key of this algorithm. The key is never told.
pub(crate) fn assertion(
    jwt: &JwtBearer,
    secrets: &[(SecretName, SecretString)],
    now: DateTime<Utc>,
) -> Result<SecretString, Failure> {
    let held = Credentials {
        secrets: secrets.to_vec(),
        token: None,
    };
    let mut header = Header::new(algorithm(jwt.algorithm));
    header.kid = filled(jwt.key_id.as_ref(), &held)?;
    let claims = claims(jwt, &held, now)?;
    let key = key(jwt, &held)?;
    jsonwebtoken::encode(&header, &claims, &key)
        .map(SecretString::from)
        .map_err(|_| unfit(jwt))
}

fn claims(
    jwt: &JwtBearer,
    held: &Credentials,
    now: DateTime<Utc>,
) -> Result<Map<String, Value>, Failure> {
    let issued = now.timestamp() - BACK_S;
    let lifetime = i64::try_from(jwt.lifetime_s).unwrap_or(3600);
    let mut claims = jwt.claims.clone();
    claims.insert("iss".to_owned(), render::fill(&jwt.issuer, held)?.into());
    if let Some(subject) = filled(jwt.subject.as_ref(), held)? {
        claims.insert("sub".to_owned(), subject.into());
    }
    if let Some(audience) = &jwt.audience {
        claims.insert("aud".to_owned(), audience.as_str().into());
    }
    if !jwt.scopes.is_empty() {
        claims.insert("scope".to_owned(), jwt.scopes.join(" ").into());
    }
    claims.insert("iat".to_owned(), issued.into());
    claims.insert("exp".to_owned(), (issued + lifetime).into());
    claims.insert("jti".to_owned(), Uuid::new_v4().to_string().into());
    Ok(claims)
}

fn filled(template: Option<&Template>, held: &Credentials) -> Result<Option<String>, Failure> {
    template
        .map(|template| render::fill(template, held))
        .transpose()
}

const fn algorithm(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::Rs256 => Algorithm::RS256,
        JwtAlgorithm::Rs384 => Algorithm::RS384,
        JwtAlgorithm::Rs512 => Algorithm::RS512,
        JwtAlgorithm::Ps256 => Algorithm::PS256,
        JwtAlgorithm::Ps384 => Algorithm::PS384,
        JwtAlgorithm::Ps512 => Algorithm::PS512,
        JwtAlgorithm::Es256 => Algorithm::ES256,
        JwtAlgorithm::Es384 => Algorithm::ES384,
        JwtAlgorithm::EdDsa => Algorithm::EdDSA,
        JwtAlgorithm::Hs256 => Algorithm::HS256,
        JwtAlgorithm::Hs384 => Algorithm::HS384,
        JwtAlgorithm::Hs512 => Algorithm::HS512,
    }
}

fn key(jwt: &JwtBearer, held: &Credentials) -> Result<EncodingKey, Failure> {
    if jwt.algorithm.is_shared() {
        let key = hmac::shared_key(&jwt.key, jwt.key_encoding, held)?;
        return Ok(EncodingKey::from_secret(&key));
    }
    // Copied out of a JSON file, a key's line breaks are written as \n.
    let pem = Zeroizing::new(render::fill(&jwt.key, held)?.replace("\\n", "\n"));
    let read = match jwt.algorithm {
        JwtAlgorithm::Rs256
        | JwtAlgorithm::Rs384
        | JwtAlgorithm::Rs512
        | JwtAlgorithm::Ps256
        | JwtAlgorithm::Ps384
        | JwtAlgorithm::Ps512 => EncodingKey::from_rsa_pem(pem.as_bytes()).ok(),
        JwtAlgorithm::Es256 => ecdsa(&pem, &ECDSA_P256_SHA256_FIXED_SIGNING),
        JwtAlgorithm::Es384 => ecdsa(&pem, &ECDSA_P384_SHA384_FIXED_SIGNING),
        JwtAlgorithm::EdDsa => EncodingKey::from_ed_pem(pem.as_bytes()).ok(),
        JwtAlgorithm::Hs256 | JwtAlgorithm::Hs384 | JwtAlgorithm::Hs512 => None,
    };
    read.ok_or_else(|| unfit(jwt))
}

/// A key of an elliptic curve, as PKCS#8 or as SEC 1 (RFC 5915) writes it.
fn ecdsa(pem: &str, algorithm: &'static EcdsaSigningAlgorithm) -> Option<EncodingKey> {
    let key = match PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()? {
        PrivateKeyDer::Pkcs8(key) => return Some(EncodingKey::from_ec_der(key.secret_pkcs8_der())),
        PrivateKeyDer::Sec1(key) => {
            EcdsaKeyPair::from_private_key_der(algorithm, key.secret_sec1_der())
        }
        // PKCS#1 holds RSA keys alone.
        _ => return None,
    };
    let pkcs8 = key.ok()?.to_pkcs8v1().ok()?;
    Some(EncodingKey::from_ec_der(pkcs8.as_ref()))
}

fn unfit(jwt: &JwtBearer) -> Failure {
    let names: Vec<String> = jwt
        .key
        .secrets()
        .map(|name| format!("${{{name}}}"))
        .collect();
    let (what, hint) = match jwt.algorithm {
        JwtAlgorithm::Rs256
        | JwtAlgorithm::Rs384
        | JwtAlgorithm::Rs512
        | JwtAlgorithm::Ps256
        | JwtAlgorithm::Ps384
        | JwtAlgorithm::Ps512 => (
            "an RSA private key of at least 2048 bits",
            "Store the PEM text as it is, with its BEGIN and END lines and without a password.",
        ),
        JwtAlgorithm::Es256 => (
            "a private key of the curve P-256",
            "Store the PEM text as it is, with its BEGIN and END lines and without a password.",
        ),
        JwtAlgorithm::Es384 => (
            "a private key of the curve P-384",
            "Store the PEM text as it is, with its BEGIN and END lines and without a password.",
        ),
        JwtAlgorithm::EdDsa => (
            "an Ed25519 private key",
            "Store the PEM text (PKCS#8) as it is, with its BEGIN and END lines.",
        ),
        JwtAlgorithm::Hs256 | JwtAlgorithm::Hs384 | JwtAlgorithm::Hs512 => (
            "a shared key",
            "Store it again, and check \"key_encoding\".",
        ),
    };
    Failure::new(
        FailureCode::SecretMissing,
        format!("The secret {} is not {what}.", names.join("")),
        hint,
    )
}
