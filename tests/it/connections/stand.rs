//! The usual scene: an app, a provider, and a tool whose calls need a token.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{OAuthProvider, Persona, RegisteredTool, Response, Setup, TestApp, ToolBuilder};

/// Where the product says it can be reached.
pub(crate) const PUBLIC_URL: &str = "https://tools.example.com";

pub(crate) struct Stand {
    pub(crate) app: TestApp,
    pub(crate) provider: OAuthProvider,
    pub(crate) alice: Persona,
}

impl Stand {
    pub(crate) async fn new() -> Self {
        Self::with(TestApp::setup()).await
    }

    /// With the client's secret stored for the provider's host.
    pub(crate) async fn with(setup: Setup) -> Self {
        let provider = OAuthProvider::start().await;
        let app = setup
            .allow(&provider.host_port())
            .config(|config| config.public_url = Some(PUBLIC_URL.to_owned()))
            .start()
            .await;
        let alice = app.alice();
        let stand = Self {
            app,
            provider,
            alice,
        };
        stand
            .stores("CLIENT_SECRET", OAuthProvider::CLIENT_SECRET)
            .await;
        stand
    }

    /// Stores a secret for the provider's host.
    pub(crate) async fn stores(&self, name: &str, value: &str) {
        let hosts = [self.provider.host_port()];
        let secret = json!({ "name": name, "value": value, "allowed_hosts": hosts });
        let made = self.alice.post("/api/v1/secrets", &secret).await;
        assert_eq!(made.status(), 201, "{}", made.text());
    }

    /// A tool that asks the provider's API whose token it was called with.
    pub(crate) fn tool(&self, id: &str, auth: Value) -> ToolBuilder {
        ToolBuilder::get("/me")
            .id(id)
            .base_url(&self.provider.base_url())
            .auth(auth)
    }

    /// A tool that each person connects.
    pub(crate) async fn personal_tool(&self) -> RegisteredTool {
        let auth = self.provider.authorization_code(&json!({}));
        self.alice.registers(self.tool("who_am_i", auth)).await
    }

    /// A tool with the client's own right.
    pub(crate) async fn client_tool(&self) -> RegisteredTool {
        let auth = self.provider.client_credentials(&json!({}));
        self.alice.registers(self.tool("who_is_it", auth)).await
    }

    /// The browser comes back from the provider.
    pub(crate) async fn returns(&self, query: &str) -> Response {
        let path = format!("/api/v1/connections/callback?{query}");
        let browser = self.app.anon();
        browser.send(browser.request(Method::GET, &path)).await
    }

    /// Begins a consent.
    pub(crate) async fn begins(&self, who: &Persona, tool: &RegisteredTool) -> Value {
        let begun = who
            .post("/api/v1/connections", &json!({ "tool_id": tool.id }))
            .await;
        assert_eq!(begun.status(), 201, "{}", begun.text());
        begun.json()
    }

    /// The whole way of a person: link, consent as `account`, confirmation. Answers the connection.
    pub(crate) async fn connects(
        &self,
        who: &Persona,
        tool: &RegisteredTool,
        account: &str,
    ) -> Value {
        let begun = self.begins(who, tool).await;
        let query = self
            .provider
            .consents(begun["connect_url"].as_str().unwrap(), account);
        let page = self.returns(&query).await;
        assert_eq!(page.status(), 200, "{}", page.text());
        let confirmed = self.confirms(who, &begun, &code_of(&page)).await;
        assert_eq!(confirmed.status(), 200, "{}", confirmed.text());
        confirmed.json()
    }

    pub(crate) async fn confirms(&self, who: &Persona, begun: &Value, code: &str) -> Response {
        let path = format!(
            "/api/v1/connections/{}/confirm",
            begun["id"].as_str().unwrap()
        );
        who.post(&path, &json!({ "code": code })).await
    }

    /// Runs the tool, which answers whose token it had.
    pub(crate) async fn account(&self, who: &Persona, tool: &RegisteredTool) -> String {
        let done = who.executes(tool, json!({})).await;
        assert_eq!(done.status(), 200, "{}", done.text());
        done.json()["output"]["account"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Runs the tool, which fails; the error.
    pub(crate) async fn fails(&self, who: &Persona, tool: &RegisteredTool) -> Value {
        let done = who.executes(tool, json!({})).await;
        assert_eq!(done.status(), 500, "{}", done.text());
        done.json()["error"].clone()
    }

    /// As if the time of all access tokens were over.
    pub(crate) fn tokens_are_old(&self) {
        self.app
            .sql("update secrets.connections set usable_until = now() - interval '1 second'");
    }

    /// As if every lease were over.
    pub(crate) fn leases_end(&self) {
        self.app.sql("update secrets.connections set refreshing_until = now() where refreshing_until is not null");
    }

    pub(crate) fn single(&self, query: &str) -> String {
        self.app.sql(query).single().unwrap_or_default().to_owned()
    }

    /// Actions of the audit about connections, in order.
    pub(crate) fn audit(&self) -> String {
        self.single(
            "select coalesce(string_agg(action, ' ' order by id), '') from secrets.audit where subject_kind = 'connection'",
        )
    }

    /// No token, code or secret is in a text.
    pub(crate) fn holds_no_token(&self, text: &str) {
        for token in self.provider.given() {
            assert!(!text.contains(&token), "{token} in {text}");
        }
        assert!(!text.contains(OAuthProvider::CLIENT_SECRET), "{text}");
    }
}

/// The code that the page shows.
pub(crate) fn code_of(page: &Response) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("Confirmation code: ").unwrap();
    rest.chars().take(9).collect()
}
