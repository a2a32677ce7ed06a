//! An output that is too large for a model, cut so that it still fits its schema. Pure.
//!
//! Arrays are shortened at their end first, the largest most; when that is not enough, also long texts; then members
//! that the schema does not name are left out; last, arrays and texts are emptied as far as the schema lets. Required and
//! named members, and texts of a pattern, a format or an enum stay as they are.
//!
//! Nothing ever fails here, since the call behind the output has been made. What cannot be cut below the budget is as
//! small as it gets; what cannot be cut so that it still fits the schema stays whole.

mod limits;

use std::cell::Cell;

use serde_json::{Map, Value};

use crate::rest::{Left, Rest};
use crate::steps::{self, Step};
use crate::tokens::{self, BRACKETS, ELEMENT, weigh, weigh_byte, weigh_name, weigh_text};
use limits::Here;

/// Characters of a text that stay unless nothing else is left to cut: what is shorter is no long text.
const SHORT: usize = 200;
/// Places that are tried one by one when a cut breaks the schema in a way that its limits do not show.
const MOST_TRIED: usize = 16;
/// How much is looked at to find those places, in weight: about 100 MB of JSON.
const MOST_LOOKED_AT: u64 = 300_000_000;

/// An output with what was taken out of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    /// What stayed.
    pub output: Value,
    /// What was taken out, in the order of the document.
    pub rests: Vec<Rest>,
    /// Estimated tokens of what stayed.
    pub kept: u64,
    /// Estimated tokens of the whole.
    pub total: u64,
}

/// How much may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Depth {
    /// Arrays, down to one element.
    Arrays,
    /// Long texts as well.
    Texts,
    /// Also members that the schema does not name.
    Members,
    /// As much as the schema lets.
    All,
}

const DEPTHS: [Depth; 4] = [Depth::Arrays, Depth::Texts, Depth::Members, Depth::All];

/// The output in about `max_tokens`; `None` when it takes no more, or when nothing in it can be cut. `fits` says
/// whether a value fits the schema; it is not asked when the whole does not fit either.
pub fn cut(
    output: &Value,
    max_tokens: u32,
    schema: &Value,
    fits: &dyn Fn(&Value) -> bool,
) -> Option<Cut> {
    let (whole, budget) = (weigh(output), tokens::weight(max_tokens.into()));
    if whole <= budget {
        return None;
    }
    let here = Here::new(schema);
    let looks = Cell::new(MOST_LOOKED_AT / whole);
    let must_fit = fits(output);
    let mut fixed = Vec::new();
    loop {
        let mut cutter = Cutter {
            fixed: &fixed,
            depth: Depth::Arrays,
            way: Vec::new(),
            rests: Vec::new(),
        };
        for depth in DEPTHS {
            cutter.depth = depth;
            if cutter.floor(output, &here) <= budget {
                break;
            }
        }
        let kept = cutter.fit(output, &here, budget);
        let rests = cutter.rests;
        if rests.is_empty() {
            return None;
        }
        if !must_fit || fits(&kept) {
            return Some(Cut {
                kept: tokens::tokens(weigh(&kept)),
                total: tokens::tokens(whole),
                rests: rests.into_iter().map(|(_, rest)| rest).collect(),
                output: kept,
            });
        }
        // Which of them does it? Those stay whole from now on; when none does alone, the first.
        let before = fixed.len();
        let breaks = |(way, rest): &&(Vec<Step>, Rest)| {
            looks.set(looks.get().saturating_sub(1));
            looks.get() > 0 && !fits(&without(output, way, rest))
        };
        let broken = rests.iter().take(MOST_TRIED).filter(breaks);
        let broken: Vec<_> = broken.map(|(way, _)| way.clone()).collect();
        fixed.extend(broken);
        if fixed.len() == before {
            fixed.extend(rests.into_iter().map(|(way, _)| way).take(1));
        }
        if fixed.len() > MOST_TRIED || looks.get() == 0 {
            return None;
        }
    }
}

