//! What runs of the agent loop took: tokens, and what they cost.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::price::NanoUsd;
use persistence::analytics::{ModelTokens, Span};
use serde::Serialize;
use utoipa::ToSchema;

use crate::span::lines;

/// The columns of [`TokensView`] in CSV.
pub(crate) const COLUMNS: &str = ",runs,input_tokens,cached_input_tokens,output_tokens,reasoning_tokens,total_tokens,unpriced_runs,cost_usd";

/// Tokens of runs of the agent loop, and their cost.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct TokensView {
    /// Runs.
    #[schema(example = 61)]
    runs: i64,
    /// Tokens that were sent.
    #[schema(example = 412_330)]
    input_tokens: i64,
    /// Of these, such as came from the provider's cache.
    #[schema(example = 180_224)]
    cached_input_tokens: i64,
    /// Tokens that were answered.
    #[schema(example = 30_118)]
    output_tokens: i64,
    /// Of these, such as were reasoning.
    #[schema(example = 9_410)]
    reasoning_tokens: i64,
    /// All.
    #[schema(example = 442_448)]
    total_tokens: i64,
    /// Of the runs, such as used tokens without a price: their model had none, or the workspace's own model server answered.
    #[schema(example = 0)]
    unpriced_runs: i64,
    /// What the others cost, in US dollars, exactly; a decimal number as a text. Absent when no run had a price.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0.6138405")]
    cost_usd: Option<String>,
    #[serde(skip)]
    cost: i64,
}

impl TokensView {
    fn add(&mut self, row: &ModelTokens) {
        let sums = [
            (&mut self.runs, row.runs),
            (&mut self.input_tokens, row.input_tokens),
            (&mut self.cached_input_tokens, row.cached_input_tokens),
            (&mut self.output_tokens, row.output_tokens),
            (&mut self.reasoning_tokens, row.reasoning_tokens),
            (&mut self.total_tokens, row.total_tokens),
            (&mut self.unpriced_runs, row.unpriced_runs),
            (&mut self.cost, row.cost_nano_usd),
        ];
        for (sum, more) in sums {
            *sum = sum.saturating_add(more.unwrap_or_default());
        }
    }

    /// With its cost told. Nothing costs nothing; what has no price costs nobody knows what, also beside runs that failed before
    /// their first token.
    fn told(mut self) -> Self {
        let priced = self.cost > 0 || self.unpriced_runs == 0;
        self.cost_usd = priced.then(|| NanoUsd(self.cost).to_string());
        self
    }

    /// As [`COLUMNS`].
    fn cells(&self) -> String {
        format!(
            ",{},{},{},{},{},{},{},{}",
            self.runs,
            self.input_tokens,
            self.cached_input_tokens,
            self.output_tokens,
            self.reasoning_tokens,
            self.total_tokens,
            self.unpriced_runs,
            self.cost_usd.as_deref().unwrap_or_default(),
        )
    }
}

/// Tokens of one model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelTokensView {
    /// Which model.
    #[schema(example = "gpt-5.1")]
    model: String,
    #[serde(flatten)]
    tokens: TokensView,
}

/// Tokens of one hour or day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokensLineView {
    /// When it began, in UTC.
    at: DateTime<Utc>,
    #[serde(flatten)]
    tokens: TokensView,
}

/// Tokens in all, by model, and by the hour or day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AllTokensView {
    #[serde(flatten)]
    tokens: TokensView,
    /// Models of which runs have no price: `cost_usd` is without them.
    unpriced: Vec<String>,
    /// By model, the one with the most first.
    models: Vec<ModelTokensView>,
    /// Each hour or day, also those without runs.
    series: Vec<TokensLineView>,
}

impl AllTokensView {
    /// Adds the rows up.
    pub(crate) fn new(span: &Span, rows: &[ModelTokens]) -> Self {
        let mut all = TokensView::default();
        let mut models: BTreeMap<&str, TokensView> = BTreeMap::new();
        let mut unpriced = BTreeSet::new();
        for row in rows {
            all.add(row);
            models.entry(&row.model).or_default().add(row);
            if row.unpriced_runs > Some(0) {
                unpriced.insert(row.model.clone());
            }
        }
        let mut models: Vec<ModelTokensView> = models
            .into_iter()
            .map(|(model, tokens)| ModelTokensView {
                model: model.to_owned(),
                tokens: tokens.told(),
            })
            .collect();
        models.sort_by_key(|model| std::cmp::Reverse(model.tokens.total_tokens));
        Self {
            tokens: all.told(),
            unpriced: unpriced.into_iter().collect(),
            models,
            series: series(span, rows),
        }
    }

    /// Each hour's or day's, as [`COLUMNS`].
    pub(crate) fn csv(&self) -> Vec<String> {
        let lines = self.series.iter();
        lines.map(|line| line.tokens.cells()).collect()
    }
}

fn series(span: &Span, rows: &[ModelTokens]) -> Vec<TokensLineView> {
    let mut by_time: BTreeMap<DateTime<Utc>, TokensView> = BTreeMap::new();
    for row in rows {
        by_time.entry(row.at).or_default().add(row);
    }
    let lines = lines(span).map(|at| TokensLineView {
        at,
        tokens: by_time.remove(&at).unwrap_or_default().told(),
    });
    lines.collect()
}
