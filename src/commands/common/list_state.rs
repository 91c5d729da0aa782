//! Which state of the destination the list files are of.
//!
//! Beside the list files `PATH.<kind>` stands `PATH.state`, which names the incarnation of each of the destination's
//! stores under which list, unfinished list, journal and noted heads are valid, and where its libraries were among the
//! storage classes. They are used only while the store shows
//! that incarnation. Before a new one is written to the store, the file says which one it will be: a kill between the two
//! costs no listing, because either of them is good then.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::heads_cache;
use crate::commands::common::failure::Failure;
use crate::conf::{SideConf, StoreConf};
use crate::history::{Incarnation, Incarnations};
use crate::index::{self, ListLock, ListPaths, Origin};
use crate::object::{ObjectKind, PerKind};
use crate::report::Console;
use crate::sys::private_file;

/// The version of the file's fields.
const VERSION: u32 = 1;

/// The incarnations of one store under which its list is valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Valid {
    /// The one that the store showed last.
    current: Incarnation,
    /// The one that is being written, if any.
    next: Option<Incarnation>,
    /// Where the libraries were among the storage classes; empty where there are none.
    #[serde(default)]
    placement: String,
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    /// `None` for a kind that no pass with these lists has moved yet.
    stores: PerKind<Option<Valid>>,
}

/// The file.
#[derive(Clone, Debug)]
pub struct ListState {
    path: PathBuf,
}

/// Why a list is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Doubt {
    /// There is no file, or it cannot be understood: what is so.
    NoState(String),
    /// The store has no incarnation.
    NoIdentity,
    /// The store has another id.
    OtherStore,
    /// The store has another generation.
    OtherGeneration,
    /// Libraries are in other storage classes.
    OtherClasses,
}

impl Doubt {
    fn reason(&self) -> String {
        match self {
            Self::NoState(what) => format!("nothing says which state of the destination was listed ({what})"),
            Self::NoIdentity => {
                "the destination carries no identity: it was emptied, or replaced, or it is not mounted".to_owned()
            }
            Self::OtherStore => "the destination was made anew since".to_owned(),
            Self::OtherGeneration => "the destination is in another state since: another run wrote to it, a \
                                      verification found something wrong, or an older state was restored"
                .to_owned(),
            Self::OtherClasses => "libraries are in other storage classes than when it was listed".to_owned(),
        }
    }
}

impl ListState {
    /// The file beside the lists `prefix`.
    pub fn beside(prefix: &Path) -> Self {
        let mut path = prefix.as_os_str().to_owned();
        path.push(".state");
        Self { path: path.into() }
    }

    /// Says, durably, that the lists of the kinds that `to` moves are valid while the stores show `current`, or, where there
    /// is one, `next`. What it says of a kind that stays is of another migration, and stands.
    ///
    /// # Errors
    /// When the file cannot be written; what it said then stands.
    pub fn bind(
        &self,
        to: &SideConf,
        current: &PerKind<Incarnation>,
        next: Option<&PerKind<Incarnation>>,
    ) -> Result<(), Failure> {
        let recorded = self.read().ok();
        let valid = |kind| match to.moves(kind) {
            true => Some(Valid {
                current: current[kind].clone(),
                next: next.map(|next| next[kind].clone()),
                placement: to.store(kind).placement_digest(),
            }),
            false => recorded.as_ref().and_then(|recorded| recorded.stores[kind].clone()),
        };
        let document = Document { version: VERSION, stores: PerKind::from_fn(valid) };
        private_file::replace(&self.path, |out| Ok(serde_json::to_writer_pretty(out, &document)?))
            .map_err(|error| Failure::local(&format!("write {}", self.path.display()), &error))
    }

    /// Why the list of the store must not be used while it shows `shown`; `None` when it may be.
    fn doubt(&self, store: &StoreConf, shown: Option<&Incarnation>) -> Option<Doubt> {
        let kind = store.kind;
        let valid = match self.read().map(|document| document.stores[kind].clone()) {
            Ok(Some(valid)) => valid,
            Ok(None) => return Some(Doubt::NoState(format!("{} does not say it of [{kind}]", self.path.display()))),
            Err(error) => return Some(Doubt::NoState(self.told(&error))),
        };
        let Some(shown) = shown else { return Some(Doubt::NoIdentity) };
        let mut known = [Some(&valid.current), valid.next.as_ref()].into_iter().flatten();
        if known.any(|known| known == shown) {
            return (valid.placement != store.placement_digest()).then_some(Doubt::OtherClasses);
        }
        Some(if valid.current.is_same_store(shown) { Doubt::OtherGeneration } else { Doubt::OtherStore })
    }

