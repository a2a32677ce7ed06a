//! Query parameters: each known, given once and well formed, or 400 with every fault.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use domain::fault::Fault;
use http::request::Parts;

use crate::cursor;
use crate::problem::Problem;

/// Longest page.
const MAX_LIMIT: u16 = 200;

/// A page without `?limit=`.
const DEFAULT_LIMIT: u16 = 50;

/// The request's query parameters as a `T`.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

/// A type that is read from query parameters.
pub trait FromQuery: Sized {
    /// Takes its parameters from `params`, which collects the faults.
    ///
    /// # Errors
    /// A problem of its own kind, such as `invalid_cursor`.
    fn from_query(params: &mut Params) -> Result<Self, Problem>;
}

/// Where a page of a list starts and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageOf<K> {
    /// The last key of the page before.
    pub after: Option<K>,
    /// At most so many: 1 to 200.
    pub limit: u16,
}

/// The query parameters while they are read.
#[derive(Debug)]
pub struct Params {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
    faults: Vec<Fault>,
}

impl<S: Send + Sync, T: FromQuery> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Params::read(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

impl Params {
    /// Reads a whole `T` from a query string.
    ///
    /// # Errors
    /// `invalid_request` with every fault, or the problem that `T` answers.
    pub fn read<T: FromQuery>(query: &str) -> Result<T, Problem> {
        let mut params = Self {
            pairs: form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            known: Vec::new(),
            faults: Vec::new(),
        };
        let read = T::from_query(&mut params);
        params.refuse_unknown();
        if params.faults.is_empty() {
            read
        } else {
            Err(Problem::invalid_request(params.faults))
        }
    }

    /// The text of a parameter.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let (mut given, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pairs)
            .into_iter()
            .partition(|(key, _)| key == name);
        self.pairs = rest;
        if given.len() > 1 {
            self.refuse(name, format!("{name} is given twice"), "give it once");
        }
        let text = given.pop().map(|(_, value)| value)?;
        if text.contains('\0') {
            let message = format!("{name} holds the character U+0000");
            self.refuse(name, message, "leave it out");
            return None;
        }
        Some(text)
    }

    /// A parameter that is parsed further.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, name: &'static str) -> Option<T> {
        let text = self.text(name)?;
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(why) => {
                self.faults
                    .push(Fault::new(name, "invalid_value", format!("{name}: {why}")));
                None
            }
        }
    }

    /// `limit`, if it is given.
    pub fn limit(&mut self) -> Option<u16> {
        let text = self.text("limit")?;
        match text.parse() {
            Ok(limit @ 1..=MAX_LIMIT) => Some(limit),
            Ok(_) | Err(_) => {
                let message = format!("limit must be a number from 1 to {MAX_LIMIT}");
                self.refuse("limit", message, "leave it out for the default");
                None
            }
        }
    }

    /// `cursor`: the last key of the page before, in the list of this name.
    ///
    /// # Errors
    /// `invalid_cursor`.
    pub fn cursor<K: FromStr>(&mut self, list: &str) -> Result<Option<K>, Problem> {
        self.text("cursor")
            .map(|text| cursor::decode(list, &text))
            .transpose()
    }

    /// `limit` and `cursor` together.
    ///
    /// # Errors
    /// `invalid_cursor`.
    pub fn page<K: FromStr>(&mut self, list: &str) -> Result<PageOf<K>, Problem> {
        let limit = self.limit().unwrap_or(DEFAULT_LIMIT);
        let after = self.cursor(list)?;
        Ok(PageOf { after, limit })
    }

    /// Records that a parameter is not acceptable.
    pub fn refuse(&mut self, name: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.faults
            .push(Fault::new(name, "invalid_value", message).hint(hint));
    }

    fn refuse_unknown(&mut self) {
        for (name, _) in std::mem::take(&mut self.pairs) {
            let fault = Fault::new(
                name.as_str(),
                "unknown_parameter",
                format!("{name:?} is no query parameter here"),
            );
            let hint = match domain::text::did_you_mean(&name, &self.known) {
                Some(hint) => hint,
                None if name.starts_with("workspace") => {
                    "name the workspace in the header X-Workspace-Id".to_owned()
                }
                None if self.known.is_empty() => "this operation takes none".to_owned(),
                None => format!("the parameters are {}", self.known.join(", ")),
            };
            self.faults.push(fault.hint(hint));
        }
    }
}

/// One page of a list, read with one row more than asked for.
#[derive(Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one starts; absent at the end.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Cuts `rows` to `limit`; when there was one more, the cursor is made of the last one kept.
    pub fn cut<K: Display>(
        mut rows: Vec<T>,
        limit: u16,
        list: &str,
        key: impl Fn(&T) -> K,
    ) -> Self {
        let more = rows.len() > usize::from(limit);
        rows.truncate(usize::from(limit));
        let next_cursor = rows
            .last()
            .filter(|_| more)
            .map(|last| cursor::encode(list, &key(last)));
        Self {
            items: rows,
            next_cursor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Names(PageOf<String>, Option<bool>);

    impl FromQuery for Names {
        fn from_query(params: &mut Params) -> Result<Self, Problem> {
            let success = params.parsed("success");
            params.page("names").map(|page| Self(page, success))
        }
    }

    #[test]
    fn reads_pages() {
        let cursor = cursor::encode("names", &"b");
        let Names(page, success) =
            Params::read(&format!("limit=2&success=true&cursor={cursor}")).unwrap();
        assert_eq!(page.limit, 2);
        assert_eq!(page.after.as_deref(), Some("b"));
        assert_eq!(success, Some(true));
    }

    #[test]
    fn refuses_what_is_malformed_unknown_or_double() {
        for bad in [
            "limit=1000000000",
            "limit=-1",
            "limit=0",
            "limit=1&limit=2",
            "sort=(select%20pg_sleep(5))",
            "workspace_id=x",
            "success=maybe",
            "cursor=AAAA",
        ] {
            assert!(Params::read::<Names>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_page_knows_whether_there_is_more() {
        let page = Page::cut(vec!["a", "b", "c"], 2, "names", |name| *name);
        assert_eq!(page.items, ["a", "b"]);
        assert_eq!(page.next_cursor, Some(cursor::encode("names", &"b")));
        assert_eq!(
            Page::cut(vec!["a"], 2, "names", |name| *name).next_cursor,
            None
        );
    }
}