/// The output with one rest taken out.
fn without(output: &Value, way: &[Step], rest: &Rest) -> Value {
    let mut output = output.clone();
    match (steps::at_mut(&mut output, way), &rest.left) {
        (Some(Value::Array(items)), Left::Items(left)) => {
            items.truncate(items.len().saturating_sub(left.len()));
        }
        (Some(Value::String(text)), Left::Text(left)) => {
            text.truncate(text.len().saturating_sub(left.len()));
        }
        (Some(Value::Object(members)), Left::Members(left)) => {
            members.retain(|name, _| !left.contains_key(name));
        }
        (_, Left::Items(_) | Left::Text(_) | Left::Members(_)) => {}
    }
    output
}

struct Cutter<'f> {
    /// Places that are not shortened.
    fixed: &'f [Vec<Step>],
    depth: Depth,
    /// To where one stands.
    way: Vec<Step>,
    rests: Vec<(Vec<Step>, Rest)>,
}

/// A part of an array or object.
struct Child<'v, 's> {
    step: Step,
    value: &'v Value,
    here: Here<'s>,
    /// What it weighs besides its value.
    frame: u64,
    /// Whether it must stay.
    stays: bool,
}

impl Cutter<'_> {
    fn is_fixed(&self) -> bool {
        self.fixed.contains(&self.way)
    }

    /// Elements that must stay.
    fn least_items(&self, here: &Here<'_>) -> usize {
        if self.is_fixed() {
            return usize::MAX;
        }
        here.min_items().max(usize::from(self.depth < Depth::All))
    }

    /// Characters that must stay.
    fn least_length(&self, here: &Here<'_>) -> usize {
        if self.is_fixed() || self.depth < Depth::Texts {
            return usize::MAX;
        }
        let short = if self.depth < Depth::All { SHORT } else { 0 };
        here.min_length().max(short)
    }

    /// What the value weighs at least.
    fn floor(&mut self, value: &Value, here: &Here<'_>) -> u64 {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => weigh(value),
            Value::String(text) => {
                let kept = text
                    .chars()
                    .take(self.least_length(here))
                    .map(char::len_utf8);
                weigh_text(&text[..kept.sum::<usize>()])
            }
            Value::Array(_) | Value::Object(_) => {
                let mut floor = BRACKETS;
                for child in self.children(value, here, false) {
                    floor += child.frame + self.inside(&child, Self::floor);
                }
                floor
            }
        }
    }

    /// Does something with a child, standing there.
    fn inside<T>(
        &mut self,
        child: &Child<'_, '_>,
        act: impl FnOnce(&mut Self, &Value, &Here<'_>) -> T,
    ) -> T {
        self.way.push(child.step.clone());
        let done = act(self, child.value, &child.here);
        self.way.pop();
        done
    }

    /// The parts of an array or object: all, or only those that must stay.
    fn children<'v, 's>(&self, value: &'v Value, here: &Here<'s>, all: bool) -> Vec<Child<'v, 's>> {
        match value {
            Value::Array(items) => {
                let least = self.least_items(here);
                let shared = (!here.is_tuple()).then(|| here.element(0));
                let child = |(index, value)| Child {
                    step: Step::Element(index),
                    value,
                    here: shared.clone().unwrap_or_else(|| here.element(index)),
                    frame: ELEMENT,
                    stays: index < least,
                };
                let count = if all { items.len() } else { least };
                items.iter().enumerate().take(count).map(child).collect()
            }
            Value::Object(members) => {
                let whole = self.depth < Depth::Members || self.is_fixed();
                let mut least = if whole {
                    usize::MAX
                } else {
                    here.min_members()
                };
                let child = |(name, value): (&String, &'v Value)| {
                    let stays = whole || least > 0 || here.names(name);
                    least = least.saturating_sub(1);
                    Child {
                        step: Step::Member(name.clone()),
                        value,
                        here: here.member(name),
                        frame: weigh_name(name),
                        stays,
                    }
                };
                let children = members.iter().map(child);
                children.filter(|child| all || child.stays).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        }
    }

    /// The value within the budget, or as small as it gets.
    fn fit(&mut self, value: &Value, here: &Here<'_>, budget: u64) -> Value {
        if weigh(value) <= budget {
            return value.clone();
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
            Value::String(text) => self.fit_text(text, here, budget),
            Value::Array(_) | Value::Object(_) => self.fit_parts(value, here, budget),
        }
    }

    fn fit_text(&mut self, text: &str, here: &Here<'_>, budget: u64) -> Value {
        let least = self.least_length(here);
        let (mut end, mut kept, mut weight) = (0, 0, weigh_text(""));
        for c in text.chars() {
            let bytes = text[end..end + c.len_utf8()].bytes();
            weight += bytes.map(weigh_byte).sum::<u64>();
            if weight > budget && kept >= least {
                break;
            }
            end += c.len_utf8();
            kept += 1;
        }
        let left = &text[end..];
        if !left.is_empty() {
            self.took(kept, Left::Text(left.to_owned()));
        }
        Value::String(text[..end].to_owned())
    }

    fn fit_parts(&mut self, value: &Value, here: &Here<'_>, budget: u64) -> Value {
        let children = self.children(value, here, true);
        let weights: Vec<u64> = children
            .iter()
            .map(|child| child.frame + weigh(child.value))
            .collect();
        let stays = |(child, _): &(&Child<'_, '_>, &u64)| child.stays;
        let both = || children.iter().zip(&weights);
        let mut room = budget.saturating_sub(BRACKETS);
        let must: u64 = both().filter(stays).map(|(_, weight)| weight).sum();
        if must > room {
            return self.shrink(value, &children, room);
        }
        room -= must;
        // What stays fits whole; of the others as many as fit, from the beginning.
        let mut full = false;
        let kept = both().map(|(child, weight)| {
            if child.stays {
                return true;
            }
            full |= *weight > room;
            if !full {
                room -= weight;
            }
            !full
        });
        let kept: Vec<bool> = kept.collect();
        self.part(value, &kept, |_, index| children[index].value.clone())
    }

    /// What must stay does not fit whole: the others go, and the heavy ones shrink to one weight.
    fn shrink(&mut self, value: &Value, children: &[Child<'_, '_>], room: u64) -> Value {
        let mut bounds = Vec::with_capacity(children.len());
        for child in children.iter().filter(|child| child.stays) {
            let floor = self.inside(child, Self::floor);
            bounds.push((child.frame, floor, weigh(child.value)));
        }
        let level = level(&bounds, room);
        let kept: Vec<bool> = children.iter().map(|child| child.stays).collect();
        self.part(value, &kept, |cutter, index| {
            cutter.inside(&children[index], |cutter, value, here| {
                cutter.fit(value, here, level)
            })
        })
    }

    /// The value with these of its parts; the others are noted as taken out.
    fn part(
        &mut self,
        value: &Value,
        kept: &[bool],
        mut make: impl FnMut(&mut Self, usize) -> Value,
    ) -> Value {
        let count = kept.iter().filter(|kept| **kept).count();
        match value {
            Value::Array(items) => {
                let made = (0..count).map(|index| make(self, index)).collect();
                if count < items.len() {
                    self.took(count, Left::Items(items[count..].to_vec()));
                }
                Value::Array(made)
            }
            Value::Object(members) => {
                let (mut made, mut left) = (Map::new(), Map::new());
                for (index, (name, value)) in members.iter().enumerate() {
                    if kept.get(index).copied().unwrap_or(true) {
                        made.insert(name.clone(), make(self, index));
                    } else {
                        left.insert(name.clone(), value.clone());
                    }
                }
                if !left.is_empty() {
                    self.took(count, Left::Members(left));
                }
                Value::Object(made)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }

    fn took(&mut self, kept: usize, left: Left) {
        let rest = Rest {
            at: steps::pointer(&self.way),
            kept: kept as u64,
            left,
        };
        self.rests.push((self.way.clone(), rest));
    }
}

/// The weight to which the heavy ones of these (frame, floor, weight) shrink so that all fit the room.
fn level(bounds: &[(u64, u64, u64)], room: u64) -> u64 {
    let total = |level: u64| -> u64 {
        let each = bounds
            .iter()
            .map(|(frame, floor, weight)| frame.saturating_add(level.max(*floor).min(*weight)));
        each.fold(0, u64::saturating_add)
    };
    let (mut low, mut high) = (0, room);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if total(middle) <= room {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

#[cfg(test)]
mod tests;
