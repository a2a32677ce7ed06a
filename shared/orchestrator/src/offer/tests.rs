//! Offers over catalogs without a database: what is offered, withheld, found and called.

use domain::config;
use domain::egress::Policy;
use serde_json::json;

use super::*;

/// A tool of one input, as a document.
fn document(id: &str, description: &str) -> Value {
    json!({
        "id": id, "name": id, "description": description,
        "api": { "base_url": "https://api.example.com", "path": "/x", "method": "GET", "auth": { "method": "none" } },
        "input_schema": { "type": "object", "properties": {
            "city": { "type": "string" }, "unit": { "type": "string", "enum": ["c", "f"] } }, "required": ["city"] },
        "output_schema": {},
    })
}

fn compiled(document: &Value) -> CompiledTool {
    let config = config::read(document, &Policy::default()).unwrap();
    CompiledTool::new(config, 1, String::new(), document.to_string())
}

fn catalog(documents: impl IntoIterator<Item = Value>) -> Arc<Catalog> {
    let tools: Vec<_> = documents.into_iter().map(|it| compiled(&it)).collect();
    Arc::new(Catalog::new(1, tools))
}

/// 300 tools that the model cannot be given at once, and the weather.
fn many() -> Arc<Catalog> {
    let filler = (0..300).map(|n| {
        document(
            &format!("ledger_entry_{n}"),
            "Books an amount in the ledger",
        )
    });
    catalog(filler.chain([document("weather_api", "The weather at a place")]))
}

const SMALL: OfferRules = OfferRules { max_tokens: 2_000 };
const LARGE: OfferRules = OfferRules {
    max_tokens: 1_000_000,
};

fn ids(ids: &[&str]) -> Vec<ToolId> {
    ids.iter().map(|id| id.parse().unwrap()).collect()
}

fn names(offer: &Offer) -> Vec<&str> {
    offer
        .definitions()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect()
}

fn refused(resolved: Resolved) -> Failure {
    match resolved {
        Resolved::Refuse(failure) => failure,
        Resolved::Run { .. } | Resolved::Answer(_) => panic!("{resolved:?} is no refusal"),
    }
}

fn answered(resolved: Resolved) -> Value {
    match resolved {
        Resolved::Answer(answer) => answer,
        Resolved::Run { .. } | Resolved::Refuse(_) => panic!("{resolved:?} is no answer"),
    }
}

fn run(tool: &str, input: Value) -> Resolved {
    let tool = tool.parse().unwrap();
    Resolved::Run { tool, input }
}

#[test]
fn a_few_tools_are_all_given_by_id() {
    let catalog = catalog(["b", "a", "c"].map(|id| document(id, "Does it")));
    let offer = Offer::new(&catalog, None, "anything", &LARGE).unwrap();
    assert_eq!(names(&offer), ["a", "b", "c"]);
    assert!(offer.withheld().is_empty());
    assert_eq!(
        offer.tokens(),
        offer
            .definitions()
            .iter()
            .map(domain::tokens::estimate)
            .sum::<u64>()
    );
    for definition in offer.definitions() {
        assert_eq!(
            (&definition["type"], &definition["strict"]),
            (&json!("function"), &json!(true))
        );
    }
}

#[test]
fn many_tools_are_searched_within_the_budget() {
    let catalog = many();
    let offer = Offer::new(&catalog, None, "What is the weather in SF?", &SMALL).unwrap();
    let given = names(&offer);
    assert_eq!(given[..2], ["search_tools", "call_tool"]);
    assert!(given.contains(&"weather_api"));
    assert!(
        offer.tokens() <= SMALL.max_tokens,
        "{} tokens",
        offer.tokens()
    );
    let again = Offer::new(&catalog, None, "What is the weather in SF?", &SMALL).unwrap();
    assert_eq!(again.definitions(), offer.definitions());
    let aimless = Offer::new(&catalog, None, "", &SMALL).unwrap();
    assert_eq!(names(&aimless), ["search_tools", "call_tool"]);
}

#[test]
fn more_functions_than_a_request_may_hold_are_searched() {
    let catalog = many();
    let offer = Offer::new(&catalog, None, "ledger", &LARGE).unwrap();
    assert!(offer.definitions().len() <= 128 && names(&offer).contains(&"search_tools"));
}

#[test]
fn what_both_functions_take_stays_within_what_is_set_aside() {
    let usual = Meta {
        search: "search_tools",
        call: "call_tool",
    };
    assert!(usual.tokens() <= meta::TOKENS, "{}", usual.tokens());
}

#[test]
fn a_named_tool_is_given_whatever_it_takes() {
    let catalog = many();
    let wanted = ids(&["weather_api", "ledger_entry_7"]);
    let tiny = OfferRules { max_tokens: 1 };
    let offer = Offer::new(&catalog, Some(&wanted), "x", &tiny).unwrap();
    assert_eq!(names(&offer), ["ledger_entry_7", "weather_api"]);
    let wanted: Vec<ToolId> = (0..40)
        .map(|n| format!("ledger_entry_{n}").parse().unwrap())
        .collect();
    let offer = Offer::new(&catalog, Some(&wanted), "x", &tiny).unwrap();
    assert_eq!(names(&offer), ["search_tools", "call_tool"]);
    refused(offer.resolve("weather_api", "{}"));
}

