//! JSON Schemas of tools: bounded before they are compiled, and faults that say how to mend the value.

use std::fmt;

use jsonschema::{Draft, PatternOptions, ValidationOptions, Validator};
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::walk::{At, Faults};

mod check;
mod cost;
mod explain;
mod keywords;
mod refs;

use cost::Cost;
use explain::Audience;

pub(crate) use check::{cut, names_secret};

/// Largest schema, in bytes of compact JSON.
pub const MAX_BYTES: usize = 64 * 1024;

/// Visits of a schema's parts that validating one instance may cost: some seconds of work.
const MOST_VISITS: u64 = 250_000_000;

/// Instances with which more than this could be wrong get their first fault only: a list of a million
/// wrong numbers is one mistake, and the validator makes all errors at once, half a kilobyte each.
const MOST_ERRORS: u64 = 100_000;

/// Largest compiled pattern and largest cache of one, in bytes.
const PATTERN_BYTES: usize = 256 * 1024;

/// A schema made ready for validating. Patterns run in linear time, nothing is ever fetched.
#[derive(Clone)]
pub struct Compiled {
    schema: Value,
    validator: Validator,
    cost: Cost,
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Compiled").field(&self.schema).finish()
    }
}

impl Compiled {
    /// Checks a schema (see [`check`]) and compiles it. Without `$schema` it is of the draft 2020-12.
    ///
    /// # Errors
    /// Every fault of the schema, with pointers into it.
    pub fn new(schema: &Value) -> Result<Self, Vec<Fault>> {
        let faults = check(schema);
        if !faults.is_empty() {
            return Err(faults);
        }
        let validator = options(schema).build(schema).map_err(|error| {
            vec![Fault::new(
                error.instance_path().as_str(),
                "invalid_schema",
                format!("the schema cannot be compiled: {}", error.masked()),
            )]
        })?;
        Ok(Self {
            schema: schema.clone(),
            validator,
            cost: Cost::of(schema),
        })
    }

    /// Whether the instance fits.
    pub fn is_valid(&self, instance: &Value) -> bool {
        self.too_much(instance).is_none() && self.validator.is_valid(instance)
    }

    /// What is wrong with an instance, with pointers into it; empty when it fits. At most a
    /// hundred. The texts name fields and limits, never the instance's own values.
    ///
    /// They are fit for a model: no hidden property (`x-hidden`) is named.
    pub fn faults(&self, instance: &Value) -> Vec<Fault> {
        self.faults_for(Audience::Model, instance)
    }

    /// The same for whoever may set and see hidden properties.
    pub fn faults_to_author(&self, instance: &Value) -> Vec<Fault> {
        self.faults_for(Audience::Author, instance)
    }

    fn faults_for(&self, audience: Audience, instance: &Value) -> Vec<Fault> {
        if let Some(fault) = self.too_much(instance) {
            return vec![fault];
        }
        if self.validator.is_valid(instance) {
            return Vec::new();
        }
        let mut faults = Vec::new();
        if self.few_errors(instance) {
            for error in self.validator.iter_errors(instance) {
                explain::explain(&self.schema, &error, audience, &mut faults);
                if faults.len() >= 100 {
                    break;
                }
            }
            faults.truncate(100);
        } else if self.cost.each.choice {
            let message = "does not fit the schema, and is too large to say where";
            faults.push(Fault::new("", "invalid_value", message));
        } else if let Err(error) = self.validator.validate(instance) {
            explain::explain(&self.schema, &error, audience, &mut faults);
        }
        faults
    }

    /// Why the instance is not even validated, if so.
    fn too_much(&self, instance: &Value) -> Option<Fault> {
        let most = self.cost.max_depth;
        if most != usize::MAX && depth(instance) > most {
            let message = format!(
                "nested deeper than {most} levels, which is too deep for this recursive schema"
            );
            return Some(Fault::new("", "too_deep", message));
        }
        let visits = self.cost.each.visits;
        (!at_most(instance, MOST_VISITS / visits.max(1))).then(|| {
            let message = "too large for a schema with so many alternatives";
            Fault::new("", "too_large", message)
        })
    }

    /// Whether so little can be wrong with the instance that all of it may be told.
    fn few_errors(&self, instance: &Value) -> bool {
        let levels = if self.cost.growth < 2 {
            0
        } else {
            u32::try_from(depth(instance)).unwrap_or(u32::MAX)
        };
        let multiplied = self.cost.growth.saturating_pow(levels).max(1);
        let each = self.cost.each.faults.saturating_mul(multiplied);
        at_most(instance, MOST_ERRORS / each.max(1))
    }

    /// The schema as it was given.
    pub const fn schema(&self) -> &Value {
        &self.schema
    }
}

/// Whether a member of a schema of this name is one of its keywords.
pub(crate) fn is_keyword(name: &str) -> bool {
    keywords::shape(name).is_some()
}

/// What is wrong with a schema, without compiling it: keywords of the wrong shape, types that are
/// none, references that leave the schema or run in circles, patterns that need backtracking, and
/// everything beyond the bounds (64 KB, 32 levels, 2,000 subschemas, 64 patterns, 256 parts referred to).
/// Empty when it is fit to be compiled.
pub fn check(schema: &Value) -> Vec<Fault> {
    let mut faults = Faults::default();
    check::Check::run(schema, &At::ROOT, &mut faults);
    faults.into_vec()
}

/// The same for a schema that is a part of a document.
pub(crate) fn check_at(schema: &Value, at: &At<'_>, faults: &mut Faults) {
    check::Check::run(schema, at, faults);
}

/// The same schema with the `type` that an absent one stands for: `object`.
pub fn with_type(schema: &Value) -> Value {
    match schema {
        Value::Object(members) if !members.contains_key("type") => {
            let mut typed = serde_json::Map::with_capacity(members.len() + 1);
            typed.insert("type".to_owned(), json!("object"));
            typed.extend(members.iter().map(|(k, v)| (k.clone(), v.clone())));
            Value::Object(typed)
        }
        other => other.clone(),
    }
}

fn options(schema: &Value) -> ValidationOptions<'static> {
    let options = jsonschema::options().offline().with_pattern_options(
        PatternOptions::regex()
            .size_limit(PATTERN_BYTES)
            .dfa_size_limit(PATTERN_BYTES),
    );
    if schema.get("$schema").is_some() {
        options
    } else {
        options.with_draft(Draft::Draft202012)
    }
}

/// Why a regular expression cannot be used; `None` when it can.
fn pattern_refused(pattern: &str) -> Option<String> {
    if pattern.len() > 1024 {
        return Some("is longer than 1,024 bytes".to_owned());
    }
    let schema = json!({ "pattern": pattern });
    options(&schema).build(&schema).err().map(|_| {
        "is no regular expression that runs in linear time within 256 KB (no look-around, no back-references)"
            .to_owned()
    })
}

/// How many arrays and objects stand inside one another at most.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Whether a value has at most so many nodes; one or two are always few.
fn at_most(value: &Value, most: u64) -> bool {
    let enough = usize::try_from(most)
        .unwrap_or(usize::MAX)
        .saturating_add(1)
        .max(3);
    nodes(value, enough) < enough
}

/// Counts the nodes of a value, but not beyond `enough`.
fn nodes(value: &Value, enough: usize) -> usize {
    let below = |count: usize, child: &Value| {
        if count >= enough {
            count
        } else {
            count + nodes(child, enough - count)
        }
    };
    match value {
        Value::Array(items) => items.iter().fold(1, below),
        Value::Object(members) => members.values().fold(1, below),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

#[cfg(test)]
mod tests;
