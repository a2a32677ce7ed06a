//! Who is asking, and whether they may: extractors that answer 401 and 403 before anything else of the request is read.

use auth::Authenticator;
use axum::extract::{FromRef, FromRequestParts, MatchedPath, RawPathParams};
use domain::caller::{Caller, Principal, Role};
use domain::fault::Fault;
use domain::ids::UserId;
use domain::rights::{self, Needs, Refusal, Right};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::request::Parts;

use crate::problem::{Code, Problem};
use telemetry::Facts;

/// The header that selects a workspace by id or slug.
pub const WORKSPACE_HEADER: &str = "x-workspace-id";

/// A caller who may call this operation, by its row in [`domain::rights`]: in the workspace that the path names
/// (`{workspace_id}`, an id or a slug), else in the one of `X-Workspace-Id`, else in the caller's only one.
#[derive(Clone, Debug)]
pub struct Allowed(pub Caller);

impl<S> FromRequestParts<S> for Allowed
where
    S: Send + Sync,
    Authenticator: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let authenticator = Authenticator::from_ref(state);
        let named = Named::of(parts, state).await;
        let bearer = bearer(&parts.headers)?;
        let selected = match &named.workspace {
            Some(workspace) => Ok(Some(workspace.as_str())),
            None => selector(&parts.headers),
        };
        let selected = match selected {
            Ok(selected) => selected,
            Err(problem) => {
                // A bad token outranks a bad selector.
                authenticator.principal(bearer).await?;
                return Err(problem);
            }
        };
        let caller = authenticator.enter(bearer, selected).await?;
        allow(parts, &caller, &named)?;
        Ok(Self(caller))
    }
}

/// The same in a workspace that may be deleted: its owners only get so far.
#[derive(Clone, Debug)]
pub struct AllowedInDeleted(pub Caller);

impl<S> FromRequestParts<S> for AllowedInDeleted
where
    S: Send + Sync,
    Authenticator: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let authenticator = Authenticator::from_ref(state);
        let named = Named::of(parts, state).await;
        let bearer = bearer(&parts.headers)?;
        let workspace = named.workspace.as_deref().ok_or_else(Problem::not_found)?;
        let caller = authenticator.enter_deleted(bearer, workspace).await?;
        allow(parts, &caller, &named)?;
        Ok(Self(caller))
    }
}

/// Whom and what the path names.
struct Named {
    workspace: Option<String>,
    user: Option<UserId>,
}

impl Named {
    async fn of<S: Send + Sync>(parts: &mut Parts, state: &S) -> Self {
        let path = RawPathParams::from_request_parts(parts, state).await;
        let named = |wanted: &str| {
            let mut pairs = path.iter().flatten();
            pairs.find_map(|(name, value)| (name == wanted).then(|| value.to_owned()))
        };
        let route = parts.extensions.get::<MatchedPath>();
        let has_workspace = route.is_some_and(|route| route.as_str().contains("{workspace_id}"));
        Self {
            // A value that cannot be read names none that exists; never the one of the header.
            workspace: has_workspace.then(|| named("workspace_id").unwrap_or_default()),
            user: named("user_id").and_then(|id| id.parse().ok()),
        }
    }
}

/// Asks the table, and notes the workspace for the log.
fn allow(parts: &Parts, caller: &Caller, named: &Named) -> Result<(), Problem> {
    if let Some(facts) = parts.extensions.get::<Facts>() {
        facts.set_workspace(caller.workspace_id);
    }
    right(parts)?
        .allow(caller, named.user)
        .map_err(|refusal| refused(&refusal, caller))
}

/// The operation's row. Without one nobody is let in.
fn right(parts: &Parts) -> Result<&'static Right, Problem> {
    let route = parts.extensions.get::<MatchedPath>();
    route
        .and_then(|route| rights::of_route(parts.method.as_str(), route.as_str()))
        .ok_or_else(|| Problem::internal(&NoRight))
}

#[derive(Debug, thiserror::Error)]
#[error("nobody has said who may call this operation, or it asks in another way than its row says")]
struct NoRight;

fn refused(refusal: &Refusal, caller: &Caller) -> Problem {
    match refusal {
        Refusal::Role(needed) => role_required(caller, *needed),
        Refusal::Scope(scope) => Problem::new(
            Code::ScopeRequired,
            format!("this needs the scope {scope}, which this API key does not have"),
        ),
        Refusal::Unscoped => Problem::new(
            Code::ScopeRequired,
            "this is open to no API key that has scopes",
        ),
    }
}

