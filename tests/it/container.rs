//! The image and its composition say what is true of the programs: names, ports, variables, and what the build reads.

mod ignore;
mod services;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use runtime::config::VARIABLES;

use ignore::Ignore;
use services::Services;

use crate::repository::{metadata, root};

/// What the image of Postgres reads by itself.
const OF_POSTGRES: [&str; 3] = ["POSTGRES_DB", "POSTGRES_PASSWORD", "POSTGRES_INITDB_ARGS"];

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

/// The instructions of the Dockerfile: name and arguments, continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let joined = text("Dockerfile").replace("\\\n", " ");
    let lines = joined
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (name, rest) = line.split_once(' ').unwrap();
            (name.to_owned(), rest.trim().to_owned())
        })
        .collect()
}

/// Those of the last stage.
fn of_image(name: &str) -> String {
    let all = instructions();
    let last = all.iter().rposition(|(name, _)| name == "FROM").unwrap();
    let found: Vec<&str> = all[last..]
        .iter()
        .filter(|(it, _)| it == name)
        .map(|(_, rest)| rest.as_str())
        .collect();
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found[0].to_owned()
}

/// A list in JSON, as ENTRYPOINT and CMD have it.
fn words(list: &str) -> Vec<String> {
    serde_json::from_str(list).unwrap()
}

#[test]
fn the_image_is_not_run_as_root_and_needs_no_shell() {
    let user = of_image("USER");
    let (user, group) = user.split_once(':').unwrap();
    assert!(user.parse::<u32>().unwrap() >= 10_000, "{user}");
    assert!(group.parse::<u32>().unwrap() >= 10_000, "{group}");
    let gathered = text("infra/container/gather.sh");
    assert!(gathered.contains(&format!("server:x:{user}:{group}:")));
    assert_eq!(of_image("STOPSIGNAL"), "SIGTERM");
    // In the form of a list nothing is given to a shell.
    words(&of_image("ENTRYPOINT"));
    words(&of_image("CMD"));
    words(of_image("HEALTHCHECK").split_once("CMD ").unwrap().1);
}

#[test]
fn the_image_starts_a_program_that_is_built() {
    let entry = words(&of_image("ENTRYPOINT"));
    let program = entry[0].strip_prefix('/').unwrap();
    let metadata = metadata();
    let programs: BTreeSet<&str> = metadata
        .packages
        .iter()
        .flat_map(|package| &package.targets)
        .filter(|target| target.is_bin())
        .map(|target| target.name.as_str())
        .collect();
    assert!(programs.contains(program), "{program}");
    let runs: Vec<String> = instructions()
        .into_iter()
        .filter(|(name, _)| name == "RUN")
        .map(|(_, run)| run)
        .collect();
    for step in ["cargo chef cook", "cargo build"] {
        let run = runs.iter().find(|run| run.starts_with(step)).unwrap();
        for word in ["--release", "--locked", "--workspace"] {
            assert!(run.contains(word), "{run}");
        }
        assert!(run.contains(&format!("--bin {program}")), "{run}");
    }
    let gather = runs.iter().find(|run| run.contains("gather.sh")).unwrap();
    assert!(gather.contains(&format!("target/release/{program} ")));
    let health = of_image("HEALTHCHECK");
    let health = words(health.split_once("CMD ").unwrap().1);
    assert_eq!(health, [entry[0].as_str(), "health"]);
}

#[test]
fn the_port_is_the_default_one_everywhere() {
    let port = devserver::PORT.to_string();
    assert_eq!(of_image("EXPOSE"), port);
    assert!(!of_image("CMD").contains("--port"));
    let services = Services::read();
    let published = services.list("server", "ports");
    assert_eq!(published.len(), 1);
    // Nobody but this machine, unless somebody puts a proxy before it.
    assert_eq!(published[0], format!("127.0.0.1:${{PORT:-{port}}}:{port}"));
}

