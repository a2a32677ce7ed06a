//! Cold start of the function `marketplace`.

use std::process::ExitCode;

use marketplace::{Marketplace, routes};
use web::{StackConfig, serve_stack};

fn main() -> ExitCode {
    runtime::serve(|config| {
        let router = routes().with_state(Marketplace::wire(config)?).into();
        Ok(serve_stack(router, &StackConfig::new(&config.cors_origins)))
    })
}
