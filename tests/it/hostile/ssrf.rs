//! Destinations that a tool must never reach, at save and at execution, whoever wrote the row.

use serde_json::{Value, json};
use testkit::upstream::{Answer, FakeUpstream, Reply};

use super::{Case, Rig, cases, filled_in};

const FIXTURES: &[(&str, &str)] = &[
    ("SUPABASE_HOST", "project.supabase.co"),
    ("UPSTREAM", "api.example.com"),
];

/// Saved on sight: the name is fine, what it resolves to is not. They are blocked when they are run.
const SAVED: [&str; 3] = ["ssrf-101", "ssrf-104", "ssrf-105"];

fn is_save(case: &Case) -> bool {
    case.payload.get("tool").is_none()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forbidden_destination_is_refused_when_the_tool_is_saved() {
    let rig = Rig::allowing(&[]).await;
    for case in cases("ssrf") {
        if !is_save(&case) || SAVED.contains(&case.id.as_str()) {
            continue;
        }
        let request = filled_in(case.request(), FIXTURES);
        let answer = rig.send(&request, &[]).await;
        let told = format!(
            "{} {}: {} {}",
            case.id, case.what, answer.status, answer.text
        );
        assert_eq!(answer.status, 400, "{told}");
        let nul = answer.json["code"] == "invalid_json" && answer.text.contains("U+0000");
        assert!(nul || answer.json["code"] == "invalid_config", "{told}");
    }
    assert_eq!(
        rig.lookups(),
        Vec::<String>::new(),
        "saving asks no name server"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forbidden_destination_in_a_row_is_never_reached() {
    let rig = Rig::allowing(&[]).await;
    for case in cases("ssrf") {
        if !is_save(&case) {
            continue;
        }
        let mut document = filled_in(&case.request()["body"], FIXTURES);
        document["id"] = case.tool_id().into();
        rig.insert_row(&case.tool_id(), &document);
        rig.resolves(
            document["api"]["base_url"].as_str().unwrap_or_default(),
            &["169.254.169.254"],
        );
        let answer = rig.execute(&case.tool_id(), json!({})).await;
        let told = format!(
            "{} {}: {} {}",
            case.id, case.what, answer.status, answer.text
        );
        match answer.status {
            500 => assert_eq!(answer.json["error"]["code"], "egress_blocked", "{told}"),
            // The document is no config any more: quarantined, not run.
            409 => assert_eq!(answer.json["code"], "tool_disabled", "{told}"),
            _ => panic!("{told}"),
        }
    }
    assert_eq!(rig.connections(), 0, "nothing was connected to");
}

/// The addresses that a name answers at each look-up in turn; `None` is no such name.
fn addresses(case: &Case) -> Vec<Option<Vec<String>>> {
    let public = |text: &str| match text {
        "{{PUBLIC_IP}}" => "93.184.216.34".to_owned(),
        "{{PUBLIC_IP6}}" => "2606:2800:220:1:248:1893:25c8:1946".to_owned(),
        other => other.to_owned(),
    };
    let answers = case.payload["dns"].as_array().unwrap();
    match case.id.as_str() {
        // Chains are followed by the resolver; what arrives is their end.
        "ssrf-171" => vec![Some(vec!["169.254.169.254".into()])],
        "ssrf-172" => vec![Some(vec!["127.0.0.1".into(), "::1".into()])],
        "ssrf-173" | "ssrf-177" | "ssrf-179" => vec![None],
        "ssrf-175" => {
            let mut many: Vec<String> = (0..499)
                .map(|at| format!("93.184.{}.{}", at / 250, at % 250))
                .collect();
            many.push("10.0.0.5".into());
            vec![Some(many)]
        }
        _ => answers
            .iter()
            .map(|answer| {
                Some(
                    ["A", "AAAA"]
                        .iter()
                        .filter_map(|kind| answer[kind].as_str())
                        .map(public)
                        .collect(),
                )
            })
            .collect(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_judged_by_every_address_it_has() {
    let rig = Rig::allowing(&[]).await;
    for case in cases("ssrf") {
        if case.payload.get("tool").is_none() || !case.payload["dns"].is_array() {
            continue;
        }
        let host = format!("{}.example.org", case.id);
        rig.resolves_in_turn(&host, addresses(&case));
        let change = json!({ "api": { "timeout_ms": 900, "connect_timeout_ms": 300 }, "retry": { "max_attempts": 1 } });
        let tool = rig.tool(&case, &format!("https://{host}"), &change).await;
        let before = rig.lookups().len();
        let answer = rig.execute(&tool, json!({})).await;
        let told = format!(
            "{} {}: {} {}",
            case.id, case.what, answer.status, answer.text
        );
        let lookups = rig.lookups().split_off(before);
        assert_eq!(
            lookups,
            std::slice::from_ref(&host),
            "{told}: one look-up, of exactly this name"
        );
        assert_eq!(answer.status, 500, "{told}");
        let code = answer.json["error"]["code"].as_str().unwrap_or_default();
        let expected: &[&str] = match case.id.as_str() {
            // The checked public address is used, which nothing here can answer for.
            "ssrf-168" | "ssrf-169" => &["connect_failed", "timeout"],
            "ssrf-173" | "ssrf-177" | "ssrf-179" => &["connect_failed"],
            _ => &["egress_blocked"],
        };
        assert!(expected.contains(&code), "{told}");
    }
    assert_eq!(rig.connections(), 0, "the loopback canary was not reached");
}

/// What the first upstream answers.
fn redirect(case: &Case, upstream: &FakeUpstream, other: &FakeUpstream, canary: &str) -> Reply {
    let places = |text: &str| {
        text.replace("{{UPSTREAM_HOST}}", "127.0.0.1")
            .replace("{{UPSTREAM}}", &upstream.host_port())
            .replace("{{OTHER_ORIGIN}}", &other.host_port())
            .replace("http://169.254.169.254", &format!("http://{canary}"))
    };
    let said = &case.payload["upstream"];
    let mut answer = Answer::json(&json!({ "seen": true }))
        .status(u16::try_from(said["status"].as_u64().unwrap()).unwrap());
    match &said["headers"]["Location"] {
        Value::String(location) if location.starts_with("chain:") => {
            return Answer::redirect(302, "/second").into();
        }
        Value::String(location) => answer = answer.header("Location", &places(location)),
        Value::Array(locations) => {
            for location in locations {
                answer = answer.header("Location", &places(location.as_str().unwrap()));
            }
        }
        _ => {}
    }
    if let Some(refresh) = said["extra_headers"]["Refresh"].as_str() {
        answer = answer.header("Refresh", &places(refresh));
    }
    if let Some(body) = said["body"].as_str() {
        answer = Answer::bytes("text/html", places(body).into_bytes());
    }
    answer.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_goes_through_the_whole_check_again() {
    let canary = FakeUpstream::start().await;
    canary.on("*", json!({ "canary": true }));
    let other = FakeUpstream::start().await;
    other.on("*", Reply::Echo);
    let mut scenes = Vec::new();
    for case in cases("ssrf") {
        if case.payload.get("upstream").is_some_and(Value::is_object) {
            scenes.push((case, FakeUpstream::start().await));
        }
    }
    let mut allowed: Vec<String> = scenes
        .iter()
        .map(|(_, upstream)| upstream.host_port())
        .collect();
    allowed.push(other.host_port());
    let rig = Rig::allowing(&allowed).await;
    rig.secret("REDIRECT_TOKEN", "a-credential-that-must-stay", &allowed)
        .await;
    for (case, upstream) in &scenes {
        upstream.on("*", redirect(case, upstream, &other, &canary.host_port()));
        upstream.on(
            "/second",
            Answer::redirect(302, &format!("http://{}/third", canary.host_port())),
        );
        upstream.on("/ok", json!({ "seen": true }));
        let mut change = json!({ "api": { "timeout_ms": 2000 }, "mapping": null });
        if case.payload["upstream"].get("auth").is_some() {
            change["api"]["auth"] =
                json!({ "method": "bearer", "secret_ref": "${REDIRECT_TOKEN}" });
        }
        let tool = rig.tool(case, &upstream.base_url(), &change).await;
        let answer = rig.execute(&tool, json!({})).await;
        let told = format!(
            "{} {}: {} {}",
            case.id, case.what, answer.status, answer.text
        );
        match case.id.as_str() {
            "ssrf-207" | "ssrf-210" => assert_eq!(answer.status, 200, "{told}"),
            "ssrf-208" => assert!(matches!(answer.status, 200 | 500), "{told}"),
            _ => {
                assert_eq!(answer.status, 500, "{told}");
                let code = answer.json["error"]["code"].as_str().unwrap_or_default();
                assert!(
                    matches!(code, "egress_blocked" | "invalid_response"),
                    "{told}"
                );
            }
        }
    }
    assert_eq!(canary.connections(), 0, "the canary was reached");
    for request in other.requests() {
        assert_eq!(
            request.header("authorization"),
            None,
            "a credential crossed hosts"
        );
        assert_eq!(request.header("cookie"), None, "a cookie crossed hosts");
    }
}
