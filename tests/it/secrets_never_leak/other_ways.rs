//! What else tells of a call: the test of a connection, pages, what is cut, kept and replayed, and the function's own log.

use serde_json::{Value, json};
use testkit::{Answer, FakeAws, Reply, TestApp, ToolBuilder, logs};

use super::scene::Scene;
use super::spellings::{Canaries, spellings, strict};
use crate::lambda::event;
use crate::lambda::harness::Function;
use crate::skip::skip;

const KEY: &str = "y-c4nary:word+/=&<\"q\">\\tail-1712";

fn bearer() -> Value {
    json!({ "method": "bearer", "secret_ref": "${KEY}" })
}

async fn scene() -> Scene {
    Scene::with(&[("KEY", KEY)], &[KEY], &[]).await
}

#[tokio::test]
async fn not_from_the_test_of_a_connection() {
    let scene = scene().await;
    for fault in scene.faults() {
        let path = format!("/verify/{}", fault.name);
        scene.app.upstream().on(&path, fault.reply);
        let mut auth = bearer();
        auth["verify"] = json!({ "method": "GET", "path": path, "success_when": { "path": "t", "matches": "^never$" } });
        let tool = ToolBuilder::get("/x")
            .id(&format!("verified_{}", fault.name).replace('-', "_"))
            .set("/api/timeout_ms", 600)
            .auth(auth);
        let tool = scene.alice.registers(tool).await;
        let path = format!("{}/verify", tool.path());
        let told = scene
            .alice
            .send(scene.alice.request(reqwest::Method::POST, &path))
            .await;
        assert!(
            told.status().as_u16() < 500,
            "{}: {}",
            fault.name,
            told.text()
        );
        assert_eq!(told.json()["ok"], false, "{}: {}", fault.name, told.text());
        scene.canaries.none_in_answer(fault.name, &told);
    }
    scene.left_nothing(&[]);
}

#[tokio::test]
async fn not_from_pages() {
    let mut scene = scene().await;
    let up = scene.app.upstream();
    let stolen = strict(KEY);
    let by_link = |next: String| {
        Answer::json(&json!([{ "t": spellings(KEY) }]))
            .header("Link", &format!("<{next}>; rel=\"next\""))
    };
    let second = format!("{}/linked/2?key={stolen}", up.base_url());
    up.on("/linked", by_link(second));
    up.on(
        "/linked/2",
        by_link(format!("http://169.254.169.254/?key={stolen}")),
    );
    let by_cursor = |next: &str| json!({ "data": [{ "t": spellings(KEY) }], "next": next });
    up.on_sequence(
        "/cursor",
        vec![
            by_cursor("one").into(),
            by_cursor("two").into(),
            Answer::text(KEY).status(500).into(),
        ],
    );
    up.on_sequence("/circle", vec![by_cursor(KEY).into()]);
    let link = json!({ "type": "link", "max_pages": 3 });
    let cursor = json!({ "type": "cursor", "items_path": "data", "cursor_path": "next", "cursor_param": "after", "max_pages": 4 });
    for (path, pagination) in [
        ("/linked", link),
        ("/cursor", cursor.clone()),
        ("/circle", cursor),
    ] {
        let tool = ToolBuilder::get(path)
            .auth(bearer())
            .set("/retry", json!({ "max_attempts": 1 }))
            .set("/response/pagination", pagination);
        scene.runs(tool, json!({})).await;
    }
    assert!(
        scene.app.upstream().requests().len() >= 6,
        "pages were asked for"
    );
    scene.left_nothing(&["upstream_5xx"]);
}

#[tokio::test]
async fn not_from_what_is_cut_kept_and_replayed() {
    let mut scene = scene().await;
    let many: Vec<Value> = (0..400)
        .map(|n| json!({ "n": n, "t": spellings(KEY) }))
        .collect();
    scene.app.upstream().on("/many", json!({ "all": many }));
    let tool = ToolBuilder::get("/many")
        .auth(bearer())
        .set("/output/max_tokens", 2_000);
    scene.runs(tool.clone(), json!({})).await;
    let run = json!({ "input": {} });
    let cut = scene
        .alice
        .post("/api/v1/tools/get_many/execute", &run)
        .await;
    let cursor = cut.json()["truncated"]["cursor"]
        .as_str()
        .unwrap_or_else(|| panic!("{}", cut.text()))
        .to_owned();
    let more = json!({ "input": { "cursor": cursor } });
    let more = scene
        .alice
        .post("/api/v1/tools/read_more/execute", &more)
        .await;
    assert_eq!(more.status(), 200, "{}", more.text());
    scene.canaries.none_in_answer("the rest", &more);

    scene.app.upstream().on("/cached", Reply::Echo);
    let cached = tool
        .clone()
        .id("cached")
        .set("/api/path", "/cached")
        .set("/cache", json!({ "ttl_s": 60 }));
    scene.runs(cached, json!({})).await;
    let again = scene.alice.post("/api/v1/tools/cached/execute", &run).await;
    scene.canaries.none_in_answer("the cached answer", &again);
    scene.app.upstream().on("/keyed", Reply::Echo);
    let keyed = ToolBuilder::post("/keyed")
        .auth(bearer())
        .set("/idempotency", json!({ "ttl_s": 600 }));
    let keyed = scene.alice.registers(keyed).await;
    for _ in 0..2 {
        let request = scene
            .alice
            .request(reqwest::Method::POST, &keyed.execute_path())
            .header("content-type", "application/json")
            .header("Idempotency-Key", "one")
            .body(run.to_string());
        let answer = scene.alice.send(request).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        scene.canaries.none_in_answer("the kept answer", &answer);
    }
    scene.left_nothing(&[]);
}

