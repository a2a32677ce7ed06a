//! What an upstream answers in other formats than JSON, well and badly.

use std::fmt::Write as _;

use serde_json::{Value, json};
use testkit::{Answer, Persona, RegisteredTool, TestApp, ToolBuilder};

/// A tool that reads this format, the whole answer out.
fn reading(format: &str) -> ToolBuilder {
    ToolBuilder::get("/data").set("/response", json!({ "format": format }))
}

async fn output(alice: &Persona, tool: &RegisteredTool) -> Value {
    let response = alice.executes(tool, json!({})).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    response.json()["output"].clone()
}

async fn error(alice: &Persona, tool: &RegisteredTool) -> Value {
    let response = alice.executes(tool, json!({})).await;
    assert_eq!(response.status(), 500, "{}", response.text());
    response.json()["error"].clone()
}

#[tokio::test]
async fn reads_xml() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let feed = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<rss version=\"2.0\"><channel>\
        <title>N\u{e4}chstes</title><item id=\"1\"><title>a &amp; b</title><price>1.50</price></item></channel></rss>";
    let latin: Vec<u8> = feed
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    app.upstream().on("/data", Answer::bytes("text/xml", latin));
    let item = json!({"type": "object", "properties": {"title": {"type": "string"}, "price": {"type": "number"}}});
    let tool = alice
        .registers(
            reading("xml")
                .output(json!({"type": "object", "properties": {
                    "title": {"type": "string"}, "items": {"type": "array", "items": item}}}))
                .mapping(
                    json!({"response_path": "rss.channel", "response_to_output": {
                    "title": "title",
                    "items": {"path": "item", "each": {"title": "title", "price": "price"}}}}),
                ),
        )
        .await;
    assert_eq!(
        output(&alice, &tool).await,
        json!({"title": "Nächstes", "items": [{"title": "a & b", "price": 1.5}]})
    );
    let sent = app.upstream().last_request();
    assert!(
        sent.header("accept")
            .unwrap()
            .starts_with("application/xml")
    );
}

#[tokio::test]
async fn reads_csv() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let table = "\u{feff}day;close;note\r\n2026-01-02;\"1,5\";\"a \"\"b\"\"\"\r\n2026-01-03;;\r\n";
    app.upstream().on(
        "/data",
        Answer::bytes("text/csv", table.as_bytes().to_vec()),
    );
    let tool = alice
        .registers(
            reading("csv")
                .set("/response/csv/delimiter", ";")
                .output(json!({"type": "object", "properties": {"rows": {"type": "array"}}}))
                .mapping(json!({"response_to_output": {"rows": "$"}})),
        )
        .await;
    assert_eq!(
        output(&alice, &tool).await["rows"],
        json!([
            {"day": "2026-01-02", "close": "1,5", "note": "a \"b\""},
            {"day": "2026-01-03", "close": "", "note": ""}
        ])
    );
}

#[tokio::test]
async fn an_empty_cell_is_no_number() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on(
        "/data",
        Answer::bytes("text/csv", b"day,close\n1,2.5\n2,\n".to_vec()),
    );
    let row = json!({"type": "object", "properties": {"day": {"type": "string"}, "close": {"type": "number"}}});
    let tool = alice
        .registers(
            reading("csv")
                .output(json!({"type": "object", "properties": {"rows": {"type": "array", "items": row}}}))
                .mapping(json!({"response_to_output": {"rows": "$"}})),
        )
        .await;
    assert_eq!(
        output(&alice, &tool).await["rows"],
        json!([{"day": "1", "close": 2.5}, {"day": "2"}])
    );
}

#[tokio::test]
async fn a_table_needs_no_mapping() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on(
        "/data",
        Answer::bytes("text/csv", b"day,close\n2026-01-02,1.5\n".to_vec()),
    );
    let row = json!({"properties": {"close": {"type": "number"}}, "required": ["close"]});
    let tool = alice
        .registers(reading("csv").output(json!({"type": "array", "items": row})))
        .await;
    assert_eq!(
        output(&alice, &tool).await,
        json!([{"day": "2026-01-02", "close": 1.5}])
    );
}

