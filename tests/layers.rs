//! The layers of the library: a module may import only from those above it. Data flows one way, and
//! so do the imports; a newcomer can read the modules in this order and never meet a name unseen.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Top to bottom. A name stands for the file and its folder; the longest match counts.
const LAYERS: &[&str] = &[
    "allocator",
    "object",
    "conf::secret",
    "conf::backend",
    "conf",
    "content",
    "stop",
    "store::error",
    "store",
    "store::names",
    "store::listing",
    "store::memory",
    "store::retry",
    "store::limit",
    "store::runtime",
    "store::http",
    "store::fs",
    "store::s3",
    "store::swift",
    "store::oss",
    "store::ceph",
    "store::open",
    "check",
    "lock",
    "proof",
    "enumerate",
    "existence",
    "plan",
    "pool",
    "copy",
    "confirm",
    "verify",
    "report",
    "settings",
    "run",
];

/// Below all layers.
const TOP: &[&str] = &["demo", "cli", "main"];

fn module_of(path: &Path) -> String {
    let parts: Vec<_> = path.with_extension("").iter().skip(1).map(|part| part.to_str().unwrap().to_owned()).collect();
    parts.join("::")
}

fn rank(module: &str) -> usize {
    let layers = LAYERS.iter().chain(TOP);
    let matches =
        layers.enumerate().filter(|(_, layer)| module == **layer || module.starts_with(&format!("{layer}::")));
    matches
        .max_by_key(|(_, layer)| layer.len())
        .unwrap_or_else(|| panic!("{module} is in no layer: add it to tests/layers.rs where it belongs"))
        .0
}

/// The modules that a source text names by `crate::` paths, comments and tests left out.
fn imports(text: &str, modules: &[String]) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let path: String =
            code[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect();
        let mut names = vec![path.trim_end_matches(':').to_owned()];
        // `crate::a::{b, c::d}` names a::b and a::c::d.
        if let Some(group) = code[at + 7 + path.len()..].strip_prefix('{') {
            let inner = &group[..group.find('}').unwrap_or(group.len())];
            let stem = names.pop().unwrap();
            let join = |name: &str| if stem.is_empty() { name.to_owned() } else { format!("{stem}::{name}") };
            names.extend(
                inner.split(',').map(|name| join(name.trim().split(['{', ' ']).next().unwrap().trim_end_matches(':'))),
            );
        }
        for name in names {
            let known = modules.iter().filter(|module| name == **module || name.starts_with(&format!("{module}::")));
            found.extend(known.max_by_key(|module| module.len()).cloned());
        }
    }
    found
}

fn sources(dir: &Path, out: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let inside = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
            out.insert(module_of(inside), fs::read_to_string(&path).unwrap());
        }
    }
}

fn violations(texts: &BTreeMap<String, String>) -> Vec<String> {
    let modules: Vec<String> = texts.keys().cloned().collect();
    let mut wrong = Vec::new();
    for (module, text) in texts.iter().filter(|(module, _)| *module != "lib") {
        for import in imports(text, &modules) {
            if rank(&import) > rank(module) {
                wrong.push(format!("{module} imports {import}, which is below it"));
            }
        }
    }
    wrong
}

#[test]
fn a_module_imports_only_from_the_layers_above_it() {
    let mut texts = BTreeMap::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
    assert!(texts.len() > 20, "the sources were not found");
    let wrong = violations(&texts);
    assert!(wrong.is_empty(), "imports against the order of the layers (see ARCHITECTURE.md):\n{}", wrong.join("\n"));
}

#[test]
fn an_import_against_the_order_is_noticed() {
    let text = |code: &str| code.to_owned();
    let texts = BTreeMap::from([
        ("object".to_owned(), text("use crate::run::run;\n")),
        ("run".to_owned(), text("use crate::object::ObjectKey;\nuse crate::store::{Listed, open};\n")),
        ("store".to_owned(), text("// crate::cli is only spoken of\nuse crate::conf::{Secret, backend::X};\n")),
        ("conf::backend".to_owned(), text("fn f() { crate::enumerate::walk() }\n")),
        ("conf".to_owned(), text("")),
        ("enumerate".to_owned(), text("#[cfg(test)]\nuse crate::run::x;\n")),
        ("cli".to_owned(), text("")),
    ]);
    let wrong = violations(&texts);
    assert_eq!(wrong, ["conf::backend imports enumerate, which is below it", "object imports run, which is below it"]);
}
