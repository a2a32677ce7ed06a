//! `identity.invitations`: how somebody becomes a member.

use chrono::{DateTime, Utc};
use domain::caller::Role;
use domain::ids::{InvitationId, UserId, WorkspaceId};
use sqlx::query_as;
use uuid::Uuid;

use crate::Insert;
use crate::db::Tx;
use crate::entry::role;
use crate::error::Error;
use crate::statements::{Affected, Statement, row, statement};

/// Whom an invitation is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invitee {
    /// Whoever signs in with this verified address, in whatever case.
    Email(String),
    /// This person.
    User(UserId),
}

impl Invitee {
    fn email(&self) -> Option<&str> {
        match self {
            Self::Email(email) => Some(email),
            Self::User(_) => None,
        }
    }

    fn user(&self) -> Option<Uuid> {
        match self {
            Self::Email(_) => None,
            Self::User(user) => Some(user.0),
        }
    }
}

/// An open invitation as the workspace's admins see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The id.
    pub id: InvitationId,
    /// For whom.
    pub invitee: Invitee,
    /// What the invited person will be.
    pub role: Role,
    /// Who invited; nobody when that person is gone.
    pub invited_by: Option<UserId>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// An open invitation as the invited person sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnInvitation {
    /// The id.
    pub id: InvitationId,
    /// To which workspace.
    pub workspace_id: WorkspaceId,
    /// Its display name.
    pub workspace_name: String,
    /// Its slug.
    pub workspace_slug: String,
    /// As what.
    pub role: Role,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// What came of answering an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is accepted, now or before by the same person, who is a member of this workspace.
    Accepted(WorkspaceId),
    /// It is declined, now or before by the same person.
    Declined,
    /// It was answered otherwise, or by somebody else.
    Answered,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
    /// There is none of this id for this person.
    NotFound,
}

row! {
    struct InvitationRow {
        id: Uuid,
        email: Option<String>,
        user_id: Option<Uuid>,
        role: String,
        invited_by: Option<Uuid>,
        created_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    }
}

row! {
    struct OwnRow {
        id: Uuid,
        workspace_id: Uuid,
        workspace_name: String,
        workspace_slug: String,
        role: String,
        created_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    }
}

row! {
    struct AnswerRow {
        outcome: String,
        workspace_id: Option<Uuid>,
    }
}

impl TryFrom<InvitationRow> for Invitation {
    type Error = Error;

