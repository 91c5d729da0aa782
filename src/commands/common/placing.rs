//! Storage classes on either side: which library is where, by the server's database.
//!
//! The database is the old server's, whose rows name the classes of the old side; `--map` says which class of the new side
//! stands for one of them. A library without a row is in the default class of each side, as a server sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::commands::common::class_rename::ClassRename;
use crate::commands::common::settings::SettingsError;
use crate::conf::{BackendConf, ClassesConf, DatabaseConf, Placement, SideConf, StoreConf};
use crate::database::classes::LibraryClasses;
use crate::database::heads::Roots;
use crate::object::LibraryId;

/// How many libraries an error names.
const NAMED: usize = 3;

/// What the database said about storage classes when a command began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// The rows; none where neither side has classes.
    pub classes: LibraryClasses,
    /// Whether a side has classes.
    pub is_needed: bool,
    /// The renames that rows of the database need before a server works with the new side.
    pub renames: Vec<ClassRename>,
}

impl Placed {
    /// The first of `libraries` that is in another class by `now` than it was when the command began, in words; `None`
    /// when none is, or no side has classes.
    pub fn moved(&self, now: &LibraryClasses, libraries: impl IntoIterator<Item = LibraryId>) -> Option<String> {
        let mut libraries = libraries.into_iter().filter(|_| self.is_needed);
        let library = libraries.find(|library| self.classes.of(*library) != now.of(*library))?;
        let name = |classes: &LibraryClasses| {
            classes.of(library).map_or_else(|| "the default class".to_owned(), |class| format!("class {class}"))
        };
        let (before, after) = (name(&self.classes), name(now));
        Some(format!("library {library} was moved from {before} to {after} meanwhile"))
    }
}

/// Which database says where the libraries are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClassSource<'a> {
    /// The database; `None` when none is configured.
    pub(crate) database: Option<&'a DatabaseConf>,
    /// Its file, where nothing names it.
    pub(crate) guessed: Option<&'a Path>,
}

/// Places the libraries of both sides. The database is asked only where a side has classes.
///
/// # Errors
/// When there is no database, it does not answer, it names a class that a side lacks, or a rename cannot be as it is.
pub(crate) fn place_pair(
    from: &mut SideConf,
    to: &mut SideConf,
    map: &[ClassRename],
    source: ClassSource<'_>,
) -> Result<Placed, SettingsError> {
    require_sensible(map, to)?;
    if !has_classes(from) && !has_classes(to) {
        return Ok(Placed::default());
    }
    let classes = ask(source)?;
    require_used(map, from, &classes)?;
    let renamed: BTreeMap<&str, &str> = map.iter().map(|rename| (&*rename.old, &*rename.new)).collect();
    place(from, &classes, &BTreeMap::new(), "the old side", |_| true)?;
    place(to, &classes, &BTreeMap::new(), "the old side", |store| store.stays)?;
    place(to, &classes, &renamed, "the new side", |store| !store.stays)?;
    warn_of_default(map, from, to);
    let is_in_a_row = |rename: &&ClassRename| classes.rows().any(|(_, class)| class == rename.old);
    let renames = map.iter().filter(|rename| rename.old != rename.new).filter(is_in_a_row).cloned().collect();
    Ok(Placed { is_needed: true, renames, classes })
}

/// Places the libraries of one side.
///
/// # Errors
/// As [`place_pair`].
pub(crate) fn place_side(side: &mut SideConf, source: ClassSource<'_>) -> Result<(), SettingsError> {
    if !has_classes(side) {
        return Ok(());
    }
    let classes = ask(source)?;
    place(side, &classes, &BTreeMap::new(), "this side", |_| true)
}

fn has_classes(side: &SideConf) -> bool {
    side.stores.values().any(|store| store.classes().is_some())
}

/// The classes of a side, which all of its kinds have.
fn classes_of(side: &SideConf) -> Option<&ClassesConf> {
    side.stores.values().filter(|store| !store.stays).chain(side.stores.values()).find_map(StoreConf::classes)
}

fn ask(source: ClassSource<'_>) -> Result<LibraryClasses, SettingsError> {
    const WHY: &str = "the server's database says which library is in which storage class";
    if let Some(file) = source.guessed {
        let what = format!(
            "{WHY}, and nothing names it: {} may be a leftover; name the database here, or with a type in [database] of \
             the conf",
            file.display()
        );
        return Err(SettingsError::option("--db", what));
    }
    let Some(database) = source.database else {
        let what = format!("{WHY}, and none is configured; name it here, or in [database] of the conf");
        return Err(SettingsError::option("--db", what));
    };
    let classes = Roots::with_classes(database)?.classes;
    match classes.contradicted() {
        Some(library) => {
            let what = format!("the database (RepoStorageId) has library {library} in two classes; set its rows right");
            Err(SettingsError::option("storage classes", what))
        }
        None => Ok(classes),
    }
}