#[tokio::test]
async fn reads_ndjson() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on(
        "/data",
        Answer::bytes(
            "application/x-ndjson",
            b"{\"id\":1}\n\n{\"id\":2}\r\n".to_vec(),
        ),
    );
    let tool = alice
        .registers(reading("ndjson").mapping(json!({"response_to_output": {"ids": "$[*].id"}})))
        .await;
    assert_eq!(output(&alice, &tool).await, json!({"ids": [1, 2]}));
}

#[tokio::test]
async fn reads_text_of_other_characters() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let latin = b"gr\xfc\xdfe".to_vec();
    app.upstream().on(
        "/data",
        Answer::bytes("text/plain; charset=iso-8859-1", latin.clone()),
    );
    let tool = alice
        .registers(reading("text").mapping(json!({"response_to_output": {"text": "$"}})))
        .await;
    assert_eq!(output(&alice, &tool).await, json!({"text": "grüße"}));

    app.upstream()
        .on("/data", Answer::bytes("text/plain", latin));
    let failure = error(&alice, &tool).await;
    assert_eq!(failure["code"], "invalid_response");
    assert!(
        failure["hint"]
            .as_str()
            .unwrap()
            .contains("response.charset")
    );
    let stated = alice
        .registers(
            reading("text")
                .id("stated")
                .set("/response/charset", "windows-1252")
                .mapping(json!({"response_to_output": {"text": "$"}})),
        )
        .await;
    assert_eq!(output(&alice, &stated).await, json!({"text": "grüße"}));
}

#[tokio::test]
async fn no_content_is_a_success_in_every_format() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    for format in ["json", "text", "xml", "csv", "ndjson"] {
        let empty = Answer::bytes("text/plain", Vec::new()).status(204);
        app.upstream().on("/data", empty);
        let tool = alice.registers(reading(format).id(format)).await;
        assert_eq!(output(&alice, &tool).await, Value::Null, "{format}");
    }
}

#[tokio::test]
async fn tells_which_format_is_answered_instead() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream()
        .on("/data", Answer::bytes("text/csv", b"a,b\n1,2\n".to_vec()));
    let tool = alice.registers(reading("json")).await;
    let failure = error(&alice, &tool).await;
    assert_eq!(failure["code"], "invalid_response");
    assert!(
        failure["hint"].as_str().unwrap().contains("\"csv\""),
        "{failure}"
    );
    app.upstream()
        .on("/data", Answer::bytes("image/png", b"\x89PNG".to_vec()));
    assert_eq!(error(&alice, &tool).await["code"], "invalid_response");
}

#[tokio::test]
async fn hides_secrets_in_every_format() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let key = "key-that-must-stay-secret-0815";
    alice.stores_secret("KEY", key).await;
    for (format, body) in [
        ("xml", format!("<a b='{key}'><{key}>x {key} y</{key}></a>")),
        ("csv", format!("a,{key}\n{key},2\n")),
        ("ndjson", format!("{{\"{key}\":\"{key}\"}}\n")),
        ("text", format!("key: {key}")),
        ("xml", format!("<a><{key}>x</a>")),
        ("csv", format!("a\n{key},{key}\n")),
        ("ndjson", format!("{{\"{key}\":")),
    ] {
        app.upstream().on(
            "/data",
            Answer::bytes("text/plain", body.clone().into_bytes()),
        );
        let tool = alice
            .registers(
                reading(format)
                    .id("echo")
                    .auth(json!({"method": "bearer", "secret_ref": "${KEY}"})),
            )
            .await;
        let response = alice.executes(&tool, json!({})).await;
        assert!(
            !response.text().contains(key),
            "{format}: {}",
            response.text()
        );
        alice.delete(&tool.saved_path()).await;
        let rows = app.sql("select e::text from orchestration.executions e");
        assert!(!format!("{rows:?}").contains(key), "{format}");
    }
}

