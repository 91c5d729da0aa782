//! Kinds that a new side leaves where the old side has them: those that `--kind` does not name, and those of which a
//! seafile.conf that names other kinds says nothing.

use super::backend::StoreConf;
use super::finding::{ConfError, Findings, Place};
use super::side::{ReadSide, section_of};
use super::variables::STORAGE_TYPE;
use crate::object::ObjectKind;

/// What decides which kinds of a new side stay.
#[derive(Clone, Copy)]
pub(crate) struct Staying<'a> {
    /// The old side; `None` when it could not be read, which is an error already.
    pub(crate) old: Option<&'a ReadSide>,
    /// The kinds that the user says are to move; all that the new side names when it is empty.
    pub(crate) moving: &'a [ObjectKind],
}

impl Staying<'_> {
    /// Whether a kind stays by what the user says.
    pub(crate) fn is_asked(&self, kind: ObjectKind) -> bool {
        !self.moving.is_empty() && !self.moving.contains(&kind)
    }

    /// The store of a kind that stays.
    fn store(&self, kind: ObjectKind) -> Option<StoreConf> {
        Some(StoreConf { stays: true, ..self.old?.conf.stores[kind].clone() })
    }

    /// The store of a kind that stays although the seafile.conf names `named` for it, where it names one.
    pub(crate) fn of_conf(
        &self,
        kind: ObjectKind,
        named: Option<&StoreConf>,
        place: &Place,
        findings: &mut Findings,
    ) -> Option<(StoreConf, Place)> {
        let store = self.store(kind)?;
        let has_classes = [Some(&store), named].into_iter().flatten().any(|store| store.classes().is_some());
        if has_classes && named.is_none_or(|named| named.location() != store.location()) {
            let elsewhere = named.map_or_else(|| "nothing".to_owned(), |named| named.location().to_string());
            let problem = format!(
                "with storage classes a server has all kinds in them, so that {kind} cannot stay in {} while the new side names \
                 {elsewhere} for them",
                store.location()
            );
            let allowed = "all kinds (no --kind), or classes with the same ids and the same stores for what stays";
            findings.error(ConfError::new(place, problem).allowed(allowed));
            return Some((store, place.clone()));
        }
        if let Some(named) = named.filter(|named| named.location() != store.location()) {
            let problem = format!(
                "names {}, which is not used now, because --kind leaves {kind} in {}",
                named.location(),
                store.location()
            );
            findings.warn(&ConfError::new(place, problem).section(section_of(kind)));
        }
        Some((store, place.clone()))
    }

    /// The store of a kind that stays where variables describe the new side. They describe every kind, so that a server
    /// with them looks for this one where they say.
    pub(crate) fn of_variables(
        &self,
        kind: ObjectKind,
        named: &StoreConf,
        place: &Place,
        findings: &mut Findings,
    ) -> Option<(StoreConf, Place)> {
        let store = self.store(kind)?;
        if named.location() != store.location() {
            let problem = format!(
                "with it the server looks for {kind} in {}, so that they cannot stay in {}",
                named.location(),
                store.location()
            );
            let allowed = "all kinds (no --kind), or a seafile.conf that describes the new side";
            findings.error(ConfError::new(place, problem).option(STORAGE_TYPE).allowed(allowed));
        }
        Some((store, place.clone()))
    }
}
