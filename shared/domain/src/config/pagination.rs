//! What `response.pagination` says: how the next page is asked for, and when to stop.

use super::auth::query_parameters;
use super::fields::{Names, Object};
use super::{Api, BodyKind, Effects, Method, ResponseFormat, ResponsePath};
use crate::path::Path;
use crate::walk::{At, Faults};

/// Pages that are read unless `max_pages` says otherwise.
const PAGES: u32 = 10;
/// Pages that `max_pages` may allow.
const MOST_PAGES: u64 = 100;
/// Items that `max_items` may allow.
const MOST_ITEMS: u64 = 100_000;
/// Items a page that `page_size` may state.
const MOST_PAGE: u64 = 10_000;

/// `response.pagination`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pagination {
    /// How the next page is asked for.
    pub kind: PageKind,
    /// Where a page's items stand; `None`: the whole body is the array.
    pub items_path: Option<ResponsePath>,
    /// Where the answer says whether there is more: false, 0, null or `""` there ends it.
    pub has_more_path: Option<ResponsePath>,
    /// Where a page's size goes.
    pub limit: Option<PageTarget>,
    /// Items a full page has; a shorter one is the last of an `offset` or `page` list.
    pub page_size: Option<u64>,
    /// Pages at most.
    pub max_pages: u32,
    /// Items at most.
    pub max_items: Option<u64>,
}

/// How the next page is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum PageKind {
    /// By a value of the last answer.
    Cursor {
        /// Where it stands.
        path: ResponsePath,
        /// Where it goes.
        to: PageTarget,
    },
    /// By a URL of the last answer: the header `Link` with `rel="next"` (RFC 8288), or a value of the body.
    Link {
        /// Where it stands in the body; `None`: the header.
        path: Option<ResponsePath>,
    },
    /// By the number of items so far.
    Offset {
        /// Where it goes.
        to: PageTarget,
        /// The first one.
        start: u64,
    },
    /// By the page's number.
    Page {
        /// Where it goes.
        to: PageTarget,
        /// The first one.
        start: u64,
    },
}

/// Where a cursor, an offset, a number or a size goes in the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageTarget {
    /// A query parameter.
    Query(String),
    /// A place in the JSON body: member names from the root, at least one. In a form the field's name.
    Body(Vec<String>),
}

/// What of the rest of the document pagination depends on.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'c> {
    /// `api`, if it could be read.
    pub(super) api: Option<&'c Api>,
    /// `api.method`.
    pub(super) method: Method,
    /// `annotations`.
    pub(super) effects: Effects,
    /// `body.type`.
    pub(super) body: BodyKind,
    /// `response.format`.
    pub(super) format: ResponseFormat,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Cursor,
    Link,
    Offset,
    Page,
}

/// Fields that belong to one kind only.
const OWN: [(&str, Kind); 7] = [
    ("cursor_path", Kind::Cursor),
    ("cursor_param", Kind::Cursor),
    ("next_path", Kind::Link),
    ("offset_param", Kind::Offset),
    ("page_param", Kind::Page),
    ("start", Kind::Offset),
    ("start", Kind::Page),
];

const KINDS: [(&str, Kind); 4] = [
    ("cursor", Kind::Cursor),
    ("link", Kind::Link),
    ("offset", Kind::Offset),
    ("page", Kind::Page),
];

/// Reads `response.pagination`.
pub(super) fn read(
    root: Object<'_, '_>,
    around: Surroundings<'_>,
    faults: &mut Faults,
) -> Option<Pagination> {
    let value = root.members.get("response")?.get("pagination")?;
    let response_at = root.at.name("response");
    let at = response_at.name("pagination");
    let part = faults.object(value, &at)?;
    const NAMES: Names = Names {
        known: &[
            "type",
            "in",
            "items_path",
            "has_more_path",
            "cursor_path",
            "cursor_param",
            "next_path",
            "offset_param",
            "page_param",
            "start",
            "limit_param",
            "page_size",
            "max_pages",
            "max_items",
        ],
        elsewhere: &[
            ("link_path", "here as \"next_path\""),
            ("more_path", "here as \"has_more_path\""),
            ("size_param", "here as \"limit_param\""),
        ],
    };
    faults.only(part, NAMES);
    if !part.members.contains_key("type") {
        faults.missing(&at, "type");
    }
    let kind = faults.choice(part, "type", &KINDS);
    fitting(part, kind, around, faults);
    let items_path = path(part, "items_path", faults);
    let has_more_path = path(part, "has_more_path", faults);
    let page_size = faults.whole(part, "page_size", 1, MOST_PAGE);
    let in_body = in_body(part, around, faults);
    let limit = part
        .members
        .contains_key("limit_param")
        .then(|| target(part, "limit_param", "limit", in_body, around, faults))
        .flatten();
    if limit.is_some() && !part.members.contains_key("page_size") {
        faults.missing(&at, "page_size");
    }
    let max_pages = faults.whole(part, "max_pages", 1, MOST_PAGES);
    let max_items = faults.whole(part, "max_items", 1, MOST_ITEMS);
    let mut target = |name, default| target(part, name, default, in_body, around, faults);
    let kind = match kind? {
        Kind::Cursor => {
            let to = target("cursor_param", "cursor");
            if !part.members.contains_key("cursor_path") {
                faults.missing(&at, "cursor_path");
            }
            PageKind::Cursor {
                path: path(part, "cursor_path", faults)?,
                to: to?,
            }
        }
        Kind::Link => PageKind::Link {
            path: path(part, "next_path", faults),
        },
        Kind::Offset => PageKind::Offset {
            to: target("offset_param", "offset")?,
            start: faults.whole(part, "start", 0, MOST_ITEMS).unwrap_or(0),
        },
        Kind::Page => PageKind::Page {
            to: target("page_param", "page")?,
            start: faults.whole(part, "start", 0, MOST_ITEMS).unwrap_or(1),
        },
    };
    Some(Pagination {
        kind,
        items_path,
        has_more_path,
        limit,
        page_size,
        max_pages: max_pages.map_or(PAGES, |pages| u32::try_from(pages).unwrap_or(PAGES)),
        max_items,
    })
}

