//! What arrives at the upstream, for every kind of body.

use serde_json::{Value, json};
use testkit::{Captured, RegisteredTool, TestApp, ToolBuilder};

/// A tool that posts these inputs with this body.
fn tool(id: &str, properties: Value, body: Value) -> ToolBuilder {
    ToolBuilder::post("/in")
        .id(id)
        .set("/input_schema/properties", properties)
        .set("/body", body)
}

struct Stand {
    app: TestApp,
    alice: testkit::Persona,
}

impl Stand {
    async fn new() -> Self {
        let (app, alice, _) = TestApp::with_two_workspaces().await;
        app.upstream().on("/in", json!({}));
        Self { app, alice }
    }

    async fn tool(&self, builder: ToolBuilder) -> RegisteredTool {
        self.alice.registers(builder).await
    }

    /// What arrives when the tool runs; checks that the preview told it.
    async fn sends(&self, tool: &RegisteredTool, input: Value) -> (Captured, Value) {
        let body = json!({ "input": input });
        let preview = self.alice.post(&tool.preview_path(), &body).await;
        assert_eq!(preview.status(), 200, "{}", preview.text());
        let done = self.alice.executes(tool, input).await;
        assert_eq!(done.status(), 200, "{}", done.text());
        (self.app.upstream().last_request(), preview.json())
    }
}

fn text(sent: &Captured) -> &str {
    std::str::from_utf8(&sent.body).unwrap()
}

