//! What is said of the names in a store that are no objects.

use crate::report::format;
use crate::store::Ignored;

/// A sentence about the names that a listing of `side` met: how many of each sort, and up to three of them. `side` is as in
/// "the source".
pub fn left_alone(side: &str, ignored: &Ignored) -> String {
    let Ignored { temporary, other_layout, other_class, other } = ignored;
    let sorts = [
        (temporary, "of unfinished files"),
        (other_layout, "in another backend's layout"),
        (other_class, "of objects in another storage class than the database has their library in"),
        (other, "of something else"),
    ];
    let sorts = sorts.into_iter().filter(|(names, _)| names.count > 0);
    let sorts: Vec<String> = sorts
        .map(|(names, what)| format!("{} {what}, like {}", format::count(names.count), names.examples.join(", ")))
        .collect();
    let all = format::plural(ignored.total(), "name");
    format!("{all} in {side} that are no objects were left alone: {}.", sorts.join("; "))
}
