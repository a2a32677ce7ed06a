//! The keywords of JSON Schema that are understood, and the shape of each one's value.

/// The drafts that `$schema` may name.
pub(super) const DRAFTS: [&str; 5] = [
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "https://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
];

/// The types of JSON Schema.
pub(super) const TYPES: [&str; 7] = [
    "string", "number", "integer", "boolean", "object", "array", "null",
];

/// What a keyword's value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A schema.
    Schema,
    /// Names and schemas.
    Schemas,
    /// Patterns and schemas.
    PatternSchemas,
    /// One or more schemas.
    SchemaList,
    /// A schema, or (before 2020-12) a list of them.
    Items,
    /// Names, each with a schema or a list of names (before 2019-09).
    Dependencies,
    /// Type names.
    Type,
    /// Different names.
    Names,
    /// Names, each with a list of names.
    NameLists,
    /// One or more values.
    Values,
    /// A whole number, not below zero, that asks for at least so much.
    Least,
    /// A whole number, not below zero, that allows at most so much.
    Most,
    /// A number.
    Number,
    /// A number above zero.
    Positive,
    /// True or false.
    Flag,
    /// A regular expression.
    Pattern,
    /// A reference within the schema.
    Ref,
    /// Text for people and models.
    Text,
    /// Anything.
    Any,
    /// Stands at the root only.
    Root,
    /// Not supported.
    Unsupported,
}

/// Every keyword that is understood.
pub(super) const KEYWORDS: [(&str, Shape); 65] = [
    ("type", Shape::Type),
    ("properties", Shape::Schemas),
    ("description", Shape::Text),
    ("required", Shape::Names),
    ("items", Shape::Items),
    ("enum", Shape::Values),
    ("default", Shape::Any),
    ("title", Shape::Text),
    ("format", Shape::Text),
    ("additionalProperties", Shape::Schema),
    ("minimum", Shape::Number),
    ("maximum", Shape::Number),
    ("const", Shape::Any),
    ("examples", Shape::Any),
    ("example", Shape::Any),
    ("x-hidden", Shape::Flag),
    ("minLength", Shape::Least),
    ("maxLength", Shape::Most),
    ("minItems", Shape::Least),
    ("maxItems", Shape::Most),
    ("pattern", Shape::Pattern),
    ("nullable", Shape::Flag),
    ("$ref", Shape::Ref),
    ("$defs", Shape::Schemas),
    ("definitions", Shape::Schemas),
    ("anyOf", Shape::SchemaList),
    ("oneOf", Shape::SchemaList),
    ("allOf", Shape::SchemaList),
    ("not", Shape::Schema),
    ("if", Shape::Schema),
    ("then", Shape::Schema),
    ("else", Shape::Schema),
    ("exclusiveMinimum", Shape::Number),
    ("exclusiveMaximum", Shape::Number),
    ("multipleOf", Shape::Positive),
    ("uniqueItems", Shape::Flag),
    ("minProperties", Shape::Least),
    ("maxProperties", Shape::Most),
    ("patternProperties", Shape::PatternSchemas),
    ("propertyNames", Shape::Schema),
    ("prefixItems", Shape::SchemaList),
    ("additionalItems", Shape::Schema),
    ("contains", Shape::Schema),
    ("minContains", Shape::Least),
    ("maxContains", Shape::Most),
    ("dependentRequired", Shape::NameLists),
    ("dependentSchemas", Shape::Schemas),
    ("dependencies", Shape::Dependencies),
    ("unevaluatedProperties", Shape::Schema),
    ("unevaluatedItems", Shape::Schema),
    ("contentMediaType", Shape::Text),
    ("contentEncoding", Shape::Text),
    ("contentSchema", Shape::Schema),
    ("deprecated", Shape::Flag),
    ("readOnly", Shape::Flag),
    ("writeOnly", Shape::Flag),
    ("$comment", Shape::Text),
    ("$anchor", Shape::Text),
    ("$schema", Shape::Root),
    ("$id", Shape::Root),
    ("$dynamicRef", Shape::Unsupported),
    ("$dynamicAnchor", Shape::Unsupported),
    ("$recursiveRef", Shape::Unsupported),
    ("$vocabulary", Shape::Unsupported),
    // A client would copy the value into a header of its own making (MCP 2026-07-28).
    ("x-mcp-header", Shape::Unsupported),
];

/// The shape of a keyword's value; `None` when the keyword is not known.
pub(super) fn shape(keyword: &str) -> Option<Shape> {
    KEYWORDS
        .iter()
        .find(|(name, _)| *name == keyword)
        .map(|(_, shape)| *shape)
}
