//! What the tests of both ways to run the program share.

use std::process::{Command, Output};

/// A start that must be refused: what there is of it, and its words.
pub(crate) fn refused(command: &mut Command) -> (Output, String) {
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{words}");
    (output, words)
}
