//! Every kind of credential that is sent as it is or signs what is sent, through every failure.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::ToolBuilder;

use super::scene::Scene;

/// What every way of writing treats in its own manner.
const IN_QUERY: &str = "q-c4nary/+ \"quoted\" <b>&é\\=tail-4711";
/// As headers take it.
const IN_HEADER: &str = "h-c4nary:word+/=&<\"q\">\\tail-0815";
/// As cookies take it (RFC 6265).
const IN_COOKIE: &str = "k-c4nary.word+/=&<tail>-1906";
/// A password that is half of a pair.
const PASSWORD: &str = "p-c4nary-pass:word/+é-1999";
/// Keys that never leave, not even to where they belong.
const HMAC_KEY: &str = "m-c4nary+key/=&<\"of\">-hmac-2303";
const AWS_SECRET: &str = "a-c4nary/wJalrXUtnFEMI+K7MDENG-2512";
const JWT_KEY: &str = "j-c4nary-key-of-a-signature-with-more-than-32-bytes-0704";
/// Sent, as part of a signature's header.
const AWS_ID: &str = "AKIAC4NARY0304XYZ1";
const AWS_TOKEN: &str = "s-c4nary//session+token==-1111";

const SECRETS: [(&str, &str); 9] = [
    ("IN_QUERY", IN_QUERY),
    ("IN_HEADER", IN_HEADER),
    ("IN_COOKIE", IN_COOKIE),
    ("PASSWORD", PASSWORD),
    ("HMAC_KEY", HMAC_KEY),
    ("AWS_SECRET", AWS_SECRET),
    ("JWT_KEY", JWT_KEY),
    ("AWS_ID", AWS_ID),
    ("AWS_TOKEN", AWS_TOKEN),
];

/// All codes that an execution with a credential can end in, but for those of other tests.
const CODES: [&str; 13] = [
    "auth_failed",
    "egress_blocked",
    "connect_failed",
    "timeout",
    "rate_limited",
    "upstream_4xx",
    "upstream_5xx",
    "upstream_error",
    "response_too_large",
    "invalid_response",
    "mapping_failed",
    "output_invalid",
    "secret_missing",
];

fn static_kinds() -> Vec<(&'static str, Value)> {
    vec![
        (
            "key-header",
            json!({ "method": "api_key_header", "key_name": "X-Key", "secret_ref": "${IN_HEADER}" }),
        ),
        (
            "key-query",
            json!({ "method": "api_key_query", "key_name": "key", "secret_ref": "${IN_QUERY}" }),
        ),
        (
            "key-cookie",
            json!({ "method": "api_key_cookie", "key_name": "session", "secret_ref": "${IN_COOKIE}" }),
        ),
        (
            "bearer",
            json!({ "method": "bearer", "secret_ref": "${IN_HEADER}" }),
        ),
        (
            "basic",
            json!({ "method": "basic", "username_ref": "user", "password_ref": "${PASSWORD}" }),
        ),
        (
            "basic-pair",
            json!({ "method": "basic", "username_ref": "${IN_COOKIE}", "password_ref": "${PASSWORD}" }),
        ),
        (
            "custom",
            json!({ "method": "custom", "placements": [
            { "in": "header", "name": "X-A", "value": "Token ${IN_HEADER}" },
            { "in": "query", "name": "b", "value": "v1:${IN_QUERY}:v2" },
            { "in": "cookie", "name": "c", "value": "${IN_COOKIE}" },
        ] }),
        ),
    ]
}

fn signing_kinds() -> Vec<(&'static str, Value)> {
    vec![
        (
            "hmac",
            json!({ "method": "hmac", "secret_ref": "${HMAC_KEY}", "key_name": "X-Signature", "prefix": "sha256=",
            "hmac": { "algorithm": "sha256", "encoding": "hex", "message": ["method", "path", "query", "timestamp", "body_sha256"],
                      "separator": "\n", "timestamp": { "header": "X-Timestamp", "format": "unix" } } }),
        ),
        (
            "hmac-query",
            json!({ "method": "hmac", "secret_ref": "${HMAC_KEY}", "key_name": "signature", "in": "query",
            "hmac": { "algorithm": "sha512", "encoding": "base64", "message": ["query"] } }),
        ),
        (
            "sigv4",
            json!({ "method": "aws_sigv4", "aws": { "access_key_ref": "${AWS_ID}", "secret_key_ref": "${AWS_SECRET}",
            "session_token_ref": "${AWS_TOKEN}", "region": "eu-central-1", "service": "execute-api" } }),
        ),
        (
            "jwt",
            json!({ "method": "jwt_bearer", "jwt": { "issuer": "us", "audience": "them", "key_ref": "${JWT_KEY}",
            "algorithm": "HS256", "use": "direct" } }),
        ),
        (
            "jwt-pem",
            json!({ "method": "jwt_bearer", "jwt": { "issuer": "us", "audience": "them", "key_ref": "${PEM}",
            "algorithm": "ES256", "use": "direct" } }),
        ),
    ]
}

