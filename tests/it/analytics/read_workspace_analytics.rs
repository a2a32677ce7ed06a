//! `GET /api/v1/analytics/workspace`.

use serde_json::{Value, json};
use testkit::TestApp;
use testkit::scripted_model::say;

use super::{logged, report};

#[tokio::test]
async fn all_tools_and_the_ones_that_were_called_most() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    for (tool, calls) in [("quote", 100), ("weather", 300), ("mail", 20)] {
        app.sql(&logged(&alice, tool, calls, 10));
    }
    for other in 0..12 {
        app.sql(&logged(&alice, &format!("seldom_{other}"), 10, 10));
    }
    app.sql(&logged(&bob, "quote", 50, 10));
    for rolled_up in [false, true] {
        if rolled_up {
            app.sweeps().await;
        }
        let told = report(&app.viewer(), "workspace").await;
        assert_eq!(
            (&told["calls"], &told["failures"]),
            (&json!(540), &json!(54))
        );
        let top = told["top_tools"].as_array().unwrap();
        let named: Vec<&str> = top
            .iter()
            .filter_map(|tool| tool["tool_id"].as_str())
            .collect();
        assert_eq!(named.len(), 10);
        assert_eq!(named[..3], ["weather", "quote", "mail"]);
        assert_eq!(
            (&top[0]["calls"], &top[0]["failures"]),
            (&json!(300), &json!(30))
        );
        assert!(top[0]["p95_ms"].as_f64().is_some());
        assert_eq!(report(&bob, "workspace").await["calls"], 50);
    }
}

#[tokio::test]
async fn tokens_are_told_by_model() {
    let (app, alice) = TestApp::with_model().await;
    app.model()
        .then(say("One.").tokens(100, 10).of_them(40, 4))
        .then(say("Two.").tokens(200, 20));
    for _ in 0..2 {
        let answered = alice
            .post(
                "/api/v1/orchestrate",
                &json!({ "prompt": "Count.", "tools": [] }),
            )
            .await;
        assert_eq!(answered.status(), 200, "{}", answered.text());
    }
    let told = report(&alice, "workspace?bucket=hour").await;
    let tokens = &told["tokens"];
    let counted = json!({
        "runs": 2, "input_tokens": 300, "cached_input_tokens": 40, "output_tokens": 30, "reasoning_tokens": 4,
        "total_tokens": 330
    });
    for (name, count) in counted.as_object().unwrap() {
        assert_eq!(&tokens[name], count, "{name}: {tokens}");
        assert_eq!(&tokens["models"][0][name], count, "{name}: {tokens}");
    }
    assert!(tokens["models"][0]["model"].is_string());
    assert_eq!(
        report(&app.bob(), "workspace").await["tokens"]["models"],
        Value::Array(Vec::new())
    );
}
