//! A tool's schema, compiled when it is first needed and then kept.

use std::sync::OnceLock;

use domain::fault::Fault;
use domain::schema::Compiled;
use serde_json::Value;

/// What was compiled, or why it could not be.
pub(crate) type Cell = OnceLock<Result<Compiled, Vec<Fault>>>;

/// A schema that compiles itself on its first use.
///
/// A stored schema that no longer compiles lets nothing through: its own faults are those of every
/// value.
#[derive(Clone, Copy, Debug)]
pub struct Schema<'t> {
    source: &'t Value,
    cell: &'t Cell,
}

impl<'t> Schema<'t> {
    pub(crate) const fn new(source: &'t Value, cell: &'t Cell) -> Self {
        Self { source, cell }
    }

    /// The schema as JSON.
    pub const fn source(&self) -> &'t Value {
        self.source
    }

    /// What is wrong with a value, with pointers into it; empty when it fits.
    pub fn faults(&self, value: &Value) -> Vec<Fault> {
        match self.compiled() {
            Ok(compiled) => compiled.faults(value),
            Err(faults) => faults.clone(),
        }
    }

    /// The same for whoever may set and see hidden properties.
    pub fn faults_to_author(&self, value: &Value) -> Vec<Fault> {
        match self.compiled() {
            Ok(compiled) => compiled.faults_to_author(value),
            Err(faults) => faults.clone(),
        }
    }

    /// Whether a value fits.
    pub fn is_valid(&self, value: &Value) -> bool {
        self.compiled()
            .as_ref()
            .is_ok_and(|compiled| compiled.is_valid(value))
    }

    fn compiled(&self) -> &'t Result<Compiled, Vec<Fault>> {
        self.cell.get_or_init(|| Compiled::new(self.source))
    }
}
