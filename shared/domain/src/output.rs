//! From a response to a tool's output: the compiled form of `mapping.response_to_output`.
//!
//! Without rules the output is the whole data, untouched (of CSV and XML, which hold nothing but texts, as far as
//! it can be of the types in `output_schema`). With rules it is an object of exactly their
//! members, each coerced to the type that `output_schema` gives it ([`crate::coerce`]):
//!
//! - A `null` where the schema allows none counts as nothing found; so does an empty text where it allows no
//!   text, which is how CSV and XML say that there is no value.
//! - Of XML, one value is taken for a list of one where the schema wants a list: how often an element stands
//!   there is chance.
//! - Nothing found: the rule's default; else, if the member is required, `mapping_failed`; else
//!   `null` where the schema allows it; else no member.
//! - A JSONPath that leads to several values gives an array; where none is wanted, a single value
//!   stands for itself.
//! - Inside arrays and objects the schema's `items` and `properties` are followed as far as they fit;
//!   what does not fit there is left as it is, for the check against the whole schema to tell.

mod shape;

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::coerce::type_name;
use crate::config::{OutputRule, OutputSource, ResponseFormat, ResponsePath, ToolConfig};
use crate::failure::{Failure, FailureCode};
use crate::path::{Path, TooLarge};
use crate::weight::Budget;
use shape::{Shape, is_blank};

/// A compiled output mapping.
#[derive(Clone, Debug)]
pub struct Plan {
    response_path: Option<Place>,
    rules: Option<Vec<Rule>>,
    /// Of formats that know nothing but texts: without rules, the schema alone says what they are.
    texts: Option<Shape>,
}

/// A path, or why it is none: stored tools may be older than a rule.
#[derive(Clone, Debug)]
struct Place {
    text: String,
    path: Result<Path, String>,
}

#[derive(Clone, Debug)]
struct Rule {
    output: String,
    source: Source,
    shape: Shape,
    default: Option<Value>,
    required: bool,
}

#[derive(Clone, Debug)]
enum Source {
    Path(Place),
    Const(Value),
    Each { place: Place, rules: Vec<Rule> },
}

impl Plan {
    /// Compiles the mapping with the types of the output schema. Never fails: a path that does not
    /// parse fails when it is used (saving a tool refuses such paths).
    pub fn compile(config: &ToolConfig) -> Self {
        let mapping = &config.mapping.output;
        let format = config.response.format;
        let wraps = format == ResponseFormat::Xml;
        let root = Shape::of_schema(&config.output_schema, wraps);
        let rules = mapping.rules.as_ref();
        Self {
            response_path: mapping.response_path.as_ref().map(Place::new),
            rules: rules.map(|rules| compile(rules, &root, wraps)),
            texts: matches!(format, ResponseFormat::Csv | ResponseFormat::Xml).then_some(root),
        }
    }

    /// The output that this response gives.
    ///
    /// # Errors
    /// `mapping_failed` with the details `rule`, `path`, `nearest` (if any) and `found_type`.
    pub fn apply(&self, response: &Value) -> Result<Value, Failure> {
        let within = Within {
            rule: "",
            budget: &Budget::full(),
        };
        let data = match &self.response_path {
            None => Cow::Borrowed(response),
            Some(place) => {
                let at = At {
                    within,
                    output: "response_path",
                    place,
                };
                let found = at.find(response)?;
                found.ok_or_else(|| at.nothing(response, "absent"))?
            }
        };
        match &self.rules {
            None => Ok(match &self.texts {
                Some(shape) => shape.leniently(&data),
                None => data.into_owned(),
            }),
            Some(rules) => members(rules, &data, within).map(Value::Object),
        }
    }

