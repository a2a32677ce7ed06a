//! `POST /api/v1/workspaces/{workspace_id}/keys`, and what a key may do.

use serde_json::{Value, json};
use testkit::{Persona, TestApp, ToolBuilder, logs};

/// The machine that holds a new key of this role in workspace A.
async fn machine(admin: &Persona, role: &str) -> Persona {
    let body = json!({ "name": role, "role": role });
    let made = admin.post("/api/v1/workspaces/a/keys", &body).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    admin.with_token(made.json()["value"].as_str().unwrap())
}

#[tokio::test]
async fn shows_the_value_once_and_stores_a_hash() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let body = json!({ "name": "ci", "expires_at": "2999-01-31T00:00:00Z" });
    let made = alice.post("/api/v1/workspaces/a/keys", &body).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let key = made.json();
    let value = key["value"].as_str().unwrap();
    assert!(
        value.starts_with("dtk_") && value.len() >= 4 + 43,
        "{value}"
    );
    assert!(value.starts_with(key["prefix"].as_str().unwrap()), "{key}");
    assert!(key["prefix"].as_str().unwrap().len() < 20, "{key}");
    assert_eq!(key["role"], "member");
    assert_eq!(key["expires_at"], "2999-01-31T00:00:00Z");
    assert_eq!(key["created_by"], alice.user_id().to_string());
    let machine = alice.with_token(value);
    assert_eq!(machine.get("/api/v1/tools").await.status(), 200);

    let listed = alice.get("/api/v1/workspaces/a/keys").await.text();
    assert!(!listed.contains(value), "{listed}");
    let rows = app.sql("select k::text from identity.api_keys k").rows;
    assert!(!format!("{rows:?}").contains(&value[12..]), "{rows:?}");
    assert!(!logs::contain(&value[12..]));
    let audited = app.sql("select subject from secrets.audit where action = 'key.create'");
    assert_eq!(audited.single(), key["id"].as_str());
}

#[tokio::test]
async fn a_key_does_no_more_than_its_role() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    let new = |id: &str| {
        ToolBuilder::get("/x")
            .id(id)
            .document(&app.upstream().base_url())
    };
    for (role, reads, runs, retires) in [
        ("viewer", 200, 403, 403),
        ("member", 200, 200, 403),
        ("admin", 200, 200, 204),
    ] {
        let machine = machine(&alice, role).await;
        assert_eq!(machine.get(&tool.path()).await.status(), reads, "{role}");
        assert_eq!(
            machine.executes(&tool, json!({})).await.status(),
            runs,
            "{role}"
        );
        let saved = machine.post("/api/v1/tools", &new(role)).await.status();
        assert_eq!(saved, if runs == 200 { 201 } else { 403 }, "{role}");
        let deleted = machine.delete(&tool.saved_path()).await.status();
        assert_eq!(deleted, retires, "{role}");
    }
    let recorded =
        app.sql("select user_id || ' ' || (key_id is not null) from orchestration.executions");
    assert_eq!(
        recorded.single(),
        Some(format!("{} true", alice.user_id()).as_str())
    );
}

#[tokio::test]
async fn a_key_works_in_its_own_workspace_only() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let other = json!({ "name": "Other" });
    assert_eq!(alice.post("/api/v1/workspaces", &other).await.status(), 201);
    // Its maker must say which workspace is meant; the key knows.
    assert_eq!(
        alice.get("/api/v1/tools").await.code(),
        "workspace_required"
    );
    let machine = machine(&alice, "admin").await;
    assert_eq!(machine.get("/api/v1/tools").await.status(), 200);
    for (selector, status) in [("a", 200), ("other", 404), ("b", 404)] {
        let request = machine
            .request(reqwest::Method::GET, "/api/v1/tools")
            .header("x-workspace-id", selector);
        let response = machine.send(request).await;
        assert_eq!(response.status(), status, "{selector}: {}", response.text());
        let path = format!("/api/v1/workspaces/{selector}/keys");
        assert_eq!(machine.get(&path).await.status(), status, "{selector}");
    }
    assert_eq!(
        app.bob().get("/api/v1/workspaces/a/keys").await.status(),
        404
    );
}

#[tokio::test]
async fn a_key_ends_at_its_time() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let machine = machine(&alice, "member").await;
    assert_eq!(machine.get("/api/v1/tools").await.status(), 200);
    app.sql("update identity.api_keys set expires_at = now()");
    let ended = machine.get("/api/v1/tools").await;
    assert_eq!(ended.status(), 401, "{}", ended.text());
    assert_eq!(ended.code(), "invalid_token");
}

#[tokio::test]
async fn a_key_loses_what_its_maker_loses() {
    let (app, _, _) = TestApp::with_two_workspaces().await;
    let machine = machine(&app.admin(), "admin").await;
    assert_eq!(machine.get("/api/v1/secrets").await.status(), 200);
    let maker = app.admin().user_id();
    app.sql(&format!(
        "update identity.memberships set role = 'viewer' where user_id = '{maker}'"
    ));
    assert_eq!(machine.get("/api/v1/tools").await.status(), 200);
    assert_eq!(machine.get("/api/v1/secrets").await.status(), 403);
    app.sql(&format!(
        "delete from identity.memberships where user_id = '{maker}'"
    ));
    assert_eq!(machine.get("/api/v1/tools").await.status(), 401);
}

