//! `template.yaml`, read as far as the tests ask about it.

use std::collections::BTreeMap;
use std::fs;

use yaml_rust2::{Yaml, YamlLoader};

use crate::repository::root;

/// The template. The reader drops CloudFormation's tags: `!Ref X` is the text `X`, `!GetAtt A.B` the text `A.B`.
pub(super) struct Stack(Yaml);

/// One route of a function.
pub(super) struct Route {
    /// The function's binary, which is its group's name.
    pub(super) binary: String,
    /// The event's name, as the verb that names files.
    pub(super) name: String,
    pub(super) method: String,
    pub(super) path: String,
    /// `ResponseTransferMode` and `TimeoutInMillis`, as they stand there.
    pub(super) transfer: (Option<String>, Option<i64>),
}

/// One function of the template.
pub(super) struct Function<'a> {
    resource: &'a Yaml,
    globals: &'a Yaml,
}

impl Stack {
    pub(super) fn read() -> Self {
        let text = fs::read_to_string(root().join("template.yaml")).unwrap();
        Self(YamlLoader::load_from_str(&text).unwrap().remove(0))
    }

    fn resources(&self, kind: &str) -> impl Iterator<Item = (&str, &Yaml)> {
        entries(&self.0["Resources"])
            .filter(move |(_, resource)| resource["Type"].as_str() == Some(kind))
    }

    /// Every resource of this kind: its name and its properties.
    pub(super) fn all(&self, kind: &str) -> Vec<(&str, &Yaml)> {
        let all = self.resources(kind);
        all.map(|(name, resource)| (name, &resource["Properties"]))
            .collect()
    }

    /// The properties of a resource.
    pub(super) fn properties(&self, name: &str) -> &Yaml {
        &self.0["Resources"][name]["Properties"]
    }

    /// A number of a parameter: its `Default`, `MinValue` or `MaxValue`.
    pub(super) fn parameter(&self, name: &str, what: &str) -> Option<i64> {
        self.0["Parameters"][name][what].as_i64()
    }

    pub(super) fn has_parameter(&self, name: &str) -> bool {
        !self.0["Parameters"][name]["Default"].is_null()
    }

    pub(super) fn functions(&self) -> impl Iterator<Item = Function<'_>> {
        let globals = &self.0["Globals"]["Function"];
        self.resources("AWS::Serverless::Function")
            .map(move |(_, resource)| Function { resource, globals })
    }

    /// Every route of every function.
    pub(super) fn routes(&self) -> Vec<Route> {
        self.functions()
            .flat_map(|function| function.routes())
            .collect()
    }

    /// Every statement of every role: the role's name, the resource, the actions.
    pub(super) fn statements(&self) -> Vec<(&str, &str, Vec<&str>)> {
        let mut found = Vec::new();
        for (name, role) in self.resources("AWS::IAM::Role") {
            assert!(
                role["Properties"]["ManagedPolicyArns"].is_badvalue(),
                "{name}"
            );
            for policy in role["Properties"]["Policies"].as_vec().unwrap() {
                for statement in policy["PolicyDocument"]["Statement"].as_vec().unwrap() {
                    let actions = statement["Action"].as_vec().unwrap();
                    found.push((
                        name,
                        statement["Resource"].as_str().unwrap(),
                        actions.iter().filter_map(Yaml::as_str).collect(),
                    ));
                }
            }
        }
        found
    }

    /// Headers that pages of other origins may send.
    pub(super) fn allowed_headers(&self) -> Vec<String> {
        let cors = &self.0["Resources"]["Api"]["Properties"]["Cors"]["AllowHeaders"];
        let listed = cors.as_str().unwrap().trim_matches('\'').split(',');
        listed.map(str::to_ascii_lowercase).collect()
    }

    /// Headers of the gateway's own answers that pages of other origins may read.
    pub(super) fn exposed_headers(&self) -> Vec<Vec<String>> {
        let responses = &self.0["Resources"]["Api"]["Properties"]["GatewayResponses"];
        entries(responses)
            .map(|(_, response)| {
                let headers = &response["ResponseParameters"]["Headers"];
                let listed = headers["Access-Control-Expose-Headers"].as_str().unwrap();
                let listed = listed.trim_matches('\'').split(',');
                listed.map(str::to_ascii_lowercase).collect()
            })
            .collect()
    }

    /// What the gateway answers by itself: its kind, status and JSON body.
    pub(super) fn gateway_responses(&self) -> Vec<(&str, Option<i64>, &str)> {
        let responses = &self.0["Resources"]["Api"]["Properties"]["GatewayResponses"];
        entries(responses)
            .map(|(kind, response)| {
                let template = &response["ResponseTemplates"]["application/json"];
                (
                    kind,
                    response["StatusCode"].as_i64(),
                    template.as_str().unwrap(),
                )
            })
            .collect()
    }
}

impl Function<'_> {
    /// Its program: the last part of where cargo-lambda puts it.
    pub(super) fn binary(&self) -> String {
        let code = self.resource["Properties"]["CodeUri"].as_str().unwrap();
        code.strip_prefix("target/lambda/").unwrap().to_owned()
    }

    /// The environment that the function starts with; a value that is computed is its text without tags.
    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        [self.globals, &self.resource["Properties"]]
            .into_iter()
            .flat_map(|place| entries(&place["Environment"]["Variables"]))
            .map(|(name, value)| {
                (
                    name.to_owned(),
                    value.as_str().unwrap_or_default().to_owned(),
                )
            })
            .collect()
    }

    /// A property of the function itself.
    pub(super) fn property(&self, name: &str) -> &Yaml {
        &self.resource["Properties"][name]
    }

    /// The properties of those of its events that are of the kind.
    pub(super) fn events(&self, kind: &str) -> Vec<&Yaml> {
        entries(&self.resource["Properties"]["Events"])
            .filter(|(_, event)| event["Type"].as_str() == Some(kind))
            .map(|(_, event)| &event["Properties"])
            .collect()
    }

    /// Seconds after which Lambda ends it.
    pub(super) fn timeout(&self) -> i64 {
        let own = &self.resource["Properties"]["Timeout"];
        let usual = self.globals["Timeout"].as_i64();
        own.as_i64().or(usual).unwrap()
    }

    pub(super) fn routes(&self) -> Vec<Route> {
        let events = entries(&self.resource["Properties"]["Events"]);
        events
            .filter(|(_, event)| event["Type"].as_str() == Some("Api"))
            .map(|(name, event)| {
                let properties = &event["Properties"];
                assert_eq!(properties["RestApiId"].as_str(), Some("Api"), "{name}");
                Route {
                    binary: self.binary(),
                    name: snake(name),
                    method: properties["Method"].as_str().unwrap().to_owned(),
                    path: properties["Path"].as_str().unwrap().to_owned(),
                    transfer: (
                        properties["ResponseTransferMode"]
                            .as_str()
                            .map(str::to_owned),
                        properties["TimeoutInMillis"].as_i64(),
                    ),
                }
            })
            .collect()
    }
}

fn entries(map: &Yaml) -> impl Iterator<Item = (&str, &Yaml)> {
    map.as_hash()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str().unwrap(), value))
}

/// `ListSaved` → `list_saved`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}
