//! Functions that stream: parts of an answer are out while later ones are still being made, and errors are errors.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::scripted_model::{call, context_length_exceeded, hang, say};
use testkit::{Gate, Reply, TestApp, ToolBuilder};
use tokio::sync::watch;

use super::event::{self, Fill, Told};
use super::harness::Function;
use super::scene::{fill, variables, weather};
use super::streamed::Streamed;

/// Reads server-sent events out of the parts of an answer.
struct Events {
    answer: Streamed,
    unread: String,
}

impl Events {
    fn of(answer: Streamed) -> Self {
        assert_eq!(answer.head()["statusCode"], 200, "{:?}", answer.head());
        assert_eq!(
            answer.head()["headers"]["content-type"],
            "text/event-stream"
        );
        let unread = String::new();
        Self { answer, unread }
    }

    /// The next event that has data, by name.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some((block, rest)) = self.unread.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.unread = rest;
                let field = |name: &str| {
                    let mut lines = block.lines();
                    lines.find_map(|line| line.strip_prefix(name).map(str::trim))
                };
                if let Some(data) = field("data:").filter(|data| !data.is_empty()) {
                    let name = field("event:").unwrap_or("message").to_owned();
                    return Some((name, serde_json::from_str(data).unwrap()));
                }
            }
            let part = self.answer.part().await?;
            self.unread.push_str(std::str::from_utf8(&part).unwrap());
        }
    }

    async fn rest(mut self) -> Vec<(String, Value)> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        assert_eq!(self.unread, "", "the answer ends within an event");
        events
    }
}

fn names(events: &[(String, Value)]) -> Vec<&str> {
    events.iter().map(|(name, _)| name.as_str()).collect()
}

/// The MCP event with another message.
fn mcp(fill: &Fill, method: &str, params: &Value) -> Value {
    let mut event = event::filled("mcp", "serve", fill);
    let mut message: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
    let meta = message["params"]["_meta"].clone();
    message["method"] = method.into();
    message["params"] = params.clone();
    for (name, value) in meta.as_object().unwrap() {
        message["params"]["_meta"][name] = value.clone();
    }
    event::set_header(&mut event, "Mcp-Method", Some(method));
    event::set_header(&mut event, "Mcp-Name", params["name"].as_str());
    event["body"] = message.to_string().into();
    event
}

#[tokio::test]
async fn a_call_tells_its_progress_while_the_tool_still_runs() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let (open, gate) = watch::channel(false);
    let reply = Reply::from(json!({ "degrees": 3 }));
    app.upstream()
        .on("/weather", Reply::Held(gate, Box::new(reply)));
    alice.registers(ToolBuilder::get("/weather")).await;
    let mut function = Function::start("mcp", &variables(app.config()))
        .await
        .unwrap();

    let params =
        json!({ "name": "get_weather", "arguments": {}, "_meta": { "progressToken": "p-1" } });
    let call = mcp(&fill(&app, &alice, "by-function"), "tools/call", &params);
    let mut events = Events::of(function.stream(call).await);
    let (_, first) = events.next().await.unwrap();
    assert_eq!(first["method"], "notifications/progress", "{first}");
    assert_eq!(first["params"]["progress"].as_f64(), Some(0.0));
    let (_, second) = events.next().await.unwrap();
    assert_eq!(second["params"]["progress"].as_f64(), Some(1.0), "{second}");

    open.send_replace(true);
    let rest = events.rest().await;
    assert_eq!(names(&rest), ["message", "message"]);
    assert_eq!(rest[0].1["params"]["progress"].as_f64(), Some(2.0));
    assert_eq!(rest[1].1["result"]["structuredContent"]["degrees"], 3);
}

#[tokio::test]
async fn mcp_lists_the_tools_of_the_workspace() {
    let (app, alice, _) = TestApp::with_two_empty_workspaces().await;
    alice.registers(ToolBuilder::get("/weather")).await;
    let mut function = Function::start("mcp", &variables(app.config()))
        .await
        .unwrap();
    let list = event::filled("mcp", "serve", &fill(&app, &alice, "by-function"));
    let answer = function.stream(list).await;
    assert_eq!(answer.head()["headers"]["content-type"], "application/json");
    let answer = answer.whole().await;
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    let tools = body["result"]["tools"].as_array().unwrap();
    let tools: BTreeSet<&str> = tools
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    assert!(tools.contains("get_weather"), "{tools:?}");
}

