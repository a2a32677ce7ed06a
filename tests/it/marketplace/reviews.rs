//! `POST`, `GET` and `DELETE /api/v1/marketplace/{tool_id}/reviews`.

use serde_json::json;
use testkit::{Persona, TestApp, ToolBuilder};

use super::{as_person, installs, publishes, reviews, revises, runs};

const REVIEWS: &str = "/api/v1/marketplace/b_free/reviews";

/// Published by bob, installed and run in alice's workspace, which has several people.
async fn run_once() -> (TestApp, Persona, Persona, testkit::RegisteredTool) {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("/x", json!({}));
    let tool = bob
        .registers(
            ToolBuilder::get("/x")
                .id("free")
                .set("/description", "Does something."),
        )
        .await;
    publishes(&bob, "free").await;
    assert_eq!(installs(&alice, "b_free", &json!({})).await.status(), 201);
    assert_eq!(runs(&alice, "free", json!({})).await.status(), 200);
    (app, alice, bob, tool)
}

#[tokio::test]
async fn there_is_one_a_person_which_can_be_changed_and_taken_back() {
    let (app, alice, _, _) = run_once().await;
    let member = app.member();
    let first = reviews(&alice, "b_free", &json!({ "rating": 1, "text": "Slow." }))
        .await
        .json();
    assert_eq!(
        reviews(&member, "b_free", &json!({ "rating": 4 }))
            .await
            .status(),
        200
    );
    let second = reviews(
        &alice,
        "b_free",
        &json!({ "rating": 5, "text": "Fast now." }),
    )
    .await
    .json();
    assert_eq!(second["id"], first["id"]);
    let listed = alice.get(REVIEWS).await.json();
    let told: Vec<_> = listed["reviews"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["rating"].clone(), it["text"].clone()))
        .collect();
    assert_eq!(
        told,
        [(json!(4), json!("")), (json!(5), json!("Fast now."))]
    );
    for hidden in [
        alice.user_id().to_string(),
        member.user_id().to_string(),
        alice.workspace_id().to_string(),
    ] {
        assert!(!listed.to_string().contains(&hidden), "{listed}");
    }
    let rating =
        async || app.anon().get("/api/v1/marketplace/b_free").await.json()["rating"].clone();
    assert_eq!(
        rating().await,
        json!({ "average": 4.5, "reviews": 2, "score": 3.79 })
    );
    assert_eq!(alice.delete(REVIEWS).await.status(), 204);
    assert_eq!(alice.delete(REVIEWS).await.status(), 404);
    assert_eq!(rating().await["reviews"], 1);
    let page = alice.get(&format!("{REVIEWS}?limit=1")).await.json();
    assert_eq!(page["reviews"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn only_who_ran_this_version_with_success_says_something() {
    let (app, alice, bob, tool) = run_once().await;
    let five = json!({ "rating": 5 });
    // The publisher's people do not, in whatever workspace they act.
    assert_eq!(
        reviews(&bob, "b_free", &five).await.code(),
        "review_refused"
    );
    app.sql(&format!(
        "insert into identity.memberships (workspace_id, user_id, role) values ('{}', '{}', 'admin')",
        bob.workspace_id(), alice.user_id()
    ));
    let at_a = alice
        .request(reqwest::Method::POST, REVIEWS)
        .header("x-workspace-id", "a")
        .header("content-type", "application/json")
        .body(five.to_string());
    assert_eq!(alice.send(at_a).await.code(), "review_refused");
    // A failed run is none, and neither is that of another version.
    let member = app.member();
    let mut next = tool.document.clone();
    next["api"]["path"] = "/broken".into();
    revises(&bob, &tool, &next).await;
    publishes(&bob, "free").await;
    let admin = app.admin();
    let stands = admin.get("/api/v1/installs/tool/free").await.json();
    let body = json!({ "hash": stands["latest"]["hash"], "accept": true });
    let updated = admin.post("/api/v1/installs/tool/free/update", &body).await;
    assert_eq!(updated.status(), 200, "{}", updated.text());
    assert_eq!(
        reviews(&member, "b_free", &five).await.code(),
        "review_refused"
    );
    app.upstream()
        .on("/broken", testkit::Answer::json(&json!({})).status(500));
    assert_eq!(runs(&member, "free", json!({})).await.status(), 500);
    assert_eq!(
        reviews(&member, "b_free", &five).await.code(),
        "review_refused"
    );
    app.upstream().on("/broken", json!({}));
    assert_eq!(runs(&member, "free", json!({})).await.status(), 200);
    assert_eq!(reviews(&member, "b_free", &five).await.json()["version"], 2);
    // Past the API neither.
    for statement in [
        "insert into registry.reviews (publication_id, workspace_id, version, hash, rating)
         select p.id, p.workspace_id, 1, p.hash, 5 from catalog.publications p",
        "update registry.reviews set rating = 1",
        "select user_id from registry.reviews",
    ] {
        let forced = as_person(&app, &bob, statement);
        assert!(forced.contains("permission denied"), "{forced}");
    }
    // What was said can be changed later too, and taken back also when nothing is public any more.
    assert_eq!(admin.delete("/api/v1/tools/saved/free").await.status(), 204);
    assert_eq!(
        reviews(&admin, "b_free", &five).await.code(),
        "review_refused"
    );
    let four = json!({ "rating": 4, "text": "Less than before." });
    let changed = reviews(&member, "b_free", &four).await;
    assert_eq!(changed.status(), 200, "{}", changed.text());
    assert_eq!(changed.json()["version"], 2);
    let withdrawn = bob.delete("/api/v1/tools/free/publish").await;
    assert_eq!(withdrawn.status(), 204);
    assert_eq!(member.delete(REVIEWS).await.status(), 204);
}

#[tokio::test]
async fn what_is_said_wrongly_is_told() {
    let (app, alice, _, _) = run_once().await;
    for (body, pointer) in [
        (json!({}), "/rating"),
        (json!({ "rating": 0 }), "/rating"),
        (json!({ "rating": 6 }), "/rating"),
        (json!({ "rating": 4.5 }), "/rating"),
        (json!({ "rating": 5, "text": "a".repeat(4_001) }), "/text"),
        (json!({ "rating": 5, "text": "a\u{202e}b" }), "/text"),
        (json!({ "rating": 5, "texts": "" }), "/texts"),
    ] {
        let refused = reviews(&alice, "b_free", &body).await;
        assert_eq!(refused.status(), 400, "{}", refused.text());
        assert_eq!(
            refused.json()["errors"][0]["pointer"],
            pointer,
            "{}",
            refused.text()
        );
    }
    assert_eq!(
        reviews(&alice, "none", &json!({ "rating": 5 }))
            .await
            .code(),
        "publication_not_found"
    );
    assert_eq!(
        reviews(&app.viewer(), "b_free", &json!({ "rating": 5 }))
            .await
            .code(),
        "role_required"
    );
    assert_eq!(app.anon().get(REVIEWS).await.status(), 401);
}
