//! Logs: one JSON object a line on stderr, where Lambda collects it.

use tracing_subscriber::EnvFilter;

/// Starts logging at `level` (a level, or a tracing filter); later calls change nothing.
///
/// A panic becomes one error line with its place, within the request that it broke.
pub fn start(level: &str) {
    let filter = EnvFilter::builder()
        .parse(level)
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            let message = panic.payload_as_str().unwrap_or("no message");
            tracing::error!(place, panic = message, "a defect: the code panicked");
        }));
    }
}
