//! Both versions of the protocol: opening, frames, headers, and what is refused.

use serde_json::{Value, json};
use testkit::TestApp;

use super::{Client, LEGACY, MODERN, post};

#[tokio::test]
async fn a_modern_client_discovers_what_there_is() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let found = Client::modern(&alice)
        .gets("server/discover", json!({}))
        .await;
    assert_eq!(found["resultType"], "complete", "{found}");
    assert_eq!(
        found["supportedVersions"],
        json!(["2025-06-18", LEGACY, MODERN])
    );
    assert!(found["capabilities"]["tools"].is_object(), "{found}");
    assert!(found["capabilities"]["prompts"].is_object(), "{found}");
    assert!(found["capabilities"]["resources"].is_null(), "{found}");
    assert!(
        found["ttlMs"].is_u64() && found["cacheScope"] == "private",
        "{found}"
    );
}

#[tokio::test]
async fn a_legacy_client_shakes_hands_without_a_session() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let hello = json!({ "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    let client = Client::legacy(&alice);
    let response = client.asks("initialize", hello.clone()).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("mcp-session-id"), None);
    let result = &response.json()["result"];
    assert_eq!(result["protocolVersion"], LEGACY);
    assert!(
        result["serverInfo"]["name"].is_string() && result["resultType"].is_null(),
        "{result}"
    );

    let note = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    for method in ["notifications/initialized", "notifications/cancelled"] {
        let mut note = note.clone();
        note["method"] = method.into();
        note["params"] = if method.ends_with("cancelled") {
            json!({ "requestId": 1 })
        } else {
            json!({})
        };
        let request = post(&alice)
            .header("mcp-protocol-version", LEGACY)
            .body(note.to_string());
        let response = alice.send(request).await;
        assert_eq!(
            (response.status().as_u16(), response.text().as_str()),
            (202, ""),
            "{method}"
        );
    }
    assert_eq!(client.gets("ping", json!({})).await, json!({}));
    // A version that nobody knows is answered with one that we speak.
    let mut unknown = hello;
    unknown["protocolVersion"] = "2099-01-01".into();
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": unknown });
    let response = alice.send(post(&alice).body(message.to_string())).await;
    assert_eq!(
        response.json()["result"]["protocolVersion"],
        LEGACY,
        "{}",
        response.text()
    );
}

#[tokio::test]
async fn only_post_is_served() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    for response in [alice.get("/mcp").await, alice.delete("/mcp").await] {
        assert_eq!(response.status(), 405);
        assert_eq!(response.header("allow"), Some("POST"));
    }
}

#[tokio::test]
async fn headers_must_say_what_the_body_says() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let modern = Client::modern(&alice);
    let params = json!({ "name": "no_such_tool" });
    for (name, value) in [
        ("mcp-method", "tools/list"),
        ("mcp-name", "another_tool"),
        ("mcp-protocol-version", LEGACY),
        ("mcp-param-region", "eu"),
    ] {
        let (client, request) = modern.request("tools/call", params.clone()).build_split();
        let mut request = request.unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        let response = client.execute(request).await.unwrap();
        assert_eq!(response.status(), 400, "{name}");
        let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(body["error"]["code"], -32020, "{name}: {body}");
        assert_eq!(body["id"], 7, "{name}: {body}");
    }
}

