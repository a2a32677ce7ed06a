//! `POST /api/v1/workspaces`: a new workspace, whose owner is the person that asks.

use axum::extract::State;
use persistence::audit::{self, NewAudit};
use persistence::workspaces::{self, Workspace};
use persistence::{Db, Insert};
use serde_json::json;
use utoipa::ToSchema;
use web::openapi::Conflict;
use web::{Code, Created, Fields, FromFields, Json, Person, Problem};

use crate::names;
use crate::view::WorkspaceView;

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
        let name = names::kept(fields, &name?, "such as Research");
        let slug = slug.or_else(|| names::slug_of(&name)).unwrap_or_default();
        names::check_slug(fields, &slug);
        Some(Self { name, slug })
    }
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
