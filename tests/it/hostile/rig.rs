//! An app that hostile lines share: what they ask for by name, and raw requests as they stand in the file.

use std::collections::BTreeMap;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use testkit::{Dns, Persona, TestApp};

use super::{Case, filled};

/// An answer, read.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// Null when the body is no JSON.
    pub(crate) json: Value,
}

impl Answered {
    fn of(response: &testkit::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text(),
            json: serde_json::from_slice(response.bytes()).unwrap_or_default(),
        }
    }
}

/// An app whose only private upstreams are those it was told, with a name table instead of a resolver.
pub(crate) struct Rig {
    app: TestApp,
    alice: Persona,
    bob: Persona,
    dns: Dns,
}

impl Rig {
    /// Lets tools reach these `host:port`.
    pub(crate) async fn allowing(host_ports: &[String]) -> Self {
        let dns = Dns::new();
        let mut setup = TestApp::setup()
            .dns(&dns)
            .without_private_upstreams()
            // Our own host is out of reach for tools, like the project's database host.
            .config(|config| config.public_url = Some("https://project.supabase.co".to_owned()));
        for host_port in host_ports {
            setup = setup.allow(host_port);
        }
        let app = setup.start().await;
        let (alice, bob) = (app.alice(), app.bob());
        Self {
            app,
            alice,
            bob,
            dns,
        }
    }

    /// The app underneath.
    pub(crate) fn app(&self) -> &TestApp {
        &self.app
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        Answered::of(&self.alice.get(path).await)
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answered {
        Answered::of(&self.alice.post(path, body).await)
    }

    pub(crate) async fn post_as_neighbour(&self, path: &str, body: &Value) -> Answered {
        Answered::of(&self.bob.post(path, body).await)
    }

    /// A call with this token (or none) and this workspace (or none), with an empty JSON body where one is usual.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        workspace: Option<&str>,
    ) -> Answered {
        let caller = token.map_or_else(|| self.app.anon(), |token| self.alice.with_token(token));
        let mut request = caller.request(method.parse().unwrap(), path);
        if let Some(workspace) = workspace {
            request = request.header("X-Workspace-Id", workspace);
        }
        if matches!(method, "POST" | "PUT" | "PATCH") {
            request = request
                .header("content-type", "application/json")
                .body("{}");
        }
        Answered::of(&caller.send(request).await)
    }

    /// The request as a line of the file says it; `extra` headers come on top.
    pub(crate) async fn send(&self, request: &Value, extra: &[(&str, &str)]) -> Answered {
        let own_token = request["headers"].as_object().is_some_and(|headers| {
            headers
                .keys()
                .any(|name| name.eq_ignore_ascii_case("authorization"))
        });
        let caller = if own_token {
            self.app.anon()
        } else {
            self.alice.clone()
        };
        self.send_as(&caller, request, extra).await
    }

    /// The same by this caller.
    pub(crate) async fn send_as(
        &self,
        caller: &Persona,
        request: &Value,
        extra: &[(&str, &str)],
    ) -> Answered {
        let method: Method = request["method"].as_str().unwrap().parse().unwrap();
        let path = request["path"].as_str().unwrap();
        let headers = request["headers"].as_object().cloned().unwrap_or_default();
        let mut sent = caller.request(method, path);
        for (name, value) in &headers {
            let values = value
                .as_array()
                .cloned()
                .unwrap_or_else(|| vec![value.clone()]);
            for value in values {
                sent = sent.header(name, value.as_str().unwrap());
            }
        }
        for (name, value) in extra {
            sent = sent.header(*name, *value);
        }
        let body = match (
            request.get("body"),
            request["raw"].as_str(),
            request["raw_hex"].as_str(),
        ) {
            (Some(body), _, _) => Some(body.to_string().into_bytes()),
            (None, Some(raw), _) => Some(raw.as_bytes().to_vec()),
            (None, None, Some(hex)) => Some(super::bytes_of_hex(hex)),
            (None, None, None) => None,
        };
        if let Some(body) = body {
            if !headers
                .keys()
                .any(|name| name.eq_ignore_ascii_case("content-type"))
            {
                sent = sent.header("content-type", "application/json");
            }
            sent = sent.body(body);
        }
        Answered::of(&caller.send(sent).await)
    }

    /// Saves the case's tool, calling `base_url`, with `change` merged in (null removes), under the case's own id.
    pub(crate) async fn tool(&self, case: &Case, base_url: &str, change: &Value) -> String {
        let mut document = case.payload["tool"].clone();
        document["id"] = case.tool_id().into();
        document["api"]["base_url"] = base_url.into();
        merge(&mut document, change);
        let answer = self.post("/api/v1/tools", &document).await;
        assert_eq!(
            answer.status, 201,
            "{} {}: {}",
            case.id, case.what, answer.text
        );
        case.tool_id()
    }

