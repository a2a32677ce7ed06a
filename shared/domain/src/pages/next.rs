//! What one answer says of the next page.

use serde_json::Value;

use super::parameters::{number, put};
use super::{follow, link};
use crate::config::{PageKind, PageTarget, Pagination, ResponsePath};
use crate::failure::{Failure, FailureCode};
use crate::path::Path;
use crate::request::Draft;

/// Longest cursor in a query, in bytes; servers take URLs of 8 KB.
const LONGEST_IN_QUERY: usize = 8 * 1024;
/// Longest cursor in a body, in bytes.
const LONGEST_IN_BODY: usize = 64 * 1024;

/// The next page, as far as the answer names it.
pub(super) enum Following {
    None,
    /// There is, or may be, another page: its request, and its name for telling repetitions.
    Page(Box<Draft>, String),
}

/// What the next page depends on.
pub(super) struct Next<'p> {
    pub(super) rules: &'p Pagination,
    /// Query parameters that are the tool's credential.
    pub(super) own: &'p [String],
    /// The request of the page that was answered.
    pub(super) draft: &'p Draft,
}

impl Next<'_> {
    /// What the answer says of the next page.
    pub(super) fn after(&self, answer: &Value, link: Option<&str>) -> Result<Following, Failure> {
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
                let so_far = number(self.draft, to).unwrap_or(*start);
                let count = match &self.rules.items_path {
                    Some(path) => one(path, answer)?,
                    None => Some(answer),
                };
                let count = count.and_then(Value::as_array).map_or(0, Vec::len);
                Ok(self.by_number(to, so_far.saturating_add(count as u64)))
            }
            PageKind::Page { to, start } => {
                let page = number(self.draft, to).unwrap_or(*start);
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
        let longest = match to {
            PageTarget::Query(_) => LONGEST_IN_QUERY,
            PageTarget::Body(_) => LONGEST_IN_BODY,
        };
        if name.len() > longest {
            let message = format!(
                "no next page: the cursor is longer than {} KB",
                longest / 1024
            );
            let hint = "let response.pagination.cursor_path lead to the cursor itself";
            return Err(Failure::new(FailureCode::InvalidResponse, message, hint)
                .detail("path", path.0.as_str()));
        }
        let mut draft = self.draft.clone();
        put(&mut draft, to, cursor.clone());
        Ok(Following::Page(Box::new(draft), name))
    }

    fn by_link(&self, target: &str) -> Result<Following, Failure> {
        let draft = follow::follow(self.draft, target, self.own)?;
        let name = follow::written(&draft);
        Ok(Following::Page(Box::new(draft), name))
    }
}

/// The value that a path leads to.
pub(super) fn one<'v>(
    path: &ResponsePath,
    answer: &'v Value,
) -> Result<Option<&'v Value>, Failure> {
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
