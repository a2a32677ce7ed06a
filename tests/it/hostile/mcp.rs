//! Clients of the Model Context Protocol that lie, and tools that are offered to them.

use serde_json::{Value, json};
use testkit::TestApp;
use testkit::upstream::{Answer, FakeUpstream, Reply};

use super::rig::insert_row;
use super::{Answered, Case, Rig, cases, filled_in};

/// Lines that are tested elsewhere.
const ELSEWHERE: [(&str, &str); 7] = [
    ("mcp-044", "marketplace::publish::says_every_reason_at_once"),
    (
        "mcp-052",
        "marketplace::update_install::another_host_is_refused_until_it_is_accepted_and_gets_no_secret_by_that",
    ),
    (
        "mcp-053",
        "marketplace::update_install::what_must_be_accepted_is_told_by_its_kind",
    ),
    (
        "mcp-054",
        "marketplace::install::ids_that_would_be_mistaken_for_each_other_do_not_stand_side_by_side",
    ),
    (
        "mcp-056",
        "marketplace::install::ids_that_would_be_mistaken_for_each_other_do_not_stand_side_by_side",
    ),
    (
        "mcp-057",
        "marketplace::publish::nobody_publishes_under_a_name_that_another_had",
    ),
    (
        "mcp-070",
        "mcp::list::ten_thousand_tools_come_in_pages_below_a_megabyte",
    ),
];

/// Lines with a scene of their own, below.
const SCENES: [&str; 11] = [
    "mcp-048", "mcp-058", "mcp-059", "mcp-062", "mcp-064", "mcp-066", "mcp-067", "mcp-071",
    "mcp-072", "mcp-073", "mcp-075",
];

fn case(id: &str) -> Case {
    let mut all = cases("mcp").into_iter();
    all.find(|case| case.id == id).unwrap()
}

/// A tool config that calls this URL.
fn config(id: &str, method: &str, base_url: &str) -> Value {
    json!({
        "id": id, "name": id, "description": "A tool of a test.",
        "api": { "base_url": base_url, "method": method, "auth": { "method": "none" } },
        "input_schema": { "type": "object", "properties": { "n": { "type": "number" } } },
        "output_schema": {},
    })
}

async fn saved(rig: &Rig, config: &Value) {
    let answer = rig.post("/api/v1/tools", config).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}

/// A request as a good client makes it.
async fn asks(rig: &Rig, method: &str, params: Value) -> Answered {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let headers = json!({ "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25" });
    let request = json!({ "method": "POST", "path": "/mcp", "headers": headers, "body": body });
    rig.send(&request, &[]).await
}

async fn calls(rig: &Rig, tool: &str) -> Value {
    let answer = asks(rig, "tools/call", json!({ "name": tool, "arguments": {} })).await;
    assert_eq!(answer.status, 200, "{tool}: {}", answer.text);
    answer.json["result"].clone()
}

/// The tool as it is listed.
async fn listed(rig: &Rig, tool: &str) -> Value {
    let answer = asks(rig, "tools/list", json!({})).await;
    let tools = answer.json["result"]["tools"].as_array().unwrap();
    tools
        .iter()
        .find(|listed| listed["name"] == tool)
        .unwrap()
        .clone()
}

