//! A person's way through a provider's pages: what it takes, and what leads nowhere.

use serde_json::json;
use testkit::{Answer, Client, Fault, OAuthProvider};

use super::stand::{PUBLIC_URL, Stand, code_of};

#[tokio::test]
async fn a_person_connects_a_tool_and_runs_it() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    let begun = stand.begins(&stand.alice, &tool).await;
    let url = begun["connect_url"].as_str().unwrap();
    let back = format!("{PUBLIC_URL}/api/v1/connections/callback")
        .replace(':', "%3A")
        .replace('/', "%2F");
    assert!(url.contains(&format!("redirect_uri={back}")), "{url}");
    assert!(url.contains("scope=read+write"), "{url}");

    let page = stand
        .returns(&stand.provider.consents(url, "alice@provider"))
        .await;
    assert_eq!(page.status(), 200, "{}", page.text());
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(page.text().contains("alice@example.com") && !page.text().contains("<script"));
    stand.holds_no_token(&page.text());

    // Nothing is connected before the person confirms.
    let early = stand.fails(&stand.alice, &tool).await;
    assert_eq!(early["code"], "auth_failed");
    let confirmed = stand
        .confirms(&stand.alice, &begun, &code_of(&page).to_lowercase())
        .await;
    assert_eq!(confirmed.status(), 200, "{}", confirmed.text());
    let connection = confirmed.json();
    assert_eq!(connection["status"], "connected");
    assert_eq!(connection["scopes"], json!(["read", "write"]));
    assert_eq!(
        connection["allowed_hosts"],
        json!([stand.provider.host_port()])
    );
    stand.holds_no_token(&confirmed.text());

    assert_eq!(stand.account(&stand.alice, &tool).await, "alice@provider");
    assert_eq!(stand.provider.asked("authorization_code"), 1);
    assert_eq!(
        stand.audit(),
        "connection.create connection.answer connection.confirm connection.connect connection.use"
    );
    let waiting = stand.single("select count(*) from secrets.authorizations");
    assert_eq!(waiting, "0");
}

#[tokio::test]
async fn public_clients_and_clients_in_the_body_connect_as_well() {
    for (client, name, secret) in [
        (Client::Post, "post", json!("${CLIENT_SECRET}")),
        (Client::None, "none", json!(null)),
    ] {
        let stand = Stand::new().await;
        stand.provider.clients_are(client);
        stand.provider.answers_forms();
        let mut auth = stand
            .provider
            .authorization_code(&json!({ "client_auth": name }));
        if secret.is_null() {
            auth["oauth2"]
                .as_object_mut()
                .unwrap()
                .remove("client_secret_ref");
        }
        let tool = stand.alice.registers(stand.tool("who_am_i", auth)).await;
        stand.connects(&stand.alice, &tool, "alice@provider").await;
        assert_eq!(stand.account(&stand.alice, &tool).await, "alice@provider");
    }
}

#[tokio::test]
async fn a_state_is_good_once_and_for_ten_minutes() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    let begun = stand.begins(&stand.alice, &tool).await;
    let query = stand
        .provider
        .consents(begun["connect_url"].as_str().unwrap(), "alice@provider");
    assert_eq!(stand.returns(&query).await.status(), 200);
    assert_eq!(stand.returns(&query).await.status(), 400, "replayed");

    let begun = stand.begins(&stand.alice, &tool).await;
    let query = stand
        .provider
        .consents(begun["connect_url"].as_str().unwrap(), "alice@provider");
    stand
        .app
        .sql("update secrets.authorizations set expires_at = now()");
    assert_eq!(stand.returns(&query).await.status(), 400, "too old");

    // A new link ends the one before.
    let first = stand.begins(&stand.alice, &tool).await;
    let query = stand
        .provider
        .consents(first["connect_url"].as_str().unwrap(), "alice@provider");
    stand.begins(&stand.alice, &tool).await;
    assert_eq!(stand.returns(&query).await.status(), 400, "replaced");
    assert_eq!(stand.provider.asked("authorization_code"), 1);
}

#[tokio::test]
async fn what_is_no_answer_of_the_provider_leads_nowhere() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    for query in [
        "",
        "code=x",
        "state=unknown&code=x",
        "state=a&state=b&code=x",
        "state=%00&code=x",
    ] {
        let page = stand.returns(query).await;
        assert_eq!(page.status(), 400, "{query}");
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8"),
            "{query}"
        );
    }
    for change in ["&iss=https%3A%2F%2Fevil.example", "&iss=nonsense"] {
        let begun = stand.begins(&stand.alice, &tool).await;
        let query = stand
            .provider
            .consents(begun["connect_url"].as_str().unwrap(), "alice@provider");
        let page = stand.returns(&format!("{query}{change}")).await;
        assert_eq!(page.status(), 400, "{change}");
    }
    let begun = stand.begins(&stand.alice, &tool).await;
    let query = stand
        .provider
        .consents(begun["connect_url"].as_str().unwrap(), "alice@provider");
    let issuer = stand
        .provider
        .base_url()
        .replace(':', "%3A")
        .replace('/', "%2F");
    let page = stand.returns(&format!("{query}&iss={issuer}")).await;
    assert_eq!(page.status(), 200, "{}", page.text());
    assert_eq!(stand.provider.asked("authorization_code"), 1);
}

