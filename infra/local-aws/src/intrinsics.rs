//! What a value of the template comes to: parameters, conditions, intrinsic functions. Pure.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::{Map, Value};

use crate::{ACCOUNT, REGION};

/// Why a value comes to nothing. Whatever is not understood is one of these, never passed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A function that is not known here.
    #[error("{at}: the intrinsic function {name} is not known")]
    Function {
        /// Its name.
        name: String,
        /// Where it stands.
        at: String,
    },
    /// A reference to nothing.
    #[error("{at}: {name} is no parameter and no resource")]
    Name {
        /// What is referred to.
        name: String,
        /// Where.
        at: String,
    },
    /// An attribute that is not known here.
    #[error("{at}: the attribute {attribute} of {resource} ({kind}) is not known")]
    Attribute {
        /// The attribute.
        attribute: String,
        /// Whose.
        resource: String,
        /// Its type.
        kind: String,
        /// Where.
        at: String,
    },
    /// A condition that is not there.
    #[error("{at}: there is no condition {name}")]
    Condition {
        /// Its name.
        name: String,
        /// Where.
        at: String,
    },
    /// A function whose arguments are not what they should be.
    #[error("{at}: {what}")]
    Malformed {
        /// What is wrong.
        what: String,
        /// Where.
        at: String,
    },
    /// A parameter's value.
    #[error("the parameter {name} {why}")]
    Parameter {
        /// Its name.
        name: String,
        /// What is wrong with its value.
        why: String,
    },
}

/// References follow each other at most so often: beyond it they go in a circle.
const DEEPEST: usize = 100;

/// A template with the values of its parameters.
#[derive(Debug)]
pub struct Scope<'t> {
    template: &'t Value,
    parameters: BTreeMap<String, String>,
    stack: String,
    /// Where queues are served.
    queues: String,
    used: RefCell<BTreeSet<String>>,
}

impl<'t> Scope<'t> {
    /// Takes the parameters' defaults and these other values.
    ///
    /// # Errors
    /// [`Fault::Parameter`]: one that does not exist, has no value, or one that it may not have.
    pub fn new(
        template: &'t Value,
        values: &BTreeMap<String, String>,
        stack: &str,
        queues: &str,
    ) -> Result<Self, Fault> {
        let nothing = Map::new();
        let declared = template["Parameters"].as_object().unwrap_or(&nothing);
        if let Some(name) = values.keys().find(|name| !declared.contains_key(*name)) {
            return Err(parameter(name, "is not in the template"));
        }
        let mut parameters = BTreeMap::new();
        for (name, declaration) in declared {
            let value = match values.get(name) {
                Some(value) => value.clone(),
                None => plain(&declaration["Default"])
                    .ok_or_else(|| parameter(name, "has no default and no value"))?,
            };
            check(name, declaration, &value)?;
            parameters.insert(name.clone(), value);
        }
        Ok(Self {
            template,
            parameters,
            stack: stack.to_owned(),
            queues: queues.to_owned(),
            used: RefCell::default(),
        })
    }

    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Whether something that was evaluated so far asked for this parameter.
    pub fn uses(&self, name: &str) -> bool {
        self.used.borrow().contains(name)
    }

    /// The resources that exist under the conditions: logical name, type and properties, all of it evaluated.
    ///
    /// # Errors
    /// The first thing that is not understood.
    pub fn resources(&self) -> Result<Vec<(String, String, Value)>, Fault> {
        let mut all = Vec::new();
        for (name, resource) in self.template["Resources"].as_object().into_iter().flatten() {
            if !self.exists(name, resource)? {
                continue;
            }
            let kind = resource["Type"].as_str().unwrap_or_default().to_owned();
            let properties = self.value(&resource["Properties"], name, 0)?;
            all.push((name.clone(), kind, properties.unwrap_or_default()));
        }
        Ok(all)
    }

    /// The stack's outputs.
    ///
    /// # Errors
    /// The first thing that is not understood.
    pub fn outputs(&self) -> Result<BTreeMap<String, String>, Fault> {
        let outputs = self.template["Outputs"].as_object().into_iter().flatten();
        let mut all = BTreeMap::new();
        for (name, output) in outputs {
            if !self.exists(name, output)? {
                continue;
            }
            all.insert(name.clone(), self.text(&output["Value"], name, 0)?);
        }
        Ok(all)
    }

    /// Whether a resource or an output is made: it has no condition, or one that holds.
    fn exists(&self, name: &str, thing: &Value) -> Result<bool, Fault> {
        match thing["Condition"].as_str() {
            Some(condition) => self.condition(condition, name, 0),
            None => Ok(true),
        }
    }

