//! Finds and reads the files of a side, and makes the settings of its three stores.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::backend::{BackendConf, StoreConf};
use super::dotenv::{self, Variables};
use super::finding::{ConfError, ConfErrors, Findings, Place};
use super::ini::{self, Section};
use super::options::{self, Options};
use super::read::{self, Context};
use super::side::{ReadSide, Role, STORAGE_TYPE, SideConf, SideSource, SideText, TextFile, section_of};
use super::{Environment, conflict, database, path};
use crate::object::{ObjectKind, PerKind};

const WANTED: [&str; 7] =
    ["commit_object_backend", "fs_object_backend", "block_backend", "storage", "store_crypt", "database", "history"];

/// Reads both sides and compares them. `env` belongs to the old side, as it does for the running server.
///
/// # Errors
/// All errors of either side and of the pair.
pub fn load_pair(from: &SideSource, to: &SideSource, env: &Environment) -> Result<(SideConf, SideConf), ConfErrors> {
    let mut findings = Findings::default();
    let from_text = find_files(from, Role::Source, env, &mut findings);
    let mut to_text = find_files(to, Role::Destination, env, &mut findings);
    // The old side's data folder takes precedence, because the server has the same folder with the new configuration.
    if let (Some(new), Some(old), None) = (&mut to_text, &from_text, &to.data_dir) {
        new.data_dir = old.data_dir.clone().or_else(|| new.data_dir.take());
    }
    let old = from_text.and_then(|text| build(&text, Role::Source, env, true, &mut findings));
    let old_warnings = findings.take_warnings();
    let new = to_text.and_then(|text| build(&text, Role::Destination, env, true, &mut findings));
    let pair = old.zip(new).map(|(mut old, mut new)| {
        conflict::check_pair(&old, &new, &mut findings);
        old.conf.warnings = old_warnings.clone();
        new.conf.warnings = findings.take_warnings();
        (old.conf, new.conf)
    });
    findings.finish(pair, old_warnings)
}

/// Reads one side.
///
/// # Errors
/// All errors of the side.
pub fn load_side(source: &SideSource, role: Role, env: &Environment) -> Result<SideConf, ConfErrors> {
    let mut findings = Findings::default();
    let side = find_files(source, role, env, &mut findings)
        .and_then(|text| build(&text, role, env, true, &mut findings))
        .map(|side| side.conf);
    finish_one(side, findings)
}

/// Makes the settings of a side from the texts of its files. The disk is not accessed: the paths of folders and files
/// are used as they are written.
///
/// # Errors
/// All errors of the texts.
pub fn parse_side(text: &SideText, role: Role, env: &Environment) -> Result<SideConf, ConfErrors> {
    let mut findings = Findings::default();
    let side = build(text, role, env, false, &mut findings).map(|side| side.conf);
    finish_one(side, findings)
}

fn finish_one(side: Option<SideConf>, mut findings: Findings) -> Result<SideConf, ConfErrors> {
    let warnings = findings.take_warnings();
    let mut side = findings.finish(side, warnings.clone())?;
    side.warnings = warnings;
    Ok(side)
}

/// Finds and reads the files of a side.
fn find_files(source: &SideSource, role: Role, env: &Environment, findings: &mut Findings) -> Option<SideText> {
    let path = &source.path;
    let is_folder = match std::fs::metadata(path) {
        Ok(found) => found.is_dir(),
        Err(error) => {
            let error = ConfError::new(&Place::file(&path.display().to_string()), format!("cannot be read: {error}"));
            findings.error(error.allowed("a seafile.conf, a .env file, or a folder that holds one"));
            return None;
        }
    };
    let folder = if is_folder { path.as_path() } else { path.parent().unwrap_or(Path::new("")) };
    let beside = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
    let (conf, dotenv) = match is_folder {
        true => (beside("seafile.conf"), beside(".env")),
        false if is_dotenv(path) => (beside("seafile.conf"), Some(path.clone())),
        false => (Some(path.clone()), beside(".env")),
    };
    let by_process = role == Role::Source && env.get(STORAGE_TYPE).is_some();
    if conf.is_none() && dotenv.is_none() && !by_process {
        let error = ConfError::new(&Place::file(&path.display().to_string()), "holds no seafile.conf");
        findings.error(error.allowed("a folder with a seafile.conf or a .env file in it"));
        return None;
    }
    let data_dir = source.data_dir.clone().or_else(|| match role {
        Role::Source => options::data_dir(env).or_else(|| data_dir_beside(folder)),
        Role::Destination => data_dir_beside(folder),
    });
    // Both are read before returning, so that two unreadable files make two errors.
    let [conf, dotenv] = [conf, dotenv].map(|path| path.map(|path| read_text(&path, findings)));
    if matches!(conf, Some(None)) || matches!(dotenv, Some(None)) {
        return None;
    }
    Some(SideText { path: path.clone(), conf: conf.flatten(), dotenv: dotenv.flatten(), data_dir })
}

