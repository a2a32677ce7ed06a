//! Cold start of the function `orchestrate`.

use std::process::ExitCode;

use orchestrate::{Orchestrate, routes};
use web::{StackConfig, serve_stack};

fn main() -> ExitCode {
    runtime::serve_streaming(|config| {
        let router = routes().with_state(Orchestrate::wire(config)?).into();
        Ok(serve_stack(router, &StackConfig::new(&config.cors_origins)))
    })
}
