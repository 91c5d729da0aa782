//! One object of each kind of the source, read as the user who runs: a store that lists and refuses reading is not ready.

use super::Probe;
use crate::content::{self, Damage, IdCheck};
use crate::object::{KeyRange, ObjectKind};
use crate::store::checked::CheckedReader;
use crate::store::control::is_control;
use crate::store::{ErrorKind, Ignored, Listed, Part, ReadStore, StoreError};

/// How many pages are looked at for an object: a page of a folder may hold only empty libraries.
const PAGES: usize = 50;
/// How many objects are tried before the store is called one that cannot be read: one may be bad, or go meanwhile.
const TRIED: usize = 5;

/// What a look at the beginning of a store came to.
#[derive(Debug)]
pub(super) struct Look {
    /// The names that are not objects, as far as the store was listed.
    pub(super) ignored: Ignored,
    /// Whether it can be listed.
    pub(super) listed: Result<(), StoreError>,
    /// Whether an object can be read.
    pub(super) read: Probe,
    /// What is wrong with that object's bytes; a sentence.
    pub(super) damaged: Option<String>,
}

/// Lists the store until it shows an object, and reads that.
pub(super) fn at_first_object(store: &dyn ReadStore, kind: ObjectKind) -> Look {
    let mut ignored = Ignored::default();
    match listed(store, &mut ignored) {
        Ok(keys) => {
            let (read, damaged) = read_one(store, kind, &keys);
            Look { ignored, listed: Ok(()), read, damaged }
        }
        Err(error) => Look { ignored, listed: Err(error), read: Probe::Untried, damaged: None },
    }
}

/// Some of the first objects that the store lists, from all over the page that has any.
fn listed(store: &dyn ReadStore, ignored: &mut Ignored) -> Result<Vec<Listed>, StoreError> {
    let mut next = Some(Part::new(KeyRange::ALL));
    for _ in 0..PAGES {
        let Some(part) = next else { break };
        let page = store.list(&part)?;
        ignored.merge(page.ignored);
        let objects: Vec<Listed> = page.objects.into_iter().filter(|object| !is_control(&object.key)).collect();
        if !objects.is_empty() {
            return Ok(objects.iter().step_by(objects.len().div_ceil(TRIED)).copied().collect());
        }
        next = page.rest;
    }
    Ok(Vec::new())
}

/// Reads the first of the objects that can be read.
fn read_one(store: &dyn ReadStore, kind: ObjectKind, objects: &[Listed]) -> (Probe, Option<String>) {
    let mut probe = Probe::Untried;
    for object in objects {
        let key = &object.key;
        match damage(store, kind, object) {
            Ok(damage) => {
                let told = |damage| format!("the {kind} object {key} of the source is damaged: {damage}");
                return (Probe::Good, damage.map(told));
            }
            // It may have gone meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                let of_object = error.kind().is_of_one_object();
                probe = Probe::Bad(error);
                if !of_object {
                    break;
                }
            }
        }
    }
    (probe, None)
}

/// What is wrong with an object that can be read.
fn damage(store: &dyn ReadStore, kind: ObjectKind, object: &Listed) -> Result<Option<Damage>, StoreError> {
    let key = &object.key;
    if (CheckedReader { kind, store }).good_in_pieces(key, object.size)?.is_some() {
        return Ok(None);
    }
    Ok(match content::check(kind, &key.id, &store.read(key)?) {
        IdCheck::Good => None,
        IdCheck::Damaged(damage) => Some(damage),
    })
}
