use serde_json::{Value, json};

use super::*;

#[test]
fn reads_the_example_of_the_design() {
    let flow = read(&example()).unwrap();
    assert_eq!(flow.steps.len(), 3);
}

fn example() -> Value {
    json!({
      "id": "ticker_brief", "name": "Ticker brief", "description": "Quote and news for a list of tickers",
      "input_schema": { "type": "object", "properties": { "symbols": { "type": "array", "items": { "type": "string" } } },
                        "required": ["symbols"] },
      "steps": [
        { "id": "quotes", "tool": "get_stock_quote", "for_each": "{{ input.symbols }}", "max_concurrency": 10,
          "input": { "symbol": "{{ item }}" }, "retry": { "max_attempts": 3, "backoff_ms": 500 }, "timeout_ms": 30000 },
        { "id": "best", "transform": "{{ steps.quotes.output | selectattr('price', 'gt', 100) | list }}" },
        { "id": "mail", "tool": "send_mail", "when": "{{ steps.best.output | length > 0 }}",
          "input": { "text": "{{ steps.best.output }}" }, "on_error": "continue", "compensate": null }
      ],
      "output": { "best": "{{ steps.best.output }}" }
    })
}
