//! Names in a store that are not objects, counted by what they look like.
//!
//! A program that copies files, as `aws s3 cp` and `rclone` do, turns a folder store into a bucket whose names are those
//! of the files, `<library>/<2 digits>/<38 digits>`, and a bucket into a folder with `<library>/<40 digits>`. A server finds
//! nothing in either, and neither does this program: such names must be told from any others that may stand there.

use serde::Serialize;

use crate::object::{LibraryId, ObjectId, decode_hex};

/// How many names of each sort are kept.
const EXAMPLES: usize = 3;
/// How much of a name is kept, in characters.
const LONGEST: usize = 160;

/// What a name looks like that is not an object's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameSort {
    /// That of a file that is being written, or was when its writer died.
    Temporary,
    /// That of an object in the layout of another backend.
    OtherLayout,
    /// That of an object whose library is in another storage class than the store that holds it.
    OtherClass,
    /// Nothing that is known here.
    Other,
}

/// Names of one sort.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IgnoredNames {
    /// How many.
    pub count: u64,
    /// Up to three of them, fit to be shown.
    pub examples: Vec<String>,
}

/// The names that a listing met and that are not objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ignored {
    /// Files that are being written, or were when their writer died.
    pub temporary: IgnoredNames,
    /// Objects in the layout of another backend, which nobody finds where they are.
    pub other_layout: IgnoredNames,
    /// Objects whose libraries are in other storage classes than the stores that hold them: no server looks for them there.
    pub other_class: IgnoredNames,
    /// All others.
    pub other: IgnoredNames,
}

impl Ignored {
    /// How many names there are.
    pub const fn total(&self) -> u64 {
        self.temporary.count + self.other_layout.count + self.other_class.count + self.other.count
    }

    /// Counts a name.
    pub fn add(&mut self, sort: NameSort, name: &[u8]) {
        let names = self.of(sort);
        names.count += 1;
        if names.examples.len() < EXAMPLES {
            names.examples.push(name.escape_ascii().to_string().chars().take(LONGEST).collect());
        }
    }

    /// Adds what another listing, or another page of this one, met.
    pub fn merge(&mut self, other: Self) {
        let Self { temporary, other_layout, other_class, other } = other;
        self.temporary.merge(temporary);
        self.other_layout.merge(other_layout);
        self.other_class.merge(other_class);
        self.other.merge(other);
    }

    fn of(&mut self, sort: NameSort) -> &mut IgnoredNames {
        match sort {
            NameSort::Temporary => &mut self.temporary,
            NameSort::OtherLayout => &mut self.other_layout,
            NameSort::OtherClass => &mut self.other_class,
            NameSort::Other => &mut self.other,
        }
    }
}

impl IgnoredNames {
    fn merge(&mut self, other: Self) {
        self.count += other.count;
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.into_iter().take(room));
    }
}

impl NameSort {
    /// What a name in a bucket or container looks like: the layout of a folder store, whatever stands before it, or that
    /// of a temporary file in one.
    pub fn in_bucket(name: &[u8]) -> Self {
        let mut parts = name.rsplit(|byte| *byte == b'/');
        let (Some(file), Some(shard), Some(library)) = (parts.next(), parts.next(), parts.next()) else {
            return Self::Other;
        };
        match is_shard(shard) && LibraryId::parse(library).is_some() {
            true if is_in_shard(file) => Self::OtherLayout,
            true if is_temporary(file) => Self::Temporary,
            _ => Self::Other,
        }
    }

    /// What a name in a RADOS pool looks like: the layout of a folder store, or the name that a bucket has for an object,
    /// where a namespace has the library.
    pub fn in_pool(namespace: &[u8], name: &[u8]) -> Self {
        let whole = [namespace, if namespace.is_empty() { b"" } else { b"/" }, name].concat();
        let of_bucket = name
            .iter()
            .position(|byte| *byte == b'/')
            .is_some_and(|at| LibraryId::parse(&name[..at]).is_some() && ObjectId::parse(&name[at + 1..]).is_some());
        if of_bucket { Self::OtherLayout } else { Self::in_bucket(&whole) }
    }

    /// What a name beside the libraries of a folder store looks like.
    pub fn beside_libraries(name: &[u8]) -> Self {
        // The Go file server's folder for files that are being written.
        if name == b"tmpfiles" { Self::Temporary } else { Self::Other }
    }

