//! Both sides of every kind listed anew into the folder of the verification.

use super::checkpoint::folder::SIDES;
use super::{KindStores, Verification};
use crate::commands::common::failure::Failure;
use crate::commands::common::first_failure::FirstFailure;
use crate::commands::common::ignored_names::left_alone;
use crate::commands::common::other_layout;
use crate::conf::SideConf;
use crate::flow::tasks::{self, Seats};
use crate::index::from_listing::Listing;
use crate::index::{self, Index, ListLock, ListPaths, Opened, SetBuilder};
use crate::metrics::CompareCounters;
use crate::object::{ObjectKind, PerKind};
use crate::report::format;
use crate::store::{Ignored, ReadStore};

/// Both listings of one kind.
pub(super) struct ListedPair {
    /// What the source holds.
    pub(super) from: Index,
    /// What the destination holds.
    pub(super) to: Index,
    /// The names in the source and at the destination that are no objects; `None` where an earlier process listed them.
    pub(super) ignored: [Option<Ignored>; 2],
}

/// A store to be listed.
#[derive(Clone, Copy)]
struct Side<'a> {
    /// What the files of its listing are called.
    name: &'a str,
    kind: ObjectKind,
    conf: &'a SideConf,
    /// `None` for a destination that does not exist yet; it holds nothing.
    store: Option<&'a dyn ReadStore>,
}

impl Verification<'_> {
    /// Lists both sides of every kind, or takes the listings that an earlier process finished.
    pub(super) fn list(&mut self, stores: &PerKind<KindStores>, counters: &CompareCounters) -> Result<(), Failure> {
        for (kind, stores) in stores.iter() {
            self.console.log(format_args!("Start to list [{kind}] object of both sides"));
            let listed = self.list_kind(kind, stores, counters)?;
            let (old, new) = (format::count(listed.from.len()), format::count(listed.to.len()));
            self.console.log(format_args!("[{kind}] {old} objects in the source, {new} at the destination"));
            self.listed[kind] = Some(listed);
        }
        Ok(())
    }

    /// Lists both at once, because they are different servers and each is waited for.
    fn list_kind(
        &self,
        kind: ObjectKind,
        stores: &KindStores,
        counters: &CompareCounters,
    ) -> Result<ListedPair, Failure> {
        let failures = FirstFailure::new(self.shutdown);
        let list = |side: Side<'_>| self.list_side(side, counters).map_err(|failure| failures.end(failure)).ok();
        let source = Side { name: SIDES[0], kind, conf: &self.settings.from, store: Some(&*stores.from) };
        let destination = Side { name: SIDES[1], kind, conf: &self.settings.to, store: stores.to.as_deref() };
        let mut listed = tasks::map(&Seats::new(1), &[source, destination], |side| list(*side)).into_iter();
        let (from, to) = (listed.next().flatten(), listed.next().flatten());
        match (from, to) {
            (Some((from, in_source)), Some((to, at_destination))) => {
                Ok(ListedPair { from, to, ignored: [in_source, at_destination] })
            }
            _ => Err(failures.get().unwrap_or_else(|| Failure::cut_short("listing both sides"))),
        }
    }

    /// What a store holds, and the names in it that are no objects.
    fn list_side(&self, side: Side<'_>, counters: &CompareCounters) -> Result<(Index, Option<Ignored>), Failure> {
        let conf = side.conf.store(side.kind);
        let location = conf.location();
        let paths = ListPaths::new(&self.state.folder.file(side.name), side.kind, None);
        let lock = ListLock::acquire(&paths)?;
        match index::open(&paths, &location)? {
            // One that holds nothing is not gone by again: the disk may have been mounted since.
            Opened::Complete(set) if set.is_empty() => {
                drop(set);
                index::forget_all(&lock)?;
            }
            Opened::Complete(set) => return Ok((set, None)),
            _ => {}
        }
        let Some(store) = side.store else {
            let (builder, ranges) = SetBuilder::start_or_resume(&lock, &location)?;
            for range in ranges {
                let mut nothing = builder.stream();
                nothing.page(range, &[])?;
                nothing.finish()?;
            }
            return Ok((builder.finish()?, Some(Ignored::default())));
        };
        let (listers, counted) = (self.settings.store.listers_for(conf), &counters.listed);
        let (only, shutdown) = (&self.settings.libraries[..], self.shutdown);
        let (set, ignored) = Listing { lock: &lock, store, listers, only, counted, shutdown }.into_set()?;
        let whose = if side.name == SIDES[0] { "the source" } else { "the destination" };
        if let Err(refused) = other_layout::require_none(whose, &location, &ignored) {
            drop(set);
            index::forget_all(&lock)?;
            return Err(refused);
        }
        if ignored.total() > 0 {
            self.console.log(format_args!("[{}] {}", side.kind, left_alone(whose, &ignored)));
        }
        Ok((set, Some(ignored)))
    }
}