    pub(crate) async fn execute(&self, tool: &str, input: Value) -> Answered {
        self.execute_with(tool, input, &[]).await
    }

    pub(crate) async fn execute_with(
        &self,
        tool: &str,
        input: Value,
        headers: &[(&str, &str)],
    ) -> Answered {
        let request = json!({
            "method": "POST", "path": format!("/api/v1/tools/{tool}/execute"), "body": { "input": input },
        });
        self.send(&request, headers).await
    }

    pub(crate) async fn execute_as_neighbour(
        &self,
        tool: &str,
        input: Value,
        key: &str,
    ) -> Answered {
        let path = format!("/api/v1/tools/{tool}/execute");
        let request = self
            .bob
            .request(Method::POST, &path)
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(json!({ "input": input }).to_string());
        Answered::of(&self.bob.send(request).await)
    }

    /// Puts a document into the tables past every check.
    pub(crate) fn insert_row(&self, id: &str, document: &Value) {
        insert_row(&self.app, &self.alice, id, document);
    }

    /// The host of this URL has these addresses.
    pub(crate) fn resolves(&self, base_url: &str, addresses: &[&str]) {
        if let Ok(url) = url::Url::parse(base_url)
            && let Some(host) = url.host_str()
        {
            let _ = self.dns.clone().answer(host, addresses);
        }
    }

    /// This name answers these in turn; `None` is no such name.
    pub(crate) fn resolves_in_turn(&self, host: &str, answers: Vec<Option<Vec<String>>>) {
        for answer in answers.into_iter().flatten() {
            let addresses: Vec<&str> = answer.iter().map(String::as_str).collect();
            let _ = self.dns.clone().answer(host, &addresses);
        }
    }

    /// Every name that was asked for.
    pub(crate) fn lookups(&self) -> Vec<String> {
        self.dns.asked()
    }

    /// How often the loopback canary was connected to.
    pub(crate) fn connections(&self) -> usize {
        self.app.upstream().connections()
    }

    /// The first column of what a superuser sees.
    pub(crate) fn sql(&self, statement: &str) -> Vec<String> {
        self.app
            .sql(statement)
            .rows
            .into_iter()
            .filter_map(|row| row.into_iter().next()?)
            .collect()
    }

