//! The list of what is deployed (`.ci/supply-chain sbom`) against Cargo's own words, and the terms that come with it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata};

use crate::repository::{metadata, root};
use serde_json::Value;

/// What the script writes. `None`: its libraries are not installed, and the test is to be skipped.
fn written(kind: &str, test: &str) -> Option<String> {
    let python = root().join(".ci-tools/supply-chain/bin/python");
    if !python.exists() {
        crate::skip::skip(
            test,
            "cyclonedx-python-lib is not installed (.ci/run installs it)",
        );
        return None;
    }
    let file = format!("{}/{test}.txt", env!("CARGO_TARGET_TMPDIR"));
    let output = Command::new(python)
        .arg(root().join(".ci/components.py"))
        .args([kind, &file])
        .env("CARGO_NET_OFFLINE", "true")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(std::fs::read_to_string(file).unwrap())
}

/// `name version` → SHA-256, of everything that `Cargo.lock` takes from a registry.
fn locked() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let value = |block: &str, key: &str| {
        let line = block
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
        Some(line.trim_matches('"').to_owned())
    };
    text.split("[[package]]")
        .filter_map(|block| {
            let checksum = value(block, "checksum")?;
            let name = format!("{} {}", value(block, "name")?, value(block, "version")?);
            Some((name, checksum))
        })
        .collect()
}

/// Ours that are deployed: the functions, and from them by normal dependencies.
fn ours_deployed(metadata: &Metadata) -> BTreeSet<&str> {
    let mut found: BTreeSet<&str> = metadata
        .packages
        .iter()
        .filter(|package| package.manifest_path.as_str().contains("/functions/"))
        .map(|package| package.name.as_str())
        .collect();
    assert!(found.len() >= 10, "the functions are found");
    let mut waiting: Vec<&str> = found.iter().copied().collect();
    while let Some(name) = waiting.pop() {
        for named in named_by(metadata, name) {
            let package = metadata.packages.iter().find(|ours| ours.name == named);
            if let Some(package) = package
                && package.targets.iter().all(|target| !target.is_proc_macro())
                && found.insert(&package.name)
            {
                waiting.push(&package.name);
            }
        }
    }
    found
}

/// What a package of ours names as normal dependencies.
fn named_by<'a>(metadata: &'a Metadata, name: &str) -> Vec<&'a str> {
    let package = metadata.packages.iter().find(|ours| ours.name == name);
    package
        .unwrap()
        .dependencies
        .iter()
        .filter(|named| named.kind == DependencyKind::Normal && !named.optional)
        .map(|named| named.name.as_str())
        .collect()
}

#[test]
fn the_list_of_what_is_deployed_is_what_cargo_locked() {
    let Some(text) = written("sbom", "the_list_of_what_is_deployed_is_what_cargo_locked") else {
        return;
    };
    let list: Value = serde_json::from_str(&text).unwrap();
    let components = list["components"].as_array().unwrap();
    let locked = locked();
    let mut theirs = BTreeSet::new();
    let mut ours = BTreeSet::new();
    for component in components {
        let name = component["name"].as_str().unwrap();
        let version = component["version"].as_str().unwrap();
        let license = component["licenses"][0].to_string();
        assert!(
            license.contains("expression") || license.contains("id"),
            "{component}"
        );
        match component["purl"].as_str() {
            Some(purl) if purl.starts_with("pkg:cargo/") => {
                assert_eq!(purl, format!("pkg:cargo/{name}@{version}"));
                let checksum = component["hashes"][0]["content"].as_str();
                let expected = locked.get(&format!("{name} {version}"));
                assert_eq!(checksum, expected.map(String::as_str), "{name} {version}");
                theirs.insert(name);
            }
            Some(purl) => assert_eq!(purl, format!("pkg:npm/swagger-ui-dist@{version}")),
            // A package address would be a stranger's of the same name.
            None => assert!(ours.insert(name), "{name} twice"),
        }
    }

    let metadata = metadata();
    let deployed = ours_deployed(&metadata);
    assert_eq!(ours, deployed);
    // What a macro brings is compiled where functions are built, and linked into none.
    let mut macros = BTreeSet::from(["macros", "serde_derive", "async-trait"]);
    for name in deployed {
        for named in named_by(&metadata, name) {
            let listed = theirs.contains(named) || ours.contains(named);
            assert!(
                listed || macros.remove(named),
                "{name} names {named}, which is not listed"
            );
        }
    }
    for only_of_tests in [
        "testkit",
        "insta",
        "proptest",
        "rcgen",
        "criterion",
        "yaml-rust2",
        "ring",
    ] {
        assert!(!theirs.contains(only_of_tests) && !ours.contains(only_of_tests));
    }
    assert_eq!(list["specVersion"], "1.6");
}

#[test]
fn licences_come_with_everything_that_is_deployed() {
    let Some(text) = written("licenses", "licences_come_with_everything_that_is_deployed") else {
        return;
    };
    for words in [
        "Apache License",
        "Permission is hereby granted, free of charge",
        "Community Data License Agreement",
        "UNICODE LICENSE",
        "SmartBear Software",
    ] {
        assert!(text.contains(words), "{words} is missing");
    }
    for line in ["aws-lc-sys ", "swagger-ui ", "sqlx ", "tokio "] {
        let named = text.lines().filter(|text| text.starts_with(line));
        assert!(named.count() >= 2, "{line} has no text");
    }
}
