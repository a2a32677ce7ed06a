//! A migrated database of its own for each test, people in it, and their tokens.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use auth::{Authenticator, DEFAULT_MAX_LIFETIME, TokenRules};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::caller::Principal;
use domain::ids::{UserId, WorkspaceId};
use persistence::{DatabaseConfig, Db, Insert, PoolMode, workspaces};
use postgres::{Search, Throwaway};
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

const TEMPLATE: &str = "migrated";
const SECRET: &str = "a legacy secret of more than 32 bytes";
const ISSUER: &str = "https://issuer.example";

static CLUSTER: OnceLock<Throwaway> = OnceLock::new();

/// Makes the cluster and its template; one for the whole process.
fn cluster() -> &'static Throwaway {
    CLUSTER.get_or_init(|| {
        let cluster = Throwaway::start(&Search::default()).unwrap();
        cluster.create_database(TEMPLATE, None).unwrap();
        let url = cluster.url(postgres::OWNER, TEMPLATE);
        // Its own thread: a test's runtime is running on this one.
        std::thread::spawn(move || {
            tokio::runtime::Runtime::new()
                .unwrap()
                .block_on(persistence::migrate(&url))
                .unwrap();
        })
        .join()
        .unwrap();
        cluster
    })
}

pub(crate) struct Stand {
    database: &'static str,
    pub(crate) db: Db,
    pub(crate) authenticator: Authenticator,
}

impl Stand {
    pub(crate) fn new(database: &'static str) -> Self {
        let cluster = cluster();
        cluster.create_database(database, Some(TEMPLATE)).unwrap();
        let db = Db::open(&DatabaseConfig {
            url: cluster.url("authenticator", database),
            pool_mode: PoolMode::Session,
            max_connections: 2,
        })
        .unwrap();
        let rules = TokenRules {
            issuer: ISSUER.to_owned(),
            audience: "authenticated".to_owned(),
            hs256_secret: Some(SecretString::from(SECRET)),
            jwks_url: None,
            max_lifetime: DEFAULT_MAX_LIFETIME,
        };
        Self {
            database,
            authenticator: Authenticator::new(db.clone(), rules),
            db,
        }
    }

    /// A workspace of this person's.
    pub(crate) async fn workspace(&self, owner: UserId, slug: &str) -> WorkspaceId {
        let principal = Principal::user(owner, None);
        let mut tx = self.db.begin_as(&principal, None).await.unwrap();
        let made = workspaces::create(&mut tx, &principal, slug, slug)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let Insert::Created(workspace) = made else {
            panic!("{slug} is taken");
        };
        workspace.id
    }

    /// Does something as the superuser.
    pub(crate) fn sql(&self, statement: &str) {
        cluster().sql(self.database, statement).unwrap();
    }
}

/// Somebody, with a session token.
pub(crate) fn somebody() -> (UserId, String) {
    let user = UserId(Uuid::new_v4());
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let claims = json!({
        "iss": ISSUER, "aud": "authenticated", "sub": user, "role": "authenticated",
        "email": format!("{user}@example.com"), "iat": now, "exp": now + 3600,
    });
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = hmac::sign(&key, signed.as_bytes());
    (
        user,
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)),
    )
}
