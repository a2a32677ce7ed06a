//! What a call of the model means: found, restored, refused.

use super::*;

#[test]
fn arguments_are_restored_only_where_the_model_has_the_strict_form() {
    let nullable = |id: &str| {
        let mut document = document(id, "The weather at a place");
        document["input_schema"]["properties"]["unit"] = json!({ "type": ["string", "null"] });
        document
    };
    let filler = (0..300).map(|n| nullable(&format!("ledger_{n}")));
    let catalog = catalog(filler.chain([nullable("weather_api")]));
    let offer = Offer::new(&catalog, None, "weather_api", &SMALL).unwrap();
    assert!(names(&offer).contains(&"weather_api") && !names(&offer).contains(&"ledger_99"));
    let unset = json!({ "city": "SF", "unit": null });
    let call = |tool: &str, arguments: &Value| {
        let call = json!({ "tool": tool, "arguments": arguments });
        offer.resolve("call_tool", &call.to_string())
    };
    // Given with its strict form: null is "left out", whichever way it is called.
    let left_out = run("weather_api", json!({ "city": "SF" }));
    assert_eq!(offer.resolve("weather_api", &unset.to_string()), left_out);
    assert_eq!(call("weather_api", &unset), left_out);
    let set_null = json!({ "city": "SF", "unit": { "null": true } });
    assert_eq!(
        call("weather_api", &set_null),
        run("weather_api", unset.clone())
    );
    // Found by searching, with its own schema: null is null.
    let as_it_is = run("ledger_99", unset.clone());
    assert_eq!(offer.resolve("ledger_99", &unset.to_string()), as_it_is);
    assert_eq!(call("ledger_99", &unset), as_it_is);
}

#[test]
fn only_what_is_allowed_is_found_and_called() {
    let filler = (0..300).map(|n| document(&format!("ledger_{n}"), "Wipes the ledger"));
    let mut destroys = document("wipe_disk", "Wipes the disk");
    destroys["annotations"] = json!({ "destructive": true });
    let catalog = catalog(filler.chain([destroys]));
    let offer = Offer::new(&catalog, None, "", &SMALL).unwrap();
    for query in ["wipe disk", "wipe_disk"] {
        let found = answered(offer.resolve(
            "search_tools",
            &json!({ "query": query, "limit": 20 }).to_string(),
        ));
        assert!(!found.to_string().contains("wipe_disk"), "{found}");
        assert!(!found["tools"].as_array().unwrap().is_empty());
    }
    for call in [
        ("call_tool", r#"{"tool":"wipe_disk","arguments":{}}"#),
        ("wipe_disk", "{}"),
    ] {
        refused(offer.resolve(call.0, call.1));
    }
}

#[test]
fn what_is_found_is_called_in_every_way_that_models_write() {
    let offer = Offer::new(&many(), None, "", &SMALL).unwrap();
    let found = answered(offer.resolve("search_tools", r#"{"query":"weather","limit":null}"#));
    assert_eq!(found["tools"][0]["id"], "weather_api");
    assert_eq!(found["tools"][0]["parameters"]["required"], json!(["city"]));
    let expected = run("weather_api", json!({ "city": "SF" }));
    for arguments in [
        r#"{"tool":"weather_api","arguments":{"city":"SF"}}"#,
        r#"{"tool":" weather_api ","arguments":"{\"city\":\"SF\"}"}"#,
        r#"{"tool":"weather_api","city":"SF"}"#,
    ] {
        assert_eq!(
            offer.resolve("call_tool", arguments),
            expected,
            "{arguments}"
        );
    }
    assert_eq!(offer.resolve("weather_api", r#"{"city":"SF"}"#), expected);
    for empty in [
        r#"{"tool":"weather_api"}"#,
        r#"{"tool":"weather_api","arguments":null}"#,
        r#"{"tool":"weather_api","arguments":""}"#,
    ] {
        assert_eq!(
            offer.resolve("call_tool", empty),
            run("weather_api", json!({})),
            "{empty}"
        );
    }
}

#[test]
fn calls_that_make_no_sense_are_told_how_to_be_mended() {
    let offer = Offer::new(&many(), None, "weather", &SMALL).unwrap();
    let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
    let long = format!("{{\"city\":\"{}\"}}", "x".repeat(1_100_000));
    for (name, arguments, code, message, hint) in [
        (
            "weather_api",
            "{\"city\":",
            FailureCode::InvalidInput,
            "line 1 column",
            "one complete JSON object",
        ),
        (
            "weather_api",
            "[1]",
            FailureCode::InvalidInput,
            "an array",
            "one JSON object",
        ),
        (
            "weather_api",
            "\"SF\"",
            FailureCode::InvalidInput,
            "a string",
            "one JSON object",
        ),
        (
            "weather_api",
            &deep,
            FailureCode::InvalidInput,
            "deeper than 64",
            "JSON object",
        ),
        (
            "weather_api",
            &long,
            FailureCode::InvalidInput,
            "longer than",
            "less",
        ),
        (
            "wether_api",
            "{}",
            FailureCode::ToolNotFound,
            "wether_api",
            "weather_api",
        ),
        (
            "zzz",
            "{}",
            FailureCode::ToolNotFound,
            "zzz",
            "search_tools",
        ),
        (
            "",
            "{}",
            FailureCode::ToolNotFound,
            "no function",
            "search_tools",
        ),
        (
            "search_tools",
            "{}",
            FailureCode::InvalidInput,
            "query",
            "query",
        ),
        (
            "search_tools",
            r#"{"query":7}"#,
            FailureCode::InvalidInput,
            "a number",
            "query",
        ),
        ("call_tool", "{}", FailureCode::InvalidInput, "tool", "id"),
        (
            "call_tool",
            "nonsense",
            FailureCode::InvalidInput,
            "not JSON",
            "JSON object",
        ),
        (
            "call_tool",
            r#"{"tool":"weather_api","arguments":[1]}"#,
            FailureCode::InvalidInput,
            "an array",
            "one object",
        ),
        (
            "call_tool",
            r#"{"tool":"weather_api","arguments":"{"}"#,
            FailureCode::InvalidInput,
            "not JSON",
            "JSON object",
        ),
        (
            "call_tool",
            r#"{"tool":"call_tool","arguments":{}}"#,
            FailureCode::ToolNotFound,
            "call_tool",
            "search_tools",
        ),
    ] {
        let refusal = refused(offer.resolve(name, arguments));
        assert_eq!(refusal.code, code, "{name} {arguments:.60}");
        assert!(refusal.message.contains(message), "{}", refusal.message);
        assert!(refusal.hint.contains(hint), "{}", refusal.hint);
        assert!(!refusal.retryable);
    }
    assert_eq!(
        offer.resolve("weather_api", "  "),
        run("weather_api", json!({}))
    );
}
