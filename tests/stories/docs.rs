//! The options, commands, variables and files that the documents name exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn help(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_seaf-migrate")).args(arguments).arg("--help").env_clear().output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names of the commands below `arguments`.
fn commands(arguments: &[&str]) -> Vec<String> {
    let help = help(arguments);
    let Some(block) = help.split("Commands:\n").nth(1) else { return Vec::new() };
    let lines = block.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).filter(|name| name != "help").collect()
}

/// Every word of `text` that begins like this and goes on with letters, digits, dashes and underscores.
fn words(text: &str, begins: &str) -> BTreeSet<String> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let starts = text.match_indices(begins).map(|(at, _)| at);
    let whole = starts.filter(|&at| !text[..at].ends_with(part));
    whole
        .map(|at| text[at..].split(|c| !part(c)).next().unwrap().to_owned())
        .filter(|word| word.len() > begins.len())
        .collect()
}

/// The help of every command, one behind the other.
fn all_help() -> String {
    let mut all = help(&[]);
    for name in commands(&[]) {
        all += &help(&[&name]);
        for inner in commands(&[&name]) {
            all += &help(&[&name, &inner]);
        }
    }
    all
}

/// The documents for those who use the program.
fn documents() -> Vec<String> {
    let docs =
        fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = docs.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")).collect();
    names.push("README.md".to_owned());
    names.sort();
    names
}

#[test]
fn every_option_in_the_documents_is_one_that_some_command_has() {
    let help = all_help();
    let own = words(&help, "--");
    // What the project's own scripts take; lines about cargo are cargo's.
    let scripts: String = fs::read_dir(root().join("scripts"))
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok())
        .collect();
    let of_scripts = words(&scripts, "--");
    for name in documents() {
        let text = read(&name);
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("cargo ")).collect();
        // A row of dashes is part of a table.
        for option in words(&lines.join("\n"), "--").into_iter().filter(|option| !option.starts_with("---")) {
            let known = own.contains(&option) || of_scripts.contains(&option);
            assert!(known, "{name} speaks of {option}, which no command has");
        }
    }
    assert!(own.len() > 20, "{own:?}");
}

#[test]
fn every_command_that_a_document_calls_is_there() {
    let known: BTreeSet<String> = commands(&[]).into_iter().collect();
    for name in documents().into_iter().chain(["CONTRIBUTING.md".to_owned(), "CHANGELOG.md".to_owned()]) {
        let text = read(&name);
        // In code, a call is the program's name and a command behind it.
        for line in text.lines().filter(|line| line.starts_with("    ") || line.contains('`')) {
            for rest in line.split("seaf-migrate ").skip(1) {
                let word: String = rest.chars().take_while(|c| c.is_ascii_lowercase()).collect();
                let is_call = line.starts_with("    ") && !word.is_empty();
                assert!(!is_call || known.contains(&word), "{name}: seaf-migrate {word}: {line}");
            }
        }
    }
}

#[test]
fn every_option_is_explained_by_more_than_two_words() {
    // Each option needs more than two words of help. What "Do not" forbids is told by another option's text.
    let mut options = 0;
    for command in commands(&[]) {
        let help = help(&[&command]);
        let mut lines = help.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(option) = line.strip_prefix("      --") else { continue };
            options += 1;
            let mut text = option.split_once("  ").map_or_else(String::new, |(_, text)| text.to_owned());
            // A text that has no room beside the option, or goes on, stands below it.
            while let Some(next) = lines.next_if(|next| next.starts_with("          ")) {
                text = text + " " + next.trim();
            }
            assert!(text.split_whitespace().count() > 2, "{command} --{option} is not explained");
        }
    }
    assert!(options > 60, "{options} options found");
}

#[test]
fn every_variable_in_the_documents_means_something() {
    fn sources(folder: &Path, into: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => sources(&path, into),
                false => into.push_str(&fs::read_to_string(&path).unwrap_or_default()),
            }
        }
    }
    let mut code = String::new();
    ["src", "scripts", "tests"].iter().for_each(|folder| sources(&root().join(folder), &mut code));
    for name in documents().into_iter().chain(["CONTRIBUTING.md".to_owned()]) {
        for variable in words(&read(&name), "SEAF_MIGRATE_") {
            assert!(
                code.contains(&format!("\"{variable}\"")) || code.contains(&format!("{{{variable}")),
                "{name} speaks of {variable}, which nothing reads"
            );
        }
    }
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let mut named = 0;
    for name in documents()
        .into_iter()
        .chain(["ARCHITECTURE.md", "CONTRIBUTING.md", "benches/README.md"].map(ToOwned::to_owned))
    {
        let text = read(&name);
        for quoted in text.split('`').skip(1).step_by(2) {
            let is_path = ["tests/", "src/", "docs/", "benches/", "scripts/", "conf/", "examples/", "fuzz/"]
                .iter()
                .any(|folder| quoted.starts_with(folder));
            let is_plain = quoted.chars().all(|c| c.is_ascii_alphanumeric() || "/_.-".contains(c));
            if !is_path || !is_plain {
                continue;
            }
            named += 1;
            assert!(root().join(quoted).exists(), "{name} names {quoted}, which is not there");
        }
    }
    assert!(named > 10, "only {named} files are named");
}
