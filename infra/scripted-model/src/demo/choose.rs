//! Which functions fit a prompt, by its words.

use serde_json::Value;

use super::{fill, places, words};

/// Most calls of one turn.
const MAX_CALLS: usize = 5;

/// Fewer points are chance.
const ENOUGH: usize = 3;

/// The calls that the prompt asks for: `(function, arguments)`. Each part of the prompt may ask for one.
pub(super) fn calls(prompt: &str, tools: &[Value]) -> Vec<(String, Value)> {
    let parts = parts(prompt);
    let mut calls: Vec<(String, Value)> = Vec::new();
    let mut newest: Option<&Value> = None;
    for part in &parts {
        // "the weather in Rome and Oslo": the second part means the same function.
        let same = newest.filter(|tool| more_of_the_same(part, tool));
        if let Some(tool) = best(part, tools).or(same) {
            newest = Some(tool);
            push(&mut calls, tool, part);
        }
    }
    if calls.is_empty()
        && let Some(tool) = best(prompt, tools)
    {
        push(&mut calls, tool, prompt);
    }
    calls.truncate(MAX_CALLS);
    calls
}

fn push(calls: &mut Vec<(String, Value)>, tool: &Value, part: &str) {
    let schema = match &tool["parameters"] {
        Value::Null => &tool["input_schema"],
        schema => schema,
    };
    let call = (name(tool).to_owned(), fill::arguments(schema, part));
    if !calls.contains(&call) {
        calls.push(call);
    }
}

/// A tool's name, in a definition or in a list of search results.
fn name(tool: &Value) -> &str {
    let named = ["name", "tool", "id"].iter();
    let mut named = named.filter_map(|member| tool[*member].as_str());
    named.next().unwrap_or_default()
}

fn parts(prompt: &str) -> Vec<&str> {
    let sentences = prompt.split_inclusive(['?', '!', ';', '\n']);
    let parts = sentences.flat_map(|sentence| sentence.split(" and "));
    let parts = parts.flat_map(|part| part.split(", "));
    parts.filter(|part| !part.trim().is_empty()).collect()
}

fn more_of_the_same(part: &str, tool: &Value) -> bool {
    let properties = tool["parameters"]["properties"].as_object();
    let asks_for = |wanted: &[&str]| {
        let names = properties
            .into_iter()
            .flatten()
            .map(|(name, _)| words::of(name));
        names.flatten().any(|word| wanted.contains(&word.as_str()))
    };
    (places::first(part).is_some()
        && asks_for(&["latitude", "lat", "city", "place", "location", "zone"]))
        || (fill::ticker(part).is_some() && asks_for(&["symbol", "ticker"]))
}

/// The function with the most points; of several the first.
fn best<'a>(prompt: &str, tools: &'a [Value]) -> Option<&'a Value> {
    let mut best: Option<(usize, &Value)> = None;
    for tool in tools {
        let own = ["search_tools", "call_tool", "read_more"];
        if own.contains(&name(tool)) {
            continue;
        }
        let points = points(prompt, tool);
        if points >= ENOUGH && best.is_none_or(|(most, _)| points > most) {
            best = Some((points, tool));
        }
    }
    best.map(|(_, tool)| tool)
}

/// A word of the name counts three, one of the description or of an argument's name one; the name itself decides.
fn points(prompt: &str, tool: &Value) -> usize {
    let name = name(tool);
    let mut wanted = words::telling(prompt);
    let mut meant = words::meant(&wanted);
    if fill::sum(prompt).is_some() {
        meant.push("calculate");
    }
    let named = words::of(name);
    let mut described = words::of(tool["description"].as_str().unwrap_or_default());
    for (argument, _) in tool["parameters"]["properties"]
        .as_object()
        .into_iter()
        .flatten()
    {
        described.extend(words::of(argument));
    }
    let spelt_out = usize::from(!name.is_empty() && prompt.contains(name)) * 100;
    let of_meanings: usize = meant
        .iter()
        .map(|word| usize::from(named.iter().any(|one| one == word)) * 3)
        .sum();
    wanted.retain(|word| !meant.contains(&word.as_str()));
    let of_words: usize = wanted
        .iter()
        .map(|word| match word {
            word if named.contains(word) => 3,
            word if described.contains(word) => 1,
            _ => 0,
        })
        .sum();
    spelt_out + of_meanings + of_words
}
