//! An expression that is ready to run.

use std::fmt;
use std::sync::{Arc, OnceLock};

use minijinja::{ErrorKind, Expression as Inner, Value as InnerValue};
use serde_json::Value;

use super::engine::{COST, MOST_WORK, environment};
use super::paths::{Path, Root};
use super::render::Reader;
use super::values::{self, Room};

/// Longest explanation, in characters.
const MOST_WORDS: usize = 300;

/// An expression; cheap to clone, and equal to another of the same text.
#[derive(Clone)]
pub(super) struct Expression {
    source: Arc<str>,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Path(Path),
    Program(Arc<Program>),
}

/// What runs an expression that is more than a path.
pub(super) struct Program {
    /// With its checks; it was compiled once before, to see whether it can be.
    guarded: String,
    /// Compiled when it first runs, and kept if it may be.
    inner: OnceLock<Inner<'static, 'static>>,
    keeps: bool,
    paths: Vec<Path>,
    /// What is handed to it.
    shape: Vec<(Root, Shape)>,
}

/// Which parts of a value are read, and how often.
#[derive(Debug, Default)]
pub(super) struct Shape {
    pub(super) times: usize,
    /// The whole, not only the members.
    pub(super) whole: bool,
    pub(super) members: Vec<(String, Shape)>,
}

impl Shape {
    fn add(&mut self, names: &[String]) {
        self.times += 1;
        let Some((first, rest)) = names.split_first() else {
            self.whole = true;
            return;
        };
        let index = match self.members.iter().position(|(name, _)| name == first) {
            Some(index) => index,
            None => {
                self.members.push((first.clone(), Self::default()));
                self.members.len() - 1
            }
        };
        if let Some((_, member)) = self.members.get_mut(index) {
            member.add(rest);
        }
    }
}

impl Program {
    pub(super) fn new(guarded: &str, paths: Vec<Path>, keeps: bool) -> Self {
        let mut shape: Vec<(Root, Shape)> = Vec::new();
        for path in &paths {
            let index = match shape.iter().position(|(root, _)| *root == path.root) {
                Some(index) => index,
                None => {
                    shape.push((path.root.clone(), Shape::default()));
                    shape.len() - 1
                }
            };
            if let Some((_, shape)) = shape.get_mut(index) {
                shape.add(&path.names);
            }
        }
        Self {
            guarded: format!("({guarded})|{COST}"),
            inner: OnceLock::new(),
            keeps,
            paths,
            shape,
        }
    }
}

impl Expression {
    pub(super) fn path(source: &str, path: Path) -> Self {
        Self {
            source: source.into(),
            kind: Kind::Path(path),
        }
    }

    pub(super) fn program(source: &str, program: Program) -> Self {
        Self {
            source: source.into(),
            kind: Kind::Program(Arc::new(program)),
        }
    }

    /// Whether it does more than to name a value.
    pub(super) const fn is_program(&self) -> bool {
        matches!(self.kind, Kind::Program(_))
    }

    /// Whether it is held compiled.
    #[cfg(test)]
    pub(super) fn is_kept(&self) -> bool {
        matches!(&self.kind, Kind::Program(program) if program.inner.get().is_some())
    }

    /// As it was written, without its braces.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// What it comes to.
    ///
    /// # Errors
    /// Why it comes to nothing, in one sentence.
    pub(super) fn value(
        &self,
        reader: &mut Reader<'_>,
        room: &mut Room,
        level: usize,
    ) -> Result<Value, String> {
        match &self.kind {
            Kind::Path(path) => {
                let found = reader.find(path)?;
                room.json(&found, level)?;
                Ok(found.into_owned())
            }
            Kind::Program(program) => {
                let value = program.run(reader)?;
                values::to_json_at(&value, room, level)
            }
        }
    }
}

impl Program {
    fn run(&self, reader: &mut Reader<'_>) -> Result<InnerValue, String> {
        let handed = reader.handed(&self.shape)?;
        match self.evaluated(handed)? {
            Ok(pair) => self.value_of(&pair, reader),
            Err(error) if is_undefined(&error) => Err(self.undefined(reader)),
            Err(error) => Err(reason(&error)),
        }
    }

    fn evaluated(
        &self,
        handed: InnerValue,
    ) -> Result<Result<InnerValue, minijinja::Error>, String> {
        if let Some(inner) = self.inner.get() {
            return Ok(inner.eval(handed));
        }
        let compiled = environment()
            .compile_expression_owned(self.guarded.clone())
            .map_err(|error| reason(&error))?;
        if !self.keeps {
            return Ok(compiled.eval(handed));
        }
        Ok(self.inner.get_or_init(|| compiled).eval(handed))
    }

    /// The value out of a value and its cost, which goes to the account of the rendering.
    fn value_of(&self, pair: &InnerValue, reader: &mut Reader<'_>) -> Result<InnerValue, String> {
        let part = |index| pair.get_item_by_index(index).unwrap_or_default();
        reader.worked(u64::try_from(part(1)).unwrap_or(MOST_WORK))?;
        let value = part(0);
        if value.is_undefined() {
            return Err(self.undefined(reader));
        }
        Ok(value)
    }

    /// Names what is missing.
    fn undefined(&self, reader: &Reader<'_>) -> String {
        let missing = self.paths.iter().find_map(|path| reader.find(path).err());
        missing.unwrap_or_else(|| "something that it looks up is not there".to_owned())
    }
}

/// Whether it failed for want of a value; operators say so in words only.
fn is_undefined(error: &minijinja::Error) -> bool {
    let says = |detail: &str| detail.contains("undefined");
    error.kind() == ErrorKind::UndefinedError || error.detail().is_some_and(says)
}

/// The machine's reason in a few words.
pub(super) fn reason(error: &minijinja::Error) -> String {
    let words = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it takes too much work".to_owned(),
        (_, Some(detail)) => detail.to_owned(),
        (kind, None) => kind.to_string(),
    };
    match words.char_indices().nth(MOST_WORDS) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
        None => words,
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{ {} }}}}", self.source)
    }
}
