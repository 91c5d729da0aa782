//! Libraries that the command line names and nobody has: a slip of the pen must not end as "all is well".

use crate::commands::common::failure::Failure;
use crate::object::{KeyRange, LibraryId};
use crate::store::{Part, ReadStore, StoreError};

/// Refuses libraries of which none of `stores` has an object.
///
/// # Errors
/// [`Failure::Refused`] that names them and `places`, as in "neither side"; and when a store fails.
pub fn require_in_stores(libraries: &[LibraryId], stores: &[&dyn ReadStore], places: &str) -> Result<(), Failure> {
    let mut unknown = Vec::new();
    for library in libraries {
        if !is_in_one(*library, stores)? {
            unknown.push(*library);
        }
    }
    if unknown.is_empty() { Ok(()) } else { Err(Failure::Refused(nobody_has(&unknown, places))) }
}

/// Whether one of the stores has an object of the library.
///
/// # Errors
/// When a store cannot be listed.
pub fn is_in_one(library: LibraryId, stores: &[&dyn ReadStore]) -> Result<bool, StoreError> {
    for store in stores {
        let mut next = Some(Part::new(KeyRange::library(library)));
        while let Some(part) = next {
            let page = store.list(&part)?;
            if !page.objects.is_empty() {
                return Ok(true);
            }
            next = page.rest;
        }
    }
    Ok(false)
}

/// That nobody has these libraries, and what to do.
fn nobody_has(libraries: &[LibraryId], places: &str) -> String {
    let names: Vec<String> = libraries.iter().map(ToString::to_string).collect();
    let library = if names.len() == 1 { "library" } else { "libraries" };
    format!("--library: {places} has any object of {library} {}; nothing was done. Check the id", names.join(", "))
}
