//! The layers of the library: a file may import only from those above it, and no files import each other in a circle.
//! Data flows one way, and so do the imports; a newcomer can read the modules in this order and never meet a name unseen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Top to bottom: a file imports only from its own line and those above it. A name stands for the file and its folder;
/// the longest name that fits a file counts.
const LAYERS: &[&[&str]] = &[
    &["object"],
    &["conf"],
    &["sys"],
    &["flow"],
    &["content"],
    &["store::error"],
    &["store"],
    &["store::names"],
    &["store::listing"],
    &["store::layer"],
    &["store::http"],
    &["store::backend"],
    &["store::open", "store::replay"],
    &["history"],
    &["lease"],
    // What engines count and find. Below it are the engines that write it, below those whoever tells it.
    &["metrics"],
    &["listing"],
    &["index"],
    &["preflight"],
    &["transfer"],
    &["compare"],
    &["database"],
    &["reach"],
    &["report"],
    &["commands::common"],
    // A command may put another one to work, but only one that stands before it here.
    &["commands::check", "commands::clean", "commands::fsck", "commands::list"],
    &["commands::plan"],
    &["commands::run"],
    &["commands::repair"],
    &["commands::verify"],
    &["commands::remove"],
    &["commands::demo"],
    &["commands"],
    &["cli"],
    &["main"],
];

/// Engines know no screen, no flags and no command, so that another process could put them to work.
const ENGINES: &[&str] = &["listing", "index", "preflight", "transfer", "compare", "database", "reach"];

/// What engines must not import.
const SCREEN_AND_FLAGS: &[&str] = &["report", "commands", "cli"];

/// Every source file, by the path of its module.
type Sources = BTreeMap<String, String>;

fn is_within(module: &str, room: &str) -> bool {
    module == room || module.starts_with(&format!("{room}::"))
}

fn rank(module: &str) -> usize {
    let names = LAYERS.iter().enumerate().flat_map(|(rank, names)| names.iter().map(move |name| (rank, name)));
    let fitting = names.filter(|(_, name)| is_within(module, name));
    fitting
        .max_by_key(|(_, name)| name.len())
        .unwrap_or_else(|| panic!("{module} is in no layer: add it to tests/rooms/layers.rs where it belongs"))
        .0
}

/// The code of a file: without comments, and without its tests, which may import what they like.
fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The full paths that a `use` tree names: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        return vec![tree.split(" as ").next().unwrap().trim_end_matches("::self").trim().to_owned()];
    };
    let (stem, inner) = (&tree[..open], &tree[open + 1..tree.rfind('}').unwrap()]);
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| expand(&format!("{stem}{}", part.trim()))).collect()
}

/// Every path in the code that may lead to another file, from the crate's root.
fn paths(module: &str, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    // What a `mod` line declares can be named by its bare name. A `pub use` hands a name on and is no import.
    let children: BTreeSet<&str> = code
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").trim_start_matches("pub(super) ").strip_prefix("mod "))
        .filter_map(|line| line.strip_suffix(';'))
        .collect();
    let mut rest = String::new();
    for statement in code.split_inclusive(';') {
        // Attributes and `mod` lines end before it, so that a statement begins with its first word.
        let begins_with = |word: &str| statement.trim_start().starts_with(word);
        if begins_with("use ") {
            found.extend(expand(statement.trim_start()[4..].trim_end_matches(';')));
        } else if !(begins_with("pub") && statement.contains(" use ") && !statement.contains('(')) {
            rest.push_str(statement);
        }
    }
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    found.extend(rest.split(|c| !is_path(c)).filter(|word| word.contains("::")).map(str::to_owned));
    let absolute = |path: String| -> Option<String> {
        let parts: Vec<&str> = path.split("::").collect();
        let ups = parts.iter().take_while(|part| **part == "super").count();
        let own: Vec<&str> = module.split("::").collect();
        match parts[0] {
            "crate" => Some(parts[1..].join("::")),
            "super" => Some([&own[..own.len().checked_sub(ups)?], &parts[ups..]].concat().join("::")),
            child if children.contains(child) => Some(format!("{module}::{path}")),
            _ => None,
        }
    };
    found.into_iter().filter_map(absolute).collect()
}

/// The files that a file imports from.
fn imports(module: &str, text: &str, sources: &Sources) -> BTreeSet<String> {
    let paths = paths(module, &code_of(text));
    let file_of = |path: &String| sources.keys().filter(|known| is_within(path, known)).max_by_key(|known| known.len());
    paths.iter().filter_map(file_of).filter(|found| *found != module).cloned().collect()
}

