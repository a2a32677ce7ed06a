//! Cold start of the function `flow-worker`.

use std::process::ExitCode;

use flow_worker::{FlowWorker, handle};

fn main() -> ExitCode {
    runtime::serve_events(|config| {
        let app = FlowWorker::wire(config)?;
        Ok(move |event, deadline| {
            let app = app.clone();
            async move { handle(&app, event, deadline).await }
        })
    })
}
