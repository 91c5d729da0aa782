//! The folder of a checkpoint: its files, and the lock that one verification at a time holds.

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Checkpoint, CheckpointScope, VERSION};
use crate::commands::common::failure::Failure;
use crate::object::ObjectKind;
use crate::sys::file_lock::{FileLock, FileLockError};
use crate::sys::private_file;

const STATE: &str = "verify.json";
/// What is to replace another file. One name, so that what a kill leaves of it is known for what it is.
const NEW: &str = "verify.new";
const LOCK: &str = "lock";
/// The newest commits, as they were when the listing began.
pub(in crate::commands::verify) const HEADS: &str = "heads.json";
/// What was found: the objects that are wrong, those that were wrong before, the numbers of each library, the objects that
/// vanished, and those of which one answer was wrong.
pub(in crate::commands::verify) const FOUND: [&str; 5] =
    ["found.findings", "found.damaged", "found.libraries", "found.vanished", "found.wrong-once"];
/// What the listings of the sides begin with; a dot, the kind and more follow.
pub(in crate::commands::verify) const SIDES: [&str; 2] = ["from", "to"];
/// What the listings of a destination begin with that is listed once more.
pub(in crate::commands::verify) const AGAIN: &str = "again";

/// The folder of a verification.
#[derive(Debug)]
pub(in crate::commands::verify) struct Folder {
    dir: PathBuf,
    /// The folder of a verification that cannot be gone on with; it goes with this value.
    temporary: Option<tempfile::TempDir>,
    /// Held so that no other verification writes there.
    _lock: Option<FileLock>,
}

impl Folder {
    /// Opens or makes the folder that the user named.
    ///
    /// # Errors
    /// When another verification has it, it holds something else, or it cannot be used.
    pub(in crate::commands::verify) fn open(dir: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::Refused(format!("the checkpoint {}: {error}", dir.display()));
        match DirBuilder::new().mode(0o700).create(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        if let Some(stranger) = foreign_name(dir).map_err(failed)?.filter(|_| !dir.join(STATE).exists()) {
            let what =
                format!("{} holds {stranger} and no checkpoint; name a folder that is empty or new", dir.display());
            return Err(Failure::Refused(format!("--checkpoint: {what}")));
        }
        let lock = FileLock::acquire(&dir.join(LOCK)).map_err(|error| match error {
            FileLockError::Held { holder, .. } => {
                Failure::Locked(format!("another verification is using the checkpoint {}: {holder}", dir.display()))
            }
            FileLockError::Io { cause, .. } => failed(cause),
        })?;
        Ok(Self { dir: dir.to_owned(), temporary: None, _lock: Some(lock) })
    }

    /// A folder below `temp_dir` that vanishes with the verification.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(in crate::commands::verify) fn temporary(temp_dir: &Path) -> io::Result<Self> {
        let temporary = tempfile::Builder::new().prefix("seaf-migrate-verify-").tempdir_in(temp_dir)?;
        Ok(Self { dir: temporary.path().to_owned(), temporary: Some(temporary), _lock: None })
    }

    /// A file in the folder.
    pub(in crate::commands::verify) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Where the user finds it; `None` when it vanishes.
    pub(in crate::commands::verify) fn kept(&self) -> Option<&Path> {
        self.temporary.is_none().then_some(&*self.dir)
    }

    /// How far an earlier process came; `None` when there was none.
    ///
    /// # Errors
    /// When the checkpoint cannot be read, or is about something else than `scope`.
    pub(in crate::commands::verify) fn load(&self, scope: &CheckpointScope) -> Result<Option<Checkpoint>, Failure> {
        let refused = |what: String| {
            let what = format!("the checkpoint {} {what}. Name another folder, or remove this one", self.dir.display());
            Failure::Refused(what)
        };
        let text = private_file::read_if_there(&self.file(STATE));
        let Some(text) = text.map_err(|error| refused(format!("cannot be read: {error}")))? else { return Ok(None) };
        // The version first, because the other fields may be others in another version.
        let version: Versioned =
            serde_json::from_slice(&text).map_err(|error| refused(format!("is damaged: {error}")))?;
        if version.version != VERSION {
            return Err(refused(format!("has version {}, and this program writes {VERSION}", version.version)));
        }
        let kept: Checkpoint =
            serde_json::from_slice(&text).map_err(|error| refused(format!("is damaged: {error}")))?;
        match kept.scope.difference(scope) {
            Some(what) => Err(refused(format!("belongs to another verification: {what}"))),
            None => Ok(Some(kept)),
        }
    }

    /// Puts `checkpoint` in the place of the last one, durably.
    ///
    /// # Errors
    /// When it cannot be kept; the last one stands then.
    pub(in crate::commands::verify) fn save(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        if self.temporary.is_some() {
            return Ok(());
        }
        self.replace(STATE, &serde_json::to_vec(checkpoint)?)
    }

