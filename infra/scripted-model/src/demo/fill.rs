//! Arguments for a schema, from the words of a prompt; where it says nothing, from the schema.

use serde_json::{Map, Value, json};

use super::{places, words};

/// Deepest value that is made up.
const MAX_DEPTH: usize = 8;

/// Arguments of a function.
pub(super) fn arguments(schema: &Value, prompt: &str) -> Value {
    known(schema, prompt, &[])
}

/// A value of the schema; what the given values hold under the same name comes first.
pub(super) fn known(schema: &Value, prompt: &str, known: &[Value]) -> Value {
    let mut filler = Filler {
        root: schema,
        prompt,
        known,
        numbers: numbers(prompt).into_iter(),
        currencies: currencies(prompt).into_iter(),
    };
    let value = filler.value("", schema, 0);
    value.unwrap_or_else(|| filler.otherwise(schema, 0))
}

struct Filler<'a> {
    root: &'a Value,
    prompt: &'a str,
    known: &'a [Value],
    numbers: std::vec::IntoIter<f64>,
    currencies: std::vec::IntoIter<String>,
}

impl<'a> Filler<'a> {
    /// What the prompt says; none: nothing.
    fn value(&mut self, name: &str, schema: &'a Value, depth: usize) -> Option<Value> {
        let schema = self.meant(schema);
        if depth > MAX_DEPTH {
            return None;
        }
        let found = self.known.iter().find_map(|known| named(known, name));
        if let Some(found) = found.filter(|found| kind_of(found) == kind(schema)) {
            return Some(found.clone());
        }
        if !schema["const"].is_null() {
            return Some(schema["const"].clone());
        }
        if let Some(values) = schema["enum"].as_array() {
            let said = words::of(self.prompt);
            let said = |value: &&Value| {
                let words = value.as_str().map(words::of).unwrap_or_default();
                !words.is_empty() && words.iter().all(|word| said.contains(word))
            };
            return values.iter().find(said).cloned();
        }
        match kind(schema) {
            "number" => self.number(name).map(|number| number_of(number, schema)),
            "boolean" => words::of(self.prompt)
                .contains(&name.to_lowercase())
                .then_some(true.into()),
            "array" => {
                let item = self.value(name, &schema["items"], depth + 1)?;
                Some(json!([item]))
            }
            "object" => Some(self.object(schema, depth)),
            _ => self.text(name, schema).map(Value::from),
        }
    }

    fn object(&mut self, schema: &'a Value, depth: usize) -> Value {
        let required = schema["required"].as_array();
        let mut members = Map::new();
        for (name, below) in schema["properties"].as_object().into_iter().flatten() {
            let required = required.is_some_and(|names| names.iter().any(|one| one == name));
            match self.value(name, below, depth + 1) {
                Some(value) => {
                    members.insert(name.clone(), value);
                }
                None if required => {
                    let value = self.otherwise(below, depth + 1);
                    members.insert(name.clone(), value);
                }
                None => {}
            }
        }
        members.into()
    }

    /// What the schema itself offers.
    fn otherwise(&mut self, schema: &'a Value, depth: usize) -> Value {
        if nullable(schema) {
            return Value::Null;
        }
        let schema = self.meant(schema);
        for given in [
            &schema["default"],
            &schema["examples"][0],
            &schema["enum"][0],
        ] {
            if !given.is_null() {
                return given.clone();
            }
        }
        match kind(schema) {
            "number" => number_of(schema["minimum"].as_f64().unwrap_or(1.0).max(1.0), schema),
            "boolean" => false.into(),
            "array" => match schema["minItems"].as_u64() {
                Some(1..) if depth < MAX_DEPTH => {
                    json!([self.otherwise(&schema["items"], depth + 1)])
                }
                _ => json!([]),
            },
            "object" if depth < MAX_DEPTH => self.object(schema, depth),
            "object" => json!({}),
            _ => example(schema)
                .unwrap_or_else(|| self.prompt.trim().to_owned())
                .into(),
        }
    }

