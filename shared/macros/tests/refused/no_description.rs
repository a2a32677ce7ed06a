//! A tool with a fault.
#![allow(dead_code, unused_variables, missing_docs)]
use macros::tool;

struct ToolContext;
struct ToolError;
struct Input;
struct Output;

#[tool]
async fn get_stock_quote(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    Ok(Output)
}

#[tool(description = " ")]
async fn get_price(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    Ok(Output)
}

fn main() {}