    fn try_from(row: InvitationRow) -> Result<Self, Error> {
        let invitee = match (row.email, row.user_id) {
            (Some(email), None) => Invitee::Email(email),
            (None, Some(user)) => Invitee::User(UserId(user)),
            (Some(_), Some(_)) | (None, None) => {
                return Err(Error::Corrupt("an invitation for nobody".to_owned()));
            }
        };
        Ok(Self {
            id: InvitationId(row.id),
            invitee,
            role: role(&row.role)?,
            invited_by: row.invited_by.map(UserId),
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
    }
}

/// An earlier open one for the same person goes, so that there is one that counts; also one whose time is over.
const REPLACE: &str = "
    update identity.invitations i
    set revoked_at = now()
    where i.workspace_id = $1
      and coalesce(lower(i.email), i.user_id::text) = coalesce(lower($2), $3::uuid::text)
      and i.accepted_at is null
      and i.declined_at is null
      and i.revoked_at is null
    returning i.id::text as id";

const INSERT: &str = "
    insert into identity.invitations (workspace_id, email, user_id, role)
    values ($1, $2, $3, $4)
    on conflict do nothing
    returning id, email, user_id, role, invited_by, created_at, expires_at";

const PAGE: &str = "
    select i.id, i.email, i.user_id, i.role, i.invited_by, i.created_at, i.expires_at
    from identity.invitations i
    where i.workspace_id = $1
      and i.accepted_at is null
      and i.declined_at is null
      and i.revoked_at is null
      and i.expires_at > now()
      and ($2::timestamptz is null or (i.created_at, i.id) > ($2, $3::uuid))
    order by i.created_at, i.id
    limit $4";

const REVOKE: &str = "
    update identity.invitations i
    set revoked_at = now()
    where i.workspace_id = $1
      and i.id = $2
      and i.accepted_at is null
      and i.declined_at is null
      and i.revoked_at is null
    returning i.id::text as id";

const MINE: &str = "
    select i.id, i.workspace_id, i.workspace_name, i.workspace_slug, i.role, i.created_at, i.expires_at
    from identity.own_invitations($1, $2, $3) as i";

const ANSWER: &str = "
    select a.outcome, a.workspace_id
    from identity.answer_invitation($1, $2) as a";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("invitations::replace", REPLACE, Authenticated, Affected),
    statement!("invitations::insert", INSERT, Authenticated, InvitationRow),
    statement!("invitations::page", PAGE, Authenticated, InvitationRow),
    statement!("invitations::revoke", REVOKE, Authenticated, Affected),
    statement!("invitations::mine", MINE, Authenticated, OwnRow),
    statement!("invitations::answer", ANSWER, Authenticated, AnswerRow),
];

/// Invites somebody; an earlier invitation of the same person is replaced. [`Insert::Exists`] when another one was made in the
/// same moment.
///
/// # Errors
/// [`Error::Forbidden`] when the asking person is no admin there, or gives more rights than they have.
pub async fn insert(
    tx: &mut Tx,
    workspace: WorkspaceId,
    invitee: &Invitee,
    role: Role,
) -> Result<Insert<Invitation>, Error> {
    let replaced = query_as::<_, Affected>(REPLACE)
        .bind(workspace.0)
        .bind(invitee.email())
        .bind(invitee.user());
    tx.all(replaced).await?;
    let inserted = query_as::<_, InvitationRow>(INSERT)
        .bind(workspace.0)
        .bind(invitee.email())
        .bind(invitee.user())
        .bind(role.as_str());
    match tx.maybe(inserted).await? {
        Some(row) => row.try_into().map(Insert::Created),
        None => Ok(Insert::Exists),
    }
}

/// The workspace's open invitations, oldest first, after the one made then of that id.
///
/// # Errors
/// The database's.
pub async fn page(
    tx: &mut Tx,
    workspace: WorkspaceId,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Invitation>, Error> {
    let query = query_as::<_, InvitationRow>(PAGE)
        .bind(workspace.0)
        .bind(after.map(|(made, _)| made))
        .bind(after.map(|(_, id)| id))
        .bind(limit);
    let rows = tx.all(query).await?;
    rows.into_iter().map(Invitation::try_from).collect()
}

/// Takes an open invitation back. False when there is none of that id.
///
/// # Errors
/// The database's.
pub async fn revoke(tx: &mut Tx, workspace: WorkspaceId, id: InvitationId) -> Result<bool, Error> {
    let query = query_as::<_, Affected>(REVOKE).bind(workspace.0).bind(id.0);
    Ok(tx.maybe(query).await?.is_some())
}

/// The asking person's open invitations, oldest first, after the one made then of that id.
///
/// # Errors
/// The database's.
pub async fn mine(
    tx: &mut Tx,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<OwnInvitation>, Error> {
    let query = query_as::<_, OwnRow>(MINE)
        .bind(after.map(|(made, _)| made))
        .bind(after.map(|(_, id)| id))
        .bind(limit);
    let rows = tx.all(query).await?;
    rows.into_iter()
        .map(|row| {
            Ok(OwnInvitation {
                id: InvitationId(row.id),
                workspace_id: WorkspaceId(row.workspace_id),
                workspace_name: row.workspace_name,
                workspace_slug: row.workspace_slug,
                role: role(&row.role)?,
                created_at: row.created_at,
                expires_at: row.expires_at,
            })
        })
        .collect()
}

/// Accepts or declines an invitation as the asking person, with a line in the audit.
///
/// # Errors
/// [`Error::Forbidden`] for an API key.
pub async fn answer(tx: &mut Tx, id: InvitationId, accepts: bool) -> Result<Answer, Error> {
    let query = query_as::<_, AnswerRow>(ANSWER).bind(id.0).bind(accepts);
    let row = tx.one(query).await?;
    match (row.outcome.as_str(), row.workspace_id) {
        ("accepted", Some(workspace)) => Ok(Answer::Accepted(WorkspaceId(workspace))),
        ("declined", _) => Ok(Answer::Declined),
        ("answered", _) => Ok(Answer::Answered),
        ("expired", _) => Ok(Answer::Expired),
        ("revoked", _) => Ok(Answer::Revoked),
        ("not_found", _) => Ok(Answer::NotFound),
        (other, _) => Err(Error::Corrupt(format!(
            "identity.answer_invitation answered {other}"
        ))),
    }
}
