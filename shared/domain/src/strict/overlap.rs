//! Whether alternatives can be told apart by what a model writes, and if not, whether that matters.

use super::node::{Kind, Member, Node, Types};

/// Comparisons at most; beyond, alternatives count as not told apart.
const MOST: usize = 20_000;

/// Compares what parts allow.
pub(super) struct Compare<'n> {
    parts: &'n [Node],
    nullable: &'n [bool],
    left: usize,
    assumed: Vec<(usize, usize)>,
}

impl<'n> Compare<'n> {
    /// Compares nodes whose numbers mean these `parts`; `nullable` says which of them allow null.
    pub(super) const fn new(parts: &'n [Node], nullable: &'n [bool]) -> Self {
        Self {
            parts,
            nullable,
            left: MOST,
            assumed: Vec::new(),
        }
    }

    /// Whether each choice below a node restores what the model meant, whichever alternative is
    /// taken of those that fit.
    pub(super) fn is_clear(&mut self, node: &Node) -> bool {
        match &node.kind {
            Kind::Plain(_) | Kind::Values(_) | Kind::Part(_) | Kind::SetNull => true,
            Kind::Object(members) => members.iter().all(|member| self.is_clear(&member.node)),
            Kind::List(element) => self.is_clear(element),
            Kind::Union(nodes) => {
                nodes.iter().all(|node| self.is_clear(node))
                    && pairs(nodes).all(|(a, b)| self.alike(a, b))
            }
        }
    }

    /// Whether every value that fits both is restored alike.
    fn alike(&mut self, a: &Node, b: &Node) -> bool {
        if is_plain(a) || is_plain(b) {
            return true;
        }
        if let (Kind::Part(a), Kind::Part(b)) = (&a.kind, &b.kind)
            && (a == b || self.assumed.contains(&(*a, *b)))
        {
            return true;
        }
        if self.apart(a, b) {
            return true;
        }
        let Some(left) = self.left.checked_sub(1) else {
            return false;
        };
        self.left = left;
        let parts = self.parts;
        match (&a.kind, &b.kind) {
            (Kind::Part(x), Kind::Part(y)) => {
                self.assumed.push((*x, *y));
                self.alike(&parts[*x], &parts[*y])
            }
            (Kind::Part(x), _) => self.alike(&parts[*x], b),
            (_, Kind::Part(y)) => self.alike(a, &parts[*y]),
            (Kind::Union(nodes), _) => nodes.iter().all(|node| self.alike(node, b)),
            (_, Kind::Union(nodes)) => nodes.iter().all(|node| self.alike(a, node)),
            (Kind::Object(ours), Kind::Object(theirs)) => ours.iter().all(|our| {
                let Some(their) = named(theirs, &our.name) else {
                    return true;
                };
                let nulls = our.optional == their.optional
                    || !(our.node.has_null(self.nullable) && their.node.has_null(self.nullable));
                nulls && self.alike(&our.node, &their.node)
            }),
            (Kind::List(a), Kind::List(b)) => self.alike(a, b),
            (Kind::SetNull, Kind::SetNull) => true,
            (Kind::Plain(_) | Kind::Values(_), _) | (_, Kind::Plain(_) | Kind::Values(_)) => true,
            (Kind::Object(_) | Kind::List(_) | Kind::SetNull, _) => false,
        }
    }

