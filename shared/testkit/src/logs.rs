//! Everything that the process logs, kept to be searched for what must never be in it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, Once, PoisonError};

use serde_json::Value;
use telemetry::{Lines, Origin};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The deployment in the metrics of tests.
pub const SERVICE: &str = "tests";

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Starts keeping logs, down to debug; later calls change nothing. Every app does this.
pub fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = tracing_subscriber::fmt()
            .fmt_fields(Lines::fields())
            .event_format(Lines::new(Some(&origin())))
            .with_env_filter(EnvFilter::new("debug"))
            .with_writer(Keeper)
            .try_init();
    });
}

fn origin() -> Origin {
    Origin {
        service: SERVICE.to_owned(),
        function: "under-test".to_owned(),
    }
}

/// All lines of one trace so far, in their order.
pub fn of_trace(trace_id: &str) -> Vec<Value> {
    let log = text();
    let lines = log.lines().filter(|line| line.contains(trace_id));
    let lines = lines.filter_map(|line| serde_json::from_str(line).ok());
    lines
        .filter(|line: &Value| line["trace_id"] == trace_id)
        .collect()
}

/// All log lines of the process so far, those of other tests included.
pub fn text() -> String {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&lines).into_owned()
}

/// Whether the logs hold this text. Only a text that no other test uses gives a meaningful answer.
pub fn contain(text: &str) -> bool {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines
        .windows(text.len().max(1))
        .any(|window| window == text.as_bytes())
}

/// Everything down to trace that this thread logs, until it is dropped. A test on a runtime of one thread
/// has its whole app in it; the lines are not in [`text`] then.
pub struct Traced {
    lines: Arc<Mutex<Vec<u8>>>,
    _until_dropped: DefaultGuard,
}

/// Begins to keep what this thread logs, as `LOG_LEVEL=trace` writes it.
pub fn trace_here() -> Traced {
    keep();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&lines);
    let subscriber = tracing_subscriber::fmt()
        .fmt_fields(Lines::fields())
        .event_format(Lines::new(Some(&origin())))
        .with_env_filter(EnvFilter::new("trace"))
        .with_writer(move || Kept(Arc::clone(&writer)))
        .finish();
    Traced {
        lines,
        _until_dropped: tracing::subscriber::set_default(subscriber),
    }
}

impl Traced {
    /// All lines so far.
    pub fn text(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&lines).into_owned()
    }
}

struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Keeper;

impl<'a> MakeWriter<'a> for Keeper {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for Keeper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
