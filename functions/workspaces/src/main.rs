//! Cold start of the function `workspaces`.

use std::process::ExitCode;

use web::{StackConfig, serve_stack};
use workspaces::{Workspaces, routes};

fn main() -> ExitCode {
    runtime::serve(|config| {
        let router = routes().with_state(Workspaces::wire(config)?).into();
        Ok(serve_stack(router, &StackConfig::new(&config.cors_origins)))
    })
}
