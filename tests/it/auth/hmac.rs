//! Signatures by HMAC, checked with the RustCrypto crates; the product signs with another library.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use testkit::{Captured, Reply, TestApp, ToolBuilder};

use super::{accepted, checks, refused};

const KEY: &str = "an-hmac-key-of-some-length";

/// The three hashes over a message (RFC 2104).
fn sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn sha512(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn sha1(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn same(found: &str, expected: &str) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("the signature is {found}, expected {expected}"))
    }
}

/// Not older than a minute, as an API that refuses replays would have it.
fn recent(seconds: i64) -> Result<(), String> {
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let age = i64::try_from(now).unwrap() - seconds;
    if (-1..60).contains(&age) {
        Ok(())
    } else {
        Err(format!("the signature is {age} s old"))
    }
}

fn header<'r>(request: &'r Captured, name: &str) -> Result<&'r str, String> {
    request.header(name).ok_or(format!("no header {name}"))
}

fn tool(auth: Value) -> ToolBuilder {
    ToolBuilder::post("/v1/orders").auth(auth)
}

/// As a webhook's receiver checks it: `t=…,v1=…` over time, a dot and the body.
#[tokio::test]
async fn time_and_signature_share_a_header() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    checks(&app, |request| {
        let value = header(request, "webhook-signature")?;
        let (time, signature) = value
            .strip_prefix("t=")
            .and_then(|rest| rest.split_once(",v1="))
            .ok_or("another form")?;
        recent(time.parse().map_err(|_| "no number")?)?;
        let message = [time.as_bytes(), b".", &request.body].concat();
        same(signature, &hex(&sha256(KEY.as_bytes(), &message)))
    });
    alice.stores_secret("KEY", KEY).await;
    let auth = json!({
        "method": "hmac", "secret_ref": "${KEY}", "key_name": "Webhook-Signature",
        "hmac": {
            "message": ["timestamp", "body"], "separator": ".", "timestamp": {},
            "value": "t={timestamp},v1={signature}",
        },
    });
    let tool = alice.registers(tool(auth)).await;
    accepted(
        &alice,
        &tool,
        json!({ "amount": 12, "note": "ünï \"quoted\"" }),
    )
    .await;
}

/// As an exchange checks it: the time is a parameter, and the signature the last one.
#[tokio::test]
async fn the_signature_is_the_last_parameter() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    checks(&app, |request| {
        let query = request.target.split_once('?').ok_or("no query")?.1;
        let (signed, signature) = query.rsplit_once("&signature=").ok_or("no signature")?;
        let time = signed.rsplit_once("timestamp=").ok_or("no time")?.1;
        let milliseconds: i64 = time.parse().map_err(|_| "no number")?;
        recent(milliseconds / 1000)?;
        if header(request, "x-key-id")? != "key-id-0001" {
            return Err("another key".to_owned());
        }
        same(signature, &hex(&sha256(KEY.as_bytes(), signed.as_bytes())))
    });
    alice.stores_secret("KEY", KEY).await;
    alice.stores_secret("KEY_ID", "key-id-0001").await;
    let auth = json!({
        "method": "hmac", "secret_ref": "${KEY}", "in": "query",
        "hmac": { "message": ["query"], "timestamp": { "param": "timestamp", "format": "unix_ms" } },
    });
    let tool = ToolBuilder::get("/api/v3/order")
        .auth(auth)
        .set("/api/headers", json!({ "X-Key-Id": "${KEY_ID}" }))
        .input(json!({ "type": "object", "properties": { "symbol": {}, "note": {} } }));
    let tool = alice.registers(tool).await;
    accepted(
        &alice,
        &tool,
        json!({ "symbol": "BTC/USD", "note": "a b&c=d" }),
    )
    .await;
    // No input stands where the credential stands.
    let forged = json!({ "symbol": "BTC", "timestamp": "1", "signature": "forged" });
    accepted(&alice, &tool, forged).await;
    assert_eq!(app.upstream().last_request().query().len(), 3);
}

/// Every part that can be signed, in one message.
#[tokio::test]
async fn every_part_of_a_request_can_be_signed() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let host = app.upstream().host_port();
    let key = STANDARD.encode(KEY);
    checks(&app, move |request| {
        let (path, query) = request.target.split_once('?').ok_or("no query")?;
        let time = header(request, "x-time")?;
        let nonce = header(request, "x-nonce")?;
        if nonce.len() != 32 {
            return Err(format!("the nonce is {nonce}"));
        }
        let parts = [
            request.method.clone(),
            path.to_owned(),
            query.to_owned(),
            request.target.clone(),
            format!("http://{host}{}", request.target),
            header(request, "host")?.to_owned(),
            hex(&Sha256::digest(&request.body)),
            time.to_owned(),
            nonce.to_owned(),
            header(request, "x-version")?.to_owned(),
            "v0:key-id-0001".to_owned(),
        ];
        let signature = STANDARD.encode(sha512(KEY.as_bytes(), parts.join("|").as_bytes()));
        same(
            header(request, "authorization")?,
            &format!("HMAC key-id-0001:{signature}"),
        )
    });
    alice.stores_secret("KEY", &key).await;
    alice.stores_secret("KEY_ID", "key-id-0001").await;
    let auth = json!({
        "method": "hmac", "secret_ref": "${KEY}", "key_name": "Authorization",
        "hmac": {
            "algorithm": "sha512", "encoding": "base64", "key_encoding": "base64", "separator": "|",
            "message": ["method", "path", "query", "target", "url", "host", "body_sha256", "timestamp",
                        "nonce", { "header": "X-Version" }, { "text": "v0:${KEY_ID}" }],
            "timestamp": { "header": "X-Time", "format": "iso8601_ms" },
            "nonce": { "header": "X-Nonce" },
            "value": "HMAC ${KEY_ID}:{signature}",
        },
    });
    let tool = tool(auth)
        .set("/api/headers", json!({ "X-Version": "2" }))
        .set("/api/params", json!({ "a b": "ü&/" }));
    let tool = alice.registers(tool).await;
    accepted(&alice, &tool, json!({ "amount": 12 })).await;
}

