//! Requests built from inputs, by tables and properties.

mod bodies;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Draft, Plan, Segment};
use crate::config::{
    Auth, ConnectionVar, InputMapping, InputRule, Method, ParamStyle, PathSegment, Piece, Target,
    Template, TemplatePiece, ToolConfig,
};
use crate::fault::Fault;
use crate::sample::sample;

fn text(text: &str) -> Template {
    Template(vec![TemplatePiece::Text(text.to_owned())])
}

fn secret(name: &str) -> Template {
    Template(vec![TemplatePiece::Secret(name.parse().unwrap())])
}

fn to(input: &str, target: Target) -> InputRule {
    InputRule {
        input: input.to_owned(),
        target,
        default: None,
        omit_empty: false,
    }
}

fn query(input: &str, style: ParamStyle) -> InputRule {
    let name = input.to_owned();
    to(input, Target::Query { name, style })
}

fn header(input: &str, name: &str) -> InputRule {
    let name = name.to_owned();
    to(
        input,
        Target::Header {
            name,
            style: ParamStyle::Simple,
        },
    )
}

fn body(input: &str, place: &[&str]) -> InputRule {
    let pointer = place.iter().map(ToString::to_string).collect();
    to(input, Target::Body { pointer })
}

/// `/v1/users/{id}`, with this mapping.
fn tool(method: Method, mapping: InputMapping) -> ToolConfig {
    let mut config = sample();
    config.api.method = method;
    config.api.path = vec![
        PathSegment(vec![Piece::Text("users".to_owned())]),
        PathSegment(vec![Piece::Placeholder("id".to_owned())]),
    ];
    config.input_schema = json!({ "type": "object", "properties": {
        "id": { "type": "string" }, "q": {}, "region": { "x-hidden": true, "default": "eu" } } });
    config.mapping.inputs = mapping;
    config
}

fn build(config: &ToolConfig, input: Value) -> Result<Draft, Vec<Fault>> {
    let Value::Object(input) = input else {
        panic!("an input is an object")
    };
    Plan::compile(config).build(config, &input)
}

fn pairs(pairs: &[(String, Template)]) -> Vec<(&str, &str)> {
    let pairs = pairs.iter().map(|(name, value)| match value.0.as_slice() {
        [TemplatePiece::Text(value)] => (name.as_str(), value.as_str()),
        other => panic!("{other:?} is no plain text"),
    });
    pairs.collect()
}

#[test]
fn without_a_mapping_a_get_asks_by_query() {
    let config = tool(Method::Get, InputMapping::Identity);
    let input = json!({ "id": "a/b", "q": "${KEY} {{ x }}", "n": 9007199254740993_u64, "yes": true,
                        "list": [1, null, "b"], "gone": null, "o": { "k": "v" } });
    let draft = build(&config, input).unwrap();
    assert_eq!(draft.segments, ["users", "a/b"]);
    assert_eq!(
        pairs(&draft.query),
        [
            ("q", "${KEY} {{ x }}"),
            ("n", "9007199254740993"),
            ("yes", "true"),
            ("list", "1"),
            ("list", "b"),
            ("k", "v"),
            ("region", "eu")
        ]
    );
    assert_eq!(draft.body, None);
    assert_eq!(draft.secrets().count(), 0);
}

#[test]
fn without_a_mapping_a_post_sends_a_body() {
    let config = tool(Method::Post, InputMapping::Identity);
    let draft = build(
        &config,
        json!({ "id": "1", "q": null, "list": [{ "a": 1 }] }),
    )
    .unwrap();
    assert_eq!(
        draft.body_json(),
        Some(&json!({ "q": null, "list": [{ "a": 1 }], "region": "eu" }))
    );
    assert_eq!(draft.query, []);

    let mut nothing = sample();
    nothing.api.method = Method::Post;
    assert_eq!(build(&nothing, json!({})).unwrap().body, None);
}