    /// Whether no value fits both.
    fn apart(&mut self, a: &Node, b: &Node) -> bool {
        let Some(left) = self.left.checked_sub(1) else {
            return false;
        };
        self.left = left;
        let parts = self.parts;
        match (&a.kind, &b.kind) {
            (Kind::Part(x), _) => {
                !matches!(&b.kind, Kind::Part(y) if x == y) && self.apart_within(&parts[*x], b)
            }
            (_, Kind::Part(y)) => self.apart_within(a, &parts[*y]),
            (Kind::Union(nodes), _) => nodes.iter().all(|node| self.apart(node, b)),
            (_, Kind::Union(nodes)) => nodes.iter().all(|node| self.apart(a, node)),
            (Kind::Plain(ours), Kind::Plain(theirs)) => !ours.meet(*theirs),
            (Kind::Plain(types), Kind::Values(values))
            | (Kind::Values(values), Kind::Plain(types)) => {
                !values.iter().any(|value| types.take(value))
            }
            (Kind::Values(ours), Kind::Values(theirs)) => {
                !ours.iter().any(|value| theirs.contains(value))
            }
            (Kind::Object(ours), Kind::Object(theirs)) => {
                let named = |our: &'_ Member| named(theirs, &our.name);
                // What costs little to compare comes first.
                ours.len() != theirs.len()
                    || ours.iter().any(|our| {
                        named(our).is_none_or(|their| {
                            is_plain(&our.node) && self.apart(&our.node, &their.node)
                        })
                    })
                    || ours.iter().any(|our| {
                        !is_plain(&our.node)
                            && named(our).is_some_and(|their| self.apart(&our.node, &their.node))
                    })
            }
            (Kind::Object(members), Kind::SetNull) | (Kind::SetNull, Kind::Object(members)) => {
                !matches!(members.as_slice(), [only] if only.name == "null")
            }
            (Kind::List(_), Kind::List(_)) | (Kind::SetNull, Kind::SetNull) => false,
            (
                Kind::Plain(_) | Kind::Values(_) | Kind::Object(_) | Kind::List(_) | Kind::SetNull,
                _,
            ) => true,
        }
    }

    /// The same through a reference: circles end where the comparisons do.
    fn apart_within(&mut self, a: &Node, b: &Node) -> bool {
        self.left = self.left.saturating_sub(200);
        self.apart(a, b)
    }
}

/// Whether no value of the original schema can fit two of these: then "exactly one" needs no words.
/// Members that are not required, and objects that are open, do not tell alternatives apart.
pub(super) fn exclusive(nodes: &[Node], parts: &[Node]) -> bool {
    let mut left = 1_000;
    pairs(nodes).all(|(a, b)| differ(a, b, parts, &mut left))
}

fn differ(a: &Node, b: &Node, parts: &[Node], left: &mut usize) -> bool {
    if *left == 0 {
        return false;
    }
    *left -= 1;
    match (&a.kind, &b.kind) {
        (Kind::Part(x), Kind::Part(y)) if x == y => false,
        (Kind::Part(x), _) => differ(&parts[*x], b, parts, left),
        (_, Kind::Part(y)) => differ(a, &parts[*y], parts, left),
        (Kind::Union(nodes), _) => {
            !nodes.is_empty() && nodes.iter().all(|node| differ(node, b, parts, left))
        }
        (_, Kind::Union(nodes)) => {
            !nodes.is_empty() && nodes.iter().all(|node| differ(a, node, parts, left))
        }
        (Kind::Object(ours), Kind::Object(theirs)) => ours.iter().any(|our| {
            !our.optional
                && named(theirs, &our.name).is_some_and(|their| {
                    !their.optional && differ(&our.node, &their.node, parts, left)
                })
        }),
        (Kind::Values(ours), Kind::Values(theirs)) => {
            !ours.iter().any(|value| theirs.contains(value))
        }
        (
            Kind::Plain(_) | Kind::Values(_) | Kind::Object(_) | Kind::List(_) | Kind::SetNull,
            Kind::Plain(_) | Kind::Values(_) | Kind::Object(_) | Kind::List(_) | Kind::SetNull,
        ) => types(a).is_some_and(|ours| types(b).is_some_and(|theirs| !ours.meet(theirs))),
    }
}

fn types(node: &Node) -> Option<Types> {
    match &node.kind {
        Kind::Plain(types) => Some(*types),
        Kind::Values(values) => {
            let each = values.iter().map(Types::of);
            Some(each.fold(Types::NONE, Types::or))
        }
        Kind::Object(_) | Kind::SetNull => Some(Types::OBJECT),
        Kind::List(_) => Some(Types::ARRAY),
        Kind::Union(_) | Kind::Part(_) => None,
    }
}

const fn is_plain(node: &Node) -> bool {
    matches!(node.kind, Kind::Plain(_) | Kind::Values(_))
}

fn named<'m>(members: &'m [Member], name: &str) -> Option<&'m Member> {
    members.iter().find(|member| member.name == name)
}

fn pairs(nodes: &[Node]) -> impl Iterator<Item = (&Node, &Node)> {
    let each = nodes.iter().enumerate();
    each.flat_map(|(index, a)| nodes[index + 1..].iter().map(move |b| (a, b)))
}