#[tokio::test]
async fn hashes_encodings_and_times() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    alice.stores_secret("TEXT_KEY", KEY).await;
    alice.stores_secret("HEX_KEY", &hex(KEY.as_bytes())).await;
    let auth = |key: &str, key_encoding: &str, algorithm: &str, encoding: &str, format: &str| {
        json!({
            "method": "hmac", "secret_ref": key, "prefix": "sig=",
            "hmac": { "algorithm": algorithm, "encoding": encoding, "key_encoding": key_encoding,
                      "message": ["timestamp", "body"], "timestamp": { "header": "Date", "format": format } },
        })
    };
    type Hash = fn(&[u8], &[u8]) -> Vec<u8>;
    type Written = fn(&[u8]) -> String;
    let base64url: Written = |bytes| URL_SAFE_NO_PAD.encode(bytes);
    let base64: Written = |bytes| STANDARD.encode(bytes);
    let cases: [(Value, Hash, Written, &str); 3] = [
        (
            auth("${HEX_KEY}", "hex", "sha1", "hex", "http_date"),
            sha1,
            hex,
            "GMT",
        ),
        (
            auth("${TEXT_KEY}", "text", "sha256", "base64url", "iso8601"),
            sha256,
            base64url,
            "Z",
        ),
        (
            auth("${TEXT_KEY}", "text", "sha512", "base64", "unix"),
            sha512,
            base64,
            "",
        ),
    ];
    for (index, (auth, hash, written, end)) in cases.into_iter().enumerate() {
        checks(&app, move |request| {
            let time = header(request, "date")?;
            if !time.ends_with(end) {
                return Err(format!("the time is {time}"));
            }
            let message = [time.as_bytes(), b"\n", &request.body].concat();
            let expected = format!("sig={}", written(&hash(KEY.as_bytes(), &message)));
            same(header(request, "x-signature")?, &expected)
        });
        let tool = alice
            .registers(tool(auth).id(&format!("tool_{index}")))
            .await;
        accepted(&alice, &tool, json!({ "a": 1 })).await;
    }
}

#[tokio::test]
async fn another_key_is_refused_by_the_api() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    checks(&app, |request| {
        let expected = hex(&sha256(b"the key that the API has", &request.body));
        same(header(request, "x-signature")?, &expected)
    });
    alice.stores_secret("KEY", KEY).await;
    let auth = json!({ "method": "hmac", "secret_ref": "${KEY}", "hmac": { "message": ["body"] } });
    let tool = alice.registers(tool(auth)).await;
    let error = refused(&alice, &tool, json!({ "a": 1 })).await;
    assert!(error["hint"].as_str().unwrap().contains("KEY"), "{error}");
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_told_before_anything_is_sent() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    checks(&app, |_| Ok(()));
    alice.stores_secret("KEY", KEY).await;
    let auth = json!({
        "method": "hmac", "secret_ref": "${KEY}", "hmac": { "message": ["body"], "key_encoding": "hex" },
    });
    let tool = alice.registers(tool(auth)).await;
    let done = alice.executes(&tool, json!({ "a": 1 })).await;
    let error = done.json()["error"].clone();
    assert_eq!(error["code"], "secret_missing", "{error}");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("${KEY} is not hexadecimal"),
        "{error}"
    );
    assert!(app.upstream().requests().is_empty());
}

/// An API that refuses replays would refuse a repeated nonce.
#[tokio::test]
async fn each_attempt_is_signed_anew() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    alice.stores_secret("KEY", KEY).await;
    let busy = || testkit::Answer::text("busy").status(503);
    let replies: Vec<Reply> = vec![busy().into(), busy().into(), json!({ "ok": true }).into()];
    app.upstream().on_sequence("/x", replies);
    let auth = json!({
        "method": "hmac", "secret_ref": "${KEY}",
        "hmac": { "message": ["nonce"], "nonce": { "header": "X-Nonce" } },
    });
    let tool = ToolBuilder::get("/x").auth(auth).set(
        "/retry",
        json!({ "max_attempts": 3, "backoff_ms": 1, "max_backoff_ms": 1 }),
    );
    let tool = alice.registers(tool).await;
    accepted(&alice, &tool, json!({})).await;
    let sent = app.upstream().requests();
    let mut nonces: Vec<&str> = sent.iter().filter_map(|it| it.header("x-nonce")).collect();
    for request in &sent {
        let nonce = header(request, "x-nonce").unwrap();
        let expected = hex(&sha256(KEY.as_bytes(), nonce.as_bytes()));
        assert_eq!(request.header("x-signature"), Some(expected.as_str()));
    }
    nonces.dedup();
    assert_eq!(nonces.len(), 3);
}
