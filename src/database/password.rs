//! Where the password of a database comes from, so that it need not stand on the command line.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{DatabaseError, parse};
use crate::conf::{DatabaseConf, Secret};

/// The environment variable that holds the password.
pub const PASSWORD_VARIABLE: &str = "SEAF_MIGRATE_DB_PASSWORD";

/// What to tell a user whose password stands on the command line.
pub const PASSWORD_IN_URL: &str = "the password in --db can be seen by every user of this machine, until the system lets it \
                                   be blanked: give it in a file with --db-password-file, or in SEAF_MIGRATE_DB_PASSWORD";

/// The database to read, and whether to warn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The database; `None` where none is named or configured.
    pub database: Option<DatabaseConf>,
    /// [`PASSWORD_IN_URL`], where it is so.
    pub warning: Option<&'static str>,
}

/// The password out of the file, or else out of [`PASSWORD_VARIABLE`], of which an empty value counts as not set.
///
/// # Errors
/// When the file cannot be read or does not hold one line, or the value is not UTF-8; the text does not show it.
pub fn password(file: Option<&Path>, variable: Option<&OsStr>) -> Result<Option<Secret>, String> {
    match (file, variable.filter(|value| !value.is_empty())) {
        (Some(file), _) => read_password(file).map(Some).map_err(|why| format!("{}: {why}", file.display())),
        (None, Some(value)) => {
            let text = value.to_str().ok_or_else(|| format!("{PASSWORD_VARIABLE} is not UTF-8"))?;
            Ok(Some(Secret::new(text)))
        }
        (None, None) => Ok(None),
    }
}

/// The one line of a file; it may also be a pipe.
fn read_password(path: &Path) -> Result<Secret, String> {
    const LONGEST: u64 = 4096;
    let mut bytes = Vec::new();
    let opened = File::open(path).map_err(|error| error.to_string())?;
    opened.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LONGEST {
        return Err("is longer than a password can be".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line {
        "" => Err("is empty; it must hold the password".to_owned()),
        _ if line.contains(['\n', '\r', '\0']) => Err("holds more than one line; it must hold the password".to_owned()),
        _ => Ok(Secret::new(line)),
    }
}

/// The database that `named` (what `--db` says) names, or else the configured one; `password` wins over the one that
/// either comes with.
///
/// # Errors
/// When `named` names no database.
pub fn choose(
    named: Option<&str>,
    configured: Option<&DatabaseConf>,
    password: Option<Secret>,
) -> Result<Choice, DatabaseError> {
    let named = named.map(parse).transpose()?;
    let is_in_url = matches!(&named, Some(DatabaseConf::Mysql(conf)) if !conf.password.expose().is_empty());
    let mut database = named.or_else(|| configured.cloned());
    if let (Some(DatabaseConf::Mysql(conf)), Some(password)) = (&mut database, password) {
        conf.password = password;
    }
    Ok(Choice { database, warning: is_in_url.then_some(PASSWORD_IN_URL) })
}
