//! The tools and prompts that the suite asks for by name: configs over the fake upstream, and templates.

use serde_json::{Value, json};
use testkit::{Answer, Persona, TestApp, ToolBuilder};

/// Saves them all.
pub(super) async fn of(app: &TestApp, alice: &Persona) {
    let text = "This is a simple text response for testing.";
    app.upstream()
        .on("/text", Answer::text(text))
        .on("/error", Answer::text("no").status(500));
    let nothing = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    for (id, path, input) in [
        ("test_simple_text", "/text", &nothing),
        ("test_tool_with_progress", "/text", &nothing),
        ("test_error_handling", "/error", &nothing),
        // They would ask the client and log to it; here it is seen that ours do neither.
        ("test_streaming_elicitation", "/text", &nothing),
        ("test_logging_tool", "/text", &nothing),
        ("json_schema_2020_12_tool", "/text", &schema()),
    ] {
        let tool = ToolBuilder::get(path).id(id).input(input.clone());
        alice.registers(tool).await;
    }
    let text = json!({ "type": "string" });
    for prompt in [
        json!({ "id": "test_simple_prompt", "name": "Simple", "description": "Says one sentence",
            "template": "This is a simple prompt for testing." }),
        json!({ "id": "test_prompt_with_arguments", "name": "With arguments", "description": "Says what it is given",
            "template": "Prompt with arguments: arg1='{{arg1}}', arg2='{{arg2}}'",
            "variables": { "arg1": text, "arg2": text } }),
    ] {
        let saved = alice.post("/api/v1/prompts", &prompt).await;
        assert_eq!(saved.status(), 201, "{}", saved.text());
    }
}

/// Every keyword that the suite looks for.
fn schema() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": { "address": {
            "$anchor": "addressDef", "type": "object", "properties": { "street": text, "city": text },
        } },
        "properties": {
            "name": text, "phone": text, "email": text,
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    })
}
