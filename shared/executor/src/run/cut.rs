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
    /// Cuts the output to the tool's `output.max_tokens`, and to what its caller takes at once unless others will be given
    /// the same answer.
    pub(super) async fn cut(&mut self, output: &mut Value) -> Option<Cut> {
        let own = self.tool.config.output.max_tokens;
        let asked = self.options.max_output_tokens;
        let asked = asked.filter(|_| self.admission.key.is_none());
        let most = own.into_iter().chain(asked).min()?;
        self.cut_to(most, output).await
    }

    /// Cuts an answer that is kept for others too to what this caller takes at once.
    pub(super) async fn cut_for_caller(&mut self, output: &mut Value, cut: &mut Option<Cut>) {
        let Some(most) = self.options.max_output_tokens else {
            return;
        };
        if tokens::estimate(output) <= u64::from(most) {
            return;
        }
        let Some(further) = self.cut_to(most, output).await else {
            return;
        };
        if let Some(earlier) = cut.replace(further).and_then(|earlier| earlier.cursor) {
            self.warnings.push(format!(
                "It had been cut before: read_more with the cursor {earlier} reads what was taken out then."
            ));
        }
    }

    /// Nothing fails here: the call has been made.
    async fn cut_to(&mut self, most: u32, output: &mut Value) -> Option<Cut> {
        let rules = &self.tool.config.output;
        let schema = self.tool.output_schema();
        let fits = |value: &Value| match rules.validation {
            Validation::Strict | Validation::Warn => schema.is_valid(value),
            Validation::Off => true,
        };
        let Some(cut) = cut::cut(output, most, schema.source(), &fits) else {
            let whole = tokens::estimate(output);
            if whole > u64::from(most) {
                self.warnings.push(format!(
                    "The output takes about {whole} tokens, more than the {most} that are given at once: nothing in it can be \
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
            "The output was cut from about {total} to {kept} tokens ({most} are given at once): {how}.{small}"
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
