//! Answers that come in pages: from one answer to the request of the next page, and all items in one answer. Pure.
//!
//! The first page's answer stays as it is, except that the items of all pages stand where its own stood: a mapping
//! works as it does for one page. The list ends where the upstream ends it:
//!
//! - by `cursor` or `link` when no next one is named. An empty page that names a next one is followed, as some APIs
//!   answer those in between; a second one in a row ends it;
//! - by `offset` or `page` at an empty page, or one with fewer than `page_size` items;
//! - always when `has_more_path` leads to something false.
//!
//! Whatever else ends it (the same page again, a limit) is told as a warning: nothing is left out silently.

mod follow;
mod link;
mod parameters;

use std::collections::HashSet;

use serde_json::Value;

use crate::config::{Auth, PageKind, PageTarget, Pagination, ResponsePath};
use crate::failure::{Failure, FailureCode};
use crate::path::Path;
use crate::request::Draft;
use crate::steps::{self, Step};
use parameters::{number, put, stated};

pub(crate) use parameters::credential_parameters;
pub use parameters::first;

/// Why no further page is asked for, though there may be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The execution's time is up.
    Time,
    /// The pages together are as large as one answer may be.
    Bytes(u64),
}

/// The pages of one execution.
#[derive(Debug)]
pub struct Pages<'c> {
    rules: &'c Pagination,
    /// Query parameters that are the tool's credential: never taken from a link.
    own: Vec<String>,
    /// The request of the next page, or of the last one.
    draft: Draft,
    /// The first answer in which there were items, without them, and where they stood.
    base: Option<(Value, Vec<Step>)>,
    /// The first answer.
    first: Option<Value>,
    items: Vec<Value>,
    /// Where the items of the last page begin.
    last: usize,
    /// Cursors, links, numbers that were asked for.
    asked: HashSet<String>,
    read: u32,
    empty: u32,
    warnings: Vec<String>,
}

/// What one answer says.
enum Found {
    /// Nothing stands at `items_path`.
    Absent,
    /// Items, and where they stand.
    Items(Vec<Value>, Vec<Step>),
}

/// The next page, as far as the answer names it.
enum Following {
    None,
    /// There is, or may be, another page: its request, and its name for telling repetitions.
    Page(Box<Draft>, String),
}

impl<'c> Pages<'c> {
    /// The pages that begin with this request.
    pub fn begin(rules: &'c Pagination, auth: &Auth, draft: Draft) -> Self {
        let mut pages = Self {
            rules,
            own: credential_parameters(auth)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            draft,
            base: None,
            first: None,
            items: Vec::new(),
            last: 0,
            asked: HashSet::new(),
            read: 0,
            empty: 0,
            warnings: Vec::new(),
        };
        let name = match &rules.kind {
            PageKind::Cursor { to, .. }
            | PageKind::Offset { to, .. }
            | PageKind::Page { to, .. } => stated(&pages.draft, to),
            PageKind::Link { .. } => Some(follow::written(&pages.draft)),
        };
        pages.asked.extend(name);
        pages
    }

    /// The request of the page that is to be read.
    pub const fn draft(&self) -> &Draft {
        &self.draft
    }

    /// How many pages were read.
    pub const fn read(&self) -> u32 {
        self.read
    }

    /// Takes one page: its answer, and its header `Link`. True: [`draft`](Self::draft) is the request of another.
    ///
    /// # Errors
    /// `mapping_failed`: what the config says of the answer does not hold of it. `egress_blocked`: the next link
    /// leads to another origin. `invalid_response`: it is no link.
    pub fn take(&mut self, answer: Value, link: Option<&str>) -> Result<bool, Failure> {
        self.read += 1;
        let page = self.read;
        let numbered = |failure: Failure| failure.detail("page", page);
        let following = self.following(&answer, link).map_err(numbered)?;
        let (found, answer) = self.found(answer).map_err(numbered)?;
        let count = match found {
            Found::Absent => {
                self.absent(answer, &following).map_err(numbered)?;
                0
            }
            Found::Items(items, place) => {
                if self.is_repeated(&items, &following) {
                    self.warnings.push(format!(
                        "Page {page} is the same as the one before: the upstream may not know the parameter of \
                         response.pagination. Stopped there."
                    ));
                    return Ok(false);
                }
                let count = items.len();
                self.last = self.items.len();
                self.items.extend(items);
                self.base.get_or_insert((answer, place));
                count
            }
        };
        self.empty = if count == 0 { self.empty + 1 } else { 0 };
        Ok(self.goes_on(count, following))
    }

    /// No further page can be asked for.
    pub fn stop(&mut self, limit: Limit) {
        let why = match limit {
            Limit::Time => "the time of the execution is up".to_owned(),
            Limit::Bytes(most) => {
                format!("the pages together are larger than max_response_bytes ({most})")
            }
        };
        self.stopped(&why);
    }

