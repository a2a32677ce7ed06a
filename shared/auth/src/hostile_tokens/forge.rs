//! Makes keys and tokens, good ones and hostile ones, by the recipes of the collected cases.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
};
use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub(super) const ALICE: &str = "11111111-2222-4333-8444-555555555555";
pub(super) const ISSUER: &str = "https://project.supabase.co/auth/v1";
pub(super) const SECRET: &str = "a legacy secret of more than 32 bytes";

/// The order of P-256.
const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// A P-256 key in both signature forms.
pub(super) struct P256 {
    fixed: EcdsaKeyPair,
    der: EcdsaKeyPair,
}

impl P256 {
    pub(super) fn generate() -> Self {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .unwrap();
        let read = |form: &'static EcdsaSigningAlgorithm| {
            EcdsaKeyPair::from_pkcs8(form, pkcs8.as_ref()).unwrap()
        };
        Self {
            fixed: read(&ECDSA_P256_SHA256_FIXED_SIGNING),
            der: read(&ECDSA_P256_SHA256_ASN1_SIGNING),
        }
    }

    pub(super) fn jwk(&self, kid: &str) -> Value {
        let point = self.fixed.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid,
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..]),
        })
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        ecdsa(&self.fixed, bytes)
    }
}

fn ecdsa(key: &EcdsaKeyPair, bytes: &[u8]) -> Vec<u8> {
    key.sign(&SystemRandom::new(), bytes)
        .unwrap()
        .as_ref()
        .to_vec()
}

/// Everything that signs in these tests.
pub(super) struct Forge {
    pub(super) current: P256,
    pub(super) standby: P256,
    attacker: P256,
    rsa: RsaKeyPair,
}

impl Forge {
    pub(super) fn new() -> Self {
        Self {
            current: P256::generate(),
            standby: P256::generate(),
            attacker: P256::generate(),
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
        }
    }

    /// What the issuer publishes: the current key, an RSA key, and a symmetric key that must never count.
    pub(super) fn jwks(&self) -> Value {
        // PKCS#1: two integers, the first with a leading zero, behind headers of fixed length.
        let der = self.rsa.public_key().as_ref();
        let rsa = json!({
            "kty": "RSA", "kid": "rsa", "alg": "RS256",
            "n": URL_SAFE_NO_PAD.encode(&der[9..265]), "e": URL_SAFE_NO_PAD.encode(&der[267..270]),
        });
        let symmetric = json!({"kty": "oct", "kid": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode("published")});
        json!({"keys": [self.current.jwk("current"), rsa, symmetric]})
    }

    /// A good session of Alice, with these changes to its header and claims.
    pub(super) fn session(&self, now: u64, sign: &str, header: &Value, claims: &Value) -> String {
        let mut whole = json!({
            "iss": ISSUER, "aud": "authenticated", "sub": ALICE, "role": "authenticated",
            "iat": now, "exp": now + 3600,
        });
        for (name, value) in claims.as_object().unwrap() {
            whole[name] = value.clone();
        }
        self.token(&header.to_string(), &whole.to_string(), sign)
    }

