//! Draws a flow as a Mermaid flowchart.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Action, Flow, Step, Wait};

/// Characters of a label at most.
const MOST_LABEL: usize = 60;

/// How the states of steps look.
const STATES: [(&str, &str); 9] = [
    ("waiting", "fill:#f4f4f5,stroke:#a1a1aa,color:#3f3f46"),
    ("ready", "fill:#e0f2fe,stroke:#0284c7,color:#0c4a6e"),
    ("running", "fill:#bfdbfe,stroke:#2563eb,color:#1e3a8a"),
    ("succeeded", "fill:#dcfce7,stroke:#16a34a,color:#14532d"),
    ("failed", "fill:#fee2e2,stroke:#dc2626,color:#7f1d1d"),
    (
        "skipped",
        "fill:#fafafa,stroke:#d4d4d8,color:#71717a,stroke-dasharray:4",
    ),
    (
        "cancelled",
        "fill:#f5f5f4,stroke:#78716c,color:#44403c,stroke-dasharray:4",
    ),
    ("unknown", "fill:#fef3c7,stroke:#d97706,color:#78350f"),
    ("compensated", "fill:#ede9fe,stroke:#7c3aed,color:#4c1d95"),
];

/// A flow as a Mermaid flowchart, the same for the same flow; with the steps' states, each has its colours.
///
/// A tool is a rectangle, a transform a hexagon, a sub-flow a rectangle with double sides, a wait is round.
/// Labels are escaped: nothing in a name is read as Mermaid or HTML.
pub fn mermaid(flow: &Flow, states: Option<&BTreeMap<String, String>>) -> String {
    let mut drawn = String::from("flowchart TD\n");
    for (index, step) in flow.steps.iter().enumerate() {
        let (open, close) = shape(&step.action);
        let _ = writeln!(drawn, "  s{index}{open}\"{}\"{close}", label(step));
    }
    for (index, step) in flow.steps.iter().enumerate() {
        for need in &step.needs {
            if let Some(from) = flow.index.get(need) {
                let _ = writeln!(drawn, "  s{from} --> s{index}");
            }
        }
    }
    if let Some(states) = states {
        colour(flow, states, &mut drawn);
    }
    drawn
}

const fn shape(action: &Action) -> (&'static str, &'static str) {
    match action {
        Action::Tool { .. } => ("[", "]"),
        Action::Transform(_) => ("{{", "}}"),
        Action::Flow { .. } => ("[[", "]]"),
        Action::Wait(_) => ("([", "])"),
    }
}

fn label(step: &Step) -> String {
    let mut label = escaped(step.name.as_deref().unwrap_or(step.id.as_str()));
    let what = match &step.action {
        Action::Tool { tool, .. } => tool.as_str(),
        Action::Flow { flow, .. } => flow.as_str(),
        Action::Transform(_) => "",
        Action::Wait(Wait::Duration(_)) => "wait",
        Action::Wait(Wait::Signal { about, .. } | Wait::Approval { about }) => about,
    };
    if !what.is_empty() {
        label.push_str("<br/>");
        label.push_str(&escaped(what));
    }
    if step.for_each.is_some() {
        label.push_str("<br/>for each");
    }
    label
}

/// Letters, digits and a few harmless signs as they are, everything else by its number. A dot or a dash before a
/// space is not harmless: it makes a list of the label.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut chars = text.chars().enumerate().peekable();
    while let Some((index, c)) = chars.next() {
        if index == MOST_LABEL {
            escaped.push('…');
            break;
        }
        let before_word = chars.peek().is_none_or(|(_, next)| !next.is_whitespace());
        match c {
            c if c.is_alphanumeric() => escaped.push(c),
            ' ' | '_' | ',' => escaped.push(c),
            '.' | '-' if before_word => escaped.push(c),
            c if c.is_whitespace() || c.is_control() => escaped.push(' '),
            c => {
                let _ = write!(escaped, "#{};", u32::from(c));
            }
        }
    }
    escaped
}

fn colour(flow: &Flow, states: &BTreeMap<String, String>, drawn: &mut String) {
    for (state, look) in STATES {
        let steps: Vec<String> = flow
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| states.get(step.id.as_str()).is_some_and(|now| now == state))
            .map(|(index, _)| format!("s{index}"))
            .collect();
        if !steps.is_empty() {
            let _ = writeln!(drawn, "  classDef {state} {look}");
            let _ = writeln!(drawn, "  class {} {state}", steps.join(","));
        }
    }
}
