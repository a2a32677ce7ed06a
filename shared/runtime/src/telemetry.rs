//! Logs: one JSON object a line on stderr, where Lambda collects it. Lines that hold metrics are both at once.

use telemetry::metrics::LINES;
use telemetry::{Lines, Origin};
use tracing_subscriber::EnvFilter;

/// Starts logging at `level` (a level, or a tracing filter); later calls change nothing. With an origin, lines that hold metrics
/// are written at every level, and say so to CloudWatch.
///
/// A panic becomes one error line with its place, within the request that it broke.
pub fn start(level: &str, origin: Option<&Origin>) {
    let mut filter = EnvFilter::builder()
        .parse(level)
        .unwrap_or_else(|_| EnvFilter::new("info"));
    if origin.is_some() {
        let always = LINES.iter().map(|target| format!("{target}=info"));
        for directive in always.filter_map(|always| always.parse().ok()) {
            filter = filter.add_directive(directive);
        }
    }
    let started = tracing_subscriber::fmt()
        .fmt_fields(Lines::fields())
        .event_format(Lines::new(origin))
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
