//! Cold start of the function `analytics`.

use std::process::ExitCode;

use analytics::{Analytics, routes};
use web::{StackConfig, serve_stack};

fn main() -> ExitCode {
    runtime::serve(|config| {
        let router = routes().with_state(Analytics::wire(config)?).into();
        Ok(serve_stack(router, &StackConfig::new(&config.cors_origins)))
    })
}
