//! The protocol's official conformance suite against the server, in every version that both speak.
//!
//! A server that refuses everything passes some scenarios, so the checks that pass are counted. A scenario that is in neither
//! list of `expected.rs` fails the test.

mod expected;
mod furniture;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use testkit::{Installed, KeyProxy, TestApp};
use tokio::fs;
use tokio::process::Command;

use super::{LEGACY, MODERN};
use crate::skip::skip;

/// The oldest version that is spoken.
const OLDEST: &str = "2025-06-18";

/// How often a version is tried again. What is wrong stays so.
const MORE_TRIES: usize = 3;

/// How a scenario ended.
#[derive(Debug, Default, PartialEq)]
struct Ended {
    passed: usize,
    /// Failures and warnings, by the suite's own names.
    failed: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_suite_passes_where_it_applies() {
    let suite = testkit::node_with("@modelcontextprotocol/conformance", "dist/index.js");
    let Some(suite) = suite else {
        return skip(
            "mcp::conformance",
            "the suite is not installed (.ci/run installs it)",
        );
    };
    let (app, alice, _) = TestApp::with_two_empty_workspaces().await;
    furniture::of(&app, &alice).await;
    let path = format!("/api/v1/workspaces/{}/keys", alice.workspace_id());
    let key = alice
        .post(&path, &json!({ "name": "suite", "role": "member" }))
        .await
        .json();
    // The suite cannot send a credential.
    let proxy = KeyProxy::start(app.url(), key["value"].as_str().unwrap()).await;
    let url = format!("{}/mcp", proxy.url());
    for version in [OLDEST, LEGACY, MODERN] {
        let expected = expected::of(version);
        let mut ended = applied(&suite, &url, version).await;
        // The suite waits half a second for some answers: on a machine full of other tests that can be too short.
        for _ in 0..MORE_TRIES {
            if ended == expected {
                break;
            }
            ended = applied(&suite, &url, version).await;
        }
        assert_eq!(ended, expected, "{version}");
    }
}

/// How the scenarios ended that ask for what is offered here.
async fn applied(suite: &Installed, url: &str, version: &str) -> BTreeMap<String, Ended> {
    let mut ended = run(suite, url, version).await;
    ended.retain(|scenario, ended| {
        // Whatever is asked, the answer's form is right.
        let misshapen = ended
            .failed
            .iter()
            .any(|check| check == "wire-schema-valid");
        assert!(!misshapen, "{version} {scenario}");
        expected::not_offered(scenario, version).is_none()
    });
    ended
}

/// Runs every scenario of the version.
async fn run(suite: &Installed, url: &str, version: &str) -> BTreeMap<String, Ended> {
    let folder = std::env::temp_dir().join(format!("conformance-{}-{version}", std::process::id()));
    let output = Command::new(&suite.node)
        .arg(&suite.script)
        .args([
            "server",
            "--suite",
            "all",
            "--url",
            url,
            "--spec-version",
            version,
            "--output-dir",
        ])
        .arg(&folder)
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        told.contains("=== SUMMARY ==="),
        "{told}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let ended = read(&folder).await;
    fs::remove_dir_all(&folder).await.unwrap();
    ended
}

/// The suite's reports: a folder `server-<scenario>-<time>` each.
async fn read(folder: &Path) -> BTreeMap<String, Ended> {
    let mut all = BTreeMap::new();
    let mut folders = fs::read_dir(folder).await.unwrap();
    while let Some(entry) = folders.next_entry().await.unwrap() {
        let name = entry.file_name().into_string().unwrap();
        let time = "-2026-11-29T11-50-30-382Z".len();
        let scenario = name.strip_prefix("server-").unwrap();
        let scenario = scenario[..scenario.len() - time].to_owned();
        let checks = fs::read(entry.path().join("checks.json")).await.unwrap();
        let checks: Vec<Value> = serde_json::from_slice(&checks).unwrap();
        let mut ended = Ended::default();
        for check in checks {
            match check["status"].as_str().unwrap() {
                "SUCCESS" => ended.passed += 1,
                "FAILURE" | "WARNING" => {
                    ended.failed.push(check["id"].as_str().unwrap().to_owned())
                }
                _ => {}
            }
        }
        all.insert(scenario, ended);
    }
    all
}
