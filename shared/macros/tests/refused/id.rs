//! A tool with a fault.
#![allow(dead_code, unused_variables, missing_docs)]
use macros::tool;

struct ToolContext;
struct ToolError;
struct Input;
struct Output;

#[tool(description = "An id that no route can hold.", id = "Get Stock")]
async fn spaced(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    Ok(Output)
}

/// An id that is a route already.
#[tool]
async fn saved(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    Ok(Output)
}

fn main() {}
