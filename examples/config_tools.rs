//! Tools as configs: a JSON document becomes a tool over HTTP, and is run; the answer of its API is a recorded one.
//!
//! `cargo run -p examples --example config_tools`
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

mod local;

use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), local::Error> {
    let server = local::Local::start("config_tools", Vec::new()).await?;
    // Where the recorded answers are: the sample tools lead there.
    let sample = server.get("/api/v1/tools/get_stock_quote").await?;
    let config = json!({
        "name": "stock_price",
        "description": "The latest price of one listed share",
        "api": {
            "base_url": sample["config"]["api"]["base_url"],
            "path": "/query",
            "method": "GET",
            "params": { "function": "GLOBAL_QUOTE" },
            "auth": { "method": "api_key_query", "key_name": "apikey", "secret_ref": "${ALPHA_VANTAGE_API_KEY}" }
        },
        "input_schema": { "properties": { "symbol": { "type": "string" } }, "required": ["symbol"] },
        "output_schema": { "properties": { "price": { "type": "number" } } },
        "mapping": {
            "input_to_params": { "symbol": "symbol" },
            "response_to_output": { "price": "Global Quote.05. price" }
        }
    });
    println!("POST /api/v1/tools {config:#}");
    println!("{:#}\n", server.post("/api/v1/tools", &config).await?);
    for what in ["preview", "execute"] {
        let path = format!("/api/v1/tools/stock_price/{what}");
        let body = json!({ "input": { "symbol": "IBM" } });
        println!("POST {path} {body}");
        println!("{:#}\n", server.post(&path, &body).await?);
    }
    server.stop().await
}