fn is_dotenv(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(".env") || name.ends_with(".env")
}

/// `seafile-data` beside the conf folder, where Seafile's installer puts it.
fn data_dir_beside(conf_dir: &Path) -> Option<PathBuf> {
    let top = std::path::absolute(conf_dir).ok()?.parent()?.join("seafile-data");
    top.is_dir().then_some(top)
}

fn read_text(path: &Path, findings: &mut Findings) -> Option<TextFile> {
    // A seafile.conf has a few hundred lines. The limit keeps a file that was named by mistake from filling the memory.
    const MOST: u64 = 1 << 20;
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let problem = match File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes)) {
        Ok(_) if bytes.len() as u64 <= MOST => return Some(TextFile { name, bytes }),
        Ok(_) => "is larger than 1 MiB, which no seafile.conf is".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    findings.error(ConfError::new(&Place::file(&name), problem).allowed("a text file that this user may read"));
    None
}

/// Makes a side from its files; `disk` says whether the paths in them are checked on disk.
fn build(text: &SideText, role: Role, env: &Environment, disk: bool, findings: &mut Findings) -> Option<ReadSide> {
    let mut variables = match &text.dotenv {
        Some(file) => dotenv::parse(&file.name, &file.bytes, findings),
        None => Variables::new(),
    };
    if role == Role::Source {
        dotenv::overlay(&mut variables, env, findings);
    }
    let sections = match &text.conf {
        Some(file) => ini::parse(&file.name, &file.bytes, &WANTED, findings),
        None => BTreeMap::new(),
    };
    refuse_encryption(&sections, findings);
    let iam_role = Options::of_variables(&variables, vec![IAM_ROLE], &Place::file("environment"), findings)
        .boolean(IAM_ROLE.0, false);
    let data_dir = text.data_dir.as_deref().map(|dir| if disk { path::resolve(dir) } else { dir.to_owned() });
    let context = Context { role, data_dir: data_dir.as_deref(), disk, iam_role };
    let database = database::read_database(sections.get("database"), &variables, data_dir.as_deref(), findings);
    let keep_days = sections.get("history").and_then(|section| read_keep_days(section, findings));
    let (from_file, stores) = read_stores(text, &sections, &variables, &context, findings);
    let placed = stores.all()?;
    let side = ReadSide {
        conf: SideConf {
            path: text.path.clone(),
            stores: placed.each_ref().map(|(store, _)| store.clone()),
            database,
            data_dir,
            keep_days,
            warnings: Vec::new(),
        },
        from_file,
        places: placed.map(|(_, place)| place),
    };
    conflict::check_kinds(&side, role, findings);
    Some(side)
}

/// Reads `keep_days`. A value that is no number is a warning and not an error, because the server then keeps everything
/// and the option does not affect where objects are.
fn read_keep_days(section: &Section, findings: &mut Findings) -> Option<i64> {
    let mut options = Options::of_section("history", Some(section), &section.place, findings);
    let text = options.text("keep_days")?;
    let days = text.parse().ok();
    if days.is_none() {
        options.warn("keep_days", format!("{text:?} is not a number of days: all history is taken to be kept"));
    }
    days
}

/// Refuses encrypted stores, because their objects would all look damaged.
fn refuse_encryption(sections: &BTreeMap<String, Section>, findings: &mut Findings) {
    if let Some(section) = sections.get("store_crypt") {
        let error = ConfError::new(&section.place, "encrypted stores are not handled by this command yet");
        findings.error(error.section("store_crypt").allowed("a store without [store_crypt]"));
    }
}

const IAM_ROLE: (&str, &str) = ("use_iam_role", "S3_USE_IAM_ROLE");

/// The store of each kind and the place of its description; `None` for a kind that could not be read.
type PlacedStores = PerKind<Option<(StoreConf, Place)>>;

