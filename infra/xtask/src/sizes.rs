//! How large each function is as deployed.

use std::path::Path;
use std::process::Command;

use cargo_metadata::{MetadataCommand, TargetKind};

/// Builds every function with the profile `lambda` and prints the sizes of the binaries.
///
/// # Errors
/// Why they cannot be built or measured.
pub fn run() -> Result<(), String> {
    let metadata = MetadataCommand::new()
        .no_deps()
        .exec()
        .map_err(|error| error.to_string())?;
    let functions: Vec<&str> = metadata
        .packages
        .iter()
        .filter(|package| package.manifest_path.as_str().contains("/functions/"))
        .flat_map(|package| &package.targets)
        .filter(|target| target.kind.contains(&TargetKind::Bin))
        .map(|target| target.name.as_str())
        .collect();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--profile", "lambda", "--workspace"]);
    build.args(functions.iter().flat_map(|name| ["--bin", name]));
    let done = build.status().map_err(|error| error.to_string())?;
    if !done.success() {
        return Err("the functions do not build".to_owned());
    }
    for name in functions {
        let path = metadata.target_directory.join("lambda").join(name);
        say(name, size(path.as_std_path())?);
    }
    Ok(())
}

fn size(path: &Path) -> Result<u64, String> {
    let facts = path
        .metadata()
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(facts.len())
}

#[allow(clippy::print_stdout, reason = "a command line tool")]
fn say(name: &str, bytes: u64) {
    println!("{name:12} {:6.1} MB", bytes as f64 / 1e6);
}
