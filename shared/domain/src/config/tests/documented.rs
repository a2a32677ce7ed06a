//! Every example of a credential in the documentation is accepted as it stands there.

use serde_json::{Value, json};

use super::{accepted, with};

#[test]
fn credentials() {
    let text = include_str!("../../../../../docs/tool-config/auth.md");
    let blocks = text.split("```json\n").skip(1);
    let examples: Vec<&str> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() > 15, "{}", examples.len());
    for example in examples {
        let auth: Value = serde_json::from_str(example).unwrap();
        let method = json!("POST");
        accepted(&with(&[("/api/auth", auth), ("/api/method", method)]));
    }
}
