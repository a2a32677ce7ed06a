//! A tool as models and their clients see it, in each provider's own shape.
//!
//! What is shown is the id, the description, the visible inputs and the output schema; never the call,
//! the credential or a host. Tool ids (`^[a-z0-9_-]{1,64}$`) are valid names everywhere, so no shape
//! needs another name.

use serde_json::{Value, json};

use crate::config::{Effects, ToolConfig};

mod shown;

pub use shown::visible;

/// A provider's shape of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// OpenAI's Responses API.
    OpenAi,
    /// OpenAI's Chat Completions API.
    OpenAiChat,
    /// Anthropic's Messages API.
    Anthropic,
    /// The Model Context Protocol.
    Mcp,
}

impl Format {
    /// Every format, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::OpenAi, Self::OpenAiChat, Self::Anthropic, Self::Mcp];

    /// The format as it stands in `?format=`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::OpenAiChat => "openai_chat",
            Self::Anthropic => "anthropic",
            Self::Mcp => "mcp",
        }
    }
}

/// The text names no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a format is openai, openai_chat, anthropic or mcp")]
pub struct UnknownFormat;

impl std::str::FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|format| format.as_str() == text);
        named.ok_or(UnknownFormat)
    }
}

/// What of a tool may be shown to anybody who may use it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolView {
    /// The tool's id: its name for models.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// A longer display name.
    pub title: Option<String>,
    /// What it does.
    pub description: String,
    /// JSON Schema of the visible inputs: `x-hidden` ones are left out.
    pub input_schema: Value,
    /// JSON Schema of the output.
    pub output_schema: Value,
    /// What running it does to the world.
    pub effects: Effects,
    /// For finding it.
    pub tags: Vec<String>,
    /// False: listed, but not run.
    pub enabled: bool,
}

impl ToolView {
    /// The view of a tool.
    pub fn new(config: &ToolConfig) -> Self {
        Self {
            id: config.id.to_string(),
            name: config.name.clone(),
            title: config.title.clone(),
            description: config.description.clone(),
            input_schema: visible(&config.input_schema),
            output_schema: config.output_schema.clone(),
            effects: config.effects,
            tags: config.tags.clone(),
            enabled: config.enabled,
        }
    }

    /// The tool in a provider's shape.
    pub fn shape(&self, format: Format) -> Value {
        match format {
            Format::OpenAi => json!({
                "type": "function",
                "name": self.id,
                "description": self.description,
                "parameters": self.input_schema,
                "strict": false,
            }),
            Format::OpenAiChat => json!({
                "type": "function",
                "function": {
                    "name": self.id,
                    "description": self.description,
                    "parameters": self.input_schema,
                    "strict": false,
                },
            }),
            Format::Anthropic => json!({
                "name": self.id,
                "description": self.description,
                "input_schema": self.input_schema,
            }),
            Format::Mcp => self.mcp(),
        }
    }

    /// `Tool` of the protocol's schema. It knows outputs that are objects only.
    fn mcp(&self) -> Value {
        let mut tool = json!({
            "name": self.id,
            "title": self.title.as_ref().unwrap_or(&self.name),
            "description": self.description,
            "inputSchema": self.input_schema,
        });
        if self.output_schema["type"] == "object" {
            tool["outputSchema"] = self.output_schema.clone();
        }
        tool["annotations"] = json!({
            "readOnlyHint": self.effects.read_only,
            "destructiveHint": self.effects.destructive,
            "idempotentHint": self.effects.idempotent,
            "openWorldHint": self.effects.open_world,
        });
        tool
    }
}

/// Whether a property of an input schema is hidden from callers (`x-hidden`).
pub fn is_hidden(property: &Value) -> bool {
    property.get("x-hidden") == Some(&Value::Bool(true))
}

/// The names of the hidden inputs of a schema.
pub(crate) fn hidden_names(schema: &Value) -> impl Iterator<Item = &str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let hidden = properties
        .into_iter()
        .flatten()
        .filter(|(_, property)| is_hidden(property));
    hidden.map(|(name, _)| name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> ToolView {
        ToolView {
            id: "get_stock_quote".to_owned(),
            name: "Get stock quote".to_owned(),
            title: None,
            description: "The latest price".to_owned(),
            input_schema: visible(&json!({
                "type": "object",
                "properties": {
                    "symbol": { "type": "string" },
                    "function": { "const": "GLOBAL_QUOTE", "x-hidden": true },
                },
                "required": ["symbol", "function"],
            })),
            output_schema: json!({ "type": "object", "properties": { "price": { "type": "number" } } }),
            effects: Effects {
                read_only: true,
                destructive: false,
                idempotent: true,
                open_world: true,
            },
            tags: vec!["finance".to_owned()],
            enabled: true,
        }
    }

    #[test]
    fn shapes_are_the_providers_own() {
        let input = json!({
            "type": "object",
            "properties": { "symbol": { "type": "string" } },
            "required": ["symbol"],
        });
        let expected = [
            json!({ "type": "function", "name": "get_stock_quote", "description": "The latest price",
                    "parameters": input, "strict": false }),
            json!({ "type": "function", "function": { "name": "get_stock_quote",
                    "description": "The latest price", "parameters": input, "strict": false } }),
            json!({ "name": "get_stock_quote", "description": "The latest price", "input_schema": input }),
            json!({ "name": "get_stock_quote", "title": "Get stock quote",
                    "description": "The latest price", "inputSchema": input,
                    "outputSchema": { "type": "object", "properties": { "price": { "type": "number" } } },
                    "annotations": { "readOnlyHint": true, "destructiveHint": false,
                                     "idempotentHint": true, "openWorldHint": true } }),
        ];
        for (format, expected) in Format::ALL.into_iter().zip(expected) {
            assert_eq!(view().shape(format), expected, "{format:?}");
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        assert_eq!("OpenAI".parse::<Format>(), Err(UnknownFormat));
    }

    #[test]
    fn hides_hidden_inputs_and_nothing_else() {
        let only_hidden = json!({
            "type": "object",
            "properties": { "a": { "const": 1, "x-hidden": true }, "b": { "x-hidden": false } },
            "required": ["a"], "additionalProperties": false,
        });
        let shown = json!({
            "type": "object",
            "properties": { "b": { "x-hidden": false } },
            "additionalProperties": false,
        });
        assert_eq!(visible(&only_hidden), shown);
        assert_eq!(visible(&shown), shown);
    }

    #[test]
    fn mcp_is_told_of_object_outputs_only() {
        let mut list = view();
        list.output_schema = json!({ "type": "array" });
        assert_eq!(list.shape(Format::Mcp).get("outputSchema"), None);
    }
}
