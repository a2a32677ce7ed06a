//! Checks where inputs go against the rest of the request: every placeholder filled, nothing twice.

use std::collections::HashSet;

use super::auth;
use super::inputs::{Inputs, placeholder_names};
use super::{Api, InputRule, Target};
use crate::request::tree;
use crate::schema::cut;
use crate::text;
use crate::walk::{At, Faults};

/// Every placeholder of the path is filled: by `input_to_path`, by `input_to_params`, by the input of
/// its name, or by a connection variable. And nothing is meant for a placeholder that there is not.
pub(super) fn placeholders(
    api: &Api,
    rules: Option<&[InputRule]>,
    inputs: &Inputs<'_>,
    path_at: &At<'_>,
    mapping_at: &At<'_>,
    faults: &mut Faults,
) {
    let names: HashSet<&str> = placeholder_names(api).collect();
    let rules = rules.unwrap_or_default();
    let filled = |name: &str| {
        rules.iter().any(|rule| match &rule.target {
            Target::Path { name: target, .. } | Target::Query { name: target, .. } => {
                target == name
            }
            Target::Header { .. } | Target::Body { .. } | Target::Field { .. } => false,
        })
    };
    for name in &names {
        let var = api.connection_vars.iter().any(|var| var.name == *name);
        if filled(name) || inputs.declares(name) || var {
            continue;
        }
        let vars = api.connection_vars.iter().map(|var| &var.name);
        let near = text::nearest(name, inputs.names().chain(vars).map(String::as_str));
        let hint = match near {
            Some(near) => format!("did you mean \"{{{near}}}\"?"),
            None => "declare an input of this name in \"input_schema.properties\"".to_owned(),
        };
        let message = format!("nothing fills the placeholder {{{}}}", cut(name));
        faults.advise(path_at, "unknown_placeholder", message, hint);
    }
    let group_at = mapping_at.name("input_to_path");
    for rule in rules {
        if let Target::Path { name, .. } = &rule.target
            && !names.contains(name.as_str())
        {
            let near = text::nearest(name, names.iter().copied());
            let hint = match near {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("write {{{}}} into \"api.path\"", cut(name)),
            };
            let message = format!("the path has no placeholder {{{}}}", cut(name));
            let place = group_at.name(&rule.input);
            faults.advise(&place, "unknown_placeholder", message, hint);
        }
    }
}

/// Notes targets that two rules write, or that something fixed or secret takes already.
pub(super) fn conflicts(api: &Api, rules: &[InputRule], at: &At<'_>, faults: &mut Faults) {
    let credential = auth::slots(&api.auth);
    for (index, rule) in rules.iter().enumerate() {
        let (group, fixed, secret) = match &rule.target {
            Target::Query { name, .. } => (
                "input_to_params",
                api.params.iter().any(|(other, _)| other == name),
                credential.iter().any(|slot| slot.is_param(name)),
            ),
            Target::Header { name, .. } => (
                "input_to_headers",
                api.headers
                    .iter()
                    .any(|(other, _)| other.eq_ignore_ascii_case(name)),
                credential.iter().any(|slot| slot.is_header(name)),
            ),
            Target::Path { .. } => ("input_to_path", false, false),
            Target::Body { .. } | Target::Field { .. } => ("input_to_body", false, false),
        };
        let group_at = at.name(group);
        let place = group_at.name(&rule.input);
        if secret {
            let message = "\"api.auth\" puts the credential there";
            faults.add(&place, "conflict", message);
        } else if fixed {
            let message = "\"api.params\" or \"api.headers\" fixes this target";
            faults.add(&place, "conflict", message);
        }
        let earlier = rules.iter().take(index);
        if let Some(other) = earlier
            .into_iter()
            .find(|other| overlap(&other.target, &rule.target))
        {
            let message = format!("\"{}\" is written to the same place", cut(&other.input));
            faults.add(&place, "conflict", message);
        }
    }
}

fn overlap(one: &Target, other: &Target) -> bool {
    match (one, other) {
        (Target::Query { name: a, .. }, Target::Query { name: b, .. })
        | (Target::Path { name: a, .. }, Target::Path { name: b, .. })
        | (Target::Field { name: a, .. }, Target::Field { name: b, .. }) => a == b,
        (Target::Header { name: a, .. }, Target::Header { name: b, .. }) => {
            a.eq_ignore_ascii_case(b)
        }
        (Target::Body { pointer: a }, Target::Body { pointer: b }) => {
            // The first parts that differ: both names, both indexes, or no place for both.
            let mut steps = a.iter().zip(b).skip_while(|(a, b)| a == b);
            let is_index = |name: &String| tree::index(name).is_some();
            steps.next().is_none_or(|(a, b)| is_index(a) != is_index(b))
        }
        (
            Target::Query { .. }
            | Target::Path { .. }
            | Target::Header { .. }
            | Target::Body { .. }
            | Target::Field { .. },
            _,
        ) => false,
    }
}
