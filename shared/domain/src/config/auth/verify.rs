//! Reads `auth.verify`: the call that tests a connection.

use super::super::fields::{Names, Object};
use super::super::{ConnectionVar, Method, PathSegment, Piece, Verify, conditions, route};
use crate::schema::cut;
use crate::text;
use crate::walk::{At, Faults};

const NAMES: Names = Names {
    known: &["method", "path", "success_when"],
    elsewhere: &[
        ("url", "into \"path\"; the host is that of \"base_url\""),
        ("headers", "into \"api\": they go along"),
        ("params", "into \"api\": they go along"),
        ("body", "nowhere: a test sends none"),
    ],
};

/// A test changes nothing; some APIs only have a POST for it.
const METHODS: [(&str, Method); 3] = [
    ("GET", Method::Get),
    ("HEAD", Method::Head),
    ("POST", Method::Post),
];

/// Reads `verify`; its path stands alone, without that of `base_url`.
pub(super) fn read(
    auth: Object<'_, '_>,
    vars: &[ConnectionVar],
    faults: &mut Faults,
) -> Option<Verify> {
    let at = auth.at.name("verify");
    let verify = faults.object(auth.members.get("verify")?, &at)?;
    faults.only(verify, NAMES);
    let method = faults.choice(verify, "method", &METHODS);
    if !verify.members.contains_key("path") {
        faults.missing(&at, "path");
    }
    let (path, trailing_slash) = route::read(verify, faults).unwrap_or_default();
    fillable(&path, vars, &at.name("path"), faults);
    let place = at.name("success_when");
    let success_when = verify
        .members
        .get("success_when")
        .and_then(|value| conditions::of_success(value, &place, faults));
    Some(Verify {
        method: method.unwrap_or(Method::Get),
        path,
        trailing_slash,
        success_when,
    })
}

/// A test has no inputs: what stands in its path comes from connection variables.
fn fillable(path: &[PathSegment], vars: &[ConnectionVar], at: &At<'_>, faults: &mut Faults) {
    for piece in path.iter().flat_map(|segment| &segment.0) {
        let Piece::Placeholder(name) = piece else {
            continue;
        };
        if vars.iter().any(|var| var.name == *name) {
            continue;
        }
        let names: Vec<&str> = vars.iter().map(|var| var.name.as_str()).collect();
        let message = format!("nothing fills the placeholder {{{}}}", cut(name));
        let hint = text::did_you_mean(name, &names)
            .unwrap_or_else(|| "a test has no inputs; write a path that needs none".to_owned());
        faults.advise(at, "unknown_placeholder", message, hint);
    }
}
