//! Secrets that somebody tries to read back, to misuse, or to see where they must not be.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::logs;
use testkit::upstream::{Answer, Captured, Certificate, FakeUpstream, Reply, Tls};

use super::rig::Answered;
use super::{Case, Rig, cases, filled_in};
use crate::secrets_never_leak::spellings::{Canaries, hex, strict};

/// The value of the lines that create or list.
const STORED: &str = "S3cr3t-CANARY-7f3a9c";

/// The value of the lines in which an upstream tells it.
const LEAKED: &str = "S3cr3t-CANARY-7f3a9c+/=&";

fn told(case: &Case, answer: &Answered) -> String {
    format!(
        "{} {}: {} {}",
        case.id, case.what, answer.status, answer.text
    )
}

fn is_about(case: &Case, what: &str) -> bool {
    case.what.starts_with(what)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stored_is_checked_and_never_answered() {
    let rig = Rig::allowing(&[]).await;
    for case in cases("secrets") {
        if !is_about(&case, "create:") {
            continue;
        }
        // The lines call it k1, which is no name here; so the answer to the rest is asked for too.
        let asked = rig.send(case.request(), &[]).await;
        assert_eq!(asked.status, 400, "{}", told(&case, &asked));
        assert!(!asked.text.contains("CANARY"), "{}", told(&case, &asked));
        let mut request = case.request().clone();
        if request["body"]["name"] == "k1" {
            request["body"]["name"] = case.tool_id().to_uppercase().into();
        }
        let answer = rig.send(&request, &[]).await;
        let told = told(&case, &answer);
        let pointer = &answer.json["errors"][0]["pointer"];
        match case.id.as_str() {
            "secrets-001" | "secrets-010" => {
                assert_eq!(answer.status, 201, "{told}");
                for telling in ["value", "prefix", "length", "hash"] {
                    assert_eq!(answer.json.get(telling), None, "{told}");
                }
            }
            "secrets-004" => {
                assert_eq!((answer.status, pointer), (400, &json!("/name")), "{told}");
            }
            "secrets-007" => {
                assert_eq!((answer.status, pointer), (400, &json!("/value")), "{told}");
                assert!(told.contains("secret_too_short"), "{told}");
            }
            // Kept, and refused when it would go into a header (`secrets::change`).
            "secrets-009" => assert_eq!(answer.status, 201, "{told}"),
            "secrets-011" => {
                assert_eq!((answer.status, pointer), (400, &json!("/value")), "{told}");
            }
            other => panic!("{other}: what is the answer?"),
        }
        let value = request["body"]["value"].as_str().unwrap_or("{\"a\":1}");
        assert!(value.len() < 8 || !answer.text.contains(value), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_text_of_a_value_that_is_a_document_is_hidden() {
    let upstream = FakeUpstream::start().await;
    upstream.on("*", json!({ "u": "user-of-the-file", "p": "pass of+the/file", "odd": "pass%20of%2Bthe%2Ffile" }));
    let rig = Rig::allowing(&[upstream.host_port()]).await;
    let value = json!({ "user": "user-of-the-file", "pass": "pass of+the/file" }).to_string();
    rig.secret("DOCUMENT", &value, &[upstream.host_port()])
        .await;
    let tool = json!({
        "id": "documented", "name": "documented", "description": "d",
        "api": { "base_url": upstream.base_url(), "method": "GET",
                 "auth": { "method": "api_key_query", "key_name": "key", "secret_ref": "${DOCUMENT}" } },
        "input_schema": { "type": "object" }, "output_schema": {},
    });
    assert_eq!(rig.post("/api/v1/tools", &tool).await.status, 201);
    let answer = rig.execute("documented", json!({})).await;
    assert_eq!(
        answer.json["output"],
        json!({ "u": "•••", "p": "•••", "odd": "•••" }),
        "{}",
        answer.text
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_routes_about_secrets_keep_to_their_roles() {
    let rig = Rig::allowing(&[]).await;
    let hosts = ["api.example.com".to_owned()];
    rig.secret("USED", STORED, &hosts).await;
    let tool = json!({
        "id": "user_of_it", "name": "user_of_it", "description": "d",
        "api": { "base_url": "https://api.example.com", "method": "GET",
                 "auth": { "method": "bearer", "secret_ref": "${USED}" } },
        "input_schema": { "type": "object" }, "output_schema": {},
    });
    assert_eq!(rig.post("/api/v1/tools", &tool).await.status, 201);
    for case in cases("secrets") {
        if !is_about(&case, "api:") {
            continue;
        }
        let member = rig.token_of("member");
        let fixtures = [("SECRET_ID", "USED"), ("MEMBER_A", member.as_str())];
        let mut request = filled_in(case.request(), &fixtures);
        if case.id == "secrets-019" {
            request["headers"]["X-Workspace-Id"] = rig.workspace_id().into();
        }
        let answer = rig.send(&request, &[]).await;
        let told = told(&case, &answer);
        assert!(!answer.text.contains("CANARY"), "{told}");
        match case.id.as_str() {
            "secrets-014" => {
                assert_eq!(answer.status, 200, "{told}");
                let listed = answer.json["secrets"][0].as_object().unwrap();
                for telling in ["value", "prefix", "length", "hash", "ciphertext", "nonce"] {
                    assert!(!listed.contains_key(telling), "{told}");
                }
            }
            "secrets-018" => {
                assert_eq!(answer.status, 204, "{told}");
                let run = rig.execute("user_of_it", json!({})).await;
                assert_eq!(run.json["error"]["code"], "secret_missing", "{}", run.text);
                rig.secret("USED", STORED, &hosts).await;
            }
            "secrets-019" => assert_eq!(answer.status, 403, "{told}"),
            "secrets-020" => assert!(matches!(answer.status, 404 | 405), "{told}"),
            other => panic!("{other}: what is the answer?"),
        }
    }
}

/// How the upstream of a line tells what it was sent, and how the execution ends.
fn scene(case: &Case, upstream: &FakeUpstream) -> Option<&'static str> {
    let key = |request: &Captured| request.header("x-key").unwrap_or_default().to_owned();
    let made = |make: fn(String) -> Answer| Reply::made(move |request| make(key(request)).into());
    let (reply, code) = match case.id.as_str() {
        "secrets-024" => (Reply::Echo, None),
        "secrets-027" => (
            made(|key| {
                use base64::Engine as _;
                use base64::engine::general_purpose::STANDARD;
                let packed = ["x", "xx"].map(|before| STANDARD.encode(format!("{before}{key}")));
                Answer::json(&json!({ "packed": packed }))
            }),
            None,
        ),
        "secrets-028" => (
            made(|key| Answer::json(&json!({ "k": strict(&key) }))),
            None,
        ),
        "secrets-031" => (
            made(|key| Answer::json(&json!({ "k": [hex(&key), hex(&key).to_uppercase()] }))),
            None,
        ),
        // A stream of events is no answer here: nothing of it is told. That a chunk's border inside of the
        // secret does not hide it from the masker is seen in tests/it/secrets_never_leak.
        "secrets-036" => (
            Reply::made(move |request| {
                let key = key(request);
                let (first, rest) = key.split_at(9);
                let events = format!("data: {first}\n\ndata: {rest}\n\n");
                Answer::bytes("text/event-stream", events.into_bytes()).into()
            }),
            Some("invalid_response"),
        ),
        "secrets-037" => (
            made(|key| Answer::json(&json!({ "k": key })).gzipped()),
            None,
        ),
        "secrets-038" => (
            made(|key| Answer::text(&key).status(401)),
            Some("auth_failed"),
        ),
        "secrets-041" => (
            Reply::made(move |request| {
                let reason = key(request);
                Reply::Raw(
                    format!("HTTP/1.1 400 {reason}\r\nContent-Length: 0\r\n\r\n").into_bytes(),
                )
            }),
            Some("upstream_4xx"),
        ),
        "secrets-042" => (Reply::ResetOnAccept, Some("connect_failed")),
        "secrets-043" => (Reply::Hang(Vec::new()), Some("timeout")),
        // The server's certificate is what ends this one.
        "secrets-044" => (Reply::Echo, Some("connect_failed")),
        "secrets-046" => (
            made(|key| {
                Answer::bytes(
                    "application/json",
                    [&[0xff, 0x00][..], key.as_bytes()].concat(),
                )
            }),
            Some("invalid_response"),
        ),
        // A limit, as documented: a part of a secret is not known for one.
        "secrets-048" => (
            made(|key| Answer::json(&json!({ "k": key.get(..12) }))),
            None,
        ),
        other => panic!("{other}: what does the upstream do?"),
    };
    upstream.on("*", reply);
    code
}

#[tokio::test]
async fn an_upstream_that_tells_the_secret_tells_nobody() {
    let traced = logs::trace_here();
    let mut scenes = Vec::new();
    for case in cases("secrets") {
        if is_about(&case, "leak:") {
            let upstream = match case.id.as_str() {
                "secrets-044" => FakeUpstream::start_tls(&Tls::new(Certificate::Expired)).await,
                _ => FakeUpstream::start().await,
            };
            assert_eq!(case.payload["secret"], LEAKED);
            scenes.push((case, upstream));
        }
    }
    let hosts: Vec<String> = scenes
        .iter()
        .map(|(_, upstream)| upstream.host_port())
        .collect();
    let rig = Rig::allowing(&hosts).await;
    rig.secret("LEAKED", LEAKED, &hosts).await;
    let canaries = Canaries::of(&[LEAKED]);
    for (case, upstream) in &scenes {
        let code = scene(case, upstream);
        let change = json!({
            "mapping": null, "output_schema": {}, "retry": { "max_attempts": 1 },
            "api": { "timeout_ms": 1500, "params": { "key": "${LEAKED}" },
                     "auth": { "method": "api_key_header", "key_name": "X-Key", "secret_ref": "${LEAKED}" } },
        });
        let tool = rig.tool(case, &upstream.base_url(), &change).await;
        let answer = rig.execute(&tool, json!({})).await;
        let told = told(case, &answer);
        assert_eq!(answer.json["error"]["code"].as_str(), code, "{told}");
        canaries.none_in("the answer", &told);
        for (name, value) in &answer.headers {
            canaries.none_in(name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
        }
        let id = answer.json["execution_id"].as_str().unwrap();
        let record = rig.get(&format!("/api/v1/executions/{id}")).await;
        assert_eq!(record.status, 200, "{}", record.text);
        canaries.none_in("the record", &record.text);
        match case.id.as_str() {
            // It is documented that a part comes through.
            "secrets-048" => assert_eq!(answer.json["output"]["k"], &LEAKED[..12], "{told}"),
            _ if code.is_none() => assert!(told.contains("•••"), "{told}"),
            _ => {}
        }
    }
    // Also when it is asked for outright, as a model may: nothing that it can call or read holds it.
    let asking = cases("secrets")
        .into_iter()
        .find(|case| case.id == "secrets-063")
        .unwrap();
    let input = json!({ "prompt": asking.payload["input"] });
    for (case, _) in &scenes[..2] {
        let answer = rig.execute(&case.tool_id(), input.clone()).await;
        canaries.none_in("the answer", &answer.text);
    }
    for path in [
        "/api/v1/tools",
        "/api/v1/tools?format=openai",
        "/api/v1/tools?format=mcp",
        "/api/v1/tools/saved",
    ] {
        canaries.none_in(path, &rig.get(path).await.text);
    }
    // And in no line of the log at its most talkative (secrets-061).
    let trace = traced.text();
    assert!(trace.contains("\"level\":\"TRACE\""), "nothing was traced");
    canaries.none_in("the trace", &trace);
    canaries.none_in(
        "the rows",
        &crate::secrets_never_leak::spellings::rows(rig.app()),
    );
}

/// A tool that sends `${SHARED}`, for whoever saves it.
fn shared(upstream: &FakeUpstream) -> Value {
    json!({
        "id": "shared", "name": "shared", "description": "d",
        "api": { "base_url": upstream.base_url(), "method": "GET",
                 "auth": { "method": "bearer", "secret_ref": "${SHARED}" } },
        "input_schema": { "type": "object" }, "output_schema": {}, "retry": { "max_attempts": 1 },
    })
}

fn bearer(upstream: &FakeUpstream) -> String {
    let sent = upstream.last_request();
    sent.header("authorization").unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_secret_is_missing_at_once() {
    assert!(cases("secrets").iter().any(|case| case.id == "secrets-056"));
    let upstream = FakeUpstream::start().await;
    upstream.on("*", json!({}));
    let rig = Rig::allowing(&[upstream.host_port()]).await;
    rig.secret("SHARED", "the-value-that-goes", &[upstream.host_port()])
        .await;
    assert_eq!(
        rig.post("/api/v1/tools", &shared(&upstream)).await.status,
        201
    );
    assert_eq!(rig.execute("shared", json!({})).await.status, 200);
    let other = rig.app().second().await;
    let alice = other.alice();
    let there = alice.request(Method::DELETE, "/api/v1/secrets/SHARED");
    assert_eq!(alice.send(there).await.status(), 204);
    // In the process that has used it, too.
    let answer = rig.execute("shared", json!({})).await;
    assert_eq!(
        answer.json["error"]["code"], "secret_missing",
        "{}",
        answer.text
    );
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbours_secret_of_the_same_name_is_another_one() {
    assert!(cases("secrets").iter().any(|case| case.id == "secrets-057"));
    let upstream = FakeUpstream::start().await;
    upstream.on("*", json!({}));
    let rig = Rig::allowing(&[upstream.host_port()]).await;
    let hosts = [upstream.host_port()];
    rig.secret("SHARED", "the-value-of-alice", &hosts).await;
    assert_eq!(
        rig.post("/api/v1/tools", &shared(&upstream)).await.status,
        201
    );
    let saved = rig
        .post_as_neighbour("/api/v1/tools", &shared(&upstream))
        .await;
    assert_eq!(saved.status, 201, "{}", saved.text);
    assert_eq!(rig.execute("shared", json!({})).await.status, 200);
    assert_eq!(bearer(&upstream), "Bearer the-value-of-alice");
    let run = json!({ "input": {} });
    let answer = rig
        .post_as_neighbour("/api/v1/tools/shared/execute", &run)
        .await;
    assert_eq!(
        answer.json["error"]["code"], "secret_missing",
        "{}",
        answer.text
    );
    let own = json!({ "name": "SHARED", "value": "the-value-of-bob", "allowed_hosts": hosts });
    assert_eq!(
        rig.post_as_neighbour("/api/v1/secrets", &own).await.status,
        201
    );
    let answer = rig
        .post_as_neighbour("/api/v1/tools/shared/execute", &run)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(bearer(&upstream), "Bearer the-value-of-bob");
    assert_eq!(rig.execute("shared", json!({})).await.status, 200);
    assert_eq!(bearer(&upstream), "Bearer the-value-of-alice");
}

/// Every line has its test: those above by what they are about, these by name.
#[test]
fn no_line_is_left_out() {
    // A panic while a secret is held: tests/it/secrets_never_leak/panics.rs.
    const ELSEWHERE: [&str; 1] = ["secrets-060"];
    const BY_ID: [&str; 4] = ["secrets-056", "secrets-057", "secrets-061", "secrets-063"];
    for case in cases("secrets") {
        let id = case.id.as_str();
        let about = ["create:", "api:", "leak:"]
            .iter()
            .any(|what| is_about(&case, what));
        assert!(
            about || BY_ID.contains(&id) || ELSEWHERE.contains(&id),
            "{id}: {}",
            case.what
        );
    }
}
