//! How the steps of a flow hang together: each once, no circle, and who comes before whom.

use std::collections::{HashMap, HashSet};

use super::templates::{Reference, Templates};
use super::{MAX_EDGES, Step, StepId};
use crate::fault::Fault;
use crate::walk::At;

/// Circles that are told at most.
const MOST_CIRCLES: usize = 10;

/// Steps of a circle that are named at most.
const MOST_NAMED: usize = 20;

/// The steps that are read, each once, in the order of the document.
pub(super) fn each_once(references: &[Reference]) -> Vec<StepId> {
    let mut seen = HashSet::new();
    references
        .iter()
        .filter(|reference| seen.insert(&reference.step))
        .map(|reference| reference.step.clone())
        .collect()
}

/// The steps that no other step needs.
pub(super) fn last(steps: &[Step]) -> Vec<StepId> {
    let needed: HashSet<&StepId> = steps.iter().flat_map(|step| &step.needs).collect();
    steps
        .iter()
        .map(|step| &step.id)
        .filter(|id| !needed.contains(id))
        .cloned()
        .collect()
}

/// Notes too many edges, circles, and compensations that read what may not be done.
pub(super) fn check(
    needs: &[Vec<StepId>],
    undoing: &[(usize, Vec<Reference>)],
    at: &At<'_>,
    templates: &mut Templates<'_>,
) {
    let edges: usize = needs.iter().map(Vec::len).sum();
    if edges > MAX_EDGES {
        let message = format!("the steps need one another {edges} times, at most {MAX_EDGES}");
        let hint = "let a transform gather what many steps read, and let them need it alone";
        templates.faults.advise(at, "too_many_edges", message, hint);
        return;
    }
    let index = |id: &StepId| templates.ids.get(id.as_str()).copied();
    let needs: Vec<Vec<usize>> = needs
        .iter()
        .map(|needs| needs.iter().filter_map(index).collect())
        .collect();
    let names: HashMap<usize, &str> = templates.ids.iter().map(|(id, at)| (*at, *id)).collect();
    let (order, circles) = sorted(&needs);
    for circle in &circles {
        let name = |at: &usize| names.get(at).copied().unwrap_or_default();
        let first = circle.first().copied().unwrap_or_default();
        let message = format!(
            "the steps need one another in a circle: {}",
            told(circle, name)
        );
        let hint = "take away one of these edges: an expression that reads the other step, or its depends_on";
        let at = at.index(first);
        templates.faults.advise(&at, "cycle", message, hint);
    }
    if !circles.is_empty() || undoing.is_empty() {
        return;
    }
    let before = Before::of(&needs, &order);
    let mut found = Vec::new();
    for (step, references) in undoing {
        for reference in references {
            let needed = templates.ids.get(reference.step.as_str());
            if needed.is_some_and(|needed| !before.holds(*step, *needed)) {
                let message = format!("\"{}\" may not be done when this is undone", reference.step);
                let hint = "read only what comes before the step, or name it in \"depends_on\"";
                let fault = Fault::new(&*reference.pointer, "not_an_ancestor", message);
                found.push(fault.hint(hint));
            }
        }
    }
    for fault in found {
        templates.faults.tell(fault);
    }
}

/// `a → b → a`, in the order in which they would run.
fn told<'n>(circle: &[usize], name: impl Fn(&usize) -> &'n str) -> String {
    let mut told: Vec<String> = circle
        .iter()
        .take(MOST_NAMED)
        .map(|at| name(at).to_owned())
        .collect();
    if circle.len() > MOST_NAMED {
        told.push(format!("({} more)", circle.len() - MOST_NAMED));
    }
    told.extend(circle.first().map(|at| name(at).to_owned()));
    told.join(" → ")
}

