//! How well the few tools that a model gets fit its prompt, and what choosing them takes and saves.
//!
//! `cargo bench --workspace --bench offer -- DIRECTORY` with a directory of `OpenAPI` and Swagger descriptions. Queries are the
//! hand-written ones beside this file and those that simple rules make of each operation's summary.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a command that prints figures, and ends where its data is not as it expects"
)]

use std::env;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use orchestrator::offer::{Offer, OfferRules};
use registry::Catalog;

#[path = "offer/descriptions.rs"]
mod descriptions;

use descriptions::Operation;

/// What people ask, and which operations would do it.
const BY_HAND: &str = include_str!("offer/queries.tsv");

const BUDGETS: [u64; 7] = [2_000, 4_000, 6_000, 8_000, 12_000, 16_000, 1_000_000];

/// `MODEL_TOOL_TOKENS` of who sets nothing.
const USUAL_BUDGET: u64 = 8_000;

const MATCHES: [usize; 6] = [5, 10, 15, 20, 30, 60];

const SIZES: [usize; 3] = [10, 100, 1_000];

/// Prompts that each size is timed with.
const PROMPTS: usize = 500;

/// A text and the tools that answer it.
type Query = (String, Vec<String>);

fn main() {
    let Some(directory) = env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'))
    else {
        println!("skipped: no directory of API descriptions was named");
        return;
    };
    let operations = descriptions::read(Path::new(&directory));
    let ids: Vec<(String, String)> = operations
        .iter()
        .map(|it| (it.name.clone(), it.tool.id.to_string()))
        .collect();
    let sets = queries(&operations, &ids);
    let catalog = catalog(operations);
    println!(
        "{} tools of {} operations",
        catalog.tools().len(),
        ids.len()
    );
    first_use(&catalog);
    ranking(&catalog, &sets);
    matches(&catalog, &sets);
    budgets(&catalog, &sets);
    sizes(Path::new(&directory), &sets);
}

fn catalog(operations: Vec<Operation>) -> Arc<Catalog> {
    Arc::new(Catalog::new(1, operations.into_iter().map(|it| it.tool)))
}

/// What the first run after a change of every tool pays.
fn first_use(catalog: &Arc<Catalog>) {
    let started = Instant::now();
    let tokens: u64 = catalog
        .tools()
        .filter_map(|tool| tool.function().ok())
        .map(|function| function.tokens)
        .sum();
    let took = started.elapsed();
    let each = took / u32::try_from(catalog.tools().len().max(1)).unwrap_or(u32::MAX);
    println!("definitions made: {took:?}, {each:?} each; all of them: {tokens} tokens");
    let strict = catalog.tools().filter(|tool| {
        let function = tool.function();
        function.is_ok_and(|function| function.definition.not_strict().is_none())
    });
    println!("strict: {}", strict.count());
    let started = Instant::now();
    catalog.ranked("anything");
    println!("words counted and indexed: {:?}", started.elapsed());
}

fn ranking(catalog: &Catalog, sets: &[(&str, Vec<Query>)]) {
    println!("\nranking alone: right tool among the first 1, 5, 10, 20; time of one search");
    for (name, queries) in sets {
        let started = Instant::now();
        let ranks: Vec<usize> = queries
            .iter()
            .map(|(text, expected)| {
                let ranked = catalog.ranked(text);
                let place = ranked
                    .iter()
                    .position(|tool| expected.iter().any(|id| id == tool.id.as_str()));
                place.unwrap_or(usize::MAX)
            })
            .collect();
        let each = started.elapsed() / u32::try_from(queries.len().max(1)).unwrap_or(u32::MAX);
        let share = |most: usize| {
            share(
                ranks.iter().filter(|rank| **rank < most).count(),
                ranks.len(),
            )
        };
        println!(
            "{name:26} n={:4}  {:5.1} {:5.1} {:5.1} {:5.1} %  {each:?}",
            queries.len(),
            share(1),
            share(5),
            share(10),
            share(20)
        );
        let lost = queries.iter().zip(&ranks).filter(|(_, rank)| **rank >= 20);
        for ((text, _), _) in lost.filter(|_| *name == "by hand") {
            println!("    not among the first 20: {text}");
        }
    }
}

/// What the first so many of each ranking would take, whatever the budget.
fn matches(catalog: &Catalog, sets: &[(&str, Vec<Query>)]) {
    println!("\nthe first matches alone: how many; right tool among them; their tokens");
    for (name, queries) in sets {
        for count in MATCHES {
            let (mut given, mut tokens) = (0, 0);
            for (text, expected) in queries {
                let ranked = catalog.ranked(text);
                let first = &ranked[..count.min(ranked.len())];
                let wanted = |id: &str| expected.iter().any(|known| known == id);
                given += usize::from(first.iter().any(|tool| wanted(tool.id.as_str())));
                let each = first.iter().filter_map(|tool| tool.function().ok());
                tokens += each.map(|function| function.tokens).sum::<u64>();
            }
            let all = queries.len().max(1);
            let (share, tokens) = (share(given, all), tokens / all as u64);
            println!("{name:26} {count:3}  {share:5.1} %  {tokens:6} tokens");
        }
    }
}