    /// Stores a secret for these hosts.
    pub(crate) async fn secret(&self, name: &str, value: &str, hosts: &[String]) {
        let body = json!({ "name": name, "value": value, "allowed_hosts": hosts });
        let answer = self.post("/api/v1/secrets", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }

    pub(crate) fn workspace_id(&self) -> String {
        self.alice.workspace_id().to_string()
    }

    pub(crate) fn neighbour_token(&self) -> &str {
        self.bob.token()
    }

    /// A token of `viewer`, `member`, `admin` or `owner`.
    pub(crate) fn token_of(&self, role: &str) -> String {
        let persona = match role {
            "viewer" => self.app.viewer(),
            "member" => self.app.member(),
            "admin" => self.app.admin(),
            "owner" => self.alice.clone(),
            other => panic!("nobody is {other}"),
        };
        persona.token().to_owned()
    }

    /// Names of the file and what stands for them here.
    pub(crate) fn fixtures(&self, own: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut fixtures = vec![
            ("WS_A".to_owned(), self.workspace_id()),
            ("WS_B".to_owned(), self.bob.workspace_id().to_string()),
            ("VIEWER_A".to_owned(), self.token_of("viewer")),
        ];
        fixtures.extend(
            own.iter()
                .map(|(name, value)| ((*name).to_owned(), filled(value, &[]))),
        );
        fixtures
    }

    /// Makes one of everything in the first workspace; by the names of path parameters.
    pub(crate) async fn furnished(&self) -> BTreeMap<&'static str, String> {
        let tool = json!({
            "id": "furniture", "name": "furniture", "description": "d", "mock": { "enabled": true, "output": {} },
            "api": { "base_url": "https://api.example.com", "method": "GET", "auth": { "method": "none" } },
            "input_schema": { "type": "object" }, "output_schema": { "type": "object" },
        });
        assert_eq!(self.post("/api/v1/tools", &tool).await.status, 201);
        let execution = self.execute("furniture", json!({})).await;
        assert_eq!(execution.status, 200, "{}", execution.text);
        self.secret(
            "FURNITURE_KEY",
            "a-value-of-some-length",
            &["api.example.com".to_owned()],
        )
        .await;
        let prompt = json!({ "id": "furniture-prompt", "name": "furniture", "template": "Hello" });
        let saved = self.post("/api/v1/prompts", &prompt).await;
        assert_eq!(saved.status, 201, "{}", saved.text);
        let flow = json!({ "id": "furniture-flow", "name": "furniture", "steps": [{ "id": "one", "tool": "furniture" }] });
        let saved = self.post("/api/v1/flows", &flow).await;
        assert_eq!(saved.status, 201, "{}", saved.text);
        let run = self
            .post(
                "/api/v1/flows/furniture-flow/execute",
                &json!({ "input": {} }),
            )
            .await;
        assert_eq!(run.status, 202, "{}", run.text);
        let provider = json!({ "name": "furniture-store", "kind": "builtin" });
        let made = self.post("/api/v1/secret-providers", &provider).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let keys = format!("/api/v1/workspaces/{}/keys", self.workspace_id());
        let key = self
            .post(&keys, &json!({ "name": "furniture", "role": "viewer" }))
            .await;
        assert_eq!(key.status, 201, "{}", key.text);
        let members = format!("/api/v1/workspaces/{}/members", self.workspace_id());
        let invitation = self
            .post(&members, &json!({ "email": "furniture@example.com" }))
            .await;
        assert_eq!(invitation.status, 201, "{}", invitation.text);
        const GUEST: &str = "01a20413-d867-4567-9758-0cc2cff8aa88";
        self.app.sql(&format!(
            "insert into identity.profiles (id) values ('{GUEST}');
             insert into identity.memberships (workspace_id, user_id, role) values ('{}', '{GUEST}', 'viewer')",
            self.workspace_id()
        ));
        const CONVERSATION: &str = "01a20413-d867-7567-9758-0cc2cff8aa87";
        self.app.sql(&format!(
            "insert into orchestration.conversations (id, workspace_id, model, prompt, status)
             values ('{CONVERSATION}', '{}', 'm', 'p', 'succeeded')",
            self.workspace_id()
        ));
        let shown = json!({ "id": "furniture-shown", "name": "furniture", "description": "Says hello to whom it is told.",
                            "template": "Hello" });
        assert_eq!(self.post("/api/v1/prompts", &shown).await.status, 201);
        let published = self
            .post("/api/v1/prompts/furniture-shown/publish", &json!({}))
            .await;
        assert_eq!(published.status, 200, "{}", published.text);
        BTreeMap::from([
            (
                "publication_id",
                published.json["id"].as_str().unwrap().to_owned(),
            ),
            ("kind", "tool".to_owned()),
            ("conversation_id", CONVERSATION.to_owned()),
            ("user_id", GUEST.to_owned()),
            (
                "invitation_id",
                invitation.json["id"].as_str().unwrap().to_owned(),
            ),
            ("tool_id", "furniture".to_owned()),
            ("prompt_id", "furniture-prompt".to_owned()),
            ("flow_id", "furniture-flow".to_owned()),
            ("run_id", run.json["run_id"].as_str().unwrap().to_owned()),
            ("step_id", "one".to_owned()),
            ("n", "1".to_owned()),
            ("name", "FURNITURE_KEY".to_owned()),
            ("provider_name", "furniture-store".to_owned()),
            ("id", self.workspace_id()),
            ("workspace_id", self.workspace_id()),
            ("key_id", key.json["id"].as_str().unwrap().to_owned()),
            (
                "execution_id",
                execution.json["execution_id"].as_str().unwrap().to_owned(),
            ),
            ("file", "swagger-ui.css".to_owned()),
            (
                "connection_id",
                "0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11".to_owned(),
            ),
        ])
    }
}

/// Puts a tool of this persona into the tables past every check.
pub(crate) fn insert_row(app: &TestApp, owner: &Persona, id: &str, document: &Value) {
    let workspace = owner.workspace_id();
    let document = document.to_string().replace('\'', "''");
    let hash = "0".repeat(64);
    app.sql(&format!(
        "begin;
         insert into catalog.tools (workspace_id, id, name, description, version, hash)
         values ('{workspace}', '{id}', 'hostile', 'hostile', 1, '{hash}');
         insert into catalog.tool_versions (workspace_id, tool_id, version, hash, document)
         values ('{workspace}', '{id}', 1, '{hash}', '{document}');
         commit"
    ));
}

/// RFC 7386: members of `change` replace, null removes.
fn merge(document: &mut Value, change: &Value) {
    let Some(members) = change.as_object() else {
        *document = change.clone();
        return;
    };
    if !document.is_object() {
        *document = json!({});
    }
    for (name, value) in members {
        match value {
            Value::Null => {
                document.as_object_mut().unwrap().remove(name);
            }
            _ => merge(&mut document[name.as_str()], value),
        }
    }
}
