//! One tool, ready to be shown and run.

use std::sync::{Arc, OnceLock};

use domain::code::CodeTool;
use domain::config::{self, OutputRules, ToolConfig, Validation};
use domain::egress::Policy;
use domain::fault::Fault;
use domain::flow::Flow;
use domain::formats::{Format, ToolView};
use domain::ids::ToolId;
use domain::ranking::Words;
use domain::strict::{self, Definition, Unusable};
use domain::{canonical, output, request, schema, tokens, verdict};
use persistence::tools::{CatalogKind, CatalogRow};
use serde_json::{Value, json};

use crate::flow_entry::FlowFacts;
use crate::quarantine;
use crate::schema::{Cell, Schema};

/// A saved tool or flow with everything that is derived from its document, once per version.
#[derive(Debug)]
pub struct CompiledTool {
    /// Its id in the workspace.
    pub id: ToolId,
    /// Its version, counted from 1.
    pub version: i32,
    /// SHA-256 of the canonical document, in hex; its `ETag`.
    pub hash: String,
    /// The document as its author wrote it, as JSON text.
    pub document: String,
    /// What the document means. Of a quarantined tool a stand-in that is not enabled.
    pub config: ToolConfig,
    /// What models and people may see of it.
    pub view: ToolView,
    /// Why the stored document is no tool any more (a rule became stricter, the operator's list of
    /// hosts shorter); such a tool is not offered to models and not run.
    pub quarantined: Option<String>,
    /// The function that it is, when it is no config: the stand-in for its config leads nowhere.
    pub code: Option<CodeTool>,
    /// The definition that it is, when it is a flow: the stand-in for its config leads nowhere. None of a quarantined flow.
    pub flow: Option<Arc<Flow>>,
    pub(crate) facts: Option<FlowFacts>,
    /// How inputs become the request.
    pub request_plan: request::Plan,
    /// How the response becomes the output.
    pub output_plan: output::Plan,
    /// When an answer is a failure.
    pub judge: verdict::Judge,
    input: Cell,
    output: Cell,
    /// Its JSON in listings: our own shape, then one for each of [`Format::ALL`].
    fragments: [OnceLock<Box<str>>; 5],
    function: OnceLock<Result<Function, Unusable>>,
    words: OnceLock<Words>,
}

/// A tool as a model's function.
#[derive(Clone, Debug)]
pub struct Function {
    /// What is sent, and how its arguments come back.
    pub definition: Definition,
    /// What sending it takes, in estimated tokens.
    pub tokens: u64,
}

impl CompiledTool {
    /// Compiles a document that was found good.
    pub fn new(config: ToolConfig, version: i32, hash: String, document: String) -> Self {
        Self {
            id: config.id.clone(),
            version,
            hash,
            document,
            view: ToolView::new(&config),
            quarantined: None,
            code: None,
            flow: None,
            facts: None,
            request_plan: request::Plan::compile(&config),
            output_plan: output::Plan::compile(&config),
            judge: verdict::Judge::compile(&config.response),
            config,
            input: Cell::new(),
            output: Cell::new(),
            fragments: Default::default(),
            function: OnceLock::new(),
            words: OnceLock::new(),
        }
    }

    /// Compiles a stored row. One that cannot be read is quarantined, never left out: its owner must
    /// see why. `None` when the tool is retired or its id is none.
    pub(crate) fn of_row(row: CatalogRow, policy: &Policy) -> Option<Self> {
        let document = row.document?;
        let id: ToolId = match row.id.parse() {
            Ok(id) => id,
            Err(error) => {
                tracing::warn!(tool_id = row.id, %error, "a stored tool has an id that is none");
                return None;
            }
        };
        let parsed: Result<Value, _> =
            serde_json::from_str(&document).map_err(|error| error.to_string());
        let (version, hash) = (row.version, row.hash);
        match row.kind {
            CatalogKind::Tool => Some(Self::of_config(id, version, hash, document, parsed, policy)),
            CatalogKind::Flow => Some(Self::of_flow_document(id, version, hash, document, parsed)),
        }
    }

    fn of_config(
        id: ToolId,
        version: i32,
        hash: String,
        text: String,
        document: Result<Value, String>,
        policy: &Policy,
    ) -> Self {
        let (value, read) = match document {
            Ok(value) => {
                let read = config::read(&value, policy).map_err(|faults| reason(&faults[..]));
                (value, read)
            }
            Err(why) => (Value::Null, Err(why)),
        };
        let (config, quarantined) = match read {
            // A document without an id keeps the one it was first saved under.
            Ok(config) => (ToolConfig { id, ..config }, None),
            Err(why) => {
                tracing::warn!(tool_id = %id, why, "a stored tool is quarantined");
                (quarantine::stand_in(id, &value), Some(why))
            }
        };
        Self {
            quarantined,
            ..Self::new(config, version, hash, text)
        }
    }

