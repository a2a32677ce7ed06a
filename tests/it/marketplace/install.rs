//! `POST /api/v1/marketplace/{tool_id}/install`, and what is installed.

use serde_json::{Value, json};
use testkit::{TestApp, ToolBuilder};

use super::{as_person, faults, installs, publishes, quote, revises, runs};

#[tokio::test]
async fn a_copy_stays_what_it_was_whatever_its_publisher_does() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("/quote", json!({ "price": 1 }));
    app.upstream().on("/other", json!({ "price": 2 }));
    let tool = alice
        .registers(quote().auth(json!({ "method": "none" })))
        .await;
    publishes(&alice, "quote").await;
    let installed = installs(&bob, "a_quote", &json!({})).await.json();
    let before = bob.get("/api/v1/tools/quote").await.json();
    let mut next = tool.document.clone();
    next["api"]["path"] = "/other".into();
    next["description"] = "Another thing entirely.".into();
    revises(&alice, &tool, &next).await;
    publishes(&alice, "quote").await;
    assert_eq!(bob.get("/api/v1/tools/quote").await.json(), before);
    let ran = runs(&bob, "quote", json!({ "symbol": "A" })).await;
    assert_eq!(ran.json()["output"], json!({ "price": 1 }));
    let stands = bob.get("/api/v1/installs/tool/quote").await.json();
    assert_eq!(stands["hash"], installed["hash"]);
    assert_eq!(stands["update_available"], true);
    assert_eq!(stands["latest"]["version"], 2);
    let changes = stands["changes"].as_array().unwrap();
    let kinds: Vec<_> = changes
        .iter()
        .map(|it| it["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["text_changed", "request_changed"]);
    // The publisher's tool may even go.
    assert_eq!(alice.delete(&tool.saved_path()).await.status(), 204);
    assert_eq!(
        runs(&bob, "quote", json!({ "symbol": "A" })).await.status(),
        200
    );
}

#[tokio::test]
async fn nobody_edits_a_copy_by_hand() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    alice.registers(quote()).await;
    publishes(&alice, "quote").await;
    installs(&bob, "a_quote", &json!({})).await;
    let document = bob.get("/api/v1/tools/saved").await.json()["tools"][0]["config"].clone();
    let path = "/api/v1/tools/saved/quote";
    let same = bob.put(path, &document).await;
    assert_eq!(same.status(), 200, "{}", same.text());
    let mut edited = document.clone();
    edited["api"]["base_url"] = "https://evil.example".into();
    let refused = bob.put(path, &edited).await;
    assert_eq!(
        (refused.status().as_u16(), refused.code()),
        (409, "installed_copy".to_owned())
    );
    // Past the API neither: not by another hash, not by another version that says it is the same, not through the install.
    for statement in [
        "update catalog.tools set hash = repeat('b', 64) where id = 'quote'",
        "insert into catalog.tool_versions (workspace_id, tool_id, version, hash, document)
         select t.workspace_id, t.id, 99, t.hash, '{}' from catalog.tools t where t.id = 'quote';
         update catalog.tools set version = 99 where id = 'quote'",
    ] {
        let refused = as_person(&app, &bob, statement);
        assert!(refused.contains("pinned"), "{refused}");
    }
    for statement in [
        "update catalog.installs set local_hash = repeat('b', 64)",
        "update catalog.installs set publication_id = null",
        "delete from catalog.installs",
        "insert into catalog.installs (workspace_id, kind, tool_id, version, hash)
         select i.workspace_id, 'prompt', 'x', 1, i.hash from catalog.installs i",
        "update catalog.publications set installs = 0",
        "update catalog.publications set needs = '{}'",
    ] {
        let refused = as_person(&app, &bob, statement);
        assert!(
            refused.contains("permission denied"),
            "{statement}: {refused}"
        );
    }
    // Taken out of use and saved anew, it is the workspace's own.
    assert_eq!(bob.delete(path).await.status(), 204);
    assert_eq!(
        bob.get("/api/v1/installs").await.json()["installs"],
        json!([])
    );
    let own = bob.post("/api/v1/tools", &edited).await;
    assert_eq!(own.status(), 201, "{}", own.text());
    assert_eq!(
        app.anon().get("/api/v1/marketplace/a_quote").await.json()["installs"],
        0
    );
    // What was installed is not one's own to publish.
    installs(&bob, "a_quote", &json!({ "id": "quote2" })).await;
    let refused = bob.post("/api/v1/tools/quote2/publish", &json!({})).await;
    assert_eq!(
        faults(&refused),
        [(String::new(), "installed_copy".to_owned())]
    );
}

