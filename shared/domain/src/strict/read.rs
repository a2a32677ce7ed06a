//! Reads a JSON Schema into the tree of what strict mode can express.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::Refused;
use super::choices::{alternatives, joins, names, only_required};
use super::gather::Gathered;
use super::node::{Kind, Member, Node, Types};
use super::overlap;

/// Parts that are read at most: alternatives multiply what is joined to them.
const MOST_PARTS: usize = 4_000;

/// Bytes of names, values and remarks at most.
const MOST_BYTES: usize = 256 * 1024;

/// Parts within parts at most.
const MOST_LEVELS: usize = 40;

/// References that are followed for one value at most.
const MOST_HOPS: usize = 32;

/// Reads one schema.
pub(super) struct Reader<'s> {
    root: &'s Value,
    /// What stands beside a `$ref` asks nothing.
    old: bool,
    /// The parts that are referred to.
    pub(super) parts: Vec<Node>,
    /// Their places and names.
    pub(super) places: Vec<(&'s Value, &'s str)>,
    room: usize,
    bytes: usize,
    level: usize,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    /// It is all the arguments.
    Root,
    /// It is within them.
    Within,
}

impl<'s> Reader<'s> {
    pub(super) fn new(root: &'s Value) -> Self {
        let draft = root.get("$schema").and_then(Value::as_str);
        Self {
            root,
            old: draft.is_some_and(|uri| uri.contains("draft-07") || uri.contains("draft-06")),
            parts: Vec::new(),
            places: Vec::new(),
            room: MOST_PARTS,
            bytes: MOST_BYTES,
            level: 0,
        }
    }