    /// What an author should know of an output without any member, though rules say where they are: mostly a path is
    /// misspelt. `None` when something was found, or there is no such rule.
    pub fn hint_of_nothing(&self, response: &Value, output: &Value) -> Option<String> {
        if !output.as_object().is_some_and(Map::is_empty) {
            return None;
        }
        let place = self
            .rules
            .iter()
            .flatten()
            .find_map(|rule| match &rule.source {
                Source::Path(place) | Source::Each { place, .. } => Some(place),
                Source::Const(_) => None,
            })?;
        let data = match &self.response_path {
            None => Cow::Borrowed(response),
            Some(start) => start.path.as_ref().ok()?.find(response).ok()??,
        };
        let path = place.path.as_ref().ok()?;
        let nearest = path.nearest(&data);
        let nearest = nearest.map(|key| format!("; the nearest key is {key:?}"));
        Some(format!(
            "output: no path of response_to_output found anything, not even {:?}{}",
            place.text,
            nearest.unwrap_or_default()
        ))
    }
}

impl Place {
    fn new(path: &ResponsePath) -> Self {
        Self {
            text: path.0.clone(),
            path: Path::parse(&path.0),
        }
    }
}

fn compile(rules: &[OutputRule], parent: &Shape, wraps: bool) -> Vec<Rule> {
    let compiled = rules.iter().map(|rule| {
        let declared = parent.member(&rule.output);
        let shape = match rule.as_type {
            Some(to) => declared.only(to),
            None => declared.clone(),
        };
        Rule {
            output: rule.output.clone(),
            source: match &rule.source {
                OutputSource::Path(path) => Source::Path(Place::new(path)),
                OutputSource::Const(value) => Source::Const(value.clone()),
                OutputSource::Each { path, rules } => Source::Each {
                    place: Place::new(path),
                    rules: compile(rules, declared.element(), wraps),
                },
            },
            shape: shape.wrapping(wraps),
            default: rule.default.clone(),
            required: rule.required,
        }
    });
    compiled.collect()
}

fn members(
    rules: &[Rule],
    data: &Value,
    within: Within<'_>,
) -> Result<Map<String, Value>, Failure> {
    let mut output = Map::with_capacity(rules.len());
    for rule in rules {
        if let Some(value) = rule.value(data, within)? {
            output.insert(rule.output.clone(), value);
        }
    }
    Ok(output)
}

impl Rule {
    fn value(&self, data: &Value, within: Within<'_>) -> Result<Option<Value>, Failure> {
        let place = match &self.source {
            Source::Const(value) => {
                let rule = || format!("{}{}", within.rule, self.output);
                let spent = within.budget.spend_member(&self.output, value);
                return spent
                    .map(|()| Some(value.clone()))
                    .map_err(|why| too_large(why, rule()));
            }
            Source::Path(place) | Source::Each { place, .. } => place,
        };
        let at = At {
            within,
            output: &self.output,
            place,
        };
        let Some(found) = at.find(data)? else {
            return self.absent(&at, data, "absent");
        };
        match &self.source {
            Source::Each { rules, .. } => match &*found {
                Value::Array(items) => each(rules, items, &at).map(Some),
                Value::Null => self.absent(&at, data, "null"),
                blank if is_blank(blank) => self.absent(&at, data, "empty"),
                one if self.shape.wraps() => each(rules, std::slice::from_ref(one), &at).map(Some),
                other => Err(at.unfit(other, &format!("{} is no array", type_name(other)))),
            },
            Source::Path(_) | Source::Const(_) => {
                let found = match self.single(&at, found)? {
                    Some(found) => found,
                    None => return self.absent(&at, data, "absent"),
                };
                if found.is_null() && !self.shape.takes_null() {
                    return self.absent(&at, data, "null");
                }
                if is_blank(&found) && !self.shape.takes_text() {
                    return self.absent(&at, data, "empty");
                }
                at.spend(&found)?;
                let fitted = self.shape.fit(&found);
                fitted.map(Some).map_err(|why| at.unfit(&found, &why))
            }
        }
    }

