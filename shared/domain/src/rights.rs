//! Who may do what: one row an operation. `web` asks this table for every request and decides by nothing else; what a row
//! allows, the database's policies allow again on their own.

use std::fmt;
use std::str::FromStr;

use crate::caller::{Caller, Role};
use crate::ids::UserId;

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nobody has to sign in.
    Public,
    /// Nobody has to sign in, but only a link of ours leads on.
    Link,
    /// A signed-in person, about their own account: in no workspace, and with no API key.
    Person,
    /// At least a viewer of the workspace.
    Viewer,
    /// At least a member.
    Member,
    /// At least an admin.
    Admin,
    /// An owner.
    Owner,
    /// The person whom the path names (`{user_id}`), who need be no more than a viewer, else at least an admin.
    SelfOrAdmin,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Right {
    /// The operation's id in the API's description.
    pub operation: &'static str,
    /// Its method.
    pub method: &'static str,
    /// Its path, with the names of parameters in braces.
    pub path: &'static str,
    /// Who may call it.
    pub needs: Needs,
    /// What a key with scopes must have to call it; none: no such key may.
    pub scope: Option<Scope>,
}

use Needs::{Admin, Link, Member, Owner, Person, Public, SelfOrAdmin, Viewer};

/// Every operation of the API.
#[rustfmt::skip]
pub const RIGHTS: &[Right] = &[
    of("health", "GET /health", Public, ""),
    of("docs", "GET /docs", Public, ""),
    of("openapi", "GET /openapi.json", Public, ""),
    of("register_tool", "POST /api/v1/tools", Member, "tools:write"),
    of("list_tools", "GET /api/v1/tools", Viewer, "tools:read"),
    of("read_tool", "GET /api/v1/tools/{tool_id}", Viewer, "tools:read"),
    of("execute_tool", "POST /api/v1/tools/{tool_id}/execute", Member, "tools:run"),
    of("preview_tool", "POST /api/v1/tools/{tool_id}/preview", Member, "tools:run"),
    of("test_tool", "POST /api/v1/tools/{tool_id}/test", Member, "tools:run"),
    of("verify_tool", "POST /api/v1/tools/{tool_id}/verify", Member, "tools:run"),
    of("list_saved_tools", "GET /api/v1/tools/saved", Viewer, "tools:read"),
    of("save_tool", "POST /api/v1/tools/saved", Member, "tools:write"),
    of("revise_tool", "PUT /api/v1/tools/saved/{tool_id}", Member, "tools:write"),
    of("retire_tool", "DELETE /api/v1/tools/saved/{tool_id}", Admin, "tools:write"),
    of("list_tool_versions", "GET /api/v1/tools/saved/{tool_id}/versions", Viewer, "tools:read"),
    of("restore_tool", "POST /api/v1/tools/saved/{tool_id}/versions/{n}/restore", Member, "tools:write"),
    of("save_flow", "POST /api/v1/flows", Member, "flows:write"),
    of("list_flows", "GET /api/v1/flows", Viewer, "flows:read"),
    of("execute_flow", "POST /api/v1/flows/{flow_id}/execute", Member, "flows:run"),
    of("list_runs", "GET /api/v1/flows/{flow_id}/runs", Viewer, "flows:read"),
    of("read_run", "GET /api/v1/flows/{flow_id}/runs/{run_id}", Viewer, "flows:read"),
    of("stream_events", "GET /api/v1/flows/{flow_id}/runs/{run_id}/events", Viewer, "flows:read"),
    of("cancel_run", "POST /api/v1/flows/{flow_id}/runs/{run_id}/cancel", Member, "flows:run"),
    of("resume_run", "POST /api/v1/flows/{flow_id}/runs/{run_id}/resume", Member, "flows:run"),
    of("signal_step", "POST /api/v1/flows/{flow_id}/runs/{run_id}/steps/{step_id}/signal", Member, "flows:run"),
    of("read_flow", "GET /api/v1/flows/{flow_id}", Viewer, "flows:read"),
    of("revise_flow", "PUT /api/v1/flows/{flow_id}", Member, "flows:write"),
    of("retire_flow", "DELETE /api/v1/flows/{flow_id}", Admin, "flows:write"),
    of("list_flow_versions", "GET /api/v1/flows/{flow_id}/versions", Viewer, "flows:read"),
    of("restore_flow", "POST /api/v1/flows/{flow_id}/versions/{n}/restore", Member, "flows:write"),
    of("create_secret", "POST /api/v1/secrets", Admin, "secrets:write"),
    of("list_secrets", "GET /api/v1/secrets", Member, "secrets:read"),
    of("delete_secret", "DELETE /api/v1/secrets/{name}", Admin, "secrets:write"),
    of("change_secret", "PUT /api/v1/secrets/{name}", Admin, "secrets:write"),
    of("list_secret_providers", "GET /api/v1/secret-providers", Admin, "secrets:read"),
    of("create_secret_provider", "POST /api/v1/secret-providers", Admin, "secrets:write"),
    of("delete_secret_provider", "DELETE /api/v1/secret-providers/{provider_name}", Admin, "secrets:write"),
    of("connect", "POST /api/v1/connections", Member, "connections:write"),
    of("connection_callback", "GET /api/v1/connections/callback", Link, ""),
    of("list_connections", "GET /api/v1/connections", Member, "connections:read"),
    of("read_connection", "GET /api/v1/connections/{connection_id}", Member, "connections:read"),
    of("confirm_connection", "POST /api/v1/connections/{connection_id}/confirm", Member, "connections:write"),
    of("disconnect", "DELETE /api/v1/connections/{connection_id}", Member, "connections:write"),
    of("list_audit", "GET /api/v1/audit", Admin, "audit:read"),
    of("verify_audit", "GET /api/v1/audit/verify", Admin, "audit:read"),
    of("create_workspace", "POST /api/v1/workspaces", Person, ""),
    of("list_workspaces", "GET /api/v1/workspaces", Person, ""),
    of("read_workspace", "GET /api/v1/workspaces/{workspace_id}", Viewer, "workspaces:read"),
    of("rename_workspace", "PATCH /api/v1/workspaces/{workspace_id}", Admin, "workspaces:write"),
    of("delete_workspace", "DELETE /api/v1/workspaces/{workspace_id}", Owner, ""),
    of("restore_workspace", "POST /api/v1/workspaces/{workspace_id}/restore", Owner, ""),
    of("list_members", "GET /api/v1/workspaces/{workspace_id}/members", Admin, "members:read"),
    of("invite_member", "POST /api/v1/workspaces/{workspace_id}/members", Admin, "members:write"),
    of("change_member", "PATCH /api/v1/workspaces/{workspace_id}/members/{user_id}", Admin, "members:write"),
    of("remove_member", "DELETE /api/v1/workspaces/{workspace_id}/members/{user_id}", SelfOrAdmin, "members:write"),
    of("list_invitations", "GET /api/v1/workspaces/{workspace_id}/invitations", Admin, "members:read"),
    of("revoke_invitation", "DELETE /api/v1/workspaces/{workspace_id}/invitations/{invitation_id}", Admin, "members:write"),
    of("list_own_invitations", "GET /api/v1/invitations", Person, ""),
    of("accept_invitation", "POST /api/v1/invitations/{invitation_id}/accept", Person, ""),
    of("decline_invitation", "POST /api/v1/invitations/{invitation_id}/decline", Person, ""),
    of("create_key", "POST /api/v1/workspaces/{workspace_id}/keys", Admin, "keys:write"),
    of("list_keys", "GET /api/v1/workspaces/{workspace_id}/keys", Admin, "keys:read"),
    of("revoke_key", "DELETE /api/v1/workspaces/{workspace_id}/keys/{key_id}", Admin, "keys:write"),
    of("orchestrate", "POST /api/v1/orchestrate", Member, "orchestrate:run"),
    of("stream_orchestration", "POST /api/v1/orchestrate/stream", Member, "orchestrate:run"),
    of("read_conversation", "GET /api/v1/conversations/{conversation_id}", Viewer, "orchestrate:read"),
    of("read_model", "GET /api/v1/model", Member, "orchestrate:read"),
    of("set_model", "PUT /api/v1/model", Admin, "orchestrate:write"),
    of("remove_model", "DELETE /api/v1/model", Admin, "orchestrate:write"),
    of("save_prompt", "POST /api/v1/prompts", Member, "prompts:write"),
    of("list_prompts", "GET /api/v1/prompts", Viewer, "prompts:read"),
    of("read_prompt", "GET /api/v1/prompts/{prompt_id}", Viewer, "prompts:read"),
    of("revise_prompt", "PUT /api/v1/prompts/{prompt_id}", Member, "prompts:write"),
    of("retire_prompt", "DELETE /api/v1/prompts/{prompt_id}", Admin, "prompts:write"),
    of("list_prompt_versions", "GET /api/v1/prompts/{prompt_id}/versions", Viewer, "prompts:read"),
    of("restore_prompt", "POST /api/v1/prompts/{prompt_id}/versions/{n}/restore", Member, "prompts:write"),
    of("render_prompt", "POST /api/v1/prompts/{prompt_id}/render", Viewer, "prompts:read"),
    of("serve_mcp", "POST /mcp", Member, "mcp:run"),
    of("protected_resource_metadata", "GET /.well-known/oauth-protected-resource", Public, ""),
    of("protected_resource_metadata_of_mcp", "GET /.well-known/oauth-protected-resource/mcp", Public, ""),
    of("list_executions", "GET /api/v1/executions", Viewer, "executions:read"),
    of("read_execution", "GET /api/v1/executions/{execution_id}", Viewer, "executions:read"),
    of("browse_marketplace", "GET /api/v1/marketplace", Public, ""),
    of("read_publication", "GET /api/v1/marketplace/{tool_id}", Public, ""),
    of("install", "POST /api/v1/marketplace/{tool_id}/install", Member, "marketplace:write"),
    of("list_reviews", "GET /api/v1/marketplace/{tool_id}/reviews", Member, "marketplace:read"),
    of("review", "POST /api/v1/marketplace/{tool_id}/reviews", Member, "marketplace:write"),
    of("take_back_review", "DELETE /api/v1/marketplace/{tool_id}/reviews", Member, "marketplace:write"),
    of("list_installs", "GET /api/v1/installs", Viewer, "marketplace:read"),
    of("read_install", "GET /api/v1/installs/{kind}/{tool_id}", Viewer, "marketplace:read"),
    of("bind_install", "PATCH /api/v1/installs/{kind}/{tool_id}", Member, "marketplace:write"),
    of("update_install", "POST /api/v1/installs/{kind}/{tool_id}/update", Admin, "marketplace:write"),
    of("publish_tool", "POST /api/v1/tools/{tool_id}/publish", Admin, "marketplace:write"),
    of("withdraw_tool", "DELETE /api/v1/tools/{tool_id}/publish", Admin, "marketplace:write"),
    of("publish_flow", "POST /api/v1/flows/{flow_id}/publish", Admin, "marketplace:write"),
    of("withdraw_flow", "DELETE /api/v1/flows/{flow_id}/publish", Admin, "marketplace:write"),
    of("publish_prompt", "POST /api/v1/prompts/{prompt_id}/publish", Admin, "marketplace:write"),
    of("withdraw_prompt", "DELETE /api/v1/prompts/{prompt_id}/publish", Admin, "marketplace:write"),
    of("read_tool_analytics", "GET /api/v1/analytics/tools/{tool_id}", Viewer, "executions:read"),
    of("read_workspace_analytics", "GET /api/v1/analytics/workspace", Viewer, "executions:read"),
];

