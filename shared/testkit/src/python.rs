//! The Python of the tests: the one that `.ci/run` made, or the machine's.

use std::path::{Path, PathBuf};

use tokio::process::Command;

/// A Python that can import the module. `None`: the test is to be skipped.
pub async fn python_with(module: &str) -> Option<PathBuf> {
    let made = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../.ci-tools/venv/bin/python"
    );
    for python in [Path::new(made), Path::new("python3")] {
        let import = format!("import {module}");
        let tried = Command::new(python).args(["-c", &import]).output().await;
        if tried.is_ok_and(|tried| tried.status.success()) {
            return Some(python.to_owned());
        }
    }
    None
}
