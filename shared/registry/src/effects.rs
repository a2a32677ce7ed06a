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