    /// What several values come to where no array is wanted.
    fn single<'v>(
        &self,
        at: &At<'_>,
        found: Cow<'v, Value>,
    ) -> Result<Option<Cow<'v, Value>>, Failure> {
        let several = at.place.path.as_ref().is_ok_and(Path::is_multiple);
        if !several || self.shape.takes_array() {
            return Ok(Some(found));
        }
        match found.into_owned() {
            Value::Array(mut items) if items.len() < 2 => Ok(items.pop().map(Cow::Owned)),
            Value::Array(items) => {
                let why = format!("{} values where one is wanted", items.len());
                Err(at.unfit(&Value::Array(items), &why))
            }
            other => Ok(Some(Cow::Owned(other))),
        }
    }

    fn absent(
        &self,
        at: &At<'_>,
        data: &Value,
        found: &'static str,
    ) -> Result<Option<Value>, Failure> {
        if let Some(default) = &self.default {
            at.spend(default)?;
            Ok(Some(default.clone()))
        } else if self.required {
            Err(at.nothing(data, found))
        } else {
            Ok(self.shape.states_null().then_some(Value::Null))
        }
    }
}

fn each(rules: &[Rule], items: &[Value], at: &At<'_>) -> Result<Value, Failure> {
    let rule = at.rule();
    let mapped = items.iter().enumerate().map(|(index, item)| {
        let within = Within {
            rule: &format!("{rule}[{index}]."),
            budget: at.within.budget,
        };
        members(rules, item, within).map(Value::Object)
    });
    mapped.collect()
}

/// What the rules that are being applied are part of.
#[derive(Clone, Copy)]
struct Within<'p> {
    /// Such as `rows[3].`.
    rule: &'p str,
    /// What the whole output may still weigh.
    budget: &'p Budget,
}

/// Which rule is being applied, for the failure that names it.
#[derive(Clone, Copy)]
struct At<'p> {
    within: Within<'p>,
    output: &'p str,
    place: &'p Place,
}

impl At<'_> {
    fn rule(&self) -> String {
        format!("{}{}", self.within.rule, self.output)
    }

    fn find<'v>(&self, data: &'v Value) -> Result<Option<Cow<'v, Value>>, Failure> {
        match &self.place.path {
            Ok(path) => path.find(data).map_err(|why| too_large(why, self.rule())),
            Err(why) => Err(self.failure(why, "mend the path in the tool's config", "absent")),
        }
    }

    /// Before a value is copied into the output.
    fn spend(&self, value: &Value) -> Result<(), Failure> {
        let spent = self.within.budget.spend_member(self.output, value);
        spent.map_err(|why| too_large(why, self.rule()))
    }

    fn nothing(&self, data: &Value, found: &'static str) -> Failure {
        let nearest = self
            .place
            .path
            .as_ref()
            .ok()
            .and_then(|path| path.nearest(data));
        let hint = match &nearest {
            Some(nearest) => format!("nearest key: {nearest:?}"),
            None => "compare the path with the response; mark the output as not required if it \
                     may be missing"
                .to_owned(),
        };
        let what = match found {
            "null" => "null",
            "empty" => "an empty text",
            _ => "nothing",
        };
        let failure = self.failure(&format!("{what} at {:?}", self.place.text), &hint, found);
        match nearest {
            Some(nearest) => failure.detail("nearest", nearest),
            None => failure,
        }
    }

    fn unfit(&self, found: &Value, why: &str) -> Failure {
        let hint = "change the path, or the type in output_schema, to what the response holds";
        self.failure(
            &format!("at {:?}, {why}", self.place.text),
            hint,
            type_name(found),
        )
    }

    fn failure(&self, what: &str, hint: &str, found_type: &str) -> Failure {
        let message = format!("mapping of output {:?}: {what}", self.rule());
        Failure::new(FailureCode::MappingFailed, message, hint)
            .detail("rule", self.rule())
            .detail("path", self.place.text.as_str())
            .detail("found_type", found_type)
    }
}

fn too_large(why: TooLarge, rule: String) -> Failure {
    let message = format!("mapping of output {rule:?}: {why}");
    let hint = "map only the parts that are needed, each once";
    Failure::new(FailureCode::MappingFailed, message, hint).detail("rule", rule)
}

#[cfg(test)]
mod tests;
