//! Which tools the model gets, and what a call of it means.
//!
//! While all definitions together stay below a budget, the model gets every tool. Beyond it, it gets those that are pinned, those that
//! the prompt is about, and two functions of ours: `search_tools` finds any other tool that is allowed, `call_tool` calls it.

use std::sync::Arc;

use domain::failure::{Failure, FailureCode};
use domain::fault::Fault;
use domain::ids::ToolId;
use registry::{Catalog, CompiledTool};
use serde_json::Value;

mod allowed;
mod arguments;
mod meta;
mod select;
#[cfg(test)]
mod tests;

use allowed::Allowed;
use meta::Meta;

/// How much is offered.
#[derive(Clone, Copy, Debug)]
pub struct OfferRules {
    /// Most estimated tokens of all function definitions together; beyond it the model searches.
    pub max_tokens: u64,
}

/// A tool that the model was not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// Its id.
    pub tool: String,
    /// Why, and what to do about it.
    pub reason: String,
}

/// What a function call of the model means.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved {
    /// Run this tool.
    Run {
        /// Which.
        tool: ToolId,
        /// Its input, in the tool's own schema.
        input: Value,
    },
    /// Nothing is run; this is the function's output.
    Answer(Value),
    /// The call makes no sense; the model is told so.
    Refuse(Failure),
}

/// The functions of one run.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    catalog: Arc<Catalog>,
    allowed: Allowed,
    /// Whether the model has the definition of each allowed tool.
    direct: Vec<bool>,
    /// Ours, when not every allowed tool is direct.
    meta: Option<Meta>,
    definitions: Vec<Value>,
    tokens: u64,
    /// Most tokens of one answer of `search_tools`.
    max_tokens: u64,
}

impl Offer {
    /// The functions for this prompt out of the workspace's tools, or out of the wanted ones alone.
    ///
    /// Without `wanted` these are all tools but those that destroy something: naming one of them is the consent. An empty `wanted` is
    /// no tool at all.
    ///
    /// # Errors
    /// Names in `wanted` that are no tools or stand there twice, with pointers into the request (`/tools/0`).
    pub fn new(
        catalog: &Arc<Catalog>,
        wanted: Option<&[ToolId]>,
        prompt: &str,
        rules: &OfferRules,
    ) -> Result<Self, Vec<Fault>> {
        let allowed = Allowed::new(catalog, wanted)?;
        let direct = select::direct(catalog, &allowed, wanted.is_some(), prompt, rules);
        let meta = direct.contains(&false).then(|| Meta::of(catalog));
        let mut definitions: Vec<Value> = meta.iter().flat_map(Meta::definitions).collect();
        let mut tokens = meta.as_ref().map_or(0, Meta::tokens);
        for (tool, _) in allowed
            .tools
            .iter()
            .zip(&direct)
            .filter(|(_, direct)| **direct)
        {
            if let Ok(function) = tool.function() {
                definitions.push(function.definition.function().clone());
                tokens += function.tokens;
            }
        }
        Ok(Self {
            catalog: Arc::clone(catalog),
            allowed,
            direct,
            meta,
            definitions,
            tokens,
            max_tokens: rules.max_tokens,
        })
    }

    /// As the Responses API wants them, in an order that does not change: ours first, then the tools by id.
    pub fn definitions(&self) -> &[Value] {
        &self.definitions
    }

    /// Estimated tokens of all definitions.
    pub const fn tokens(&self) -> u64 {
        self.tokens
    }

    /// What was left out, and why. A tool that the model has to search for is not left out.
    pub fn withheld(&self) -> &[Withheld] {
        &self.allowed.withheld
    }

    /// What a call of the model means. `arguments` is JSON text as the model wrote it; none is `{}`.
    pub fn resolve(&self, name: &str, arguments: &str) -> Resolved {
        if let Some(meta) = &self.meta {
            if name == meta.search {
                return self.search(arguments);
            }
            if name == meta.call {
                return self.call(arguments);
            }
        }
        // A model may call by its own name what it found by searching.
        let Some(place) = self.allowed.place(name) else {
            return Resolved::Refuse(self.unknown(name));
        };
        match arguments::object(arguments) {
            Ok(input) => self.run(place, input),
            Err(refusal) => Resolved::Refuse(refusal.detail("function", name)),
        }
    }

    fn search(&self, arguments: &str) -> Resolved {
        let query = match arguments::object(arguments).and_then(|it| meta::Query::read(&it)) {
            Ok(query) => query,
            Err(refusal) => return Resolved::Refuse(refusal),
        };
        let exact = self.allowed.place(query.text.trim());
        let ranked = self.catalog.ranked(&query.text);
        let places = ranked
            .iter()
            .filter_map(|tool| self.allowed.place(tool.id.as_str()));
        let found = exact
            .into_iter()
            .chain(places.filter(|place| Some(*place) != exact));
        let found: Vec<meta::Match<'_>> = found
            .take(query.limit)
            .map(|place| meta::Match {
                tool: &self.allowed.tools[place],
                direct: self.direct[place],
            })
            .collect();
        Resolved::Answer(meta::answer(
            &found,
            self.allowed.tools.len(),
            self.max_tokens,
        ))
    }

    fn call(&self, arguments: &str) -> Resolved {
        let call = match arguments::object(arguments).and_then(meta::Call::read) {
            Ok(call) => call,
            Err(refusal) => return Resolved::Refuse(refusal),
        };
        match self.allowed.place(&call.tool) {
            Some(place) => self.run(place, call.input),
            None => Resolved::Refuse(self.unknown(&call.tool)),
        }
    }

    fn run(&self, place: usize, input: Value) -> Resolved {
        let tool = &self.allowed.tools[place];
        let input = match tool.function() {
            // Only the definition that the model has may be another than the tool's own schema.
            Ok(function) if self.direct[place] => function.definition.restore(input),
            Ok(_) | Err(_) => input,
        };
        Resolved::Run {
            tool: tool.id.clone(),
            input,
        }
    }

    /// The reason as a model may read it: what is wrong with a stored config may quote a host of it.
    fn told<'w>(&self, withheld: &'w Withheld) -> &'w str {
        let id = withheld.tool.parse().ok();
        let tool = id.and_then(|id| self.catalog.tool(&id));
        if tool.is_some_and(|tool| tool.quarantined.is_some()) {
            return "It is out of order. Do without it.";
        }
        &withheld.reason
    }

    fn unknown(&self, name: &str) -> Failure {
        let shown: String = name.chars().take(64).collect();
        if let Some(withheld) = self.allowed.withheld.iter().find(|it| it.tool == name) {
            let message = format!("The tool {shown} may not be used here.");
            return Failure::new(FailureCode::ToolNotFound, message, self.told(withheld));
        }
        let ids = self.allowed.tools.iter().map(|tool| tool.id.as_str());
        let near = domain::text::nearest(name, ids);
        let hint = match (near, &self.meta) {
            (Some(near), _) => format!("Did you mean {near}?"),
            (None, Some(meta)) => format!("Call {} to find a tool's id.", meta.search),
            (None, None) => "Use only the functions that you were given.".to_owned(),
        };
        let message = format!("There is no function or tool {shown}.");
        Failure::new(FailureCode::ToolNotFound, message, hint)
    }
}

/// A tool's estimated tokens; one without a definition is never allowed.
fn tokens(tool: &CompiledTool) -> u64 {
    tool.function().map_or(0, |function| function.tokens)
}
