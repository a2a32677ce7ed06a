//! What `response.pagination` says: how the next page is asked for, and when to stop.

use super::ResponsePath;

/// `response.pagination`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pagination {
    /// How the next page is asked for.
    pub kind: PageKind,
    /// Where a page's items stand; `None`: the whole body is the array.
    pub items_path: Option<ResponsePath>,
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
        /// The query parameter that it goes to.
        param: String,
    },
    /// By a URL of the last answer: the header `Link` with `rel="next"` (RFC 8288), or a value of the body.
    Link {
        /// Where it stands in the body; `None`: the header.
        path: Option<ResponsePath>,
    },
    /// By the number of items so far.
    Offset {
        /// The query parameter of the offset.
        param: String,
        /// The query parameter of the page's size.
        limit_param: Option<String>,
        /// Items a page.
        page_size: u64,
        /// The first offset.
        start: u64,
    },
    /// By the page's number.
    Page {
        /// The query parameter of the number.
        param: String,
        /// The query parameter of the page's size.
        limit_param: Option<String>,
        /// Items a page, when it is known.
        page_size: Option<u64>,
        /// The first page's number.
        start: u64,
    },
}
