//! Why somebody was not let in.

/// Why a caller could not be established.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The request has no `Authorization` header.
    #[error("an Authorization header is required: Bearer <token>")]
    MissingToken,
    /// The header, the token or the key is not good. The reason may be told to the caller.
    #[error("the token was refused: {0}")]
    InvalidToken(Reason),
    /// No workspace was named, and the caller is a member of several.
    #[error("you are a member of several workspaces: name one in the header X-Workspace-Id")]
    WorkspaceRequired,
    /// The workspace that was named does not exist, or the caller is not a member of it.
    #[error("this workspace does not exist, or you are not a member of it")]
    WorkspaceNotFound,
    /// The caller is a member of no workspace at all.
    #[error("you are not a member of any workspace yet")]
    NoWorkspace,
    /// The issuer's keys could not be fetched and none are known: nothing can be said about the token.
    #[error("the keys that tokens are checked with are not available at the moment")]
    KeysUnavailable,
    /// The database could not be asked.
    #[error("the database could not say who is asking")]
    Database(#[from] persistence::Error),
}

/// Why a token was refused. The texts hold nothing of the token, so they may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Another scheme than Bearer.
    #[error("the Authorization header must read: Bearer <token>")]
    NotBearer,
    /// `Bearer` with nothing behind it.
    #[error("the token is empty")]
    Empty,
    /// Two headers, or two tokens in one.
    #[error("exactly one token must be sent")]
    Several,
    /// More than [`crate::MAX_TOKEN_BYTES`].
    #[error("the token is larger than 8 KB")]
    TooLarge,
    /// Not the compact form of a signed token, or its JSON does not read.
    #[error("the token is malformed")]
    Malformed,
    /// A header field that changes how a token is read, such as `crit` or `jku`.
    #[error("the token's header has the field {0}, which is not accepted")]
    HeaderField(&'static str),
    /// An algorithm that is not accepted, or is not the one of the key.
    #[error("the token's algorithm is not the one of its key")]
    Algorithm,
    /// The header names no key, or one that the issuer does not publish.
    #[error("the token's key is not known")]
    UnknownKey,
    /// The signature is not the key's.
    #[error("the token's signature does not match")]
    Signature,
    /// A claim that must be there is not.
    #[error("the token has no claim {0}")]
    ClaimMissing(&'static str),
    /// A claim of another type, or of another value than is accepted here.
    #[error("the token's claim {0} is not the one that is accepted here")]
    ClaimRefused(&'static str),
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `exp` is further away than is allowed.
    #[error("the token is valid for longer than is allowed")]
    LifetimeTooLong,
    /// A token of an anonymous sign-in.
    #[error("anonymous sign-ins are not accepted")]
    Anonymous,
    /// The person's profile is disabled or gone.
    #[error("this account is disabled")]
    AccountDisabled,
    /// An API key that does not exist, is revoked or has expired.
    #[error("this API key does not exist, is revoked or has expired")]
    UnknownApiKey,
}

impl From<Reason> for AuthError {
    fn from(reason: Reason) -> Self {
        Self::InvalidToken(reason)
    }
}
