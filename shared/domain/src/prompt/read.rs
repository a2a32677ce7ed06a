//! Reads a prompt's document: every part is read even when another is wrong, so that all faults are told.

use std::collections::BTreeSet;

use serde_json::Value;

use super::text::is_name;
use super::{MAX_DOCUMENT_BYTES, Message, Prompt, Role, Text, Variable};
use crate::canonical;
use crate::config::fields::{Names, Object};
use crate::fault::Fault;
use crate::ids::{PromptId, ToolId};
use crate::text;
use crate::walk::{At, Faults};

const NAMES: Names = Names {
    known: &[
        "id",
        "name",
        "description",
        "instructions",
        "template",
        "messages",
        "variables",
        "tools",
        "model",
        "text_format",
        "metadata",
    ],
    elsewhere: &[
        ("system", "into \"instructions\""),
        ("system_prompt", "into \"instructions\""),
        ("prompt", "into \"template\", or into \"messages\""),
        ("text", "into \"template\", or into \"messages\""),
        ("content", "into \"messages\", one for each role"),
        ("arguments", "into \"variables\""),
        ("parameters", "into \"variables\""),
        ("inputs", "into \"variables\""),
        ("response_format", "into \"text_format\""),
        ("required", "into a variable: \"required\": false"),
    ],
};

const MESSAGE: Names = Names {
    known: &["role", "content"],
    elsewhere: &[("text", "into \"content\"")],
};

/// Longest text of one part, in characters.
const MOST_TEXT: usize = 65_536;
const MOST_MESSAGES: usize = 64;
const MOST_VARIABLES: usize = 64;
const MOST_TOOLS: usize = 128;

/// Reads a prompt's document and checks everything that can be known without the database.
///
/// # Errors
/// Every fault of the document (at most a hundred), with JSON pointers into it.
pub fn read(document: &Value) -> Result<Prompt, Vec<Fault>> {
    let mut faults = Faults::default();
    let prompt = faults
        .object(document, &At::ROOT)
        .and_then(|root| whole(root, &mut faults));
    if faults.count() == 0 && canonical::to_string(document).len() > MAX_DOCUMENT_BYTES {
        let message = format!("a prompt has at most {MAX_DOCUMENT_BYTES} bytes");
        faults.add(&At::ROOT, "too_large", message);
    }
    match prompt {
        Some(prompt) if faults.count() == 0 => Ok(prompt),
        _ => Err(faults.into_vec()),
    }
}

fn whole(root: Object<'_, '_>, faults: &mut Faults) -> Option<Prompt> {
    faults.only(root, NAMES);
    let name = name(root, faults);
    let id = id(root, name, faults);
    let description = faults.text(root, "description");
    if let Some(description) = description {
        faults.length(description, 1024, &root.at.name("description"));
    }
    let variables = variables(root, faults);
    let mut texts = Texts::new(root);
    let instructions = texts.read(root, "instructions", faults);
    let messages = messages(root, &mut texts, faults);
    texts.check_use(root, &variables, faults);
    let there = |name| root.members.contains_key(name);
    if !["instructions", "template", "messages"]
        .into_iter()
        .any(there)
    {
        let hint = "write what the model is asked, such as \"template\": \"Summarise {{text}}\"";
        let message = "a prompt needs a text";
        faults.advise(&root.at.name("template"), "required", message, hint);
    }
    let (tools, model) = (tools(root, faults), model(root, faults));
    let text_format = text_format(root, faults);
    if let Some(metadata) = root.members.get("metadata") {
        faults.object(metadata, &root.at.name("metadata"));
    }
    Some(Prompt {
        id: id?,
        name: name?.to_owned(),
        description: description.unwrap_or_default().to_owned(),
        instructions,
        messages,
        variables,
        tools,
        model,
        text_format,
    })
}

/// Reads texts and keeps count of the variables that they name.
struct Texts<'v> {
    declared: Vec<&'v str>,
    used: BTreeSet<String>,
}

impl<'v> Texts<'v> {
    fn new(root: Object<'v, '_>) -> Self {
        let declared = root.members.get("variables").and_then(Value::as_object);
        Self {
            declared: declared
                .into_iter()
                .flatten()
                .map(|(name, _)| name.as_str())
                .collect(),
            used: BTreeSet::new(),
        }
    }

    /// A member that is a text with variables, each of which must be declared.
    fn read(&mut self, object: Object<'_, '_>, name: &str, faults: &mut Faults) -> Option<Text> {
        let text = faults.text(object, name)?;
        let at = object.at.name(name);
        faults.length(text, MOST_TEXT, &at);
        let text = Text::read(text, &at, faults);
        let named: BTreeSet<&str> = text.variables().collect();
        for name in named {
            self.used.insert(name.to_owned());
            if self.declared.contains(&name) {
                continue;
            }
            let hint = text::did_you_mean(name, &self.declared).unwrap_or_else(|| {
                format!("add it to \"variables\": {{ \"{name}\": {{ \"type\": \"string\" }} }}")
            });
            let message = format!("\"{name}\" is no variable of this prompt");
            faults.advise(&at, "unknown_variable", message, hint);
        }
        Some(text)
    }

    /// A variable that no text names is a mistake: people would be asked for it in vain.
    fn check_use(&self, root: Object<'_, '_>, variables: &[Variable], faults: &mut Faults) {
        let at = root.at.name("variables");
        for Variable { name, .. } in variables {
            if !self.used.contains(name) {
                let message = format!("no text names \"{name}\"");
                let hint = format!("write {{{{{name}}}}} where its value belongs, or remove it");
                faults.advise(&at.name(name), "unused_variable", message, hint);
            }
        }
    }
}