fn sources(dir: &Path, out: &mut Sources) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let inside = path.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap().with_extension("");
            let parts: Vec<_> = inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            out.insert(parts.join("::"), fs::read_to_string(&path).unwrap());
        }
    }
}

fn the_sources() -> Sources {
    let mut texts = BTreeMap::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
    assert!(texts.len() > 20, "the sources were not found");
    texts.remove("lib");
    texts
}

fn violations(sources: &Sources) -> Vec<String> {
    let mut wrong = Vec::new();
    for (module, text) in sources {
        for import in imports(module, text, sources) {
            if rank(&import) > rank(module) {
                wrong.push(format!("{module} imports {import}, which is below it"));
            }
            let is_engine = ENGINES.iter().any(|engine| is_within(module, engine));
            if is_engine && SCREEN_AND_FLAGS.iter().any(|room| is_within(&import, room)) {
                wrong.push(format!("{module} is an engine and imports {import}"));
            }
        }
    }
    wrong
}

/// Circles of imports, each once, as the files on it. A folder's own file and the files in it count as one circle only
/// when a file in it names what the folder's file does not define itself, which `imports` cannot tell; so the arrow
/// from a folder's file down to its parts is left out: a part may use what its folder's file defines.
fn circles(sources: &Sources) -> Vec<String> {
    let arrows: BTreeMap<&String, BTreeSet<String>> = sources
        .iter()
        .map(|(module, text)| {
            let down = |import: &String| !is_within(import, module);
            (module, imports(module, text, sources).into_iter().filter(down).collect())
        })
        .collect();
    let reach = |from: &String| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(next) = open.pop() {
            open.extend(arrows[&next].iter().filter(|import| seen.insert((*import).clone())).cloned());
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> = sources.keys().map(|module| (module, reach(module))).collect();
    let on_circle = |module: &&String| reached[*module].contains(*module);
    let ring = |module: &String| -> Vec<String> {
        let others =
            sources.keys().filter(|other| reached[module].contains(*other) && reached[*other].contains(module));
        others.cloned().collect()
    };
    let rings: BTreeSet<Vec<String>> = sources.keys().filter(on_circle).map(ring).collect();
    rings.into_iter().map(|ring| ring.join(" <-> ")).collect()
}

#[test]
fn a_module_imports_only_from_the_layers_above_it() {
    let wrong = violations(&the_sources());
    assert!(wrong.is_empty(), "imports against the order of the layers (see ARCHITECTURE.md):\n{}", wrong.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let found = circles(&the_sources());
    assert!(found.is_empty(), "circles of imports:\n{}", found.join("\n"));
}

fn texts(files: &[(&str, &str)]) -> Sources {
    files.iter().map(|(name, code)| ((*name).to_owned(), (*code).to_owned())).collect()
}

#[test]
fn an_import_against_the_order_is_noticed() {
    let sources = texts(&[
        ("object", "use crate::commands::run::run;\n"),
        ("conf", "mod load;\npub use load::side;\n"),
        ("conf::load", "use super::super::reach::walk;\nfn f() { super::x() }\n"),
        ("store", "// crate::cli is only spoken of\nuse crate::conf::{Secret, load::X};\n"),
        ("reach", "fn f() { crate::report::console::log(1) }\n"),
        ("report::console", ""),
        ("index", "#[cfg(test)]\nuse crate::cli::x;\n"),
        ("commands::run", "use super::remove;\n"),
        ("commands::remove", "use super::run::{self, Pass};\n"),
        ("cli", ""),
    ]);
    assert_eq!(
        violations(&sources),
        [
            "commands::run imports commands::remove, which is below it",
            "conf::load imports reach, which is below it",
            "object imports commands::run, which is below it",
            "reach imports report::console, which is below it",
            "reach is an engine and imports report::console",
        ]
    );
}

#[test]
fn a_circle_is_noticed() {
    let sources = texts(&[
        ("flow", "pub mod pool;\nuse pool::Queue;\n"),
        ("flow::pool", "use super::Limits;\nuse super::rate::Rate;\n"),
        ("flow::rate", "fn f() -> super::pool::Queue {}\n"),
        ("sys", ""),
    ]);
    assert_eq!(circles(&sources), ["flow::pool <-> flow::rate"]);
}
