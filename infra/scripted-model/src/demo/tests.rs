//! The demonstration over the sample tools and the tools compiled in: prompts, the calls they lead to, and what is said.

use http::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::reply::Part;

fn function(name: &str, description: &str, properties: Value) -> Value {
    let names: Vec<&String> = properties.as_object().unwrap().keys().collect();
    json!({
        "type": "function", "name": name, "description": description, "strict": true,
        "parameters": { "type": "object", "required": names, "additionalProperties": false, "properties": properties }
    })
}

fn tools() -> Vec<Value> {
    let number = json!({ "type": "number" });
    let text = |description: &str| json!({ "type": "string", "description": description });
    vec![
        function(
            "echo_post",
            "Sends a message as JSON to httpbin.org and reads back what arrived there.",
            json!({ "message": { "type": "string" }, "author": { "type": ["string", "null"] } }),
        ),
        function(
            "get_stock_quote",
            "The latest price of one listed share, from Alpha Vantage.",
            json!({ "symbol": text("Ticker symbol, such as IBM") }),
        ),
        function(
            "get_weather",
            "The current temperature and wind at a place, from Open-Meteo. Needs no key.",
            json!({ "latitude": number, "longitude": number }),
        ),
        function(
            "calculate",
            "Computes an arithmetic expression. No variables and no units.",
            json!({ "expression": text("Such as `(1.5 + 2) * 3^2`") }),
        ),
        function(
            "current_time",
            "The current date and time in a time zone, with the day of the week and the offset from UTC.",
            json!({ "time_zone": text("Time zone of the IANA database, such as Europe/Oslo or America/New_York.") }),
        ),
        function(
            "exchange_rate",
            "What one currency costs in another, today or on a past day.",
            json!({
                "from": text("The currency to change from (ISO 4217), such as EUR."),
                "to": text("The currency to change to (ISO 4217), such as USD."),
                "amount": { "type": ["number", "null"], "minimum": 0 },
                // As strict mode says what may be left out and may be null as well.
                "date": { "anyOf": [
                    { "type": ["string", "null"], "description": "The day (YYYY-MM-DD)" },
                    {
                        "type": "object", "required": ["null"], "additionalProperties": false,
                        "properties": { "null": { "type": "boolean", "enum": [true] } }
                    }
                ] }
            }),
        ),
        function(
            "read_more",
            "Reads on where the output of another tool was cut.",
            json!({ "cursor": text("A cursor") }),
        ),
    ]
}

fn asked(input: Value, tools: Vec<Value>) -> Reply {
    answer(&Captured {
        number: 1,
        headers: HeaderMap::new(),
        body: json!({ "model": "gpt-5", "input": input, "tools": tools }),
        text: String::new(),
    })
}

/// The calls that a prompt leads to.
fn called(prompt: &str) -> Vec<(String, Value)> {
    let reply = asked(json!([{ "role": "user", "content": prompt }]), tools());
    assert_eq!(reply.model.as_deref(), Some(DEMO_MODEL));
    let parts = reply.parts.into_iter();
    parts
        .filter_map(|part| match part {
            Part::Call {
                name, arguments, ..
            } => Some((name, serde_json::from_str(&arguments).unwrap())),
            Part::Think(_) | Part::Say(_) | Part::Refuse(_) | Part::Item(_) => None,
        })
        .collect()
}

fn said(reply: &Reply) -> String {
    match &reply.parts[..] {
        [Part::Say(text)] => text.clone(),
        parts => panic!("{parts:?}"),
    }
}

#[test]
fn prompts_lead_to_calls() {
    let weather = |latitude: f64, longitude: f64| {
        (
            "get_weather",
            json!({ "latitude": latitude, "longitude": longitude }),
        )
    };
    let quote = |symbol: &str| ("get_stock_quote", json!({ "symbol": symbol }));
    for (prompt, calls) in [
        ("What's the weather in SF?", vec![weather(37.77, -122.42)]),
        (
            "How warm is it in Berlin and in Rome?",
            vec![weather(52.52, 13.41), weather(41.89, 12.51)],
        ),
        ("What's the price of IBM?", vec![quote("IBM")]),
        (
            "Stock quotes for IBM and MSFT, please",
            vec![quote("IBM"), quote("MSFT")],
        ),
        (
            "What does IBM's share cost, and what is the weather in Berlin?",
            vec![quote("IBM"), weather(52.52, 13.41)],
        ),
        (
            "What is 12 * (3 + 4)?",
            vec![("calculate", json!({ "expression": "12 * (3 + 4)" }))],
        ),
        (
            "What time is it in Tokyo?",
            vec![("current_time", json!({ "time_zone": "Asia/Tokyo" }))],
        ),
        (
            "Convert 20 EUR to USD",
            vec![(
                "exchange_rate",
                json!({ "from": "EUR", "to": "USD", "amount": 20.0, "date": null }),
            )],
        ),
        (
            "Convert 20 EUR to USD on 2024-11-25",
            vec![(
                "exchange_rate",
                json!({ "from": "EUR", "to": "USD", "amount": 20.0, "date": "2024-11-25" }),
            )],
        ),
        (
            "Echo \"hello there\"",
            vec![(
                "echo_post",
                json!({ "message": "hello there", "author": null }),
            )],
        ),
        ("Use get_stock_quote", vec![quote("IBM")]),
        ("Write a poem", vec![]),
        ("", vec![]),
    ] {
        let expected: Vec<(String, Value)> = calls
            .into_iter()
            .map(|(name, input)| (name.to_owned(), input))
            .collect();
        assert_eq!(called(prompt), expected, "{prompt}");
    }
}

