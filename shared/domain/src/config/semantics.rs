//! What `idempotency`, `cache` and `limits` say: how often a call may happen.

/// `idempotency`: the upstream honours a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRules {
    /// The header that the key goes to.
    pub header: String,
    /// Inputs that make the key when the caller gives none.
    pub key_fields: Vec<String>,
    /// How long the ledger remembers, in seconds.
    pub ttl_s: u64,
}

/// `cache`: answers of a read-only tool that are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheRules {
    /// For how long, in seconds.
    pub ttl_s: u64,
}

/// `limits`: of a workspace's calls of the tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitRules {
    /// Calls a minute.
    pub rate_per_minute: Option<u32>,
    /// Calls at the same time.
    pub concurrency: Option<u32>,
}
