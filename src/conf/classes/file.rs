//! Reads the JSON file of the storage classes, whose options are those of the sections of seafile.conf.

use std::collections::{BTreeMap, btree_map};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strsim::levenshtein;
use zeroize::Zeroizing;

use super::json::{self, Json, Object};
use crate::conf::backend::{Backend, BackendConf, ClassConf, ClassesConf, StoreConf};
use crate::conf::find::read_text;
use crate::conf::finding::{ConfError, Findings, Place};
use crate::conf::ini::{self, Value};
use crate::conf::options::Options;
use crate::conf::read::{self, Context};
use crate::conf::side::TextFile;
use crate::object::{ObjectKind, PerKind};

/// What an entry may hold beside its stores. The server alone uses the two after the default: which class new libraries get,
/// and whether it is one for libraries that are put away.
const OF_ENTRY: [&str; 5] = ["storage_id", "name", "is_default", "for_new_library", "is_archive"];

/// What an object calls the backend of a store.
const BACKEND: &str = "backend";

const ENTRY: &str =
    "{\"storage_id\": …, \"name\": …, \"is_default\": …, \"commits\": {…}, \"fs\": {…}, \"blocks\": {…}}";

/// The store of each kind in the classes that `[storage]` names, and the place of their description; `None` for a kind
/// that could not be read. `text` is the JSON file where the disk is not to be accessed.
pub(crate) fn read(
    storage: &mut Options<'_>,
    conf: &str,
    text: Option<&TextFile>,
    context: &Context<'_>,
) -> PerKind<Option<(StoreConf, Place)>> {
    const OPTION: &str = "storage_classes_file";
    const ALLOWED: &str = "the JSON file with the storage classes, as the server has it";
    let Some(named) = storage.required(OPTION, ALLOWED) else { return PerKind::default() };
    let path = conf_folder(conf).join(named);
    let read;
    let text = match text {
        Some(text) => text,
        None if context.disk => {
            if !path.is_file() {
                storage.error(
                    OPTION,
                    format!("{} is not a file", path.display()),
                    allowed_instead(ALLOWED, conf, &path),
                );
                return PerKind::default();
            }
            read = read_text(&path, "file of storage classes", storage.findings);
            let Some(text) = &read else { return PerKind::default() };
            text
        }
        None => {
            storage.error(OPTION, format!("{} was not read", path.display()), ALLOWED);
            return PerKind::default();
        }
    };
    Reader { file: text.name.as_str().into(), context, findings: storage.findings }.read(&text.bytes)
}

/// The folder that a relative path of a seafile.conf is relative to.
fn conf_folder(conf: &str) -> &Path {
    Path::new(conf).parent().unwrap_or(Path::new(""))
}

/// What may be named in place of `path`: a server in Docker names the paths in its container.
fn allowed_instead(allowed: &str, conf: &str, path: &Path) -> String {
    let beside: Option<PathBuf> = path.file_name().map(|name| conf_folder(conf).join(name));
    match beside.filter(|beside| beside.is_file()) {
        Some(beside) => format!("{allowed}: {} is one of that name", beside.display()),
        None => allowed.to_owned(),
    }
}

struct Reader<'a> {
    file: Arc<str>,
    context: &'a Context<'a>,
    findings: &'a mut Findings,
}

/// An entry of the file.
struct Entry {
    id: String,
    line: usize,
    is_default: bool,
    stores: PerKind<Option<BackendConf>>,
}

