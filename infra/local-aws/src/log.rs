//! One log file for each function, as CloudWatch has one log group.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;
use crate::runtime_api::Sink;

/// A file that lines are added to.
#[derive(Clone, Debug)]
pub struct Log {
    path: PathBuf,
    file: Arc<Mutex<File>>,
}

impl Log {
    /// Opens `NAME.log` anew.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn create(folder: &Path, name: &str) -> Result<Self, Error> {
        let path = folder.join(format!("{name}.log"));
        match File::create(&path) {
            Ok(file) => Ok(Self {
                path,
                file: Arc::new(Mutex::new(file)),
            }),
            Err(source) => Err(Error::File { path, source }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line. A full disk loses lines, not answers.
    pub fn line(&self, line: &str) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = file.write_all(format!("{line}\n").as_bytes());
    }

    /// Where a process's output goes.
    pub(crate) fn sink(&self) -> Sink {
        let log = self.clone();
        Arc::new(move |line| log.line(line))
    }
}