/// The steps so that each stands behind what it needs, and the circles that forbid it, apart from one
/// another. Loops only: a chain may have ten thousand steps.
fn sorted(needs: &[Vec<usize>]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let mut gone = vec![false; needs.len()];
    let mut order = Vec::with_capacity(needs.len());
    let mut circles = Vec::new();
    loop {
        peel(needs, &mut gone, &mut order);
        let Some(start) = gone.iter().position(|gone| !gone) else {
            break;
        };
        let circle = circle(needs, &gone, start);
        for step in &circle {
            if let Some(gone) = gone.get_mut(*step) {
                *gone = true;
            }
        }
        circles.push(circle);
        if circles.len() >= MOST_CIRCLES {
            break;
        }
    }
    (order, circles)
}

/// Takes away every step whose needs are all gone, until there is none.
fn peel(needs: &[Vec<usize>], gone: &mut [bool], order: &mut Vec<usize>) {
    let mut open: Vec<usize> = vec![0; needs.len()];
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    let is_gone = |gone: &[bool], at: usize| gone.get(at).copied().unwrap_or(true);
    for (step, needs) in needs.iter().enumerate() {
        for need in needs {
            if !is_gone(gone, *need)
                && let (Some(open), Some(by)) = (open.get_mut(step), needed_by.get_mut(*need))
            {
                *open += 1;
                by.push(step);
            }
        }
    }
    let mut ready: Vec<usize> = (0..needs.len())
        .filter(|step| !is_gone(gone, *step) && open.get(*step) == Some(&0))
        .collect();
    while let Some(step) = ready.pop() {
        if let Some(gone) = gone.get_mut(step) {
            *gone = true;
        }
        order.push(step);
        for dependant in needed_by.get(step).into_iter().flatten() {
            if let Some(open) = open.get_mut(*dependant) {
                *open -= 1;
                if *open == 0 && !is_gone(gone, *dependant) {
                    ready.push(*dependant);
                }
            }
        }
    }
}

/// A circle among the steps that are left, each of which needs another that is left. It begins with the
/// step that stands first in the document.
fn circle(needs: &[Vec<usize>], gone: &[bool], start: usize) -> Vec<usize> {
    let mut walked: Vec<usize> = Vec::new();
    let mut place: HashMap<usize, usize> = HashMap::new();
    let mut step = start;
    while place.insert(step, walked.len()).is_none() {
        walked.push(step);
        let left = |need: &&usize| gone.get(**need) == Some(&false);
        match needs.get(step).and_then(|needs| needs.iter().find(left)) {
            Some(next) => step = *next,
            None => return walked,
        }
    }
    let from = walked.iter().position(|at| *at == step).unwrap_or_default();
    let mut circle: Vec<usize> = walked.split_off(from);
    // Walked from a step to what it needs; told the other way.
    circle.reverse();
    let first = circle
        .iter()
        .enumerate()
        .min_by_key(|(_, step)| **step)
        .map_or(0, |(at, _)| at);
    circle.rotate_left(first);
    circle
}

/// Which steps come before a step, at any distance: a bit for each pair.
struct Before(Vec<Vec<u64>>);

impl Before {
    fn of(needs: &[Vec<usize>], order: &[usize]) -> Self {
        let words = needs.len().div_ceil(64);
        let mut before: Vec<Vec<u64>> = vec![Vec::new(); needs.len()];
        for step in order {
            let mut bits = vec![0_u64; words];
            for need in needs.get(*step).into_iter().flatten() {
                for (bit, other) in bits.iter_mut().zip(before.get(*need).into_iter().flatten()) {
                    *bit |= other;
                }
                if let Some(word) = bits.get_mut(need / 64) {
                    *word |= 1 << (need % 64);
                }
            }
            if let Some(place) = before.get_mut(*step) {
                *place = bits;
            }
        }
        Self(before)
    }

    fn holds(&self, step: usize, needed: usize) -> bool {
        let word = self.0.get(step).and_then(|bits| bits.get(needed / 64));
        word.is_some_and(|word| word & (1 << (needed % 64)) != 0)
    }
}
