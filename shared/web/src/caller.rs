//! Who is asking: extractors that answer 401 and 403 before anything else of the request is read.

use auth::Authenticator;
use axum::extract::{FromRef, FromRequestParts, RawPathParams};
use domain::caller::{Caller, Principal, Role};
use domain::fault::Fault;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::request::Parts;

use crate::problem::{Code, Problem};
use crate::stack::Facts;

/// The header that selects a workspace by id or slug.
pub const WORKSPACE_HEADER: &str = "x-workspace-id";

macro_rules! role_guard {
    ($(#[$doc:meta])* $name:ident, $role:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(pub Caller);

        impl<S> FromRequestParts<S> for $name
        where
            S: Send + Sync,
            Authenticator: FromRef<S>,
        {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                let authenticator = Authenticator::from_ref(state);
                let selector = selector(&parts.headers);
                caller(parts, &authenticator, selector, $role).await.map(Self)
            }
        }
    };
}

role_guard! {
    /// A caller who may read.
    AsViewer, Role::Viewer
}
role_guard! {
    /// A caller who may create, edit and run.
    AsMember, Role::Member
}
role_guard! {
    /// A caller who may delete, publish and manage secrets and keys.
    AsAdmin, Role::Admin
}

macro_rules! role_guard_of_path {
    ($(#[$doc:meta])* $name:ident, $role:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(pub Caller);

        impl<S> FromRequestParts<S> for $name
        where
            S: Send + Sync,
            Authenticator: FromRef<S>,
        {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                let authenticator = Authenticator::from_ref(state);
                let path = RawPathParams::from_request_parts(parts, state).await;
                let named = path.iter().flatten().find(|(name, _)| *name == "workspace_id");
                let selector = named.map(|(_, value)| value).ok_or_else(Problem::not_found);
                caller(parts, &authenticator, selector.map(Some), $role).await.map(Self)
            }
        }
    };
}

role_guard_of_path! {
    /// A caller who may read in the workspace that the path names (`{workspace_id}`, an id or a slug).
    ViewerOf, Role::Viewer
}
role_guard_of_path! {
    /// An admin of the workspace that the path names (`{workspace_id}`, an id or a slug).
    AdminOf, Role::Admin
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
        if principal.key.is_some() {
            let detail = "an API key acts in its own workspace only";
            return Err(Problem::new(Code::PersonRequired, detail));
        }
        Ok(Self(principal))
    }
}

async fn caller(
    parts: &Parts,
    authenticator: &Authenticator,
    selector: Result<Option<&str>, Problem>,
    needed: Role,
) -> Result<Caller, Problem> {
    let bearer = bearer(&parts.headers)?;
    let caller = match selector {
        Ok(selector) => authenticator.enter(bearer, selector).await?,
        Err(problem) => {
            // A bad token outranks a bad selector.
            authenticator.principal(bearer).await?;
            return Err(problem);
        }
    };
    if let Some(facts) = parts.extensions.get::<Facts>() {
        facts.set_workspace(caller.workspace_id);
    }
    demand(&caller, needed)?;
    Ok(caller)
}

/// Refuses a caller whose role in the workspace is lower than needed.
///
/// # Errors
/// `role_required`, naming both roles.
pub fn demand(caller: &Caller, needed: Role) -> Result<(), Problem> {
    if caller.role >= needed {
        return Ok(());
    }
    let detail = format!(
        "this needs the role {needed} in the workspace; yours is {}",
        caller.role
    );
    Err(Problem::new(Code::RoleRequired, detail))
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

    async fn made(_: AsAdmin, _: Document) -> &'static str {
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
            .route("/made", post(made))
            .with_state(authenticator)
    }

    async fn status(headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::post("/made");
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
