//! `--library` and `--exclude-library`: the libraries that a command is about, by id or by name.

use std::collections::BTreeSet;

use clap::Args;

use crate::commands::common::failure::Failure;
use crate::conf::DatabaseConf;
use crate::database::heads::Roots;
use crate::object::LibraryId;
use crate::object::selection::Selection;
use crate::report::format;

/// Which libraries to move.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Libraries")]
pub struct SelectFlags {
    /// Move only this library, by its id or, with a database, by its name; may be repeated. Virtual libraries go with the
    /// library that they are a part of
    #[arg(long, value_name = "LIBRARY")]
    pub library: Vec<String>,

    /// Move all libraries but this one; may be repeated
    #[arg(long, value_name = "LIBRARY")]
    pub exclude_library: Vec<String>,
}

/// A library as the user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Id(LibraryId),
    Name(String),
}

/// What the user asked for, before anybody was asked what libraries there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    only: Vec<Named>,
    without: Vec<Named>,
}

impl Wanted {
    /// What the options say.
    pub fn of(flags: &SelectFlags) -> Self {
        let named = |text: &String| match LibraryId::parse(text.as_bytes()) {
            Some(id) => Named::Id(id),
            None => Named::Name(text.clone()),
        };
        Self {
            only: flags.library.iter().map(named).collect(),
            without: flags.exclude_library.iter().map(named).collect(),
        }
    }

    /// These libraries alone.
    pub fn libraries(libraries: &[LibraryId]) -> Self {
        Self { only: libraries.iter().copied().map(Named::Id).collect(), without: Vec::new() }
    }

    /// Whether nothing is asked for, so that every library is meant.
    pub const fn is_all(&self) -> bool {
        self.only.is_empty() && self.without.is_empty()
    }

    fn has_names(&self) -> bool {
        self.only.iter().chain(&self.without).any(|named| matches!(named, Named::Name(_)))
    }

    /// The tables that say what the libraries are called and which belong together, where they are asked: `None` when nothing is
    /// wanted or there is no database.
    ///
    /// # Errors
    /// When the database does not answer and names are wanted.
    pub fn tables(&self, database: Option<&DatabaseConf>) -> Result<Option<Roots>, Failure> {
        let Some(database) = database.filter(|_| !self.is_all()) else { return Ok(None) };
        match Roots::from_conf(database) {
            Ok(roots) => Ok(Some(roots)),
            Err(error) if self.has_names() => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    /// The libraries that are meant, by what `roots` calls them; `None` is no database. With one, a virtual library goes with its
    /// origin, and the other way round, because they share their fs objects and blocks.
    ///
    /// # Errors
    /// [`Failure::Refused`] when a name is that of no library or of several, or nothing is left.
    pub fn resolve(&self, roots: Option<&Roots>) -> Result<Selection, Failure> {
        if self.is_all() {
            return Ok(Selection::All);
        }
        let only = ids("--library", &self.only, roots)?;
        let without = ids("--exclude-library", &self.without, roots)?;
        if self.only.is_empty() {
            return Ok(Selection::Without(without));
        }
        let left: BTreeSet<LibraryId> = only.difference(&without).copied().collect();
        if left.is_empty() {
            return Err(Failure::Refused("--exclude-library leaves out every library that --library names".to_owned()));
        }
        Ok(Selection::Only(left))
    }
}

/// The ids of libraries, and of those that belong to them.
fn ids(option: &str, named: &[Named], roots: Option<&Roots>) -> Result<BTreeSet<LibraryId>, Failure> {
    let mut ids = BTreeSet::new();
    for named in named {
        match named {
            Named::Id(id) => ids.insert(*id),
            Named::Name(name) => ids.insert(id_of(option, name, roots)?),
        };
    }
    let Some(roots) = roots else { return Ok(ids) };
    let origins: BTreeSet<LibraryId> =
        ids.iter().map(|id| roots.library(*id).map_or(*id, |library| library.store_id())).collect();
    let family = roots.libraries.iter().filter(|library| origins.contains(&library.store_id()));
    ids.extend(family.map(|library| library.id));
    ids.extend(origins);
    Ok(ids)
}

/// The id of the library of a name.
fn id_of(option: &str, name: &str, roots: Option<&Roots>) -> Result<LibraryId, Failure> {
    let refused = |what: String| Err(Failure::Refused(format!("{option}: {what}; nothing was done")));
    let Some(roots) = roots else {
        return refused(format!(
            "{name:?} is no library id, and there is no database to look for a library of that name"
        ));
    };
    let of_name = |library: &&crate::database::heads::LibraryRoots| library.name.as_deref() == Some(name);
    let found: Vec<LibraryId> = roots.libraries.iter().filter(of_name).map(|library| library.id).collect();
    match found[..] {
        [id] => Ok(id),
        [] => refused(format!("the database names no library {name:?}")),
        _ => {
            let ids: Vec<String> = found.iter().map(ToString::to_string).collect();
            refused(format!(
                "{} are called {name:?}: name one by its id: {}",
                format::libraries(ids.len() as u64),
                ids.join(", ")
            ))
        }
    }
}

/// What of the libraries a command was about, in words, as in "only 2 libraries were moved"; `None` when it was about all.
pub fn in_words(selection: &Selection) -> Option<String> {
    match selection {
        Selection::All => None,
        Selection::Only(libraries) => {
            Some(format!("of {} alone (--library)", format::libraries(libraries.len() as u64)))
        }
        Selection::Without(libraries) => {
            Some(format!("of all libraries but {} (--exclude-library)", format::count(libraries.len() as u64)))
        }
    }
}
