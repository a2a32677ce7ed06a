//! A secret goes to its host and nowhere else: no answer, no log line and no row ever holds it, in no spelling.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use testkit::{Answer, FakeUpstream, Persona, Reply, TestApp, ToolBuilder, logs};

/// Holds what every way of writing it treats in its own manner. No other test uses it.
const CANARY: &str = "c4nary/+ \"quoted\" <b>&é\\=tail-4711";

/// The other half of a pair for Basic.
const PASSWORD: &str = "c4nary-pass:word-0815";

fn percent(text: &str, kept: &str, upper: bool) -> String {
    text.bytes()
        .map(|b| match b {
            b if b.is_ascii_alphanumeric() || kept.as_bytes().contains(&b) => {
                char::from(b).to_string()
            }
            b if upper => format!("%{b:02X}"),
            b => format!("%{b:02x}"),
        })
        .collect()
}

fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02x}")).collect()
}

fn json_escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn html_escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Base64 of text that holds the secret at any offset.
fn base64_of(text: &str) -> Vec<String> {
    ["", "x", "xx"]
        .into_iter()
        .map(|before| format!("{before}{text}"))
        .flat_map(|text| [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)])
        .collect()
}

/// The same without the characters that depend on what stands around the secret.
fn base64_cores(text: &str) -> Vec<String> {
    let mut cores = Vec::new();
    for (offset, from) in [(0, 0), (1, 2), (2, 3)] {
        let whole = (offset + text.len()) / 3 * 4;
        let before = &"xx"[..offset];
        for encoded in [
            STANDARD.encode(format!("{before}{text}")),
            URL_SAFE_NO_PAD.encode(format!("{before}{text}")),
        ] {
            cores.push(encoded[from..whole].to_owned());
        }
    }
    cores
}

fn without_base64(secret: &str) -> Vec<(&'static str, String)> {
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    vec![
        ("raw", secret.to_owned()),
        ("percent, strict", percent(secret, "-._~", true)),
        ("percent, lower case", percent(secret, "-._~", false)),
        ("percent, path", percent(secret, "-._~!$&'()*+,;=:@/", true)),
        ("form", form),
        ("hex", hex(secret)),
        ("hex, upper case", hex(secret).to_uppercase()),
        ("JSON", json_escaped(secret)),
        ("JSON in JSON", json_escaped(&json_escaped(secret))),
        ("HTML", html_escaped(secret)),
    ]
}

/// Every spelling that an upstream might send back.
fn spellings(secret: &str) -> Vec<String> {
    let plain = without_base64(secret)
        .into_iter()
        .map(|(_, spelling)| spelling);
    plain.chain(base64_of(secret)).collect()
}

/// Whether the text holds the secret in any spelling.
fn found(text: &str) -> Option<&'static str> {
    if text.contains("c4nary") {
        return Some("the beginning");
    }
    [CANARY, PASSWORD]
        .into_iter()
        .flat_map(|secret| {
            let cores = base64_cores(secret)
                .into_iter()
                .map(|core| ("base64", core));
            without_base64(secret).into_iter().chain(cores)
        })
        .find(|(_, spelling)| text.contains(spelling.as_str()))
        .map(|(name, _)| name)
}

/// All rows of all tables, as text and as JSON.
fn rows(app: &TestApp) -> String {
    let tables = app.sql(
        "select format('%I.%I', schemaname, tablename) from pg_tables
         where schemaname in ('identity', 'secrets', 'catalog', 'orchestration', 'registry', 'public', 'auth')",
    );
    let mut dump = String::new();
    for table in tables.rows.iter().flatten().flatten() {
        let rows = app.sql(&format!("select t::text, to_jsonb(t)::text from {table} t"));
        for value in rows.rows.iter().flatten().flatten() {
            dump.push_str(value);
            dump.push('\n');
        }
    }
    dump
}

fn nothing_leaked(app: &TestApp) {
    let dump = rows(app);
    assert!(dump.contains("get_"), "the dump holds the tools");
    assert_eq!(found(&dump), None, "a row holds it");
    let log = logs::text();
    assert_eq!(found(&log), None, "a log line holds it");
}

async fn stores(alice: &Persona) {
    alice.stores_secret("CANARY", CANARY).await;
    alice.stores_secret("PASSWORD", PASSWORD).await;
}