/// One row: the operation, its route, who may call it, and the scope (empty: none).
const fn of(
    operation: &'static str,
    route: &'static str,
    needs: Needs,
    scope: &'static str,
) -> Right {
    let (method, path) = split(route);
    Right {
        operation,
        method,
        path,
        needs,
        scope: if scope.is_empty() {
            None
        } else {
            Some(Scope(scope))
        },
    }
}

/// The parts before and behind the first space.
const fn split(route: &'static str) -> (&'static str, &'static str) {
    let mut at = 0;
    while route.as_bytes()[at] != b' ' {
        at += 1;
    }
    let (method, rest) = route.split_at(at);
    (method, rest.split_at(1).1)
}

/// The row of the operation at this route. `None`: nobody has said who may call it.
pub fn of_route(method: &str, path: &str) -> Option<&'static Right> {
    // A HEAD is answered by the operation of the GET.
    let method = if method == "HEAD" { "GET" } else { method };
    RIGHTS
        .iter()
        .find(|right| right.method == method && right.path == path)
}

/// Why a caller may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The role in the workspace is lower than this one.
    Role(Role),
    /// The API key has scopes, and this one is not among them.
    Scope(Scope),
    /// The API key has scopes, and the operation is open to none.
    Unscoped,
}

impl Right {
    /// Whether this caller may, in the workspace they are in; `about` is the person whom the path names.
    ///
    /// # Errors
    /// What is missing. The rows that need no workspace refuse everybody: who is in one came through the wrong door.
    pub fn allow(&self, caller: &Caller, about: Option<UserId>) -> Result<(), Refusal> {
        let person = caller.principal.key.is_none();
        let own = person && about == Some(caller.principal.user_id);
        let least = match self.needs {
            Viewer => Role::Viewer,
            Member => Role::Member,
            Admin => Role::Admin,
            SelfOrAdmin if own => Role::Viewer,
            SelfOrAdmin => Role::Admin,
            Owner | Public | Link | Person => Role::Owner,
        };
        if caller.role < least {
            return Err(Refusal::Role(least));
        }
        let scopes = caller
            .principal
            .key
            .as_ref()
            .map(|key| key.scopes.as_slice());
        match (scopes.unwrap_or_default(), self.scope) {
            ([], _) => Ok(()),
            (scopes, Some(scope)) if scopes.contains(&scope) => Ok(()),
            (_, Some(scope)) => Err(Refusal::Scope(scope)),
            (_, None) => Err(Refusal::Unscoped),
        }
    }
}

