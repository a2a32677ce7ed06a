//! `GET /api/v1/audit`.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Persona, TestApp, ToolBuilder};

use crate::walk::{texts, walk};

/// Alice stores and deletes secrets, makes and revokes a key; the member uses a secret.
async fn busy(app: &TestApp, alice: &Persona) {
    app.upstream().on("*", json!({}));
    alice.stores_secret("FIRST", "a-value-of-some-length").await;
    alice
        .stores_secret("SECOND", "another-value-of-some-length")
        .await;
    let auth = json!({ "method": "bearer", "secret_ref": "${FIRST}" });
    let tool = alice.registers(ToolBuilder::get("/x").auth(auth)).await;
    for _ in 0..3 {
        let done = app.member().executes(&tool, json!({})).await;
        assert_eq!(done.status(), 200, "{}", done.text());
    }
    let key = json!({ "name": "ci", "role": "viewer" });
    let key = alice.post("/api/v1/workspaces/a/keys", &key).await.json();
    let key = format!("/api/v1/workspaces/a/keys/{}", key["id"].as_str().unwrap());
    assert_eq!(alice.delete(&key).await.status(), 204);
    assert_eq!(alice.delete("/api/v1/secrets/SECOND").await.status(), 204);
}

const ACTIONS: [&str; 9] = [
    "secret.delete",
    "key.revoke",
    "key.create",
    "secret.use",
    "secret.use",
    "secret.use",
    "secret.bind",
    "secret.create",
    "secret.create",
];

#[tokio::test]
async fn tells_admins_who_did_what_newest_first() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    busy(&app, &alice).await;
    bob.stores_secret("BOBS", "a-value-of-bob").await;
    for limit in [1, 2, 4, 50] {
        let walked = walk(&app.admin(), "/api/v1/audit", "entries", limit).await;
        assert_eq!(texts(&walked, "action"), ACTIONS, "{limit} at a time");
    }
    let listed = alice.get("/api/v1/audit").await.json();
    assert_eq!(
        listed["workspace_id"],
        alice.workspace_id().to_string().as_str()
    );
    let used = &listed["entries"][3];
    assert_eq!(used["actor"], app.member().user_id().to_string().as_str());
    assert_eq!(used["subject_kind"], "secret");
    assert_eq!(used["subject"], "FIRST");
    assert_eq!(used["detail"]["tool_id"], "get_x");
    assert_eq!(used.get("seq"), None, "not linked yet: {used}");
    app.sweeps().await;
    let listed = alice.get("/api/v1/audit").await.json();
    let newest = &listed["entries"][0];
    assert_eq!(newest["seq"], 9, "{newest}");
    assert_eq!(newest["previous"], listed["entries"][1]["hash"]);
    assert_eq!(listed["entries"][8].get("previous"), None);
    assert!(!listed.to_string().contains("value"), "{listed}");
    for other in [app.member(), app.viewer()] {
        assert_eq!(other.get("/api/v1/audit").await.status(), 403);
    }
    let of_bob = bob.get("/api/v1/audit").await.json();
    assert_eq!(
        texts(of_bob["entries"].as_array().unwrap(), "subject"),
        ["BOBS"]
    );
}

#[tokio::test]
async fn is_filtered_by_what_whom_and_when() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    busy(&app, &alice).await;
    let all = alice.get("/api/v1/audit").await.json();
    let at = |n: usize| all["entries"][n]["at"].as_str().unwrap().to_owned();
    let (member, own) = (app.member().user_id(), alice.user_id());
    for (query, expected) in [
        ("action=secret.use".to_owned(), vec![3, 4, 5]),
        ("subject=SECOND".to_owned(), vec![0, 7]),
        (format!("actor={member}"), vec![3, 4, 5]),
        ("action=secret.create&subject=FIRST".to_owned(), vec![8]),
        (format!("action=secret.create&actor={member}"), vec![]),
        (format!("subject=FIRST&actor={own}"), vec![6, 8]),
        (
            format!("action=secret.bind&subject=FIRST&actor={own}"),
            vec![6],
        ),
        (format!("from={}", at(2)), vec![0, 1, 2]),
        (format!("to={}", at(6)), vec![7, 8]),
        (
            format!("from={}&to={}&action=secret.use", at(5), at(4)),
            vec![5],
        ),
    ] {
        let found = walk(&alice, &format!("/api/v1/audit?{query}"), "entries", 2).await;
        let expected: Vec<Value> = expected
            .into_iter()
            .map(|n: usize| all["entries"][n].clone())
            .collect();
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn malformed_questions_are_refused() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    for bad in [
        "limit=0",
        "limit=201",
        "actor=alice",
        "from=yesterday",
        "to=2026-01-31",
        "acton=secret.use",
        "action=a&action=b",
        "cursor=AAAA",
        "action=%00",
    ] {
        let answer = alice.get(&format!("/api/v1/audit?{bad}")).await;
        assert_eq!(answer.status(), 400, "{bad}: {}", answer.text());
    }
    let hinted = alice.get("/api/v1/audit?acton=secret.use").await.text();
    assert!(hinted.contains("did you mean"), "{hinted}");
}

#[tokio::test]
async fn nothing_in_it_can_be_changed() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    alice.stores_secret("FIRST", "a-value-of-some-length").await;
    app.sweeps().await;
    let before = alice.get("/api/v1/audit").await.text();
    for method in [Method::DELETE, Method::PUT, Method::PATCH, Method::POST] {
        for path in ["/api/v1/audit", "/api/v1/audit/verify"] {
            let request = alice
                .request(method.clone(), path)
                .header("content-type", "application/json");
            let answer = alice.send(request.body("{}")).await;
            assert_eq!(answer.status(), 405, "{method} {path}: {}", answer.text());
        }
        let answer = alice
            .send(alice.request(method.clone(), "/api/v1/audit/1"))
            .await;
        assert_eq!(answer.status(), 404, "{method}: {}", answer.text());
    }
    assert_eq!(alice.get("/api/v1/audit").await.text(), before);
}