#[test]
fn each_line_is_somewhere() {
    let lines = cases("mcp");
    for id in SCENES.iter().chain(ELSEWHERE.iter().map(|(id, _)| id)) {
        assert!(lines.iter().any(|case| case.id == *id), "{id}");
    }
    for case in lines {
        let places = [
            SCENES.contains(&case.id.as_str()),
            ELSEWHERE.iter().any(|(id, _)| *id == case.id),
            case.payload.get("request").is_some(),
        ];
        let told = format!("{} {}", case.id, case.what);
        assert_eq!(places.iter().filter(|place| **place).count(), 1, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_hostile_message_gets_its_answer() {
    let upstream = FakeUpstream::start().await;
    upstream.on("*", Reply::Echo);
    let rig = Rig::allowing(&[upstream.host_port()]).await;
    saved(&rig, &config("echo", "GET", &upstream.base_url())).await;
    let alice = rig.app().alice();
    let token = rig.app().token_of(&alice).claim("aud", "another-product");
    let foreign = token.signed(&rig.app().signer());
    for case in cases("mcp") {
        if case.payload.get("request").is_none() {
            continue;
        }
        let mut request = filled_in(case.request(), &[("OTHER_AUD", &foreign)]);
        if case.payload["raw"] == true {
            let raw = request.as_object_mut().unwrap().remove("body").unwrap();
            request["raw"] = raw;
        }
        let before = upstream.requests().len();
        let answer = match case.id.as_str() {
            "mcp-040" => rig.send_as(&rig.app().anon(), &request, &[]).await,
            _ => rig.send(&request, &[]).await,
        };
        let told = format!(
            "{} {}: {} {}",
            case.id, case.what, answer.status, answer.text
        );
        let (status, code) = expected(&case);
        assert_eq!(answer.status, status, "{told}");
        match code {
            Said::Error(code) => assert_eq!(answer.json["error"]["code"], code, "{told}"),
            Said::Problem(code) => assert_eq!(answer.json["code"], code, "{told}"),
            Said::Result { is_error } => {
                assert_eq!(answer.json["result"]["isError"], is_error, "{told}");
            }
        }
        let made = upstream.requests().len() - before;
        let may = matches!(code, Said::Result { is_error: false });
        assert_eq!(made, usize::from(may), "{told}");
        told_more(&case, &answer, &told);
    }
}

/// What a line's answer says.
#[derive(Clone, Copy, Debug)]
enum Said {
    /// A JSON-RPC error.
    Error(i32),
    /// A problem: the protocol was not spoken yet.
    Problem(&'static str),
    Result {
        is_error: bool,
    },
}

fn expected(case: &Case) -> (u16, Said) {
    match case.id.as_str() {
        "mcp-003" => (400, Said::Error(-32022)),
        "mcp-004" | "mcp-006" | "mcp-009" | "mcp-010" => (400, Said::Error(-32020)),
        "mcp-011" => (400, Said::Error(-32602)),
        "mcp-013" | "mcp-014" => (403, Said::Problem("forbidden")),
        "mcp-016" => (415, Said::Problem("unsupported_media_type")),
        "mcp-020" | "mcp-022" | "mcp-024" => (400, Said::Error(-32600)),
        "mcp-021" => (400, Said::Error(-32700)),
        "mcp-031" => (200, Said::Result { is_error: true }),
        // A token that is none is no token.
        "mcp-032" | "mcp-034" => (200, Said::Result { is_error: false }),
        "mcp-035" => (400, Said::Error(-32602)),
        "mcp-038" | "mcp-043" => (200, Said::Error(-32602)),
        "mcp-040" => (401, Said::Problem("missing_token")),
        "mcp-041" => (401, Said::Problem("invalid_token")),
        other => panic!("{other} has no answer here"),
    }
}

fn told_more(case: &Case, answer: &Answered, told: &str) {
    match case.id.as_str() {
        "mcp-003" => assert!(
            answer.json["error"]["data"]["supported"].is_array(),
            "{told}"
        ),
        // What is wrong and where, so that a model can mend it.
        "mcp-031" => assert!(answer.text.contains("arguments/n"), "{told}"),
        "mcp-040" => {
            let challenge = answer.headers["www-authenticate"].to_str().unwrap();
            assert!(
                challenge.contains("resource_metadata=\"http"),
                "{told}: {challenge}"
            );
        }
        _ => {}
    }
}

#[tokio::test]
async fn a_tool_that_deceives_its_reader_is_not_saved() {
    let rig = Rig::allowing(&[]).await;
    let public = "https://api.example.com";
    let with = |pointer: &str, value: Value| {
        let mut config = config("deceiver", "GET", public);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        config.pointer_mut(parent).unwrap()[name] = value;
        config
    };
    let header = |id: &str| {
        let schema =
            json!({ "type": "string", "x-mcp-header": case(id).payload["tool"]["x-mcp-header"] });
        with("/input_schema/properties/n", schema)
    };
    let mut reader = config("deceiver", "DELETE", public);
    reader["annotations"] = json!({ "read_only": true });
    for (id, config) in [
        (
            "mcp-048",
            with(
                "/description",
                case("mcp-048").payload["listing"]["description"].clone(),
            ),
        ),
        ("mcp-058", reader),
        (
            "mcp-071",
            with("/id", case("mcp-071").payload["tool"]["name"].clone()),
        ),
        ("mcp-072", header("mcp-072")),
        ("mcp-073", header("mcp-073")),
    ] {
        let answer = rig.post("/api/v1/tools", &config).await;
        assert_eq!(answer.status, 400, "{id}: {}", answer.text);
        assert_eq!(
            answer.json["code"], "invalid_config",
            "{id}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn effects_and_failures_are_what_the_server_saw() {
    let upstream = FakeUpstream::start().await;
    let image = case("mcp-062").payload["upstream"]["body"]
        .as_str()
        .unwrap()
        .to_owned();
    upstream.on("/image", Answer::text(&image)).on(
        "/lies",
        Answer::json(&json!({ "isError": false, "content": [] })).status(500),
    );
    let rig = Rig::allowing(&[upstream.host_port()]).await;
    for (id, method, path) in [
        ("deletes", "DELETE", "/image"),
        ("image", "GET", "/image"),
        ("lies", "GET", "/lies"),
    ] {
        let mut config = config(id, method, &upstream.base_url());
        config["api"]["path"] = path.into();
        if path == "/image" {
            config["response"] = json!({ "format": "text" });
            config["output_schema"] = json!({ "type": "string" });
        }
        saved(&rig, &config).await;
    }
    // mcp-058, mcp-059: there are no approvals yet; what holds is that every client is told.
    let hints = listed(&rig, "deletes").await["annotations"].clone();
    assert_eq!(
        (&hints["readOnlyHint"], &hints["destructiveHint"]),
        (&json!(false), &json!(true)),
        "{hints}"
    );
    // mcp-062
    let result = calls(&rig, "image").await;
    assert_eq!(
        result["content"],
        json!([{ "type": "text", "text": image }])
    );
    // mcp-064
    assert_eq!(calls(&rig, "lies").await["isError"], true);
}

#[tokio::test]
async fn a_removed_tool_is_unknown_to_who_still_lists_it() {
    let rig = Rig::allowing(&[]).await;
    saved(&rig, &config("removed", "GET", "https://api.example.com")).await;
    assert_eq!(listed(&rig, "removed").await["name"], "removed");
    let alice = rig.app().alice();
    assert_eq!(
        alice.delete("/api/v1/tools/saved/removed").await.status(),
        204
    );
    let answer = asks(
        &rig,
        "tools/call",
        json!({ "name": case("mcp-075").payload["call"] }),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let expected = json!({ "code": -32602, "message": "Unknown tool: removed" });
    assert_eq!(answer.json["error"], expected, "{}", answer.text);
}

/// mcp-066, mcp-067: a loop needs a way back to us, and there is none, even where the operator lists our own address.
#[tokio::test]
async fn no_tool_leads_back_to_us() {
    let us = TestApp::start().await;
    let (own, host_port) = (us.url().to_owned(), us.url().trim_start_matches("http://"));
    let setup = TestApp::setup().allow(host_port);
    let setup = setup.config(move |config| config.public_url = Some(own));
    let app = setup.start_on_database_of(&us).await;
    let (alice, bob) = (app.alice(), app.bob());
    let location = format!("{}/mcp", us.url());
    app.upstream().on("/away", Answer::redirect(302, &location));
    let towards = |id: &str, path: &str| {
        let mut config = config(id, "POST", us.url());
        config["api"]["path"] = path.into();
        config
    };
    let mut away = config("away", "GET", &app.upstream().base_url());
    away["api"]["path"] = "/away".into();
    let there_and_back = [
        (&alice, towards("endpoint", "/mcp"), "endpoint"),
        (
            &alice,
            towards("there", "/api/v1/tools/back/execute"),
            "there",
        ),
        (&bob, towards("back", "/api/v1/tools/there/execute"), "back"),
    ];
    for (owner, config, id) in &there_and_back {
        let answer = owner.post("/api/v1/tools", config).await;
        assert_eq!(answer.status(), 400, "{id}: {}", answer.text());
        assert_eq!(
            answer.json()["errors"][0]["code"],
            "host_not_allowed",
            "{}",
            answer.text()
        );
        insert_row(&app, owner, id, config);
    }
    assert_eq!(alice.post("/api/v1/tools", &away).await.status(), 201);
    for (owner, id) in [
        (&alice, "endpoint"),
        (&alice, "there"),
        (&bob, "back"),
        (&alice, "away"),
    ] {
        let path = format!("/api/v1/tools/{id}/execute");
        let answer = owner.post(&path, &json!({ "input": {} })).await;
        match answer.status().as_u16() {
            500 => assert_eq!(answer.json()["error"]["code"], "egress_blocked", "{id}"),
            // The document is no config any more: quarantined, not run.
            409 => assert_eq!(answer.code(), "tool_disabled", "{id}"),
            _ => panic!("{id}: {}", answer.text()),
        }
    }
    // Whoever came back would have been recorded.
    let doors = app.sql("select door, count(*) from orchestration.executions group by door");
    assert!(
        doors
            .rows
            .iter()
            .all(|row| row[0].as_deref() == Some("rest")),
        "{:?}",
        doors.rows
    );
}
