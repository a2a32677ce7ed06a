//! What running a flow does to the world: the worst of what its steps do; pure.

use std::collections::HashMap;
use std::sync::Arc;

use domain::config::Effects;
use domain::ids::ToolId;

use crate::catalog::ById;
use crate::tool::CompiledTool;

/// Of something that nothing is known of.
pub(crate) const WORST: Effects = Effects {
    read_only: false,
    destructive: true,
    idempotent: false,
    open_world: true,
};

/// Of a flow without a call.
const BEST: Effects = Effects {
    read_only: true,
    destructive: false,
    idempotent: true,
    open_world: false,
};

const fn both(one: Effects, other: Effects) -> Effects {
    Effects {
        read_only: one.read_only && other.read_only,
        destructive: one.destructive || other.destructive,
        idempotent: one.idempotent && other.idempotent,
        open_world: one.open_world || other.open_world,
    }
}

/// Gives every flow of a catalog the effects that its tools and sub-flows have now. Effects only get worse on the
/// way up, so that this ends even where two flows were saved at once that call each other.
pub(crate) fn settle(tools: &mut ById, unlisted: &mut ById) {
    let all = || tools.iter().chain(unlisted.iter());
    let flows: Vec<(&ToolId, &Arc<CompiledTool>)> =
        all().filter(|(_, entry)| entry.flow.is_some()).collect();
    if flows.is_empty() {
        return;
    }
    let places = flows.iter().enumerate();
    let places: HashMap<&ToolId, usize> = places.map(|(place, (id, _))| (*id, place)).collect();
    let mut effects = vec![BEST; flows.len()];
    let mut callers: Vec<Vec<usize>> = vec![Vec::new(); flows.len()];
    for (place, (_, flow)) in flows.iter().enumerate() {
        for callee in flow.callees() {
            match places.get(callee) {
                Some(of) => callers[*of].push(place),
                None => {
                    let entry = tools.get(callee).or_else(|| unlisted.get(callee));
                    let known = entry.map_or(WORST, |entry| entry.config.effects);
                    effects[place] = both(effects[place], known);
                }
            }
        }
    }
    let mut changed: Vec<usize> = (0..flows.len()).collect();
    while let Some(place) = changed.pop() {
        for caller in &callers[place] {
            let worse = both(effects[*caller], effects[place]);
            if worse != effects[*caller] {
                effects[*caller] = worse;
                changed.push(*caller);
            }
        }
    }
    let moved: Vec<(ToolId, CompiledTool)> = flows
        .iter()
        .zip(effects)
        .filter(|((_, flow), now)| flow.config.effects != *now)
        .filter_map(|((id, flow), now)| Some(((*id).clone(), flow.with_effects(now)?)))
        .collect();
    for (id, flow) in moved {
        let entries = match tools.contains_key(&id) {
            true => &mut *tools,
            false => &mut *unlisted,
        };
        entries.insert(id, Arc::new(flow));
    }
}

#[cfg(test)]
mod tests {
    use domain::egress::Policy;
    use persistence::tools::{CatalogDelta, CatalogKind, CatalogRow};
    use serde_json::json;

    use super::*;
    use crate::catalog::Catalog;

    fn flow(id: &str, callee: &str) -> CatalogRow {
        let document = json!({ "name": id, "steps": [{ "id": "one", "flow": callee }] });
        row(CatalogKind::Flow, id, &document)
    }

    fn row(kind: CatalogKind, id: &str, document: &serde_json::Value) -> CatalogRow {
        CatalogRow {
            kind,
            id: id.to_owned(),
            version: 1,
            hash: String::new(),
            document: Some(document.to_string()),
        }
    }

    fn catalog(rows: Vec<CatalogRow>) -> Catalog {
        let delta = CatalogDelta { revision: 1, rows };
        Catalog::default().after(delta, &Policy::default())
    }

    fn effects(catalog: &Catalog, id: &str) -> Effects {
        let id = id.parse().unwrap();
        catalog.entry(&id).unwrap().config.effects
    }

    /// Each was good when it was saved; both at once nobody saw.
    #[test]
    fn flows_that_call_each_other_end() {
        let catalog = catalog(vec![flow("a", "b"), flow("b", "a"), flow("c", "gone")]);
        assert_eq!(effects(&catalog, "a"), BEST);
        assert_eq!(effects(&catalog, "c"), WORST);
    }

    #[test]
    fn what_the_last_of_a_long_chain_does_the_first_does() {
        let mut rows: Vec<CatalogRow> = (0..2_000)
            .map(|number| flow(&format!("f{number}"), &format!("f{}", number + 1)))
            .collect();
        let tool = json!({
            "name": "n", "description": "d", "input_schema": {}, "output_schema": {},
            "api": { "base_url": "https://api.example.com", "method": "POST" },
        });
        rows.push(row(CatalogKind::Tool, "post", &tool));
        let step = json!({ "name": "n", "steps": [{ "id": "one", "tool": "post" }] });
        rows.push(row(CatalogKind::Flow, "f2000", &step));
        let catalog = catalog(rows);
        let post = Effects {
            read_only: false,
            destructive: false,
            idempotent: false,
            open_world: true,
        };
        for id in ["post", "f2000", "f1000", "f0"] {
            assert_eq!(effects(&catalog, id), post, "{id}");
        }
    }
}
