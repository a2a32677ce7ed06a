//! `identity.memberships`: who may do what where.

use chrono::{DateTime, Utc};
use domain::caller::Role;
use domain::ids::{UserId, WorkspaceId};
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::entry::role;
use crate::error::Error;
use crate::statements::{Nothing, Statement, row, statement};

/// A member as other members see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user_id: UserId,
    /// The e-mail address of the profile.
    pub email: Option<String>,
    /// With which rights.
    pub role: Role,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

row! {
    struct MemberRow {
        user_id: Uuid,
        email: Option<String>,
        role: String,
        created_at: DateTime<Utc>,
    }
}

const PAGE: &str = "
    select m.user_id, p.email, m.role, m.created_at
    from identity.memberships m
    join identity.profiles p on p.id = m.user_id
    where m.workspace_id = $1
    order by m.user_id";

const ADD: &str = "
    with profile as (
        insert into identity.profiles as p (id, email)
        values ($2, $4)
        on conflict (id) do update
        set email = coalesce(excluded.email, p.email)
        returning p.id
    )
    insert into identity.memberships as m (workspace_id, user_id, role)
    select $1, profile.id, $3
    from profile
    on conflict (workspace_id, user_id) do update
    set role = excluded.role";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("members::page", PAGE, Authenticated, MemberRow),
    statement!("members::add", ADD, ServiceRole, Nothing),
];

/// Everybody in the workspace.
///
/// # Errors
/// The database's.
pub async fn page(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Member>, Error> {
    tx.all(query_as::<_, MemberRow>(PAGE).bind(workspace.0))
        .await?
        .into_iter()
        .map(|row| {
            Ok(Member {
                user_id: UserId(row.user_id),
                email: row.email,
                role: role(&row.role)?,
                created_at: row.created_at,
            })
        })
        .collect()
}

/// Makes somebody a member, or changes the member's role, as the system ([`crate::Db::begin_system`]):
/// users come in by invitation.
///
/// # Errors
/// [`Error::Conflict`] on `memberships_last_owner` when nobody would own the workspace any more.
pub async fn add(
    tx: &mut Tx,
    workspace: WorkspaceId,
    user: UserId,
    email: Option<&str>,
    role: Role,
) -> Result<(), Error> {
    tx.all(
        query_as::<_, Nothing>(ADD)
            .bind(workspace.0)
            .bind(user.0)
            .bind(role.as_str())
            .bind(email),
    )
    .await
    .map(drop)
}