#[tokio::test]
async fn ids_that_would_be_mistaken_for_each_other_do_not_stand_side_by_side() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    alice
        .registers(
            ToolBuilder::get("/x")
                .id("send-email")
                .set("/description", "Sends an e-mail."),
        )
        .await;
    publishes(&alice, "send-email").await;
    bob.registers(ToolBuilder::get("/x").id("send_email")).await;
    let installed = installs(&bob, "a_send-email", &json!({})).await.json();
    assert_eq!(installed["tool_id"], "a_send-email");
    let listed = bob.get("/api/v1/tools?format=mcp").await.json();
    let names: Vec<_> = listed["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap().to_owned())
        .collect();
    let mut once = names.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), names.len());
    // A second copy gets a number, and the workspace counts once.
    let twice = installs(&bob, "a_send-email", &json!({})).await.json();
    assert_eq!(twice["tool_id"], "a_send-email_2");
    let count =
        async || bob.get("/api/v1/marketplace/a_send-email").await.json()["installs"].clone();
    assert_eq!(count().await, 1);
    let path = "/api/v1/tools/saved/a_send-email";
    assert_eq!(bob.delete(path).await.status(), 204);
    assert_eq!(count().await, 1);
    // An id that is asked for and looks like another.
    for id in ["sendemail", "send_email", "calculate"] {
        let refused = installs(&bob, "a_send-email", &json!({ "id": id })).await;
        assert_eq!(refused.status(), 409, "{id}: {}", refused.text());
    }
    for id in ["Not an id", "saved", ""] {
        let refused = installs(&bob, "a_send-email", &json!({ "id": id })).await;
        assert_eq!(
            refused.json()["errors"][0]["pointer"],
            "/id",
            "{}",
            refused.text()
        );
    }
    let own = installs(&alice, "a_send-email", &json!({ "id": "mine" })).await;
    assert_eq!(own.code(), "own_publication");
}

#[tokio::test]
async fn another_content_than_the_one_that_was_read_is_not_installed() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(quote()).await;
    let read = publishes(&alice, "quote").await;
    let mut next = tool.document.clone();
    next["description"] = "Another description.".into();
    revises(&alice, &tool, &next).await;
    let now = publishes(&alice, "quote").await;
    let refused = installs(&bob, "a_quote", &json!({ "hash": read["hash"] })).await;
    assert_eq!(
        (refused.status().as_u16(), refused.code()),
        (409, "version_conflict".to_owned())
    );
    assert_eq!(refused.json()["current"]["hash"], now["hash"]);
    assert_eq!(bob.get("/api/v1/tools/quote").await.status(), 404);
}

#[tokio::test]
async fn bindings_are_checked_and_can_be_changed() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("/eu/quote", json!({ "price": 1 }));
    app.upstream().on("/us/quote", json!({ "price": 2 }));
    let tool = quote().set("/api/path", "/{region}/quote").set(
        "/api/connection_vars",
        json!({ "region": { "enum": ["eu", "us"] } }),
    );
    alice.registers(tool).await;
    publishes(&alice, "quote").await;
    for (body, pointer) in [
        (json!({ "secrets": { "NONE": "A_KEY" } }), "/secrets/NONE"),
        (
            json!({ "secrets": { "API_KEY": "no name" } }),
            "/secrets/API_KEY",
        ),
        (json!({ "variables": { "place": "x" } }), "/variables/place"),
        (
            json!({ "variables": { "region": "mars" } }),
            "/variables/region",
        ),
        (json!({ "secrets": ["API_KEY"] }), "/secrets"),
        (json!({ "other": 1 }), "/other"),
    ] {
        let refused = installs(&bob, "a_quote", &body).await;
        assert_eq!(refused.status(), 400, "{body}: {}", refused.text());
        assert_eq!(
            refused.json()["errors"][0]["pointer"],
            pointer,
            "{}",
            refused.text()
        );
    }
    assert_eq!(
        bob.get("/api/v1/installs").await.json()["installs"],
        json!([])
    );
    let installed = installs(&bob, "a_quote", &json!({})).await.json();
    assert_eq!(installed["ready"], false);
    assert_eq!(
        installed["needs"]["variables"][0]["enum"],
        json!(["eu", "us"])
    );
    let path = "/api/v1/installs/tool/quote";
    let body = json!({ "secrets": { "API_KEY": "MINE" }, "variables": { "region": "us" } });
    let bound = bob.patch(path, &body).await;
    assert_eq!(bound.status(), 200, "{}", bound.text());
    bob.stores_secret("MINE", super::SECRET).await;
    let ran = runs(&bob, "quote", json!({ "symbol": "A" })).await;
    assert_eq!(
        ran.json()["output"],
        json!({ "price": 2 }),
        "{}",
        ran.text()
    );
    let body = json!({ "variables": { "region": "eu" } });
    let bound = bob.patch(path, &body).await.json();
    assert_eq!(
        (&bound["ready"], &bound["hash"]),
        (&json!(true), &installed["hash"])
    );
    assert_eq!(
        bound["bindings"],
        json!({ "secrets": { "API_KEY": "MINE" }, "variables": { "region": "eu" } })
    );
    let ran = runs(&bob, "quote", json!({ "symbol": "A" })).await;
    assert_eq!(
        ran.json()["output"],
        json!({ "price": 1 }),
        "{}",
        ran.text()
    );
    for (body, pointer) in [
        (json!({}), "/secrets"),
        (
            json!({ "variables": { "region": "mars" } }),
            "/variables/region",
        ),
    ] {
        let refused = bob.patch(path, &body).await;
        assert_eq!(
            refused.json()["errors"][0]["pointer"],
            pointer,
            "{}",
            refused.text()
        );
    }
    let missing = bob
        .patch(
            "/api/v1/installs/tool/none",
            &json!({ "variables": { "a": "b" } }),
        )
        .await;
    assert_eq!(missing.code(), "tool_not_found");
}

