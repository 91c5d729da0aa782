//! Makes the settings of a side, its three stores among them, of the texts of its files.

use std::collections::BTreeMap;

use super::aliases::misspelt_variables;
use super::backend::{Backend, BackendConf, StoreConf};
use super::classes;
use super::database::{self, DatabaseText};
use super::dotenv::{self, Variables};
use super::find::{find_files, names_volume};
use super::finding::{ConfError, ConfErrors, Findings, Place};
use super::ini::{self, Parsed, Section};
use super::options::Options;
use super::read::{self, Context, S3Defaults};
use super::side::{DescribedBy, ReadSide, Role, SideConf, SideSource, SideText, section_of};
use super::staying::Staying;
use super::variables::{self, STORAGE_TYPE};
use super::{Environment, conflict, crypt, path};
use crate::object::{ObjectKind, PerKind};

const WANTED: [&str; 7] =
    ["commit_object_backend", "fs_object_backend", "block_backend", "storage", "store_crypt", "database", "history"];

/// Reads both sides and compares them. `env` belongs to the old side, as it does for the running server.
///
/// # Errors
/// All errors of either side and of the pair.
pub fn load_pair(from: &SideSource, to: &SideSource, env: &Environment) -> Result<(SideConf, SideConf), ConfErrors> {
    load_pair_of(from, to, &[], env)
}

/// As [`load_pair`], of a migration of the kinds `moving` alone; the others stay where the old side has them. With no kind
/// given, those move of which the new side says where they are to be.
///
/// # Errors
/// As [`load_pair`].
pub fn load_pair_of(
    from: &SideSource,
    to: &SideSource,
    moving: &[ObjectKind],
    env: &Environment,
) -> Result<(SideConf, SideConf), ConfErrors> {
    let mut findings = Findings::default();
    let from_text = find_files(from, Role::Source, env, &mut findings);
    let mut to_text = find_files(to, Role::Destination, env, &mut findings);
    // The old side's data folder takes precedence unless the new side names one, because the server has the same folder
    // with the new configuration.
    if let (Some(new), Some(old), None) = (&mut to_text, &from_text, &to.data_dir)
        && !names_volume(new)
    {
        new.data_dir = old.data_dir.clone().or_else(|| new.data_dir.take());
    }
    let old = from_text.and_then(|text| build(&text, Role::Source, env, true, None, &mut findings));
    let old_warnings = findings.take_warnings();
    let staying = Staying { old: old.as_ref(), moving };
    let new = to_text.and_then(|text| build(&text, Role::Destination, env, true, Some(staying), &mut findings));
    if let (Some(old), Some(new)) = (&old, &new) {
        conflict::check_pair(old, new, &mut findings);
    }
    // In any case, because whether there is an error is known only now.
    let new_warnings = findings.take_warnings();
    let pair = old.zip(new).map(|(mut old, mut new)| {
        for (kind, store) in old.conf.stores.iter_mut() {
            let twin = &mut new.conf.stores[kind];
            store.stays = twin.stays;
            store.side = Some(Role::Source);
            // One that stays is the old one, whatever it is opened for.
            twin.side = Some(if twin.stays { Role::Source } else { Role::Destination });
        }
        old.conf.warnings = old_warnings.clone();
        new.conf.warnings = new_warnings.clone();
        (old.conf, new.conf)
    });
    findings.finish(pair, old_warnings.into_iter().chain(new_warnings))
}

/// Reads one side.
///
/// # Errors
/// All errors of the side.
pub fn load_side(source: &SideSource, role: Role, env: &Environment) -> Result<SideConf, ConfErrors> {
    let mut findings = Findings::default();
    let side = find_files(source, role, env, &mut findings)
        .and_then(|text| build(&text, role, env, true, None, &mut findings))
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
    let side = build(text, role, env, false, None, &mut findings).map(|side| side.conf);
    finish_one(side, findings)
}

fn finish_one(side: Option<SideConf>, mut findings: Findings) -> Result<SideConf, ConfErrors> {
    let warnings = findings.take_warnings();
    let mut side = findings.finish(side, warnings.clone())?;
    side.warnings = warnings;
    Ok(side)
}