#[test]
fn a_mapping_is_exact() {
    let mut limit = query("limit", ParamStyle::FormExplode);
    limit.default = Some(json!(10));
    let mut empty = query("empty", ParamStyle::FormExplode);
    empty.omit_empty = true;
    let rules = vec![
        query("q", ParamStyle::FormExplode),
        limit,
        empty,
        header("trace", "X-Trace"),
        body("name", &["user", "name"]),
        body("tags", &["user", "tags"]),
        body("absent", &["absent"]),
    ];
    let config = tool(Method::Post, InputMapping::Exact(rules));
    let input = json!({ "id": "1", "q": "x", "empty": "", "trace": ["a", 1], "name": "n",
                        "tags": [], "unmapped": 1 });
    let draft = build(&config, input).unwrap();
    assert_eq!(pairs(&draft.query), [("q", "x"), ("limit", "10")]);
    assert_eq!(pairs(&draft.headers), [("X-Trace", "a,1")]);
    assert_eq!(
        draft.body_json(),
        Some(&json!({ "user": { "name": "n", "tags": [] } }))
    );

    let none = tool(Method::Post, InputMapping::Exact(Vec::new()));
    let draft = build(&none, json!({ "id": "1", "q": "x" })).unwrap();
    assert_eq!((draft.query, draft.body), (Vec::new(), None));
}

#[test]
fn arrays_and_objects_are_written_by_style() {
    let list = json!(["a", 2, true]);
    let object = json!({ "k": "v", "n": { "m": [1, 2] } });
    let flat = json!({ "k": "v", "n": 1 });
    for (style, value, expected) in [
        (
            ParamStyle::FormExplode,
            &list,
            vec![("q", "a"), ("q", "2"), ("q", "true")],
        ),
        (ParamStyle::Form, &list, vec![("q", "a,2,true")]),
        (ParamStyle::Simple, &list, vec![("q", "a,2,true")]),
        (ParamStyle::SpaceDelimited, &list, vec![("q", "a 2 true")]),
        (ParamStyle::PipeDelimited, &list, vec![("q", "a|2|true")]),
        (ParamStyle::FormExplode, &flat, vec![("k", "v"), ("n", "1")]),
        (ParamStyle::Form, &flat, vec![("q", "k,v,n,1")]),
        (
            ParamStyle::DeepObject,
            &object,
            vec![("q[k]", "v"), ("q[n][m]", "1"), ("q[n][m]", "2")],
        ),
        (ParamStyle::Form, &json!([]), vec![]),
        (ParamStyle::FormExplode, &json!(null), vec![]),
        (ParamStyle::FormExplode, &json!(""), vec![("q", "")]),
    ] {
        let config = tool(Method::Get, InputMapping::Exact(vec![query("q", style)]));
        let draft = build(&config, json!({ "id": "1", "q": value })).unwrap();
        assert_eq!(pairs(&draft.query), expected, "{style:?} {value}");
    }
    for (style, value) in [
        (ParamStyle::FormExplode, json!([{ "a": 1 }])),
        (ParamStyle::FormExplode, json!({ "a": [1] })),
        (ParamStyle::Form, json!([[1]])),
        (ParamStyle::DeepObject, json!([1])),
    ] {
        let config = tool(Method::Get, InputMapping::Exact(vec![query("q", style)]));
        let faults = build(&config, json!({ "id": "1", "q": value })).unwrap_err();
        assert_eq!(
            (faults[0].pointer.as_str(), faults[0].code),
            ("/q", "unfit_value")
        );
    }
}

#[test]
fn a_path_value_cannot_leave_its_segment() {
    let config = tool(Method::Get, InputMapping::Identity);
    for good in [
        json!("../admin"),
        json!("a%2fb"),
        json!("..."),
        json!(7),
        json!(["a", "b"]),
    ] {
        assert!(build(&config, json!({ "id": good })).is_ok(), "{good}");
    }
    for bad in ["", ".", "..", "..;x", ";", "a\tb", "a\0", "a\u{85}b"] {
        let faults = build(&config, json!({ "id": bad })).unwrap_err();
        assert_eq!(
            (faults[0].pointer.as_str(), faults[0].code),
            ("/id", "invalid_path_value"),
            "{bad:?}"
        );
    }
    for missing in [json!({}), json!({ "id": null }), json!({ "id": [] })] {
        assert_eq!(build(&config, missing).unwrap_err()[0].code, "required");
    }
    let mut two = config.clone();
    two.api.path = vec![PathSegment(vec![
        Piece::Placeholder("id".to_owned()),
        Piece::Placeholder("q".to_owned()),
    ])];
    assert!(build(&two, json!({ "id": ".", "q": "." })).is_err());
}

