//! A tool with a fault.
#![allow(dead_code, unused_variables, missing_docs)]
use macros::tool;

struct ToolContext;
struct ToolError;
struct Input;
struct Output;

/// Cannot fail.
#[tool]
async fn infallible(ctx: ToolContext, input: Input) -> Output {
    Output
}

/// Fails in its own way.
#[tool]
async fn own_error(ctx: ToolContext, input: Input) -> Result<Output, String> {
    Ok(Output)
}

/// Returns nothing.
#[tool]
async fn silent(ctx: ToolContext, input: Input) {}

fn main() {}