/// Makes a side from its files; `disk` says whether the paths in them are checked on disk.
/// `staying` is what decides which kinds stay; `None` for a side without another one.
fn build(
    text: &SideText,
    role: Role,
    env: &Environment,
    disk: bool,
    staying: Option<Staying<'_>>,
    findings: &mut Findings,
) -> Option<ReadSide> {
    // Both are read before returning, so that two broken files make two errors.
    let variables = match &text.dotenv {
        Some(file) => dotenv::parse(&file.name, &file.bytes, findings),
        None => Some(Variables::new()),
    };
    let parsed = match &text.conf {
        Some(file) => ini::parse(&file.name, &file.bytes, &WANTED, findings),
        None => Parsed { sections: BTreeMap::new(), defaults: BTreeMap::new(), is_broken: false },
    };
    let mut variables = variables.filter(|_| !parsed.is_broken)?;
    let keys_first = match role {
        Role::Source => {
            dotenv::overlay(&mut variables, env, findings);
            false
        }
        Role::Destination => dotenv::overlay_role(&mut variables, env),
    };
    let sections = &parsed.sections;
    let key = crypt::read(sections, disk, findings);
    let mut role_options =
        Options::of_variables(&variables, variables::IAM.to_vec(), &Place::file("environment"), findings);
    let iam_role = read::read_iam_role(&mut role_options);
    let data_dir = text.data_dir.as_deref().map(|dir| if disk { path::resolve(dir) } else { dir.to_owned() });
    let context = Context { role, data_dir: data_dir.as_deref(), disk, iam_role, keys_first, staying };
    let of_database =
        DatabaseText { section: sections.get("database"), variables: &variables, data_dir: data_dir.as_deref(), disk };
    let database = database::read_database(&of_database, findings);
    let keep_days = sections.get("history").and_then(|section| read_keep_days(section, findings));
    let (described_by, stores) = read_stores(text, &parsed, &variables, &context, findings);
    let placed = stores.all()?;
    let side = ReadSide {
        conf: SideConf {
            path: text.path.clone(),
            stores: placed.each_ref().map(|(store, _)| match store.stays {
                true => store.clone(),
                false => StoreConf { crypt: key.clone(), ..store.clone() },
            }),
            described_by,
            database_is_guessed: database.is_guessed,
            database: database.conf,
            data_dir,
            keep_days,
            warnings: Vec::new(),
        },
        places: placed.map(|(_, place)| place),
    };
    conflict::check_kinds(&side, role, findings);
    conflict::check_classes(&side, findings);
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

/// The store of each kind and the place of its description; `None` for a kind that could not be read.
type PlacedStores = PerKind<Option<(StoreConf, Place)>>;

/// Reads the stores from the environment, or from seafile.conf when the environment describes none, and says which of the
/// two it was.
fn read_stores(
    text: &SideText,
    parsed: &Parsed,
    variables: &Variables,
    context: &Context<'_>,
    findings: &mut Findings,
) -> (DescribedBy, PlacedStores) {
    let storage_type = variables.get(STORAGE_TYPE).filter(|value| value.refused || !value.text.is_empty());
    let Some(storage_type) = storage_type else {
        return (DescribedBy::Conf, stores_of_conf(text, parsed, context, findings));
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
            let (store, place) = (StoreConf::new(kind, BackendConf::Fs(fs)), options.place().clone());
            of_variables(store, place, context, findings)
        }),
        "s3" => s3_of_variables(variables, &storage_type.place, context, findings),
        "multiple" => stores_of_classes(text, parsed, &storage_type.place, context, findings),
        _ if storage_type.refused => PlacedStores::default(),
        other => {
            let error = ConfError::new(&storage_type.place, format!("{other:?} is not a type of storage"));
            findings
                .error(error.option(STORAGE_TYPE).allowed("disk, s3, multiple, or empty (then seafile.conf decides)"));
            PlacedStores::default()
        }
    };
    let Place { file, line } = &storage_type.place;
    let place = line.map_or(file.to_string(), |line| format!("{file}:{line}"));
    (DescribedBy::Variables { place, storage_type: storage_type.text.clone() }, stores)
}

fn s3_of_variables(
    variables: &Variables,
    place: &Place,
    context: &Context<'_>,
    findings: &mut Findings,
) -> PlacedStores {
    for (name, value, meant) in misspelt_variables(variables) {
        let problem = format!("is not known, did you mean {meant}? It is not used");
        findings.warn(&ConfError::new(&value.place, problem).option(name));
    }
    PerKind::from_fn(|kind| {
        let mut options = Options::of_variables(variables, variables::s3_of(kind), place, findings);
        let s3 = read::read_s3(&mut options, context, S3Defaults::ENVIRONMENT)?;
        let (store, place) = (StoreConf::new(kind, BackendConf::S3(s3)), options.place().clone());
        of_variables(store, place, context, findings)
    })
}

