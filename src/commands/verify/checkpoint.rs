//! Where a verification keeps what it knows, so that it can be interrupted at any instant and gone on with.
//!
//! One folder a verification: the listings of both sides (existence sets, which go on by themselves), what was found
//! (files of lines, written ahead), and `verify.json`, which says how much of those lines counts and how far the
//! comparison is. That file is replaced as a whole, and only after everything that it speaks of is on disk.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::commands::verify::report::Row;
use crate::compare::Tally;
use crate::metrics::Finding;
use crate::object::{ObjectKey, ObjectKind, PerKind};
use crate::report::Ending;
use crate::report::jsonl::Position;

mod scope;

pub(super) use scope::CheckpointScope;

/// The version of what is in the folder.
const VERSION: u32 = 1;

const STATE: &str = "verify.json";
const NEW: &str = "verify.new";
const LOCK: &str = "lock";
/// The newest commits, as they were when the listing began.
pub(super) const HEADS: &str = "heads.json";
/// What was found: the objects that are wrong, those that were wrong before, and the numbers of each library.
pub(super) const FOUND: [&str; 3] = ["found.findings", "found.damaged", "found.libraries"];
/// What the listings of the sides begin with; a dot, the kind and more follow.
pub(super) const SIDES: [&str; 2] = ["from", "to"];

/// How far a verification is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    /// What it is about.
    pub(super) bound: CheckpointScope,
    /// When the listing began.
    pub(super) began: Timestamp,
    /// Which objects a share takes.
    pub(super) seed: u64,
    /// How many kinds are done, in the order of [`ObjectKind::ALL`].
    done: usize,
    /// The last key that is settled of the next kind.
    pub(super) after: Option<ObjectKey>,
    /// What was counted, by kind.
    pub(super) kinds: PerKind<Tally>,
    /// What was counted of the library that `after` is in.
    pub(super) row: Option<Row>,
    /// Objects that could not be checked, to be looked at again.
    pub(super) unchecked: Vec<Finding>,
    /// How much of the files counts: findings, damage, rows.
    pub(super) marks: [Position; 3],
}

impl State {
    /// A verification that begins now.
    pub(super) fn new(bound: CheckpointScope) -> Self {
        Self {
            version: VERSION,
            bound,
            began: Timestamp::now(),
            seed: fastrand::u64(..),
            done: 0,
            after: None,
            kinds: PerKind::default(),
            row: None,
            unchecked: Vec::new(),
            marks: [Position::default(); 3],
        }
    }

    /// Whether everything of a kind is settled.
    pub(super) const fn is_done(&self, kind: ObjectKind) -> bool {
        self.done > kind.index()
    }

    /// Notes that everything of a kind is settled, and of those before it.
    pub(super) const fn end_kind(&mut self, kind: ObjectKind) {
        self.done = kind.index() + 1;
    }
}

/// The folder of a verification.
#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    /// The folder of a verification that cannot be gone on with; it goes with this value.
    temporary: Option<tempfile::TempDir>,
    /// Held so that no other verification writes there.
    _lock: Option<File>,
}

impl Folder {
    /// Opens or makes the folder that the user named.
    ///
    /// # Errors
    /// When another verification has it, it holds something else, or it cannot be used.
    pub(super) fn open(dir: &Path) -> Result<Self, Ending> {
        let failed = |error: io::Error| Ending::Refused(format!("the checkpoint {}: {error}", dir.display()));
        match DirBuilder::new().mode(0o700).create(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        if let Some(stranger) = strangers(dir).map_err(failed)?.filter(|_| !dir.join(STATE).exists()) {
            let what =
                format!("{} holds {stranger} and no checkpoint; name a folder that is empty or new", dir.display());
            return Err(Ending::Refused(format!("--checkpoint: {what}")));
        }
        let lock = File::options().write(true).create(true).truncate(false).mode(0o600).open(dir.join(LOCK));
        let lock = lock.map_err(failed)?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(Ending::Locked(format!("another verification is using the checkpoint {}", dir.display())));
        }
        Ok(Self { dir: dir.to_owned(), temporary: None, _lock: Some(lock) })
    }

