//! Catalogs and their listings, without a database.

use domain::config;
use persistence::tools::{CatalogKind, CatalogRow};
use serde_json::{Value, json};

use super::*;

fn document(name: &str) -> Value {
    json!({
        "name": name,
        "description": "The latest price",
        "api": { "base_url": "https://api.example.com", "method": "GET",
                 "auth": { "method": "api_key_query", "key_name": "apikey", "secret_ref": "${API_KEY}" } },
        "input_schema": { "properties": {
            "symbol": { "type": "string" },
            "function": { "const": "GLOBAL_QUOTE", "x-hidden": true } },
            "required": ["symbol"] },
        "output_schema": { "properties": { "price": { "type": "number" } } },
        "mapping": {
            "input_to_params": { "symbol": "symbol", "function": "function" },
            "response_to_output": { "price": "Global Quote.05. price" } },
    })
}

fn row(id: &str, version: i32, document: Option<&Value>) -> CatalogRow {
    CatalogRow {
        kind: CatalogKind::Tool,
        id: id.to_owned(),
        version,
        hash: format!("{id}-{version}"),
        document: document.map(Value::to_string),
    }
}

fn delta(revision: i64, rows: Vec<CatalogRow>) -> CatalogDelta {
    CatalogDelta { revision, rows }
}

fn policy() -> Policy {
    Policy::default()
}

fn id(text: &str) -> ToolId {
    text.parse().unwrap()
}

