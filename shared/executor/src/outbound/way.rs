//! One destination, checked, for requests that are drafted elsewhere and answers that are read while they arrive: model servers.

use std::time::Duration;

use domain::ids::WorkspaceId;
use reqwest::{Client, Request, Response};
use url::{Origin, Url};
use uuid::Uuid;

use super::Outbound;
use super::clients::ClientKey;
use super::guard::{self, Allowed, Refused};
use super::stopped::{self, Cause, Stopped};

/// Who named a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// The operator's configuration: called as it is. Its connections serve every workspace.
    Operator,
    /// Somebody of this workspace: every rule about where tools may go holds, and connections are the workspace's own.
    Workspace(WorkspaceId),
}

/// The way to one origin. Redirects are not followed, nothing is sent twice.
#[derive(Clone)]
pub struct Way {
    client: Client,
    allowed: Allowed,
    origin: Origin,
}

impl Outbound {
    /// The way to the origin of this URL, whose rules are checked as far as they need no look-up.
    ///
    /// # Errors
    /// Why it may not be called.
    pub fn way(
        &self,
        url: &Url,
        named_by: NamedBy,
        connect_timeout: Duration,
    ) -> Result<Way, Stopped> {
        let (allowed, workspace_id) = match named_by {
            NamedBy::Operator => (Allowed { exempt: true }, WorkspaceId(Uuid::nil())),
            NamedBy::Workspace(id) => (guard::check(&self.0.policy, url)?, id),
        };
        let client = self.0.clients.get(ClientKey {
            workspace_id,
            exempt: allowed.exempt,
            tls: url.scheme() == "https",
            connect_timeout,
        })?;
        Ok(Way {
            client,
            allowed,
            origin: url.origin(),
        })
    }
}

impl Way {
    /// The client of this way, to draft requests with. [`Way::send`] sends them: it alone makes every check.
    pub fn drafts(&self) -> Client {
        self.client.clone()
    }

    /// Sends the request; the answer's body is not read yet. The resolver's check of the addresses and the check of
    /// the address that answered are made here.
    ///
    /// # Errors
    /// What stopped it, and whether the server may have acted.
    pub async fn send(&self, request: Request) -> Result<Response, Stopped> {
        if request.url().origin() != self.origin {
            return Err(Refused("the request leads to another origin".to_owned()).into());
        }
        let response = self
            .client
            .execute(request)
            .await
            .map_err(|error| stopped::from_client(&error, None))?;
        guard::check_address(self.allowed, response.remote_addr())
            .map_err(|refused| Stopped::sent(Cause::Blocked(refused.0)))?;
        Ok(response)
    }
}
