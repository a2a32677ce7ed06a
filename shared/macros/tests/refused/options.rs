//! A tool with a fault.
#![allow(dead_code, unused_variables, missing_docs)]
use macros::tool;

struct ToolContext;
struct ToolError;
struct Input;
struct Output;

#[tool(desc = "The latest price.")]
async fn misspelt(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    Ok(Output)
}

#[tool("The latest price.")]
async fn unnamed(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    Ok(Output)
}

#[tool(description = 7)]
async fn of_another_type(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    Ok(Output)
}

#[tool(description = "Twice.", read_only, read_only = false)]
async fn twice(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    Ok(Output)
}

#[tool(description = "Too slow.", timeout_ms = 60_000)]
async fn slow(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    Ok(Output)
}

#[tool(description = "Tags.", tags = "finance")]
async fn tagged(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    Ok(Output)
}

#[tool(description = "Both.", read_only, destructive)]
async fn contradictory(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    Ok(Output)
}

fn main() {}
