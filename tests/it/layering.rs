//! The architecture's rules that a machine can check: who imports whom, and what is named where.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::DependencyKind;

use crate::repository::{metadata, root};

/// The rows of ARCHITECTURE.md from the bottom. A crate imports only from rows below its own.
const ROWS: &[&[&str]] = &[
    &["macros", "postgres", "scripted-model"],
    &["domain"],
    &["builtin", "telemetry"],
    &["persistence"],
    &["vault"],
    &["registry", "auth"],
    &["executor"],
    &["workflow"],
    &["orchestrator"],
    &["web", "runtime"],
    &[
        "system",
        "tools",
        "flows",
        "secrets",
        "workspaces",
        "analytics",
        "marketplace",
        "orchestrate",
        "mcp",
        "flow-worker",
    ],
    &["devserver", "local-aws", "xtask", "bench"],
    &["testkit", "examples"],
    &["tests"],
];

/// Other people's crates that only these of ours may name outside their tests.
const CONFINED: &[(&str, &[&str])] = &[
    ("sqlx", &["persistence"]),
    // `auth` fetches signing keys of the operator's choice; `executor` calls what users name.
    (
        "reqwest",
        &["executor", "auth", "local-aws", "testkit", "bench"],
    ),
    ("lambda_http", &["runtime"]),
    ("lambda_runtime", &[]),
    ("async-openai", &["orchestrator"]),
    ("rmcp", &["mcp"]),
    ("rcgen", &["testkit"]),
    ("jsonschema", &["domain"]),
    // Only `domain::flow` bounds what an expression may do.
    ("minijinja", &["domain"]),
    ("aws-sdk-secretsmanager", &["vault"]),
    ("aws-sdk-sqs", &["workflow"]),
];

fn row(name: &str) -> usize {
    ROWS.iter()
        .position(|row| row.contains(&name))
        .unwrap_or_else(|| panic!("{name} stands in no row of ARCHITECTURE.md"))
}

#[test]
fn crates_import_only_from_rows_below() {
    let metadata = metadata();
    let ours: BTreeSet<&str> = metadata
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    for package in &metadata.packages {
        let name = package.name.as_str();
        for imported in package
            .dependencies
            .iter()
            .map(|import| import.name.as_str())
        {
            if ours.contains(imported) {
                assert!(
                    row(imported) < row(name),
                    "{name} imports {imported}, which does not stand below it"
                );
            }
        }
    }
    let stated: BTreeSet<&str> = ROWS.iter().copied().flatten().copied().collect();
    assert_eq!(stated, ours, "the rows name exactly the crates that exist");
}

#[test]
fn dangerous_crates_stay_in_their_rooms() {
    for package in metadata().packages {
        let name = package.name.as_str();
        for import in &package.dependencies {
            let confined = CONFINED.iter().find(|(krate, _)| *krate == import.name);
            if let Some((krate, rooms)) = confined
                && import.kind != DependencyKind::Development
            {
                assert!(rooms.contains(&name), "{name} names {krate}");
            }
        }
    }
}

/// Every Rust file of the product: `(path from the root, text without its unit tests)`.
fn product() -> BTreeMap<PathBuf, String> {
    let root = root();
    let mut files = BTreeMap::new();
    for folder in ["functions", "shared", "infra"] {
        collect(&root.join(folder), &mut files);
    }
    assert!(files.len() > 50, "the product's files are found");
    files
        .into_iter()
        .map(|(path, text)| {
            let path = path.strip_prefix(&root).unwrap().to_owned();
            let text = text
                .split("#[cfg(test)]")
                .next()
                .unwrap_or_default()
                .to_owned();
            (path, text)
        })
        .filter(|(path, _)| !path.components().any(|part| part.as_os_str() == "tests"))
        .collect()
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            files.insert(path, text);
        }
    }
}

/// Lines of code, comments left out, that hold the text, outside the places where it may stand.
fn found(text: &str, allowed: &[&str]) -> Vec<String> {
    product()
        .into_iter()
        .filter(|(path, _)| !allowed.iter().any(|place| path.starts_with(place)))
        .flat_map(|(path, code)| {
            code.lines()
                .filter(|line| !line.trim_start().starts_with("//") && line.contains(text))
                .map(|line| format!("{}: {}", path.display(), line.trim()))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn only_runtime_and_the_local_command_lines_read_the_environment() {
    let allowed = [
        "shared/runtime/src",
        "shared/testkit",
        "infra/devserver/src/main.rs",
        "infra/local-aws/src/main.rs",
        "infra/xtask",
        "infra/bench",
    ];
    let readers = ["env::var(", "env::var_os(", "env::vars(", "env::vars_os("];
    let found: Vec<_> = readers
        .iter()
        .flat_map(|reader| found(reader, &allowed))
        .collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn only_problem_knows_error_statuses() {
    let names = [
        "StatusCode::BAD_REQUEST",
        "StatusCode::UNAUTHORIZED",
        "StatusCode::FORBIDDEN",
        "StatusCode::NOT_FOUND",
        "StatusCode::CONFLICT",
        "StatusCode::PAYLOAD_TOO_LARGE",
        "StatusCode::UNPROCESSABLE_ENTITY",
        "StatusCode::TOO_MANY_REQUESTS",
        "StatusCode::INTERNAL_SERVER_ERROR",
        "StatusCode::SERVICE_UNAVAILABLE",
    ];
    let allowed = [
        "shared/web/src/problem.rs",
        "shared/web/src/problem",
        "shared/testkit",
        "infra",
    ];
    let found: Vec<_> = names
        .iter()
        .flat_map(|name| found(name, &allowed))
        .collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn functions_start_in_at_most_15_lines() {
    for (path, text) in product() {
        if path.starts_with("functions") && path.ends_with("src/main.rs") {
            let lines = text.lines().count();
            assert!(lines <= 15, "{} has {lines} lines", path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for (path, text) in product() {
        assert!(
            text.starts_with("//! "),
            "{} does not open with //!",
            path.display()
        );
    }
}
