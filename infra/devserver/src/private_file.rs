//! Files that only the user may read.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::error::Error;

/// Writes the file whole or not at all, with mode 0600.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    write_beside(path, text)
        .and_then(|new| fs::rename(new, path))
        .map_err(|source| failed(path, source))
}

/// The file's text; the first time, what `make` gives is written down. Racing processes agree.
pub(crate) fn read_or_make(
    path: &Path,
    make: impl FnOnce() -> Result<String, Error>,
) -> Result<String, Error> {
    if !path.exists() {
        let new = write_beside(path, &make()?).map_err(|source| failed(path, source))?;
        // A hard link, unlike a rename, never replaces what somebody else put there meanwhile.
        let linked = fs::hard_link(&new, path);
        let _ = fs::remove_file(&new);
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(path, error));
            }
            _ => {}
        }
    }
    fs::read_to_string(path)
        .map(|text| text.trim().to_owned())
        .map_err(|source| failed(path, source))
}

/// Creates a directory that others may pass through (the database's user must, under root) but not
/// list.
pub(crate) fn directory(path: &Path) -> Result<(), Error> {
    let new = !path.exists();
    fs::create_dir_all(path)
        .and_then(|()| match new {
            true => fs::set_permissions(path, fs::Permissions::from_mode(0o711)),
            false => Ok(()),
        })
        .map_err(|source| failed(path, source))
}

/// Removes a file; that it is gone already is fine.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path, error)),
        _ => Ok(()),
    }
}

fn write_beside(path: &Path, text: &str) -> io::Result<std::path::PathBuf> {
    let new = path.with_added_extension(format!("{}.new", std::process::id()));
    let _ = fs::remove_file(&new);
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(new)
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        source,
    }
}