    /// All pages as one answer, and what is worth knowing about it.
    pub fn joined(self) -> (Value, Vec<String>) {
        let answer = match self.base {
            None => self.first.unwrap_or_default(),
            Some((mut answer, place)) => {
                if let Some(stood) = steps::at_mut(&mut answer, &place) {
                    *stood = Value::Array(self.items);
                }
                answer
            }
        };
        (answer, self.warnings)
    }

    /// Whether the page that was just taken is followed by another.
    fn goes_on(&mut self, count: usize, following: Following) -> bool {
        let counted = self.is_counted();
        let (draft, name) = match following {
            Following::None => return self.fits_items(false),
            Following::Page(draft, name) => (draft, name),
        };
        let told = self.rules.has_more_path.is_some();
        if counted && !told && (count == 0 || self.size().is_some_and(|full| (count as u64) < full))
        {
            return self.fits_items(false);
        }
        if !self.fits_items(true) {
            return false;
        }
        if self.empty > 1 {
            self.stopped("two pages in a row were empty");
            return false;
        }
        if !self.asked.insert(name) {
            if count > 0 {
                self.stopped("the upstream names a page that was read before as the next one");
            }
            return false;
        }
        if self.read >= self.rules.max_pages {
            let most = format!("max_pages is {}", self.rules.max_pages);
            self.stopped(&most);
            return false;
        }
        self.draft = *draft;
        true
    }

    /// Items of a full page: as they were asked for, which an input may say, too.
    fn size(&self) -> Option<u64> {
        let limit = self.rules.limit.as_ref();
        limit
            .and_then(|to| number(&self.draft, to))
            .or(self.rules.page_size)
    }

    /// Cuts to `max_items`; false when there is no room for more.
    fn fits_items(&mut self, more: bool) -> bool {
        let Some(most) = self.rules.max_items else {
            return more;
        };
        let room = usize::try_from(most).unwrap_or(usize::MAX);
        let cut = self.items.len() > room;
        self.items.truncate(room);
        if cut || more && self.items.len() == room {
            self.stopped(&format!("max_items is {most}"));
            return false;
        }
        more
    }

    fn stopped(&mut self, why: &str) {
        let pages = match self.read {
            1 => "1 page".to_owned(),
            read => format!("{read} pages"),
        };
        let (items, may) = (
            self.items.len(),
            if self.is_counted() { "may be" } else { "is" },
        );
        self.warnings.push(format!(
            "Stopped after {pages} with {items} items, because {why}; more {may} there."
        ));
    }

    const fn is_counted(&self) -> bool {
        matches!(
            self.rules.kind,
            PageKind::Offset { .. } | PageKind::Page { .. }
        )
    }

    /// The same items again, though another page was asked for.
    fn is_repeated(&self, items: &[Value], following: &Following) -> bool {
        let named_again = match following {
            Following::None => false,
            Following::Page(_, name) => self.is_counted() || self.asked.contains(name),
        };
        named_again && self.read > 1 && !items.is_empty() && self.items[self.last..] == *items
    }

    /// Nothing at `items_path`: an empty page in some APIs, but a wrong path in most.
    fn absent(&mut self, answer: Value, following: &Following) -> Result<(), Failure> {
        if self.base.is_some() {
            return Ok(());
        }
        let told = self
            .rules
            .items_path
            .as_ref()
            .map_or("$", |path| path.0.as_str());
        let nearest = Path::parse(told)
            .ok()
            .and_then(|path| path.nearest(&answer));
        let hint = match &nearest {
            Some(nearest) => format!("nearest key: {nearest:?}"),
            None => "compare response.pagination.items_path with the answer".to_owned(),
        };
        let named = matches!(following, Following::Page(..)) && !self.is_counted();
        if named && self.empty > 0 {
            let message = format!("no items of a page: nothing at {told:?}");
            return Err(
                Failure::new(FailureCode::MappingFailed, message, hint).detail("path", told)
            );
        }
        if !named {
            self.warnings.push(format!(
                "Nothing stands at response.pagination.items_path ({told:?}; {hint}): no pages were joined."
            ));
        }
        self.first.get_or_insert(answer);
        Ok(())
    }

