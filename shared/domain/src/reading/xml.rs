//! XML 1.0 as JSON: elements are members, attributes `@name`, text beside either `#text`, repeated elements lists.
//!
//! | XML | JSON |
//! |---|---|
//! | `<a>x</a>` | `{"a": "x"}` |
//! | `<a/>`, `<a></a>` | `{"a": ""}` |
//! | `<a xsi:nil="true"/>` | `{"a": null}` |
//! | `<a b="1">x</a>` | `{"a": {"@b": "1", "#text": "x"}}` |
//! | `<a><b>1</b><b>2</b></a>` | `{"a": {"b": ["1", "2"]}}` |
//!
//! Names keep their prefix; declarations of namespaces, comments and processing instructions are left out. White
//! space around text is, too, unless `xml:space="preserve"` says otherwise. Nothing is declared by a document: a
//! DTD with declarations is refused, and entities are the five of XML and numbers. Nothing is ever fetched.

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Error, Reader, XmlVersion};
use serde_json::{Map, Value};

use super::room::Room;
use super::{Unreadable, line};
use crate::config::XmlRules;
use crate::json::RESPONSE_DEPTH;

const HINT: &str = "Check the path; an HTML page is no XML, and needs response.format \"text\".";
const BROKEN: &str =
    "The upstream sends XML that is not well-formed; response.format \"text\" takes it as it is.";

/// Reads one document, as an object whose only member is the root element.
pub(super) fn read(text: &str, rules: &XmlRules) -> Result<Value, Unreadable> {
    let mut reader = Reader::from_str(text);
    let mut tree = Tree::new(rules);
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let here = |why: &str| {
            let message = format!("{why} (line {})", line(text, at));
            Unreadable::new(message, BROKEN)
        };
        let event = reader.read_event().map_err(|error| here(syntax(&error)))?;
        let step = match event {
            Event::Start(tag) => tree.open(&tag),
            Event::Empty(tag) => tree.open(&tag).and_then(|()| tree.close()),
            Event::End(_) => tree.close(),
            Event::Text(text) => tree.text(&text.xml10_content()),
            Event::CData(text) => tree.text(&text.xml10_content()),
            Event::GeneralRef(entity) => entity_value(&entity).and_then(|c| tree.text(&c)),
            Event::DocType(declared) if declared.contains('[') => {
                Err(Broken::Is("a DTD with declarations is not read"))
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => Ok(()),
            Event::Eof => return tree.end().map_err(here),
        };
        step.map_err(|broken| match broken {
            Broken::Is(why) => here(why),
            Broken::TooLarge(unreadable) => unreadable,
        })?;
    }
}

/// Why it is not read on.
enum Broken {
    Is(&'static str),
    TooLarge(Unreadable),
}

impl From<Unreadable> for Broken {
    fn from(unreadable: Unreadable) -> Self {
        Self::TooLarge(unreadable)
    }
}

/// An element whose end is still to come.
struct Open {
    name: String,
    members: Map<String, Value>,
    text: String,
    /// White space around the text counts.
    preserve: bool,
    nil: bool,
}

/// The elements that are open, and what is finished.
struct Tree<'r> {
    rules: &'r XmlRules,
    open: Vec<Open>,
    root: Option<Value>,
    room: Room,
}

