//! The development user and workspace: made the first time, found again later.

use domain::caller::{Caller, Principal};
use domain::ids::{UserId, WorkspaceId};
use persistence::{Entry, Insert, workspaces};
use uuid::Uuid;

use crate::compose::Rooms;
use crate::error::Error;

/// The same in every local database, so that two local servers on one database share a workspace.
pub(crate) const USER: Uuid = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0001);
pub(crate) const EMAIL: &str = "developer@example.com";

/// The development user in its workspace.
pub(crate) async fn enter(rooms: &Rooms) -> Result<Caller, Error> {
    let principal = Principal::user(UserId(USER), Some(EMAIL.to_owned()));
    let mut tx = rooms.db.begin_as(&principal, None).await?;
    let mine = workspaces::mine(&mut tx, None, 1).await?;
    tx.commit().await?;
    let id = match mine.first() {
        Some(workspace) => workspace.id,
        None => create(rooms, &principal).await?,
    };
    member(rooms, principal, id).await
}

/// The same caller, who sees the workspace's tools and flows as they are by now.
pub(crate) async fn again(rooms: &Rooms, caller: &Caller) -> Result<Caller, Error> {
    member(rooms, caller.principal.clone(), caller.workspace_id).await
}

async fn member(rooms: &Rooms, principal: Principal, id: WorkspaceId) -> Result<Caller, Error> {
    match rooms.db.enter(&principal, Some(&id.to_string())).await? {
        Entry::Member(membership) => Ok(Caller {
            principal,
            workspace_id: membership.workspace_id,
            role: membership.role,
            catalog_revision: membership.catalog_revision,
        }),
        Entry::Deleted(_)
        | Entry::NoWorkspace
        | Entry::Several
        | Entry::NotFound
        | Entry::Disabled => Err(Error::SetUp {
            reason: "the development user cannot enter its workspace".to_owned(),
        }),
    }
}

async fn create(rooms: &Rooms, principal: &Principal) -> Result<WorkspaceId, Error> {
    // On a database of yours the plain name may be taken by somebody else.
    let other = format!("development-{}", &Uuid::new_v4().simple().to_string()[..8]);
    for slug in ["development", &other] {
        let mut tx = rooms.db.begin_as(principal, None).await?;
        let made = workspaces::create(&mut tx, principal, "Development", slug).await?;
        tx.commit().await?;
        if let Insert::Created(workspace) = made {
            return Ok(workspace.id);
        }
    }
    Err(Error::SetUp {
        reason: "the development workspace cannot be created".to_owned(),
    })
}