impl Reader<'_> {
    fn read(mut self, bytes: &[u8]) -> PerKind<Option<(StoreConf, Place)>> {
        let Some(entries) = self.entries(bytes) else { return PerKind::default() };
        self.require_one_each(&entries);
        let place = Place::file(&self.file);
        PerKind::from_fn(|kind| {
            let class = |entry: &Entry| {
                let backend = entry.stores[kind].clone()?;
                Some(ClassConf { id: entry.id.clone(), is_default: entry.is_default, backend })
            };
            let classes = entries.iter().map(class).collect::<Option<Vec<_>>>()?;
            let backend = BackendConf::Classes(ClassesConf { classes, placement: None });
            Some((StoreConf::new(kind, backend), place.clone()))
        })
    }

    /// The entries; `None` after an error that leaves nothing to go on with.
    fn entries(&mut self, bytes: &[u8]) -> Option<Vec<Entry>> {
        const ALLOWED: &str = "a list of storage classes: [{…}, {…}]";
        let text = ini::decode(&self.file, bytes, self.findings)?;
        let value = match json::parse(&text) {
            Ok(value) => value,
            Err(error) => {
                let place = Place::line(&self.file, error.line.max(1));
                let problem = format!("is no JSON: {}", error.problem);
                self.findings.error(ConfError::new(&place, problem).allowed(ALLOWED));
                return None;
            }
        };
        let list = match value {
            Json::List(list) if !list.is_empty() => list,
            Json::List(_) => return self.refuse("holds no storage class", ALLOWED),
            _ => return self.refuse("is not a list", ALLOWED),
        };
        let objects = list.into_iter().zip(1..).map(|(value, number)| match value {
            Json::Object(object) => Some((object, number)),
            _ => self.refuse(format!("entry {number} is not an object"), ENTRY),
        });
        let objects: Vec<_> = objects.collect::<Vec<_>>().into_iter().collect::<Option<_>>()?;
        // All are read before any is missed, so that all mistakes are told at once.
        let entries: Vec<_> = objects.into_iter().map(|(object, number)| self.entry(object, number)).collect();
        entries.into_iter().collect()
    }

    fn refuse<T>(&mut self, problem: impl Into<String>, allowed: &str) -> Option<T> {
        self.findings.error(ConfError::new(&Place::file(&self.file), problem).allowed(allowed));
        None
    }

    /// An entry; `None` after an error when it has no id, without which nothing more can be said of it.
    fn entry(&mut self, object: Object, number: usize) -> Option<Entry> {
        let line = object.line;
        let place = Place::line(&self.file, line);
        let title = |id: Option<&str>| id.map_or(format!("class {number}"), |id| format!("class {id}"));
        let known = object.members.iter().find_map(|(name, value)| match value {
            Json::Text(text) if name == "storage_id" && !text.trim().is_empty() => Some(text.trim().to_owned()),
            _ => None,
        });
        let section = title(known.as_deref());
        let (mut values, mut kinds) = (BTreeMap::new(), PerKind::<Option<Object>>::default());
        let mut broken = PerKind::from_fn(|_| false);
        for (name, value) in object.members {
            let error = |problem: &str| ConfError::new(&place, problem).section(&section).option(&name);
            let kind = ObjectKind::ALL.into_iter().find(|kind| kind.as_str() == name);
            match (kind, value) {
                (Some(kind), Json::Object(store)) if kinds[kind].is_none() => kinds[kind] = Some(store),
                (Some(kind), value) => {
                    let problem = if matches!(value, Json::Object(_)) { "is given twice" } else { "is not an object" };
                    broken[kind] = true;
                    self.findings
                        .error(error(problem).allowed("{\"backend\": …} with the options of that backend, once"));
                }
                (None, value) if OF_ENTRY.contains(&name.as_str()) => {
                    self.take(&mut values, &section, &place, name, value);
                }
                (None, _) => self.findings.warn(&error(&unknown(&name))),
            }
        }
        let mut options = Options::of_json(section.clone(), place, values, self.findings);
        options.required("storage_id", "the id by which the database names the class");
        let is_default = options.boolean("is_default", false);
        options.boolean("for_new_library", false);
        options.boolean("is_archive", false);
        let stores = PerKind::from_fn(|kind| match kinds[kind].take() {
            Some(object) => self.store(kind, object, &section).filter(|_| !broken[kind]),
            None => {
                if !broken[kind] {
                    let error = ConfError::new(&Place::line(&self.file, line), "is missing").section(&section);
                    let error = error.option(kind.as_str());
                    self.findings.error(error.allowed("{\"backend\": …} with the options of that backend"));
                }
                None
            }
        });
        Some(Entry { id: known?, line, is_default, stores })
    }

    /// The store of a kind in one class.
    fn store(&mut self, kind: ObjectKind, object: Object, class: &str) -> Option<BackendConf> {
        let (place, section) = (Place::line(&self.file, object.line), format!("{class}, {kind}"));
        let mut values = BTreeMap::new();
        for (name, value) in object.members {
            if name == "name" {
                let problem = "is not known, did you mean backend? It is not used";
                self.findings.warn(&ConfError::new(&place, problem).section(&section).option(name));
                continue;
            }
            self.take(&mut values, &section, &place, name, value);
        }
        let mut options = Options::of_json(section, place, values, self.findings);
        options.required("name", &Backend::ALL.map(Backend::as_str).join(", "))?;
        read::read_section(&mut options, self.context)
    }

    /// Takes an option; what is no text, number or boolean is an error.
    fn take(&mut self, values: &mut BTreeMap<String, Value>, section: &str, place: &Place, name: String, value: Json) {
        // The sections of seafile.conf have it as `name`.
        let option = if name == BACKEND { "name" } else { &name };
        let error = |problem: &str| ConfError::new(place, problem).section(section).option(&name);
        let text = match value {
            Json::Null => return,
            Json::Bool(value) => Zeroizing::new(value.to_string()),
            Json::Number(_) if name == "storage_id" => {
                self.findings.error(error("is a number").allowed("a text in quotes"));
                values.insert(option.to_owned(), Value::refused(place.clone()));
                return;
            }
            Json::Number(value) => Zeroizing::new(value),
            Json::Text(value) => value,
            Json::List(_) | Json::Object(_) => {
                self.findings.error(error("is neither a text, a number nor a boolean").allowed("one value"));
                values.insert(option.to_owned(), Value::refused(place.clone()));
                return;
            }
        };
        let is_control = text.contains(|c: char| c.is_control() && c != '\t');
        match values.entry(option.to_owned()) {
            btree_map::Entry::Occupied(_) => self.findings.error(error("is given twice").allowed("each option once")),
            btree_map::Entry::Vacant(vacant) if is_control => {
                self.findings.error(error("holds a control character").allowed("text on one line"));
                vacant.insert(Value::refused(place.clone()));
            }
            btree_map::Entry::Vacant(vacant) => drop(vacant.insert(Value::new(text.trim().to_owned(), place.clone()))),
        }
    }

    /// Adds errors for ids that are not of one class, for defaults that are not one, and for stores that two classes
    /// describe in two ways.
    fn require_one_each(&mut self, entries: &[Entry]) {
        for (at, entry) in entries.iter().enumerate() {
            let earlier = |first: &&Entry| first.id == entry.id;
            if let Some(first) = entries[..at].iter().find(earlier) {
                let problem = format!("is the id of two classes, first of the one in line {}", first.line);
                self.of_entry(entry, "storage_id", problem, "an id of its own for each class");
            }
        }
        let defaults: Vec<&Entry> = entries.iter().filter(|entry| entry.is_default).collect();
        const ONE: &str =
            "\"is_default\": true in exactly one class, that of the libraries without a row in RepoStorageId";
        match &defaults[..] {
            [_] => {}
            [] => self.refuse("no class is the default", ONE).unwrap_or(()),
            [first, others @ ..] => {
                for other in others {
                    let problem = format!("the class {} in line {} is the default already", first.id, first.line);
                    self.of_entry(other, "is_default", problem, ONE);
                }
            }
        }
    }

    fn of_entry(&mut self, entry: &Entry, option: &str, problem: String, allowed: &str) {
        let error =
            ConfError::new(&Place::line(&self.file, entry.line), problem).section(format!("class {}", entry.id));
        self.findings.error(error.option(option).allowed(allowed));
    }
}

/// What is said of a name that no entry has.
fn unknown(name: &str) -> String {
    let known = OF_ENTRY.into_iter().chain(ObjectKind::ALL.map(ObjectKind::as_str));
    let near = known.min_by_key(|known| levenshtein(known, name)).filter(|known| levenshtein(known, name) <= 2);
    match near {
        Some(meant) => format!("is not known, did you mean {meant}? It is not used"),
        None => "is not known; it is not used".to_owned(),
    }
}
