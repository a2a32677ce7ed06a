//! What validating with a schema costs at most, known before anything is validated.

use serde_json::Value;

use super::nodes;
use super::refs::{Graph, Place, place, reachable, reference, subschemas};

/// Visits that a branching recursion may cost altogether.
const VISIT_BUDGET: f64 = 1e7;

/// What one place of an instance costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Each {
    /// How often it is visited at most.
    pub(super) visits: u64,
    /// How much can be wrong with it at most; an error holds a copy of what was allowed.
    pub(super) faults: u64,
    /// Whether there is a choice of forms: an error of it holds the errors of all of them.
    pub(super) choice: bool,
}

/// What validating with one schema costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Each place of the instance, not counting recursion.
    pub(super) each: Each,
    /// By how much that multiplies with every level of the instance; below 2 it does not.
    pub(super) growth: u64,
    /// How deep an instance may nest: unlimited unless it multiplies.
    pub(super) max_depth: usize,
}

impl Cost {
    /// What a checked schema costs.
    pub(super) fn of(root: &Value) -> Self {
        let graph = Graph::new(root);
        let growth = growth(&graph);
        Self {
            each: each(&graph),
            growth,
            max_depth: if growth < 2 {
                usize::MAX
            } else {
                // At least two levels, however much it branches.
                let branches = f64::from(u32::try_from(growth).unwrap_or(u32::MAX));
                let levels = VISIT_BUDGET.ln() / branches.ln();
                (1..64)
                    .take_while(|level| f64::from(*level) <= levels)
                    .count()
                    .max(2)
            },
        }
    }
}

impl Each {
    const NOTHING: Self = Self {
        visits: 0,
        faults: 0,
        choice: false,
    };
    const ONE: Self = Self {
        visits: 1,
        faults: 1,
        choice: false,
    };

    fn of(schema: &Value) -> Self {
        let Some(members) = schema.as_object() else {
            return Self::ONE;
        };
        let listed = members
            .iter()
            .map(|(keyword, value)| match keyword.as_str() {
                "required" | "enum" | "const" | "dependentRequired" | "dependencies" => {
                    1 + nodes(value, usize::MAX)
                }
                _ => 1,
            });
        Self {
            visits: 1,
            faults: listed.sum::<usize>() as u64,
            choice: ["anyOf", "oneOf"]
                .iter()
                .any(|keyword| members.contains_key(*keyword)),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            visits: self.visits.saturating_add(other.visits),
            faults: self.faults.saturating_add(other.faults),
            choice: self.choice || other.choice,
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            visits: self.visits.max(other.visits),
            faults: self.faults.max(other.faults),
            choice: self.choice || other.choice,
        }
    }
}

/// How a schema and its references are weighed.
struct Scale<'s> {
    /// The schema by itself.
    own: fn(&Value) -> Each,
    /// A reference, and whether it applies to the same value.
    leaf: &'s dyn Fn(&str, bool) -> Each,
}

impl Scale<'_> {
    /// The weight of a schema: subschemas that apply to the same value add up, of those that apply to
    /// different values the heaviest counts.
    fn weigh(&self, schema: &Value, here: bool) -> Each {
        let mut sum = (self.own)(schema);
        let mut heaviest = Each::NOTHING;
        if let Some(target) = reference(schema) {
            sum = sum.and((self.leaf)(target, here));
        }
        subschemas(schema, |keyword, _, sub| match place(keyword) {
            Place::Here => sum = sum.and(self.weigh(sub, here)),
            Place::Together => sum = sum.and(self.weigh(sub, false)),
            Place::Apart => heaviest = heaviest.or(self.weigh(sub, false)),
            Place::Nowhere => {}
        });
        sum.and(heaviest)
    }
}

