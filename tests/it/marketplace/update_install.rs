//! `POST /api/v1/installs/{kind}/{tool_id}/update`.

use serde_json::{Value, json};
use testkit::{Persona, RegisteredTool, Response, TestApp};

use super::{faults, installs, publishes, quote, revises, runs};

const PATH: &str = "/api/v1/installs/tool/quote";

async fn updates(who: &Persona, body: &Value) -> Response {
    who.post(&format!("{PATH}/update"), body).await
}

/// Installed by bob; then its publisher changes it and publishes it again.
async fn changed(change: impl Fn(&mut Value)) -> (TestApp, Persona, Persona, RegisteredTool) {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("/quote", json!({ "price": 1 }));
    let tool = alice.registers(quote()).await;
    publishes(&alice, "quote").await;
    assert_eq!(installs(&bob, "a_quote", &json!({})).await.status(), 201);
    bob.stores_secret("API_KEY", super::SECRET).await;
    let mut next = tool.document.clone();
    change(&mut next);
    revises(&alice, &tool, &next).await;
    publishes(&alice, "quote").await;
    (app, alice, bob, tool)
}

async fn latest(who: &Persona) -> String {
    let stands = who.get(PATH).await.json();
    stands["latest"]["hash"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn another_host_is_refused_until_it_is_accepted_and_gets_no_secret_by_that() {
    let (app, _, bob, _) = changed(|next| {
        next["api"]["base_url"] = "https://evil.example".into();
    })
    .await;
    let own = bob.get("/api/v1/tools/saved/quote/versions").await.json();
    let stands = bob.get(PATH).await.json();
    let changes: Vec<_> = stands["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it["kind"].as_str().unwrap().to_owned(),
                it["must_be_accepted"].as_bool().unwrap(),
            )
        })
        .collect();
    assert!(
        changes.contains(&("host_added".to_owned(), true)),
        "{changes:?}"
    );
    let hash = latest(&bob).await;
    let refused = updates(&bob, &json!({ "hash": hash })).await;
    assert_eq!(
        (refused.status().as_u16(), refused.code()),
        (409, "changes_unaccepted".to_owned())
    );
    assert_eq!(
        faults(&refused),
        [
            ("/accept".to_owned(), "host_added".to_owned()),
            ("/accept".to_owned(), "request_changed".to_owned()),
            ("/accept".to_owned(), "secret_host_added".to_owned()),
        ]
    );
    assert!(refused.text().contains("evil.example"));
    assert_eq!(
        bob.get("/api/v1/tools/saved/quote/versions").await.json(),
        own
    );
    let ran = runs(&bob, "quote", json!({ "symbol": "A" })).await;
    assert_eq!(ran.status(), 200, "{}", ran.text());
    // Accepted, it is installed; the secret's hosts are another matter.
    let updated = updates(&bob, &json!({ "hash": hash, "accept": true })).await;
    assert_eq!(updated.status(), 200, "{}", updated.text());
    assert_eq!(updated.json()["version"], 2);
    let asked = app.upstream().connections();
    let ran = runs(&bob, "quote", json!({ "symbol": "A" })).await;
    assert_eq!(ran.code(), "egress_blocked");
    assert_eq!(app.upstream().connections(), asked);
    let audit = bob
        .get("/api/v1/audit?action=publication.update")
        .await
        .json();
    assert_eq!(
        audit["entries"][0]["detail"]["accepted"][0],
        json!(["host_added", "evil.example"])
    );
}

#[tokio::test]
async fn what_must_be_accepted_is_told_by_its_kind() {
    type Change = fn(&mut Value);
    let cases: [(Change, &[&str]); 6] = [
        (
            |next| next["api"]["headers"] = json!({ "X-More": "${SECOND}" }),
            &["request_changed", "secret_added"],
        ),
        (
            |next| next["api"]["method"] = "DELETE".into(),
            &[
                "effects_worse",
                "effects_worse",
                "method_added",
                "request_changed",
            ],
        ),
        (
            |next| next["description"] = "Something else.".into(),
            &["text_changed"],
        ),
        (
            |next| next["input_schema"]["required"] = json!(["symbol", "day"]),
            &["input_broken"],
        ),
        (
            |next| next["output_schema"]["required"] = json!([]),
            &["output_broken"],
        ),
        (
            |next| next["api"]["connection_vars"] = json!({ "a": "b" }),
            &["request_changed", "variable_added"],
        ),
    ];
    for (change, expected) in cases {
        let (_app, _, bob, _) = changed(change).await;
        let hash = latest(&bob).await;
        let refused = updates(&bob, &json!({ "hash": hash })).await;
        let mut codes: Vec<String> = faults(&refused).into_iter().map(|(_, code)| code).collect();
        codes.sort();
        assert_eq!(codes, expected, "{}", refused.text());
        let updated = updates(&bob, &json!({ "hash": hash, "accept": true })).await;
        assert_eq!(updated.status(), 200, "{}", updated.text());
    }
}

