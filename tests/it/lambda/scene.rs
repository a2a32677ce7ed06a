//! Who sends events, and to which functions: two people of one app, one over HTTP, one through the functions.

use std::collections::BTreeMap;

use runtime::PoolMode;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use testkit::scripted_model::{Reply as Answers, reply_with, say};
use testkit::{Persona, TestApp, ToolBuilder, global_quote};

use super::event::{self, Fill, Told};
use super::harness::Function;

/// One database, one upstream, and for each of the two ways a person with a workspace of their own.
pub(super) struct Scene {
    pub(super) app: TestApp,
    pub(super) functions: BTreeMap<&'static str, Function>,
    pub(super) over_http: Fill,
    pub(super) by_function: Fill,
}

impl Scene {
    pub(super) async fn new() -> Self {
        Self::of(TestApp::start().await)
    }

    pub(super) fn of(app: TestApp) -> Self {
        app.upstream().on("/query", global_quote());
        Self {
            over_http: fill(&app, &app.alice(), "over-http"),
            by_function: fill(&app, &app.bob(), "by-function"),
            app,
            functions: BTreeMap::new(),
        }
    }

    /// Both have the tool of the specification's question, and the operator has a model that calls it once and then answers.
    pub(super) async fn with_weather() -> Self {
        // Runs stand still, so that both ways show the same.
        let setup = TestApp::setup().scripted_model().without_workers();
        // Else MCP's metadata would say by which host each request came.
        let public = |config: &mut runtime::Config| {
            config.public_url = Some("https://tools.example.com".to_owned());
        };
        let app = setup.config(public).start().await;
        app.upstream().on("/weather", json!({ "temp_c": 18.5 }));
        for who in [app.alice(), app.bob()] {
            who.registers(weather()).await;
        }
        app.model()
            .otherwise(reply_with(|asked| match asked.outputs().is_empty() {
                true => {
                    Answers::default().call_as("call_1", "weather_api", &json!({ "city": "SF" }))
                }
                false => say("It is 18.5 °C in SF."),
            }));
        let mut scene = Self::of(app);
        for (who, others, fill) in [
            (scene.app.alice(), "b_weather_api", &mut scene.over_http),
            (scene.app.bob(), "a_weather_api", &mut scene.by_function),
        ] {
            // What the other one publishes.
            fill.insert("OTHERS", others.to_owned());
            fill.extend(company(&scene.app, &who));
        }
        scene
    }

    /// The function of a group, started when it is first asked for.
    pub(super) async fn function(&mut self, group: &'static str) -> &mut Function {
        if !self.functions.contains_key(group) {
            let function = Function::start(group, &self.variables()).await.unwrap();
            self.functions.insert(group, function);
        }
        self.functions.get_mut(group).unwrap()
    }

    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        variables(self.app.config())
    }

    /// Sends an event to the function that it is for.
    pub(super) async fn by_function(&mut self, group: &'static str, event: Value) -> Told {
        let (told, _) = self.answer(group, event).await;
        told
    }

    pub(super) async fn answer(&mut self, group: &'static str, event: Value) -> (Told, Value) {
        let response = self.function(group).await.invoke(event).await;
        let body = response["body"].as_str().unwrap_or_default();
        let body = serde_json::from_str(body).unwrap_or_default();
        (Told::by_function(&response, &self.by_function), body)
    }

    /// The same event both ways, changed alike; both answers must be equal.
    pub(super) async fn both(
        &mut self,
        group: &'static str,
        verb: &str,
        change: impl Fn(&mut Value),
    ) -> Told {
        let mut http = event::filled(group, verb, &self.over_http);
        let mut lambda = event::filled(group, verb, &self.by_function);
        change(&mut http);
        change(&mut lambda);
        let (over_http, body) = Told::over_http(&http, self.app.url(), &self.over_http).await;
        learn(&mut self.over_http, verb, &body);
        let (by_function, body) = self.answer(group, lambda).await;
        learn(&mut self.by_function, verb, &body);
        assert_eq!(by_function, over_http, "{group}/{verb}");
        by_function
    }
}

