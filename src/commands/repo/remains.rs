//! What is left of a library in a class that it left: removed once every object of it was read at the library's own class.

use jiff::Timestamp;

use super::outcome::RepoOutcome;
use super::settings::{RemainsSettings, of_class};
use crate::commands::common::failure::Failure;
use crate::commands::remove::settings::{Proof, RemoveSettings, Stage};
use crate::commands::{remove, verify};
use crate::conf::{Role, SideConf, StoreConf};
use crate::database::heads::Roots;
use crate::history::{Pair, VerifyNote};
use crate::object::LibraryId;
use crate::report::{Console, Outcome};
use crate::sys::shutdown::Shutdown;

/// Verifies, and removes under the rules of `remove`.
pub(super) fn remove(settings: &RemainsSettings, console: &Console, shutdown: &Shutdown) -> RepoOutcome {
    match verified(settings, console, shutdown) {
        Ok(removal) => RepoOutcome::Removal(Box::new(remove::run(&removal, console, shutdown))),
        Err(outcome) => outcome,
    }
}

fn stopped(failure: Failure) -> RepoOutcome {
    RepoOutcome::Stopped { moved: 0, failure }
}

/// What is to be removed, once all of it was read at its new place.
fn verified(settings: &RemainsSettings, console: &Console, shutdown: &Shutdown) -> Result<RemoveSettings, RepoOutcome> {
    let began = Timestamp::now();
    let roots = Roots::with_classes(&settings.database).map_err(|error| stopped(error.into()))?;
    let (from, to, family) = sides(settings, &roots)?;
    let heads = roots.libraries.iter().filter(|library| family.contains(&library.id));
    let heads = heads.filter_map(|library| Some((library.id, *library.heads.first()?))).collect();
    let verification = verification(settings, &from, &to, &family);
    let outcome = verify::run(&verification, console, shutdown);
    match outcome.exit_code() {
        0 => {}
        1 => {
            let what = format!(
                "not every object that class {} has of library {} is in its own class",
                settings.class, settings.library
            );
            return Err(RepoOutcome::NotWhole { moved: 0, what });
        }
        _ => {
            let failure = Failure::interruption(shutdown).unwrap_or_else(|| Failure::Store(outcome.to_string()));
            return Err(stopped(failure));
        }
    }
    let note = VerifyNote {
        began,
        ended: Timestamp::now(),
        content_percent: 100.0,
        findings: 0,
        objects: 0,
        heads: Some(heads),
        destination: None,
    };
    Ok(RemoveSettings {
        journal: settings.state.removals(&Pair::new(&from, &to)),
        from,
        to,
        store: settings.store.clone(),
        stage: Stage::Remove,
        yes: settings.yes,
        libraries: family,
        content: true,
        rate: None,
        database: Some(settings.database.clone()),
        server_is_stopped: false,
        report: None,
        temp_dir: settings.temp_dir.clone(),
        lease: settings.lease,
        state_dir: settings.state.clone(),
        proof: Proof::JustVerified(Box::new(note)),
    })
}

/// The class that the library left as an old side, its own one as a new side, and the library with its virtual ones.
fn sides(settings: &RemainsSettings, roots: &Roots) -> Result<(SideConf, SideConf, Vec<LibraryId>), RepoOutcome> {
    let RemainsSettings { library, class, side, .. } = settings;
    let refused = |what: String| stopped(Failure::Refused(format!("{what}; nothing was done")));
    let Some(found) = roots.library(*library) else {
        return Err(refused(format!(
            "the database names no library {library}, so that nobody knows which class is its own"
        )));
    };
    if found.origin.is_some() {
        let origin = found.store_id();
        return Err(refused(format!(
            "library {library} is a part of library {origin}, and goes with it: name that one"
        )));
    }
    let default = side.stores.values().find_map(StoreConf::classes).map_or("", |classes| classes.default_id());
    let own = roots.classes.of(*library).map_or(default, |class| class);
    if own == class {
        return Err(refused(format!("library {library} is in class {class}: nothing is left over of it there")));
    }
    let of = |class: &str, role| of_class(side, class, role).map_err(|error| refused(error.to_string()));
    let (from, to) = (of(class, Role::Source)?, of(own, Role::Destination)?);
    if from.stores.iter().any(|(kind, store)| store.backend == to.store(kind).backend) {
        return Err(refused(format!("the classes {class} and {own} share a store")));
    }
    let mut family: Vec<LibraryId> =
        roots.libraries.iter().filter(|other| other.store_id() == *library).map(|other| other.id).collect();
    family.push(*library);
    family.sort_unstable();
    family.dedup();
    Ok((from, to, family))
}

fn verification(
    settings: &RemainsSettings,
    from: &SideConf,
    to: &SideConf,
    family: &[LibraryId],
) -> verify::settings::VerifySettings {
    verify::settings::VerifySettings {
        from: from.clone(),
        to: to.clone(),
        store: settings.store.clone(),
        memory: settings.memory,
        content_percent: 100.0,
        bandwidth: None,
        libraries: family.to_vec(),
        database: None,
        database_is_named: false,
        checkpoint: None,
        temp_dir: settings.temp_dir.clone(),
        report: None,
        html: None,
        strict: false,
        state_dir: settings.state.clone(),
    }
}
