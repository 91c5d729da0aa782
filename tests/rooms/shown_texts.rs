//! What users read is written for them: no value is shown in the form that Rust has for debugging, but texts in quotes.

use std::fs;
use std::path::Path;

/// The files that show a text in quotes by `{:?}`, and how often; and those whose values have a `Debug` of their own. A value that is
/// no text gets a `Display` instead of a line here.
const QUOTED_TEXTS: &[(&str, usize)] = &[
    ("commands/common/selecting.rs", 3),
    ("commands/repo/settings.rs", 2),
    ("commands/repo/tables.rs", 1),
    ("conf/database.rs", 2),
    ("conf/load.rs", 3),
    ("conf/options.rs", 4),
    ("conf/read.rs", 3),
    ("database/heads.rs", 1),
    ("database/mysql/login.rs", 1),
    ("object/text.rs", 1),
    ("store/backend/swift/login.rs", 1),
    ("store/http.rs", 1),
    // Their own `Debug`.
    ("index/set.rs", 1),
    ("index/shard_stream.rs", 1),
    ("store.rs", 1),
];

/// What stops the program or prints for its authors.
const NEVER: &[&str] = &["dbg!(", "todo!(", "unimplemented!(", ":#?}"];

/// The lines of a file that are no tests and no comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let end = text.find("\nmod tests {").unwrap_or(text.len());
    text[..end].lines().filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn nothing_is_shown_in_the_form_for_debugging_but_texts_in_quotes() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = Vec::new();
    for entry in walkdir::WalkDir::new(&src).sort_by_file_name().into_iter().map(Result::unwrap) {
        let name = entry.path().strip_prefix(&src).unwrap().display().to_string();
        if !name.ends_with(".rs") || name.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(entry.path()).unwrap();
        for never in NEVER {
            assert!(!code(&text).any(|line| line.contains(never)), "{name} has {never}");
        }
        let count: usize = code(&text).map(|line| line.matches(":?}").count()).sum();
        if count > 0 {
            seen.push((name, count));
        }
    }
    seen.sort();
    let mut allowed: Vec<(String, usize)> =
        QUOTED_TEXTS.iter().map(|(file, count)| ((*file).to_owned(), *count)).collect();
    allowed.sort();
    assert_eq!(seen, allowed, "what is shown and is no text in quotes needs a Display");
}