fn listed(listing: &Bytes, key: &str) -> Vec<String> {
    let listing: Value = serde_json::from_slice(listing).unwrap();
    let tools = listing["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| tool[key].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_change_replaces_what_changed_and_shares_the_rest() {
    let rows = vec![
        row("b", 1, Some(&document("b"))),
        row("a", 1, Some(&document("a"))),
    ];
    let first = Catalog::default().after(delta(2, rows), &policy());
    assert_eq!(listed(&first.listing(None), "id"), ["a", "b"]);

    let mut renamed = document("b");
    renamed["description"] = json!("Another");
    let rows = vec![
        row("a", 1, None),
        row("b", 2, Some(&renamed)),
        row("c", 1, Some(&document("c"))),
    ];
    let second = first.after(delta(5, rows), &policy());
    assert_eq!(second.revision(), 5);
    assert_eq!(listed(&second.listing(None), "id"), ["b", "c"]);
    assert_eq!(second.tool(&id("b")).unwrap().version, 2);
    assert_eq!(second.tool(&id("a")).map(|tool| tool.version), None);
    assert_eq!(first.tool(&id("b")).unwrap().version, 1);

    let third = second.after(delta(6, vec![row("b", 2, Some(&renamed))]), &policy());
    let same = |a: &Catalog, b: &Catalog, tool: &str| {
        Arc::ptr_eq(&a.tool(&id(tool)).unwrap(), &b.tool(&id(tool)).unwrap())
    };
    assert!(same(&second, &third, "b") && same(&second, &third, "c"));
}

#[test]
fn a_row_that_cannot_be_read_is_kept_aside() {
    let mut broken = document("broken");
    broken["api"]["base_url"] = json!("http://169.254.169.254/");
    let mut garbled = row("garbled", 3, None);
    garbled.document = Some("{".to_owned());
    let rows = vec![
        row("good", 1, Some(&document("good"))),
        row("broken", 2, Some(&broken)),
        garbled,
        row("Not An Id", 1, Some(&document("x"))),
    ];
    let catalog = Catalog::default().after(delta(1, rows), &policy());
    assert_eq!(catalog.tools().len(), 3);
    for tool in ["broken", "garbled"] {
        let tool = catalog.tool(&id(tool)).unwrap();
        assert!(tool.quarantined.is_some() && !tool.is_offered() && !tool.config.enabled);
    }
    for (format, key) in [
        (Format::OpenAi, "name"),
        (Format::Anthropic, "name"),
        (Format::Mcp, "name"),
    ] {
        assert_eq!(listed(&catalog.listing(Some(format)), key), ["good"]);
    }
    let all: Value = serde_json::from_slice(&catalog.listing(None)).unwrap();
    assert_eq!(all["tools"][0]["id"], "broken");
    assert!(all["tools"][0]["quarantined"].is_string());
}

#[test]
fn disabled_tools_are_listed_but_not_offered() {
    let mut off = document("off");
    off["enabled"] = json!(false);
    let rows = vec![
        row("off", 1, Some(&off)),
        row("on", 1, Some(&document("on"))),
    ];
    let catalog = Catalog::default().after(delta(1, rows), &policy());
    assert_eq!(listed(&catalog.listing(None), "id"), ["off", "on"]);
    assert_eq!(listed(&catalog.listing(Some(Format::Mcp)), "name"), ["on"]);
}

#[test]
fn a_listing_is_written_once_and_shows_no_call() {
    let rows = vec![row("quote", 7, Some(&document("quote")))];
    let catalog = Catalog::default().after(delta(1, rows), &policy());
    let listing = catalog.listing(None);
    assert_eq!(listing.as_ptr(), catalog.listing(None).as_ptr());
    let listing: Value = serde_json::from_slice(&listing).unwrap();
    assert_eq!(
        listing["tools"][0],
        json!({
            "id": "quote", "name": "quote", "description": "The latest price",
            "input_schema": { "type": "object", "properties": { "symbol": { "type": "string" } },
                              "required": ["symbol"] },
            "output_schema": { "type": "object", "properties": { "price": { "type": "number" } } },
            "tags": [], "enabled": true,
            "annotations": { "read_only": true, "destructive": false, "idempotent": true, "open_world": true },
            "version": 7, "source": "saved",
        })
    );
    for format in Format::ALL {
        let text = catalog.listing(Some(format));
        let text = std::str::from_utf8(&text).unwrap();
        for hidden in [
            "example.com",
            "API_KEY",
            "apikey",
            "GLOBAL_QUOTE",
            "Global Quote",
        ] {
            assert!(!text.contains(hidden), "{format:?} shows {hidden}");
        }
    }
}

#[test]
fn some_tools_are_listed_in_the_order_asked_for() {
    let rows = ["a", "b", "c"].map(|name| row(name, 1, Some(&document(name))));
    let catalog = Catalog::default().after(delta(1, rows.into()), &policy());
    let listing = catalog.listing_of(["c", "gone", "a"], None);
    assert_eq!(listed(&listing, "id"), ["c", "a"]);
    assert_eq!(&catalog.listing_of([], None)[..], br#"{"tools":[]}"#);
}

#[test]
fn a_document_without_an_id_keeps_the_id_of_its_row() {
    let rows = vec![row("first_name", 2, Some(&document("Second name")))];
    let catalog = Catalog::default().after(delta(1, rows), &policy());
    let tool = catalog.tool(&id("first_name")).unwrap();
    assert_eq!(
        (tool.config.id.as_str(), tool.view.id.as_str()),
        ("first_name", "first_name")
    );
}

#[test]
fn schemas_are_compiled_when_used() {
    let config = config::read(&document("quote"), &policy()).unwrap();
    let tool = CompiledTool::new(config, 1, String::new(), String::new());
    assert!(tool.input_schema().is_valid(&json!({ "symbol": "IBM" })));
    assert_eq!(
        tool.input_schema().faults(&json!({ "symbol": 1 }))[0].pointer,
        "/symbol"
    );
    assert!(
        tool.output_schema()
            .faults(&json!({ "price": 1.5 }))
            .is_empty()
    );
}

#[test]
fn a_schema_that_does_not_compile_lets_nothing_through() {
    let mut config = config::read(&document("quote"), &policy()).unwrap();
    config.input_schema = json!({ "type": "nonsense" });
    let tool = CompiledTool::new(config, 1, String::new(), String::new());
    assert!(!tool.input_schema().is_valid(&json!({})));
    assert!(!tool.input_schema().faults(&json!({})).is_empty());
}

#[test]
fn a_document_becomes_a_request_and_an_output() {
    let rows = vec![row("quote", 1, Some(&document("quote")))];
    let catalog = Catalog::default().after(delta(1, rows), &policy());
    let tool = catalog.tool(&id("quote")).unwrap();
    let input = json!({ "symbol": "IBM & co" });
    let draft = tool
        .request_plan
        .build(&tool.config, input.as_object().unwrap())
        .unwrap();
    let names: Vec<&str> = draft.query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["symbol", "function", "apikey"]);
    assert_eq!(
        draft.secrets().map(ToString::to_string).collect::<Vec<_>>(),
        ["API_KEY"]
    );
    let response = json!({ "Global Quote": { "05. price": "185.2000" } });
    assert_eq!(
        tool.output_plan.apply(&response),
        Ok(json!({ "price": 185.2 }))
    );
}

#[test]
fn a_mapped_document_fills_path_header_and_body() {
    let mut document = document("order");
    document["api"] = json!({ "base_url": "https://api.example.com/v1", "path": "/users/{id}/orders/",
                              "method": "POST", "auth": { "method": "none" } });
    document["input_schema"] = json!({ "properties": {
        "id": { "type": "string" }, "trace": { "type": "string" }, "count": { "type": "integer" },
        "tags": { "type": "array", "items": { "type": "string" } } } });
    document["mapping"] = json!({
        "input_to_params": { "tags": { "name": "tag", "style": "pipeDelimited", "explode": false } },
        "input_to_headers": { "trace": "X-Trace" },
        "input_to_body": { "count": "order.count" } });
    let rows = vec![row("order", 1, Some(&document))];
    let catalog = Catalog::default().after(delta(1, rows), &policy());
    let tool = catalog.tool(&id("order")).unwrap();
    assert_eq!(tool.quarantined, None);
    let input = json!({ "id": "a/b", "trace": "t", "count": 2, "tags": ["x", "y"] });
    let draft = tool
        .request_plan
        .build(&tool.config, input.as_object().unwrap())
        .unwrap();
    assert_eq!(
        (draft.segments.clone(), draft.trailing_slash),
        (
            vec!["v1".into(), "users".into(), "a/b".into(), "orders".into()],
            true
        )
    );
    assert_eq!(draft.query[0].0, "tag");
    assert_eq!(draft.headers[0].0, "X-Trace");
    assert_eq!(draft.body_json(), Some(&json!({ "order": { "count": 2 } })));
}

#[test]
fn of_two_code_based_tools_of_one_id_the_first_stays() {
    let named = |name| {
        let definition = domain::code::Definition {
            id: "twice",
            name,
            title: None,
            description: "d",
            tags: &[],
            version: 1,
            timeout_ms: 1000,
            effects: domain::config::Effects {
                read_only: true,
                destructive: false,
                idempotent: true,
                open_world: false,
            },
        };
        CodeTool::new(definition, |_, input: Value| async { Ok(input) })
    };
    let built_in = BuiltIn::new(&[named("first"), named("second")]);
    let names: Vec<&str> = built_in.tools().map(|it| it.config.name.as_str()).collect();
    assert_eq!(names, ["first"]);
}
