//! The first round trip of a request: who is this in which workspace, and did its catalog move?

use domain::caller::{KeyGrant, Principal, Role};
use domain::ids::{ApiKeyId, UserId, WorkspaceId};
use domain::rights::{Scope, UnknownScope};
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Db;
use crate::error::Error;
use crate::statements::{Statement, row, statement};

/// A principal's place in one workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Where.
    pub workspace_id: WorkspaceId,
    /// With which rights: the membership's role, capped by the key's.
    pub role: Role,
    /// Grows with every change of the workspace's tools and flows.
    pub catalog_revision: i64,
}

/// What a person's look-up found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// In.
    Member(Membership),
    /// The workspace is deleted, and the person is an owner, who may restore it.
    Deleted(Membership),
    /// No selector given, and the person is in no workspace.
    NoWorkspace,
    /// No selector given, and the person is in several.
    Several,
    /// A selector given, and the person is in no such workspace.
    NotFound,
    /// The profile is disabled.
    Disabled,
}

/// What a key's look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyEntry {
    /// No such key, or it is revoked, expired, or its maker has lost the workspace.
    Unknown,
    /// In.
    Member {
        /// The key's maker, narrowed to the key's rights.
        principal: Principal,
        /// Its place.
        membership: Membership,
    },
    /// A good key, but the selector names another workspace than the key's.
    NotFound,
}

row! {
    struct EntryRow {
        outcome: String,
        workspace_id: Option<Uuid>,
        role: Option<String>,
        catalog_revision: Option<i64>,
    }
}

row! {
    struct KeyRow {
        outcome: String,
        workspace_id: Option<Uuid>,
        role: Option<String>,
        catalog_revision: Option<i64>,
        key_id: Option<Uuid>,
        key_role: Option<String>,
        key_scopes: Option<Vec<String>>,
        user_id: Option<Uuid>,
        email: Option<String>,
    }
}

const ENTER: &str = "
    select e.outcome, e.workspace_id, e.role, e.catalog_revision
    from identity.enter($1, $2) as e";

const ENTER_WITH_KEY: &str = "
    select e.outcome, e.workspace_id, e.role, e.catalog_revision,
           e.key_id, e.key_role, e.key_scopes, e.user_id, e.email
    from identity.enter_with_key($1, $2) as e";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("entry::enter", ENTER, Authenticator, EntryRow),
    statement!(
        "entry::enter_with_key",
        ENTER_WITH_KEY,
        Authenticator,
        KeyRow
    ),
];

impl Db {
    /// Finds the principal's membership in the workspace that `selector` names (id or slug), or in
    /// its only one, in one round trip. Somebody seen for the first time gets a profile.
    ///
    /// # Errors
    /// [`Error::Unavailable`], or a defect of ours.
    pub async fn enter(
        &self,
        principal: &Principal,
        selector: Option<&str>,
    ) -> Result<Entry, Error> {
        let claims = principal.claims(None);
        let row = self
            .once_row(|| {
                query_as::<_, EntryRow>(ENTER)
                    .bind(claims.as_str())
                    .bind(selector)
            })
            .await?;
        match row.outcome.as_str() {
            "member" => membership(row.workspace_id, row.role.as_deref(), row.catalog_revision)
                .map(Entry::Member),
            "deleted" => membership(row.workspace_id, row.role.as_deref(), row.catalog_revision)
                .map(Entry::Deleted),
            "no_workspace" => Ok(Entry::NoWorkspace),
            "several" => Ok(Entry::Several),
            "not_found" => Ok(Entry::NotFound),
            "disabled" => Ok(Entry::Disabled),
            other => Err(Error::Corrupt(format!("identity.enter answered {other}"))),
        }
    }

    /// Finds an API key by the SHA-256 of its text and enters its workspace, in one round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`], or a defect of ours.
    pub async fn enter_with_key(
        &self,
        key_hash: &[u8; 32],
        selector: Option<&str>,
    ) -> Result<KeyEntry, Error> {
        let hash = key_hash.as_slice();
        let row = self
            .once_row(|| {
                query_as::<_, KeyRow>(ENTER_WITH_KEY)
                    .bind(hash)
                    .bind(selector)
            })
            .await?;
        match row.outcome.as_str() {
            "member" => key_member(row),
            "unknown" => Ok(KeyEntry::Unknown),
            "not_found" => Ok(KeyEntry::NotFound),
            other => Err(Error::Corrupt(format!(
                "identity.enter_with_key answered {other}"
            ))),
        }
    }
}

fn key_member(row: KeyRow) -> Result<KeyEntry, Error> {
    let membership = membership(row.workspace_id, row.role.as_deref(), row.catalog_revision)?;
    let (Some(key_id), Some(key_role), Some(user_id)) = (row.key_id, row.key_role, row.user_id)
    else {
        return Err(Error::Corrupt("a key entry without its key".to_owned()));
    };
    Ok(KeyEntry::Member {
        principal: Principal {
            user_id: UserId(user_id),
            email: row.email,
            key: Some(KeyGrant {
                id: ApiKeyId(key_id),
                workspace_id: membership.workspace_id,
                role: role(&key_role)?,
                scopes: scopes(&row.key_scopes.unwrap_or_default())?,
            }),
        },
        membership,
    })
}

fn membership(
    workspace_id: Option<Uuid>,
    role_text: Option<&str>,
    catalog_revision: Option<i64>,
) -> Result<Membership, Error> {
    match (workspace_id, role_text, catalog_revision) {
        (Some(workspace_id), Some(text), Some(catalog_revision)) => Ok(Membership {
            workspace_id: WorkspaceId(workspace_id),
            role: role(text)?,
            catalog_revision,
        }),
        _ => Err(Error::Corrupt("a membership with a hole".to_owned())),
    }
}

/// A stored role.
pub(crate) fn role(text: &str) -> Result<Role, Error> {
    text.parse()
        .map_err(|_| Error::Corrupt(format!("the role {text}")))
}

/// Stored scopes. One that is unknown is a defect: leaving it out could leave none, which is all.
pub(crate) fn scopes(texts: &[String]) -> Result<Vec<Scope>, Error> {
    texts
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, _>>()
        .map_err(|unknown: UnknownScope| Error::Corrupt(unknown.to_string()))
}
