//! Writes JSON as XML 1.0: `@name` is an attribute, `#text` an element's text, an array the element repeated.
//!
//! `{"Order": {"@id": 7, "Item": ["a", "b"], "Note": {"@lang": "en", "#text": "x"}}}` becomes
//! `<Order id="7"><Item>a</Item><Item>b</Item><Note lang="en">x</Note></Order>`.

use serde_json::{Map, Value};

use super::room::Room;
use crate::schema::cut;

const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
const TEXT: &str = "#text";

/// The document of a root element: an object with one member.
pub(super) fn write(value: &Value, room: &mut Room) -> Result<String, String> {
    let root = value.as_object().filter(|members| members.len() == 1);
    let root = root.and_then(|members| members.iter().next());
    let root = root.filter(|(_, value)| !value.is_array());
    let (tag, value) = root.ok_or("an XML document has one root element")?;
    if tag.starts_with('@') || tag == TEXT {
        return Err("the root of an XML document is an element".to_owned());
    }
    let mut out = Writer {
        text: DECLARATION.to_owned(),
        room,
    };
    out.element(tag, value)?;
    Ok(out.text)
}

/// Whether a member's name can be that of an element or (`@…`) of an attribute.
pub(crate) fn name(member: &str) -> Result<(), String> {
    if member == TEXT {
        return Ok(());
    }
    of_markup(member.strip_prefix('@').unwrap_or(member))
}

/// Whether it can stand in a tag.
fn of_markup(name: &str) -> Result<(), String> {
    let start = |c: char| c.is_alphabetic() || c == '_';
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    // A prefix and a local name: Namespaces in XML 1.0, 4.
    let mut halves = name.split(':');
    let mut half = || {
        halves
            .next()
            .map(|half| half.starts_with(start) && half.chars().all(part))
    };
    let (first, second, third) = (half(), half(), half());
    let well_formed = first == Some(true) && second.unwrap_or(true) && third.is_none();
    if well_formed && name.len() <= 256 {
        Ok(())
    } else {
        Err(format!(
            "\"{}\" is no name of an XML element: it begins with a letter, then letters, digits, _, - and .",
            cut(name).escape_debug()
        ))
    }
}

