//! Offers over catalogs without a database: what is offered, withheld, found and called.

use domain::config;
use domain::egress::Policy;
use serde_json::json;

use super::*;

mod calls;

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

/// A quarantined tool, one whose schema no provider takes, and a good one.
fn broken() -> Arc<Catalog> {
    let mut quarantined = compiled(&document("aged", "Is good"));
    quarantined.quarantined = Some("/api/base_url: db.internal is private".to_owned());
    let mut config = config::read(&document("bent", "Is good"), &Policy::default()).unwrap();
    config.input_schema =
        json!({ "type": "object", "properties": { "a": { "type": "objekt" } }, "required": ["a"] });
    let bent = CompiledTool::new(config, 1, String::new(), String::new());
    let good = compiled(&document("good", "Is good"));
    Arc::new(Catalog::new(1, [quarantined, bent, good]))
}

#[test]
fn bad_tools_are_withheld_with_reasons_and_spoil_nothing() {
    let all = ids(&["aged", "bent", "good"]);
    for wanted in [None, Some(all.as_slice())] {
        let offer = Offer::new(&broken(), wanted, "good", &LARGE).unwrap();
        assert_eq!(names(&offer), ["good"]);
        let told: Vec<_> = offer
            .withheld()
            .iter()
            .map(|it| (it.tool.as_str(), it.reason.as_str()))
            .collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].0 == "aged" && told[0].1.contains("db.internal is private"));
        assert!(
            told[1].0 == "bent" && told[1].1.contains("/properties/a/type"),
            "{told:?}"
        );
        for tool in ["aged", "bent"] {
            let refusal = refused(offer.resolve(tool, "{}"));
            assert_eq!(refusal.code, FailureCode::ToolNotFound);
            assert!(!refusal.hint.contains("db.internal"), "no host for a model");
        }
        assert_eq!(
            offer.resolve("good", r#"{"city":"SF","unit":null}"#),
            run("good", json!({ "city": "SF" }))
        );
    }
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
