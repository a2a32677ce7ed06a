//! Cold start of the function `mcp`.

use std::process::ExitCode;

use mcp::{Mcp, routes};
use web::{StackConfig, serve_stack};

fn main() -> ExitCode {
    runtime::serve_streaming(|config| {
        let router = routes().with_state(Mcp::wire(config)?).into();
        Ok(serve_stack(router, &StackConfig::new(&config.cors_origins)))
    })
}
