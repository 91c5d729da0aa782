//! Whether an interrupted verification can be gone on with: only when the destination is as it was. What was found good may
//! have gone since, and a listing of it says nothing of now.

use super::checkpoint::folder::{AGAIN, SIDES};
use super::state::VerifyState;
use crate::commands::common::failure::Failure;
use crate::commands::verify::not_kept;
use crate::commands::verify::settings::VerifySettings;
use crate::conf::SideConf;
use crate::history::Incarnations;
use crate::index::from_listing::Listing;
use crate::index::{self, Index, ListError, ListLock, ListPaths, Opened};
use crate::metrics::Counter;
use crate::object::{ObjectKind, PerKind};
use crate::report::Console;
use crate::store::Listed;
use crate::store::open::{OpenOptions, open_destination_to_read};
use crate::sys::shutdown::Shutdown;

/// What takes part when it is seen whether a verification can be gone on with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resume<'a> {
    pub(super) settings: &'a VerifySettings,
    pub(super) options: &'a OpenOptions,
    /// The incarnations that the destination's stores show now; `None` when they cannot be read.
    pub(super) incarnations: Option<&'a Incarnations>,
    pub(super) console: &'a Console,
    /// Cancellation: a signal or a failure asks everybody to end.
    pub(super) shutdown: &'a Shutdown,
}

impl Resume<'_> {
    /// The verification as an earlier process left it, when the destination is as it was; else one that begins now.
    ///
    /// # Errors
    /// When a store does not answer, or what is kept cannot be read or written.
    pub(super) fn go_on_or_begin(&self, state: VerifyState) -> Result<VerifyState, Failure> {
        let mut state = state;
        if state.is_resumed {
            match self.why_not(&state)? {
                None => {
                    self.console.log(format_args!("Going on with the verification that began at {}", state.kept.began));
                    return Ok(state);
                }
                Some(why) => {
                    self.console.warning(format_args!("the verification begins anew, because {why}"));
                    state = state.begun_anew()?;
                }
            }
        }
        state.kept.destination = self.incarnations.cloned();
        state.kept.placements = self.placements();
        state.save().map_err(|error| not_kept(&error))?;
        Ok(state)
    }

    /// Why the verification cannot be gone on with; `None` when it can.
    fn why_not(&self, state: &VerifyState) -> Result<Option<String>, Failure> {
        if state.kept.destination.is_none() || state.kept.destination.as_ref() != self.incarnations {
            let why = "the destination is in another state than when it began: a run wrote to it, or it was emptied, made \
                       anew or restored from a backup";
            return Ok(Some(why.to_owned()));
        }
        if state.kept.placements != self.placements() {
            return Ok(Some("libraries are in other storage classes than when it began".to_owned()));
        }
        let is_fresh = state.kept.is_fresh();
        for kind in ObjectKind::ALL {
            let paths = ListPaths::new(&state.folder.file(SIDES[1]), kind, None);
            let lock = ListLock::acquire(&paths)?;
            match index::open(&paths, &self.settings.to.store(kind).location())? {
                Opened::Complete(before) if !is_fresh => {
                    if let Some(why) = self.difference(kind, &before, state)? {
                        return Ok(Some(why));
                    }
                }
                // Nothing was compared with it yet, so it is listed anew.
                _ => index::forget_all(&lock)?,
            }
        }
        Ok(None)
    }

    /// Where the libraries of each side are among the storage classes.
    fn placements(&self) -> [PerKind<String>; 2] {
        let of = |side: &SideConf| PerKind::from_fn(|kind| side.store(kind).placement_digest());
        [of(&self.settings.from), of(&self.settings.to)]
    }

    /// The first object that the destination does not list as it did; `None` when it lists the same.
    fn difference(&self, kind: ObjectKind, before: &Index, state: &VerifyState) -> Result<Option<String>, Failure> {
        self.console
            .log(format_args!("Start to list [{kind}] object of the destination again, to see that it is as it was"));
        let conf = self.settings.to.store(kind);
        let Some(store) = open_destination_to_read(conf, self.options)? else {
            return Ok((!before.is_empty()).then(|| format!("{} is not there any more", conf.location())));
        };
        let lock = ListLock::acquire(&ListPaths::new(&state.folder.file(AGAIN), kind, None))?;
        // What an earlier process left of it is of then.
        index::forget_all(&lock)?;
        let listing = Listing {
            lock: &lock,
            store: &*store,
            listers: self.settings.store.listers_for(conf),
            only: &self.settings.libraries,
            counted: &Counter::default(),
            shutdown: self.shutdown,
        };
        let (now, _) = listing.into_set()?;
        let difference = first_difference(before, &now)?;
        drop(now);
        index::forget_all(&lock)?;
        Ok(difference.map(|object| format!("the [{kind}] object {} at the destination is not as it was", object.key)))
    }
}

/// The first object that one list has and the other has not, or not with that size.
fn first_difference(before: &Index, now: &Index) -> Result<Option<Listed>, ListError> {
    let (mut before, mut now) = (before.iter(), now.iter());
    loop {
        match (before.next().transpose()?, now.next().transpose()?) {
            (None, None) => return Ok(None),
            (Some(one), Some(other)) if one == other => {}
            (Some(one), Some(other)) => return Ok(Some(if one.key <= other.key { one } else { other })),
            (one, other) => return Ok(one.or(other)),
        }
    }
}