#[test]
fn outputs_become_a_sentence() {
    let turn = |output: &str| {
        json!([
            { "role": "user", "content": "Weather in Berlin?" },
            { "type": "function_call", "call_id": "c", "name": "get_weather", "arguments": "{}" },
            { "type": "function_call_output", "call_id": "c", "output": output }
        ])
    };
    for (output, told) in [
        (
            r#"{"temperature_celsius":9.3,"at":{"time":"12:00"}}"#,
            "get_weather answered: temperature celsius 9.3, at time 12:00.",
        ),
        (
            r#"Data of the tool, no instructions: {"output":{"wind_kmh":14.8}}"#,
            "get_weather answered: wind kmh 14.8.",
        ),
        (
            r#"{"error":{"code":"x","message":"It is down.","hint":"Try later.","retryable":true}}"#,
            "get_weather failed: It is down. Hint: Try later.",
        ),
        ("plain words", "get_weather answered: plain words."),
        ("{}", "get_weather answered with nothing."),
    ] {
        let text = said(&asked(turn(output), tools()));
        assert_eq!(text, format!("{LABEL} {told}"));
    }
}

#[test]
fn says_when_nothing_fits() {
    let text = said(&asked(json!("Write a poem"), tools()));
    assert!(
        text.starts_with(LABEL)
            && text.contains("\"Write a poem\"")
            && text.contains("get_weather"),
        "{text}"
    );
    let text = said(&asked(json!("Write a poem"), vec![]));
    assert!(text.contains("no tool is offered"), "{text}");
}

#[test]
fn answers_in_the_form_that_is_asked_for() {
    let captured = Captured {
        number: 1,
        headers: HeaderMap::new(),
        body: json!({
            "model": "gpt-5",
            "input": [
                { "role": "user", "content": "Weather in Berlin?" },
                { "type": "function_call", "call_id": "c", "name": "get_weather", "arguments": "{}" },
                { "type": "function_call_output", "call_id": "c", "output": "{\"temperature_celsius\":9.3}" }
            ],
            "text": { "format": { "type": "json_schema", "name": "w", "strict": true, "schema": {
                "type": "object", "additionalProperties": false, "required": ["city", "temperature_celsius"],
                "properties": { "city": { "type": "string" }, "temperature_celsius": { "type": "number" } }
            } } }
        }),
        text: String::new(),
    };
    let answered: Value = serde_json::from_str(&said(&answer(&captured))).unwrap();
    assert_eq!(
        answered,
        json!({ "city": "Berlin", "temperature_celsius": 9.3 })
    );
}

#[test]
fn searches_when_no_offered_tool_fits() {
    let search = function(
        "search_tools",
        "Finds tools",
        json!({ "query": { "type": "string" } }),
    );
    let call = function(
        "call_tool",
        "Calls a tool",
        json!({ "name": { "type": "string" }, "arguments": { "type": "string" } }),
    );
    let tools = vec![search, call];
    let prompt = json!({ "role": "user", "content": "What's the weather in SF?" });
    let first = asked(json!([prompt]), tools.clone());
    assert!(matches!(&first.parts[..], [Part::Call { name, .. }] if name == "search_tools"));
    let found = json!({ "tools": [{ "name": "get_weather", "description": "The weather", "input_schema": {
        "type": "object", "required": ["city"], "properties": { "city": { "type": "string" } }
    } }] });
    let second = asked(
        json!([
            prompt,
            { "type": "function_call", "call_id": "c", "name": "search_tools", "arguments": "{}" },
            { "type": "function_call_output", "call_id": "c", "output": found.to_string() }
        ]),
        tools,
    );
    let [
        Part::Call {
            name, arguments, ..
        },
    ] = &second.parts[..]
    else {
        panic!("{:?}", second.parts);
    };
    assert_eq!(name, "call_tool");
    let arguments: Value = serde_json::from_str(arguments).unwrap();
    assert_eq!(
        arguments,
        json!({ "name": "get_weather", "arguments": "{\"city\":\"SF\"}" })
    );
}
