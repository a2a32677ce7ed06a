//! Cold start of the function `flows`.

use std::process::ExitCode;

use flows::{Flows, routes};
use web::{StackConfig, serve_stack};

fn main() -> ExitCode {
    runtime::serve_streaming(|config| {
        let router = routes().with_state(Flows::wire(config)?).into();
        Ok(serve_stack(router, &StackConfig::new(&config.cors_origins)))
    })
}
