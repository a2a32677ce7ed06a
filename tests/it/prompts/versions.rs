//! `PUT /api/v1/prompts/{prompt_id}`, its versions and restoring one of them.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Persona, Response, TestApp};

use super::{saved, told, weather, with};
use crate::walk::walk;

const PATH: &str = "/api/v1/prompts/weather_report";

async fn revise_if(persona: &Persona, tag: &str, document: &Value) -> Response {
    let request = persona
        .request(Method::PUT, PATH)
        .header("content-type", "application/json")
        .header("if-match", tag)
        .body(document.to_string());
    persona.send(request).await
}

#[tokio::test]
async fn each_change_is_a_version_that_can_come_back() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let member = app.member();
    let first = saved(&alice, &weather()).await.json();
    for number in 2..=5 {
        let document = with("description", format!("Number {number}"));
        let done = member.put(PATH, &document).await;
        assert_eq!(done.status(), 200, "{}", done.text());
        assert_eq!(done.json()["version"], number);
        assert_eq!(done.json()["updated_by"], member.user_id().to_string());
        assert_eq!(done.json()["created_by"], alice.user_id().to_string());
        // The same again makes no version, however it is spelt.
        assert_eq!(alice.put(PATH, &document).await.json()["version"], number);
    }
    let path = format!("{PATH}/versions");
    let history = walk(&app.viewer(), &path, "versions", 2).await;
    let numbers: Vec<_> = history
        .iter()
        .map(|version| version["version"].clone())
        .collect();
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
    assert_eq!(history[4]["prompt"], weather());
    assert_eq!(history[4]["hash"], first["hash"]);
    assert_eq!(bob.get(&path).await.status(), 404);

    let back = member.post(&format!("{path}/1/restore"), &json!({})).await;
    assert_eq!(back.status(), 200, "{}", back.text());
    assert_eq!(back.json()["version"], 6);
    assert_eq!(back.json()["hash"], first["hash"]);
    assert_eq!(alice.get(PATH).await.json()["prompt"], weather());
    for n in ["0", "-1", "7", "one", "99999999999"] {
        let missing = alice.post(&format!("{path}/{n}/restore"), &json!({})).await;
        assert_eq!(missing.status(), 404, "{n}: {}", missing.text());
    }
    let theirs = bob.post(&format!("{path}/1/restore"), &json!({})).await;
    assert_eq!(theirs.status(), 404);
}

#[tokio::test]
async fn a_change_to_a_version_that_was_replaced_is_a_conflict() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tag = saved(&alice, &weather())
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    let faster = revise_if(&app.member(), &tag, &with("description", "Faster")).await;
    assert_eq!(faster.status(), 200, "{}", faster.text());
    let late = revise_if(&alice, &tag, &with("description", "Too late")).await;
    assert_eq!(late.status(), 409, "{}", late.text());
    assert_eq!(late.code(), "version_conflict");
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
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    saved(&alice, &weather()).await;
    let renamed = alice.put(PATH, &with("id", "another")).await;
    assert_eq!(renamed.status(), 400, "{}", renamed.text());
    assert_eq!(
        told(&renamed),
        [("/id".to_owned(), "id_changed".to_owned())]
    );
    let mut anonymous = with("name", "Another name");
    anonymous.as_object_mut().unwrap().remove("id");
    let kept = alice.put(PATH, &anonymous).await;
    assert_eq!(kept.json()["id"], "weather_report", "{}", kept.text());
    assert_eq!(bob.put(PATH, &anonymous).await.status(), 404);
}