#[tokio::test]
async fn a_form_arrives_as_fields() {
    let stand = Stand::new().await;
    let mapping = json!({ "input_to_body": {
        "to": "To", "tags": "Tag[]", "meta": { "name": "meta", "style": "deepObject" } } });
    let builder = tool(
        "f",
        json!({ "to": {}, "tags": {}, "meta": {} }),
        json!({ "type": "form" }),
    );
    let tool = stand.tool(builder.mapping(mapping)).await;
    let input = json!({ "to": "+49 & co", "tags": ["a", "b=c"], "meta": { "k": "ü" } });
    let (sent, preview) = stand.sends(&tool, input).await;
    assert_eq!(
        sent.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    let expected = "To=%2B49%20%26%20co&Tag%5B%5D=a&Tag%5B%5D=b%3Dc&meta%5Bk%5D=%C3%BC";
    assert_eq!(text(&sent), expected);
    assert_eq!(preview["body"], expected);
    assert_eq!(
        preview["headers"]["content-type"],
        "application/x-www-form-urlencoded"
    );
    assert!(preview["curl"].as_str().unwrap().contains(expected));
}

#[tokio::test]
async fn a_template_arrives_as_json_with_types() {
    let stand = Stand::new().await;
    let template = json!({ "n": { "$input": "n" }, "list": [{ "$input": "gone" }, { "v": { "$input": "s" } }] });
    let names = json!({ "n": { "type": "integer" }, "gone": {}, "s": {} });
    let tool = stand
        .tool(tool("t", names, json!({ "template": template })))
        .await;
    let input = json!({ "n": 9_007_199_254_740_993_u64, "s": "\"}, {\"admin\": true" });
    let (sent, preview) = stand.sends(&tool, input).await;
    assert_eq!(sent.header("content-type"), Some("application/json"));
    let expected = r#"{"n":9007199254740993,"list":[{"v":"\"}, {\"admin\": true"}]}"#;
    assert_eq!(text(&sent), expected);
    assert_eq!(preview["body"].to_string(), expected);
}

#[tokio::test]
async fn text_and_xml_arrive_as_written() {
    let stand = Stand::new().await;
    let plain = stand
        .tool(tool(
            "plain",
            json!({ "note": {} }),
            json!({ "type": "text" }),
        ))
        .await;
    let (sent, preview) = stand.sends(&plain, json!({ "note": "it's\nü" })).await;
    assert_eq!(
        sent.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(
        (text(&sent), &preview["body"]),
        ("it's\nü", &json!("it's\nü"))
    );

    let template = json!({ "order": { "@id": { "$input": "id" }, "item": { "$input": "items" } } });
    let names = json!({ "id": {}, "items": {} });
    let body = json!({ "type": "xml", "template": template });
    let xml = tool("xml", names, body).set("/api/headers", json!({ "Content-Type": "text/xml" }));
    let xml = stand.tool(xml).await;
    let (sent, preview) = stand
        .sends(&xml, json!({ "id": 7, "items": ["a<b", 2] }))
        .await;
    assert_eq!(sent.header("content-type"), Some("text/xml"));
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?><order id="7"><item>a&lt;b</item><item>2</item></order>"#;
    assert_eq!(
        (text(&sent), &preview["body"]),
        (expected, &json!(expected))
    );
}

#[tokio::test]
async fn files_arrive_as_parts() {
    let stand = Stand::new().await;
    let names = json!({ "note": {}, "file": {} });
    let tool = stand
        .tool(tool("m", names, json!({ "type": "multipart" })))
        .await;
    let input = json!({ "note": "--part\r\n\r\nx", "file": {
        "filename": "a\"b.bin", "content_type": "image/png", "base64": "AP8=" } });
    let (sent, preview) = stand.sends(&tool, input.clone()).await;
    let kind = sent.header("content-type").unwrap().to_owned();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let mut expected = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"note\"\r\n\r\n--part\r\n\r\nx\r\n\
         --{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a%22b.bin\"\r\n\
         content-type: image/png\r\n\r\n"
    )
    .into_bytes();
    expected.extend([0, 255]);
    expected.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
    assert_eq!(sent.body, expected);
    assert_eq!(
        preview["body"],
        json!([{ "name": "note", "text": "--part\r\n\r\nx" },
               { "name": "file", "filename": "a\"b.bin", "content_type": "image/png", "bytes": 2 }])
    );
    // No two requests have the same boundary.
    let (again, _) = stand.sends(&tool, input).await;
    assert_ne!(again.header("content-type"), Some(kind.as_str()));

    let odd = json!({ "file": { "filename": "a\r\nX: 1", "text": "" } });
    let refused = stand.alice.executes(&tool, odd).await;
    assert_eq!(refused.status(), 400, "{}", refused.text());
    assert_eq!(refused.json()["errors"][0]["pointer"], "/input/file");
}

#[tokio::test]
async fn graphql_sends_variables_and_answers_data() {
    let stand = Stand::new().await;
    let query = "query Order($id: ID!) { order(id: $id) { total } }";
    let builder = tool("g", json!({ "id": {} }), json!({ "graphql": query }));
    let tool = stand.tool(builder).await;
    let upstream = stand.app.upstream();
    upstream.on("/in", json!({ "data": { "order": { "total": 7 } } }));
    let input = json!({ "id": "1\") { secret }" });
    let done = stand.alice.executes(&tool, input.clone()).await;
    assert_eq!(done.json()["output"], json!({ "order": { "total": 7 } }));
    let expected = json!({ "query": query, "variables": input, "operationName": "Order" });
    assert_eq!(upstream.last_request().json(), expected);

    upstream.on(
        "/in",
        json!({ "data": null, "errors": [{ "message": "no such order" }] }),
    );
    let failed = stand.alice.executes(&tool, input).await;
    assert_eq!(failed.status(), 500, "{}", failed.text());
    let error = &failed.json()["error"];
    assert_eq!(error["code"], "upstream_error");
    assert!(
        error["message"].as_str().unwrap().contains("no such order"),
        "{error}"
    );
}

#[tokio::test]
async fn a_body_over_a_megabyte_is_refused_before_anything_is_sent() {
    let stand = Stand::new().await;
    let names = json!({ "a": {} });
    let many: Vec<Value> = (0..20).map(|_| json!({ "$input": "a" })).collect();
    let short = stand
        .tool(tool("short", names.clone(), json!({ "template": many })))
        .await;
    // Each of these characters is six bytes in a form.
    let wide = stand
        .tool(tool("wide", names, json!({ "type": "form" })))
        .await;
    for (tool, input) in [
        (&short, json!({ "a": "x".repeat(100_000) })),
        (&wide, json!({ "a": "é".repeat(180_000) })),
    ] {
        let response = stand.alice.executes(tool, input).await;
        assert_eq!(response.status(), 400, "{}", response.text());
        assert_eq!(response.code(), "invalid_input");
        assert_eq!(stand.app.upstream().connections(), 0);
    }
}

#[tokio::test]
async fn marks_of_a_path_style_are_sent_as_they_are() {
    let stand = Stand::new().await;
    stand.app.upstream().on("*", json!({}));
    let rule = json!({ "name": "c", "style": "matrix", "explode": true });
    let builder = ToolBuilder::get("/colors/{c}")
        .input(json!({ "type": "object", "properties": { "c": {} } }))
        .mapping(json!({ "input_to_path": { "c": rule } }));
    let tool = stand.tool(builder).await;
    let (sent, preview) = stand
        .sends(&tool, json!({ "c": ["blue", "a;b=c/d"] }))
        .await;
    assert_eq!(sent.target, "/colors/;c=blue;c=a%3Bb%3Dc%2Fd");
    let url = format!("{}{}", stand.app.upstream().base_url(), sent.target);
    assert_eq!(preview["url"], url);
}
