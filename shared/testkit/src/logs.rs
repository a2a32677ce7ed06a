//! Everything that the process logs, kept to be searched for what must never be in it.

use std::io::{self, Write};
use std::sync::{Mutex, Once, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Starts keeping logs, down to debug; later calls change nothing. Every app does this.
pub fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_env_filter(EnvFilter::new("debug"))
            .with_writer(Keeper)
            .try_init();
    });
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