#[test]
fn placeholders_are_filled_in_order_of_precedence() {
    let path = |input: &str| {
        to(
            input,
            Target::Path {
                name: "id".to_owned(),
                style: ParamStyle::Simple,
            },
        )
    };
    let mut by_params = query("b", ParamStyle::FormExplode);
    by_params.target = Target::Query {
        name: "id".to_owned(),
        style: ParamStyle::FormExplode,
    };
    let input = json!({ "id": "name", "a": "path", "b": "params" });
    for (rules, segment, sent) in [
        (
            vec![by_params.clone(), path("a")],
            "path",
            vec![("id", "params")],
        ),
        (vec![by_params], "params", vec![]),
        (vec![], "name", vec![]),
    ] {
        let config = tool(Method::Get, InputMapping::Exact(rules));
        let draft = build(&config, input.clone()).unwrap();
        assert_eq!(draft.segments[1], segment);
        assert_eq!(pairs(&draft.query), sent);
    }
    let mut config = tool(Method::Get, InputMapping::Identity);
    config.input_schema = json!({ "type": "object" });
    let variable = |default: &str| ConnectionVar {
        name: "id".to_owned(),
        default: Some(default.to_owned()),
        allowed: Vec::new(),
        pattern: Some("[a-z]+".to_owned()),
    };
    config.api.connection_vars = vec![variable("eu")];
    config
        .api
        .base_url
        .host
        .insert(0, Piece::Placeholder("id".to_owned()));
    config
        .api
        .base_url
        .host
        .insert(1, Piece::Text(".".to_owned()));
    let draft = build(&config, json!({})).unwrap();
    assert_eq!(
        (draft.host.as_str(), draft.segments[1].text().as_ref()),
        ("eu.api.example.com", "eu")
    );
    for bad in ["eu.evil.example/", "a1"] {
        config.api.connection_vars = vec![variable(bad)];
        assert!(build(&config, json!({})).is_err(), "{bad}");
    }
}

#[test]
fn header_values_are_visible_ascii() {
    let config = tool(Method::Get, InputMapping::Exact(vec![header("q", "X-Q")]));
    for bad in ["a\r\nX-Admin: 1", "a\0", "a\u{7f}", "é", "a\tb"] {
        let faults = build(&config, json!({ "id": "1", "q": bad })).unwrap_err();
        assert_eq!(
            (faults[0].pointer.as_str(), faults[0].code),
            ("/q", "invalid_header_value")
        );
    }
    assert!(build(&config, json!({ "id": "1", "q": "plain text; q=1" })).is_ok());
}

#[test]
fn every_fault_is_told_at_once() {
    let rules = vec![header("h", "X-H"), query("q", ParamStyle::FormExplode)];
    let config = tool(Method::Get, InputMapping::Exact(rules));
    let faults = build(&config, json!({ "id": "..", "h": "\n", "q": [[1]] })).unwrap_err();
    let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/id", "/h", "/q"]);
}

#[test]
fn inputs_stand_in_for_static_values_only_where_a_mapping_says_so() {
    let mut config = tool(
        Method::Get,
        InputMapping::Exact(vec![
            query("q", ParamStyle::FormExplode),
            header("h", "x-v"),
        ]),
    );
    config.api.params = vec![("q".to_owned(), text("fixed")), ("v".to_owned(), text("1"))];
    config.api.headers = vec![("X-V".to_owned(), text("fixed"))];
    let draft = build(&config, json!({ "id": "1", "q": "mine", "h": "mine" })).unwrap();
    assert_eq!(pairs(&draft.query), [("v", "1"), ("q", "mine")]);
    assert_eq!(pairs(&draft.headers), [("x-v", "mine")]);
    let draft = build(&config, json!({ "id": "1" })).unwrap();
    assert_eq!(pairs(&draft.query), [("q", "fixed"), ("v", "1")]);

    config.mapping.inputs = InputMapping::Identity;
    let faults = build(&config, json!({ "id": "1", "v": "2" })).unwrap_err();
    assert_eq!(faults[0].pointer, "/v");
}

