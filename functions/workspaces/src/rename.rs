//! `PATCH /api/v1/workspaces/{workspace_id}`: another name or slug.

use axum::extract::State;
use persistence::{Db, audit, workspaces};
use serde_json::json;
use utoipa::ToSchema;
use web::openapi::{Conflict, Missing};
use web::{Allowed, Code, Fields, FromFields, Json, Problem};

use crate::view::WorkspaceView;
use crate::{names, noted};

/// What changes; what is left out stays.
#[derive(Debug, ToSchema)]
#[schema(min_properties = 1)]
pub(crate) struct WorkspaceChange {
    /// What people call it: 1 to 100 characters.
    #[schema(example = "Research and more")]
    name: Option<String>,
    /// Its unique short name, by the rules of a new one. The old one names nothing any more and may be taken by anybody.
    #[schema(example = "research-and-more")]
    slug: Option<String>,
}

impl FromFields for WorkspaceChange {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name: Option<String> = fields.optional("name");
        let slug: Option<String> = fields.optional("slug");
        let name = name.map(|name| names::kept(fields, &name, "such as Research"));
        if let Some(slug) = &slug {
            names::check_slug(fields, slug);
        }
        if name.is_none() && slug.is_none() {
            fields.refuse("name", "nothing would change", "send name, slug or both");
        }
        Some(Self { name, slug })
    }
}

/// Rename a workspace
///
/// Its id stays. Whoever selects it by the old slug does not find it any more.
#[utoipa::path(
    patch, path = "/api/v1/workspaces/{workspace_id}", operation_id = "rename_workspace", tag = "workspaces",
    params(("workspace_id" = String, Path, description = "Its id or slug.", example = "research")),
    request_body(content = WorkspaceChange, example = json!({ "name": "Research and more" })),
    responses((status = 200, description = "The workspace as it is now.", body = WorkspaceView), Missing, Conflict)
)]
pub(crate) async fn rename(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    Json(change): Json<WorkspaceChange>,
) -> Result<Json<WorkspaceView>, Problem> {
    let gone = || Problem::new(Code::WorkspaceNotFound, "this workspace is gone");
    let (id, name, slug) = (
        caller.workspace_id,
        change.name.as_deref(),
        change.slug.as_deref(),
    );
    let mut tx = db.begin_as(&caller.principal, Some(id)).await?;
    let before = workspaces::by_id(&mut tx, id).await?.ok_or_else(gone)?;
    if !workspaces::rename(&mut tx, id, name, slug).await? {
        return Err(gone());
    }
    let after = workspaces::by_id(&mut tx, id).await?.ok_or_else(gone)?;
    let subject = id.to_string();
    let detail = json!({
        "name": after.name, "slug": after.slug,
        "before": { "name": before.name, "slug": before.slug },
    });
    let line = noted(&caller, "workspace.rename", ("workspace", &subject), detail);
    audit::append(&mut tx, &line).await?;
    tx.commit().await?;
    Ok(Json(WorkspaceView {
        role: caller.role.as_str(),
        ..after.into()
    }))
}
