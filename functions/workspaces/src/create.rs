//! `POST /api/v1/workspaces`: a new workspace, whose owner is the person that asks.

use axum::extract::State;
use persistence::audit::{self, NewAudit};
use persistence::workspaces::{self, Workspace};
use persistence::{Db, Insert};
use serde_json::json;
use utoipa::ToSchema;
use web::openapi::Conflict;
use web::{Code, Created, Fields, FromFields, Json, Person, Problem};

use crate::view::WorkspaceView;

/// Longest display name, in characters.
const MAX_NAME: usize = 100;

/// A workspace to be made.
#[derive(Debug, ToSchema)]
pub(crate) struct NewWorkspace {
    /// What people call it: 1 to 100 characters.
    #[schema(example = "Research")]
    name: String,
    /// Its unique short name: 1 to 63 characters of a-z and 0-9, with single - between them. Absent: made from `name`.
    #[schema(example = "research", required = false)]
    slug: String,
}

impl FromFields for NewWorkspace {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name: Option<String> = fields.required("name");
        let slug: Option<String> = fields.optional("slug");
        let name = name?.trim().to_owned();
        let visible = domain::text::hidden_character(&name).is_none();
        if !(1..=MAX_NAME).contains(&name.chars().count()) || !visible {
            fields.refuse(
                "name",
                "a name has 1 to 100 visible characters",
                "such as Research",
            );
        }
        let slug = slug.or_else(|| slug_of(&name)).unwrap_or_default();
        if !is_slug(&slug) {
            fields.refuse(
                "slug",
                "a slug has 1 to 63 characters of a-z and 0-9 with single - between them, and is no UUID",
                "state one, such as my-team",
            );
        }
        Some(Self { name, slug })
    }
}

/// Lower case; every run of other characters one `-`.
fn slug_of(name: &str) -> Option<String> {
    let mut slug = String::new();
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
        if slug.len() == 63 {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    (!slug.is_empty()).then(|| slug.to_owned())
}

/// A UUID would be taken for an id in `X-Workspace-Id`.
fn is_slug(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
        && text.parse::<uuid::Uuid>().is_err()
}

/// Make a workspace
///
/// Its owner is the person that asks. An API key cannot make one.
#[utoipa::path(
    post, path = "/api/v1/workspaces", operation_id = "create_workspace", tag = "workspaces",
    request_body(content = NewWorkspace, example = json!({ "name": "Research", "slug": "research" })),
    responses((status = 201, description = "It was made.", body = WorkspaceView), Conflict)
)]
pub(crate) async fn create(
    Person(principal): Person,
    State(db): State<Db>,
    Json(new): Json<NewWorkspace>,
) -> Result<Created<WorkspaceView>, Problem> {
    let mut tx = db.begin_as(&principal, None).await?;
    let made = workspaces::create(&mut tx, &principal, &new.name, &new.slug).await?;
    if let Insert::Created(workspace) = &made {
        let first = NewAudit {
            workspace_id: workspace.id,
            actor: Some(principal.user_id),
            action: "workspace.create",
            subject_kind: "workspace",
            subject: &workspace.id.to_string(),
            detail: json!({ "slug": workspace.slug, "owner": principal.user_id }),
        };
        audit::append(&mut tx, &first).await?;
    }
    tx.commit().await?;
    created(made, &new.slug)
}

fn created(made: Insert<Workspace>, slug: &str) -> Result<Created<WorkspaceView>, Problem> {
    match made {
        Insert::Created(workspace) => Ok(Created(workspace.into())),
        Insert::Exists => Err(Problem::new(
            Code::AlreadyExists,
            format!("a workspace of the slug {slug} exists"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_slugs() {
        for (name, slug) in [
            ("Research", Some("research")),
            ("  My  Team! ", Some("my-team")),
            ("日本", None),
        ] {
            assert_eq!(slug_of(name).as_deref(), slug, "{name}");
        }
        assert!(is_slug(&slug_of(&"a b".repeat(60)).unwrap()));
    }

    #[test]
    fn refuses_slugs_that_look_like_ids() {
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "a_b",
            "a--b",
            "0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11",
        ] {
            assert!(!is_slug(bad), "{bad}");
        }
    }
}
