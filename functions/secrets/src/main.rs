//! Cold start of the function `secrets`.

use std::process::ExitCode;

use secrets::{Secrets, routes};
use web::{StackConfig, serve_stack};

fn main() -> ExitCode {
    runtime::serve(|config| {
        let router = routes().with_state(Secrets::wire(config)?).into();
        Ok(serve_stack(router, &StackConfig::new(&config.cors_origins)))
    })
}