#[tokio::test]
async fn not_from_a_store_at_aws() {
    const STORED: &str = "z-c4nary/of+the=\"store\"\\&<é>-2405";
    const ROTATED: &str = "z-c4nary/of+the=\"store\"\\&<é>-2406";
    let Some(aws) = FakeAws::start().await else {
        skip(
            "not_from_a_store_at_aws",
            "moto is not installed (.ci/run installs it)",
        );
        return;
    };
    let traced = logs::trace_here();
    let reached = aws.config();
    let app = TestApp::setup()
        .config(move |config| {
            config.secret_stores.default = "aws_secrets_manager".parse().unwrap();
            config.secret_stores.aws = Some(reached);
        })
        .start()
        .await;
    let alice = app.alice();
    let canaries = Canaries::of(&[STORED, ROTATED]);
    app.upstream().on("*", Reply::Echo);
    alice.stores_secret("STORED", STORED).await;
    let auth = json!({ "method": "api_key_query", "key_name": "key", "secret_ref": "${STORED}" });
    let tool = alice.registers(ToolBuilder::get("/x").auth(auth)).await;
    for value in [STORED, ROTATED] {
        let change = json!({ "value": value });
        let changed = alice.put("/api/v1/secrets/STORED", &change).await;
        assert_eq!(changed.status(), 200, "{}", changed.text());
        canaries.none_in_answer("the change", &changed);
        let done = alice.executes(&tool, json!({})).await;
        assert_eq!(done.status(), 200, "{}", done.text());
        canaries.none_in_answer("the run", &done);
        let sent = app.upstream().last_request();
        assert!(
            sent.query().contains(&("key".into(), value.into())),
            "{:?}",
            sent.query()
        );
    }
    assert_eq!(alice.delete("/api/v1/secrets/STORED").await.status(), 204);
    canaries.none_in("the trace", &traced.text());
    canaries.none_left(&app);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_from_the_deployed_function_at_trace_level() {
    const DEPLOYED: &str = "x-c4nary:of/the+function=&<\"q\">\\tail-1101";
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    alice.stores_secret("KEY", DEPLOYED).await;
    let canaries = Canaries::of(&[DEPLOYED]);
    let mut variables = crate::lambda::variables(app.config());
    variables.push(("LOG_LEVEL", "trace".to_owned()));
    let mut function = Function::start("tools", &variables).await.unwrap();
    app.upstream().on("/echo", Reply::Echo);
    app.upstream().on(
        "/refused",
        Answer::text(&spellings(DEPLOYED).join(" ")).status(401),
    );
    app.upstream().on("/reset", Reply::Reset(Vec::new()));
    for path in ["/echo", "/refused", "/reset"] {
        let tool = ToolBuilder::get(path)
            .auth(bearer())
            .set("/api/params", json!({ "key": "${KEY}" }))
            .set("/retry", json!({ "max_attempts": 1 }));
        let tool = alice.registers(tool).await;
        let mut event: Value = serde_json::from_str(&event::text("tools", "execute")).unwrap();
        event["path"] = tool.execute_path().into();
        event["pathParameters"]["tool_id"] = tool.id.clone().into();
        event["requestContext"]["path"] = format!("/prod{}", tool.execute_path()).into();
        event["body"] = json!({ "input": {} }).to_string().into();
        event::set_header(
            &mut event,
            "Authorization",
            Some(&format!("Bearer {}", alice.token())),
        );
        let workspace = alice.workspace_id().to_string();
        event::set_header(&mut event, "X-Workspace-Id", Some(&workspace));
        let answer = function.invoke(event).await;
        assert!(
            answer["body"].as_str().unwrap().contains("execution_id"),
            "{answer}"
        );
        canaries.none_in(path, &answer.to_string());
    }
    assert!(app.upstream().requests().len() >= 3, "it called");
    let printed = function.printed();
    assert!(printed.contains("TRACE"), "nothing was traced");
    canaries.none_in("what it printed", &printed);
    canaries.none_left(&app);
}
