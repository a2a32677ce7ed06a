//! Which tools (or the model server) name a secret already, to which hosts they would send it, and whether an admin saved them.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::binding;
use domain::caller::Caller;
use domain::config::bound_host;
use domain::ids::{SecretName, ToolId, UserId};
use persistence::tools::SavedTool;
use persistence::{Tx, keys, members, models, tools};
use vault::NamingTool;
use web::Problem;

use crate::Secrets;

/// The saved tools that name the secret, and the workspace's model server if it does. A tool whose host is not certain counts as saved by nobody.
pub(crate) async fn named_by(
    secrets: &Secrets,
    caller: &Caller,
    name: &SecretName,
) -> Result<Vec<NamingTool>, Problem> {
    let catalog = secrets.registry.catalog(caller).await?;
    let naming: Vec<(ToolId, Option<Vec<String>>)> = catalog
        .tools()
        .filter_map(|tool| {
            let mut named = binding::named(&tool.config).into_iter();
            let named = named.find(|named| named.name == *name)?;
            Some((tool.id.clone(), named.hosts))
        })
        .collect();
    let mut tx = secrets
        .db
        .begin_as(&caller.principal, Some(caller.workspace_id))
        .await?;
    let model = models::of_workspace(&mut tx, caller.workspace_id).await?;
    let model = model.filter(|model| model.api_key == name.as_str());
    if naming.is_empty() && model.is_none() {
        tx.commit().await?;
        return Ok(Vec::new());
    }
    let admins = Admins::read(&mut tx, caller).await?;
    let mut named_by = Vec::with_capacity(naming.len());
    for (id, hosts) in naming {
        let saved = tools::by_id(&mut tx, caller.workspace_id, &id).await?;
        named_by.push(NamingTool {
            saved_by_admin: hosts.is_some() && saved.is_some_and(|saved| admins.saved(&saved)),
            hosts: hosts.unwrap_or_default(),
        });
    }
    tx.commit().await?;
    // Only an admin sets the workspace's model server.
    named_by.extend(model.and_then(|model| {
        let url = model.base_url.parse().ok()?;
        Some(NamingTool {
            saved_by_admin: true,
            hosts: vec![bound_host(&url)],
        })
    }));
    Ok(named_by)
}

/// The workspace's admins, and since when they have given out keys that are less than they are.
struct Admins {
    ids: HashSet<UserId>,
    lesser_keys: HashMap<UserId, DateTime<Utc>>,
}

impl Admins {
    async fn read(tx: &mut Tx, caller: &Caller) -> Result<Self, Problem> {
        let admins = members::admins(tx, caller.workspace_id).await?;
        let lesser_keys = keys::first_member_keys(tx, caller.workspace_id).await?;
        Ok(Self {
            ids: admins.into_iter().collect(),
            lesser_keys: lesser_keys.into_iter().collect(),
        })
    }

    /// Whether it is certain that an admin saved the tool. A tool that was saved with a key has the
    /// key's maker as its author, so an admin's word counts only for what is older than such keys.
    fn saved(&self, tool: &SavedTool) -> bool {
        tool.updated_by.map(UserId).is_some_and(|author| {
            let lesser = self.lesser_keys.get(&author);
            self.ids.contains(&author) && lesser.is_none_or(|since| tool.updated_at < *since)
        })
    }
}