/// What an API key may be narrowed to, such as `tools:run`: some operations, of those that its role allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(&'static str);

impl Scope {
    /// Every scope, sorted.
    pub fn all() -> Vec<Self> {
        let mut all: Vec<Self> = RIGHTS.iter().filter_map(|right| right.scope).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The scope as it stands in rows and answers.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The text is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no scope")]
pub struct UnknownScope(pub String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut scopes = RIGHTS.iter().filter_map(|right| right.scope);
        scopes
            .find(|scope| scope.0 == text)
            .ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::*;
    use crate::caller::{KeyGrant, Principal};
    use crate::ids::{ApiKeyId, WorkspaceId};

    const ALICE: UserId = UserId(Uuid::from_u128(1));
    const BOB: UserId = UserId(Uuid::from_u128(2));

    fn alice(role: Role, scopes: Option<&[&str]>) -> Caller {
        let workspace_id = WorkspaceId(Uuid::from_u128(3));
        let mut principal = Principal::user(ALICE, None);
        principal.key = scopes.map(|scopes| KeyGrant {
            id: ApiKeyId(Uuid::from_u128(4)),
            workspace_id,
            role,
            scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
        });
        Caller {
            principal,
            workspace_id,
            role,
            catalog_revision: 0,
        }
    }

    fn row(operation: &str) -> &'static Right {
        let mut rows = RIGHTS.iter();
        rows.find(|right| right.operation == operation).unwrap()
    }

    #[test]
    fn names_and_routes_are_given_once() {
        let mut seen = HashSet::new();
        for right in RIGHTS {
            assert!(seen.insert(right.operation), "{}", right.operation);
            let route = of_route(right.method, right.path).unwrap();
            assert_eq!(route.operation, right.operation);
        }
        assert!(of_route("HEAD", "/api/v1/tools").is_some());
        assert!(of_route("PUT", "/api/v1/tools").is_none());
    }

    #[test]
    fn a_role_may_what_the_roles_before_it_may() {
        let roles = [Role::Viewer, Role::Member, Role::Admin, Role::Owner];
        for (operation, least) in [
            ("list_tools", 0),
            ("execute_tool", 1),
            ("retire_tool", 2),
            ("delete_workspace", 3),
        ] {
            for (place, role) in roles.into_iter().enumerate() {
                let allowed = row(operation).allow(&alice(role, None), None);
                let expected = match place >= least {
                    true => Ok(()),
                    false => Err(Refusal::Role(roles[least])),
                };
                assert_eq!(allowed, expected, "{operation} {role}");
            }
        }
    }

    #[test]
    fn people_may_leave_and_machines_may_not_for_them() {
        let leave = row("remove_member");
        let refused = Err(Refusal::Role(Role::Admin));
        let viewer = alice(Role::Viewer, None);
        assert_eq!(leave.allow(&viewer, Some(ALICE)), Ok(()));
        assert_eq!(leave.allow(&viewer, Some(BOB)), refused);
        assert_eq!(leave.allow(&viewer, None), refused);
        assert_eq!(
            leave.allow(&alice(Role::Member, Some(&[])), Some(ALICE)),
            refused
        );
        assert_eq!(
            leave.allow(&alice(Role::Admin, Some(&[])), Some(BOB)),
            Ok(())
        );
    }

    #[test]
    fn scopes_narrow_and_never_widen() {
        let run = row("execute_tool");
        let scope: Scope = "tools:run".parse().unwrap();
        let with = |role, scopes| run.allow(&alice(role, Some(scopes)), None);
        assert_eq!(with(Role::Member, &[]), Ok(()));
        assert_eq!(with(Role::Member, &["tools:run"]), Ok(()));
        assert_eq!(
            with(Role::Member, &["tools:read", "flows:run"]),
            Err(Refusal::Scope(scope))
        );
        assert_eq!(
            with(Role::Viewer, &["tools:run"]),
            Err(Refusal::Role(Role::Member))
        );
        let delete = row("delete_workspace");
        let key = alice(Role::Owner, Some(&["workspaces:write"]));
        assert_eq!(delete.allow(&key, None), Err(Refusal::Unscoped));
        assert_eq!(
            "tools:fly".parse::<Scope>(),
            Err(UnknownScope("tools:fly".to_owned()))
        );
    }
}
