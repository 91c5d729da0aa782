//! Finds and reads the files of a side, and its seafile-data folder.
//!
//! | what the user names | where seafile.conf is | where the data is |
//! |---|---|---|
//! | the folder of a server without Docker | `conf/` in it | `seafile-data/` in it |
//! | its `conf/`, or a file in that | there | `../seafile-data/` |
//! | the folder of a `.env` of Docker | `SEAFILE_VOLUME/seafile/conf/` | `SEAFILE_VOLUME/seafile/seafile-data/` |
//! | the volume of Docker | `seafile/conf/` in it | `seafile/seafile-data/` in it |

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::finding::{ConfError, Findings, Place};
use super::side::{Role, SideSource, SideText, TextFile};
use super::variables::{STORAGE_TYPE, VOLUME};
use super::{Environment, dotenv, options};

/// Where the files are in a folder that the user names.
const HOMES: [&str; 3] = ["", "conf", "seafile/conf"];

/// Finds and reads the files of a side; `None` after an error.
pub(crate) fn find_files(
    source: &SideSource,
    role: Role,
    env: &Environment,
    findings: &mut Findings,
) -> Option<SideText> {
    let path = &source.path;
    let is_folder = match std::fs::metadata(path) {
        Ok(found) => found.is_dir(),
        Err(error) => {
            let error = ConfError::new(&Place::file(&path.display().to_string()), format!("cannot be read: {error}"));
            findings.error(error.allowed("a seafile.conf, a .env file, or a folder that holds one"));
            return None;
        }
    };
    let folder = if is_folder { home_in(path) } else { path.parent().unwrap_or(Path::new("")).to_owned() };
    let beside = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
    let (conf, dotenv) = match is_folder {
        true => (beside("seafile.conf"), beside(".env")),
        false if is_dotenv(path) => (beside("seafile.conf"), Some(path.clone())),
        false => (Some(path.clone()), beside(".env")),
    };
    let by_process = role == Role::Source && env.get(STORAGE_TYPE).is_some();
    if conf.is_none() && dotenv.is_none() && !by_process {
        let problem = "holds no seafile.conf, nor do its folders conf and seafile/conf";
        let error = ConfError::new(&Place::file(&path.display().to_string()), problem);
        findings.error(error.allowed("a folder with a seafile.conf or a .env file in it"));
        return None;
    }
    // Both are read before returning, so that two unreadable files make two errors.
    let [conf, dotenv] = [conf, dotenv].map(|path| path.map(|path| read_text(&path, "seafile.conf", findings)));
    if matches!(conf, Some(None)) || matches!(dotenv, Some(None)) {
        return None;
    }
    let (conf, dotenv) = (conf.flatten(), dotenv.flatten());
    let volume = dotenv.as_ref().and_then(|file| volume_of(file, &folder));
    let conf = match (conf, &volume) {
        (None, Some(volume)) => {
            let inside = Some(volume.join("seafile/conf/seafile.conf")).filter(|path| path.exists());
            match inside.map(|path| read_text(&path, "seafile.conf", findings)) {
                Some(text) => Some(text?),
                None => None,
            }
        }
        (conf, _) => conf,
    };
    let data_dir = source.data_dir.clone().map(|dir| in_volume(&dir)).or_else(|| {
        let named = options::data_dir(env).filter(|_| role == Role::Source).map(|dir| in_volume(&dir));
        // What the files name comes before what only stands beside them.
        let of_volume = volume.map(|volume| volume.join("seafile/seafile-data"));
        named.or(of_volume).or_else(|| data_dir_beside(&folder))
    });
    Some(SideText { path: path.clone(), conf, dotenv, classes: None, data_dir })
}

/// The folder with the files of a side: the one that the user names, or the one in it where Seafile puts them.
fn home_in(path: &Path) -> PathBuf {
    let homes = HOMES.iter().map(|home| if home.is_empty() { path.to_owned() } else { path.join(home) });
    let mut homes = homes.filter(|home| ["seafile.conf", ".env"].iter().any(|name| home.join(name).exists()));
    homes.next().unwrap_or_else(|| path.to_owned())
}

fn is_dotenv(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(".env") || name.ends_with(".env")
}

/// The volume that a `.env` file names; a relative one is so to the folder of the file, as for Compose. What is wrong with
/// the file is told when its variables are read.
fn volume_of(dotenv: &TextFile, folder: &Path) -> Option<PathBuf> {
    let variables = dotenv::parse(&dotenv.name, &dotenv.bytes, &mut Findings::default())?;
    let volume = variables.get(VOLUME).filter(|value| !value.text.is_empty())?;
    Some(folder.join(&volume.text))
}

/// Whether the `.env` file of a side names the volume that its data is in.
pub(crate) fn names_volume(text: &SideText) -> bool {
    text.dotenv.as_ref().is_some_and(|file| volume_of(file, Path::new("")).is_some())
}

/// `seafile-data` beside the conf folder, where Seafile's installer puts it.
fn data_dir_beside(conf_dir: &Path) -> Option<PathBuf> {
    let top = std::path::absolute(conf_dir).ok()?.parent()?.join("seafile-data");
    top.is_dir().then(|| in_volume(&top))
}

/// The seafile-data folder in a volume of Docker, which often has the same name; any other folder as it is.
fn in_volume(dir: &Path) -> PathBuf {
    volume_data(dir).unwrap_or_else(|| dir.to_owned())
}

/// The seafile-data folder in a volume of Docker; `None` when `dir` is none.
pub(crate) fn volume_data(dir: &Path) -> Option<PathBuf> {
    let inner = dir.join("seafile/seafile-data");
    (inner.is_dir() && !dir.join("storage").exists()).then_some(inner)
}

/// The text of a file, whose kind messages call `what`; `None` after an error.
pub(crate) fn read_text(path: &Path, what: &str, findings: &mut Findings) -> Option<TextFile> {
    // A seafile.conf has a few hundred lines. The limit keeps a file that was named by mistake from filling the memory.
    const MOST: u64 = 1 << 20;
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let problem = match File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes)) {
        Ok(_) if bytes.len() as u64 <= MOST => return Some(TextFile { name, bytes }),
        Ok(_) => format!("is larger than 1 MiB, which no {what} is"),
        Err(error) => format!("cannot be read: {error}"),
    };
    findings.error(ConfError::new(&Place::file(&name), problem).allowed("a text file that this user may read"));
    None
}