#[tokio::test]
async fn only_admins_make_keys_and_none_above_themselves() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let body = json!({ "name": "ci" });
    let path = "/api/v1/workspaces/a/keys";
    for (who, status) in [
        (app.viewer(), 403),
        (app.member(), 403),
        (bob, 404),
        (app.anon(), 401),
    ] {
        assert_eq!(
            who.post(path, &body).await.status(),
            status,
            "{}",
            who.name()
        );
    }
    // Nor does a member's key, whoever made it.
    let machine = machine(&alice, "member").await;
    assert_eq!(machine.post(path, &body).await.status(), 403);
    for (body, pointer) in [
        (json!({ "name": "x", "role": "owner" }), "/role"),
        (json!({ "name": "x", "role": "god" }), "/role"),
        (json!({ "name": "", "role": "member" }), "/name"),
        (
            json!({ "name": "x", "expires_at": "2001-01-31T00:00:00Z" }),
            "/expires_at",
        ),
        (
            json!({ "name": "x", "expires_at": "tomorrow" }),
            "/expires_at",
        ),
        (json!({ "name": "x", "scope": "all" }), "/scope"),
    ] {
        let refused = alice.post(path, &body).await;
        assert_eq!(refused.status(), 400, "{body}: {}", refused.text());
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
    }
    let none: Value = alice.get(path).await.json();
    assert_eq!(none["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn scopes_narrow_a_key_within_its_role() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    let path = "/api/v1/workspaces/a/keys";
    let scoped = async |role: &str, scopes: Value| {
        let body = json!({ "name": "ci", "role": role, "scopes": scopes });
        let made = alice.post(path, &body).await;
        assert_eq!(made.status(), 201, "{}", made.text());
        (
            alice.with_token(made.json()["value"].as_str().unwrap()),
            made.json(),
        )
    };
    let (runner, shown) = scoped("admin", json!(["tools:run", "tools:run"])).await;
    assert_eq!(shown["scopes"], json!(["tools:run"]));
    assert_eq!(runner.executes(&tool, json!({})).await.status(), 200);
    for refused in [
        runner.get(&tool.path()).await,
        runner.delete(&tool.saved_path()).await,
        runner.get("/api/v1/secrets").await,
        runner.post("/mcp", &json!({})).await,
        runner.post(path, &json!({ "name": "more" })).await,
    ] {
        assert_eq!(refused.status(), 403, "{}", refused.text());
        assert_eq!(refused.code(), "scope_required");
    }
    // A scope gives nothing that the role does not.
    let (viewer, _) = scoped("viewer", json!(["tools:run"])).await;
    let refused = viewer.executes(&tool, json!({})).await;
    assert_eq!(refused.code(), "role_required", "{}", refused.text());
    let listed = app.admin().get(path).await.json();
    assert_eq!(listed["keys"][0]["scopes"], json!(["tools:run"]));

    // A key makes no key that may more than itself.
    let (maker, _) = scoped("admin", json!(["keys:write", "tools:run"])).await;
    for (scopes, status) in [
        (json!([]), 403),
        (json!(["tools:write"]), 403),
        (json!(["tools:run", "secrets:write"]), 403),
        (json!(["tools:run"]), 201),
    ] {
        let body = json!({ "name": "child", "scopes": scopes });
        let made = maker.post(path, &body).await;
        assert_eq!(made.status(), status, "{scopes}: {}", made.text());
    }
    let unknown = json!({ "name": "x", "scopes": ["tools:run", "tools:rnu"] });
    let unknown = alice.post(path, &unknown).await;
    assert_eq!(unknown.status(), 400, "{}", unknown.text());
    let fault = unknown.json()["errors"][0].clone();
    assert_eq!(fault["pointer"], "/scopes/1");
    assert_eq!(fault["hint"], "did you mean \"tools:run\"?");
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let good = json!({ "name": "ci" });
    let good = alice.post("/api/v1/workspaces/a/keys", &good).await.json();
    let good = good["value"].as_str().unwrap();
    let mut other = good.to_owned();
    let last = if other.pop() == Some('A') { 'B' } else { 'A' };
    other.push(last);
    for bad in [
        other.as_str(),
        "dtk_",
        &good[..good.len() - 1],
        &format!("{good}x"),
        &good.to_uppercase(),
        &good.replacen("dtk_", "dtk-", 1),
        good["dtk_".len()..].as_ref(),
    ] {
        let response = alice.with_token(bad).get("/api/v1/tools").await;
        assert_eq!(response.status(), 401, "{bad}: {}", response.text());
        assert!(
            !response.text().contains(&good[12..20]),
            "{}",
            response.text()
        );
    }
}
