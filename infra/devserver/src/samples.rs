//! The tools and flows of `examples/`: there from the start, and never in the way of what the user made
//! of them.

use std::fs;
use std::path::{Path, PathBuf};

use domain::caller::Caller;
use domain::egress::Policy;
use domain::fault::Fault;
use domain::{canonical, config, flow};
use persistence::tools::{self, NewTool};
use registry::FlowError;
use serde_json::Value;

use crate::compose::Rooms;
use crate::development;
use crate::error::{Error, causes};

/// How rows say that a sample is still as we shipped it.
const SOURCE: &str = "sample";

/// A file of `examples/tools` or `examples/flows`.
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
        let read = config::read(&sample.document, policy)
            .map_err(|faults| unusable(sample, told(&faults)))?;
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

/// Saves the sample flows that were never there. One that is there stays as it is, and one that the user removed stays away:
/// nothing says of a flow whether it is still ours. Answers what the user should know about those that do not fit the tools
/// as they are by now.
pub(crate) async fn register_flows(
    rooms: &Rooms,
    caller: &Caller,
    samples: &[Sample],
) -> Result<Vec<String>, Error> {
    let failed = |error: &FlowError| Error::SetUp {
        reason: causes(error),
    };
    let flows = rooms.registry.flows();
    let mut notices = Vec::new();
    for sample in samples {
        let read =
            flow::read(&sample.document).map_err(|faults| unusable(sample, told(&faults)))?;
        let id = read
            .id
            .ok_or_else(|| unusable(sample, "/id: a sample states its id".to_owned()))?;
        // Each is checked beside those before it: they may be its sub-flows.
        let caller = development::again(rooms, caller).await?;
        let was_there = match flows.versions(&caller, &id, None, 1).await {
            Ok(_) => true,
            Err(FlowError::NotFound) => false,
            Err(error) => return Err(failed(&error)),
        };
        if was_there {
            continue;
        }
        match flows.save(&caller, &sample.document).await {
            // Another server on this database was faster, or the user has a tool of that id.
            Ok(_)
            | Err(FlowError::Exists { .. } | FlowError::TakenByTool(_) | FlowError::BuiltIn(_)) => {
            }
            Err(FlowError::Invalid(faults)) => notices.push(format!(
                "the sample flow {id} is not saved, because it does not fit your tools: {}",
                told(&faults)
            )),
            Err(
                error @ (FlowError::Conflict { .. }
                | FlowError::InstalledCopy
                | FlowError::NotFound
                | FlowError::Catalog(_)
                | FlowError::Database(_)),
            ) => return Err(failed(&error)),
        }
    }
    Ok(notices)
}

fn unusable(sample: &Sample, reason: String) -> Error {
    Error::Sample {
        file: sample.file.clone(),
        reason,
    }
}

/// Faults on one line.
fn told(faults: &[Fault]) -> String {
    faults
        .iter()
        .map(|fault| format!("{}: {}", fault.pointer, fault.message))
        .collect::<Vec<_>>()
        .join("; ")
}