#[test]
fn pinned_tools_come_first_and_leave_room() {
    let mut documents: Vec<Value> = (0..200)
        .map(|n| document(&format!("tool_{n:03}"), "Books"))
        .collect();
    for document in &mut documents[100..] {
        document["tags"] = json!(["pinned"]);
    }
    documents.push(document("weather_api", "The weather at a place"));
    let offer = Offer::new(&catalog(documents), None, "weather", &SMALL).unwrap();
    let given = names(&offer);
    assert!(
        given.contains(&"tool_100") && given.contains(&"weather_api"),
        "{given:?}"
    );
    assert!(!given.contains(&"tool_000"));
    assert!(offer.tokens() <= SMALL.max_tokens);
}

#[test]
fn no_tool_is_given_where_none_is_wanted() {
    let offer = Offer::new(&many(), Some(&[]), "weather", &SMALL).unwrap();
    assert!(offer.definitions().is_empty() && offer.withheld().is_empty());
    let refusal = refused(offer.resolve("weather_api", "{}"));
    assert_eq!(refusal.code, FailureCode::ToolNotFound);
    assert!(Offer::default().definitions().is_empty());
}

#[test]
fn unknown_and_repeated_names_are_faults_with_their_places() {
    let wanted = ids(&["weather_api", "wether_api", "weather_api", "qqqqqq"]);
    let faults = Offer::new(&many(), Some(&wanted), "x", &LARGE).unwrap_err();
    let told: Vec<_> = faults
        .iter()
        .map(|it| (it.pointer.as_str(), it.code, it.hint.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (
                "/tools/1",
                "unknown_tool",
                Some("did you mean \"weather_api\"?")
            ),
            ("/tools/2", "duplicate", Some("name each tool once")),
            (
                "/tools/3",
                "unknown_tool",
                Some("GET /api/v1/tools lists the ids")
            ),
        ]
    );
}

/// One that destroys, one that is off, and a good one.
fn mixed() -> Arc<Catalog> {
    let mut destroys = document("wipe_disk", "Wipes everything");
    destroys["annotations"] = json!({ "destructive": true });
    let mut off = document("off", "Is off");
    off["enabled"] = json!(false);
    catalog([destroys, off, document("good", "Is good")])
}

#[test]
fn naming_a_destructive_tool_is_the_consent() {
    let offer = Offer::new(&mixed(), None, "wipe everything", &LARGE).unwrap();
    assert_eq!(names(&offer), ["good"]);
    assert_eq!(offer.withheld().len(), 1);
    assert_eq!(offer.withheld()[0].tool, "wipe_disk");
    let refusal = refused(offer.resolve("wipe_disk", "{}"));
    assert_eq!(refusal.code, FailureCode::ToolNotFound);
    assert!(refusal.hint.contains("Name it in tools"));

    let offer = Offer::new(&mixed(), Some(&ids(&["wipe_disk"])), "x", &LARGE).unwrap();
    assert_eq!(names(&offer), ["wipe_disk"]);
    assert_eq!(
        offer.resolve("wipe_disk", r#"{"city":"SF","unit":null}"#),
        run("wipe_disk", json!({ "city": "SF" }))
    );
}

#[test]
fn a_named_tool_that_is_off_is_withheld_with_the_reason() {
    let offer = Offer::new(&mixed(), Some(&ids(&["off", "good"])), "x", &LARGE).unwrap();
    assert_eq!(names(&offer), ["good"]);
    assert_eq!(offer.withheld()[0].tool, "off");
    assert!(offer.withheld()[0].reason.contains("enabled"));
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

#[test]
fn a_workspace_keeps_its_own_search_tools() {
    for own in ["search_tools", "call_tool"] {
        let filler = (0..300).map(|n| document(&format!("ledger_{n}"), "Books"));
        let catalog = catalog(filler.chain([document(own, "Our own inventory of hammers")]));
        let offer = Offer::new(&catalog, None, "hammers", &SMALL).unwrap();
        assert_eq!(names(&offer), ["searchTools", "callTool", own]);
        assert_eq!(
            offer.resolve(own, r#"{"city":"SF"}"#),
            run(own, json!({ "city": "SF" }))
        );
        let found = answered(offer.resolve("searchTools", r#"{"query":"books"}"#));
        assert_eq!(found["tools"].as_array().unwrap().len(), 8);
        let call = json!({ "tool": own, "arguments": { "city": "SF" } });
        assert_eq!(
            offer.resolve("callTool", &call.to_string()),
            run(own, json!({ "city": "SF" }))
        );
    }
}

#[test]
fn a_search_answers_no_more_than_the_budget() {
    let description = "Books an amount. ".repeat(60);
    let filler = (0..300).map(|n| document(&format!("ledger_{n}"), &description));
    let catalog = catalog(filler);
    let offer = Offer::new(&catalog, None, "", &SMALL).unwrap();
    let found = answered(offer.resolve("search_tools", r#"{"query":"amounts","limit":20}"#));
    assert!(domain::tokens::estimate(&found) < SMALL.max_tokens + 400);
    let (shown, more) = (
        found["tools"].as_array().unwrap(),
        found["more"].as_array().unwrap(),
    );
    assert_eq!(shown.len() + more.len(), 20);
    let query = json!({ "query": more[0] }).to_string();
    assert_eq!(
        answered(offer.resolve("search_tools", &query))["tools"][0]["id"],
        more[0]
    );
    let nothing = answered(offer.resolve("search_tools", r#"{"query":"unicorns"}"#));
    assert_eq!(
        (&nothing["tools"], &nothing["all_tools"]),
        (&json!([]), &json!(300))
    );
}
