//! What the demonstration answers: rules over the words of the prompt, the same each time, and nothing more.
//!
//! It picks the offered function whose words fit the prompt best, fills its arguments from the prompt, and puts its output into
//! a sentence. Every answer says that no model was asked.

mod choose;
mod fill;
mod places;
mod tell;
mod words;

use serde_json::{Value, json};

use crate::captured::Captured;
use crate::reply::{Reply, call, say};
use crate::server::DEMO_MODEL;

/// Begins every text.
const LABEL: &str = "[Scripted demo, no model was asked]";

/// Answers a request.
pub(crate) fn answer(request: &Captured) -> Reply {
    let prompt = request.prompt();
    let since = since_prompt(request.items());
    let answered = tell::answered(since);
    let reply = if answered.is_empty() {
        begin(request, &prompt)
    } else if let Some(found) = searched(request, &prompt, since) {
        found
    } else {
        finish(request, &prompt, &answered)
    };
    reply.model(DEMO_MODEL)
}

/// The items behind the newest message of the user.
fn since_prompt(items: &[Value]) -> &[Value] {
    let newest = items.iter().rposition(|item| item["role"] == "user");
    newest.map_or(items, |newest| &items[newest + 1..])
}

fn begin(request: &Captured, prompt: &str) -> Reply {
    let tools = match request.body["tool_choice"].as_str() {
        Some("none") => &[],
        _ => request.tools(),
    };
    let calls = choose::calls(prompt, tools);
    if !calls.is_empty() {
        return call(calls);
    }
    // Nothing that is offered fits; there may be more to be found.
    if request.tool("search_tools").is_some() && !tools.is_empty() {
        let search = fill::arguments(&tool_schema(request, "search_tools"), prompt);
        return call([("search_tools", search)]);
    }
    finish(request, prompt, &[])
}

fn tool_schema(request: &Captured, name: &str) -> Value {
    request
        .tool(name)
        .map_or(Value::Null, |tool| tool["parameters"].clone())
}

/// A search found functions: the best of them is called.
fn searched(request: &Captured, prompt: &str, since: &[Value]) -> Option<Reply> {
    let called = |name: &str| since.iter().any(|item| item["name"] == name);
    request.tool("call_tool")?;
    if !called("search_tools") || called("call_tool") {
        return None;
    }
    let found = tell::answered(since).into_iter().next()?;
    let found = tell::output(&found.output);
    let listed = ["tools", "results", "matches"].iter();
    let mut listed = listed.filter_map(|name| found[*name].as_array());
    let listed = listed.next().or(found.as_array())?;
    let (name, arguments) = choose::calls(prompt, listed).into_iter().next()?;
    // Whichever way `call_tool` wants the arguments: as an object or as JSON text.
    let schema = tool_schema(request, "call_tool");
    let properties = schema["properties"].as_object()?;
    let mut call_tool = json!({});
    for (member, schema) in properties {
        let text = schema["type"] == "string";
        call_tool[member] = match member.as_str() {
            "arguments" | "input" if text => arguments.to_string().into(),
            "arguments" | "input" => arguments.clone(),
            _ => name.as_str().into(),
        };
    }
    Some(call([("call_tool", call_tool)]))
}

/// The answer: what the functions told, in the form that is asked for.
fn finish(request: &Captured, prompt: &str, answered: &[tell::Answered]) -> Reply {
    let format = &request.body["text"]["format"];
    if format["type"] == "json_schema" {
        let outputs = answered.iter().map(|one| tell::output(&one.output));
        let known: Vec<Value> = outputs.collect();
        return say(fill::known(&format["schema"], prompt, &known).to_string());
    }
    if !answered.is_empty() {
        let told: Vec<String> = answered.iter().map(tell::sentence).collect();
        return say(format!("{LABEL} {}", told.join(" ")));
    }
    let names = request.tool_names();
    let offered = match names.len() {
        0 => "no tool is offered".to_owned(),
        1..=8 => format!("offered are {}", names.join(", ")),
        more => format!("{more} are offered, such as {}", names[..8].join(", ")),
    };
    say(format!(
        "{LABEL} No offered tool fits the words of \"{}\": {offered}. Set OPENAI_API_KEY and start without --scripted-model to ask a real model.",
        tell::shortened(prompt, 80)
    ))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "these are tests"
)]
mod tests;
