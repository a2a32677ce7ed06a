//! The only room in which secret values are seen at rest: sealed storage, host binding, audited use, and
//! the mask that keeps values out of whatever leaves.

mod error;
mod hosts;
pub mod mask;
mod master_keys;
mod open_keys;
mod seal;
mod value;
mod vault;

pub use error::Error;
pub use master_keys::{MasterKeyError, MasterKeys};
pub use persistence::secrets::{SecretMeta, Use};
pub use value::{MAX_VALUE_BYTES, MIN_VALUE_BYTES, NamingTool};
pub use vault::Vault;