async fn scene() -> Scene {
    let values: Vec<&str> = SECRETS.iter().map(|(_, value)| *value).collect();
    Scene::with(&SECRETS, &values, &[]).await
}

#[tokio::test]
async fn not_one_that_is_sent_as_it_is() {
    let mut scene = scene().await;
    for (kind, auth) in static_kinds() {
        let tool = ToolBuilder::get("/")
            .auth(auth)
            .set("/api/params/again", "${IN_QUERY}");
        scene.fails_in_every_way(kind, &tool).await;
    }
    let absent = json!({ "method": "bearer", "secret_ref": "${ABSENT}" });
    let absent = ToolBuilder::get("/absent")
        .auth(absent)
        .set("/api/params/again", "${IN_QUERY}");
    assert_eq!(
        scene.runs(absent, json!({})).await.as_deref(),
        Some("secret_missing")
    );
    // It did go where it belongs.
    let sent = scene.app.upstream().requests();
    let bearer = format!("Bearer {IN_HEADER}");
    assert!(
        sent.iter()
            .any(|sent| sent.header("authorization") == Some(bearer.as_str()))
    );
    assert!(
        sent.iter()
            .any(|sent| sent.query().contains(&("key".into(), IN_QUERY.into())))
    );
    scene.left_nothing(&CODES);
}

/// A private key as it is handed out: each of its lines is a secret.
fn pem() -> String {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let text = STANDARD.encode(pair.to_pkcs8v1().unwrap());
    let (first, rest) = text.split_at(64);
    let (second, third) = rest.split_at(64);
    format!("-----BEGIN PRIVATE KEY-----\n{first}\n{second}\n{third}\n-----END PRIVATE KEY-----\n")
}

#[tokio::test]
async fn not_one_that_signs() {
    let pem = pem();
    let lines = pem.lines().filter(|line| !line.starts_with('-'));
    let values: Vec<&str> = SECRETS
        .iter()
        .map(|(_, value)| *value)
        .chain(lines)
        .collect();
    let secrets: Vec<(&str, &str)> = SECRETS.into_iter().chain([("PEM", pem.as_str())]).collect();
    let mut scene = Scene::with(&secrets, &values, &[]).await;
    for (kind, auth) in signing_kinds() {
        let tool = ToolBuilder::get("/").auth(auth);
        scene.fails_in_every_way(kind, &tool).await;
    }
    scene.left_nothing(&CODES[..12]);
    // An assertion is as good as a token while it lasts.
    let sent = scene.app.upstream().requests();
    let assertions: Vec<String> = sent
        .iter()
        .filter_map(|sent| sent.header("authorization")?.strip_prefix("Bearer "))
        .map(str::to_owned)
        .collect();
    assert!(assertions.len() > 40, "{}", assertions.len());
    scene.none_left_of(&assertions);
}

#[tokio::test]
async fn not_through_an_input_that_repeats_it() {
    let scene = scene().await;
    scene.app.upstream().on("*", testkit::Reply::Echo);
    for (kind, auth) in static_kinds() {
        let tool = ToolBuilder::post(&format!("/{kind}")).auth(auth);
        let tool = scene.alice.registers(tool).await;
        let guesses =
            json!({ "input": { "guess": IN_QUERY, "more": [IN_HEADER, { IN_COOKIE: PASSWORD }] } });
        let response = scene.alice.post(&tool.execute_path(), &guesses).await;
        assert_eq!(response.status(), 200, "{}", response.text());
        let id = response.json()["execution_id"].as_str().unwrap().to_owned();
        // What is the tool's own secret is hidden, whoever wrote it.
        let own: Vec<&str> = SECRETS
            .iter()
            .filter(|(name, _)| tool.document.to_string().contains(&format!("${{{name}}}")))
            .map(|(_, value)| *value)
            .collect();
        let canaries = super::spellings::Canaries::of(&own);
        canaries.none_in_answer(kind, &response);
        let record = scene.alice.get(&format!("/api/v1/executions/{id}")).await;
        canaries.none_in_answer(kind, &record);
    }
}
