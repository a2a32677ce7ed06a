//! Which tools name a secret already, to which host they would send it, and whether an admin saved them.

use std::collections::HashSet;

use domain::binding;
use domain::caller::{Caller, Role};
use domain::ids::{SecretName, ToolId, UserId};
use persistence::{Tx, members, tools};
use vault::NamingTool;
use web::Problem;

use crate::Secrets;

/// The saved tools that name the secret. A tool whose host is not certain counts as saved by nobody.
pub(crate) async fn named_by(
    secrets: &Secrets,
    caller: &Caller,
    name: &SecretName,
) -> Result<Vec<NamingTool>, Problem> {
    let catalog = secrets.registry.catalog(caller).await?;
    let naming: Vec<(ToolId, Option<String>)> = catalog
        .tools()
        .filter(|tool| binding::secrets(&tool.config).contains(name))
        .map(|tool| (tool.id.clone(), binding::host(&tool.config)))
        .collect();
    if naming.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = secrets
        .db
        .begin_as(&caller.principal, Some(caller.workspace_id))
        .await?;
    let admins = admins(&mut tx, caller).await?;
    let mut named_by = Vec::with_capacity(naming.len());
    for (id, host) in naming {
        let saved = tools::by_id(&mut tx, caller.workspace_id, &id).await?;
        let author = saved.and_then(|saved| saved.updated_by).map(UserId);
        named_by.push(NamingTool {
            saved_by_admin: host.is_some() && author.is_some_and(|author| admins.contains(&author)),
            host: host.unwrap_or_default(),
        });
    }
    tx.commit().await?;
    Ok(named_by)
}

async fn admins(tx: &mut Tx, caller: &Caller) -> Result<HashSet<UserId>, Problem> {
    let members = members::page(tx, caller.workspace_id).await?;
    Ok(members
        .into_iter()
        .filter(|member| member.role >= Role::Admin)
        .map(|member| member.user_id)
        .collect())
}