    /// A code-based tool, in the form of all others. `None` when its id is none (`#[tool]` refuses
    /// those).
    pub(crate) fn of_code(code: &CodeTool) -> Option<Self> {
        let definition = &code.definition;
        let id: ToolId = match definition.id.parse() {
            Ok(id) => id,
            Err(error) => {
                tracing::error!(tool_id = definition.id, %error, "a code-based tool has an id that is none");
                return None;
            }
        };
        let config = ToolConfig {
            name: definition.name.to_owned(),
            title: definition.title.map(str::to_owned),
            description: definition.description.to_owned(),
            tags: definition.tags.iter().map(ToString::to_string).collect(),
            enabled: true,
            effects: definition.effects,
            input_schema: schema::with_type(&code.input_schema),
            output_schema: code.output_schema.clone(),
            output: OutputRules {
                validation: Validation::Strict,
                redact: Vec::new(),
                max_tokens: None,
            },
            ..quarantine::stand_in(id, &Value::Null)
        };
        let mut tool = Self::new(config, definition.version, String::new(), String::new());
        tool.code = Some(code.clone());
        let shown = tool.own_shape();
        tool.hash = canonical::hash(&shown);
        Some(tool)
    }

    /// Who made it: `builtin` is code; `saved` and `flow` are the workspace's.
    pub const fn source(&self) -> &'static str {
        if self.code.is_some() {
            "builtin"
        } else if self.is_flow() {
            "flow"
        } else {
            "saved"
        }
    }

    /// What an input must fit, hidden inputs included.
    pub fn input_schema(&self) -> Schema<'_> {
        Schema::new(&self.config.input_schema, &self.input)
    }

    /// What an output must fit.
    pub fn output_schema(&self) -> Schema<'_> {
        Schema::new(&self.config.output_schema, &self.output)
    }

    /// Whether models are offered it.
    pub fn is_offered(&self) -> bool {
        self.is_tool() && self.config.enabled && self.quarantined.is_none()
    }

    /// The function that a model of the Responses API gets for it; made once.
    ///
    /// # Errors
    /// Why no model can be given it.
    pub fn function(&self) -> Result<&Function, &Unusable> {
        let function = self.function.get_or_init(|| {
            let definition = strict::definition(&self.view)?;
            let tokens = tokens::estimate(definition.function());
            Ok(Function { definition, tokens })
        });
        function.as_ref()
    }

    /// The words by which it is found; counted once.
    pub(crate) fn words(&self) -> &Words {
        self.words.get_or_init(|| {
            let view = &self.view;
            let names = [view.id.as_str(), &view.name].into_iter();
            Words::of(
                names.chain(view.title.as_deref()),
                view.tags.iter().map(String::as_str),
                &view.description,
                &view.input_schema,
            )
        })
    }

    /// The tool as JSON text in a listing: of a provider's shape, or our own.
    pub(crate) fn fragment(&self, format: Option<Format>) -> &str {
        let index = slot(format);
        self.fragments[index].get_or_init(|| {
            let shape = match format {
                Some(format) => self.view.shape(format),
                None => self.own_shape(),
            };
            shape.to_string().into_boxed_str()
        })
    }

    fn own_shape(&self) -> Value {
        let view = &self.view;
        let mut shape = json!({
            "id": view.id,
            "name": view.name,
            "description": view.description,
            "input_schema": view.input_schema,
            "output_schema": view.output_schema,
            "tags": view.tags,
            "enabled": view.enabled,
            "annotations": {
                "read_only": view.effects.read_only,
                "destructive": view.effects.destructive,
                "idempotent": view.effects.idempotent,
                "open_world": view.effects.open_world,
            },
            "version": self.version,
            "source": self.source(),
        });
        if let Some(title) = &view.title {
            shape["title"] = title.as_str().into();
        }
        if let Some(why) = &self.quarantined {
            shape["quarantined"] = why.as_str().into();
        }
        shape
    }
}

/// The place of a listing's shape in arrays of five.
pub(crate) const fn slot(format: Option<Format>) -> usize {
    match format {
        None => 0,
        Some(Format::OpenAi) => 1,
        Some(Format::OpenAiChat) => 2,
        Some(Format::Anthropic) => 3,
        Some(Format::Mcp) => 4,
    }
}

pub(crate) fn reason(faults: &[Fault]) -> String {
    let told: Vec<String> = faults
        .iter()
        .take(3)
        .map(|fault| format!("{}: {}", fault.pointer, fault.message))
        .collect();
    told.join("; ")
}
