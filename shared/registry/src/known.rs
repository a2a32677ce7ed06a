//! What a flow's definition may call, as the catalog says.

use domain::flow::{Callee, Known};
use domain::ids::ToolId;

use crate::catalog::Catalog;

impl Known for Catalog {
    fn find(&self, id: &ToolId) -> Option<Callee<'_>> {
        let entry = self.entry(id)?;
        let input_schema = match &entry.flow {
            Some(flow) => flow.input_schema.as_ref(),
            None => Some(&entry.config.input_schema),
        };
        Some(Callee {
            input_schema,
            flow: entry.flow.as_deref(),
            usable: match (&entry.quarantined, entry.config.enabled) {
                (Some(_), _) => Err("is quarantined: its stored document is no longer valid"),
                (None, false) => Err("is switched off"),
                (None, true) => Ok(()),
            },
        })
    }

    fn ids(&self) -> Vec<&str> {
        self.entries().map(|entry| entry.id.as_str()).collect()
    }
}
