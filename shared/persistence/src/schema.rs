//! How a program that only uses the database finds it: whether it is migrated, and whether its login is bound by the policies.

use sqlx::query_as;

use crate::db::Db;
use crate::error::Error;
use crate::migrate::MIGRATIONS;
use crate::statements::{Statement, row, statement};

/// The database as the login role finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// As whom we are logged in.
    pub login: String,
    /// Whether this role may pass by row-level security: a superuser, or one with BYPASSRLS. The application's may not.
    pub unbound: bool,
    /// The version that [`migrate`](crate::migrate) left behind; none where it never ran.
    pub version: Option<i64>,
}

impl Found {
    /// The version that this build was made for.
    pub fn wanted() -> i64 {
        i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
    }

    /// Whether this build can use the schema. A newer one is fine: one migrates first and replaces the programs then.
    pub fn is_current(&self) -> bool {
        self.version
            .is_some_and(|version| version >= Self::wanted())
    }
}

row! {
    struct FoundRow {
        login: String,
        unbound: bool,
        version: Option<String>,
    }
}

/// Everybody may read the catalogue, and nobody but the owner what was applied: so the version is the schema's comment.
const FIND: &str = "
    select r.rolname::text as login,
           r.rolsuper or r.rolbypassrls as unbound,
           (
               select obj_description(n.oid, 'pg_namespace')
               from pg_namespace n
               where n.nspname = 'migration'
           ) as version
    from pg_roles r
    where r.rolname = current_user";

pub(crate) const STATEMENTS: &[Statement] =
    &[statement!("schema::find", FIND, Authenticator, FoundRow)];

impl Db {
    /// Looks at the schema and at the login role.
    ///
    /// # Errors
    /// [`Error::Unavailable`], or the login is refused.
    pub async fn find_schema(&self) -> Result<Found, Error> {
        let row: FoundRow = self.once_row(|| query_as(FIND)).await?;
        Ok(Found {
            login: row.login,
            unbound: row.unbound,
            version: row.version.and_then(|version| version.parse().ok()),
        })
    }
}
