//! Whose connection it is, who sees it, and how it ends.

use serde_json::json;

use super::stand::Stand;

#[tokio::test]
async fn each_person_has_a_connection_of_their_own() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    let member = stand.app.member();
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    let error = stand.fails(&member, &tool).await;
    assert_eq!(error["code"], "auth_failed", "{error}");
    assert_eq!(error["details"]["connect"]["path"], "/api/v1/connections");
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains("POST /api/v1/connections"),
        "{error}"
    );
    stand.connects(&member, &tool, "member@provider").await;
    assert_eq!(stand.account(&stand.alice, &tool).await, "alice@provider");
    assert_eq!(stand.account(&member, &tool).await, "member@provider");
}

#[tokio::test]
async fn others_see_nothing_of_it() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    let admin = stand.app.admin();
    let id = stand.connects(&admin, &tool, "admin@provider").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/v1/connections/{id}");
    for (who, status) in [
        (stand.app.member(), 404),
        (stand.app.viewer(), 403),
        (stand.app.bob(), 404),
        (stand.app.anon(), 401),
    ] {
        for answer in [
            who.get(&path).await,
            who.delete(&path).await,
            who.post(&format!("{path}/confirm"), &json!({ "code": "AAAA-AAAA" }))
                .await,
        ] {
            assert_eq!(answer.status(), status, "{}: {}", who.name(), answer.text());
        }
    }
    for who in [stand.app.member(), stand.app.bob()] {
        let list = who.get("/api/v1/connections").await;
        assert_eq!(list.json(), json!({ "connections": [] }), "{}", who.name());
    }
    // An owner sees it, because an owner may end it.
    let list = stand.alice.get("/api/v1/connections").await;
    assert_eq!(list.json()["connections"][0]["id"], id.as_str());
    stand.holds_no_token(&list.text());
    assert_eq!(stand.account(&admin, &tool).await, "admin@provider");
}

#[tokio::test]
async fn the_workspaces_connection_is_made_by_admins_and_used_by_members() {
    let stand = Stand::new().await;
    let auth = stand
        .provider
        .authorization_code(&json!({ "per": "workspace", "connection": "crm" }));
    let tool = stand
        .alice
        .registers(stand.tool("who_are_we", auth.clone()))
        .await;
    let other = stand
        .alice
        .registers(stand.tool("who_else_are_we", auth))
        .await;
    let member = stand.app.member();
    let refused = member
        .post("/api/v1/connections", &json!({ "tool_id": tool.id }))
        .await;
    assert_eq!(
        (refused.status().as_u16(), refused.code()),
        (403, "role_required".to_owned())
    );
    let error = stand.fails(&member, &tool).await;
    assert!(error["hint"].as_str().unwrap().contains("admin"), "{error}");
    let connection = stand
        .connects(&stand.app.admin(), &tool, "robot@provider")
        .await;
    assert_eq!(
        (connection["name"].as_str(), connection.get("user_id")),
        (Some("crm"), None)
    );
    assert_eq!(stand.account(&member, &tool).await, "robot@provider");
    assert_eq!(
        stand.account(&member, &other).await,
        "robot@provider",
        "shared by its name"
    );
    stand.tokens_are_old();
    assert_eq!(
        stand.account(&member, &tool).await,
        "robot@provider",
        "a member's call refreshes it"
    );
    let path = format!("/api/v1/connections/{}", connection["id"].as_str().unwrap());
    assert_eq!(member.get(&path).await.status(), 200);
    assert_eq!(
        member.delete(&path).await.status(),
        404,
        "a member does not end it"
    );
    assert_eq!(stand.alice.delete(&path).await.status(), 204);
}

#[tokio::test]
async fn an_end_is_told_to_the_provider_and_leaves_nothing() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    let member = stand.app.member();
    let connection = stand.connects(&member, &tool, "member@provider").await;
    let path = format!("/api/v1/connections/{}", connection["id"].as_str().unwrap());
    let gone = member.delete(&path).await;
    assert_eq!(gone.status(), 204, "{}", gone.text());
    let told: Vec<String> = stand
        .provider
        .revoked()
        .iter()
        .map(|token| token.split('.').next().unwrap().to_owned())
        .collect();
    assert_eq!(told, ["refresh", "access"]);
    assert_eq!(
        stand.single("select count(*) from secrets.connections"),
        "0"
    );
    let error = stand.fails(&member, &tool).await;
    assert_eq!(error["code"], "auth_failed", "{error}");
    assert_eq!(member.delete(&path).await.status(), 404);
    assert!(
        stand
            .audit()
            .ends_with("connection.revoke connection.delete"),
        "{}",
        stand.audit()
    );
}

#[tokio::test]
async fn an_admin_ends_it_even_when_the_provider_is_gone_and_the_tool_too() {
    let stand = Stand::new().await;
    let auth = stand
        .provider
        .authorization_code(&json!({ "revoke_url": "https://gone.example.com/revoke" }));
    let tool = stand.alice.registers(stand.tool("who_am_i", auth)).await;
    let member = stand.app.member();
    let connection = stand.connects(&member, &tool, "member@provider").await;
    assert_eq!(stand.alice.delete(&tool.saved_path()).await.status(), 204);
    let path = format!("/api/v1/connections/{}", connection["id"].as_str().unwrap());
    assert_eq!(stand.app.admin().delete(&path).await.status(), 204);
    assert_eq!(
        stand.single("select count(*) from secrets.connections"),
        "0"
    );
}

#[tokio::test]
async fn who_leaves_the_workspace_leaves_the_consent_half_done() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    let member = stand.app.member();
    let begun = stand.begins(&member, &tool).await;
    let query = stand
        .provider
        .consents(begun["connect_url"].as_str().unwrap(), "member@provider");
    stand.app.sql(&format!(
        "delete from identity.memberships where user_id = '{}'",
        member.user_id()
    ));
    assert_eq!(stand.returns(&query).await.status(), 400);
    assert_eq!(stand.provider.asked("authorization_code"), 0);
}

#[tokio::test]
async fn who_leaves_the_workspace_leaves_no_tokens_there() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    let member = stand.app.member();
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    stand.connects(&member, &tool, "member@provider").await;
    stand.app.sql(&format!(
        "delete from identity.memberships where user_id = '{}'",
        member.user_id()
    ));
    assert_eq!(
        stand.single("select count(*) from secrets.connections"),
        "1"
    );
    assert!(stand.audit().ends_with("connection.delete"));
    assert_eq!(stand.account(&stand.alice, &tool).await, "alice@provider");
}