/// A tool that sends the secrets in its query, in headers and as a Basic pair.
fn exposed(path: &str) -> ToolBuilder {
    ToolBuilder::get(path)
        .auth(json!({ "method": "basic", "username_ref": "user", "password_ref": "${PASSWORD}" }))
        .set("/api/params", json!({ "key": "${CANARY}" }))
        .set("/api/headers", json!({ "X-Password": "Token ${PASSWORD}" }))
        .set("/retry", json!({ "max_attempts": 1 }))
}

/// Runs the tool, and looks at everything that was answered about the run.
async fn runs(app: &TestApp, alice: &Persona, tool: ToolBuilder, code: Option<&str>) {
    let tool = alice.registers(tool).await;
    let response = alice.executes(&tool, json!({})).await;
    let text = response.text();
    assert_eq!(
        response.json()["error"]["code"].as_str(),
        code,
        "{}: {text}",
        tool.id
    );
    assert_eq!(found(&text), None, "{}: {text}", tool.id);
    for value in response.headers().values() {
        assert_eq!(found(&String::from_utf8_lossy(value.as_bytes())), None);
    }
    let id = response.json()["execution_id"].as_str().unwrap().to_owned();
    let record = app.viewer().get(&format!("/api/v1/executions/{id}")).await;
    assert_eq!(record.status(), 200, "{}", record.text());
    assert_eq!(found(&record.text()), None, "{}", record.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_from_an_upstream_that_sends_it_back() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    stores(&alice).await;
    let all: Vec<String> = [CANARY, PASSWORD].into_iter().flat_map(spellings).collect();
    let pair = STANDARD.encode(format!("user:{PASSWORD}"));
    let everything = json!({ "all": all, "pair": format!("Basic {pair}"), "joined": all.join("|"),
                             "by_key": { CANARY: 1 } });
    app.upstream().on("/echo", Reply::Echo);
    app.upstream().on("/spelt", everything.clone());
    app.upstream().on("/text", Answer::text(&all.join("\n")));
    app.upstream()
        .on("/gzip", Answer::gzipped_json(&everything));
    app.upstream().on(
        "/headers",
        Answer::json(&json!({ "fine": true })).header("X-Key", &percent(CANARY, "-._~", true)),
    );
    for path in ["/echo", "/spelt", "/gzip", "/headers"] {
        runs(&app, &alice, exposed(path), None).await;
    }
    let text = exposed("/text").set("/response/format", "text");
    runs(&app, &alice, text, None).await;
    // It did go where it belongs.
    let sent = app.upstream().last_request();
    assert!(
        sent.query().contains(&("key".into(), CANARY.into())),
        "{:?}",
        sent.query()
    );
    assert_eq!(
        sent.header("authorization"),
        Some(format!("Basic {pair}").as_str())
    );
    nothing_leaked(&app);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_from_a_failure_of_any_kind() {
    let other = FakeUpstream::start().await;
    let app = TestApp::setup().allow(&other.host_port()).start().await;
    let alice = app.alice();
    stores(&alice).await;
    let told = spellings(CANARY).join("\n");
    let strict = percent(CANARY, "-._~", true);
    let up = app.upstream();
    up.on("/refused", Answer::text(&told).status(401));
    up.on("/missing", Answer::text(&told).status(404));
    up.on(
        "/broken",
        Answer::bytes("text/html", told.clone().into_bytes()).status(500),
    );
    up.on(
        "/limited",
        Answer::text(&told).status(429).header("Retry-After", "1"),
    );
    up.on(
        "/away",
        Answer::redirect(302, &format!("{}/?stolen={strict}", other.base_url())),
    );
    up.on(
        "/nowhere",
        Answer::redirect(302, &format!("http://169.254.169.254/{strict}")),
    );
    up.on(
        "/odd",
        Answer::redirect(302, &format!("ftp://user:{strict}@example.com/")),
    );
    // What is told of a body ends somewhere: not in the middle of a secret.
    let cut = |before: usize| Answer::text(&format!("{}{CANARY}", "x".repeat(before))).status(400);
    up.on("/cut-1", cut(2048 - 7));
    up.on("/cut-2", cut(2048 - 20));
    up.on("/late", Reply::Hang(Vec::new()));
    up.on(
        "/half",
        Reply::Hang(format!("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{told}").into_bytes()),
    );
    up.on(
        "/reset",
        Reply::Reset(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n".to_vec()),
    );
    up.on(
        "/garbage",
        Reply::Raw(format!("{told}\r\n\r\n").into_bytes()),
    );
    up.on(
        "/status",
        Reply::Raw(format!("HTTP/1.1 404 {strict}\r\nContent-Length: 0\r\n\r\n").into_bytes()),
    );
    up.on(
        "/type",
        Answer::bytes(&format!("image/{strict}"), b"x".to_vec()),
    );
    up.on(
        "/no-json",
        Answer::bytes("application/json", format!("{{\"a\": {told}").into_bytes()),
    );
    up.on("/unmapped", json!({ CANARY: 1, "a": told }));
    up.on("/invalid", json!({ "price": told }));
    up.on(
        "/large",
        Answer::bytes("application/json", told.repeat(50).into_bytes()),
    );
    for (path, code) in [
        ("/refused", "auth_failed"),
        ("/missing", "upstream_4xx"),
        ("/broken", "upstream_5xx"),
        ("/limited", "rate_limited"),
        ("/away", "egress_blocked"),
        ("/nowhere", "egress_blocked"),
        ("/odd", "egress_blocked"),
        ("/cut-1", "upstream_4xx"),
        ("/cut-2", "upstream_4xx"),
        ("/late", "timeout"),
        ("/half", "timeout"),
        ("/reset", "invalid_response"),
        ("/garbage", "invalid_response"),
        ("/status", "upstream_4xx"),
        ("/type", "invalid_response"),
        ("/no-json", "invalid_response"),
    ] {
        let hurried = code == "timeout";
        let tool = exposed(path).set("/api/timeout_ms", if hurried { 700 } else { 20_000 });
        runs(&app, &alice, tool, Some(code)).await;
    }
    let price = json!({ "type": "object", "properties": { "price": { "type": "number" } }, "required": ["price"] });
    let mapping = json!({ "response_to_output": { "price": "prise" } });
    let unmapped = exposed("/unmapped").output(price.clone()).mapping(mapping);
    runs(&app, &alice, unmapped, Some("mapping_failed")).await;
    let mapping = json!({ "response_to_output": { "price": "price" } });
    let unfit = exposed("/invalid")
        .id("get_unfit")
        .output(price.clone())
        .mapping(mapping);
    runs(&app, &alice, unfit, Some("mapping_failed")).await;
    let constant = json!({ "type": "object", "properties": { "price": { "enum": ["cheap"] } } });
    runs(
        &app,
        &alice,
        exposed("/invalid").output(constant),
        Some("output_invalid"),
    )
    .await;
    let large = exposed("/large").set("/api/max_response_bytes", 1024);
    runs(&app, &alice, large, Some("response_too_large")).await;
    assert!(other.requests().is_empty(), "{:?}", other.requests());
    nothing_leaked(&app);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_through_an_input_that_repeats_it() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    stores(&alice).await;
    app.upstream().on("*", Reply::Echo);
    let tool = alice.registers(exposed("/echo")).await;
    let response = alice.executes(&tool, json!({ "guess": CANARY })).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    assert_eq!(found(&response.text()), None, "{}", response.text());
    nothing_leaked(&app);
}

#[tokio::test]
async fn not_from_the_routes_about_secrets() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let secret = json!({ "name": "CANARY", "value": CANARY });
    let mut answers = vec![alice.post("/api/v1/secrets", &secret).await];
    // Again, misspelt, with faults, in the wrong place, by those who may not.
    answers.push(alice.post("/api/v1/secrets", &secret).await);
    let misspelt = json!({ "name": "OTHER", "vlaue": CANARY, "value": CANARY });
    answers.push(alice.post("/api/v1/secrets", &misspelt).await);
    let unfit = json!({ "name": "OTHER", "value": format!("{CANARY}\n") });
    answers.push(alice.post("/api/v1/secrets", &unfit).await);
    let typed = json!({ "name": "OTHER", "value": [CANARY] });
    answers.push(alice.post("/api/v1/secrets", &typed).await);
    answers.push(app.member().post("/api/v1/secrets", &secret).await);
    answers.push(app.anon().post("/api/v1/secrets", &secret).await);
    answers.push(alice.get("/api/v1/secrets").await);
    let literal = exposed("/x").set("/api/auth/password_ref", CANARY);
    answers.push(alice.tries_to_register(&literal).await);
    answers.push(alice.delete("/api/v1/secrets/CANARY").await);
    for answer in &answers {
        assert_eq!(found(&answer.text()), None, "{}", answer.text());
    }
    alice.registers(ToolBuilder::get("/x")).await;
    nothing_leaked(&app);
}
