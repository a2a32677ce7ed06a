//! Code-based tools through the same doors as tools made of a config.

use std::time::Duration;

use domain::code::{Request, ToolContext, ToolError, tool};
use domain::config::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use testkit::{Answer, Persona, Response, TestApp, ToolBuilder, global_quote, logs};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StockInput {
    /// Where the quotes come from.
    origin: String,
    /// Ticker symbol, such as IBM.
    symbol: String,
}

#[derive(Serialize, JsonSchema)]
struct StockOutput {
    /// The latest price.
    price: f64,
    /// What the upstream said besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// The latest price of one listed share, by code.
#[tool(read_only, tags = ["finance"])]
async fn quote_by_code(ctx: ToolContext, input: StockInput) -> Result<StockOutput, ToolError> {
    let request = Request::get(&format!("{}/query", input.origin))
        .query("function", "GLOBAL_QUOTE")
        .query("symbol", input.symbol)
        .secret_query("apikey", "ALPHA_VANTAGE_API_KEY");
    let quote = ctx.call(request).await?.value()?;
    let quote = &quote["Global Quote"];
    let price = quote["05. price"].as_str().unwrap_or_default();
    Ok(StockOutput {
        price: price.parse().unwrap_or(f64::NAN),
        note: quote["note"].as_str().map(str::to_owned),
    })
}

#[derive(Deserialize, JsonSchema)]
struct Order {
    origin: String,
}

#[derive(Serialize, JsonSchema)]
struct Ordered {
    first: u16,
    second: u16,
}

/// Makes two calls that change something.
#[tool]
async fn order_twice(ctx: ToolContext, input: Order) -> Result<Ordered, ToolError> {
    let order = |what: &str| {
        Request::new(Method::Post, &input.origin)
            .segment("orders")
            .json(json!({ "what": what }))
            .any_status()
    };
    Ok(Ordered {
        first: ctx.call(order("pen")).await?.status,
        second: ctx.call(order("desk")).await?.status,
    })
}

#[derive(Deserialize, JsonSchema)]
struct Hang {
    /// Orders there first.
    origin: Option<String>,
}

/// Never ends.
#[tool(timeout_ms = 1000)]
async fn hang(ctx: ToolContext, input: Hang) -> Result<Ordered, ToolError> {
    if let Some(origin) = input.origin {
        ctx.call(Request::post(&origin).segment("orders")).await?;
    }
    std::future::pending().await
}

/// Panics, after an order where there is somebody to order from.
#[tool]
async fn break_down(ctx: ToolContext, input: Hang) -> Result<Ordered, ToolError> {
    if let Some(origin) = input.origin {
        ctx.call(Request::post(&origin).segment("orders")).await?;
    }
    panic!("no such drawer")
}

async fn app() -> (TestApp, Persona) {
    let app = TestApp::setup()
        .config(|config| {
            config.code_tools.push(quote_by_code::tool());
            config.code_tools.push(order_twice::tool());
            config.code_tools.push(hang::tool());
            config.code_tools.push(break_down::tool());
        })
        .start()
        .await;
    let alice = app.alice();
    (app, alice)
}

async fn runs(who: &Persona, id: &str, input: Value) -> Response {
    let path = format!("/api/v1/tools/{id}/execute");
    who.post(&path, &json!({ "input": input })).await
}

/// Stores the key, bound to the app's fake upstream.
async fn stores_key(app: &TestApp, key: &str) {
    let hosts = [app.upstream().host_port()];
    let secret = json!({ "name": "ALPHA_VANTAGE_API_KEY", "value": key, "allowed_hosts": hosts });
    let stored = app.alice().post("/api/v1/secrets", &secret).await;
    assert_eq!(stored.status(), 201, "{}", stored.text());
}

#[tokio::test]
async fn every_workspace_has_them_in_every_listing() {
    let (app, alice) = app().await;
    for who in [&alice, &app.bob(), &app.viewer()] {
        let listed = who.get("/api/v1/tools").await.json();
        let listed = listed["tools"].as_array().unwrap().clone();
        let tool = listed
            .iter()
            .find(|tool| tool["id"] == "quote_by_code")
            .unwrap();
        assert_eq!(tool["source"], "builtin");
        assert_eq!(
            tool["description"],
            "The latest price of one listed share, by code."
        );
        assert_eq!(tool["annotations"]["read_only"], true);
        let symbol = &tool["input_schema"]["properties"]["symbol"];
        assert_eq!(symbol["description"], "Ticker symbol, such as IBM.");
    }
    for (format, name) in [
        ("openai", "/name"),
        ("openai_chat", "/function/name"),
        ("anthropic", "/name"),
        ("mcp", "/name"),
    ] {
        let listed = alice
            .get(&format!("/api/v1/tools?format={format}"))
            .await
            .json();
        let tools = listed["tools"].as_array().unwrap();
        let has = |id: &str| {
            tools
                .iter()
                .any(|tool| tool.pointer(name) == Some(&json!(id)))
        };
        assert!(
            has("calculate") && has("current_time") && has("quote_by_code"),
            "{listed}"
        );
    }
    let found = alice.get("/api/v1/tools?q=listed+share").await.json();
    assert_eq!(found["tools"][0]["id"], "quote_by_code");
    assert_eq!(found["tools"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn one_is_read_without_a_config() {
    let (_app, alice) = app().await;
    let read = alice.get("/api/v1/tools/quote_by_code").await;
    assert_eq!(read.status(), 200, "{}", read.text());
    let tool = read.json();
    assert_eq!(
        (&tool["source"], &tool["version"]),
        (&json!("builtin"), &json!(1))
    );
    assert_eq!(tool.get("config"), None);
    assert_eq!(
        tool["output_schema"]["properties"]["price"]["type"],
        "number"
    );
    assert!(!read.text().contains("ALPHA_VANTAGE"), "{}", read.text());
    assert!(read.header("etag").is_some());
}

#[tokio::test]
async fn runs_and_is_recorded_as_any_tool() {
    let (_app, alice) = app().await;
    let response = runs(&alice, "calculate", json!({ "expression": "-2^2 + 6 * 7" })).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    assert_eq!(response.json()["output"], json!({ "result": 38.0 }));
    let id = response.json()["execution_id"].as_str().unwrap().to_owned();
    let recorded = alice.get(&format!("/api/v1/executions/{id}")).await.json();
    assert_eq!(recorded["tool_id"], "calculate");
    assert_eq!(
        (&recorded["success"], &recorded["tool_version"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(recorded["input"], json!({ "expression": "-2^2 + 6 * 7" }));

    let time = runs(
        &alice,
        "current_time",
        json!({ "time_zone": "Europe/Oslo" }),
    )
    .await;
    assert_eq!(time.status(), 200, "{}", time.text());
    let query = json!({ "data": { "a": [1, 2] }, "path": "$.a[*]" });
    let found = runs(&alice, "json_query", query).await;
    assert_eq!(
        found.json()["output"],
        json!({ "values": [1, 2], "count": 2 })
    );
}

#[tokio::test]
async fn wrong_input_is_400_whoever_finds_it() {
    let (app, alice) = app().await;
    for (id, input, pointer) in [
        ("calculate", json!({ "expresion": "1" }), "/input/expresion"),
        ("calculate", json!({ "expression": 1 }), "/input/expression"),
        // Only the tool itself can tell.
        (
            "calculate",
            json!({ "expression": "1/0" }),
            "/input/expression",
        ),
    ] {
        let response = runs(&alice, id, input).await;
        assert_eq!(response.status(), 400, "{}", response.text());
        let problem = response.json();
        let errors = problem["errors"].as_array().unwrap();
        assert!(
            errors.iter().any(|error| error["pointer"] == pointer),
            "{problem}"
        );
    }
    let rows = app.sql("select error_code from orchestration.executions where not success");
    assert_eq!(rows.rows.len(), 3);
    assert_eq!(
        runs(&app.viewer(), "calculate", json!({})).await.status(),
        403
    );
    assert_eq!(
        runs(&app.anon(), "calculate", json!({})).await.status(),
        401
    );
}

#[tokio::test]
async fn calls_out_with_a_secret_that_nobody_sees() {
    let (app, alice) = app().await;
    let key = "key-of-code-that-must-stay-secret-4711";
    stores_key(&app, key).await;
    // An upstream that answers with the key that it was sent.
    app.upstream().on(
        "/query",
        json!({ "Global Quote": { "05. price": "185.20", "note": key } }),
    );
    let input = json!({ "origin": app.upstream().base_url(), "symbol": "IBM & Co" });
    let response = runs(&alice, "quote_by_code", input).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    assert_eq!(response.json()["output"]["price"], 185.2);
    assert!(response.json()["output"]["note"].is_string());
    assert!(!response.text().contains(key), "{}", response.text());

    let sent = app.upstream().last_request();
    let query = sent.query();
    assert!(
        query.contains(&("symbol".into(), "IBM & Co".into())),
        "{query:?}"
    );
    assert!(query.contains(&("apikey".into(), key.into())), "{query:?}");

    let rows = app.sql("select e::text from orchestration.executions e");
    assert_eq!(rows.rows.len(), 1);
    let rows = format!("{rows:?}");
    assert!(!rows.contains(key) && rows.contains("receive"), "{rows}");
    let used = app.sql("select 1 from secrets.audit where action = 'secret.use'");
    assert_eq!(used.rows.len(), 1);
    assert!(!logs::contain(key));
}

#[tokio::test]
async fn a_secret_goes_to_its_own_hosts_only() {
    let (app, alice) = app().await;
    let input = json!({ "origin": app.upstream().base_url(), "symbol": "IBM" });
    let missing = runs(&alice, "quote_by_code", input.clone()).await;
    assert_eq!(
        (missing.status().as_u16(), missing.code()),
        (500, "secret_missing".to_owned())
    );

    let secret = json!({ "name": "ALPHA_VANTAGE_API_KEY", "value": "an-alpha-vantage-key",
                         "allowed_hosts": ["www.alphavantage.co"] });
    assert_eq!(alice.post("/api/v1/secrets", &secret).await.status(), 201);
    let elsewhere = runs(&alice, "quote_by_code", input).await;
    assert_eq!(
        (elsewhere.status().as_u16(), elsewhere.code()),
        (500, "egress_blocked".to_owned())
    );
    assert_eq!(app.upstream().connections(), 0);
}

#[tokio::test]
async fn private_addresses_are_blocked_for_code_too() {
    let (app, alice) = app().await;
    for origin in [
        "http://169.254.169.254",
        "https://localhost",
        "https://10.0.0.1:8443",
    ] {
        let response = runs(&alice, "order_twice", json!({ "origin": origin })).await;
        assert_eq!(response.status(), 500, "{}", response.text());
        assert_eq!(response.code(), "egress_blocked", "{origin}");
    }
    assert_eq!(app.upstream().connections(), 0);
}

#[tokio::test]
async fn fails_in_the_words_of_every_tool() {
    let (app, alice) = app().await;
    stores_key(&app, "an-alpha-vantage-key").await;
    let input = json!({ "origin": app.upstream().base_url(), "symbol": "IBM" });
    for (answer, code) in [
        (
            Answer::json(&json!({ "error": "no" })).status(404),
            "upstream_4xx",
        ),
        (
            Answer::json(&json!({ "error": "no" })).status(401),
            "auth_failed",
        ),
        (
            Answer::json(&json!({ "Global Quote": {} })),
            "output_invalid",
        ),
    ] {
        app.upstream().on("/query", answer);
        let response = runs(&alice, "quote_by_code", input.clone()).await;
        assert_eq!(response.status(), 500, "{}", response.text());
        assert_eq!(response.code(), code);
        assert!(response.json()["error"]["hint"].is_string());
    }
}

#[tokio::test]
async fn ends_at_its_deadline_and_says_whether_it_may_have_acted() {
    let (app, alice) = app().await;
    app.upstream().on("/orders", json!({}));
    for (input, code) in [
        (json!({}), "timeout"),
        (
            json!({ "origin": app.upstream().base_url() }),
            "unknown_outcome",
        ),
    ] {
        let response = runs(&alice, "hang", input).await;
        assert_eq!(response.status(), 500, "{}", response.text());
        assert_eq!(response.code(), code);
    }
    let rows = app.sql("select error_code from orchestration.executions");
    assert_eq!(rows.rows.len(), 2);
}

#[tokio::test]
async fn each_changing_call_has_its_own_idempotency_key() {
    let (app, alice) = app().await;
    app.upstream()
        .on("/orders", Answer::json(&json!({})).status(201));
    let body = json!({ "input": { "origin": app.upstream().base_url() } });
    let request = alice
        .request(reqwest::Method::POST, "/api/v1/tools/order_twice/execute")
        .header("content-type", "application/json")
        .header("idempotency-key", "order-7")
        .body(body.to_string());
    let response = alice.send(request).await;
    assert_eq!(
        response.json()["output"],
        json!({ "first": 201, "second": 201 }),
        "{}",
        response.text()
    );
    let keys: Vec<String> = app
        .upstream()
        .requests()
        .iter()
        .map(|request| {
            request
                .header("idempotency-key")
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    assert_eq!(keys, ["order-7", "order-7-2"]);
}

#[tokio::test]
async fn a_callers_key_makes_no_call_of_code_safe_to_repeat() {
    let (app, alice) = app().await;
    app.upstream()
        .on("/orders", Answer::json(&json!({})).status(503));
    let body = json!({ "input": { "origin": app.upstream().base_url() } });
    let request = alice
        .request(reqwest::Method::POST, "/api/v1/tools/order_twice/execute")
        .header("content-type", "application/json")
        .header("idempotency-key", "order-7")
        .body(body.to_string());
    let response = alice.send(request).await;
    assert_eq!(
        response.json()["output"],
        json!({ "first": 503, "second": 503 }),
        "{}",
        response.text()
    );
    assert_eq!(app.upstream().requests().len(), 2, "each is sent once");
}

#[tokio::test]
async fn a_panic_is_one_500_and_recorded_as_a_defect() {
    let (app, alice) = app().await;
    app.upstream().on("/orders", json!({}));
    let recorded = async |code: &str| {
        let rows =
            format!("select count(*) from orchestration.executions where error_code = '{code}'");
        let waiting = async {
            while app.sql(&rows).single() != Some("1") {
                tokio::task::yield_now().await;
            }
        };
        let patience = Duration::from_secs(20);
        let come = tokio::time::timeout(patience, waiting).await;
        assert!(come.is_ok(), "not recorded as {code}");
    };
    for (input, code) in [
        (json!({}), "output_invalid"),
        (
            json!({ "origin": app.upstream().base_url() }),
            "unknown_outcome",
        ),
    ] {
        let response = runs(&alice, "break_down", input).await;
        assert_eq!(response.status(), 500, "{}", response.text());
        assert_eq!(response.code(), "internal");
        assert!(!response.text().contains("no such drawer"));
        recorded(code).await;
    }
}

#[tokio::test]
async fn preview_shows_the_first_request_and_sends_nothing() {
    let (app, alice) = app().await;
    let origin = app.upstream().base_url();
    let preview = |id: &str, input: Value| {
        let (path, body) = (
            format!("/api/v1/tools/{id}/preview"),
            json!({ "input": input }),
        );
        let alice = alice.clone();
        async move { alice.post(&path, &body).await }
    };
    let shown = preview(
        "quote_by_code",
        json!({ "origin": origin, "symbol": "IBM" }),
    )
    .await;
    assert_eq!(shown.status(), 200, "{}", shown.text());
    assert_eq!(
        shown.json()["url"],
        format!(
            "{origin}/query?function=GLOBAL_QUOTE&symbol=IBM&apikey=${{ALPHA_VANTAGE_API_KEY}}"
        )
    );
    let none = preview("calculate", json!({ "expression": "1" })).await;
    assert_eq!(
        (none.status().as_u16(), none.code()),
        (409, "nothing_to_show".to_owned())
    );
    let wrong = preview("calculate", json!({ "expression": "1/0" })).await;
    assert_eq!(wrong.status(), 400);
    assert_eq!(app.upstream().connections(), 0);
}

#[tokio::test]
async fn cannot_be_saved_over_changed_or_retired() {
    let (app, alice) = app().await;
    let mine = ToolBuilder::get("/mine").id("calculate");
    let document = mine.document(&app.upstream().base_url());
    let saved = "/api/v1/tools/saved/calculate";
    for refused in [
        alice.tries_to_register(&mine).await,
        alice.put(saved, &document).await,
        alice.delete(saved).await,
        alice
            .post(&format!("{saved}/versions/1/restore"), &json!({}))
            .await,
    ] {
        assert_eq!(refused.status(), 409, "{}", refused.text());
        assert_eq!(refused.code(), "built_in_tool");
    }
    let listed = alice.get("/api/v1/tools/saved").await;
    assert!(!listed.text().contains("calculate"));
}

#[tokio::test]
async fn a_tool_that_was_there_first_keeps_its_id() {
    // The workspace saved a tool before a release brought one of the same id.
    let before = TestApp::setup()
        .config(|config| config.code_tools.clear())
        .start()
        .await;
    before.upstream().on("/mine", json!({ "mine": true }));
    let mine = before
        .alice()
        .registers(ToolBuilder::get("/mine").id("calculate"))
        .await;
    let after = TestApp::setup().start_on_database_of(&before).await;
    let alice = after.alice();
    let ran = alice.executes(&mine, json!({})).await;
    assert_eq!(
        ran.json()["output"],
        json!({ "mine": true }),
        "{}",
        ran.text()
    );
    assert_eq!(alice.get(&mine.path()).await.json()["source"], "saved");
    assert_eq!(
        alice.put(&mine.saved_path(), &mine.document).await.status(),
        200
    );
    // When it is retired, the built-in one takes its place.
    assert_eq!(alice.delete(&mine.saved_path()).await.status(), 204);
    let ran = runs(&alice, "calculate", json!({ "expression": "1 + 1" })).await;
    assert_eq!(
        ran.json()["output"],
        json!({ "result": 2.0 }),
        "{}",
        ran.text()
    );
}

#[tokio::test]
async fn the_specifications_answer_is_read() {
    let (app, alice) = app().await;
    app.upstream().on("/query", global_quote());
    stores_key(&app, "an-alpha-vantage-key").await;
    let input = json!({ "origin": app.upstream().base_url(), "symbol": "IBM" });
    let response = runs(&alice, "quote_by_code", input).await;
    assert_eq!(
        response.json()["output"],
        json!({ "price": 185.2 }),
        "{}",
        response.text()
    );
}