/// Notes fields of another kind, and tools whose answers have no pages.
fn fitting(
    part: Object<'_, '_>,
    kind: Option<Kind>,
    around: Surroundings<'_>,
    faults: &mut Faults,
) {
    let Surroundings {
        method, effects, ..
    } = around;
    let reads = match method {
        Method::Get => true,
        Method::Post => effects.read_only || effects.idempotent,
        Method::Put | Method::Patch | Method::Delete | Method::Head => false,
    };
    if !reads {
        let message = format!("one call becomes several: not with {}", method.as_str());
        let hint = match method {
            Method::Post => "if this POST only reads, set annotations.read_only to true",
            _ => "only GET, and POST that reads, have pages",
        };
        faults.advise(part.at, "conflict", message, hint);
    }
    if around.format == ResponseFormat::Text {
        let message = "a text has no items that could be joined";
        faults.add(part.at, "conflict", message);
    }
    let Some(kind) = kind else { return };
    for name in part.members.keys() {
        let mut owners = OWN.iter().filter(|(own, _)| own == name).peekable();
        if owners.peek().is_some() && owners.all(|(_, owner)| *owner != kind) {
            let (word, _) = KINDS
                .iter()
                .find(|(_, of)| *of == kind)
                .unwrap_or(&KINDS[0]);
            let message = format!("\"{name}\" says nothing in pagination of the type \"{word}\"");
            faults.add(&part.at.name(name), "conflict", message);
        }
    }
}

/// `in`: whether parameters go into the JSON body.
fn in_body(part: Object<'_, '_>, around: Surroundings<'_>, faults: &mut Faults) -> bool {
    const PLACES: [(&str, bool); 2] = [("query", false), ("body", true)];
    let in_body = faults.choice(part, "in", &PLACES).unwrap_or(false);
    let has_members = match around.body {
        BodyKind::Unstated => around.method == Method::Post,
        BodyKind::Json | BodyKind::GraphQl | BodyKind::Form => true,
        BodyKind::None | BodyKind::Multipart | BodyKind::Text | BodyKind::Xml => false,
    };
    if in_body && !has_members {
        let message = "the request has no body of members in which a parameter could stand";
        let hint = "write \"query\", or give the tool a JSON, GraphQL or form body";
        faults.advise(&part.at.name("in"), "conflict", message, hint);
    }
    in_body
}

/// Where a parameter goes; in a JSON body `a.b` and `/a/b` are places inside objects.
fn target(
    part: Object<'_, '_>,
    name: &str,
    default: &str,
    in_body: bool,
    around: Surroundings<'_>,
    faults: &mut Faults,
) -> Option<PageTarget> {
    let at = part.at.name(name);
    let text = match part.members.get(name) {
        Some(_) => faults.text(part, name)?,
        None => default,
    };
    faults.length(text, 256, &at);
    faults.without_secret(text, &at);
    if in_body && around.body == BodyKind::Form {
        return Some(PageTarget::Body(vec![text.to_owned()]));
    }
    if in_body {
        let names: Vec<String> = match text.strip_prefix('/') {
            Some(pointer) => pointer
                .split('/')
                .map(|token| token.replace("~1", "/").replace("~0", "~"))
                .collect(),
            None => text.split('.').map(str::to_owned).collect(),
        };
        if names.iter().any(String::is_empty) || names.len() > 16 {
            let message = "a place in the body is up to 16 member names";
            faults.advise(&at, "invalid_value", message, "write \"a.b\" or \"/a/b\"");
            return None;
        }
        return Some(PageTarget::Body(names));
    }
    if let Some(api) = around.api {
        let secret = |(other, value): &(String, super::Template)| {
            other == text && value.secrets().next().is_some()
        };
        if query_parameters(&api.auth).any(|own| own == text) || api.params.iter().any(secret) {
            let message = "a credential stands in this parameter";
            faults.add(&at, "conflict", message);
        }
    }
    Some(PageTarget::Query(text.to_owned()))
}

/// A path that leads to one value.
fn path(part: Object<'_, '_>, name: &str, faults: &mut Faults) -> Option<ResponsePath> {
    let text = faults.text(part, name)?;
    let at: At<'_> = part.at.name(name);
    match Path::parse(text) {
        Ok(path) if path.is_multiple() => {
            let message = "this JSONPath may lead to several values; one is wanted";
            faults.advise(
                &at,
                "invalid_path",
                message,
                "name each step, as in $.data.items",
            );
            None
        }
        Ok(_) => Some(ResponsePath(text.to_owned())),
        Err(why) => {
            faults.add(&at, "invalid_path", why);
            None
        }
    }
}