    /// Puts `data` in the place of a file, durably.
    ///
    /// # Errors
    /// When it cannot be written; what was there is then unchanged.
    pub(in crate::commands::verify) fn replace(&self, name: &str, data: &[u8]) -> io::Result<()> {
        let new = self.file(NEW);
        let mut file = private_file::create(&new)?;
        file.write_all(data)?;
        file.sync_all()?;
        fs::rename(&new, self.file(name))?;
        private_file::sync_folder_of(&new)
    }

    /// Removes what a verification kept. What lies there without [`STATE`] is of one that was just being removed: its
    /// listings must not be taken for fresh ones.
    ///
    /// # Errors
    /// When something of it cannot be removed.
    pub(in crate::commands::verify) fn clear(&self) -> io::Result<()> {
        // First, so that a kill in the middle leaves no checkpoint.
        private_file::remove_if_there(&self.file(STATE))?;
        private_file::sync_folder_of(&self.file(STATE))?;
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
    pub(in crate::commands::verify) fn remove(self) -> io::Result<()> {
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
    [STATE, NEW, LOCK, HEADS].contains(&name)
        || FOUND.contains(&name)
        || SIDES.into_iter().chain([AGAIN]).any(is_listing)
}

/// Something in the folder that no verification left there.
fn foreign_name(dir: &Path) -> io::Result<Option<String>> {
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
    use crate::object::ObjectKey;

    fn scope() -> CheckpointScope {
        let places = |side: &str| SideId::from_fn(|kind| format!("fs:/{side}/{kind}"));
        let pair = Pair { from: places("old"), to: places("new") };
        CheckpointScope { pair, content_percent: 100.0, libraries: Vec::new() }
    }

    fn refusal(folder: &Folder, scope: &CheckpointScope) -> String {
        match folder.load(scope) {
            Err(Failure::Refused(what)) => what,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_saved_comes_back_to_the_same_verification_only() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(&dir.path().join("new")).unwrap();
        assert!(folder.load(&scope()).unwrap().is_none());
        let mut state = Checkpoint::new(scope());
        state.after = Some(ObjectKey::MAX);
        folder.save(&state).unwrap();
        let loaded = folder.load(&scope()).unwrap().unwrap();
        assert_eq!((loaded.after, loaded.seed, loaded.began), (state.after, state.seed, state.began));

        let mut other = scope();
        other.pair.to = SideId::from_fn(|kind| format!("s3:host/{kind}"));
        assert!(refusal(&folder, &other).contains("compares fs:/old/commits"));
        assert!(
            refusal(&folder, &CheckpointScope { content_percent: 5.0, ..scope() })
                .contains("reads 100% of the objects, not 5%")
        );
        let limited = CheckpointScope { libraries: vec!["u-u-i-d".to_owned()], ..scope() };
        assert!(refusal(&folder, &limited).contains("all libraries, not the libraries u-u-i-d"));
    }

    #[test]
    fn another_version_and_damage_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(&dir.path().join("new")).unwrap();
        folder.replace(STATE, b"{\"version\": 7, \"who\": \"knows\"}").unwrap();
        assert!(refusal(&folder, &scope()).contains(&format!("has version 7, and this program writes {VERSION}")));
        folder.replace(STATE, format!("{{\"version\": {VERSION}}}").as_bytes()).unwrap();
        assert!(refusal(&folder, &scope()).contains("is damaged"));
        folder.replace(STATE, b"").unwrap();
        assert!(refusal(&folder, &scope()).contains("is damaged"));
        // A place to go on from that is no name would begin the kind anew, and count it twice.
        let after = ObjectKey::MAX;
        let state = Checkpoint { after: Some(after), ..Checkpoint::new(scope()) };
        let text = serde_json::to_string(&state).unwrap().replace(&after.to_string(), "elsewhere");
        folder.replace(STATE, text.as_bytes()).unwrap();
        assert!(refusal(&folder, &scope()).contains("is damaged: \"elsewhere\" is not an object name"));
    }

    #[test]
    fn one_verification_at_a_time_and_no_folder_of_somebody_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new");
        let first = Folder::open(&path).unwrap();
        assert!(matches!(Folder::open(&path), Err(Failure::Locked(_))));
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
            folder.save(&Checkpoint::new(scope())).unwrap();
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
        for name in [
            "verify.json",
            "lock",
            "from.commits",
            "to.blocks.journal",
            "again.fs.building",
            "to.fs.lock",
            "found.damaged",
        ] {
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
        folder.save(&Checkpoint::new(scope())).unwrap();
        assert!(folder.load(&scope()).unwrap().is_none() && folder.kept().is_none());
        folder.remove().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
