//! Tests that need a tool which is not here say so, in a way that survives libtest's capture.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Tells that a test was skipped: on stderr past the capture, and in the file that `SKIP_LOG` names (`.ci/run` reads it).
pub(crate) fn skip(test: &str, reason: &str) {
    let line = format!("SKIPPED {test}: {reason}\n");
    // `eprint!` would be captured with the test's output and thrown away when it passes.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = std::env::var_os("SKIP_LOG") {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}
