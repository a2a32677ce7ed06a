//! The last step of a good execution: an output that is too large is cut, and what was taken out is kept.

use domain::config::Validation;
use domain::cut;
use domain::rest::{Cursor, Rest};
use domain::tokens;
use persistence::outputs;
use serde_json::Value;
use uuid::Uuid;

use super::Run;
use crate::cut::{Cut, CutAt};

/// Places that are told; a cut has more only where an output is a list of long texts.
const MOST_TOLD: usize = 100;

impl Run<'_> {
    /// Cuts the output to `output.max_tokens`. Nothing fails here: the call has been made.
    pub(super) async fn cut(&mut self, output: &mut Value) -> Option<Cut> {
        let rules = &self.tool.config.output;
        let most = rules.max_tokens?;
        let schema = self.tool.output_schema();
        let fits = |value: &Value| match rules.validation {
            Validation::Strict | Validation::Warn => schema.is_valid(value),
            Validation::Off => true,
        };
        let Some(cut) = cut::cut(output, most, schema.source(), &fits) else {
            let whole = tokens::estimate(output);
            if whole > u64::from(most) {
                self.warnings.push(format!(
                    "The output takes about {whole} tokens, more than output.max_tokens ({most}): nothing in it can be \
                     cut so that it still fits output_schema."
                ));
            }
            return None;
        };
        *output = cut.output;
        let mut rests = cut.rests;
        let at = rests.iter().take(MOST_TOLD).map(CutAt::from).collect();
        for pointer in &rules.redact {
            rests.iter_mut().for_each(|rest| rest.redact(pointer));
        }
        let cursor = self.keep(&rests).await;
        let (kept, total) = (cut.kept, cut.total);
        let how = if cursor.is_some() {
            "truncated.cursor leads to the rest for a day, with the tool read_more"
        } else {
            "the rest could not be kept"
        };
        let small = if kept > u64::from(most) {
            " No more can be cut."
        } else {
            ""
        };
        self.warnings.push(format!(
            "The output was cut from about {total} to {kept} tokens (output.max_tokens is {most}): {how}.{small}"
        ));
        self.timeline.mark("cut");
        Some(Cut {
            cursor: cursor.map(|cursor| cursor.to_string()),
            at,
            kept_tokens: kept,
            total_tokens: total,
        })
    }

    /// Keeps what was taken out. The answer is worth more than its rest: a failure is told, not raised.
    async fn keep(&self, rests: &[Rest]) -> Option<Cursor> {
        let id = Uuid::new_v4();
        let (principal, workspace) = (&self.caller.principal, self.caller.workspace_id);
        let kept = async {
            let mut tx = self
                .executor
                .db
                .begin_as(principal, Some(workspace))
                .await?;
            let kept = outputs::keep(&mut tx, workspace, id, self.id, rests).await?;
            tx.commit().await?;
            Ok::<_, persistence::Error>(kept)
        };
        match kept.await {
            Ok(kept) => kept.then(|| Cursor::begin(id)),
            Err(error) => {
                tracing::error!(
                    execution_id = %self.id,
                    error = &error as &dyn std::error::Error,
                    "rest of an output not kept"
                );
                None
            }
        }
    }
}
