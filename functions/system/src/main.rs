//! Cold start of the function `system`.

use std::process::ExitCode;

use system::{System, routes};
use web::{StackConfig, serve_stack};

fn main() -> ExitCode {
    runtime::serve(|config| {
        let router = routes().with_state(System::wire(config)?).into();
        Ok(serve_stack(router, &StackConfig::new(&config.cors_origins)))
    })
}