/// What offers and searches take with few tools and with many.
fn sizes(directory: &Path, sets: &[(&str, Vec<Query>)]) {
    println!("\nsizes: tools; first offer after a change of all; later offers; searches");
    let prompts: Vec<&str> = sets
        .iter()
        .flat_map(|(_, queries)| queries.iter().map(|(text, _)| text.as_str()))
        .take(PROMPTS)
        .collect();
    for count in SIZES {
        let mut operations = descriptions::read(directory);
        operations.truncate(count);
        let catalog = catalog(operations);
        let rules = OfferRules {
            max_tokens: USUAL_BUDGET,
        };
        let offer =
            |prompt: &str| Offer::new(&catalog, None, prompt, &rules).expect("no tool is named");
        let started = Instant::now();
        let first = offer("Which tools are there?");
        let cold = started.elapsed();
        let each = |work: &mut dyn FnMut(&str)| {
            let started = Instant::now();
            for prompt in &prompts {
                work(prompt);
            }
            started.elapsed() / u32::try_from(prompts.len().max(1)).unwrap_or(u32::MAX)
        };
        let warm = each(&mut |prompt| {
            black_box(offer(prompt));
        });
        let searched = each(&mut |prompt| {
            let arguments = serde_json::json!({ "query": prompt, "limit": null }).to_string();
            black_box(first.resolve("search_tools", &arguments));
        });
        let searches = first
            .definitions()
            .iter()
            .any(|it| it["name"] == "search_tools");
        let searched = searches.then_some(searched);
        println!("{count:6}  {cold:?}  {warm:?}  {searched:?}");
    }
}

fn budgets(catalog: &Arc<Catalog>, sets: &[(&str, Vec<Query>)]) {
    println!(
        "\noffers: budget; right tool given at once; tokens and functions sent; time of one offer"
    );
    for (name, queries) in sets {
        for max_tokens in BUDGETS {
            let rules = OfferRules { max_tokens };
            let (mut given, mut tokens, mut functions) = (0, 0, 0);
            let started = Instant::now();
            for (text, expected) in queries {
                let offer = Offer::new(catalog, None, text, &rules).expect("no tool is named");
                let named = |definition: &serde_json::Value| {
                    expected.iter().any(|id| definition["name"] == id.as_str())
                };
                given += usize::from(offer.definitions().iter().any(named));
                tokens += offer.tokens();
                functions += offer.definitions().len();
            }
            let each = started.elapsed() / u32::try_from(queries.len().max(1)).unwrap_or(u32::MAX);
            let count = queries.len().max(1);
            println!(
                "{name:26} {max_tokens:8}  {:5.1} %  {:6} tokens  {:3} functions  {each:?}",
                share(given, count),
                tokens / count as u64,
                functions / count
            );
        }
    }
}

fn share(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

/// The hand-written queries, and three that are made of each summary of three words or more.
fn queries(operations: &[Operation], ids: &[(String, String)]) -> Vec<(&'static str, Vec<Query>)> {
    let id = |name: &str| {
        ids.iter()
            .find(|(known, _)| known == name)
            .map(|(_, id)| id.clone())
    };
    let by_hand = BY_HAND.lines().filter_map(|line| {
        let (text, names) = line.split_once('\t')?;
        let expected: Vec<String> = names.split('|').filter_map(&id).collect();
        assert!(!expected.is_empty(), "no operation {names}");
        Some((text.to_owned(), expected))
    });
    let made = |rule: fn(&str) -> String| -> Vec<Query> {
        let told = operations
            .iter()
            .filter(|it| it.summary.split_whitespace().count() >= 3);
        told.map(|it| {
            let api = it.name.split(' ').next().unwrap_or_default();
            (
                format!("{} in {api}", rule(&it.summary)),
                vec![it.tool.id.to_string()],
            )
        })
        .collect()
    };
    vec![
        ("by hand", by_hand.collect()),
        (
            "summary, politely",
            made(|summary| format!("Please {} for me", summary.to_lowercase())),
        ),
        ("summary, other verb", made(other_verb)),
        ("summary, a third lost", made(thinned)),
    ]
}

/// The verbs of APIs as people say them.
fn other_verb(summary: &str) -> String {
    let words = summary
        .split_whitespace()
        .map(|word| match word.to_lowercase().as_str() {
            "get" | "gets" => "show me".to_owned(),
            "create" | "creates" => "make a new".to_owned(),
            "delete" | "deletes" => "get rid of".to_owned(),
            "update" | "updates" => "change".to_owned(),
            "list" | "lists" => "what are all the".to_owned(),
            "add" | "adds" => "put in".to_owned(),
            "remove" | "removes" => "take out".to_owned(),
            _ => word.to_owned(),
        });
    words.collect::<Vec<_>>().join(" ")
}

/// Without the first word and every third one after it.
fn thinned(summary: &str) -> String {
    let words = summary
        .split_whitespace()
        .enumerate()
        .filter(|(place, _)| place % 3 != 0);
    words.map(|(_, word)| word).collect::<Vec<_>>().join(" ")
}