    fn read(&self) -> io::Result<Document> {
        let text = private_file::read_if_there(&self.path)?.ok_or(io::ErrorKind::NotFound)?;
        let document: Document = serde_json::from_slice(&text)?;
        match document.version {
            VERSION => Ok(document),
            other => Err(io::Error::other(format!("it has version {other}, and this program reads {VERSION}"))),
        }
    }

    fn told(&self, error: &io::Error) -> String {
        match error.kind() {
            io::ErrorKind::NotFound => format!("{} is missing", self.path.display()),
            _ => format!("{} cannot be read: {error}", self.path.display()),
        }
    }
}

/// Refuses list files that are of another destination, or no lists. Nothing is changed.
///
/// # Errors
/// When one is.
pub fn require_lists_of(prefix: &Path, to: &SideConf) -> Result<(), Failure> {
    for kind in ObjectKind::COPY_ORDER.into_iter().filter(|kind| to.moves(*kind)) {
        index::origin(&ListPaths::new(prefix, kind, None), &to.store(kind).location())?;
    }
    Ok(())
}

/// Removes the list files that are not of the state that the destination shows, and says so. A text list of the old script
/// stays, because no state was ever known of those: a sample decides.
///
/// # Errors
/// When a list is of another destination, is in use, or cannot be removed.
pub fn forget_lists_of_other_states(
    prefix: &Path,
    to: &SideConf,
    shown: &Incarnations,
    console: &Console,
) -> Result<(), Failure> {
    let state = ListState::beside(prefix);
    let mut forgotten: Vec<(Doubt, Vec<ObjectKind>)> = Vec::new();
    for (kind, shown) in shown.iter().filter(|(kind, _)| to.moves(*kind)) {
        let Some(doubt) = state.doubt(to.store(kind), shown.as_ref()) else { continue };
        // What is remembered of heads rests on the lists of all kinds.
        forget_heads(prefix)?;
        let paths = ListPaths::new(prefix, kind, None);
        if index::origin(&paths, &to.store(kind).location())? != Origin::Listing {
            continue;
        }
        index::forget_all(&ListLock::acquire(&paths)?)?;
        match forgotten.iter_mut().find(|(known, _)| *known == doubt) {
            Some((_, kinds)) => kinds.push(kind),
            None => forgotten.push((doubt, vec![kind])),
        }
    }
    for (doubt, kinds) in forgotten {
        console.warning(format_args!("{}; the destination is listed again", not_used(&kinds, &doubt)));
    }
    Ok(())
}

/// Why the list of a store is not to be used while it shows `shown`, in words; `None` when it may be.
///
/// # Errors
/// When the list is of another destination, or cannot be read.
pub fn why_not_used(prefix: &Path, store: &StoreConf, shown: Option<&Incarnation>) -> Result<Option<String>, Failure> {
    let kind = store.kind;
    if index::origin(&ListPaths::new(prefix, kind, None), &store.location())? != Origin::Listing {
        return Ok(None);
    }
    Ok(ListState::beside(prefix).doubt(store, shown).map(|doubt| not_used(&[kind], &doubt)))
}

/// Forgets which heads were found whole.
///
/// # Errors
/// When the file is there and cannot be removed.
pub fn forget_heads(prefix: &Path) -> Result<(), Failure> {
    heads_cache::forget(prefix).map_err(|error| Failure::local("forget the heads that were found whole", &error))
}

fn not_used(kinds: &[ObjectKind], doubt: &Doubt) -> String {
    let names: Vec<String> = kinds.iter().map(|kind| format!("[{kind}]")).collect();
    let lists = if kinds.len() == 1 { "list" } else { "lists" };
    format!("the {lists} of {} cannot be used, because {}", names.join(" "), doubt.reason())
}
