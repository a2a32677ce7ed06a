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
mod next;
mod parameters;

use std::collections::HashSet;

use serde_json::Value;

use crate::config::{Auth, PageKind, Pagination, query_parameters};
use crate::failure::{Failure, FailureCode};
use crate::path::Path;
use crate::request::Draft;
use crate::steps::{self, Step};
use crate::weight::Budget;
use next::{Following, Next, one};
use parameters::{number, stated};

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
    /// What further items may take in memory.
    room: Budget,
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

impl<'c> Pages<'c> {
    /// The pages that begin with this request.
    pub fn begin(rules: &'c Pagination, auth: &Auth, draft: Draft) -> Self {
        let mut pages = Self {
            rules,
            own: query_parameters(auth).map(str::to_owned).collect(),
            draft,
            base: None,
            first: None,
            items: Vec::new(),
            room: Budget::full(),
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
        let next = Next {
            rules: self.rules,
            own: &self.own,
            draft: &self.draft,
        };
        let following = next.after(&answer, link).map_err(numbered)?;
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
                // What the first page takes was bounded when it was read.
                let fits = items.iter().all(|item| self.room.spend(item).is_ok());
                if !fits && !self.items.is_empty() {
                    self.read -= 1;
                    self.stopped("with the next one they would take hundreds of megabytes");
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
            // A cursor that stays the same on an empty page is the end in some APIs.
            if count > 0 || counted {
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
}

#[cfg(test)]
mod tests;
