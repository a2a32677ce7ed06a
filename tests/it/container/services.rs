//! `compose.yaml`, as the tests ask it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use yaml_rust2::{Yaml, YamlLoader};

use crate::repository::root;

pub(super) struct Services(Yaml);

/// Every file below a folder.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

impl Services {
    pub(super) fn read() -> Self {
        let text = fs::read_to_string(root().join("compose.yaml")).unwrap();
        Self(YamlLoader::load_from_str(&text).unwrap().remove(0))
    }

    pub(super) fn names(&self) -> Vec<&str> {
        let services = self.0["services"].as_hash().unwrap();
        services.keys().filter_map(Yaml::as_str).collect()
    }

    /// A member of a service, or of what is merged into it.
    fn member(&self, service: &str, name: &str) -> &Yaml {
        let service = &self.0["services"][service];
        assert!(!service.is_badvalue());
        match &service[name] {
            Yaml::BadValue => &service["<<"][name],
            own => own,
        }
    }

    pub(super) fn text(&self, service: &str, name: &str) -> String {
        scalar(self.member(service, name))
    }

    pub(super) fn list(&self, service: &str, name: &str) -> Vec<String> {
        let list = self.member(service, name).as_vec();
        list.into_iter().flatten().map(scalar).collect()
    }

    pub(super) fn environment(&self, service: &str) -> BTreeMap<String, String> {
        let environment = self.member(service, "environment").as_hash().unwrap();
        let pairs = environment.iter();
        pairs
            .map(|(name, value)| (scalar(name), scalar(value)))
            .collect()
    }

    /// On which condition a service begins after another.
    pub(super) fn waits(&self, service: &str, of: &str) -> String {
        scalar(&self.member(service, "depends_on")[of]["condition"])
    }

    pub(super) fn is_internal(&self, network: &str) -> bool {
        self.0["networks"][network]["internal"].as_bool() == Some(true)
    }
}

fn scalar(value: &Yaml) -> String {
    match value {
        Yaml::String(text) => text.clone(),
        Yaml::Boolean(it) => it.to_string(),
        Yaml::Integer(number) => number.to_string(),
        other => panic!("{other:?} is no text"),
    }
}