#[test]
fn an_object_in_the_query_names_no_parameter_of_somebody_else() {
    let rules = vec![
        query("q", ParamStyle::FormExplode),
        query("region", ParamStyle::Form),
    ];
    for mapping in [InputMapping::Exact(rules), InputMapping::Identity] {
        let mut config = tool(Method::Get, mapping);
        config.api.params = vec![("account".to_owned(), text("fixed"))];
        for name in ["account", "region"] {
            let faults = build(&config, json!({ "id": "1", "q": { name: "mine" } })).unwrap_err();
            assert_eq!(faults[0].pointer, "/q", "{name}");
        }
        let draft = build(&config, json!({ "id": "1", "q": { "q": "a", "b": 1 } })).unwrap();
        let all = [
            ("account", "fixed"),
            ("q", "a"),
            ("b", "1"),
            ("region", "eu"),
        ];
        assert_eq!(pairs(&draft.query), all);
    }
}

#[test]
fn hidden_inputs_are_filled_in() {
    let config = tool(
        Method::Get,
        InputMapping::Exact(vec![query("region", ParamStyle::Form)]),
    );
    assert_eq!(
        pairs(&build(&config, json!({ "id": "1" })).unwrap().query),
        [("region", "eu")]
    );
}

#[test]
fn the_credential_takes_its_place_whatever_stands_there() {
    let key_name = || "Authorization".to_owned();
    let mut config = tool(
        Method::Get,
        InputMapping::Exact(vec![header("h", "authorization")]),
    );
    let input = || json!({ "id": "1", "h": "mine", "apikey": "mine" });

    config.api.auth = Auth::Bearer {
        key_name: key_name(),
        secret: secret("TOKEN"),
    };
    let draft = build(&config, input()).unwrap();
    assert_eq!(
        draft.headers,
        [("Authorization".to_owned(), secret("TOKEN"))]
    );
    assert_eq!(
        draft
            .secrets()
            .map(crate::ids::SecretName::as_str)
            .collect::<Vec<_>>(),
        ["TOKEN"]
    );

    config.api.auth = Auth::Basic {
        username: text("me"),
        password: secret("PASSWORD"),
    };
    let draft = build(&config, input()).unwrap();
    assert_eq!(draft.headers, []);
    assert_eq!(draft.basic, Some((text("me"), secret("PASSWORD"))));

    config.mapping.inputs = InputMapping::Identity;
    config.api.auth = Auth::ApiKeyQuery {
        key_name: "apikey".to_owned(),
        secret: secret("KEY"),
    };
    let draft = build(&config, input()).unwrap();
    assert_eq!(
        draft
            .query
            .iter()
            .filter(|(name, _)| name == "apikey")
            .count(),
        1
    );
    assert_eq!(
        draft.query.last(),
        Some(&("apikey".to_owned(), secret("KEY")))
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,6}|[./;\\\\%\r\n\0]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec(("[a-z.]{0,3}", inner), 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_input_moves_the_call(
        id in any_json(), q in any_json(), h in any_json(), identity in any::<bool>(),
    ) {
        let rules = vec![query("q", ParamStyle::DeepObject), header("h", "X-H"), body("q", &["a", "b"])];
        let mapping = if identity { InputMapping::Identity } else { InputMapping::Exact(rules) };
        let config = tool(Method::Post, mapping);
        let mut input = Map::new();
        input.extend([("id".to_owned(), id), ("q".to_owned(), q), ("h".to_owned(), h)]);
        if let Ok(draft) = Plan::compile(&config).build(&config, &input) {
            prop_assert_eq!(draft.host, "api.example.com");
            prop_assert_eq!(draft.segments.len(), 2);
            prop_assert!(!draft.segments.iter().any(Segment::leads_elsewhere));
            for (_, value) in pairs(&draft.headers) {
                prop_assert!(!value.chars().any(char::is_control));
            }
        }
    }
}