    /// The items of an answer, taken out of it.
    fn found(&self, mut answer: Value) -> Result<(Found, Value), Failure> {
        let (place, kind) = match &self.rules.items_path {
            None => (Some(Vec::new()), crate::coerce::type_name(&answer)),
            Some(path) => {
                let found = one(path, &answer)?;
                let kind = found.map_or("absent", crate::coerce::type_name);
                (found.and_then(|found| steps::to(&answer, found)), kind)
            }
        };
        let Some(place) = place else {
            return Ok((Found::Absent, answer));
        };
        let stood = steps::at_mut(&mut answer, &place);
        match stood.map(Value::take) {
            None => Ok((Found::Absent, answer)),
            Some(Value::Array(items)) => Ok((Found::Items(items, place), answer)),
            Some(Value::Null) => Ok((Found::Items(Vec::new(), place), answer)),
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                let told = self
                    .rules
                    .items_path
                    .as_ref()
                    .map_or("$", |path| path.0.as_str());
                let message = format!("no items of a page: at {told:?} there is no array");
                let hint = "let response.pagination.items_path lead to the array of items";
                Err(Failure::new(FailureCode::MappingFailed, message, hint)
                    .detail("path", told)
                    .detail("found_type", kind))
            }
        }
    }

    /// What the answer says of the next page.
    fn following(&self, answer: &Value, link: Option<&str>) -> Result<Following, Failure> {
        if let Some(path) = &self.rules.has_more_path
            && one(path, answer)?.is_none_or(is_no)
        {
            return Ok(Following::None);
        }
        match &self.rules.kind {
            PageKind::Cursor { path, to } => match one(path, answer)? {
                Some(cursor) if !is_no(cursor) => self.by_cursor(path, cursor, to),
                Some(_) | None => Ok(Following::None),
            },
            PageKind::Link { path: None } => match link.and_then(link::next) {
                Some(target) => self.by_link(target),
                None => Ok(Following::None),
            },
            PageKind::Link { path: Some(path) } => match one(path, answer)? {
                Some(Value::String(target)) if !target.is_empty() => self.by_link(target),
                Some(other) if !is_no(other) => Err(unfit(path, other, "no URL")),
                Some(_) | None => Ok(Following::None),
            },
            PageKind::Offset { to, start } => {
                let so_far = number(&self.draft, to).unwrap_or(*start);
                let count = match &self.rules.items_path {
                    Some(path) => one(path, answer)?,
                    None => Some(answer),
                };
                let count = count.and_then(Value::as_array).map_or(0, Vec::len);
                Ok(self.by_number(to, so_far.saturating_add(count as u64)))
            }
            PageKind::Page { to, start } => {
                let page = number(&self.draft, to).unwrap_or(*start);
                Ok(self.by_number(to, page.saturating_add(1)))
            }
        }
    }

    fn by_number(&self, to: &PageTarget, number: u64) -> Following {
        let mut draft = self.draft.clone();
        put(&mut draft, to, Value::from(number));
        Following::Page(Box::new(draft), number.to_string())
    }

    fn by_cursor(
        &self,
        path: &ResponsePath,
        cursor: &Value,
        to: &PageTarget,
    ) -> Result<Following, Failure> {
        let name = match cursor {
            Value::String(text) if is_url(text) => return self.by_link(text),
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Array(_) | Value::Object(_) if matches!(to, PageTarget::Body(_)) => {
                cursor.to_string()
            }
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                return Err(unfit(path, cursor, "nothing that a query parameter can be"));
            }
        };
        let mut draft = self.draft.clone();
        put(&mut draft, to, cursor.clone());
        Ok(Following::Page(Box::new(draft), name))
    }

    fn by_link(&self, target: &str) -> Result<Following, Failure> {
        let draft = follow::follow(&self.draft, target, &self.own)?;
        let name = follow::written(&draft);
        Ok(Following::Page(Box::new(draft), name))
    }
}

/// The value that a path leads to.
fn one<'v>(path: &ResponsePath, answer: &'v Value) -> Result<Option<&'v Value>, Failure> {
    let failed = |why: String| {
        let hint = "mend the path in response.pagination of the tool's config";
        Failure::new(FailureCode::MappingFailed, why, hint).detail("path", path.0.as_str())
    };
    let parsed = Path::parse(&path.0).map_err(failed)?;
    match parsed.find(answer) {
        Ok(Some(std::borrow::Cow::Borrowed(found))) => Ok(Some(found)),
        Ok(Some(std::borrow::Cow::Owned(_))) => Err(failed(format!(
            "the path {:?} leads to several values",
            path.0
        ))),
        Ok(None) => Ok(None),
        Err(why) => Err(failed(why.to_string())),
    }
}

/// Values that name no next page. A list never goes on at its beginning, and "0" ends it in several APIs.
fn is_no(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => matches!(text.as_str(), "" | "0"),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(true) => false,
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

fn unfit(path: &ResponsePath, found: &Value, what: &str) -> Failure {
    let kind = crate::coerce::type_name(found);
    let message = format!("no next page: at {:?} there is {kind}, {what}", path.0);
    let hint = "let the path lead to the cursor or URL; a cursor that is an object or array needs \"in\": \"body\"";
    Failure::new(FailureCode::MappingFailed, message, hint)
        .detail("path", path.0.as_str())
        .detail("found_type", kind)
}

#[cfg(test)]
mod tests;
