//! The generated documents: written, or compared with what stands there.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use utoipa::openapi::OpenApi;

use crate::{errors, postman, rights};

/// Writes the documents, or with `check` names those that are not what would be written.
///
/// # Errors
/// The files that are stale, or why a file cannot be written.
pub fn run(check: bool) -> Result<(), String> {
    let mut stale = Vec::new();
    for (name, text) in documents()? {
        let path = root().join(name);
        let current = fs::read_to_string(&path).unwrap_or_default();
        if current == text {
            continue;
        }
        if check {
            stale.push(name);
        } else {
            fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
            say(name);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!(
        "not fresh: {}. Type: cargo xtask export",
        stale.join(", ")
    ))
}

/// Every generated document: its path from the repository's root, and its text.
///
/// # Errors
/// What cannot be told as JSON.
pub fn documents() -> Result<[(&'static str, String); 4], String> {
    let spec = serde_json::to_value(api()).map_err(|error| error.to_string())?;
    Ok([
        ("docs/api-spec.json", pretty(&spec)?),
        (
            "docs/postman_collection.json",
            pretty(&postman::collection(&spec))?,
        ),
        ("docs/errors.md", errors::page()),
        ("docs/rights.md", rights::page()),
    ])
}

/// The API description of all functions together, as `GET /openapi.json` answers it.
fn api() -> OpenApi {
    web::openapi::document(vec![
        system::routes().into_openapi(),
        tools::routes().into_openapi(),
        flows::routes().into_openapi(),
        secrets::routes().into_openapi(),
        workspaces::routes().into_openapi(),
        orchestrate::routes().into_openapi(),
        mcp::routes().into_openapi(),
        marketplace::routes().into_openapi(),
        analytics::routes().into_openapi(),
    ])
}

fn pretty(value: &Value) -> Result<String, String> {
    let text = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[allow(clippy::print_stdout, reason = "a command line tool")]
fn say(name: &str) {
    println!("wrote {name}");
}