/// The store that variables describe, or the one where its kind stays.
fn of_variables(
    store: StoreConf,
    place: Place,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Option<(StoreConf, Place)> {
    let store = StoreConf { is_of_variables: true, ..store };
    match context.staying.filter(|staying| staying.is_asked(store.kind)) {
        Some(staying) => staying.of_variables(store.kind, &store, &place, findings),
        None => Some((store, place)),
    }
}

fn stores_of_conf(text: &SideText, parsed: &Parsed, context: &Context<'_>, findings: &mut Findings) -> PlacedStores {
    let sections = &parsed.sections;
    let Some(conf) = &text.conf else {
        let name = text.dotenv.as_ref().map_or("environment", |file| file.name.as_str());
        let problem = "is not set, and there is no seafile.conf beside this file";
        let error = ConfError::new(&Place::file(name), problem).option(STORAGE_TYPE);
        findings.error(error.allowed("disk or s3, or a seafile.conf in the same folder"));
        return PlacedStores::default();
    };
    let file = Place::file(&conf.name);
    let mut storage = Options::of_section("storage", sections.get("storage"), &file, findings);
    if storage.boolean(ENABLED, false) {
        let stores = classes::file::read(&mut storage, &conf.name, text.classes.as_ref(), context);
        return of_classes(stores, context, findings);
    }
    let names_any = ObjectKind::ALL.iter().any(|kind| sections.contains_key(section_of(*kind)));
    PerKind::from_fn(|kind| {
        let name = section_of(kind);
        let (section, is_named) = (sections.get(name), sections.contains_key(name));
        let stays =
            |staying: &Staying<'_>| staying.is_asked(kind) || staying.moving.is_empty() && names_any && !is_named;
        if let Some(staying) = context.staying.filter(stays) {
            // What is wrong with a section that is not used now is no error.
            let mut unused = Findings::default();
            let mut options = Options::of_section(name, section, &file, &mut unused);
            let named = section.and_then(|_| read::read_section(&mut options, context));
            let named = named.map(|backend| StoreConf::new(kind, backend));
            let place = section.map_or(&file, |section| &section.place);
            return staying.of_conf(kind, named.as_ref(), place, findings);
        }
        warn_of_defaults(&conf.name, parsed, name, findings);
        let mut options = Options::of_section(name, sections.get(name), &file, findings);
        let backend = read::read_section(&mut options, context)?;
        Some((StoreConf::new(kind, backend), options.place().clone()))
    })
}

/// The option that says whether there are storage classes.
const ENABLED: &str = "enable_storage_classes";

/// The stores of storage classes that a variable at `place` says there are: its seafile.conf names the file.
fn stores_of_classes(
    text: &SideText,
    parsed: &Parsed,
    place: &Place,
    context: &Context<'_>,
    findings: &mut Findings,
) -> PlacedStores {
    let Some(conf) = &text.conf else {
        let problem = "is multiple, which are the storage classes of a seafile.conf, and there is none";
        let error = ConfError::new(place, problem).option(STORAGE_TYPE);
        findings.error(error.allowed("a seafile.conf in the same folder, with storage_classes_file in [storage]"));
        return PlacedStores::default();
    };
    let file = Place::file(&conf.name);
    let mut storage = Options::of_section("storage", parsed.sections.get("storage"), &file, findings);
    if storage.has(ENABLED) && !storage.boolean(ENABLED, false) {
        storage.error(ENABLED, format!("is false, and {STORAGE_TYPE} is multiple"), "true");
        return PlacedStores::default();
    }
    let stores = classes::file::read(&mut storage, &conf.name, text.classes.as_ref(), context);
    of_classes(stores, context, findings)
}

/// The stores of classes, or of the kinds that stay those where they stay.
fn of_classes(stores: PlacedStores, context: &Context<'_>, findings: &mut Findings) -> PlacedStores {
    let mut stores = stores;
    PerKind::from_fn(|kind| {
        let named = stores[kind].take();
        let Some(staying) = context.staying.filter(|staying| staying.is_asked(kind)) else { return named };
        let (named, place) = named?;
        staying.of_conf(kind, Some(&named), &place, findings)
    })
}

/// Warns of options in `[DEFAULT]` that the section of a store lacks. Python's configparser gives them to every section, and
/// the server gives them to none.
fn warn_of_defaults(file: &str, parsed: &Parsed, section: &str, findings: &mut Findings) {
    let has = |option: &str| parsed.sections.get(section).is_some_and(|section| section.options.contains_key(option));
    let of_a_backend =
        |option: &str| Backend::ALL.into_iter().any(|backend| read::options_of(backend).contains(&option));
    for (option, line) in parsed.defaults.iter().filter(|(option, _)| of_a_backend(option) && !has(option)) {
        let place = Place::line(&file.into(), *line);
        let problem =
            format!("does not count for [{section}], because the server reads each section by itself: write it there");
        findings.warn(&ConfError::new(&place, problem).section("DEFAULT").option(option));
    }
}
