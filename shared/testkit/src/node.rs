//! The Node of the tests and its packages: those that `.ci/run` made.

use std::path::{Path, PathBuf};

/// Where `.ci/run` installs.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.ci-tools");

/// A program of a Node package.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Runs it.
    pub node: PathBuf,
    /// The program's file.
    pub script: PathBuf,
}

/// The file of this package, named from its folder. `None`: the test is to be skipped.
pub fn node_with(package: &str, file: &str) -> Option<Installed> {
    let tools = Path::new(TOOLS);
    let script = tools.join("node/node_modules").join(package).join(file);
    let node = tools.join("venv/bin/node");
    (script.is_file() && node.is_file()).then_some(Installed { node, script })
}