/// Places the libraries in those stores of a side that `is_meant` picks. `whose` is as in "the old side".
fn place(
    side: &mut SideConf,
    classes: &LibraryClasses,
    renamed: &BTreeMap<&str, &str>,
    whose: &str,
    is_meant: impl Fn(&StoreConf) -> bool,
) -> Result<(), SettingsError> {
    let mut placement: Option<Arc<Placement>> = None;
    for (_, store) in side.stores.iter_mut().filter(|(_, store)| is_meant(store)) {
        let BackendConf::Classes(conf) = &mut store.backend else { continue };
        let placement = match &placement {
            Some(placement) => Arc::clone(placement),
            None => {
                require_known(conf, classes, renamed, whose)?;
                let name =
                    |class: &Arc<str>| renamed.get(&**class).map_or_else(|| Arc::clone(class), |new| (*new).into());
                let placed = classes.placed().map(|(library, class)| (library, name(class)));
                let new = Arc::new(Placement::new(placed, conf.default_id()));
                Arc::clone(placement.insert(new))
            }
        };
        conf.placement = Some(placement);
    }
    Ok(())
}

/// Refuses rows that name a class which the configuration lacks: no server finds the objects of such a library.
fn require_known(
    conf: &ClassesConf,
    classes: &LibraryClasses,
    renamed: &BTreeMap<&str, &str>,
    whose: &str,
) -> Result<(), SettingsError> {
    let known = conf.ids();
    let mut unknown: BTreeMap<&str, Vec<LibraryId>> = BTreeMap::new();
    for (library, class) in classes.rows() {
        if !known.contains(renamed.get(class).unwrap_or(&class)) {
            unknown.entry(class).or_default().push(library);
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let say = |(class, libraries): (&&str, &Vec<LibraryId>)| {
        let named: Vec<String> = libraries.iter().take(NAMED).map(ToString::to_string).collect();
        let more = match libraries.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let noun = if libraries.len() == 1 { "library" } else { "libraries" };
        format!("{noun} {}{more} in class {class}", named.join(", "))
    };
    let said: Vec<String> = unknown.iter().map(say).collect();
    let known: Vec<&str> = known.into_iter().collect();
    let what = format!(
        "the database (RepoStorageId) has {}, and {whose} has no such storage class, only {}; name the class in its storage \
         classes file, set the rows right{}",
        said.join("; "),
        known.join(", "),
        if whose == "the new side" {
            ", or say with --map CLASS=CLASS which class of the new side stands for it"
        } else {
            ""
        }
    );
    Err(SettingsError::option("storage classes", what))
}

/// Refuses renames that are not of one class each, or to a class that the new side lacks.
fn require_sensible(map: &[ClassRename], to: &SideConf) -> Result<(), SettingsError> {
    let refuse = |what: String| Err(SettingsError::option("--map", what));
    if map.is_empty() {
        return Ok(());
    }
    let Some(conf) = classes_of(to) else { return refuse("the new side has no storage classes".to_owned()) };
    if !to.staying().is_empty() {
        let what =
            "puts libraries into other classes with all of their kinds, so that no kind can stay where it is (--kind)";
        return refuse(what.to_owned());
    }
    let mut seen = BTreeSet::new();
    for ClassRename { old, new } in map {
        if !conf.ids().contains(new.as_str()) {
            let known: Vec<&str> = conf.ids().into_iter().collect();
            return refuse(format!("the new side has no storage class {new}, only {}", known.join(", ")));
        }
        if !seen.insert(old) {
            return refuse(format!("the class {old} is given twice"));
        }
    }
    Ok(())
}

/// Refuses a rename of a class that neither the old side nor a row has, because it is a slip of the pen.
fn require_used(map: &[ClassRename], from: &SideConf, classes: &LibraryClasses) -> Result<(), SettingsError> {
    let known: BTreeSet<&str> = classes_of(from).map(ClassesConf::ids).unwrap_or_default();
    let is_known = |old: &str| known.contains(old) || classes.rows().any(|(_, class)| class == old);
    match map.iter().find(|rename| !is_known(&rename.old)) {
        Some(rename) => {
            let what = format!("neither the old side nor a row of the database has a storage class {}", rename.old);
            Err(SettingsError::option("--map", what))
        }
        None => Ok(()),
    }
}

/// Warns of a rename of the old default class to another one than the new default class: libraries without a row do not
/// follow it, because a server looks for them in its default class.
fn warn_of_default(map: &[ClassRename], from: &SideConf, to: &mut SideConf) {
    let Some(old) = classes_of(from).map(|conf| conf.default_id().to_owned()) else { return };
    let Some(new) = classes_of(to).map(|conf| conf.default_id().to_owned()) else { return };
    let Some(rename) = map.iter().find(|rename| rename.old == old && rename.new != new) else { return };
    to.warnings.push(format!(
        "--map {}={}: libraries without a row in RepoStorageId are in {old} because it is the default class, and a server \
         with the new configuration looks for them in its own default class, so they go to {new}",
        rename.old, rename.new
    ));
}
