//! Inputs that try to leave their place in the request, and requests that try to leave their workspace.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use testkit::upstream::{FakeUpstream, Reply};

use super::{Case, Rig, cases, filled, filled_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_hostile_input_stays_data() {
    let upstream = FakeUpstream::start().await;
    upstream.on("*", Reply::Echo);
    let rig = Rig::allowing(&[upstream.host_port()]).await;
    let change = json!({
        "api": { "timeout_ms": 2000 },
        "mapping": { "input_to_params": { "q": "q", "n": "n" } },
    });
    for case in cases("input") {
        if case.payload.get("tool").is_none() {
            continue;
        }
        let tool = rig.tool(&case, &upstream.base_url(), &change).await;
        let input = &case.request()["body"]["input"];
        let before = upstream.requests().len();
        let answer = rig.execute(&tool, input.clone()).await;
        let told = format!(
            "{} {}: {} {}",
            case.id, case.what, answer.status, answer.text
        );
        let requests = upstream.requests().split_off(before);
        if answer.status == 400 {
            assert_eq!(answer.json["code"], "invalid_input", "{told}");
            assert!(requests.is_empty(), "{told}: refused, yet sent");
            assert!(may_be_refused(&case), "{told}");
            continue;
        }
        assert_eq!(answer.status, 200, "{told}");
        assert!(!case.expect.starts_with("422"), "{told}");
        assert_eq!(requests.len(), 1, "{told}");
        let request = &requests[0];
        let id = input["id"].as_str().unwrap();
        let segments: Vec<&str> = request.path().split('/').collect();
        assert_eq!(segments.len(), 5, "{told}: {}", request.target);
        assert_eq!(
            (segments[1], segments[2], segments[4]),
            ("v1", "users", "posts"),
            "{told}"
        );
        let decoded: String = url::form_urlencoded::parse(
            format!("x={}", segments[3].replace('+', "%2B")).as_bytes(),
        )
        .map(|(_, value)| value.into_owned())
        .collect();
        assert_eq!(decoded, id, "{told}: {}", request.target);
        assert!(request.target.is_ascii(), "{told}: {}", request.target);
        let query: Vec<(String, String)> = ["q", "n"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), plain(input.get(name)?))))
            .collect();
        assert_eq!(request.query(), query, "{told}");
        assert_eq!(request.header("x-admin"), None, "{told}");
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn may_be_refused(case: &Case) -> bool {
    case.expect.contains("422") || case.expect.starts_with("400")
}

/// An idempotency key of the neighbour.
const THEIR_KEY: &str = "a-key-of-the-neighbour";

/// The same request many times at once: one call upstream, and for all its answer, or that it is still running.
async fn one_is_made(rig: &Arc<Rig>, upstream: &FakeUpstream, request: &Value, times: u64) {
    let before = upstream.requests().len();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..times {
        let (rig, request) = (Arc::clone(rig), request.clone());
        calls.spawn(async move { rig.send(&request, &[]).await });
    }
    let mut told = BTreeSet::new();
    for answer in calls.join_all().await {
        match answer.status {
            200 => {
                told.insert(answer.json["execution_id"].to_string());
            }
            409 => assert_eq!(answer.json["code"], "idempotency_in_progress"),
            _ => panic!("{}", answer.text),
        }
    }
    assert_eq!(told.len(), 1);
    assert_eq!(upstream.requests().len(), before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_hostile_request_gets_its_answer() {
    let upstream = FakeUpstream::start().await;
    upstream.on("*", Reply::Echo);
    let rig = Arc::new(Rig::allowing(&[upstream.host_port()]).await);
    let own = json!({
        "id": "own", "name": "own", "description": "d",
        "api": { "base_url": upstream.base_url(), "method": "GET", "auth": { "method": "none" } },
        "input_schema": { "type": "object", "properties": { "id": { "type": "string" } } },
        "output_schema": { "type": "object" },
    });
    assert_eq!(rig.post("/api/v1/tools", &own).await.status, 201);
    let mut others = own.clone();
    others["id"] = "others".into();
    assert_eq!(
        rig.post_as_neighbour("/api/v1/tools", &others).await.status,
        201
    );
    let theirs = rig
        .execute_as_neighbour("others", json!({ "id": "1" }), THEIR_KEY)
        .await;
    assert_eq!(theirs.status, 200, "{}", theirs.text);
    let fixtures = rig.fixtures(&[
        ("TOOL_ID", "own"),
        ("WS_B_TOOL", "others"),
        ("WS_B_KEY", THEIR_KEY),
    ]);
    let fixtures: Vec<(&str, &str)> = fixtures
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    for case in cases("input") {
        if case.payload.get("tool").is_some() {
            continue;
        }
        let mut request = filled_in(case.request(), &fixtures);
        if request["method"] == "DELETE" {
            // What is stored is retired under `saved`.
            request["path"] = "/api/v1/tools/saved/others".into();
        }
        if let Some(times) = request["repeat_parallel"].as_u64() {
            one_is_made(&rig, &upstream, &request, times).await;
            continue;
        }
        let before = upstream.requests().len();
        let answer = rig.send(&request, &[]).await;
        if case.id == "input-092" {
            assert!(!answer.headers.contains_key("idempotency-replayed"));
            assert_ne!(answer.json["execution_id"], theirs.json["execution_id"]);
            assert_eq!(upstream.requests().len(), before + 1);
        }
        let told = format!(
            "{} {}: {} {}",
            case.id, case.what, answer.status, answer.text
        );
        let expected: &[u16] = match case.id.as_str() {
            "input-055" | "input-056" | "input-057" | "input-073" | "input-080" | "input-082"
            | "input-083" | "input-093" => &[400],
            "input-063" => &[415],
            "input-067" => &[413],
            "input-069" | "input-071" | "input-072" => &[404],
            // The client folds the dots away; what is left is a route with a check of its own.
            "input-086" => &[200, 404],
            "input-074" | "input-081" => &[200, 400],
            "input-075" | "input-076" => &[403],
            "input-079" | "input-092" => &[200],
            "input-088" | "input-089" => &[404, 405],
            other => panic!("{other} has no answer: say what it must be"),
        };
        assert!(expected.contains(&answer.status), "{told}");
        assert!(
            !answer.text.contains("\"others\""),
            "{told}: a neighbour's tool was shown"
        );
        if answer.status >= 400 && request["method"] != "HEAD" {
            assert_eq!(
                answer.headers["content-type"], "application/problem+json",
                "{told}"
            );
            assert!(answer.json["code"].is_string(), "{told}");
            assert!(answer.json["request_id"].is_string(), "{told}");
        }
        if matches!(case.id.as_str(), "input-055" | "input-056" | "input-057") {
            assert_eq!(answer.json["code"], "invalid_json", "{told}");
        }
    }
    let foreign = rig.get("/api/v1/tools/others").await;
    let random = rig
        .get(&filled("/api/v1/tools/nobody_has_this", &fixtures))
        .await;
    for member in ["type", "title", "status", "code"] {
        assert_eq!(
            foreign.json[member], random.json[member],
            "a foreign tool is told apart"
        );
    }
    assert_eq!(
        rig.sql("select id from catalog.tools where retired_at is null order by id"),
        ["others", "own"]
    );
}