#[tokio::test]
async fn a_no_of_the_provider_is_shown_and_cannot_be_a_script() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    let begun = stand.begins(&stand.alice, &tool).await;
    let query = stand
        .provider
        .consents(begun["connect_url"].as_str().unwrap(), "alice@provider");
    let state = query.split('&').next().unwrap();
    let page = stand
        .returns(&format!(
            "{state}&error=access_denied&error_description=%3Cscript%3Ealert(1)%3C%2Fscript%3E"
        ))
        .await;
    assert_eq!(page.status(), 400);
    let text = page.text();
    assert!(
        text.contains("access_denied")
            && text.contains("&lt;script&gt;")
            && !text.contains("<script"),
        "{text}"
    );

    let begun = stand.begins(&stand.alice, &tool).await;
    let query = stand
        .provider
        .consents(begun["connect_url"].as_str().unwrap(), "alice@provider");
    let words =
        json!({ "error": "invalid_grant", "error_description": OAuthProvider::CLIENT_SECRET });
    stand
        .provider
        .next(Fault::Answer(Answer::json(&words).status(400)));
    let page = stand.returns(&query).await;
    assert_eq!(page.status(), 400);
    assert!(page.text().contains("invalid_grant"), "{}", page.text());
    stand.holds_no_token(&page.text());
    let confirmed = stand.confirms(&stand.alice, &begun, "AAAA-AAAA").await;
    assert_eq!(confirmed.code(), "nothing_to_confirm");
}

#[tokio::test]
async fn nobody_is_led_to_give_an_account_to_somebody_else() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    // The member begins and lures alice through the pages; what she sees is a code that only she knows.
    let member = stand.app.member();
    let begun = stand.begins(&member, &tool).await;
    let page = stand
        .returns(
            &stand
                .provider
                .consents(begun["connect_url"].as_str().unwrap(), "alice@provider"),
        )
        .await;
    assert!(
        page.text().contains("member@example.com"),
        "{}",
        page.text()
    );
    let code = code_of(&page);
    // Who knows the code but did not begin gets nothing either.
    let stolen = stand.confirms(&stand.app.viewer(), &begun, &code).await;
    assert_eq!(stolen.status(), 403, "{}", stolen.text());
    let stolen = stand.confirms(&stand.alice, &begun, &code).await;
    assert_eq!(stolen.code(), "nothing_to_confirm", "{}", stolen.text());
    for _ in 0..5 {
        let guessed = stand.confirms(&member, &begun, "AAAA-AAAA").await;
        assert_eq!(guessed.status(), 400, "{}", guessed.text());
    }
    let late = stand.confirms(&member, &begun, &code).await;
    assert_eq!(late.code(), "nothing_to_confirm", "five guesses are all");
    assert_eq!(stand.fails(&member, &tool).await["code"], "auth_failed");
}

#[tokio::test]
async fn a_tool_that_changed_meanwhile_gets_no_tokens() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    let begun = stand.begins(&stand.alice, &tool).await;
    let query = stand
        .provider
        .consents(begun["connect_url"].as_str().unwrap(), "alice@provider");
    let moved = stand
        .provider
        .authorization_code(&json!({ "token_url": stand.provider.url("/token?moved") }));
    let mut document = tool.document.clone();
    document["api"]["auth"] = moved;
    let saved = stand.alice.put(&tool.saved_path(), &document).await;
    assert_eq!(saved.status(), 200, "{}", saved.text());
    assert_eq!(stand.returns(&query).await.status(), 400);
    assert_eq!(stand.provider.asked("authorization_code"), 0);
}

#[tokio::test]
async fn only_persons_connect_and_only_tools_that_need_it() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    let plain = stand.client_tool().await;
    let path = format!("/api/v1/workspaces/{}/keys", stand.alice.workspace_id());
    let made = stand
        .alice
        .post(&path, &json!({ "name": "robot", "role": "admin" }))
        .await;
    let robot = stand
        .alice
        .with_token(made.json()["value"].as_str().unwrap());
    let refused = robot
        .post("/api/v1/connections", &json!({ "tool_id": tool.id }))
        .await;
    assert_eq!(
        (refused.status().as_u16(), refused.code()),
        (403, "person_required".to_owned())
    );
    for (body, status, pointer) in [
        (json!({ "tool_id": plain.id }), 400, "/tool_id"),
        (
            json!({ "tool_id": tool.id, "for": "workspace" }),
            400,
            "/for",
        ),
        (
            json!({ "tool_id": tool.id, "for": "everybody" }),
            400,
            "/for",
        ),
        (json!({ "tool_id": tool.id, "extra": 1 }), 400, "/extra"),
        (json!({}), 400, "/tool_id"),
    ] {
        let refused = stand.alice.post("/api/v1/connections", &body).await;
        assert_eq!(refused.status(), status, "{body}: {}", refused.text());
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    let unknown = stand
        .alice
        .post("/api/v1/connections", &json!({ "tool_id": "nothing" }))
        .await;
    assert_eq!(unknown.status(), 404);
    // With his key a person's own connection works.
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    assert_eq!(stand.account(&robot, &tool).await, "alice@provider");
}

#[tokio::test]
async fn without_a_public_url_nothing_can_be_connected() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    let hidden = testkit::TestApp::setup()
        .allow(&stand.provider.host_port())
        .start_on_database_of(&stand.app)
        .await;
    let refused = hidden
        .alice()
        .post("/api/v1/connections", &json!({ "tool_id": tool.id }))
        .await;
    assert_eq!(
        (refused.status().as_u16(), refused.code()),
        (503, "public_url_missing".to_owned())
    );
}
