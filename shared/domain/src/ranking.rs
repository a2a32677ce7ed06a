//! Which of many tools a text is about: a ranking by words that needs no model, no network and no database.
//!
//! A word counts the more, the rarer it is among the tools and the more telling the place where a tool has it: its id, name and
//! title before its tags, those before its description and the names of its inputs (BM25F: Robertson, Zaragoza, "The
//! Probabilistic Relevance Framework: BM25 and Beyond", 2009). Identifiers are taken apart, endings are dropped, and a few verbs
//! that every API uses for the same thing find each other.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

mod words;

use words::{joined, simple, stems, synonyms};

/// Places of a tool's words: names, tags, description, inputs.
const FIELDS: usize = 4;
/// What a word in each place is worth.
const WORTH: [f32; FIELDS] = [2.5, 1.5, 1.4, 0.5];
/// How much a place's length takes from the worth of each of its words (`b` of BM25F).
const BY_LENGTH: [f32; FIELDS] = [0.75, 0.3, 0.75, 0.75];
/// How soon more of the same word adds nothing (`k1`).
const SATURATION: f32 = 2.0;
/// What a word is worth that only means the same as the one looked for.
const SYNONYM: f32 = 0.4;
/// What two words are worth that were written as one, or one as two.
const JOINED: f32 = 0.8;
/// Words of a text that are looked for; the rest of a longer text is passed over.
const MAX_WANTED: usize = 200;
/// Bytes of a description that are read.
const MAX_DESCRIPTION: usize = 4_000;
/// Inputs of a tool that are read.
const MAX_INPUTS: usize = 100;

/// The words of one tool, counted once per version of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words {
    counts: BTreeMap<Box<str>, [f32; FIELDS]>,
    lengths: [f32; FIELDS],
}

impl Words {
    /// The words of a tool: its id, name and title; its tags; its description; the names of its inputs.
    pub fn of<'t>(
        names: impl IntoIterator<Item = &'t str>,
        tags: impl IntoIterator<Item = &'t str>,
        description: &str,
        input_schema: &Value,
    ) -> Self {
        let mut words = Self::default();
        for name in names {
            let parts: Vec<String> = simple(name).collect();
            for stem in stems(&parts).chain(joined(&parts)) {
                // An id that repeats the name says nothing twice.
                words.counts.entry(stem).or_default()[0] = 1.0;
            }
        }
        for tag in tags {
            words.add(1, tag);
        }
        let end = description.floor_char_boundary(MAX_DESCRIPTION);
        words.add(2, &description[..end]);
        let inputs = input_schema.get("properties").and_then(Value::as_object);
        for name in inputs.into_iter().flatten().take(MAX_INPUTS) {
            words.add(3, name.0);
        }
        words.lengths[0] = words.counts.values().map(|counts| counts[0]).sum();
        words
    }

    fn add(&mut self, field: usize, text: &str) {
        let parts: Vec<String> = simple(text).collect();
        for stem in stems(&parts) {
            self.counts.entry(stem).or_default()[field] += 1.0;
            self.lengths[field] += 1.0;
        }
    }
}

/// The words of many tools, by word.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// For each word, who has it and what that is worth.
    holders: HashMap<Box<str>, Vec<(u32, f32)>>,
}

/// A tool that has words of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The tool's place in the list that the index was made of.
    pub position: usize,
    /// How well it fits; comparable within one search only.
    pub score: f32,
}

impl Index {
    /// An index of these tools; a [`Hit`] names them by their place in this list.
    pub fn new<'w>(tools: impl IntoIterator<Item = &'w Words>) -> Self {
        let tools: Vec<&Words> = tools.into_iter().collect();
        let count = tools.len() as f32;
        let usual: [f32; FIELDS] = std::array::from_fn(|field| {
            let all: f32 = tools.iter().map(|tool| tool.lengths[field]).sum();
            (all / count.max(1.0)).max(1.0)
        });
        let mut holders: HashMap<Box<str>, Vec<(u32, f32)>> = HashMap::new();
        for (position, tool) in tools.iter().enumerate() {
            for (word, counts) in &tool.counts {
                let worth = worth(counts, &tool.lengths, &usual);
                let entry = (u32::try_from(position).unwrap_or(u32::MAX), worth);
                match holders.get_mut(word) {
                    Some(holders) => holders.push(entry),
                    None => {
                        holders.insert(word.clone(), vec![entry]);
                    }
                }
            }
        }
        for holders in holders.values_mut() {
            let having = holders.len() as f32;
            let rarity = (1.0 + (count - having + 0.5) / (having + 0.5)).ln();
            for (_, worth) in holders.iter_mut() {
                *worth *= rarity;
            }
        }
        Self { holders }
    }

    /// The tools that have words of the text, best first; equally good ones in the order of the list.
    pub fn search(&self, text: &str) -> Vec<Hit> {
        let mut scores: BTreeMap<u32, f32> = BTreeMap::new();
        for (word, factor) in wanted(text) {
            for (position, worth) in self.holders.get(&word).into_iter().flatten() {
                *scores.entry(*position).or_default() += factor * worth;
            }
        }
        let mut hits: Vec<Hit> = scores
            .into_iter()
            .map(|(position, score)| Hit {
                position: position as usize,
                score,
            })
            .collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        hits
    }
}

/// What having a word this often is worth, before its rarity.
fn worth(counts: &[f32; FIELDS], lengths: &[f32; FIELDS], usual: &[f32; FIELDS]) -> f32 {
    let mut sum = 0.0;
    for field in 0..FIELDS {
        let longer = 1.0 - BY_LENGTH[field] + BY_LENGTH[field] * lengths[field] / usual[field];
        sum += WORTH[field] * counts[field] / longer.max(f32::MIN_POSITIVE);
    }
    sum / (SATURATION + sum)
}

/// The words to look for, each with what finding it is worth.
fn wanted(text: &str) -> BTreeMap<Box<str>, f32> {
    let parts: Vec<String> = simple(text)
        .filter(|word| !words::is_filler(word))
        .take(MAX_WANTED)
        .collect();
    let mut wanted: BTreeMap<Box<str>, f32> = stems(&parts).map(|stem| (stem, 1.0)).collect();
    for stem in joined(&parts) {
        wanted.entry(stem).or_insert(JOINED);
    }
    let same: Vec<&str> = wanted
        .iter()
        .filter(|(_, factor)| **factor >= 1.0)
        .flat_map(|(stem, _)| synonyms(stem))
        .collect();
    for stem in same {
        wanted.entry(stem.into()).or_insert(SYNONYM);
    }
    wanted
}

#[cfg(test)]
mod tests;
