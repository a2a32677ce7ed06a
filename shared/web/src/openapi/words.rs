//! Members that hold one word out of few, as the API's description tells them. The types that read them are elsewhere; a
//! test sees to it that both know the same words.

use domain::rights::Scope;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// What a member may do.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Also creates, edits and runs.
    Member,
    /// Also deletes, publishes and manages secrets, keys and members.
    Admin,
    /// Also deletes the workspace.
    Owner,
}

/// What an API key may do at most.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum KeyRole {
    /// Reads.
    Viewer,
    /// Also creates, edits and runs.
    Member,
    /// Also deletes, publishes and manages secrets, keys and members.
    Admin,
}

/// What can be published and installed.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Kind {
    /// A tool.
    Tool,
    /// A flow.
    Flow,
    /// A prompt.
    Prompt,
}

/// In which state runs are listed.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum RunStatus {
    /// Its steps are claimed and run.
    Running,
    /// A step failed; what runs finishes.
    Failing,
    /// It was cancelled; what runs finishes.
    Cancelling,
    /// What its steps did is being undone.
    Compensating,
    /// It has an output.
    Succeeded,
    /// It has an error.
    Failed,
    /// It was cancelled.
    Cancelled,
}

/// Whose shape of a tool is answered.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Shape {
    /// OpenAI's Responses API.
    Openai,
    /// OpenAI's Chat Completions API.
    OpenaiChat,
    /// Anthropic's Messages API.
    Anthropic,
    /// The Model Context Protocol.
    Mcp,
}

/// What an API key may be narrowed to: every scope of the table of rights.
#[derive(Clone, Copy, Debug)]
pub struct ScopeName;

impl PartialSchema for ScopeName {
    fn schema() -> RefOr<Schema> {
        let scopes = Scope::all();
        let names = scopes.iter().map(|scope| scope.as_str());
        Schema::Object(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(names))
                .build(),
        )
        .into()
    }
}

impl ToSchema for ScopeName {}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    /// The words that are told.
    fn told<W: PartialSchema>() -> Vec<String> {
        let schema = serde_json::to_value(W::schema()).unwrap();
        let words = schema["enum"].as_array().unwrap();
        words
            .iter()
            .map(|word| word.as_str().unwrap().to_owned())
            .collect()
    }

    fn all_read<T: FromStr>(words: &[String]) {
        for word in words {
            assert!(word.parse::<T>().is_ok(), "{word} is not read");
        }
    }

    #[test]
    fn the_words_told_are_the_words_read() {
        use domain::{caller, formats, publication, run};

        all_read::<caller::Role>(&told::<Role>());
        assert_eq!(told::<Role>()[..3], told::<KeyRole>());
        all_read::<publication::Kind>(&told::<Kind>());
        let states = run::RunStatus::ALL.iter().map(|status| status.as_str());
        assert_eq!(told::<RunStatus>(), states.collect::<Vec<_>>());
        let shapes = formats::Format::ALL.map(formats::Format::as_str);
        assert_eq!(told::<Shape>(), shapes);
    }
}