#[tokio::test]
async fn a_harmless_change_needs_no_acceptance_but_an_admin_and_the_hash() {
    let (app, alice, bob, tool) = changed(|next| next["api"]["timeout_ms"] = 1_000.into()).await;
    let hash = latest(&bob).await;
    assert_eq!(bob.get(PATH).await.json()["changes"], json!([]));
    let missing = updates(&bob, &json!({})).await;
    assert_eq!(missing.json()["errors"][0]["pointer"], "/hash");
    let stale = updates(&bob, &json!({ "hash": "0".repeat(64) })).await;
    assert_eq!(stale.code(), "version_conflict");
    let updated = updates(&bob, &json!({ "hash": hash })).await;
    assert_eq!(updated.status(), 200, "{}", updated.text());
    assert_eq!(updated.json()["local_version"], 2);
    // Again: it is what it is.
    let again = updates(&bob, &json!({ "hash": hash })).await.json();
    assert_eq!(
        (&again["local_version"], &again["update_available"]),
        (&json!(2), &json!(false))
    );
    // A publisher that goes back and forth is followed.
    revises(&alice, &tool, &tool.document).await;
    publishes(&alice, "quote").await;
    let hash = latest(&bob).await;
    let back = updates(&bob, &json!({ "hash": hash })).await.json();
    assert_eq!(back["local_version"], 3);
    let versions = bob.get("/api/v1/tools/saved/quote/versions").await.json();
    assert_eq!(versions["versions"].as_array().unwrap().len(), 3);
    assert_eq!(
        app.anon().get("/api/v1/marketplace/a_quote").await.json()["installs"],
        1
    );
}

#[tokio::test]
async fn bindings_stay_through_an_update() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("/eu/quote", json!({ "price": 1 }));
    let document = quote().set("/api/path", "/{region}/quote").set(
        "/api/connection_vars",
        json!({ "region": { "enum": ["eu", "us"] } }),
    );
    let tool = alice.registers(document).await;
    publishes(&alice, "quote").await;
    let body = json!({ "secrets": { "API_KEY": "MINE" }, "variables": { "region": "eu" } });
    installs(&bob, "a_quote", &body).await;
    bob.stores_secret("MINE", super::SECRET).await;
    let mut next = tool.document.clone();
    next["api"]["headers"] = json!({ "X-More": "${SECOND}" });
    revises(&alice, &tool, &next).await;
    publishes(&alice, "quote").await;
    let stands = bob.get(PATH).await.json();
    assert_eq!(stands["changes"][0]["kind"], "secret_added");
    let body = json!({ "hash": stands["latest"]["hash"], "accept": true, "secrets": { "SECOND": "MINE_TOO" } });
    let updated = updates(&bob, &body).await.json();
    assert_eq!(
        updated["bindings"]["secrets"],
        json!({ "API_KEY": "MINE", "SECOND": "MINE_TOO" })
    );
    bob.stores_secret("MINE_TOO", "another-value-of-some-length")
        .await;
    let ran = runs(&bob, "quote", json!({ "symbol": "A" })).await;
    assert_eq!(ran.status(), 200, "{}", ran.text());
    let sent = app.upstream().last_request();
    assert_eq!(sent.header("x-more"), Some("another-value-of-some-length"));
    // What is needed no longer is bound no longer.
    revises(&alice, &tool, &tool.document).await;
    publishes(&alice, "quote").await;
    let hash = latest(&bob).await;
    let updated = updates(&bob, &json!({ "hash": hash, "accept": true }))
        .await
        .json();
    assert_eq!(updated["bindings"]["secrets"], json!({ "API_KEY": "MINE" }));
}

/// Members bind; content is for admins, by the table of rights and by the database.
#[tokio::test]
async fn a_member_does_not_take_another_content() {
    let (app, _alice, bob) = TestApp::with_two_workspaces().await;
    let tool = bob.registers(quote()).await;
    publishes(&bob, "quote").await;
    let member = app.member();
    assert_eq!(installs(&member, "b_quote", &json!({})).await.status(), 201);
    let mut next = tool.document.clone();
    next["api"]["timeout_ms"] = 1_000.into();
    revises(&bob, &tool, &next).await;
    publishes(&bob, "quote").await;
    let hash = latest(&member).await;
    assert_eq!(
        updates(&member, &json!({ "hash": hash })).await.code(),
        "role_required"
    );
    assert_eq!(
        updates(&app.admin(), &json!({ "hash": hash }))
            .await
            .status(),
        200
    );
}

/// After a purge its slug is free; who takes it is somebody else.
#[tokio::test]
async fn another_publication_under_the_same_public_id_is_no_update() {
    let (app, _, bob, _) = changed(|next| next["description"] = "Another text.".into()).await;
    app.sql("delete from catalog.publications");
    let impostor = app.admin();
    let document = quote().document("https://evil.example");
    let path = "/api/v1/tools/saved/quote";
    assert_eq!(impostor.put(path, &document).await.status(), 200);
    let published = publishes(&impostor, "quote").await;
    assert_eq!(published["id"], "a_quote");
    let stands = bob.get(PATH).await.json();
    assert_eq!(stands["update_available"], false);
    let body = json!({ "hash": published["hash"], "accept": true });
    assert_eq!(updates(&bob, &body).await.code(), "publication_withdrawn");
}
