//! What is true of members whatever their types. To the derive an `Option` is "perhaps null", which is right on neither side: an
//! optional member of a body may be left out or be null, an absent member of an answer is absent, and a parameter is never null.
//! And a body has the members that are told, and no others.

use std::collections::BTreeSet;

use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, Schema, SchemaType};
use utoipa::openapi::{Object, OneOfBuilder, OpenApi, PathItem, RefOr, Type};

use super::operations;

/// Writes it into the whole document.
pub(super) fn settle(whole: &mut OpenApi) {
    for item in whole.paths.paths.values_mut() {
        for operation in operations(item) {
            for parameter in operation.parameters.iter_mut().flatten() {
                if let RefOr::T(parameter) = parameter {
                    parameter.schema.iter_mut().for_each(never);
                }
            }
            let Some(RefOr::T(body)) = &mut operation.request_body else {
                continue;
            };
            for content in body.content.values_mut() {
                if let RefOr::T(content) = content {
                    // A body that may be left out is not one that may be null.
                    content.schema.iter_mut().for_each(never);
                }
            }
        }
    }
    let asked = asked(&whole.paths.paths);
    let schemas = whole.components.iter_mut().flat_map(|it| &mut it.schemas);
    for (name, schema) in schemas {
        let asked = asked.contains(name);
        change_optional(schema, if asked { also } else { never });
        if let (true, RefOr::T(Schema::Object(object))) = (asked, schema) {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

/// Changes the members that may be absent, of an object or of the objects that it is made of.
fn change_optional(schema: &mut RefOr<Schema>, change: fn(&mut RefOr<Schema>)) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            let required = object.required.clone();
            for (member, schema) in &mut object.properties {
                if !required.contains(member) {
                    change(schema);
                }
            }
        }
        RefOr::T(Schema::AllOf(parts)) => {
            for part in &mut parts.items {
                change_optional(part, change);
            }
        }
        RefOr::T(_) | RefOr::Ref(_) => {}
    }
}

/// The names of the schemas that bodies of requests lead to directly: those that are read member by member.
fn asked<'a>(items: impl IntoIterator<Item = (&'a String, &'a PathItem)>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, item) in items {
        let operations = [&item.post, &item.put, &item.patch].into_iter().flatten();
        for operation in operations {
            let body = serde_json::to_value(&operation.request_body).unwrap_or_default();
            for (_, content) in body["content"].as_object().into_iter().flatten() {
                names.extend(named(&content["schema"]));
            }
        }
    }
    names
}

fn named(schema: &Value) -> Option<String> {
    let reference = schema["$ref"].as_str()?;
    Some(reference.rsplit('/').next()?.to_owned())
}

fn never(schema: &mut RefOr<Schema>) {
    let RefOr::T(inner) = schema else {
        return;
    };
    match inner {
        Schema::Object(object) => strip(&mut object.schema_type),
        Schema::Array(array) => strip(&mut array.schema_type),
        Schema::OneOf(choice) => {
            choice.items.retain(|item| !is_null(item));
            if let [only] = choice.items.as_slice() {
                let mut only = only.clone();
                if let (RefOr::Ref(reference), Some(text)) = (&mut only, choice.description.take())
                {
                    reference.description = text;
                }
                *schema = only;
            }
        }
        _ => {}
    }
}

fn also(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            add(&mut object.schema_type);
            if let Some(values) = &mut object.enum_values
                && !values.contains(&Value::Null)
            {
                values.push(Value::Null);
            }
        }
        RefOr::T(Schema::Array(array)) => add(&mut array.schema_type),
        RefOr::T(Schema::OneOf(choice)) if !choice.items.iter().any(is_null) => {
            choice.items.push(null());
        }
        RefOr::T(_) => {}
        RefOr::Ref(reference) => {
            let choice = OneOfBuilder::new()
                .item(null())
                .item(reference.clone())
                .build();
            *schema = Schema::OneOf(choice).into();
        }
    }
}

fn strip(types: &mut SchemaType) {
    if let SchemaType::Array(list) = types {
        list.retain(|one| *one != Type::Null);
        if let [only] = list.as_slice() {
            *types = SchemaType::Type(only.clone());
        }
    }
}

fn add(types: &mut SchemaType) {
    match types {
        SchemaType::Type(one) if *one != Type::Null => {
            *types = SchemaType::Array(vec![one.clone(), Type::Null]);
        }
        SchemaType::Array(list) if !list.contains(&Type::Null) => list.push(Type::Null),
        SchemaType::Type(_) | SchemaType::Array(_) | SchemaType::AnyValue => {}
    }
}

fn null() -> RefOr<Schema> {
    Schema::Object(Object::with_type(Type::Null)).into()
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use utoipa::openapi::OpenApi;

    /// The schemas of a body and of an answer that have this optional member.
    fn both(member: &Value) -> (Value, Value) {
        let body = |name: &str| {
            let reference = format!("#/components/schemas/{name}");
            json!({ "application/json": { "schema": { "$ref": reference } } })
        };
        let object = json!({ "type": "object", "properties": { "it": member } });
        let mut whole: OpenApi = serde_json::from_value(json!({
            "openapi": "3.1.0", "info": { "title": "t", "version": "1" },
            "paths": { "/it": { "post": {
                "requestBody": { "content": body("Asked") },
                "responses": { "200": { "description": "d", "content": body("Told") } },
            } } },
            "components": { "schemas": { "Asked": object, "Told": object, "Kind": { "type": "string" } } },
        }))
        .unwrap();
        super::settle(&mut whole);
        let whole = serde_json::to_value(&whole).unwrap();
        let at = |name: &str| whole["components"]["schemas"][name].clone();
        (at("Asked"), at("Told"))
    }

    /// What becomes of an optional member, by whether it is asked or answered.
    fn settled(member: &Value) -> (Value, Value) {
        let (asked, told) = both(member);
        let it = |schema: Value| schema["properties"]["it"].clone();
        (it(asked), it(told))
    }

    #[test]
    fn a_body_has_no_other_members() {
        let (asked, told) = both(&json!({ "type": "string" }));
        assert_eq!(asked["additionalProperties"], false);
        assert_eq!(told["additionalProperties"], Value::Null);
    }

    #[test]
    fn an_optional_member_may_be_asked_as_null_and_is_never_told_so() {
        let plain = json!({ "type": "string" });
        let perhaps = json!({ "type": ["string", "null"] });
        assert_eq!(settled(&plain), (perhaps.clone(), plain.clone()));
        assert_eq!(settled(&perhaps), (perhaps, plain));

        let list = json!({ "type": "array", "items": { "type": "string" } });
        let mut perhaps = list.clone();
        perhaps["type"] = json!(["array", "null"]);
        assert_eq!(settled(&list), (perhaps, list));
    }

    #[test]
    fn words_and_references_may_be_null_too() {
        let words = json!({ "type": "string", "enum": ["a"] });
        let (asked, told) = settled(&words);
        assert_eq!(asked["enum"], json!(["a", null]));
        assert_eq!(told, words);

        let kind = json!({ "$ref": "#/components/schemas/Kind" });
        let perhaps = json!({ "oneOf": [{ "type": "null" }, kind] });
        assert_eq!(settled(&perhaps), (perhaps, kind));
    }
}
