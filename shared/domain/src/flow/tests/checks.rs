//! A flow beside the tools and flows that there are.

use super::*;

#[derive(Default)]
struct Catalog {
    tools: BTreeMap<String, (Value, Option<&'static str>)>,
    flows: BTreeMap<String, Flow>,
}

impl Catalog {
    fn tool(mut self, id: &str, schema: Value) -> Self {
        self.tools.insert(id.to_owned(), (schema, None));
        self
    }

    fn unusable(mut self, id: &str, why: &'static str) -> Self {
        self.tools.insert(id.to_owned(), (json!({}), Some(why)));
        self
    }

    fn flow(mut self, id: &str, steps: &Value, schema: Option<Value>) -> Self {
        let mut document = of(steps);
        document["id"] = json!(id);
        if let Some(schema) = schema {
            document["input_schema"] = schema;
        }
        self.flows.insert(id.to_owned(), read(&document).unwrap());
        self
    }

    fn check(&self, document: &Value) -> Vec<Fault> {
        super::super::check(&read(document).unwrap(), self)
    }
}

impl Known for Catalog {
    fn find(&self, id: &ToolId) -> Option<Callee<'_>> {
        let tool = self.tools.get(id.as_str()).map(|(schema, why)| Callee {
            input_schema: Some(schema),
            flow: None,
            usable: why.map_or(Ok(()), Err),
        });
        tool.or_else(|| {
            self.flows.get(id.as_str()).map(|flow| Callee {
                input_schema: flow.input_schema.as_ref(),
                flow: Some(flow),
                usable: Ok(()),
            })
        })
    }

    fn ids(&self) -> Vec<&str> {
        self.tools
            .keys()
            .chain(self.flows.keys())
            .map(String::as_str)
            .collect()
    }
}

fn catalog() -> Catalog {
    Catalog::default()
        .tool(
            "quote",
            json!({
                "type": "object", "required": ["symbol", "region"], "additionalProperties": false,
                "properties": {
                    "symbol": { "type": "string", "minLength": 1 },
                    "region": { "type": "string", "x-hidden": true, "default": "eu" },
                    "limit": { "$ref": "#/$defs/limit" },
                    "mode": { "enum": ["fast", "slow"] },
                    "filter": { "type": "object", "required": ["q"], "properties": {
                        "q": { "type": "string" }, "n": { "type": "integer" } } },
                    "ids": { "type": "array", "items": { "type": "integer" } },
                    "kind": { "enum": [1, 2] }
                },
                "$defs": { "limit": { "type": "integer", "maximum": 100 } }
            }),
        )
        .tool("any", json!({ "type": "object" }))
        .unusable("off", "is disabled")
        .unusable("held", "waits for an approval")
        .flow("plain", &json!([{ "id": "a", "transform": 1 }]), None)
        .flow(
            "typed",
            &json!([{ "id": "a", "transform": 1 }]),
            Some(json!({ "properties": { "n": { "type": "integer" } }, "required": ["n"] })),
        )
}

fn input(input: &Value) -> Vec<(String, &'static str)> {
    let document = of(&json!([
        { "id": "before", "transform": {} },
        { "id": "a", "tool": "quote", "input": input },
    ]));
    short(&catalog().check(&document))
}

#[test]
fn an_input_that_can_fit_is_fine() {
    for good in [
        json!({ "symbol": "A" }),
        json!({ "symbol": "{{ input.s }}", "limit": "{{ input.l }}", "region": "us" }),
        json!({ "symbol": "x-{{ input.s }}", "mode": "{{ input.m }}-{{ input.n }}" }),
        json!({ "symbol": "A", "filter": { "q": "{{ input.q }} x", "n": "{{ input.n }}" } }),
        json!({ "symbol": "A", "ids": [1, "{{ input.n }}"], "kind": 1 }),
        json!("{{ steps.before.output }}"),
    ] {
        assert_eq!(input(&good), [], "{good}");
    }
}

