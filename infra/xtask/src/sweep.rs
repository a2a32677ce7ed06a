//! Does the chores of the background on a deployed database, and says when there are none left.

use std::io::Write as _;

use runtime::{Config, sweep_once};

/// Sweeps the database of the environment until there is nothing to do.
///
/// # Errors
/// The configuration is wrong, or a chore fails.
pub fn run() -> Result<(), String> {
    let config = Config::from_env().map_err(|error| error.to_string())?;
    let db = config.database().map_err(|error| error.to_string())?;
    let vault = config.vault(&db).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let (mut linked, mut rewrapped, mut retired) = (0, 0, 0);
    loop {
        let swept = runtime.block_on(sweep_once(&db, &vault, config.keep));
        if !swept.failed.is_empty() {
            return Err(format!("these failed: {}", swept.failed.join(", ")));
        }
        if swept.is_idle() {
            break;
        }
        linked += swept.linked;
        rewrapped += swept.rewrapped;
        retired += swept.retired;
    }
    let left = runtime.block_on(vault.left_to_rewrap());
    let left = match left.map_err(|error| error.to_string())? {
        0 => "No data key needs a master key but the first.".to_owned(),
        left => format!("{left} data keys need a master key that is not in MASTER_KEYS."),
    };
    let told = format!(
        "Linked {linked} rows of the audit, wrapped {rewrapped} data keys anew, retired {retired}. {left}"
    );
    writeln!(std::io::stdout(), "{told}").map_err(|error| error.to_string())
}