#[test]
fn images_are_pinned() {
    let all = instructions();
    let stages: BTreeSet<&str> = all
        .iter()
        .filter_map(|(_, rest)| rest.split_once(" AS ").map(|(_, stage)| stage))
        .collect();
    let bases = all.iter().filter(|(name, _)| name == "FROM");
    let bases: Vec<String> = bases
        .map(|(_, rest)| rest.split(' ').next().unwrap().to_owned())
        .filter(|base| base != "scratch" && !stages.contains(base.as_str()))
        .chain([Services::read().text("database", "image")])
        .collect();
    assert_eq!(bases.len(), 2);
    for base in &bases {
        let tag = base.split_once(':').unwrap().1;
        assert!(tag.starts_with(|c: char| c.is_ascii_digit()), "{base}");
    }
    let version = Regex::new(r#"rust-version = "([\d.]+)""#).unwrap();
    let manifest = text("Cargo.toml");
    let version = &version.captures(&manifest).unwrap()[1];
    assert!(bases[0].starts_with(&format!("rust:{version}-")));
}

#[test]
fn every_variable_is_one_that_is_read() {
    let services = Services::read();
    let known: BTreeSet<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    for service in ["server", "migrate"] {
        for (name, _) in services.environment(service) {
            assert!(known.contains(name.as_str()), "{service}: {name}");
        }
    }
    let roles = text("infra/container/roles.sql");
    for (name, _) in services.environment("database") {
        let read = roles.contains(&format!(" {name}\n"));
        assert!(read || OF_POSTGRES.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn no_password_stands_in_the_file() {
    let services = Services::read();
    let password = Regex::new("PASSWORD|SECRET|KEY").unwrap();
    let in_url = Regex::new(r"://[^:@/]+:([^@]+)@").unwrap();
    let mut seen = 0;
    for service in ["database", "migrate", "server"] {
        for (name, value) in services.environment(service) {
            if password.is_match(&name) {
                assert!(value.starts_with("${") && value.ends_with('}'), "{name}");
                seen += 1;
            }
            if let Some(found) = in_url.captures(&value) {
                assert!(found[1].starts_with("${"), "{name}: {value}");
                seen += 1;
            }
        }
    }
    assert!(seen > 6, "{seen}");
    let example = text(".env.example");
    let filled = Regex::new(r"(?m)^#?\w*(PASSWORD|SECRET|KEYS?)=.+$").unwrap();
    assert_eq!(filled.find(&example).map(|found| found.as_str()), None);
}

#[test]
fn the_example_says_what_must_be_set() {
    let compose = text("compose.yaml");
    let names = |pattern: &str, text: &str| -> BTreeSet<String> {
        let pattern = Regex::new(pattern).unwrap();
        let found = pattern.captures_iter(text);
        found.map(|found| found[1].to_owned()).collect()
    };
    let required = names(r"\$\{(\w+):\?", &compose);
    let used = names(r"\$\{(\w+)", &compose);
    let example = text(".env.example");
    let given = names(r"(?m)^(\w+)=", &example);
    let told = names(r"(?m)^#?(\w+)=", &example);
    assert!(required.is_subset(&given), "{required:?} {given:?}");
    assert!(told.is_subset(&used), "{told:?} {used:?}");
}

#[test]
fn services_have_no_rights_that_they_do_not_need() {
    let services = Services::read();
    assert_eq!(services.names(), ["database", "migrate", "server"]);
    for service in services.names() {
        assert_eq!(services.text(service, "read_only"), "true", "{service}");
        assert_eq!(services.list(service, "cap_drop"), ["ALL"], "{service}");
        let options = services.list(service, "security_opt");
        assert_eq!(options, ["no-new-privileges:true"], "{service}");
    }
    assert!(services.list("database", "ports").is_empty());
    assert_eq!(services.list("database", "networks"), ["inside"]);
    assert!(services.is_internal("inside"));
    let waits = |service, of| services.waits(service, of);
    assert_eq!(waits("migrate", "database"), "service_healthy");
    assert_eq!(waits("server", "migrate"), "service_completed_successfully");
    // Only the one-shot service is the owner of what it makes; the server is nobody by itself.
    let login = |service: &str| {
        let url = services
            .environment(service)
            .remove("DATABASE_URL")
            .unwrap();
        url.split("://")
            .nth(1)
            .unwrap()
            .split(':')
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(login("migrate"), "owner");
    assert_eq!(login("server"), "authenticator");
}

/// Files outside its own crate that a program is built from, as paths from the root.
fn included() -> BTreeSet<PathBuf> {
    let include = Regex::new(r#"include_(?:str|bytes)!\(\s*"([^"]+)"\s*\)"#).unwrap();
    let mut found = BTreeSet::new();
    for part in ["functions", "shared", "infra"] {
        for file in services::files(&root().join(part)) {
            let inside = file.strip_prefix(root()).unwrap();
            let of_tests = inside
                .components()
                .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "benches");
            if of_tests || file.extension().is_none_or(|end| end != "rs") {
                continue;
            }
            let source = fs::read_to_string(&file).unwrap();
            let source = source.split("#[cfg(test)]").next().unwrap();
            for path in include.captures_iter(source) {
                let path = file.parent().unwrap().join(&path[1]).canonicalize();
                found.insert(path.unwrap().strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found
}

#[test]
fn the_build_sees_what_it_reads_and_nothing_that_is_secret() {
    let ignore = Ignore::read(&text(".dockerignore"));
    let included = included();
    assert!(included.contains(Path::new("docs/api-spec.json")));
    for path in &included {
        assert!(!ignore.ignores(path), "{}", path.display());
    }
    let metadata = metadata();
    for package in &metadata.packages {
        for target in &package.targets {
            let path = target.src_path.as_std_path().strip_prefix(root()).unwrap();
            assert!(!ignore.ignores(path), "{}", path.display());
        }
    }
    let files = [
        "Cargo.toml",
        "Cargo.lock",
        ".cargo/config.toml",
        "infra/migrations/0001_roles.sql",
        "infra/container/gather.sh",
    ];
    for path in files {
        assert!(root().join(path).exists(), "{path}");
        assert!(!ignore.ignores(Path::new(path)), "{path}");
    }
    for path in [
        ".env",
        "infra/.env",
        ".git/config",
        ".devserver/master-keys",
        "target/debug/devserver",
    ] {
        assert!(ignore.ignores(Path::new(path)), "{path}");
    }
}
