//! A tool with a fault.
#![allow(dead_code, unused_variables, missing_docs)]
use macros::tool;

struct ToolContext;
struct ToolError;
struct Input;
struct Output;

#[tool(id = "Get It")]
fn get_it(input: &Input) -> Output {
    Output
}

fn main() {}