#[tokio::test]
async fn an_unknown_version_is_told_which_are_known() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let client = Client {
        persona: &alice,
        version: "2099-01-01",
    };
    let mut params = json!({});
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2099-01-01",
        "io.modelcontextprotocol/clientInfo": { "name": "t", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let request = client
        .request("tools/list", params)
        .header("mcp-method", "tools/list");
    let response = alice.send(request).await;
    assert_eq!(response.status(), 400, "{}", response.text());
    let error = &response.json()["error"];
    assert_eq!(
        error["data"]["supported"],
        json!(["2025-06-18", LEGACY, MODERN]),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_no_message_is_told_so() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    for (body, code) in [
        ("{".to_owned(), -32700),
        (String::new(), -32700),
        (deep, -32700),
        ("\"\\u0000\"".to_owned(), -32700),
        (
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#.to_owned(),
            -32600,
        ),
        (
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#.to_owned(),
            -32600,
        ),
        (
            r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#.to_owned(),
            -32600,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned(), -32600),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}"#.to_owned(),
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#.to_owned(),
            -32602,
        ),
    ] {
        let response = alice.send(post(&alice).body(body.clone())).await;
        assert_eq!(response.status(), 400, "{body}: {}", response.text());
        assert_eq!(response.json()["error"]["code"], code, "{body}");
    }
    let plain = alice
        .request(reqwest::Method::POST, "/mcp")
        .header("content-type", "text/plain");
    assert_eq!(alice.send(plain.body("{}")).await.status(), 415);
    let large = post(&alice).body(" ".repeat(1_048_577));
    assert_eq!(alice.send(large).await.status(), 413);
}

#[tokio::test]
async fn who_accepts_no_json_is_told_so() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let ping = json!({ "jsonrpc": "2.0", "id": 4, "method": "ping" }).to_string();
    // A person with curl need not know the protocol's Accept header.
    for (accept, status) in [
        ("text/html", 400),
        ("text/event-stream", 400),
        ("*/*", 200),
        ("Application/JSON", 200),
    ] {
        let request = alice
            .request(reqwest::Method::POST, "/mcp")
            .header("content-type", "application/json")
            .header("accept", accept);
        let response = alice.send(request.body(ping.clone())).await;
        assert_eq!(response.status(), status, "{accept}: {}", response.text());
        let answer = response.json();
        assert_eq!(answer["id"], 4, "{accept}");
        if status == 400 {
            let error = &answer["error"];
            assert_eq!(error["code"], -32600, "{accept}");
            let told = error["message"].as_str().unwrap();
            assert!(told.contains("application/json"), "{accept}: {told}");
        }
    }
}

#[tokio::test]
async fn what_is_not_offered_is_refused() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    for client in [Client::modern(&alice), Client::legacy(&alice)] {
        for method in [
            "completion/complete",
            "logging/setLevel",
            "resources/list",
            "no/such",
        ] {
            let params = match method {
                "completion/complete" => {
                    json!({ "ref": { "type": "ref/prompt", "name": "x" }, "argument": { "name": "a", "value": "b" } })
                }
                "logging/setLevel" => json!({ "level": "debug" }),
                _ => json!({}),
            };
            let answer = client.asks(method, params).await;
            let status = if client.version == MODERN { 404 } else { 200 };
            assert_eq!(answer.status(), status, "{method}: {}", answer.text());
            let error = &answer.json()["error"];
            assert_eq!(error["code"], -32601, "{method}: {error}");
        }
    }
    let read = json!({ "uri": "file:///etc/passwd" });
    assert_eq!(
        Client::modern(&alice)
            .is_refused("resources/read", read.clone())
            .await["code"],
        -32602
    );
    assert_eq!(
        Client::legacy(&alice)
            .is_refused("resources/read", read)
            .await["code"],
        -32002
    );
    assert_eq!(
        Client::modern(&alice).is_refused("ping", json!({})).await["code"],
        -32601
    );
}

#[tokio::test]
async fn neither_foreign_hosts_nor_foreign_pages_are_served() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    for (name, value, status) in [
        ("host", "evil.example", 403),
        ("host", "localhost:3000", 200),
        ("origin", "null", 403),
        ("origin", "https://evil.example", 403),
        ("origin", app.url(), 200),
    ] {
        let request = post(&alice).header(name, value).body(ping.clone());
        let response = alice.send(request).await;
        assert_eq!(
            response.status(),
            status,
            "{name}: {value}: {}",
            response.text()
        );
        if status == 403 {
            assert_eq!(response.code(), "forbidden");
        }
    }
}