/// The secret of an installed tool goes nowhere but where an admin let it.
#[tokio::test]
async fn a_members_install_sends_a_secret_nowhere_by_itself() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("/quote", json!({ "price": 1 }));
    bob.registers(quote()).await;
    publishes(&bob, "quote").await;
    let member = app.member();
    let installed = installs(&member, "b_quote", &json!({})).await;
    assert_eq!(installed.status(), 201, "{}", installed.text());
    let secret = json!({ "name": "API_KEY", "value": super::SECRET });
    let refused = alice.post("/api/v1/secrets", &secret).await;
    assert_eq!(refused.code(), "hosts_required");
    let elsewhere =
        json!({ "name": "API_KEY", "value": super::SECRET, "allowed_hosts": ["api.example.com"] });
    assert_eq!(
        alice.post("/api/v1/secrets", &elsewhere).await.status(),
        201
    );
    let ran = runs(&member, "quote", json!({ "symbol": "A" })).await;
    assert_eq!(ran.code(), "egress_blocked");
    assert_eq!(app.upstream().connections(), 0);
}

#[tokio::test]
async fn lists_what_is_installed_in_pages() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    for number in 1..=5 {
        let id = format!("tool{number}");
        alice
            .registers(
                ToolBuilder::get("/x")
                    .id(&id)
                    .set("/description", "Does something."),
            )
            .await;
        publishes(&alice, &id).await;
        assert_eq!(
            installs(&bob, &format!("a_{id}"), &json!({}))
                .await
                .status(),
            201
        );
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/installs?limit=2".to_owned();
    loop {
        let page: Value = bob.get(&path).await.json();
        let installs = page["installs"].as_array().unwrap();
        seen.extend(
            installs
                .iter()
                .map(|it| it["tool_id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => path = format!("/api/v1/installs?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["tool1", "tool2", "tool3", "tool4", "tool5"]);
    assert_eq!(
        alice.get("/api/v1/installs").await.json()["installs"],
        json!([])
    );
    assert_eq!(alice.get("/api/v1/installs/tool/tool1").await.status(), 404);
    for odd in ["thing/tool1", "tool/none", "prompt/tool1"] {
        assert_eq!(
            bob.get(&format!("/api/v1/installs/{odd}")).await.status(),
            404,
            "{odd}"
        );
    }
    // A viewer sees how it stands, but not which secrets there are.
    let viewer = app.viewer();
    assert_eq!(viewer.get("/api/v1/installs").await.status(), 200);
}

/// Both ask at once: one install, one refusal, nothing in between.
#[tokio::test]
async fn two_installs_at_once_are_one() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    alice.registers(quote()).await;
    publishes(&alice, "quote").await;
    let body = json!({ "id": "mine" });
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (bob, body) = (bob.clone(), body.clone());
        asked.spawn(async move { installs(&bob, "a_quote", &body).await.status().as_u16() });
    }
    let mut statuses = asked.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
    assert_eq!(
        app.anon().get("/api/v1/marketplace/a_quote").await.json()["installs"],
        1
    );
}

/// What a publisher calls a secret is no consent to send it there.
#[tokio::test]
async fn an_install_binds_no_secret_that_nobody_named() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    alice.registers(quote()).await;
    let published = publishes(&alice, "quote").await;
    bob.stores_secret("API_KEY", super::SECRET).await;
    let hosts = async || {
        let secrets = bob.get("/api/v1/secrets").await.json();
        let hosts = &secrets["secrets"][0]["allowed_hosts"];
        hosts.as_array().unwrap().len()
    };
    let named = json!({ "API_KEY": "API_KEY" });
    for body in [
        json!({}),
        json!({ "id": "second", "secrets": named }),
        json!({ "id": "third", "hash": published["hash"] }),
    ] {
        let installed = installs(&bob, "a_quote", &body).await;
        assert_eq!(installed.status(), 201, "{}", installed.text());
        assert_eq!(hosts().await, 0, "{body}");
    }
    let body = json!({ "id": "fourth", "hash": published["hash"], "secrets": named });
    assert_eq!(installs(&bob, "a_quote", &body).await.status(), 201);
    assert_eq!(hosts().await, 1);
}
