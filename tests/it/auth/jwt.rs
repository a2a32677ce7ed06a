//! Signed assertions that are sent themselves, checked part by part: signature with the public key, claims as sent.

use std::collections::HashSet;
use std::sync::Mutex;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaKeyPair, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use testkit::{Captured, TestApp, ToolBuilder};

use super::{accepted, checks, refused};

/// A key as it is stored, and what its signatures are checked with.
struct Key {
    pem: String,
    public: Vec<u8>,
    algorithm: &'static dyn VerificationAlgorithm,
    name: &'static str,
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len())
        .step_by(64)
        .map(|at| &text[at..text.len().min(at + 64)])
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

fn rsa() -> (RsaKeyPair, Vec<u8>) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = pair.as_der().unwrap().as_ref().to_vec();
    (pair, der)
}

fn elliptic(algorithm: &'static EcdsaSigningAlgorithm) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    let pkcs8 = pair.to_pkcs8v1().unwrap().as_ref().to_vec();
    let sec1 = pair.private_key().as_der().unwrap().as_ref().to_vec();
    (pkcs8, sec1, pair.public_key().as_ref().to_vec())
}

/// A key in every form in which keys are handed out.
fn keys() -> Vec<Key> {
    let (pair, pkcs8) = rsa();
    let public = pair.public_key().as_ref().to_vec();
    // In PKCS#8 the PKCS#1 key of 2048 bits stands behind 26 bytes of headers.
    let pkcs1 = pem("RSA PRIVATE KEY", &pkcs8[26..]);
    let pkcs8 = pem("PRIVATE KEY", &pkcs8);
    let escaped = pkcs8.replace('\n', "\\n");
    let (p256, p256_sec1, p256_public) = elliptic(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let (p384, p384_sec1, p384_public) = elliptic(&ECDSA_P384_SHA384_FIXED_SIGNING);
    let ed = Ed25519KeyPair::generate().unwrap();
    let key = |name, pem: &str, public: &[u8], algorithm| Key {
        pem: pem.to_owned(),
        public: public.to_vec(),
        algorithm,
        name,
    };
    vec![
        key(
            "RS256",
            &pkcs8,
            &public,
            &signature::RSA_PKCS1_2048_8192_SHA256,
        ),
        key(
            "RS512",
            &pkcs1,
            &public,
            &signature::RSA_PKCS1_2048_8192_SHA512,
        ),
        key(
            "PS256",
            &escaped,
            &public,
            &signature::RSA_PSS_2048_8192_SHA256,
        ),
        key(
            "ES256",
            &pem("PRIVATE KEY", &p256),
            &p256_public,
            &signature::ECDSA_P256_SHA256_FIXED,
        ),
        key(
            "ES256",
            &pem("EC PRIVATE KEY", &p256_sec1),
            &p256_public,
            &signature::ECDSA_P256_SHA256_FIXED,
        ),
        key(
            "ES384",
            &pem("PRIVATE KEY", &p384),
            &p384_public,
            &signature::ECDSA_P384_SHA384_FIXED,
        ),
        key(
            "ES384",
            &pem("EC PRIVATE KEY", &p384_sec1),
            &p384_public,
            &signature::ECDSA_P384_SHA384_FIXED,
        ),
        key(
            "EdDSA",
            &pem("PRIVATE KEY", ed.to_pkcs8v1().unwrap().as_ref()),
            ed.public_key().as_ref(),
            &signature::ED25519,
        ),
    ]
}

/// The three parts of the assertion in `Authorization: Bearer`.
struct Parts {
    header: Value,
    claims: Value,
    signed: String,
    signature: Vec<u8>,
}

fn parts(request: &Captured) -> Result<Parts, String> {
    let value = request.header("authorization").ok_or("no authorization")?;
    let token = value.strip_prefix("Bearer ").ok_or("no bearer token")?;
    let (signed, signature) = token.rsplit_once('.').ok_or("no signature")?;
    let (header, claims) = signed.split_once('.').ok_or("no claims")?;
    let bytes = |text: &str| {
        URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|error| error.to_string())
    };
    let json =
        |text: &str| serde_json::from_slice(&bytes(text)?).map_err(|error| error.to_string());
    Ok(Parts {
        header: json(header)?,
        claims: json(claims)?,
        signed: signed.to_owned(),
        signature: bytes(signature)?,
    })
}

/// Valid now, for as long as the tool says, and never seen before.
fn check_times(claims: &Value, seen: &Mutex<HashSet<String>>) -> Result<(), String> {
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let number = |name: &str| claims[name].as_u64().ok_or(format!("no {name}"));
    let (issued, expires) = (number("iat")?, number("exp")?);
    if issued > now || expires <= now || expires - issued != 120 {
        return Err(format!("from {issued} to {expires}, and it is {now}"));
    }
    let id = claims["jti"].as_str().ok_or("no jti")?;
    if seen.lock().unwrap().insert(id.to_owned()) {
        Ok(())
    } else {
        Err("an assertion that was used before".to_owned())
    }
}