/// Status and headers of an error are in the answer's head, as those of any other answer.
#[tokio::test]
async fn an_error_before_the_first_byte_is_a_problem_with_its_status() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let fill = fill(&app, &alice, "by-function");
    for (group, verb) in [("mcp", "serve"), ("orchestrate", "save_prompt")] {
        let mut function = Function::start(group, &variables(app.config()))
            .await
            .unwrap();
        let mut event = event::filled(group, verb, &fill);
        event::set_header(&mut event, "Authorization", None);
        let answer = function.stream(event).await;
        assert_eq!(answer.head()["statusCode"], 401, "{group}");
        assert_eq!(answer.head()["cookies"], json!([]));
        let told = Told::by_function(&answer.whole().await, &fill);
        assert_eq!(told.headers["content-type"], "application/problem+json");
        assert_eq!(told.body["code"], "missing_token");
        let challenge = &told.headers["www-authenticate"];
        assert!(challenge.starts_with("Bearer"), "{challenge}");
        if group == "mcp" {
            // The gateway renames the header, so that the way to a token stands in the body as well.
            let link = "resource_metadata=\"https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/.well-known/oauth-protected-resource/mcp\"";
            assert!(challenge.contains(link), "{challenge}");
            assert!(
                told.body["detail"].as_str().unwrap().contains(link),
                "{}",
                told.body
            );
        }
    }
}

/// The specification's question, asked of a model that calls the tool and then answers when the gate lets it.
async fn asked(gate: &Gate) -> (TestApp, Function, Fill) {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("/weather", json!({ "temp_c": 18.5 }));
    alice.registers(weather()).await;
    app.model()
        .then(call([("weather_api", json!({ "city": "SF" }))]))
        .then(hang(gate, say("It is 18.5 °C in SF.")));
    let variables = variables(app.config());
    let function = Function::start("orchestrate", &variables).await.unwrap();
    let fill = fill(&app, &alice, "by-function");
    (app, function, fill)
}

#[tokio::test]
async fn the_call_of_a_tool_is_told_before_the_model_has_answered() {
    let gate = Gate::new();
    let (app, mut function, fill) = asked(&gate).await;
    let event = event::filled("orchestrate", "stream", &fill);
    let mut events = Events::of(function.stream(event).await);
    let (name, call) = events.next().await.unwrap();
    let call_id = &call["call_id"];
    assert_eq!(name, "tool_call");
    assert_eq!(
        call,
        json!({ "tool": "weather_api", "call_id": call_id, "input": { "city": "SF" }, "status": "running" })
    );
    let (name, result) = events.next().await.unwrap();
    assert_eq!(name, "tool_result");
    assert_eq!(
        result,
        json!({ "tool": "weather_api", "call_id": call_id, "output": { "temperature": 18.5 } })
    );
    gate.reached(1).await;
    gate.open();

    let rest = events.rest().await;
    let (deltas, last) = rest.split_at(rest.len() - 2);
    let told = deltas.iter().map(|(name, data)| {
        assert_eq!(name, "response.delta");
        data["text"].as_str().unwrap()
    });
    assert_eq!(told.collect::<String>(), "It is 18.5 °C in SF.");
    assert!(deltas.len() > 1, "the text comes while it is written");
    assert_eq!(names(last), ["response", "done"]);
    assert_eq!(last[0].1, json!({ "text": "It is 18.5 °C in SF." }));
    assert!(last[1].1["usage"]["total_tokens"].is_u64(), "{last:?}");
    assert!(last[1].1["id"].is_string(), "{last:?}");
    assert_eq!(app.model().refusals(), [""; 0]);
}

/// The first head was sent; the function must still be able to say what became of the run.
#[tokio::test]
async fn what_fails_after_the_first_event_is_an_event() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("/weather", json!({ "temp_c": 18.5 }));
    alice.registers(weather()).await;
    app.model()
        .then(call([("weather_api", json!({ "city": "SF" }))]))
        .then(context_length_exceeded());
    let mut function = Function::start("orchestrate", &variables(app.config()))
        .await
        .unwrap();
    let event = event::filled("orchestrate", "stream", &fill(&app, &alice, "by-function"));
    let events = Events::of(function.stream(event).await).rest().await;
    assert_eq!(
        names(&events),
        ["tool_call", "tool_result", "error", "done"]
    );
    assert!(events[2].1["code"].is_string(), "{events:?}");
}