    pub(super) fn token(&self, header: &str, payload: &str, sign: &str) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload)
        );
        let signature = self.signature(signed.as_bytes(), sign);
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn signature(&self, bytes: &[u8], sign: &str) -> Vec<u8> {
        let hs256 = |secret: &str| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            hmac::sign(&key, bytes).as_ref().to_vec()
        };
        match sign {
            "none" => Vec::new(),
            "es256:current" => self.current.sign(bytes),
            "es256:standby" => self.standby.sign(bytes),
            "es256:attacker" => self.attacker.sign(bytes),
            "es384:attacker" => {
                let key = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
                ecdsa(&key, bytes)
            }
            "ps256:rsa" => self.rsa_signature(&RSA_PSS_SHA256, bytes),
            "rs256:rsa" => self.rsa_signature(&RSA_PKCS1_SHA256, bytes),
            "eddsa:attacker" => {
                let key = Ed25519KeyPair::generate().unwrap();
                key.sign(bytes).as_ref().to_vec()
            }
            "hs256:" => hs256(""),
            "hs256:published" => hs256("published"),
            "hs256:legacy" => hs256(SECRET),
            other => panic!("no such signer: {other}"),
        }
    }

    fn rsa_signature(&self, form: &'static dyn RsaEncoding, bytes: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        self.rsa
            .sign(form, &SystemRandom::new(), bytes, &mut signature)
            .unwrap();
        signature
    }

    /// The token of a recipe: header, claims, who signs, and what is done to it afterwards.
    pub(super) fn recipe(&self, recipe: &Value, now: u64) -> String {
        let header = filled(&recipe["header"], now).to_string();
        let payload = filled(&recipe["claims"], now).to_string();
        let sign = recipe["sign"].as_str().unwrap();
        let Some(mutation) = recipe.get("mutate").and_then(Value::as_str) else {
            return self.token(&header, &payload, sign);
        };
        let good = self.token(&header, &payload, sign);
        let parts: Vec<&str> = good.split('.').collect();
        let signed = format!("{}.{}", parts[0], parts[1]);
        match mutation {
            "two segments" => signed,
            "DER" => {
                let der = ecdsa(&self.current.der, signed.as_bytes());
                format!("{signed}.{}", URL_SAFE_NO_PAD.encode(der))
            }
            "r=n,s=n" => {
                let order: Vec<u8> = (0..32)
                    .map(|i| u8::from_str_radix(&ORDER[2 * i..2 * i + 2], 16).unwrap())
                    .collect();
                let twice = [&order[..], &order].concat();
                format!("{signed}.{}", URL_SAFE_NO_PAD.encode(twice))
            }
            r#"header {"alg":"none","alg":"ES256"}"# => {
                let doubled = r#"{"alg":"none","alg":"ES256","kid":"current"}"#;
                self.token(doubled, &payload, sign)
            }
            "kid changed" => {
                let header = header.replace("current", "rsa");
                format!(
                    "{}.{}.{}",
                    URL_SAFE_NO_PAD.encode(header),
                    parts[1],
                    parts[2]
                )
            }
            "padded" => padded(&self.token(&header, &format!("{payload} "), sign)),
            "+/ instead of -_" => self.other_alphabet(&header, &payload),
            "newline in payload segment" => {
                let (a, b) = parts[1].split_at(8);
                format!("{}.{a}\n{b}.{}", parts[0], parts[2])
            }
            "JWE" => format!("{good}.{}.{}", parts[2], parts[2]),
            "payload=abc" => self.token(&header, "abc", sign),
            r#"{"sub":"A","sub":"B"} signed by current key"# => {
                let doubled = payload.replacen('{', &format!(r#"{{"sub":"{ALICE}","#), 1);
                self.token(&header, &doubled, sign)
            }
            "trailing comma" => {
                let comma = format!("{},}}", payload.trim_end_matches('}'));
                self.token(&header, &comma, sign)
            }
            other => panic!("no such mutation: {other}"),
        }
    }

    /// A token whose signature, or a claim of random bytes, has a character that both alphabets write differently.
    fn other_alphabet(&self, header: &str, payload: &str) -> String {
        loop {
            let token = self.token(header, payload, "es256:current");
            if token.contains(['-', '_']) {
                return token.replace('-', "+").replace('_', "/");
            }
        }
    }
}

/// The same token with every segment padded to whole groups of four.
fn padded(token: &str) -> String {
    let pad = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
        URL_SAFE.encode(bytes)
    };
    let padded: Vec<String> = token.split('.').map(pad).collect();
    let padded = padded.join(".");
    assert!(padded.contains('='));
    padded
}

/// A recipe's JSON with its fixtures and times filled in.
fn filled(value: &Value, now: u64) -> Value {
    match value {
        Value::String(text) => time(text, now).unwrap_or_else(|| fixtures(text).into()),
        Value::Array(items) => items.iter().map(|item| filled(item, now)).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), filled(value, now)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn time(text: &str, now: u64) -> Option<Value> {
    let offset = text.strip_prefix("now")?;
    let offset: i64 = if offset.is_empty() {
        0
    } else {
        offset.parse().unwrap()
    };
    Some(now.checked_add_signed(offset).unwrap().into())
}

fn fixtures(text: &str) -> String {
    let mut random = [0_u8; 16];
    rand::fill(&mut random).unwrap();
    text.replace("{{PROJECT}}", "project")
        .replace("{{KID_CURRENT}}", "current")
        .replace("{{KID_RSA}}", "rsa")
        .replace("{{USER_A}}", ALICE)
        .replace("{{USER_B}}", "99999999-2222-4333-8444-555555555555")
        .replace("{{DELETED_USER}}", "66666666-2222-4333-8444-555555555555")
        .replace("{{WS_B}}", "77777777-2222-4333-8444-555555555555")
        .replace("{{UUID}}", &STANDARD_NO_PAD.encode(random))
}