    /// A folder below `temp_dir` that vanishes with the verification.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn temporary(temp_dir: &Path) -> io::Result<Self> {
        let temporary = tempfile::Builder::new().prefix("seaf-migrate-verify-").tempdir_in(temp_dir)?;
        Ok(Self { dir: temporary.path().to_owned(), temporary: Some(temporary), _lock: None })
    }

    /// A file in the folder.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Where the user finds it; `None` when it vanishes.
    pub(super) fn kept(&self) -> Option<&Path> {
        self.temporary.is_none().then_some(&*self.dir)
    }

    /// How far an earlier process came; `None` when there was none.
    ///
    /// # Errors
    /// When the checkpoint cannot be read, or is about something else than `bound`.
    pub(super) fn load(&self, bound: &CheckpointScope) -> Result<Option<State>, Ending> {
        let path = self.file(STATE);
        let refused = |what: String| {
            let what = format!("the checkpoint {} {what}. Name another folder, or remove this one", self.dir.display());
            Ending::Refused(what)
        };
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused(format!("cannot be read: {error}"))),
        };
        // The version first, because the other fields may be others in another version.
        let version: Versioned =
            serde_json::from_slice(&text).map_err(|error| refused(format!("is damaged: {error}")))?;
        if version.version != VERSION {
            return Err(refused(format!("has version {}, and this program writes {VERSION}", version.version)));
        }
        let state: State = serde_json::from_slice(&text).map_err(|error| refused(format!("is damaged: {error}")))?;
        match state.bound.difference(bound) {
            Some(what) => Err(refused(format!("belongs to another verification: {what}"))),
            None => Ok(Some(state)),
        }
    }

    /// Puts `state` in the place of the last one, durably.
    ///
    /// # Errors
    /// When it cannot be kept; the last one stands then.
    pub(super) fn save(&self, state: &State) -> io::Result<()> {
        if self.temporary.is_some() {
            return Ok(());
        }
        self.replace(STATE, &serde_json::to_vec(state)?)
    }

    /// Puts `data` in the place of a file, durably.
    ///
    /// # Errors
    /// When it cannot be written; what was there is then unchanged.
    pub(super) fn replace(&self, name: &str, data: &[u8]) -> io::Result<()> {
        let new = self.file(NEW);
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(data)?;
        file.sync_all()?;
        fs::rename(&new, self.file(name))?;
        File::open(&self.dir)?.sync_all()
    }

    /// Removes what a verification kept. What lies there without [`STATE`] is of one that was just being removed: its
    /// listings must not be taken for fresh ones.
    ///
    /// # Errors
    /// When something of it cannot be removed.
    pub(super) fn clear(&self) -> io::Result<()> {
        // First, so that a kill in the middle leaves no checkpoint.
        match fs::remove_file(self.file(STATE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => File::open(&self.dir)?.sync_all()?,
        }
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if name != LOCK && is_ours(&name.to_string_lossy()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes what the verification kept, and the folder unless something else is in it.
    ///
    /// # Errors
    /// When something of it cannot be removed.
    pub(super) fn remove(self) -> io::Result<()> {
        if let Some(temporary) = self.temporary {
            return temporary.close();
        }
        self.clear()?;
        fs::remove_file(self.file(LOCK))?;
        match fs::remove_dir(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(error),
            _ => Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// Whether a verification leaves a file of this name, so that nothing else is ever deleted.
fn is_ours(name: &str) -> bool {
    let is_listing = |side: &str| {
        let kinds = ObjectKind::ALL.map(|kind| format!("{side}.{kind}"));
        kinds.iter().any(|list| name == list || name.starts_with(&format!("{list}.")))
    };
    [STATE, NEW, LOCK, HEADS].contains(&name) || FOUND.contains(&name) || SIDES.into_iter().any(is_listing)
}

/// Something in the folder that no verification left there.
fn strangers(dir: &Path) -> io::Result<Option<String>> {
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !is_ours(&name) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::SideId;
    use crate::history::Pair;
    use crate::object::{LibraryId, ObjectId};

    fn bound() -> CheckpointScope {
        let places = |side: &str| SideId::from_fn(|kind| format!("fs:/{side}/{kind}"));
        let pair = Pair { from: places("old"), to: places("new") };
        CheckpointScope { pair, content_percent: 100.0, libraries: Vec::new() }
    }

    fn refusal(folder: &Folder, bound: &CheckpointScope) -> String {
        match folder.load(bound) {
            Err(Ending::Refused(what)) => what,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_saved_comes_back_to_the_same_verification_only() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(&dir.path().join("new")).unwrap();
        assert!(folder.load(&bound()).unwrap().is_none());
        let mut state = State::new(bound());
        state.after = Some(ObjectKey::MAX);
        folder.save(&state).unwrap();
        let loaded = folder.load(&bound()).unwrap().unwrap();
        assert_eq!((loaded.after, loaded.seed, loaded.began), (state.after, state.seed, state.began));

        let mut other = bound();
        other.pair.to = SideId::from_fn(|kind| format!("s3:host/{kind}"));
        assert!(refusal(&folder, &other).contains("compares fs:/old/commits"));
        assert!(
            refusal(&folder, &CheckpointScope { content_percent: 5.0, ..bound() })
                .contains("reads 100% of the objects, not 5%")
        );
        let limited = CheckpointScope { libraries: vec!["u-u-i-d".to_owned()], ..bound() };
        assert!(refusal(&folder, &limited).contains("all libraries, not the libraries u-u-i-d"));
    }

    #[test]
    fn another_version_and_damage_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(&dir.path().join("new")).unwrap();
        folder.replace(STATE, b"{\"version\": 7, \"who\": \"knows\"}").unwrap();
        assert!(refusal(&folder, &bound()).contains("has version 7, and this program writes 1"));
        folder.replace(STATE, b"{\"version\": 1}").unwrap();
        assert!(refusal(&folder, &bound()).contains("is damaged"));
        folder.replace(STATE, b"").unwrap();
        assert!(refusal(&folder, &bound()).contains("is damaged"));
        // A place to go on from that is no name would begin the kind anew, and count it twice.
        let after = ObjectKey::new(LibraryId::from_bytes([7; 16]), ObjectId::from_bytes([7; 20]));
        let state = State { after: Some(after), ..State::new(bound()) };
        let text = serde_json::to_string(&state).unwrap().replace(&after.to_string(), "elsewhere");
        folder.replace(STATE, text.as_bytes()).unwrap();
        assert!(refusal(&folder, &bound()).contains("is damaged: \"elsewhere\" is not an object name"));
    }

    #[test]
    fn one_verification_at_a_time_and_no_folder_of_somebody_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new");
        let first = Folder::open(&path).unwrap();
        assert!(matches!(Folder::open(&path), Err(Ending::Locked(_))));
        drop(first);
        Folder::open(&path).unwrap();
        fs::write(dir.path().join("photo.jpg"), "mine").unwrap();
        let refused = Folder::open(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("photo.jpg") || refused.contains("new"), "{refused}");
        let below_nothing = Folder::open(&dir.path().join("no/such/place")).unwrap_err().to_string();
        assert!(below_nothing.contains("no/such/place"), "{below_nothing}");
    }

    #[test]
    fn removing_leaves_what_others_put_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new");
        for stranger in [None, Some("notes.txt")] {
            let folder = Folder::open(&path).unwrap();
            folder.save(&State::new(bound())).unwrap();
            fs::write(folder.file("from.blocks"), "a set").unwrap();
            if let Some(name) = stranger {
                fs::write(path.join(name), "mine").unwrap();
            }
            folder.remove().unwrap();
            let left: Vec<_> =
                fs::read_dir(&path).into_iter().flatten().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(left, stranger.map(Into::into).into_iter().collect::<Vec<std::ffi::OsString>>());
        }
    }

    #[test]
    fn listings_of_a_verification_that_was_being_removed_are_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new");
        let folder = Folder::open(&path).unwrap();
        for name in ["from.blocks", "to.fs.building", "found.findings", "heads.json", "verify.new"] {
            fs::write(folder.file(name), "old").unwrap();
        }
        drop(folder);
        let folder = Folder::open(&path).unwrap();
        folder.clear().unwrap();
        let left: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lock"]);
    }

    #[test]
    fn only_names_of_ours_are_ours() {
        for name in ["verify.json", "lock", "from.commits", "to.blocks.journal", "to.fs.lock", "found.damaged"] {
            assert!(is_ours(name), "{name}");
        }
        for name in ["to.do", "lockers", "from.blocksx", "found.cat", "verify.json.bak", "heads", "objects.blocks", ""]
        {
            assert!(!is_ours(name), "{name}");
        }
    }

    #[test]
    fn a_temporary_folder_keeps_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::temporary(dir.path()).unwrap();
        folder.save(&State::new(bound())).unwrap();
        assert!(folder.load(&bound()).unwrap().is_none() && folder.kept().is_none());
        folder.remove().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
