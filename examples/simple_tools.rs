//! Tools as code: two functions, offered by a local server beside its own tools, and run over HTTP.
//!
//! `cargo run -p examples --example simple_tools`
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

mod local;

use domain::code::{Request, ToolContext, ToolError, tool};
use domain::failure::FailureCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Person {
    /// Who is greeted.
    name: String,
}

#[derive(Serialize, JsonSchema)]
struct Greeting {
    /// The greeting.
    text: String,
}

/// Greets somebody by name.
#[tool(read_only, open_world = false)]
async fn greet(_ctx: ToolContext, input: Person) -> Result<Greeting, ToolError> {
    Ok(Greeting {
        text: format!("Hello, {}!", input.name),
    })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StockInput {
    /// Ticker symbol, such as IBM.
    symbol: String,
}

#[derive(Serialize, JsonSchema)]
struct StockOutput {
    /// The latest price, in US dollars.
    price: f64,
}

#[tool(
    id = "stock_quote_by_code",
    description = "The latest price of one listed share",
    read_only
)]
async fn get_stock_quote(ctx: ToolContext, input: StockInput) -> Result<StockOutput, ToolError> {
    let request = Request::get("https://www.alphavantage.co/query")
        .query("function", "GLOBAL_QUOTE")
        .query("symbol", input.symbol)
        // Named here; its value is placed behind the egress guard, and never seen by this function.
        .secret_query("apikey", "ALPHA_VANTAGE_API_KEY");
    let quote: Value = ctx.call(request).await?.value()?;
    let price = quote["Global Quote"]["05. price"].as_str();
    match price.and_then(|price| price.parse().ok()) {
        Some(price) => Ok(StockOutput { price }),
        None => Err(ToolError::failed(
            FailureCode::MappingFailed,
            "The answer has no price.",
            "Check the symbol; without a price the upstream says why in words.",
        )),
    }
}

#[tokio::main]
async fn main() -> Result<(), local::Error> {
    let server =
        local::Local::start("simple_tools", vec![greet::tool(), get_stock_quote::tool()]).await?;
    for (what, id, input) in [
        ("execute", "greet", json!({ "name": "Ada" })),
        // A wrong input is told with its place, as for any tool.
        ("execute", "greet", json!({ "nam": "Ada" })),
        // The request that would be sent; with a key of yours in the secret, execute sends it.
        ("preview", "stock_quote_by_code", json!({ "symbol": "IBM" })),
    ] {
        let path = format!("/api/v1/tools/{id}/{what}");
        println!("POST {path} {input}");
        println!(
            "{:#}\n",
            server.post(&path, &json!({ "input": input })).await?
        );
    }
    server.stop().await
}