/// The tool of the specification's question.
pub(super) fn weather() -> ToolBuilder {
    let city = json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    let output = json!({
        "type": "object", "properties": { "temperature": { "type": "number" } }, "required": ["temperature"]
    });
    let mapping = json!({ "response_to_output": { "temperature": "temp_c" } });
    let tool = ToolBuilder::get("/weather").id("weather_api");
    let region = json!({ "region": { "enum": ["eu", "us"], "default": "eu" } });
    let tool = tool.set("/api/connection_vars", region);
    tool.input(city).output(output).mapping(mapping)
}

/// What events say of a person who sends them.
pub(super) fn fill(app: &TestApp, who: &Persona, unique: &str) -> Fill {
    Fill::from([
        ("TOKEN", who.token().to_owned()),
        ("WORKSPACE_ID", who.workspace_id().to_string()),
        ("UPSTREAM", app.upstream().base_url()),
        ("UNIQUE", unique.to_owned()),
    ])
}

/// Somebody else in the person's workspace, and two workspaces that the person is invited to.
fn company(app: &TestApp, who: &Persona) -> Fill {
    let guest = uuid();
    let workspace = who.workspace_id();
    app.sql(&format!(
        "insert into identity.profiles (id) values ('{guest}');
         insert into identity.memberships (workspace_id, user_id, role) values ('{workspace}', '{guest}', 'member')"
    ));
    let invited = |name: &str| {
        let (host, inviting, invitation, user) = (uuid(), uuid(), uuid(), who.user_id());
        let slug = format!("{name}-{host}");
        app.sql(&format!(
            "insert into identity.profiles (id) values ('{host}');
             insert into identity.workspaces (id, name, slug) values ('{inviting}', '{name}', '{slug}');
             insert into identity.memberships (workspace_id, user_id, role) values ('{inviting}', '{host}', 'owner');
             insert into identity.invitations (id, workspace_id, user_id, role, invited_by)
             values ('{invitation}', '{inviting}', '{user}', 'viewer', '{host}')"
        ));
        invitation
    };
    Fill::from([
        ("ACCEPTED_ID", invited("first")),
        ("DECLINED_ID", invited("second")),
        ("GUEST_ID", guest),
    ])
}

fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// What the template sets, for this database.
pub(crate) fn variables(config: &runtime::Config) -> Vec<(&'static str, String)> {
    let secret = |value: &Option<secrecy::SecretString>| {
        value
            .as_ref()
            .map(|value| value.expose_secret().to_owned())
            .unwrap_or_default()
    };
    vec![
        ("AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH", "true".to_owned()),
        (
            "DATABASE_URL",
            config.database_url.expose_secret().to_owned(),
        ),
        (
            "DATABASE_POOL_MODE",
            match config.database_pool_mode {
                PoolMode::Session => "session".to_owned(),
                PoolMode::Transaction => "transaction".to_owned(),
            },
        ),
        ("SUPABASE_JWT_SECRET", secret(&config.jwt_secret)),
        ("JWT_ISSUER", config.jwt_issuer.clone().unwrap_or_default()),
        ("MASTER_KEYS", secret(&config.master_keys)),
        ("EGRESS_ALLOW", config.egress_allow.clone()),
        ("CORS_ORIGINS", config.cors_origins.join(",")),
        ("PUBLIC_URL", config.public_url.clone().unwrap_or_default()),
        ("OPENAI_BASE_URL", config.model.base_url.clone()),
        ("OPENAI_API_KEY", secret(&config.model.api_key)),
        (
            "OPENAI_MODEL",
            config.model.model.clone().unwrap_or_default(),
        ),
    ]
}

/// Ids that later events name.
fn learn(fill: &mut Fill, verb: &str, body: &Value) {
    let (name, id) = match verb {
        "create" if body["slug"].is_string() => ("NEW_WORKSPACE_ID", &body["id"]),
        "read_publication" => ("PUBLICATION_HASH", &body["hash"]),
        "invite_member" => ("INVITATION_ID", &body["id"]),
        "create_key" => ("KEY_ID", &body["id"]),
        "execute" if body["run_id"].is_string() => ("RUN_ID", &body["run_id"]),
        "execute" => ("EXECUTION_ID", &body["execution_id"]),
        "orchestrate" => ("CONVERSATION_ID", &body["id"]),
        _ => return,
    };
    fill.insert(
        name,
        id.as_str()
            .unwrap_or("00000000-0000-0000-0000-000000000000")
            .to_owned(),
    );
}
