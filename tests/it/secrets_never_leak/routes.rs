//! The routes about secrets, and the search itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use testkit::{TestApp, ToolBuilder, logs};

use super::spellings::{Canaries, hex, html_escaped, json_escaped, rows, spellings, strict};

const CANARY: &str = "r-c4nary/+ \"quoted\" <b>&é\\=tail-4711";

#[tokio::test]
async fn not_from_the_routes_about_secrets() {
    let traced = logs::trace_here();
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let canaries = Canaries::of(&[CANARY]);
    let secret = json!({ "name": "CANARY", "value": CANARY });
    let mut answers = vec![alice.post("/api/v1/secrets", &secret).await];
    // Again, misspelt, with faults, in the wrong place, by those who may not.
    answers.push(alice.post("/api/v1/secrets", &secret).await);
    for wrong in [
        json!({ "name": "OTHER", "vlaue": CANARY, "value": CANARY }),
        json!({ "name": "OTHER", "value": format!("{CANARY}\n") }),
        json!({ "name": "OTHER", "value": [CANARY] }),
        json!({ "name": CANARY, "value": CANARY }),
        json!({ "name": "OTHER", "value": CANARY, "allowed_hosts": [CANARY] }),
        json!({ "name": "OTHER", "value": CANARY, "provider": CANARY }),
    ] {
        answers.push(alice.post("/api/v1/secrets", &wrong).await);
    }
    answers.push(app.member().post("/api/v1/secrets", &secret).await);
    answers.push(app.anon().post("/api/v1/secrets", &secret).await);
    let rotated = json!({ "value": CANARY });
    answers.push(alice.put("/api/v1/secrets/CANARY", &rotated).await);
    answers.push(app.member().put("/api/v1/secrets/CANARY", &rotated).await);
    answers.push(alice.put("/api/v1/secrets/OTHER", &rotated).await);
    let broken = alice
        .request(reqwest::Method::POST, "/api/v1/secrets")
        .header("content-type", "application/json")
        .body(format!(
            "{{\"name\": \"OTHER\", \"value\": \"{}",
            json_escaped(CANARY)
        ));
    answers.push(alice.send(broken).await);
    answers.push(alice.get("/api/v1/secrets").await);
    answers.push(alice.get("/api/v1/audit").await);
    let literal = ToolBuilder::get("/x").auth(json!({ "method": "bearer", "secret_ref": CANARY }));
    answers.push(alice.tries_to_register(&literal).await);
    answers.push(alice.delete("/api/v1/secrets/CANARY").await);
    for answer in &answers {
        // What a caller wrote into a name, a host or a config is answered as it is not: a secret.
        let told = answer.text();
        if answer.status().is_success() || !told.contains("\"pointer\"") {
            canaries.none_in("an answer", &told);
        }
        assert!(!told.contains("ciphertext"), "{told}");
    }
    alice.registers(ToolBuilder::get("/x")).await;
    canaries.none_in("the trace", &traced.text());
    canaries.none_left(&app);
}

#[tokio::test]
async fn the_search_finds_what_is_there() {
    const PLANTED: &str = "f-c4nary/+ \"planted\" <b>&é\\=tail-1201";
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let canaries = Canaries::of(&[PLANTED]);
    assert_eq!(canaries.found("nothing of the kind"), None);
    for spelling in spellings(PLANTED) {
        let around = format!("before {spelling} behind");
        assert!(canaries.found(&around).is_some(), "{spelling}");
    }
    let line = json!({ "deep": [format!("before {PLANTED} behind")] }).to_string();
    assert!(canaries.found(&line).is_some(), "{line}");
    assert!(canaries.found(&json!(line).to_string()).is_some(), "{line}");
    for (before, behind) in [
        ("", ""),
        ("a", "b"),
        ("ab", "c"),
        ("abc", "de"),
        ("\u{e9}", ""),
    ] {
        let packed = STANDARD.encode(format!("{before}{PLANTED}{behind}"));
        assert!(canaries.found(&packed).is_some(), "{packed}");
    }
    // In every kind of place: a row's text, its JSON, its bytes, the log.
    let tool = ToolBuilder::get("/x").set("/metadata/note", PLANTED);
    alice.registers(tool).await;
    assert!(canaries.found(&rows(&app)).is_some(), "in a document");
    for planted in [
        hex(PLANTED),
        strict(PLANTED),
        html_escaped(PLANTED),
        STANDARD.encode(PLANTED),
    ] {
        let (app, _, _) = TestApp::with_two_workspaces().await;
        let text = planted.replace('\'', "''");
        app.sql(&format!(
            "update identity.workspaces set name = '{text}' where slug = 'a'"
        ));
        assert!(canaries.found(&rows(&app)).is_some(), "{planted}");
    }
    let (app, _, _) = TestApp::with_two_workspaces().await;
    app.sql(&format!(
        "create table public.planted as select convert_to('{PLANTED}', 'UTF8') as bytes"
    ));
    assert!(canaries.found(&rows(&app)).is_some(), "in bytes");
    let traced = logs::trace_here();
    tracing_line(PLANTED);
    assert!(canaries.found(&traced.text()).is_some(), "in the log");
}

fn tracing_line(text: &str) {
    tracing::trace!(text, "planted");
}