    /// A value; `None` for `AWS::NoValue`.
    fn value(&self, value: &Value, at: &str, depth: usize) -> Result<Option<Value>, Fault> {
        if depth > DEEPEST {
            return Err(malformed("the references go in a circle", at));
        }
        match value {
            Value::Object(members) => match function(members) {
                Some((name, argument)) => self.call(name, argument, at, depth + 1),
                None => self.object(members, at, depth).map(Some),
            },
            Value::Array(items) => {
                let mut evaluated = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    evaluated.extend(self.value(item, &format!("{at}/{index}"), depth)?);
                }
                Ok(Some(evaluated.into()))
            }
            other => Ok(Some(other.clone())),
        }
    }

    fn object(&self, members: &Map<String, Value>, at: &str, depth: usize) -> Result<Value, Fault> {
        let mut evaluated = Map::new();
        for (name, member) in members {
            if let Some(value) = self.value(member, &format!("{at}/{name}"), depth)? {
                evaluated.insert(name.clone(), value);
            }
        }
        Ok(evaluated.into())
    }

    fn call(
        &self,
        name: &str,
        argument: &Value,
        at: &str,
        depth: usize,
    ) -> Result<Option<Value>, Fault> {
        let arguments = || {
            argument
                .as_array()
                .ok_or_else(|| malformed(format!("{name} wants a list"), at))
        };
        let text = |value: &Value| self.text(value, at, depth);
        let value = match name {
            "Ref" if argument == "AWS::NoValue" => return Ok(None),
            "Ref" => self.reference(text(argument)?.as_str(), at, depth)?,
            "Fn::GetAtt" => match argument {
                Value::String(dotted) => self.dotted(dotted, at, depth)?,
                other => match other.as_array().map(Vec::as_slice) {
                    Some([resource, attribute]) => {
                        self.attribute(&text(resource)?, &text(attribute)?, at, depth)?
                    }
                    _ => {
                        return Err(malformed(
                            "Fn::GetAtt wants a resource and an attribute",
                            at,
                        ));
                    }
                },
            },
            "Fn::Sub" => self.sub(argument, at, depth)?,
            "Fn::If" => match arguments()?.as_slice() {
                [Value::String(condition), yes, no] => {
                    let branch = if self.condition(condition, at, depth)? {
                        yes
                    } else {
                        no
                    };
                    return self.value(branch, at, depth);
                }
                _ => return Err(malformed("Fn::If wants a condition and two values", at)),
            },
            "Fn::Join" => match arguments()?.as_slice() {
                [Value::String(between), list] => self.list(list, at, depth)?.join(between),
                _ => return Err(malformed("Fn::Join wants a text and a list", at)),
            },
            "Fn::Select" => match arguments()?.as_slice() {
                [index, list] => {
                    let list = self.list(list, at, depth)?;
                    let index = text(index)?.parse::<usize>().ok();
                    let chosen = index.and_then(|index| list.get(index));
                    chosen
                        .cloned()
                        .ok_or_else(|| malformed("Fn::Select wants an index of its list", at))?
                }
                _ => return Err(malformed("Fn::Select wants an index and a list", at)),
            },
            "Fn::Split" => match arguments()?.as_slice() {
                [Value::String(between), whole] => {
                    let whole = text(whole)?;
                    let parts: Vec<Value> = whole.split(between).map(Value::from).collect();
                    return Ok(Some(parts.into()));
                }
                _ => return Err(malformed("Fn::Split wants two texts", at)),
            },
            "Fn::Equals" | "Fn::Not" | "Fn::And" | "Fn::Or" | "Condition" => {
                return Ok(Some(self.truth(name, argument, at, depth)?.into()));
            }
            other => {
                return Err(Fault::Function {
                    name: other.to_owned(),
                    at: at.to_owned(),
                });
            }
        };
        Ok(Some(value.into()))
    }

    fn text(&self, value: &Value, at: &str, depth: usize) -> Result<String, Fault> {
        let value = self.value(value, at, depth)?;
        value
            .as_ref()
            .and_then(plain)
            .ok_or_else(|| malformed("a text is wanted here", at))
    }

    fn list(&self, value: &Value, at: &str, depth: usize) -> Result<Vec<String>, Fault> {
        let value = self.value(value, at, depth)?;
        let items = value.as_ref().and_then(Value::as_array);
        let items = items.map(|items| items.iter().map(plain).collect::<Option<Vec<_>>>());
        items
            .flatten()
            .ok_or_else(|| malformed("a list of texts is wanted here", at))
    }

    fn condition(&self, name: &str, at: &str, depth: usize) -> Result<bool, Fault> {
        let missing = || Fault::Condition {
            name: name.to_owned(),
            at: at.to_owned(),
        };
        let condition = self.template["Conditions"].get(name).ok_or_else(missing)?;
        let (function, argument) = condition
            .as_object()
            .and_then(function)
            .ok_or_else(|| malformed(format!("the condition {name} is no function"), at))?;
        if depth > DEEPEST {
            return Err(malformed("the conditions go in a circle", at));
        }
        self.truth(function, argument, &format!("Conditions/{name}"), depth + 1)
    }

    fn truth(&self, name: &str, argument: &Value, at: &str, depth: usize) -> Result<bool, Fault> {
        let arguments = argument.as_array().map(Vec::as_slice);
        let judged = |value: &Value| match value.as_object().and_then(function) {
            Some((name, argument)) => self.truth(name, argument, at, depth + 1),
            None => Err(malformed("a condition is wanted here", at)),
        };
        match (name, arguments) {
            ("Condition", None) => match argument.as_str() {
                Some(name) => self.condition(name, at, depth),
                None => Err(malformed("Condition wants a name", at)),
            },
            ("Fn::Equals", Some([one, other])) => {
                Ok(self.text(one, at, depth)? == self.text(other, at, depth)?)
            }
            ("Fn::Not", Some([one])) => Ok(!judged(one)?),
            ("Fn::And", Some(all)) => {
                let all: Result<Vec<bool>, _> = all.iter().map(judged).collect();
                Ok(all?.into_iter().all(|one| one))
            }
            ("Fn::Or", Some(any)) => {
                let any: Result<Vec<bool>, _> = any.iter().map(judged).collect();
                Ok(any?.into_iter().any(|one| one))
            }
            ("Fn::Equals" | "Fn::Not" | "Fn::And" | "Fn::Or" | "Condition", _) => {
                Err(malformed(format!("{name} has other arguments"), at))
            }
            (other, _) => Err(Fault::Function {
                name: other.to_owned(),
                at: at.to_owned(),
            }),
        }
    }

    /// `${Name}`, `${Resource.Attribute}`, `${!literally}`, and names of its own.
    fn sub(&self, argument: &Value, at: &str, depth: usize) -> Result<String, Fault> {
        let nothing = Map::new();
        let (text, own) = match argument {
            Value::String(text) => (text, &nothing),
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(text), Value::Object(own)] => (text, own),
                _ => return Err(malformed("Fn::Sub wants a text and names", at)),
            },
            _ => return Err(malformed("Fn::Sub wants a text", at)),
        };
        let mut whole = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            whole.push_str(before);
            let (name, behind) = after
                .split_once('}')
                .ok_or_else(|| malformed("Fn::Sub has a ${ without its }", at))?;
            rest = behind;
            let value = match name.trim() {
                literal if literal.starts_with('!') => format!("${{{}}}", &literal[1..]),
                name if own.contains_key(name) => self.text(&own[name], at, depth)?,
                name if name.contains('.') => self.dotted(name, at, depth)?,
                name => self.reference(name, at, depth)?,
            };
            whole.push_str(&value);
        }
        whole.push_str(rest);
        Ok(whole)
    }

    fn dotted(&self, dotted: &str, at: &str, depth: usize) -> Result<String, Fault> {
        let (resource, attribute) = dotted
            .split_once('.')
            .ok_or_else(|| malformed(format!("{dotted} names no attribute"), at))?;
        self.attribute(resource, attribute, at, depth)
    }

    fn reference(&self, name: &str, at: &str, depth: usize) -> Result<String, Fault> {
        if let Some(value) = self.parameters.get(name) {
            self.used.borrow_mut().insert(name.to_owned());
            return Ok(value.clone());
        }
        let pseudo = match name {
            "AWS::Region" => Some(REGION.to_owned()),
            "AWS::AccountId" => Some(ACCOUNT.to_owned()),
            "AWS::Partition" => Some("aws".to_owned()),
            "AWS::URLSuffix" => Some("amazonaws.com".to_owned()),
            "AWS::StackName" => Some(self.stack.clone()),
            "AWS::StackId" => Some(format!(
                "arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{}/local",
                self.stack
            )),
            _ => None,
        };
        match pseudo {
            Some(value) => Ok(value),
            None => self.physical(name, at, depth),
        }
    }

    fn resource(&self, name: &str, at: &str) -> Result<(&str, &Value), Fault> {
        let resource = self.template["Resources"]
            .get(name)
            .ok_or_else(|| Fault::Name {
                name: name.to_owned(),
                at: at.to_owned(),
            })?;
        let kind = resource["Type"].as_str().unwrap_or_default();
        Ok((kind, &resource["Properties"]))
    }

    /// A property of a resource, or a name made of the stack's and its own.
    fn named(
        &self,
        resource: &str,
        property: &str,
        at: &str,
        depth: usize,
    ) -> Result<String, Fault> {
        let (_, properties) = self.resource(resource, at)?;
        match properties.get(property) {
            Some(name) => self.text(name, &format!("{resource}/{property}"), depth + 1),
            None => Ok(format!("{}-{resource}", self.stack)),
        }
    }

    /// What `Ref` of a resource is.
    fn physical(&self, name: &str, at: &str, depth: usize) -> Result<String, Fault> {
        let (kind, _) = self.resource(name, at)?;
        let property = match kind {
            "AWS::SQS::Queue" => {
                let queue = self.named(name, "QueueName", at, depth)?;
                return Ok(format!("{}/{ACCOUNT}/{queue}", self.queues));
            }
            "AWS::Lambda::Function" => "FunctionName",
            "AWS::Logs::LogGroup" => "LogGroupName",
            "AWS::ApiGateway::Stage" => "StageName",
            "AWS::Events::Rule" => "Name",
            "AWS::IAM::Role" => "RoleName",
            "AWS::CloudWatch::Alarm" => "AlarmName",
            // Their ids are AWS's own.
            _ => return Ok(name.to_ascii_lowercase()),
        };
        self.named(name, property, at, depth)
    }

    fn attribute(
        &self,
        resource: &str,
        attribute: &str,
        at: &str,
        depth: usize,
    ) -> Result<String, Fault> {
        let (kind, _) = self.resource(resource, at)?;
        let named = |property| self.named(resource, property, at, depth);
        match (kind, attribute) {
            ("AWS::SQS::Queue", "QueueName") => named("QueueName"),
            ("AWS::SQS::Queue", "QueueUrl") => self.physical(resource, at, depth),
            ("AWS::SQS::Queue", "Arn") => Ok(format!(
                "arn:aws:sqs:{REGION}:{ACCOUNT}:{}",
                named("QueueName")?
            )),
            ("AWS::Lambda::Function", "Arn") => {
                let name = named("FunctionName")?;
                Ok(format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"))
            }
            ("AWS::IAM::Role", "Arn") => Ok(format!(
                "arn:aws:iam::{ACCOUNT}:role/{}",
                named("RoleName")?
            )),
            ("AWS::Logs::LogGroup", "Arn") => {
                let name = named("LogGroupName")?;
                Ok(format!(
                    "arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"
                ))
            }
            ("AWS::Events::Rule", "Arn") => Ok(format!(
                "arn:aws:events:{REGION}:{ACCOUNT}:rule/{}",
                named("Name")?
            )),
            ("AWS::CloudWatch::Alarm", "Arn") => Ok(format!(
                "arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{}",
                named("AlarmName")?
            )),
            ("AWS::ApiGateway::RestApi", "RootResourceId") => Ok("root".to_owned()),
            _ => Err(Fault::Attribute {
                attribute: attribute.to_owned(),
                resource: resource.to_owned(),
                kind: kind.to_owned(),
                at: at.to_owned(),
            }),
        }
    }
}

