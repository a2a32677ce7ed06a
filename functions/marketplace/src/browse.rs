//! `GET /api/v1/marketplace`: what workspaces show to everybody.

use std::fmt::{self, Display};
use std::str::FromStr;

use axum::extract::State;
use domain::publication::Kind;
use persistence::Db;
use persistence::marketplace::{self, Browse, Listed, Sort};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::openapi::words;
use web::{Code, FromQuery, Json, Page, PageOf, Params, Problem, Query};

use crate::publication_view::PublicationView;

const LIST: &str = "marketplace";
/// Longest search, in characters.
const MAX_Q: usize = 200;

/// Which page of what is listed.
#[derive(Debug)]
pub(crate) struct Wanted {
    q: Option<String>,
    tag: Option<String>,
    kind: Option<Kind>,
    sort: Sort,
    page: PageOf<Place>,
}

/// As the API's description tells [`Wanted`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query")]
pub(crate) struct WantedParams {
    /// Words to search for: `"a phrase"`, `or`, `-without`; the last word also matches as a beginning.
    #[param(max_length = 200)]
    q: Option<String>,
    /// With this tag only.
    tag: Option<String>,
    /// `tool`, `flow` or `prompt` only.
    #[param(inline, value_type = Option<words::Kind>)]
    kind: Option<String>,
    /// `relevance` (default with `q`), `rating`, `installs` (default without), `new`.
    #[param(inline, value_type = Option<Order>)]
    sort: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What comes first.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "describes the query")]
enum Order {
    Relevance,
    Rating,
    Installs,
    New,
}

impl FromQuery for Wanted {
    fn from_query(params: &mut Params) -> Result<Self, Problem> {
        let q = params.text("q").map(|q| q.trim().to_owned());
        let q = q.filter(|q| !q.is_empty());
        if q.as_ref().is_some_and(|q| q.chars().count() > MAX_Q) {
            let message = format!("q has at most {MAX_Q} characters");
            params.refuse("q", message, "search for fewer words");
        }
        let tag = params.text("tag");
        let kind = params.parsed("kind");
        let named = params.text("sort");
        let sort = match named.as_deref() {
            None if q.is_some() => Sort::Relevance,
            None | Some("installs") => Sort::Installs,
            Some("relevance") if q.is_some() => Sort::Relevance,
            Some("rating") => Sort::Rating,
            Some("new") => Sort::New,
            Some(_) => {
                let message = "sort is rating, installs or new, and with q also relevance";
                params.refuse("sort", message, "leave it out for the default");
                Sort::Installs
            }
        };
        // The cursor of one order means nothing in another.
        let page: PageOf<Place> = params.page(&format!("{LIST}.{}", sort.as_str()))?;
        if page.after.as_ref().is_some_and(|place| !place.is_of(sort)) {
            let detail = "this list did not make that cursor";
            return Err(Problem::new(Code::InvalidCursor, detail));
        }
        Ok(Self {
            q,
            tag,
            kind,
            sort,
            page,
        })
    }
}

/// The place of a row in its order.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// A decimal number.
    value: String,
    id: Uuid,
}

impl Place {
    /// Whether a row can have this value in this order: the database reads counts and times of it.
    fn is_of(&self, sort: Sort) -> bool {
        let (whole, decimals) = self.value.split_once('.').unwrap_or((&self.value, ""));
        match sort {
            Sort::Installs => whole.len() <= 18 && decimals.is_empty(),
            Sort::New => whole.len() <= 11,
            Sort::Rating | Sort::Relevance => whole.len() <= 2,
        }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}", self.value, self.id)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (value, id) = text.split_once('~').ok_or(())?;
        let decimal = value.len() <= 40
            && value.starts_with(|c: char| c.is_ascii_digit())
            && value.ends_with(|c: char| c.is_ascii_digit())
            && value.bytes().filter(|b| *b == b'.').count() <= 1
            && value.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match decimal {
            true => Ok(Self {
                value: value.to_owned(),
                id: id.parse().map_err(drop)?,
            }),
            false => Err(()),
        }
    }
}

/// A page of the marketplace.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublicationList {
    publications: Vec<PublicationView>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Browse the marketplace
///
/// Tools, flows and prompts that workspaces published, with rating, installs and health. Nobody has to sign in.
#[utoipa::path(
    get, path = "/api/v1/marketplace", operation_id = "browse_marketplace", tag = "marketplace",
    params(WantedParams),
    responses((status = 200, description = "A page of what is public.", body = PublicationList))
)]
pub(crate) async fn browse(
    State(db): State<Db>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<PublicationList>, Problem> {
    let PageOf { after, limit } = wanted.page;
    let mut tx = db.begin_anonymous().await?;
    let rows = marketplace::browse(
        &mut tx,
        &Browse {
            q: wanted.q.as_deref(),
            tag: wanted.tag.as_deref(),
            kind: wanted.kind,
            sort: wanted.sort,
            after: after.as_ref().map(|place| (place.value.as_str(), place.id)),
            limit: i32::from(limit) + 1,
        },
    )
    .await?;
    tx.commit().await?;
    let list = format!("{LIST}.{}", wanted.sort.as_str());
    let page = Page::cut(rows, limit, &list, |row| Place {
        value: row.value.clone(),
        id: row.id,
    });
    Ok(Json(PublicationList {
        publications: page.items.into_iter().filter_map(shown).collect(),
        next_cursor: page.next_cursor,
    }))
}

/// One row that cannot be read does not hide the others.
fn shown(listed: Listed) -> Option<PublicationView> {
    let slug = listed.slug.clone();
    let view = PublicationView::try_from(listed);
    view.inspect_err(|error| tracing::error!(slug, %error, "a publication cannot be read"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let place = Place {
            value: "4.25000".to_owned(),
            id: Uuid::from_u128(7),
        };
        let read: Place = place.to_string().parse().unwrap();
        assert_eq!((read.value, read.id), (place.value, place.id));
    }

    #[test]
    fn refuses_values_that_are_no_decimal_numbers() {
        let id = Uuid::from_u128(7);
        for value in [
            "",
            "-1",
            "1e9",
            "NaN",
            "1.",
            ".1",
            "1.1.1",
            "1;",
            &"1".repeat(41),
        ] {
            assert!(format!("{value}~{id}").parse::<Place>().is_err(), "{value}");
        }
        assert!("1~x".parse::<Place>().is_err());
    }
}