    /// The schema behind references and alternatives.
    fn meant(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..MAX_DEPTH {
            let reference = schema["$ref"]
                .as_str()
                .and_then(|text| text.strip_prefix('#'));
            let branch = ["anyOf", "oneOf", "allOf"].iter().find_map(|name| {
                let branches = schema[*name].as_array()?;
                branches.iter().find(|branch| branch["type"] != "null")
            });
            let next = reference
                .and_then(|pointer| self.root.pointer(pointer))
                .or(branch);
            match next {
                Some(next) => schema = next,
                None => break,
            }
        }
        schema
    }

    fn number(&mut self, name: &str) -> Option<f64> {
        let place = places::first(self.prompt).map(|(place, _)| place);
        match (words::of(name).first().map(String::as_str), place) {
            (Some("latitude" | "lat"), Some(place)) => Some(place.latitude),
            (Some("longitude" | "lon" | "lng" | "long"), Some(place)) => Some(place.longitude),
            _ => self.numbers.next(),
        }
    }

    fn text(&mut self, name: &str, schema: &Value) -> Option<String> {
        let prompt = self.prompt;
        let is = |wanted: &[&str]| {
            words::of(name)
                .iter()
                .any(|word| wanted.contains(&word.as_str()))
        };
        let about = schema["description"]
            .as_str()
            .unwrap_or_default()
            .to_lowercase();
        if is(&["symbol", "ticker"]) {
            return ticker(prompt).or_else(|| quoted(prompt));
        }
        if is(&["currency"]) || about.contains("currency") {
            return self.currencies.next();
        }
        if is(&["zone", "timezone", "tz"]) {
            return places::first(prompt).map(|(place, _)| place.zone.to_owned());
        }
        if is(&["city", "place", "location", "town", "address", "country"]) {
            let known = places::first(prompt).map(|(_, written)| written.to_owned());
            return known
                .or_else(|| capitalised(prompt))
                .or_else(|| quoted(prompt));
        }
        if is(&["expression", "formula", "calculation"]) {
            return sum(prompt);
        }
        if is(&["date", "day", "since", "until"]) {
            return word_like(prompt, |word| {
                word.len() == 10
                    && word
                        .split('-')
                        .filter_map(|part| part.parse::<u32>().ok())
                        .count()
                        == 3
            });
        }
        if is(&["url", "uri", "link", "website"]) {
            return word_like(prompt, |word| word.starts_with("http"));
        }
        if is(&["email", "mail"]) {
            return word_like(prompt, |word| word.contains('@'));
        }
        if is(&[
            "query", "q", "search", "question", "prompt", "text", "message", "content", "body",
            "input",
        ]) {
            return Some(quoted(prompt).unwrap_or_else(|| prompt.trim().to_owned()));
        }
        // What is not needed and not named is left alone.
        if nullable(schema) {
            return None;
        }
        quoted(prompt).or_else(|| capitalised(prompt))
    }
}

/// A member of that name, at any depth of objects.
fn named<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let members = value.as_object()?;
    members
        .get(name)
        .filter(|found| !found.is_null())
        .or_else(|| members.values().find_map(|below| named(below, name)))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The schema's type; whole numbers are numbers.
fn kind(schema: &Value) -> &str {
    let several = schema["type"].as_array().into_iter().flatten();
    let mut several = several
        .filter_map(Value::as_str)
        .filter(|kind| *kind != "null");
    let one = schema["type"].as_str().or_else(|| several.next());
    match one {
        Some("integer") => "number",
        Some(kind) => kind,
        None if schema["properties"].is_object() => "object",
        None => "string",
    }
}

/// Whether null is one of its values: by its type, by one of its types, or by a branch.
fn nullable(schema: &Value) -> bool {
    let mut types = schema["type"].as_array().into_iter().flatten();
    let mut branches = schema["anyOf"].as_array().into_iter().flatten();
    schema["type"] == "null" || types.any(|kind| kind == "null") || branches.any(nullable)
}

/// The number within the schema's bounds, whole where it must be.
fn number_of(number: f64, schema: &Value) -> Value {
    let least = schema["minimum"].as_f64().unwrap_or(f64::MIN);
    let most = schema["maximum"].as_f64().unwrap_or(f64::MAX);
    let number = number.max(least).min(most);
    let types = &schema["type"];
    let whole = types == "integer"
        || types
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one == "integer"));
    if whole {
        return serde_json::from_str(&format!("{number:.0}")).unwrap_or_default();
    }
    json!(number)
}

