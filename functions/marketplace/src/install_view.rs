//! What is installed, as it is answered.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::publication::Change;
use persistence::installs::Installed;
use registry::Standing;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::needs_view::NeedsView;

/// Something installed from the marketplace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Install)]
pub(crate) struct InstallView {
    /// `tool`, `flow` or `prompt`.
    #[schema(example = "tool")]
    kind: String,
    /// Its id in the workspace.
    #[schema(example = "get_quote")]
    tool_id: String,
    /// The publication's public id.
    #[schema(example = "research_get_quote")]
    publication: String,
    /// The publisher's version that is installed.
    #[schema(example = 3)]
    version: i32,
    /// SHA-256 over the whole content that is installed, in hex.
    hash: String,
    /// The version of the workspace's own tool, flow or prompt that holds it.
    #[schema(example = 1)]
    local_version: i32,
    /// The content that is public now; absent when it was withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    latest: Option<LatestView>,
    /// Whether the public content is another than the installed one.
    update_available: bool,
    /// When it was installed.
    installed_at: DateTime<Utc>,
    /// When it was last updated or bound.
    updated_at: DateTime<Utc>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    installed_by: Option<Uuid>,
}

/// What is public now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LatestView {
    /// The publisher's version.
    #[schema(example = 4)]
    version: i32,
    /// Over the whole content; what an update names.
    hash: String,
}

/// How something installed stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WholeInstall {
    #[serde(flatten)]
    install: InstallView,
    /// Whether every secret is stored and every variable has a value.
    ready: bool,
    /// What it needs; names are the workspace's own.
    needs: NeedsView,
    bindings: BindingsView,
    /// What came with it, by ids of the workspace.
    parts: Vec<PartView>,
    /// What an update to the public content would change; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<ChangeView>>,
}

/// What stands for what.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BindingsView {
    /// The workspace's secret for the publisher's name of it.
    #[schema(value_type = Object, example = json!({ "API_KEY": "QUOTE_API_KEY" }))]
    secrets: BTreeMap<String, String>,
    /// Values of connection variables.
    #[schema(value_type = Object, example = json!({ "region": "eu" }))]
    variables: BTreeMap<String, String>,
}

/// Something that came with a flow or a prompt.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PartView {
    /// `tool` or `flow`.
    #[schema(example = "tool")]
    kind: &'static str,
    /// Its id in the workspace.
    #[schema(example = "get_quote")]
    tool_id: String,
}

/// One thing that an update changes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Change)]
pub(crate) struct ChangeView {
    /// What: `host_added`, `secret_added`, `secret_host_added`, `method_added`, `scope_added`, `effects_worse`, `input_broken`, `text_changed`, …
    #[schema(example = "host_added")]
    kind: &'static str,
    /// Of what: a host, a secret's name, a place in a document behind its id.
    #[schema(example = "api.example.com")]
    subject: String,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Whether an admin has to accept it.
    must_be_accepted: bool,
}

impl From<Installed> for InstallView {
    fn from(installed: Installed) -> Self {
        let latest = installed.latest_version.zip(installed.latest_hash);
        let latest = latest.map(|(version, hash)| LatestView { version, hash });
        Self {
            update_available: latest
                .as_ref()
                .is_some_and(|latest| latest.hash != installed.hash),
            kind: installed.kind,
            tool_id: installed.tool_id,
            publication: installed.slug,
            version: installed.version,
            hash: installed.hash,
            local_version: installed.local_version,
            latest,
            installed_at: installed.installed_at,
            updated_at: installed.updated_at,
            installed_by: installed.installed_by,
        }
    }
}

impl From<Change> for ChangeView {
    fn from(change: Change) -> Self {
        Self {
            kind: change.kind.as_str(),
            must_be_accepted: change.kind.must_be_accepted(),
            subject: change.subject,
            detail: change.detail,
        }
    }
}

impl From<Standing> for WholeInstall {
    fn from(standing: Standing) -> Self {
        let needs = NeedsView::new(standing.needs, standing.stored.as_deref());
        let changes = standing
            .changes
            .map(|changes| changes.into_iter().map(ChangeView::from).collect());
        Self {
            ready: needs.is_met(),
            needs,
            bindings: BindingsView {
                secrets: standing.bindings.secrets,
                variables: standing.bindings.variables,
            },
            parts: standing
                .parts
                .into_iter()
                .map(|(kind, tool_id)| PartView {
                    kind: kind.as_str(),
                    tool_id,
                })
                .collect(),
            changes,
            install: standing.installed.into(),
        }
    }
}