/// The same for all names in a value.
pub(crate) fn names(value: &Value) -> Result<(), String> {
    match value {
        Value::Object(members) => members.iter().try_for_each(|(member, value)| {
            name(member)?;
            names(value)
        }),
        Value::Array(items) => items.iter().try_for_each(names),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

struct Writer<'r> {
    text: String,
    room: &'r mut Room,
}

impl Writer<'_> {
    fn element(&mut self, tag: &str, value: &Value) -> Result<(), String> {
        of_markup(tag)?;
        match value {
            Value::Null => {
                self.mark("<", tag)?;
                self.raw("/>")
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.mark("<", tag)?;
                self.raw(">")?;
                self.text(value)?;
                self.mark("</", tag)?;
                self.raw(">")
            }
            Value::Array(items) => {
                if items.iter().any(Value::is_array) {
                    return Err(format!("\"{}\" holds a list of lists", cut(tag)));
                }
                items.iter().try_for_each(|item| self.element(tag, item))
            }
            Value::Object(members) => self.parent(tag, members),
        }
    }

    fn parent(&mut self, tag: &str, members: &Map<String, Value>) -> Result<(), String> {
        self.mark("<", tag)?;
        let attributes = members
            .iter()
            .filter_map(|(member, value)| Some((member.strip_prefix('@')?, value)));
        for (attribute, value) in attributes.filter(|(_, value)| !value.is_null()) {
            of_markup(attribute)?;
            if value.is_object() || value.is_array() {
                return Err(format!("the attribute \"{}\" is no text", cut(attribute)));
            }
            self.mark(" ", attribute)?;
            self.raw("=\"")?;
            self.text(value)?;
            self.raw("\"")?;
        }
        let mut children = members.iter().filter(|(name, _)| !name.starts_with('@'));
        let Some(first) = children.next() else {
            return self.raw("/>");
        };
        self.raw(">")?;
        for (child, value) in std::iter::once(first).chain(children) {
            if child == TEXT {
                self.text(value)?;
            } else {
                self.element(child, value)?;
            }
        }
        self.mark("</", tag)?;
        self.raw(">")
    }

    fn text(&mut self, value: &Value) -> Result<(), String> {
        match value {
            Value::Null => Ok(()),
            Value::Bool(flag) => self.raw(if *flag { "true" } else { "false" }),
            Value::Number(number) => self.raw(&number.to_string()),
            Value::String(text) => text.chars().try_for_each(|c| self.character(c)),
            Value::Array(_) | Value::Object(_) => Err("\"#text\" is no text".to_owned()),
        }
    }

    /// Escaped so that it is the same in an element and in an attribute.
    fn character(&mut self, c: char) -> Result<(), String> {
        match c {
            '&' => self.raw("&amp;"),
            '<' => self.raw("&lt;"),
            '>' => self.raw("&gt;"),
            '"' => self.raw("&quot;"),
            '\'' => self.raw("&apos;"),
            '\t' => self.raw("&#9;"),
            '\n' => self.raw("&#10;"),
            '\r' => self.raw("&#13;"),
            // XML 1.0, 2.2: these are no characters of a document, not even escaped.
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                Err(format!("XML has no character U+{:04X}", u32::from(c)))
            }
            c => self.raw(c.encode_utf8(&mut [0; 4])),
        }
    }

    fn mark(&mut self, open: &str, name: &str) -> Result<(), String> {
        self.raw(open)?;
        self.raw(name)
    }

    fn raw(&mut self, text: &str) -> Result<(), String> {
        self.room.take(text.len())?;
        self.text.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quick_xml::XmlVersion;
    use quick_xml::escape::resolve_xml_entity;
    use quick_xml::events::Event;
    use serde_json::json;

    use super::*;

    fn written(value: &Value) -> Result<String, String> {
        let text = write(value, &mut Room::body())?;
        Ok(text.strip_prefix(DECLARATION).unwrap().to_owned())
    }

    #[test]
    fn elements_attributes_and_texts() {
        for (value, expected) in [
            (json!({"a": null}), "<a/>"),
            (json!({"a": ""}), "<a></a>"),
            (json!({"a": {}}), "<a/>"),
            (json!({"a": {"@id": 7, "@gone": null}}), r#"<a id="7"/>"#),
            (
                json!({"soap:Envelope": {"@xmlns:soap": "urn:x", "b": [1, true, {"c": "d"}]}}),
                r#"<soap:Envelope xmlns:soap="urn:x"><b>1</b><b>true</b><b><c>d</c></b></soap:Envelope>"#,
            ),
            (
                json!({"a": {"#text": "x", "@lang": "en", "b": []}}),
                r#"<a lang="en">x</a>"#,
            ),
        ] {
            assert_eq!(written(&value).as_deref(), Ok(expected), "{value}");
        }
    }

    #[test]
    fn data_stays_data() {
        let evil = "</a><!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]>&y;'\r\n\t]]>";
        let text = written(&json!({"a": {"@b": evil, "#text": evil}})).unwrap();
        assert_eq!(text.matches('<').count(), 2, "{text}");
        assert_eq!(text.matches('"').count(), 2, "{text}");
        assert!(!text.contains(['\r', '\n', '\t', '\'']), "{text}");
    }

    #[test]
    fn what_xml_has_no_form_for_is_refused() {
        for value in [
            json!(1),
            json!({}),
            json!({"a": 1, "b": 2}),
            json!({"a": [1]}),
            json!({"@a": 1}),
            json!({"#text": "x"}),
            json!({"a b": 1}),
            json!({"a": {"1b": 1}}),
            json!({"a": {"b><c": 1}}),
            json!({"a": {"@b\"": 1}}),
            json!({"a": {"@@b": 1}}),
            json!({"a": {"@#text": 1}}),
            json!({"a": {"@": 1}}),
            json!({"a": {"b:c:d": 1}}),
            json!({"a": {"@b": {}}}),
            json!({"a": {"#text": [1]}}),
            json!({"a": {"b": [[1]]}}),
            json!({"a": "\u{0}"}),
            json!({"a": "\u{b}"}),
            json!({"a": "x".repeat(2 * 1024 * 1024)}),
        ] {
            let found = written(&value);
            assert!(found.is_err(), "{value}");
        }
        // A short document cannot become a long one either.
        let long = json!({"x".repeat(256): vec![1; 10_000]});
        assert!(written(&json!({"a": long})).is_err());
    }

    /// The texts and attributes that another program reads in the document.
    fn read_back(text: &str) -> Vec<String> {
        let mut reader = quick_xml::Reader::from_str(text);
        reader.config_mut().check_end_names = true;
        let mut found = vec![String::new()];
        loop {
            match reader.read_event().unwrap() {
                Event::Eof => break,
                Event::Start(tag) | Event::Empty(tag) => {
                    for attribute in tag.attributes() {
                        let value = attribute
                            .unwrap()
                            .normalized_value(XmlVersion::Explicit1_0)
                            .unwrap();
                        found.insert(0, value.into_owned());
                    }
                }
                Event::Text(text) => found.last_mut().unwrap().push_str(&text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let c = match reference.resolve_char_ref().unwrap() {
                        Some(c) => c,
                        None => {
                            let named = resolve_xml_entity(&reference.xml10_content()).unwrap();
                            named.chars().next().unwrap()
                        }
                    };
                    found.last_mut().unwrap().push(c);
                }
                Event::End(_) | Event::Decl(_) => {}
                other => panic!("{other:?}"),
            }
        }
        found
    }

    proptest! {
        #[test]
        fn whatever_names_are_taken_make_a_document(tag in "[@#:a-zé0-9<> =-]{0,3}", member in "@{0,2}[#a-zé:]{0,5}|@?\\PC{0,3}") {
            if let Ok(written) = write(&json!({ tag: { member: "x" } }), &mut Room::body()) {
                prop_assert_eq!(read_back(&written).concat(), "x");
            }
        }

        #[test]
        fn another_program_reads_the_same_data(attribute in "\\PC*|[&<>\"'\\]\r\n\t ]{0,8}", text in "\\PC*|[&<>\"'\\]\r\n\t ]{0,8}") {
            let document = json!({ "a": { "@b": attribute, "#text": text } });
            if let Ok(written) = write(&document, &mut Room::body()) {
                prop_assert_eq!(read_back(&written), [attribute, text]);
            }
        }
    }
}