/// What is sent to break a reader, and what its failure says.
fn hostile() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let laughs = (1..10).fold("<!ENTITY l0 \"lol\">".to_owned(), |mut text, level| {
        let below = format!("&l{};", level - 1).repeat(10);
        let _ = write!(text, "<!ENTITY l{level} \"{below}\">");
        text
    });
    let wide: String = (0..300_000).fold("<a".to_owned(), |mut text, n| {
        let _ = write!(text, " a{n}=''");
        text
    });
    vec![
        (
            "xml",
            format!("<!DOCTYPE a [{laughs}]><a>&l9;</a>").into_bytes(),
            "DTD",
        ),
        (
            "xml",
            b"<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>".to_vec(),
            "DTD",
        ),
        ("xml", "<a>".repeat(1_000_000).into_bytes(), "128 levels"),
        (
            "xml",
            format!("<a>{}</a>", "<b c=''/>".repeat(500_000)).into_bytes(),
            "megabytes",
        ),
        ("xml", format!("{wide}/><").into_bytes(), "not closed"),
        ("xml", b"<a>\xff\xfe</a>".to_vec(), "not UTF-8"),
        (
            "csv",
            format!("a\n\"{}", "x".repeat(4_000_000)).into_bytes(),
            "1 MB",
        ),
        (
            "csv",
            format!("{}\n", ",".repeat(4_000_000)).into_bytes(),
            "4096 cells",
        ),
        (
            "csv",
            format!("{}\n{}", "n".repeat(500_000), "x\n".repeat(2_000_000)).into_bytes(),
            "megabytes",
        ),
        ("csv", b"a,b\n\xc3\x28,1\n".to_vec(), "not UTF-8"),
        ("ndjson", "[".repeat(100_000).into_bytes(), "128 levels"),
        ("ndjson", "1\n".repeat(2_500_000).into_bytes(), "megabytes"),
        ("ndjson", b"{\"a\":\"\xff\"}\n".to_vec(), "not UTF-8"),
        (
            "json",
            format!("[{}1]", "[],".repeat(1_600_000)).into_bytes(),
            "megabytes",
        ),
        ("json", b"{\"a\":\"\xff\"}".to_vec(), "not UTF-8"),
        ("text", b"\xc3\x28".to_vec(), "not UTF-8"),
    ]
}

#[tokio::test]
async fn a_hostile_answer_is_an_invalid_response() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    for format in ["json", "text", "xml", "csv", "ndjson"] {
        let tool = alice.registers(reading(format).id(format)).await;
        for (_, body, why) in hostile().into_iter().filter(|(of, ..)| *of == format) {
            app.upstream()
                .on("/data", Answer::bytes("application/octet-stream", body));
            let failure = error(&alice, &tool).await;
            assert_eq!(
                failure["code"], "invalid_response",
                "{format} {why}: {failure}"
            );
            let message = failure["message"].as_str().unwrap();
            assert!(message.contains(why), "{format} {why}: {message}");
            assert!(message.len() < 300, "{message}");
        }
    }
}

#[tokio::test]
async fn refuses_reading_rules_that_cannot_be_followed() {
    let app = TestApp::start().await;
    let alice = app.alice();
    for (response, pointer) in [
        (json!({"format": "yaml"}), "/response/format"),
        (json!({"format": "json", "csv": {}}), "/response/csv"),
        (
            json!({"format": "csv", "csv": {"delimiter": "ab"}}),
            "/response/csv/delimiter",
        ),
        (
            json!({"format": "csv", "csv": {"delimiter": "\""}}),
            "/response/csv/delimiter",
        ),
        (
            json!({"format": "csv", "csv": {"header": ["a", "a"]}}),
            "/response/csv/header/1",
        ),
        (
            json!({"format": "csv", "csv": {"seperator": ","}}),
            "/response/csv/seperator",
        ),
        (
            json!({"format": "xml", "xml": {"arrays": "item"}}),
            "/response/xml/arrays",
        ),
        (
            json!({"format": "text", "charset": "utf-7"}),
            "/response/charset",
        ),
    ] {
        let tool = ToolBuilder::get("/data").set("/response", response.clone());
        let refused = alice.tries_to_register(&tool).await;
        assert_eq!(refused.status(), 400, "{response}: {}", refused.text());
        assert_eq!(
            refused.json()["errors"][0]["pointer"],
            pointer,
            "{response}"
        );
    }
}
