//! Cold start of the function `tools`.

use std::process::ExitCode;

use tools::{Tools, routes};
use web::{StackConfig, serve_stack};

fn main() -> ExitCode {
    runtime::serve(|config| {
        let router = routes().with_state(Tools::wire(config)?).into();
        Ok(serve_stack(router, &StackConfig::new(&config.cors_origins)))
    })
}
