//! Finds the section that a misspelt header was meant to be.

use strsim::levenshtein;

/// The first letters of each kind in headers that people write, and the section of its store.
const KINDS: [(&str, &str); 3] =
    [("commit", "commit_object_backend"), ("fs", "fs_object_backend"), ("block", "block_backend")];

/// How many letters a misspelt name has wrong.
const WRONG_LETTERS: usize = 2;

/// The one of the `wanted` sections that `name` was meant to be; `None` when it is another section's.
pub(crate) fn meant<'a>(name: &str, wanted: &[&'a str]) -> Option<&'a str> {
    let plain = name.trim().to_lowercase().replace(['-', ' ', '.'], "_");
    let of_kind = || {
        let (_, section) = KINDS.iter().find(|(start, _)| plain.starts_with(start) && plain.ends_with("backend"))?;
        wanted.iter().find(|wanted| *wanted == section)
    };
    let near = || wanted.iter().find(|wanted| levenshtein(wanted, &plain) <= WRONG_LETTERS);
    wanted.iter().find(|wanted| **wanted == plain).or_else(of_kind).or_else(near).copied()
}