#[test]
fn an_input_that_can_never_fit_is_told() {
    let symbol = "{{ input.s }}";
    for (bad, at, code) in [
        (json!({}), "/symbol", "required"),
        (json!({ "limit": "{{ input.n }}" }), "/symbol", "required"),
        (
            json!({ "symbol": "{{ input.s }}", "limt": 1 }),
            "/limt",
            "unknown_field",
        ),
        (
            json!({ "symbol": "A", "limt": 1 }),
            "/limt",
            "unknown_field",
        ),
        (
            json!({ "symbol": symbol, "limit": 101 }),
            "/limit",
            "out_of_range",
        ),
        (
            json!({ "symbol": symbol, "limit": "{{ input.a }}{{ input.b }}" }),
            "/limit",
            "invalid_type",
        ),
        (
            json!({ "symbol": symbol, "limit": ["{{ input.a }}"] }),
            "/limit",
            "invalid_type",
        ),
        (
            json!({ "symbol": ["{{ input.a }}"] }),
            "/symbol",
            "invalid_type",
        ),
        (
            json!({ "symbol": { "a": "{{ input.a }}" } }),
            "/symbol",
            "invalid_type",
        ),
        (
            json!({ "symbol": symbol, "mode": "medium" }),
            "/mode",
            "invalid_value",
        ),
        (
            json!({ "symbol": symbol, "kind": "1{{ input.a }}" }),
            "/kind",
            "invalid_type",
        ),
        (
            json!({ "symbol": symbol, "filter": { "n": "{{ input.n }}" } }),
            "/filter/q",
            "required",
        ),
        (
            json!({ "symbol": symbol, "filter": { "q": "{{ input.q }}", "n": "x" } }),
            "/filter/n",
            "invalid_type",
        ),
        (
            json!({ "symbol": symbol, "ids": [1, "{{ input.n }}", "x"] }),
            "/ids/2",
            "invalid_type",
        ),
        (
            json!({ "symbol": symbol, "ids": ["{{ input.n }}", "a{{ input.n }}"] }),
            "/ids/1",
            "invalid_type",
        ),
    ] {
        let told = input(&bad);
        let [(pointer, found)] = told.as_slice() else {
            panic!("{bad}: {told:?}");
        };
        assert_eq!(pointer, &format!("/steps/1/input{at}"), "{bad}");
        assert_eq!(*found, code, "{bad}");
    }
}

#[test]
fn what_is_called_is_there_and_can_be_called() {
    let document = of(&json!([
        { "id": "a", "tool": "quotes", "input": { "symbol": "A" } },
        { "id": "b", "tool": "off" },
        { "id": "c", "tool": "any", "compensate": { "tool": "held" } },
        { "id": "d", "tool": "any", "compensate": { "tool": "nothing_like_it" } },
        { "id": "e", "flow": "plan" },
        { "id": "f", "flow": "any" },
        { "id": "g", "tool": "plain" },
        { "id": "h", "flow": "plain" },
        { "id": "i", "flow": "plain", "input": { "a": 1 } },
        { "id": "j", "flow": "typed", "input": { "n": "x{{ input.a }}" } },
        { "id": "k", "tool": "any", "compensate": { "tool": "quote", "input": { "a": 1, "symbol": "A" } } },
        { "id": "l", "tool": "any", "compensate": { "tool": "plain" } },
    ]));
    let faults = catalog().check(&document);
    let expected = [
        ("/steps/0/tool", "unknown_tool"),
        ("/steps/1/tool", "unusable_tool"),
        ("/steps/2/compensate/tool", "unusable_tool"),
        ("/steps/3/compensate/tool", "unknown_tool"),
        ("/steps/4/flow", "unknown_tool"),
        ("/steps/5/flow", "conflict"),
        ("/steps/6/tool", "conflict"),
        ("/steps/9/input/n", "invalid_type"),
        ("/steps/10/compensate/input/a", "unknown_field"),
        ("/steps/11/compensate/tool", "conflict"),
    ];
    let told = short(&faults);
    let told: Vec<(&str, &str)> = told.iter().map(|(at, code)| (&**at, *code)).collect();
    assert_eq!(told, expected);
    let hint = |at: usize| faults[at].hint.as_deref();
    assert_eq!(hint(0), Some("did you mean \"quote\"?"));
    assert_eq!(hint(4), Some("did you mean \"plain\"?"));
    assert_eq!(
        faults[1].message,
        "\"off\" cannot be called: it is disabled"
    );
}

