//! `devserver.json`: tells scripts that the server is ready and how to call it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::Error;
use crate::private_file;

#[derive(Serialize)]
pub(crate) struct Facts<'a> {
    pub(crate) url: &'a str,
    pub(crate) token: &'a str,
    pub(crate) workspace_id: &'a str,
    pub(crate) database_url: &'a str,
}

/// The file, there as long as the server is ready.
#[derive(Debug)]
pub(crate) struct ReadyFile {
    path: PathBuf,
    text: String,
}

impl ReadyFile {
    /// Where it stands in a data directory.
    pub(crate) fn path(dir: &Path) -> PathBuf {
        dir.join("devserver.json")
    }

    pub(crate) fn write(dir: &Path, facts: &Facts<'_>) -> Result<Self, Error> {
        let path = Self::path(dir);
        let text = serde_json::to_string_pretty(facts)
            .map_err(|error| Error::System(error.to_string()))?;
        private_file::write(&path, &text)?;
        Ok(Self { path, text })
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        // Another server on the same directory may have written its own meanwhile.
        if fs::read_to_string(&self.path).is_ok_and(|text| text == self.text) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