    /// The arguments of a call: always an object.
    pub(super) fn arguments(&mut self) -> Result<Node, Refused<'s>> {
        let mut all = Gathered::new(self.root);
        all.types = Types::OBJECT;
        all.add(self.root, self.old)?;
        self.follow(&mut all)?;
        self.any_of(all, Spot::Root)
    }

    fn spend(&mut self, here: &'s Value, parts: usize, bytes: usize) -> Result<(), Refused<'s>> {
        let (room, left) = (self.room.checked_sub(parts), self.bytes.checked_sub(bytes));
        let (Some(room), Some(left)) = (room, left) else {
            return Err(Refused::because(
                here,
                "it is too large once its parts are joined",
            ));
        };
        (self.room, self.bytes) = (room, left);
        Ok(())
    }

    /// A value that fits all these schemas.
    fn all_of(&mut self, schemas: &[&'s Value]) -> Result<Node, Refused<'s>> {
        let here = schemas[0];
        self.spend(here, schemas.len(), 0)?;
        if self.level >= MOST_LEVELS {
            return Err(Refused::because(here, "its parts nest too deep"));
        }
        self.level += 1;
        let mut all = Gathered::new(here);
        for schema in schemas {
            all.add(schema, self.old)?;
        }
        let node = self.joined(all);
        self.level -= 1;
        node
    }

    /// A reference alone stays one; joined to something else it is replaced by what it refers to.
    fn joined(&mut self, mut all: Gathered<'s>) -> Result<Node, Refused<'s>> {
        if !all.constrained
            && let Some((first, rest)) = all.references.split_first()
            && rest.iter().all(|other| other == first)
        {
            let number = self.part(first)?;
            let note = self.note(&mut all)?;
            let kind = Kind::Part(number);
            return Ok(Node { note, kind });
        }
        self.follow(&mut all)?;
        self.any_of(all, Spot::Within)
    }

    fn follow(&mut self, all: &mut Gathered<'s>) -> Result<(), Refused<'s>> {
        let mut hops = 0;
        while let Some(reference) = all.references.pop() {
            hops += 1;
            self.spend(reference, 1, 0)?;
            if hops > MOST_HOPS {
                return Err(Refused::because(
                    reference,
                    "too many references follow each other",
                ));
            }
            let (target, _) = self.target(reference)?;
            all.add(target, self.old)?;
        }
        Ok(())
    }

    /// The schema that a reference leads to, and its name.
    fn target(&self, reference: &'s Value) -> Result<(&'s Value, &'s str), Refused<'s>> {
        let lost = || Refused::because(reference, "this reference leads to no schema");
        let text = reference.as_str().ok_or_else(lost)?;
        let fragment = text.strip_prefix('#').ok_or_else(lost)?;
        let pointer = percent_decode_str(fragment).decode_utf8_lossy();
        let target = self.root.pointer(&pointer).ok_or_else(lost)?;
        let name = fragment.rsplit('/').next().unwrap_or_default();
        Ok((target, if name.is_empty() { "root" } else { name }))
    }

    /// The number of the part that a reference leads to.
    fn part(&mut self, reference: &'s Value) -> Result<usize, Refused<'s>> {
        let (target, name) = self.target(reference)?;
        let known = |(place, _): &(&Value, _)| std::ptr::eq(*place, target);
        if let Some(number) = self.places.iter().position(known) {
            return Ok(number);
        }
        let number = self.places.len();
        self.places.push((target, name));
        self.parts.push(Kind::Union(Vec::new()).plainly());
        // Other parts may refer to it already, so this is the end, not only of one alternative.
        self.parts[number] = self.all_of(&[target]).map_err(|refused| match refused {
            Refused::Never(place) => Refused::because(place, "no value fits it"),
            Refused::Because(..) => refused,
        })?;
        Ok(number)
    }

    /// Takes the alternatives apart, one keyword after the other.
    fn any_of(&mut self, mut all: Gathered<'s>, spot: Spot) -> Result<Node, Refused<'s>> {
        if all.unions.is_empty() {
            return self.one(all, spot);
        }
        let (branches, exclusive) = all.unions.remove(0);
        if let Some(named) = only_required(branches) {
            let before = if exclusive {
                "exactly one"
            } else {
                "at least one"
            };
            all.words.say(&format!(
                "{before} of these is given: {}",
                named.join(" | ")
            ));
            self.spend(all.here, branches.len(), 0)?;
            all.conditions.extend(branches);
            return self.any_of(all, spot);
        }
        let note = self.note(&mut all)?;
        let mut nodes: Vec<Node> = Vec::with_capacity(branches.len());
        let joined_before = joins(&all);
        for branch in branches {
            self.spend(branch, 1 + all.properties.len() / 8, 0)?;
            let node = if joined_before {
                self.with(&all, branch)
            } else {
                self.all_of(&[branch])
            };
            match node {
                Ok(Node {
                    note: None,
                    kind: Kind::Union(more),
                }) => nodes.extend(more),
                Ok(node) => nodes.push(node),
                Err(Refused::Never(_)) => {}
                Err(refused) => return Err(refused),
            }
        }
        let mut distinct: Vec<Node> = Vec::with_capacity(nodes.len());
        for node in nodes {
            if !distinct.contains(&node) {
                distinct.push(node);
            }
        }
        let exclusive = exclusive && !overlap::exclusive(&distinct, &self.parts);
        alternatives(all.here, distinct, note, exclusive)
    }

    /// One alternative, joined with all that stands beside it.
    fn with(&mut self, all: &Gathered<'s>, branch: &'s Value) -> Result<Node, Refused<'s>> {
        if self.level >= MOST_LEVELS {
            return Err(Refused::because(branch, "its parts nest too deep"));
        }
        let mut one = all.clone();
        one.here = branch;
        one.add(branch, self.old)?;
        self.follow(&mut one)?;
        self.level += 1;
        let node = self.any_of(one, Spot::Within);
        self.level -= 1;
        node
    }

    /// What is left when there are no alternatives.
    fn one(&mut self, mut all: Gathered<'s>, spot: Spot) -> Result<Node, Refused<'s>> {
        if all.never {
            return Err(Refused::Never(all.here));
        }
        if all.types == Types::ALL && all.values.is_none() && !all.spoken.is_empty() {
            all.types = all.spoken;
        }
        let kind = if all.values.is_some() {
            self.values(&all)?
        } else if all.types == Types::ALL {
            return Err(Refused::because(all.here, "it takes any value"));
        } else {
            let mut kinds = Vec::with_capacity(1);
            if all.types.meet(Types::OBJECT) {
                match self.object(&mut all, spot) {
                    Ok(object) => kinds.push(object),
                    // Another type may still fit.
                    Err(Refused::Never(_)) => {}
                    Err(refused) => return Err(refused),
                }
            }
            if all.types.meet(Types::ARRAY) {
                kinds.push(self.list(&all)?);
            }
            let plain = all.types.and(Types::SCALARS);
            if !plain.is_empty() {
                kinds.push(Kind::Plain(plain));
            }
            match kinds.len() {
                0 => return Err(Refused::Never(all.here)),
                1 => kinds.remove(0),
                _ => Kind::Union(kinds.into_iter().map(Kind::plainly).collect()),
            }
        };
        let note = self.note(&mut all)?;
        Ok(Node { note, kind })
    }

    fn values(&mut self, all: &Gathered<'s>) -> Result<Kind, Refused<'s>> {
        let mut kept = Vec::new();
        for value in all.values.iter().flatten() {
            match value {
                _ if !all.types.take(value) => {}
                Value::Array(_) | Value::Object(_) => {
                    let why = "one of its values is an object or an array";
                    return Err(Refused::because(all.here, why));
                }
                Value::String(text) => {
                    self.spend(all.here, 0, text.len())?;
                    kept.push((*value).clone());
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => kept.push((*value).clone()),
            }
        }
        self.spend(all.here, 0, kept.len())?;
        if kept.is_empty() {
            return Err(Refused::Never(all.here));
        }
        Ok(Kind::Values(kept))
    }

    fn object(&mut self, all: &mut Gathered<'s>, spot: Spot) -> Result<Kind, Refused<'s>> {
        if let (Some((place, why)), false) = (all.open, all.is_closed()) {
            return Err(Refused::because(place, why));
        }
        let mut members = Vec::with_capacity(all.properties.len());
        for (name, schemas) in &all.properties {
            let optional = !all.required.iter().any(|(required, _)| required == name);
            let hidden = schemas
                .iter()
                .any(|schema| crate::formats::is_hidden(schema));
            if optional && (hidden || !all.admits(name)) {
                continue;
            }
            if hidden || !all.admits(name) {
                let why = format!(
                    "\"{}\" is asked for and cannot be given",
                    crate::schema::cut(name)
                );
                return Err(Refused::because(all.here, why));
            }
            self.spend(all.here, 0, name.len())?;
            match self.all_of(schemas) {
                Ok(node) => members.push(Member {
                    name: (*name).to_owned(),
                    node,
                    optional,
                }),
                Err(Refused::Never(_)) if optional => {}
                Err(refused) => return Err(refused),
            }
        }
        let declared = |name: &str| members.iter().any(|member| member.name == name);
        if let Some((_, place)) = all.required.iter().find(|(name, _)| !declared(name)) {
            let why = "a member is required that is declared nowhere";
            return Err(Refused::because(place, why));
        }
        for condition in &all.conditions {
            if names(condition).any(|name| !declared(name)) {
                let why = "a condition speaks of members that are declared nowhere else";
                return Err(Refused::because(condition, why));
            }
        }
        if all.properties.is_empty() && !all.is_closed() && spot == Spot::Within {
            return Err(Refused::because(all.here, "it takes members of any name"));
        }
        Ok(Kind::Object(members))
    }

    fn list(&mut self, all: &Gathered<'s>) -> Result<Kind, Refused<'s>> {
        let element = if all.prefix.is_empty() {
            if all.items.is_empty() {
                return Err(Refused::because(all.here, "it takes elements of any kind"));
            }
            self.element(&all.items)?
        } else {
            let mut nodes = Vec::with_capacity(all.prefix.len());
            for schema in all.prefix.iter().chain(&all.items) {
                let node = self.element(&[schema])?;
                if !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
            alternatives(all.here, nodes, None, false)?
        };
        Ok(Kind::List(Box::new(element)))
    }

    /// An element of an array. An array whose elements cannot be is still an array, the empty one: strict mode has no
    /// word for it.
    fn element(&mut self, schemas: &[&'s Value]) -> Result<Node, Refused<'s>> {
        self.all_of(schemas).map_err(|refused| match refused {
            Refused::Never(place) => Refused::because(
                place,
                "no element fits it, and strict mode has no empty array",
            ),
            Refused::Because(..) => refused,
        })
    }

    fn note(&mut self, all: &mut Gathered<'s>) -> Result<Option<String>, Refused<'s>> {
        let words = std::mem::take(&mut all.words);
        let note = words.beside(all.description.take());
        self.spend(all.here, 0, note.as_ref().map_or(0, String::len))?;
        Ok(note)
    }
}
