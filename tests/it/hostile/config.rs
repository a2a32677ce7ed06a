//! Tool configs that must be refused with every fault named, and the few odd ones that are fine.

use serde_json::{Value, json};

use super::{Rig, cases, filled_in};

const FIXTURES: &[(&str, &str)] = &[
    ("UPSTREAM", "api.example.com"),
    ("EXISTING_NAME", "already here"),
    (
        "WS_B_SECRET",
        "0198f0a0-0000-7000-8000-000000000000/OTHERS_KEY",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_hostile_config_gets_its_answer() {
    let rig = Rig::allowing(&[]).await;
    let existing = json!({
        "name": "already here", "description": "d",
        "api": { "base_url": "https://api.example.com", "method": "GET", "auth": { "method": "none" } },
        "input_schema": { "type": "object" }, "output_schema": { "type": "object" },
    });
    assert_eq!(rig.post("/api/v1/tools", &existing).await.status, 201);
    for case in cases("config") {
        let request = filled_in(case.request(), FIXTURES);
        let answer = rig.send(&request, &[]).await;
        let told = format!(
            "{} {}: {} {}",
            case.id, case.what, answer.status, answer.text
        );
        match case.expect.get(..3) {
            Some("201") => {
                assert_eq!(answer.status, 201, "{told}");
                let id = answer.json["tool_id"].as_str().unwrap();
                let read = rig.get(&format!("/api/v1/tools/{id}")).await;
                assert_eq!(read.json["config"], request["body"], "{told}");
            }
            Some("409") => {
                assert_eq!(answer.status, 409, "{told}");
                assert_eq!(answer.json["code"], "already_exists", "{told}");
            }
            Some("400") => is_refused(&answer.json, answer.status, &told),
            _ => panic!("{}: what is {:?}?", case.id, case.expect),
        }
    }
    let names = rig.sql("select id from catalog.tools order by id");
    assert_eq!(
        names,
        ["already_here", "t"],
        "nothing else was saved, and the table is intact"
    );
}

/// 400 `invalid_config` (or, where the body itself is over the limit, 413), every fault with a pointer.
fn is_refused(problem: &Value, status: u16, told: &str) {
    if status == 413 {
        assert_eq!(problem["code"], "body_too_large", "{told}");
        return;
    }
    assert_eq!(status, 400, "{told}");
    // A NUL is refused before anybody asks what the document is.
    let nul = problem["code"] == "invalid_json"
        && problem["detail"]
            .as_str()
            .is_some_and(|d| d.contains("U+0000"));
    assert!(nul || problem["code"] == "invalid_config", "{told}");
    let faults = problem["errors"].as_array().unwrap();
    assert!(!faults.is_empty(), "{told}");
    for fault in faults {
        assert!(
            fault["pointer"].is_string() && fault["code"].is_string(),
            "{told}"
        );
        assert!(
            fault["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty()),
            "{told}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_config_with_many_faults_is_told_all_of_them_at_once() {
    let rig = Rig::allowing(&[]).await;
    let answer = rig
        .post(
            "/api/v1/tools",
            &json!({
                "name": "broken", "descripton": "misspelt",
                "api": { "base_url": "http://169.254.169.254/?a=b", "method": "FETCH",
                         "auth": { "method": "bearer", "secret_ref": "sk-live-0123456789abcdef" } },
                "input_schema": { "type": "objekt" },
                "mapping": { "input_to_params": { "nope": "q" } },
            }),
        )
        .await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    let pointers: Vec<&str> = answer.json["errors"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|fault| fault["pointer"].as_str())
        .collect();
    for pointer in [
        "/descripton",
        "/description",
        "/api/base_url",
        "/api/method",
        "/api/auth/secret_ref",
        "/input_schema/type",
    ] {
        assert!(
            pointers.contains(&pointer),
            "{pointer} is missing in {pointers:?}"
        );
    }
    assert!(answer.text.contains("did you mean"), "{}", answer.text);
    assert!(
        !answer.text.contains("sk-live-0123456789abcdef"),
        "a credential was repeated"
    );
}
