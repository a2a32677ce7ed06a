//! The list of every statement, so that a test can prepare each against the migrated schema.

use sqlx::postgres::PgTypeInfo;

/// Whose grants a statement must get along with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunsAs {
    /// The login role itself: entry functions that choose the role inside.
    Authenticator,
    /// Nobody in particular: the public.
    Anonymous,
    /// A signed-in user.
    Authenticated,
    /// The system.
    ServiceRole,
}

impl RunsAs {
    /// The role's name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authenticator => "authenticator",
            Self::Anonymous => "anon",
            Self::Authenticated => "authenticated",
            Self::ServiceRole => "service_role",
        }
    }
}

/// One column that a row struct reads.
#[derive(Clone, Copy)]
pub struct Column {
    /// The struct field, which is the column's name.
    pub name: &'static str,
    /// Whether a value of this database type can be read into the field.
    pub reads: fn(&PgTypeInfo) -> bool,
}

impl std::fmt::Debug for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// One SQL statement of this crate.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// `module::function`.
    pub name: &'static str,
    /// The text.
    pub sql: &'static str,
    /// The role it must be prepared as.
    pub runs_as: RunsAs,
    /// What the row struct reads, in the statement's order.
    pub columns: &'static [Column],
}

/// Every statement of this crate.
pub fn statements() -> Vec<Statement> {
    [
        crate::entry::STATEMENTS,
        crate::workspaces::STATEMENTS,
        crate::members::STATEMENTS,
        crate::invitations::STATEMENTS,
        crate::keys::STATEMENTS,
        crate::revisions::STATEMENTS,
        crate::tools::STATEMENTS,
        crate::tool_versions::STATEMENTS,
        crate::flows::STATEMENTS,
        crate::flow_versions::STATEMENTS,
        crate::prompts::STATEMENTS,
        crate::publications::STATEMENTS,
        crate::marketplace::STATEMENTS,
        crate::installs::STATEMENTS,
        crate::reviews::STATEMENTS,
        crate::models::STATEMENTS,
        crate::executions::STATEMENTS,
        crate::outputs::STATEMENTS,
        crate::runs::STATEMENTS,
        crate::run_steps::STATEMENTS,
        crate::run_events::STATEMENTS,
        crate::run_keys::STATEMENTS,
        crate::flow_sweep::STATEMENTS,
        crate::conversations::STATEMENTS,
        crate::idempotency::STATEMENTS,
        crate::limits::STATEMENTS,
        crate::secrets::STATEMENTS,
        crate::secret_work::STATEMENTS,
        crate::secret_providers::STATEMENTS,
        crate::connections::STATEMENTS,
        crate::tokens::STATEMENTS,
        crate::authorizations::STATEMENTS,
        crate::data_keys::STATEMENTS,
        crate::analytics::STATEMENTS,
        crate::retention::STATEMENTS,
        crate::audit::STATEMENTS,
        crate::audit_chain::STATEMENTS,
        crate::schema::STATEMENTS,
    ]
    .concat()
}

/// A struct that knows which columns it reads.
pub(crate) trait Columns {
    const COLUMNS: &'static [Column];
}

/// Declares a row struct: its fields are the statement's columns, by name and in order.
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, sqlx::FromRow)]
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type,)* }

        impl $crate::statements::Columns for $name {
            const COLUMNS: &'static [$crate::statements::Column] = &[$($crate::statements::Column {
                name: stringify!($field),
                reads: |info| <$type as sqlx::Type<sqlx::Postgres>>::compatible(info),
            },)*];
        }
    };
}

/// One line of the list: name, text, role, row struct.
macro_rules! statement {
    ($name:literal, $sql:expr, $role:ident, $row:ty) => {
        $crate::statements::Statement {
            name: $name,
            sql: $sql,
            runs_as: $crate::statements::RunsAs::$role,
            columns: <$row as $crate::statements::Columns>::COLUMNS,
        }
    };
}

row! {
    /// A statement that answers nothing.
    pub(crate) struct Nothing {}
}

row! {
    /// A statement that answers whether or how often.
    pub(crate) struct Affected {
        pub(crate) id: String,
    }
}

pub(crate) use {row, statement};
