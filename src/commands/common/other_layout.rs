//! Stores that hold objects in the layout of another backend, as a program that copies files leaves them: no server finds
//! them there, and no listing shows them as objects.

use crate::commands::common::failure::Failure;
use crate::conf::Backend;
use crate::conf::backend::Location;
use crate::object::KeyRange;
use crate::report::format;
use crate::store::{Ignored, Part, ReadStore};

/// Refuses a store whose listing met names in the layout of another backend.
///
/// # Errors
/// [`Failure::Refused`] that names the store, such names, and what to do.
pub fn require_none(side: &str, location: &Location, ignored: &Ignored) -> Result<(), Failure> {
    explain(side, location, ignored).map_or(Ok(()), |what| Err(Failure::Refused(what)))
}

/// The same, of what the beginning of the store's listing shows.
///
/// # Errors
/// As [`require_none`], and when the store cannot be listed.
pub fn require_none_at_first(side: &str, store: &dyn ReadStore) -> Result<(), Failure> {
    let page = store.list(&Part::new(KeyRange::ALL))?;
    require_none(side, store.location(), &page.ignored)
}

/// What such names mean and what to do; `None` when there are none. `side` is as in "the source".
pub fn explain(side: &str, location: &Location, ignored: &Ignored) -> Option<String> {
    let names = &ignored.other_layout;
    let (what, whose) = match location.backend {
        Backend::Fs => ("files", "a bucket"),
        Backend::S3 | Backend::Ceph | Backend::Swift | Backend::Oss | Backend::Classes => ("names", "a folder store"),
    };
    (names.count > 0).then(|| {
        format!(
            "the {} store of {side} ({location}) holds {} {what} like {}: the layout of {whose}, as a tool such as aws s3 cp \
             or rclone leaves it, which copies names as they are. A Seafile server cannot read that, and nor does this \
             program. Remove these {what}, and let seaf-migrate run copy the objects from where they came from",
            location.kind,
            format::count(names.count),
            names.examples.join(", ")
        )
    })
}
