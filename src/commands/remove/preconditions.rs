//! Whether anything may be removed at all: a verification to go by, and no server that works on the old stores.

use std::collections::BTreeMap;

use crate::commands::common::failure::Failure;
use crate::commands::remove::settings::{Proof, RemoveSettings};
use crate::conf::DatabaseConf;
use crate::database::heads::{LibraryRoots, Roots};
use crate::history::{Incarnations, Pair, PairHistory, VerifyNote};
use crate::object::{LibraryId, ObjectId, ObjectKey};
use crate::report::Console;
use crate::store::{ReadStore, StoreError, found};

/// The commits of both sides.
#[derive(Clone, Copy, Debug)]
pub struct Commits<'a> {
    /// Those of the old side.
    pub source: &'a dyn ReadStore,
    /// Those of the new side.
    pub destination: &'a dyn ReadStore,
    /// Whether the two are one store, in which the migration leaves them.
    pub stay: bool,
}

/// The verification that allows the removal, `now` being the incarnations that the destination's stores have now.
///
/// # Errors
/// Why nothing may be removed.
pub fn verification(settings: &RemoveSettings, now: &Incarnations, console: &Console) -> Result<VerifyNote, Failure> {
    let verified = match &settings.proof {
        Proof::Noted => note(settings, now).map_err(Failure::Refused)?,
        Proof::JustVerified(verified) => (**verified).clone(),
    };
    if !settings.content && !verified.is_of_all_contents() {
        let what = format!("the verification of {} compared ids and sizes, not all contents", verified.ended);
        let next = "Add --content, which reads each object at the destination before the source's is removed, or verify \
                    with --content first";
        if settings.yes {
            return Err(Failure::Refused(format!("nothing may be removed: {what}. {next}")));
        }
        console.warning(format_args!("{what}, so --yes would be refused. {next}"));
    }
    console.log(format_args!("Going by the verification of {}", verified.ended));
    Ok(verified)
}

/// Sees that nobody wrote to the destination since its incarnations were read.
///
/// # Errors
/// When somebody did.
pub fn require_unchanged(before: &Incarnations, now: &Incarnations) -> Result<(), Failure> {
    if before == now {
        return Ok(());
    }
    let what = "nothing may be removed: another run wrote to the destination just now. Run and verify again";
    Err(Failure::Refused(what.to_owned()))
}

fn note(settings: &RemoveSettings, now: &Incarnations) -> Result<VerifyNote, String> {
    let pair = Pair::new(&settings.from, &settings.to);
    let record = settings.state_dir.load(&pair).map_err(|error| error.to_string())?;
    let record = record.unwrap_or_else(|| PairHistory::new(pair));
    match (record.why_unproven(now), record.verified) {
        (None, Some(verified)) => Ok(verified),
        (lack, _) => {
            let lack = lack.unwrap_or_else(|| "these stores were never verified".to_owned());
            Err(format!(
                "nothing may be removed: {lack}. Run seaf-migrate run until it ends with exit code 0, then seaf-migrate \
                 verify --content, with the same --from and --to"
            ))
        }
    }
}

/// Sees that no server works on the old stores. A head that moved shows one at work; where, is told by the commit that
/// it moved to: after the switch that one is at the destination alone, and the old stores are at rest.
///
/// # Errors
/// When one does, or nobody can tell.
pub fn no_live_server(
    settings: &RemoveSettings,
    verified: &VerifyNote,
    commits: Commits<'_>,
    console: &Console,
) -> Result<(), Failure> {
    let unknown = match (&settings.database, &verified.heads) {
        (Some(database), Some(noted)) => return no_head_moved(settings, database, noted, commits, console),
        (None, _) => {
            "no database of the server is configured; name it with --db, or in [database] of the old seafile.conf"
        }
        (_, None) => "the verification noted no heads, because it ran without the database; verify again with it",
    };
    if settings.server_is_stopped {
        console.warning(
            "whether a server works on the old stores was not checked, because --server-is-stopped says that \
             none does",
        );
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "nothing may be removed: whether a server still works on the old stores cannot be told, because {unknown}. \
         If the server is stopped, or works on the new stores, add --server-is-stopped"
    )))
}

fn no_head_moved(
    settings: &RemoveSettings,
    database: &DatabaseConf,
    noted: &BTreeMap<LibraryId, ObjectId>,
    commits: Commits<'_>,
    console: &Console,
) -> Result<(), Failure> {
    let roots = Roots::from_conf(database).map_err(|error| {
        Failure::Database(format!("whether a server still works on the old stores cannot be told: {error}"))
    })?;
    let (mut moved, mut is_known) = (0, false);
    // The other libraries of a server with storage classes may be anywhere, and say nothing of these two.
    let is_meant = |library: &&LibraryRoots| match settings.proof {
        Proof::Noted => true,
        Proof::JustVerified(_) => settings.libraries.contains(&library.id),
    };
    for library in roots.libraries.iter().filter(is_meant) {
        let Some(head) = library.heads.first() else { continue };
        let key = ObjectKey::new(library.id, *head);
        if noted.get(&library.id) == Some(head) {
            // One is enough, and the first one mostly is.
            is_known = is_known || has(commits.destination, &key)?;
            continue;
        }
        moved_on_the_new_side(&key, commits)?;
        (moved, is_known) = (moved + 1, true);
    }
    if !is_known {
        // As with the database of another server, whose heads may rest for ever.
        return Err(Failure::Refused(
            "nothing may be removed: the destination has the newest commit of none of the libraries that the database \
             names. Check that it is the database of this server"
                .to_owned(),
        ));
    }
    if moved > 0 {
        console.log(format_args!(
            "{moved} heads moved since the verification, to commits that only the new side has: the server works there"
        ));
    }
    Ok(())
}

fn moved_on_the_new_side(key: &ObjectKey, commits: Commits<'_>) -> Result<(), Failure> {
    let place = match (has(commits.source, key)?, has(commits.destination, key)?) {
        (false, true) => return Ok(()),
        (true, _) if commits.stay => {
            "and commits stay where they are, so that it cannot be told on which of the other stores the server works"
        }
        (true, _) => "which the old stores hold: a server works on them, or did since the verification",
        (false, false) => "which neither side holds",
    };
    Err(Failure::Refused(format!(
        "nothing may be removed: the newest commit of library {} is {} now, {place}. Stop the server, then run and \
         verify again",
        key.library, key.id
    )))
}

fn has(commits: &dyn ReadStore, key: &ObjectKey) -> Result<bool, StoreError> {
    Ok(found(commits.size(key))?.is_some())
}