fn name<'v>(root: Object<'v, '_>, faults: &mut Faults) -> Option<&'v str> {
    if !root.members.contains_key("name") {
        faults.missing(root.at, "name");
    }
    let name = faults.text(root, "name")?;
    let at = root.at.name("name");
    faults.length(name, 128, &at);
    if name.trim() != name || name.contains(['\n', '\r', '\t']) {
        let message = "a name is one line that does not begin or end with a space";
        faults.add(&at, "invalid_value", message);
    }
    Some(name)
}

fn id(root: Object<'_, '_>, name: Option<&str>, faults: &mut Faults) -> Option<PromptId> {
    if root.members.contains_key("id") {
        let id = faults.text(root, "id")?;
        let read = id.parse::<PromptId>();
        if let Err(error) = read {
            let at = root.at.name("id");
            match PromptId::from_name(id) {
                Some(near) => {
                    let hint = format!("write \"{near}\"");
                    faults.advise(&at, "invalid_value", error.to_string(), hint);
                }
                None => faults.add(&at, "invalid_value", error.to_string()),
            }
        }
        return read.ok();
    }
    let name = name.filter(|name| !name.trim().is_empty())?;
    let id = PromptId::from_name(name);
    if id.is_none() {
        let message = "no id can be made of this name";
        let hint = "state an \"id\" of 1 to 64 characters of a-z, 0-9, _ and -";
        faults.advise(&root.at.name("name"), "invalid_value", message, hint);
    }
    id
}

/// `messages`, or `template`, which is one message of a person.
fn messages(root: Object<'_, '_>, texts: &mut Texts<'_>, faults: &mut Faults) -> Vec<Message> {
    let template = texts.read(root, "template", faults).map(|text| Message {
        role: Role::User,
        text,
    });
    let Some(value) = root.members.get("messages") else {
        return template.into_iter().collect();
    };
    let at = root.at.name("messages");
    if root.members.contains_key("template") {
        let message = "\"template\" is short for one message; there are messages already";
        faults.advise(&at, "conflict", message, "leave one of them out");
    }
    if value.as_array().is_some_and(Vec::is_empty) {
        faults.add(&at, "invalid_length", "must not be empty");
    }
    let mut messages = Vec::new();
    for (index, value) in faults.list(value, &at, MOST_MESSAGES).iter().enumerate() {
        messages.extend(message(value, &at.index(index), texts, faults));
    }
    messages
}

fn message(
    value: &Value,
    at: &At<'_>,
    texts: &mut Texts<'_>,
    faults: &mut Faults,
) -> Option<Message> {
    let object = faults.object(value, at)?;
    faults.only(object, MESSAGE);
    for name in MESSAGE.known {
        if !object.members.contains_key(*name) {
            faults.missing(at, name);
        }
    }
    if object
        .members
        .get("role")
        .is_some_and(|role| role == "system" || role == "developer")
    {
        let message = "a message is said by user or assistant";
        let hint = "write it as \"instructions\", beside \"messages\"";
        faults.advise(&at.name("role"), "invalid_value", message, hint);
        return None;
    }
    let roles = [Role::User, Role::Assistant].map(|role| (role.as_str(), role));
    let role = faults.choice(object, "role", &roles);
    let text = texts.read(object, "content", faults);
    Some(Message {
        role: role?,
        text: text?,
    })
}

fn variables(root: Object<'_, '_>, faults: &mut Faults) -> Vec<Variable> {
    let at = root.at.name("variables");
    let Some(value) = root.members.get("variables") else {
        return Vec::new();
    };
    let Some(object) = faults.object(value, &at) else {
        return Vec::new();
    };
    if object.members.len() > MOST_VARIABLES {
        let message = format!("at most {MOST_VARIABLES} variables are allowed");
        faults.add(&at, "too_large", message);
        return Vec::new();
    }
    let mut variables = Vec::new();
    for (name, value) in object.members {
        let place = at.name(name);
        if !is_name(name) {
            let message =
                "a variable's name has 1 to 64 letters, digits and _, and begins with no digit";
            faults.add(&place, "invalid_value", message);
            continue;
        }
        variables.extend(Variable::read(name, value, &place, faults));
    }
    variables
}

fn tools(root: Object<'_, '_>, faults: &mut Faults) -> Option<Vec<ToolId>> {
    let at = root.at.name("tools");
    let mut tools: Vec<ToolId> = Vec::new();
    let value = root.members.get("tools")?;
    for (index, value) in faults.list(value, &at, MOST_TOOLS).iter().enumerate() {
        let place = at.index(index);
        let Value::String(id) = value else {
            faults.wrong_type(&place, "a tool's id", value);
            continue;
        };
        match id.parse() {
            Ok(id) if tools.contains(&id) => {
                faults.add(&place, "conflict", "this tool stands twice");
            }
            Ok(id) => tools.push(id),
            Err(error) => faults.add(&place, "invalid_value", error.to_string()),
        }
    }
    Some(tools)
}

fn model(root: Object<'_, '_>, faults: &mut Faults) -> Option<String> {
    let model = faults.text(root, "model")?;
    faults.length(model, 128, &root.at.name("model"));
    Some(model.to_owned())
}

fn text_format(root: Object<'_, '_>, faults: &mut Faults) -> Option<Value> {
    let value = root.members.get("text_format")?;
    let at = root.at.name("text_format");
    let object = faults.object(value, &at)?;
    if !object.members.contains_key("type") {
        faults.missing(&at, "type");
    }
    let kinds = ["text", "json_object", "json_schema"].map(|kind| (kind, ()));
    faults.choice(object, "type", &kinds)?;
    Some(value.clone())
}