/// What one place of an instance costs at most, not counting recursion.
pub(super) fn each(graph: &Graph<'_>) -> Each {
    let mut order: Vec<usize> = (0..graph.names.len()).collect();
    // What a node leads to comes before it, for it leads to less; its own circle does not count.
    let beyond = |node: usize| {
        let others = (0..graph.names.len()).filter(|other| !graph.same_circle(node, *other));
        others.filter(|other| graph.reach[node][*other]).count()
    };
    order.sort_by_cached_key(|node| beyond(*node));
    let mut found = vec![Each::ONE; graph.names.len()];
    for node in order {
        let scale = Scale {
            own: Each::of,
            leaf: &|target, _| match graph.node(target) {
                Some(next) if !graph.same_circle(node, next) => found[next],
                _ => Each::ONE,
            },
        };
        found[node] = scale.weigh(graph.schemas[node], true);
    }
    found.first().copied().unwrap_or(Each::ONE)
}

/// By how much the visits multiply with every level of a recursion; 0 without one.
fn growth(graph: &Graph<'_>) -> u64 {
    if graph.names.len() == 1 && !graph.same_circle(0, 0) {
        return 0;
    }
    let here = reachable(&graph.edges(true));
    let mut order: Vec<usize> = (0..graph.names.len()).collect();
    order.sort_by_key(|node| here[*node].iter().filter(|seen| **seen).count());
    let mut found = vec![Each::NOTHING; graph.names.len()];
    for node in order {
        let scale = Scale {
            own: |_| Each::NOTHING,
            leaf: &|target, same| match graph.node(target) {
                Some(next) if graph.same_circle(node, next) && same => found[next],
                Some(next) if graph.same_circle(node, next) => Each::ONE,
                _ => Each::NOTHING,
            },
        };
        found[node] = scale.weigh(graph.schemas[node], true);
    }
    found.into_iter().map(|each| each.visits).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::schema::Compiled;

    #[test]
    fn what_could_have_millions_of_errors_has_one_fault() {
        let forms: Vec<Value> = (10..1_500).map(|n| json!({ "const": n })).collect();
        let names: Vec<String> = (0..4_000).map(|n| format!("name{n}")).collect();
        let words: Vec<String> = (0..4_000).map(|n| format!("word{n}")).collect();
        let some = json!(vec![json!({}); 4_000]);
        let needs = &names[..1_000];
        let tree = json!({"$defs": {"tree": {"anyOf": [
            {"properties": {"a": {"$ref": "#/$defs/tree"}}, "required": needs},
            {"properties": {"a": {"$ref": "#/$defs/tree"}}, "required": needs}]}},
            "$ref": "#/$defs/tree"});
        let nested = (0..15).fold(json!({}), |below, _| json!({ "a": below }));
        for (schema, instance) in [
            (json!({"items": {"anyOf": forms}}), json!(vec![1; 4_000])),
            (json!({"items": {"required": names}}), some.clone()),
            (
                json!({"anyOf": [{"items": {"required": names}}]}),
                some.clone(),
            ),
            (json!({"items": {"enum": words}}), json!(vec!["x"; 4_000])),
            (tree, nested),
        ] {
            let compiled = Compiled::new(&schema).unwrap();
            assert_eq!(compiled.faults(&instance).len(), 1);
        }
    }

    #[test]
    fn a_schema_of_many_forms_is_not_tried_on_a_huge_value() {
        let forms: Vec<Value> = (10..1_500).map(|n| json!({ "const": n })).collect();
        let compiled = Compiled::new(&json!({"items": {"anyOf": forms}})).unwrap();
        let fault = &compiled.faults(&json!(vec![10; 300_000]))[0];
        assert_eq!((fault.pointer.as_str(), fault.code), ("", "too_large"));
        assert!(!compiled.is_valid(&json!(vec![10; 300_000])));
        assert!(compiled.is_valid(&json!(vec![10; 1_000])));
    }

    #[test]
    fn rows_with_choices_are_told_one_by_one() {
        let row = json!({"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
            "required": ["a", "b", "c"]});
        let compiled = Compiled::new(&json!({"properties": {"rows": {"items": row}}})).unwrap();
        let rows: Vec<Value> = (0..500).map(|_| json!({"a": 1, "b": 2, "c": 3})).collect();
        assert_eq!(compiled.faults(&json!({ "rows": rows })).len(), 100);
    }
}
