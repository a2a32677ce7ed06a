//! `PUT /api/v1/flows/{flow_id}`.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Persona, Response, TestApp};

use super::{BRIEF, brief, saved, with, with_tools};

async fn revise_if(persona: &Persona, tag: &str, document: &Value) -> Response {
    let request = persona
        .request(Method::PUT, BRIEF)
        .header("content-type", "application/json")
        .header("if-match", tag)
        .body(document.to_string());
    persona.send(request).await
}

#[tokio::test]
async fn each_change_is_a_version() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    let first = saved(&alice, &brief()).await.json();
    let member = app.member();
    let document = with("description", "Number 2");
    let done = member.put(BRIEF, &document).await;
    assert_eq!(done.status(), 200, "{}", done.text());
    let view = done.json();
    assert_eq!(
        (&view["version"], &view["definition"]),
        (&json!(2), &document)
    );
    assert_eq!(view["created_by"], alice.user_id().to_string());
    assert_eq!(view["updated_by"], member.user_id().to_string());
    assert_eq!(view["created_at"], first["created_at"]);
    assert_ne!(view["hash"], first["hash"]);
    // The same again makes no version.
    assert_eq!(alice.put(BRIEF, &document).await.json()["version"], 2);

    for response in [
        bob.put(BRIEF, &brief()).await,
        alice
            .put(
                "/api/v1/flows/none",
                &json!({ "name": "none", "steps": [{ "id": "a", "transform": 1 }] }),
            )
            .await,
    ] {
        assert_eq!(
            (response.status().as_u16(), response.code().as_str()),
            (404, "flow_not_found"),
            "{}",
            response.text()
        );
    }
    assert_eq!(app.viewer().put(BRIEF, &brief()).await.status(), 403);
    let faulty = alice.put(BRIEF, &with("steps", json!([]))).await;
    assert_eq!(
        (faulty.status().as_u16(), faulty.code().as_str()),
        (400, "invalid_flow")
    );
}

#[tokio::test]
async fn a_change_to_a_version_that_was_replaced_is_a_conflict() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    let made = saved(&alice, &brief()).await;
    let tag = made.header("etag").unwrap();
    let faster = revise_if(&app.member(), tag, &with("description", "Faster")).await;
    assert_eq!(faster.status(), 200, "{}", faster.text());
    let late = revise_if(&alice, tag, &with("description", "Too late")).await;
    assert_eq!(
        (late.status().as_u16(), late.code().as_str()),
        (409, "version_conflict")
    );
    let current = json!({ "version": 2, "hash": faster.json()["hash"] });
    assert_eq!(late.json()["current"], current);

    let tag = faster.header("etag").unwrap();
    let (mine, theirs) = (with("description", "Mine"), with("description", "Theirs"));
    let member = app.member();
    let (one, other) = tokio::join!(
        revise_if(&alice, tag, &mine),
        revise_if(&member, tag, &theirs)
    );
    let mut statuses = [one.status().as_u16(), other.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", one.text(), other.text());
}

#[tokio::test]
async fn the_id_stays() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    with_tools(&alice).await;
    saved(&alice, &brief()).await;
    let renamed = alice.put(BRIEF, &with("id", "another")).await;
    assert_eq!(renamed.status(), 400, "{}", renamed.text());
    let fault = &renamed.json()["errors"][0];
    assert_eq!(
        (&fault["pointer"], &fault["code"]),
        (&json!("/id"), &json!("id_changed"))
    );
    let mut anonymous = with("name", "Another name");
    anonymous.as_object_mut().unwrap().remove("id");
    let kept = alice.put(BRIEF, &anonymous).await;
    assert_eq!(kept.json()["flow_id"], "ticker_brief", "{}", kept.text());
}