/// The one member of an object that is a call of a function.
fn function(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = members.iter().next()?;
    let called =
        name.starts_with("Fn::") || name == "Ref" || name == "Condition" && argument.is_string();
    (members.len() == 1 && called).then_some((name, argument))
}

/// A text, as CloudFormation sees numbers and truth values too.
pub(crate) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn check(name: &str, declaration: &Value, value: &str) -> Result<(), Fault> {
    let kind = declaration["Type"].as_str().unwrap_or_default();
    if !matches!(kind, "String" | "Number") {
        return Err(parameter(
            name,
            format!("is of type {kind}, which is not known"),
        ));
    }
    if let Some(allowed) = declaration["AllowedValues"].as_array()
        && !allowed.iter().filter_map(plain).any(|one| one == value)
    {
        return Err(parameter(name, format!("may not be {value:?}")));
    }
    if let Some(pattern) = declaration["AllowedPattern"].as_str() {
        let pattern = Regex::new(pattern).map_err(|error| parameter(name, error))?;
        if !pattern.is_match(value) {
            return Err(parameter(
                name,
                format!("may not be {value:?}: it must match {pattern}"),
            ));
        }
    }
    if kind == "Number" {
        let number: f64 = value
            .parse()
            .map_err(|_| parameter(name, "must be a number"))?;
        let bound =
            |bound: &str| plain(&declaration[bound]).and_then(|text| text.parse::<f64>().ok());
        let low = bound("MinValue").is_some_and(|least| number < least);
        if low || bound("MaxValue").is_some_and(|most| number > most) {
            return Err(parameter(
                name,
                format!("may not be {value}: it is out of bounds"),
            ));
        }
    }
    Ok(())
}

fn malformed(what: impl Into<String>, at: &str) -> Fault {
    Fault::Malformed {
        what: what.into(),
        at: at.to_owned(),
    }
}

fn parameter(name: &str, why: impl std::fmt::Display) -> Fault {
    Fault::Parameter {
        name: name.to_owned(),
        why: why.to_string(),
    }
}

#[cfg(test)]
mod tests;