/// A signed-in person, in no workspace: for routes about the person's own account.
#[derive(Clone, Debug)]
pub struct Person(pub Principal);

impl<S> FromRequestParts<S> for Person
where
    S: Send + Sync,
    Authenticator: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let authenticator = Authenticator::from_ref(state);
        let principal = authenticator.principal(bearer(&parts.headers)?).await?;
        if right(parts)?.needs != Needs::Person {
            return Err(Problem::internal(&NoRight));
        }
        if principal.key.is_some() {
            let detail = "an API key acts in its own workspace only";
            return Err(Problem::new(Code::PersonRequired, detail));
        }
        Ok(Self(principal))
    }
}

/// Refuses a caller whose role is too low for this very object, as for an owner's membership. Who may call the operation at all
/// stands in the table.
///
/// # Errors
/// `role_required`, naming both roles.
pub fn demand(caller: &Caller, needed: Role) -> Result<(), Problem> {
    if caller.role >= needed {
        return Ok(());
    }
    Err(role_required(caller, needed))
}

fn role_required(caller: &Caller, needed: Role) -> Problem {
    let detail = format!(
        "this needs the role {needed} in the workspace; yours is {}",
        caller.role
    );
    Problem::new(Code::RoleRequired, detail)
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let values = headers.get_all(AUTHORIZATION).iter();
    Ok(auth::bearer(values.map(HeaderValue::as_bytes))?)
}

fn selector(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let refused = |message: &str| {
        let fault = Fault::new(WORKSPACE_HEADER, "invalid_header", message)
            .hint("send one X-Workspace-Id with an id or slug of GET /api/v1/workspaces");
        Problem::invalid_request(vec![fault])
    };
    let mut values = headers.get_all(WORKSPACE_HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(refused("there is more than one X-Workspace-Id header"));
    }
    let text = value.to_str().map(str::trim).unwrap_or_default();
    let plain = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if plain {
        Ok(Some(text))
    } else {
        Err(refused("X-Workspace-Id is neither an id nor a slug"))
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::post;
    use http::Request;
    use persistence::{DatabaseConfig, Db, PoolMode};
    use tower::ServiceExt as _;

    use super::*;
    use crate::Document;

    async fn made(_: Allowed, _: Document) -> &'static str {
        "made"
    }

    /// Over a database that refuses connections.
    fn router() -> Router {
        let db = Db::open(&DatabaseConfig {
            url: "postgres://nobody@127.0.0.1:1/none".to_owned(),
            pool_mode: PoolMode::Session,
            max_connections: 1,
        });
        let rules = auth::TokenRules {
            issuer: "https://issuer.example".to_owned(),
            audience: "authenticated".to_owned(),
            hs256_secret: Some("0123456789abcdef0123456789abcdef".into()),
            jwks_url: None,
            max_lifetime: auth::DEFAULT_MAX_LIFETIME,
        };
        let authenticator = Authenticator::new(db.unwrap(), rules);
        Router::new()
            .route("/api/v1/tools", post(made))
            .with_state(authenticator)
    }

    async fn status(headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::post("/api/v1/tools");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from("no json")).unwrap();
        router().oneshot(request).await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn a_bad_token_outranks_all_else() {
        assert_eq!(status(&[]).await, 401);
        assert_eq!(status(&[("authorization", "Bearer nonsense")]).await, 401);
        let twice = [("x-workspace-id", "a"), ("x-workspace-id", "b")];
        assert_eq!(status(&twice).await, 401);
        let both = [("authorization", "Bearer x"), ("authorization", "Bearer y")];
        assert_eq!(status(&both).await, 401);
    }

    #[tokio::test]
    async fn without_a_database_nobody_can_be_known() {
        let key = format!("Bearer dtk_{}", "a".repeat(43));
        assert_eq!(status(&[("authorization", &key)]).await, 503);
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn reads_one_workspace() {
        assert_eq!(selector(&headers(&[])).unwrap(), None);
        assert_eq!(
            selector(&headers(&[(WORKSPACE_HEADER, "acme")])).unwrap(),
            Some("acme")
        );
        for bad in [
            &[(WORKSPACE_HEADER, "a"), (WORKSPACE_HEADER, "b")][..],
            &[(WORKSPACE_HEADER, "a,b")],
            &[(WORKSPACE_HEADER, "")],
        ] {
            assert!(selector(&headers(bad)).is_err(), "{bad:?}");
        }
    }
}