/// Reads the stores from the environment, or from seafile.conf when the environment describes none. The boolean says
/// whether seafile.conf was used.
fn read_stores(
    text: &SideText,
    sections: &BTreeMap<String, Section>,
    variables: &Variables,
    context: &Context<'_>,
    findings: &mut Findings,
) -> (bool, PlacedStores) {
    let storage_type = variables.get(STORAGE_TYPE).filter(|value| value.refused || !value.text.is_empty());
    let Some(storage_type) = storage_type else {
        return (true, stores_of_conf(text, sections, context, findings));
    };
    if text.conf.is_some() && ["disk", "s3"].contains(&storage_type.text.as_str()) {
        let problem =
            format!("{:?} decides where the objects are; seafile.conf is not used for that", storage_type.text);
        findings.warn(&ConfError::new(&storage_type.place, problem).option(STORAGE_TYPE));
    }
    let stores = match storage_type.text.as_str() {
        "disk" => PerKind::from_fn(|kind| {
            let mut options = Options::of_variables(variables, Vec::new(), &storage_type.place, findings);
            let fs = read::read_fs(&mut options, context)?;
            Some((StoreConf { kind, backend: BackendConf::Fs(fs) }, options.place().clone()))
        }),
        "s3" => PerKind::from_fn(|kind| {
            let mut options = Options::of_variables(variables, s3_variables(kind), &storage_type.place, findings);
            let s3 = read::read_s3(&mut options, context, true)?;
            Some((StoreConf { kind, backend: BackendConf::S3(s3) }, options.place().clone()))
        }),
        "multiple" => {
            let error = ConfError::new(&storage_type.place, CLASSES).option(STORAGE_TYPE);
            findings.error(error.allowed("disk, s3, or empty"));
            PlacedStores::default()
        }
        _ if storage_type.refused => PlacedStores::default(),
        other => {
            let error = ConfError::new(&storage_type.place, format!("{other:?} is not a type of storage"));
            findings
                .error(error.option(STORAGE_TYPE).allowed("disk, s3, multiple, or empty (then seafile.conf decides)"));
            PlacedStores::default()
        }
    };
    (false, stores)
}

const CLASSES: &str = "storage classes are not handled by this command yet";

const fn s3_bucket_variable(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Commits => "S3_COMMIT_BUCKET",
        ObjectKind::Fs => "S3_FS_BUCKET",
        ObjectKind::Blocks => "S3_BLOCK_BUCKET",
    }
}

fn s3_variables(kind: ObjectKind) -> Vec<(&'static str, &'static str)> {
    vec![
        ("bucket", s3_bucket_variable(kind)),
        ("key_id", "S3_KEY_ID"),
        ("key", "S3_SECRET_KEY"),
        ("host", "S3_HOST"),
        ("aws_region", "S3_AWS_REGION"),
        ("use_https", "S3_USE_HTTPS"),
        ("use_v4_signature", "S3_USE_V4_SIGNATURE"),
        ("path_style_request", "S3_PATH_STYLE_REQUEST"),
        ("sse_c_key", "S3_SSE_C_KEY"),
        // An option of this program only: a file of certificates to trust.
        ("ca_file", "S3_CA_FILE"),
    ]
}

fn stores_of_conf(
    text: &SideText,
    sections: &BTreeMap<String, Section>,
    context: &Context<'_>,
    findings: &mut Findings,
) -> PlacedStores {
    let Some(conf) = &text.conf else {
        let name = text.dotenv.as_ref().map_or("environment", |file| file.name.as_str());
        let problem = "is not set, and there is no seafile.conf beside this file";
        let error = ConfError::new(&Place::file(name), problem).option(STORAGE_TYPE);
        findings.error(error.allowed("disk or s3, or a seafile.conf in the same folder"));
        return PlacedStores::default();
    };
    let file = Place::file(&conf.name);
    let mut storage = Options::of_section("storage", sections.get("storage"), &file, findings);
    if storage.boolean("enable_storage_classes", false) {
        storage.error("enable_storage_classes", CLASSES, "false");
        return PlacedStores::default();
    }
    PerKind::from_fn(|kind| {
        let name = section_of(kind);
        let mut options = Options::of_section(name, sections.get(name), &file, findings);
        let backend = read::read_section(&mut options, context)?;
        Some((StoreConf { kind, backend }, options.place().clone()))
    })
}