/// "…, such as IBM": the description's own example.
fn example(schema: &Value) -> Option<String> {
    let description = schema["description"].as_str()?;
    let (_, rest) = ["such as ", "e.g. ", "example: ", "for example "]
        .iter()
        .find_map(|mark| description.split_once(mark))?;
    let word = rest.split([' ', ',', ';', ')']).next()?;
    let word = word.trim_matches(['"', '\'', '`', '.']);
    (!word.is_empty()).then(|| word.to_owned())
}

fn numbers(text: &str) -> Vec<f64> {
    let words = text
        .split(|character: char| !(character.is_ascii_alphanumeric() || ".-".contains(character)));
    let words = words.map(|word| word.trim_end_matches(['.', '-']));
    let finite = |word: &str| word.parse::<f64>().ok().filter(|number| number.is_finite());
    words
        .filter(|word| word.chars().any(|character| character.is_ascii_digit()))
        .filter_map(finite)
        .collect()
}

fn plain_words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split_whitespace();
    words.map(|word| {
        let word = word.trim_matches(|character: char| !character.is_alphanumeric());
        word.trim_end_matches("'s").trim_end_matches("’s")
    })
}

/// Codes of three capital letters.
fn currencies(text: &str) -> Vec<String> {
    let code = |word: &&str| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    plain_words(text).filter(code).map(str::to_owned).collect()
}

/// A share's symbol: one to five capital letters.
pub(super) fn ticker(text: &str) -> Option<String> {
    let capitals = |word: &&str| {
        (1..=5).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_uppercase())
    };
    let mut found = plain_words(text).filter(capitals);
    found
        .find(|word| !["I", "A", "US", "USD", "EUR"].contains(word))
        .map(str::to_owned)
}

/// What stands in quotation marks.
fn quoted(text: &str) -> Option<String> {
    for (open, close) in [('"', '"'), ('“', '”'), ('„', '“'), ('\'', '\''), ('`', '`')] {
        let Some((before, rest)) = text.split_once(open) else {
            continue;
        };
        // An apostrophe is no quotation mark.
        let apostrophe = open == '\''
            && before
                .chars()
                .next_back()
                .is_some_and(char::is_alphanumeric);
        if let Some((within, _)) = rest.split_once(close)
            && !apostrophe
            && !within.is_empty()
        {
            return Some(within.to_owned());
        }
    }
    None
}

/// The first capitalised words that do not begin the text.
fn capitalised(text: &str) -> Option<String> {
    let words = plain_words(text).skip(1);
    let capital = |word: &&str| word.chars().next().is_some_and(char::is_uppercase) && *word != "I";
    let found: Vec<&str> = words
        .skip_while(|word| !capital(word))
        .take_while(capital)
        .collect();
    (!found.is_empty()).then(|| found.join(" "))
}

fn word_like(text: &str, right: impl Fn(&str) -> bool) -> Option<String> {
    let words = text.split_whitespace();
    let mut words =
        words.map(|word| word.trim_matches(['"', '\'', '(', ')', ',', '.', '?', '!', '<', '>']));
    words.find(|word| right(word)).map(str::to_owned)
}

/// An arithmetic expression: the longest run of numbers and operators with at least one of each.
pub(super) fn sum(text: &str) -> Option<String> {
    let part = |character: char| character.is_ascii_digit() || " .+-*/^()%".contains(character);
    let runs = text
        .split(|character: char| !part(character))
        .map(|run| run.trim().trim_end_matches('.'));
    let right = |run: &&str| {
        let operators = run
            .trim_start_matches('-')
            .chars()
            .filter(|one| "+-*/^%".contains(*one))
            .count();
        operators > 0
            && numbers(run).len() + operators > 2
            && run.chars().filter(char::is_ascii_digit).count() > 1
    };
    runs.filter(right)
        .max_by_key(|run| run.len())
        .map(str::to_owned)
}
