//! The tools of `examples/tools`: there from the start, and never in the way of what the user made
//! of them.

use std::fs;
use std::path::{Path, PathBuf};

use domain::caller::Caller;
use domain::egress::Policy;
use domain::{canonical, config};
use persistence::tools::{self, NewTool};
use serde_json::Value;

use crate::compose::Rooms;
use crate::error::Error;

/// How rows say that a sample is still as we shipped it.
const SOURCE: &str = "sample";

/// A file of `examples/tools`.
pub(crate) struct Sample {
    pub(crate) file: PathBuf,
    pub(crate) document: Value,
}

/// Reads the JSON files of a folder, in order of their names.
pub(crate) fn read(folder: &Path) -> Result<Vec<Sample>, Error> {
    let broken = |file: &Path, reason: String| Error::Sample {
        file: file.to_owned(),
        reason,
    };
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(|error| broken(folder, error.to_string()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let bytes = fs::read(&file).map_err(|error| broken(&file, error.to_string()))?;
            let document =
                serde_json::from_slice(&bytes).map_err(|error| broken(&file, error.to_string()))?;
            Ok(Sample { file, document })
        })
        .collect()
}

/// Saves the samples that are not there yet, and renews those that nobody but us has written. A
/// sample that the user edited, or removed, stays so.
pub(crate) async fn register(
    rooms: &Rooms,
    policy: &Policy,
    caller: &Caller,
    samples: &[Sample],
) -> Result<(), Error> {
    for sample in samples {
        let read = config::read(&sample.document, policy).map_err(|faults| Error::Sample {
            file: sample.file.clone(),
            reason: faults
                .iter()
                .map(|fault| format!("{}: {}", fault.pointer, fault.message))
                .collect::<Vec<_>>()
                .join("; "),
        })?;
        let document = sample.document.to_string();
        let hash = canonical::hash(&sample.document);
        let tool = NewTool {
            workspace_id: caller.workspace_id,
            id: &read.id,
            name: &read.name,
            description: &read.description,
            tags: &read.tags,
            enabled: read.enabled,
            document: &document,
            hash: &hash,
            source: SOURCE,
        };
        let mut tx = rooms
            .db
            .begin_as(&caller.principal, Some(caller.workspace_id))
            .await?;
        match tools::by_id(&mut tx, caller.workspace_id, &read.id).await? {
            Some(saved) if saved.source == SOURCE && saved.hash != hash => {
                tools::revise(&mut tx, &tool, Some(&saved.hash)).await?;
            }
            Some(_) => {}
            None => {
                let history =
                    tools::versions(&mut tx, caller.workspace_id, &read.id, None, 1).await?;
                if history.is_empty() {
                    tools::insert(&mut tx, &tool).await?;
                }
            }
        }
        tx.commit().await?;
    }
    Ok(())
}