fn direct(algorithm: &str) -> Value {
    json!({ "method": "jwt_bearer", "jwt": {
        "use": "direct", "issuer": "app-0001", "subject": "me@example.com", "audience": "https://api.example.com",
        "key_ref": "${KEY}", "key_id": "k1", "algorithm": algorithm, "scopes": ["read", "write"],
        "lifetime_s": 120, "claims": { "tenant": { "id": 7 } },
    }})
}

#[tokio::test]
async fn every_algorithm_in_every_form_of_its_key() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    for (index, key) in keys().into_iter().enumerate() {
        let name = format!("KEY_{index}");
        alice.stores_secret(&name, &key.pem).await;
        let mut auth = direct(key.name);
        auth["jwt"]["key_ref"] = json!(format!("${{{name}}}"));
        let seen = Mutex::new(HashSet::new());
        checks(&app, move |request| {
            let parts = parts(request)?;
            let expected = json!({ "typ": "JWT", "alg": key.name, "kid": "k1" });
            if parts.header != expected {
                return Err(format!("the header is {}", parts.header));
            }
            let public = UnparsedPublicKey::new(key.algorithm, &key.public);
            let checked = public.verify(parts.signed.as_bytes(), &parts.signature);
            checked.map_err(|_| "another signature".to_owned())?;
            check_times(&parts.claims, &seen)?;
            let mut claims = parts.claims;
            for made in ["iat", "exp", "jti"] {
                claims.as_object_mut().unwrap().remove(made);
            }
            let expected = json!({
                "iss": "app-0001", "sub": "me@example.com", "aud": "https://api.example.com",
                "scope": "read write", "tenant": { "id": 7 },
            });
            if claims == expected {
                Ok(())
            } else {
                Err(format!("the claims are {claims}"))
            }
        });
        let tool = ToolBuilder::get("/x")
            .auth(auth)
            .id(&format!("tool_{index}"));
        let tool = alice.registers(tool).await;
        accepted(&alice, &tool, json!({})).await;
        accepted(&alice, &tool, json!({})).await;
    }
}

#[tokio::test]
async fn shared_keys_sign_too() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let key = b"a shared key of 32 bytes or more";
    checks(&app, |request| {
        let parts = parts(request)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(parts.signed.as_bytes());
        mac.verify_slice(&parts.signature)
            .map_err(|error| error.to_string())
    });
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    alice.stores_secret("KEY", &hex).await;
    let mut auth = direct("HS256");
    auth["jwt"]["key_encoding"] = json!("hex");
    let tool = alice.registers(ToolBuilder::get("/x").auth(auth)).await;
    accepted(&alice, &tool, json!({})).await;
}

#[tokio::test]
async fn a_key_of_another_kind_is_told_and_never_shown() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    checks(&app, |_| Ok(()));
    let (p256, _, _) = elliptic(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let (_, rsa) = rsa();
    let broken = pem("PRIVATE KEY", &rsa[..400]);
    let (p256, rsa) = (pem("PRIVATE KEY", &p256), pem("PRIVATE KEY", &rsa));
    for (index, (stored, algorithm, what)) in [
        (p256.as_str(), "RS256", "an RSA private key"),
        (rsa.as_str(), "ES256", "a private key of the curve P-256"),
        (p256.as_str(), "ES384", "a private key of the curve P-384"),
        (rsa.as_str(), "EdDSA", "an Ed25519 private key"),
        (broken.as_str(), "PS512", "an RSA private key"),
        ("no key at all", "RS256", "an RSA private key"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("KEY_{index}");
        alice.stores_secret(&name, stored).await;
        let mut auth = direct(algorithm);
        auth["jwt"]["key_ref"] = json!(format!("${{{name}}}"));
        let tool = ToolBuilder::get("/x")
            .auth(auth)
            .id(&format!("tool_{index}"));
        let tool = alice.registers(tool).await;
        let done = alice.executes(&tool, json!({})).await;
        let error = done.json()["error"].clone();
        assert_eq!(error["code"], "secret_missing", "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains(what) && message.contains(&name),
            "{message}"
        );
        let line = stored.lines().nth(1).unwrap_or(stored);
        assert!(!done.text().contains(line), "{error}");
    }
    assert!(app.upstream().requests().is_empty());
}

#[tokio::test]
async fn a_key_that_the_api_does_not_know_is_refused() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    checks(&app, |_| Err("unknown key".to_owned()));
    let (_, pkcs8) = rsa();
    alice
        .stores_secret("KEY", &pem("PRIVATE KEY", &pkcs8))
        .await;
    let tool = alice
        .registers(ToolBuilder::get("/x").auth(direct("RS256")))
        .await;
    refused(&alice, &tool, json!({})).await;
}