    /// What a name beside the shards in a library's folder looks like: a bucket has the objects there.
    pub fn beside_shards(name: &[u8]) -> Self {
        match name {
            b"tmpfiles" => Self::Temporary,
            name if ObjectId::parse(name).is_some() => Self::OtherLayout,
            _ => Self::Other,
        }
    }

    /// What a name beside the objects in a shard's folder looks like.
    pub fn beside_objects(name: &[u8]) -> Self {
        if is_temporary(name) { Self::Temporary } else { Self::Other }
    }
}

fn is_shard(name: &[u8]) -> bool {
    decode_hex(name, &mut [0; 1]).is_some()
}

fn is_in_shard(name: &[u8]) -> bool {
    decode_hex(name, &mut [0; 19]).is_some()
}

/// Whether a name is that of a file that is being written: the object's name, with or without its first two digits, a dot,
/// and something that was drawn.
fn is_temporary(name: &[u8]) -> bool {
    let Some(dot) = name.iter().position(|byte| *byte == b'.') else { return false };
    let (object, drawn) = (&name[..dot], &name[dot + 1..]);
    !drawn.is_empty() && (is_in_shard(object) || ObjectId::parse(object).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBRARY: &str = "3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5b";

    fn sort(name: &str) -> NameSort {
        NameSort::in_bucket(name.as_bytes())
    }

    #[test]
    fn the_layout_of_a_folder_is_known_in_a_bucket_whatever_stands_before_it() {
        let file = format!("{LIBRARY}/ab/{}", "0".repeat(38));
        for prefix in ["", "blocks/", "storage/blocks/", "seafile-data/storage/fs/", "/", "a b/ü/"] {
            assert_eq!(sort(&format!("{prefix}{file}")), NameSort::OtherLayout, "{prefix}");
            assert_eq!(sort(&format!("{prefix}{file}.Xy12Zz")), NameSort::Temporary, "{prefix}");
        }
        for other in [
            format!("x{file}"),
            format!("{file}/x"),
            format!("{file}0"),
            format!("{file}."),
            file.to_uppercase(),
            format!("{LIBRARY}/abc/{}", "0".repeat(38)),
            format!("{LIBRARY}/{}", "0".repeat(39)),
            format!("old/{LIBRARY}/{}", "0".repeat(40)),
            String::new(),
            "//".to_owned(),
        ] {
            assert_eq!(sort(&other), NameSort::Other, "{other}");
        }
    }

    #[test]
    fn other_layouts_are_known_in_a_pool_and_in_a_folder() {
        let (id, short) = ("0".repeat(40), "0".repeat(38));
        for (namespace, name) in [
            ("", format!("{LIBRARY}/{id}")),
            ("", format!("{LIBRARY}/ab/{short}")),
            ("", format!("blocks/{LIBRARY}/ab/{short}")),
            (LIBRARY, format!("ab/{short}")),
        ] {
            assert_eq!(NameSort::in_pool(namespace.as_bytes(), name.as_bytes()), NameSort::OtherLayout, "{name}");
        }
        assert_eq!(NameSort::in_pool(b"", id.as_bytes()), NameSort::Other);
        assert_eq!(NameSort::beside_shards(id.as_bytes()), NameSort::OtherLayout);
        assert_eq!(NameSort::beside_shards(short.as_bytes()), NameSort::Other);
        assert_eq!(NameSort::beside_libraries(b"tmpfiles"), NameSort::Temporary);
        for temporary in [format!("{short}.a8Xk2Q"), format!("{id}.4711"), format!("{short}.seafmig.0123456789abcdef")]
        {
            assert_eq!(NameSort::beside_objects(temporary.as_bytes()), NameSort::Temporary, "{temporary}");
        }
    }

    #[test]
    fn of_many_names_three_are_kept_short_and_without_what_a_terminal_obeys() {
        let mut all = Ignored::default();
        for page in 0..4 {
            let mut ignored = Ignored::default();
            (0..2).for_each(|n| {
                ignored.add(NameSort::Other, format!("\u{1b}[2J{page}{n}{}", "x".repeat(500)).as_bytes())
            });
            ignored.add(NameSort::Temporary, b"t");
            all.merge(ignored);
        }
        assert_eq!((all.total(), all.other.count, all.temporary.count), (12, 8, 4));
        assert_eq!((all.other.examples.len(), all.temporary.examples.len()), (3, 3));
        assert!(all.other.examples[0].starts_with("\\x1b[2J00xx") && all.other.examples[0].len() <= LONGEST);
    }
}
