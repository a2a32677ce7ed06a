//! A tool with a fault.
#![allow(dead_code, unused_variables, missing_docs)]
use macros::tool;

struct ToolContext;
struct ToolError;
struct Input;
struct Output;

/// Takes no context.
#[tool]
async fn contextless(input: Input) -> Result<Output, ToolError> {
    Ok(Output)
}

/// Takes nothing.
#[tool]
async fn nothing() -> Result<Output, ToolError> {
    Ok(Output)
}

/// Takes them in another order.
#[tool]
async fn reversed(input: Input, ctx: ToolContext) -> Result<Output, ToolError> {
    Ok(Output)
}

/// Borrows its input.
#[tool]
async fn borrowed(ctx: ToolContext, input: &Input) -> Result<Output, ToolError> {
    Ok(Output)
}

/// Takes any input.
#[tool]
async fn generic<T>(ctx: ToolContext, input: T) -> Result<Output, ToolError> {
    Ok(Output)
}

fn main() {}
