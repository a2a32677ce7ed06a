//! Every kind of body, with a credential beside it, through every failure.

use serde_json::{Value, json};
use testkit::ToolBuilder;

use super::scene::Scene;

const KEY: &str = "b-c4nary:word+/=&<\"q\">\\tail-3107";

fn bodies() -> Vec<(&'static str, Value)> {
    vec![
        (
            "json",
            json!({ "type": "json", "template": { "a": { "$input": "a" }, "fixed": [1] } }),
        ),
        ("form", json!({ "type": "form" })),
        ("multipart", json!({ "type": "multipart" })),
        (
            "text",
            json!({ "type": "text", "template": { "$input": "a" } }),
        ),
        (
            "xml",
            json!({ "type": "xml", "template": { "order": { "a": { "$input": "a" } } } }),
        ),
        (
            "graphql",
            json!({ "type": "graphql", "graphql": "query($a: String) { thing(a: $a) { id } }" }),
        ),
        ("none", json!({ "type": "none" })),
    ]
}

#[tokio::test]
async fn not_beside_any_body() {
    let mut scene = Scene::with(&[("KEY", KEY)], &[KEY], &[]).await;
    for (kind, body) in bodies() {
        let tool = ToolBuilder::post("/")
            .auth(json!({ "method": "bearer", "secret_ref": "${KEY}" }))
            .input(json!({ "type": "object", "properties": { "a": { "type": "string", "default": "x" } } }))
            .set("/api/headers", json!({ "X-Again": "Token ${KEY}" }))
            .set("/body", body);
        scene.fails_in_every_way(kind, &tool).await;
    }
    scene.left_nothing(&["upstream_error", "invalid_response", "unknown_outcome"]);
}
