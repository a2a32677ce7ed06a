//! Applies the migrations to a database, as its owner.

use std::io::Write as _;

/// Brings the schema at `url` up to date and says what was done.
///
/// # Errors
/// The database does not answer, its role may not migrate, or it was migrated by other files.
pub fn run(url: &str) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let report = runtime
        .block_on(persistence::migrate(url))
        .map_err(|error| error.to_string())?;
    writeln!(std::io::stdout(), "{report}").map_err(|error| error.to_string())
}