#[test]
fn what_is_wrong_beside_the_catalog_comes_with_advice() {
    let document = json!({ "id": "f", "name": "f", "steps": [
        { "id": "a", "tool": "nothing_like_it" },
        { "id": "b", "flow": "nothing_like_it" },
        { "id": "c", "tool": "off" },
        { "id": "d", "flow": "f" },
    ] });
    let catalog = catalog().flow("f", &json!([{ "id": "a", "transform": 1 }]), None);
    let faults = catalog.check(&document);
    assert_eq!(faults.len(), 4, "{faults:?}");
    assert!(
        faults.iter().all(|fault| fault.hint.is_some()),
        "{faults:?}"
    );
}

#[test]
fn a_flow_does_not_run_itself() {
    let calls = |flow: &str| json!([{ "id": "a", "transform": 1 }, { "id": "b", "flow": flow }]);
    let catalog = Catalog::default()
        .flow("one", &calls("two"), None)
        .flow("two", &calls("three"), None)
        .flow("three", &calls("four"), None)
        .flow("four", &calls("five"), None)
        .flow("five", &calls("four"), None);
    let told = |id: &str, flow: &str, extra: &Catalog| {
        let mut document = of(&calls(flow));
        document["id"] = json!(id);
        let faults = extra.check(&document);
        let told = faults.into_iter().filter(|fault| fault.code == "cycle");
        told.map(|fault| (fault.pointer, fault.message))
            .collect::<Vec<_>>()
    };
    let at = "/steps/1/flow".to_owned();
    assert_eq!(
        told("one", "one", &catalog),
        [(at.clone(), "the flow runs itself: one → one".to_owned())]
    );
    assert_eq!(
        told("three", "one", &catalog),
        [(
            at.clone(),
            "the flow runs itself: three → one → two → three".to_owned()
        )]
    );
    // Two others that run one another are their own affair.
    assert_eq!(told("six", "one", &catalog), []);
    // Without an id, the name stands for it.
    let unnamed = json!({ "name": "Two", "steps": calls("one") });
    assert_eq!(
        catalog.check(&unnamed)[0].message,
        "the flow runs itself: two → one → two"
    );
}

#[test]
fn sub_flows_go_no_deeper_than_a_run_does() {
    let calls = |flow: &str| json!([{ "id": "a", "transform": 1 }, { "id": "b", "flow": flow }]);
    let leaf = json!([{ "id": "a", "transform": 1 }]);
    let mut catalog = Catalog::default().flow("f0", &leaf, None);
    for n in 1..=8 {
        let below = format!("f{}", n - 1);
        // A short way beside the long one.
        let mut steps = calls(&below);
        steps[0] = json!({ "id": "a", "flow": "f0" });
        catalog = catalog.flow(&format!("f{n}"), &steps, None);
    }
    assert_eq!(catalog.check(&of(&calls("f7"))), []);
    let faults = catalog.check(&of(&calls("f8")));
    assert_eq!(short(&faults), [("/steps/1/flow".to_owned(), "too_deep")]);
    assert_eq!(
        faults[0].message,
        "flows run one another more than 8 deep: f8 → f7 → f6 → f5 → f4 → f3 → f2 → f1 → f0"
    );
    assert!(faults[0].hint.is_some());
}
