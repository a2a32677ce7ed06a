//! The only room in which secret values are seen at rest: sealed storage, host binding, audited use, and
//! the mask that keeps values out of whatever leaves.

mod authorizations;
pub mod chain;
mod change;
mod connections;
mod create;
mod error;
mod hosts;
pub mod mask;
mod master_keys;
mod open;
mod open_keys;
mod providers;
mod remove;
mod rewrap;
mod seal;
mod stores;
mod token_hosts;
mod value;
mod vault;

pub use authorizations::{Beginning, Begun, Confirmed, Returned};
pub use change::{Change, bind_on_save};
pub use connections::{Claim, Ended, Granted, Taken, Tokens};
pub use create::NewSecret;
pub use error::Error;
pub use master_keys::{MasterKeyError, MasterKeys};
pub use persistence::secrets::{SecretMeta, Use};
pub use providers::Provider;
pub use stores::{AwsConfig, MAX_CACHE, StoreError, StoreKind, StoresConfig};
pub use value::{MAX_VALUE_BYTES, MIN_VALUE_BYTES, NamingTool};
pub use vault::Vault;
