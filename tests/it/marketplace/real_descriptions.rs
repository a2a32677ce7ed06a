//! The filter for orders to a model, over descriptions that people wrote for people.

use std::fs;
use std::path::Path;

use domain::publication::told_to_models;
use serde_json::Value;

use crate::skip::skip;

fn gather(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| gather(item, texts)),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text)
                        if matches!(name.as_str(), "description" | "summary" | "title") =>
                    {
                        texts.push(text.clone());
                    }
                    other => gather(other, texts),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Real API descriptions order nobody about: fewer than one text in a thousand is taken for an attack.
#[test]
fn descriptions_of_real_apis_are_let_through() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases/openapi");
    let Ok(files) = fs::read_dir(&folder) else {
        return skip(
            "marketplace::real_descriptions::descriptions_of_real_apis_are_let_through",
            "shared/cases/openapi is not here",
        );
    };
    let mut texts = Vec::new();
    for file in files {
        let text = fs::read_to_string(file.unwrap().path()).unwrap_or_default();
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            gather(&value, &mut texts);
        }
    }
    let taken: Vec<&String> = texts
        .iter()
        .filter(|text| told_to_models(text).is_some())
        .collect();
    eprintln!(
        "{} of {} texts are taken for orders",
        taken.len(),
        texts.len()
    );
    for text in taken.iter().take(20) {
        eprintln!(
            "{:?}: {}",
            told_to_models(text),
            text.chars().take(300).collect::<String>()
        );
    }
    assert!(texts.len() > 1_000, "{}", texts.len());
    assert!(taken.len() * 1_000 < texts.len(), "{}", taken.len());
}