impl<'r> Tree<'r> {
    const fn new(rules: &'r XmlRules) -> Self {
        Self {
            rules,
            open: Vec::new(),
            root: None,
            room: Room::full(),
        }
    }

    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), Broken> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(Broken::Is("something follows the root element"));
        }
        if self.open.len() >= RESPONSE_DEPTH {
            return Err(Broken::Is("nested deeper than 128 levels"));
        }
        let name = tag.name();
        let name = checked(name.as_ref())?;
        self.room.member(name, 0)?;
        let mut element = Open {
            name: name.to_owned(),
            members: Map::new(),
            text: String::new(),
            preserve: self.open.last().is_some_and(|parent| parent.preserve),
            nil: false,
        };
        let mut attributes = tag.attributes();
        // By comparison of all with all; the map finds them at once.
        attributes.with_checks(false);
        for attribute in attributes {
            let attribute = attribute.map_err(|_| Broken::Is("an attribute is not well-formed"))?;
            let key = checked(attribute.key.as_ref())?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| Broken::Is("an entity in an attribute is not one of XML's five"))?;
            match key {
                "xmlns" => continue,
                "xml:space" => element.preserve = value == "preserve",
                "xsi:nil" => element.nil = matches!(value.trim(), "true" | "1"),
                _ if key.starts_with("xmlns:") => continue,
                _ => {
                    let key = format!("@{key}");
                    self.member(&mut element.members, &key, value.len())?;
                    if element.members.insert(key, value.into()).is_some() {
                        return Err(Broken::Is("an attribute stands twice"));
                    }
                }
            }
        }
        self.open.push(element);
        Ok(())
    }

    /// Takes the room of one more member.
    fn member(
        &mut self,
        members: &mut Map<String, Value>,
        name: &str,
        text: usize,
    ) -> Result<(), Unreadable> {
        if members.is_empty() {
            self.room.container()?;
        }
        self.room.member(name, text)
    }

    fn text(&mut self, text: &str) -> Result<(), Broken> {
        match self.open.last_mut() {
            Some(element) => {
                element.text.push_str(text);
                Ok(())
            }
            None if text.trim_ascii().is_empty() => Ok(()),
            None => Err(Broken::Is("text stands outside of the root element")),
        }
    }

    fn close(&mut self) -> Result<(), Broken> {
        let always_list = self.rules.arrays.iter().any(|path| self.is_at(path));
        let Some(element) = self.open.pop() else {
            return Err(Broken::Is("an end tag has no start tag"));
        };
        let name = element.name.clone();
        let value = self.value(element)?;
        let Some(parent) = self.open.last_mut() else {
            let mut root = Map::with_capacity(1);
            root.insert(
                name,
                if always_list {
                    Value::Array(vec![value])
                } else {
                    value
                },
            );
            self.root = Some(Value::Object(root));
            return Ok(());
        };
        match parent.members.get_mut(&name) {
            Some(Value::Array(siblings)) => siblings.push(value),
            Some(first) => {
                self.room.container()?;
                *first = Value::Array(vec![first.take(), value]);
            }
            None => {
                let first = parent.members.is_empty();
                if first || always_list {
                    self.room.container()?;
                }
                let value = if always_list {
                    Value::Array(vec![value])
                } else {
                    value
                };
                parent.members.insert(name, value);
            }
        }
        Ok(())
    }

    fn value(&mut self, element: Open) -> Result<Value, Broken> {
        if element.nil {
            return Ok(Value::Null);
        }
        let text = if element.preserve {
            element.text.as_str()
        } else {
            element.text.trim_matches([' ', '\t', '\r', '\n'])
        };
        self.room.element(text.len())?;
        let mut members = element.members;
        if members.is_empty() {
            return Ok(text.into());
        }
        if !text.is_empty() {
            self.room.member("#text", 0)?;
            members.insert("#text".to_owned(), text.into());
        }
        Ok(Value::Object(members))
    }

    /// Whether the innermost open element is at this path, or at one that ends so.
    fn is_at(&self, path: &str) -> bool {
        let mut rest = path;
        for element in self.open.iter().rev() {
            let Some(before) = rest.strip_suffix(element.name.as_str()) else {
                return false;
            };
            match before.strip_suffix('.') {
                _ if before.is_empty() => return true,
                Some(before) => rest = before,
                None => return false,
            }
        }
        false
    }

    fn end(self) -> Result<Value, &'static str> {
        if self.open.is_empty() {
            self.root.ok_or("there is no element")
        } else {
            Err("the document ends before its elements do")
        }
    }
}

/// A name as far as it is checked: what begins like one and holds no markup.
fn checked(name: &str) -> Result<&str, Broken> {
    let begins = |c: char| c.is_alphabetic() || matches!(c, '_' | ':');
    let markup = |c: char| matches!(c, '<' | '&' | '"' | '\'' | '=' | '>') || c.is_whitespace();
    if name.starts_with(begins) && !name.contains(markup) {
        Ok(name)
    } else {
        Err(Broken::Is("a name is not well-formed"))
    }
}

/// The character of `&lt;`, `&#60;` and the like.
fn entity_value(entity: &BytesRef<'_>) -> Result<String, Broken> {
    let character = entity
        .resolve_char_ref()
        .map_err(|_| Broken::Is("a number in &#…; is no character"))?;
    match character {
        Some(character) => Ok(character.to_string()),
        None => resolve_xml_entity(entity)
            .map(str::to_owned)
            .ok_or(Broken::Is("an entity is not one of XML's five")),
    }
}

/// What is wrong, without the document's own words.
const fn syntax(error: &Error) -> &'static str {
    match error {
        Error::IllFormed(_) => "an end tag, an entity or a declaration is not where it belongs",
        Error::Syntax(_) => "something is opened and not closed",
        Error::InvalidAttr(_) => "an attribute is not well-formed",
        Error::Escape(_) => "an entity is not one of XML's five",
        Error::Io(_) | Error::Encoding(_) | Error::Namespace(_) => HINT,
    }
}

#[cfg(test)]
mod tests;
