//! Reads the `.env` file of a Docker deployment: `NAME=value` lines as Docker Compose takes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::environment::Environment;
use super::finding::{ConfError, Findings, Place};
use super::ini::{self, Value};

/// The beginnings of the names that mean something here; other variables may hold anything.
const PREFIXES: [&str; 3] = ["S3_", "SEAF_SERVER_", "SEAFILE_"];

/// Environment variables by name, each with where it was set.
pub(crate) type Variables = BTreeMap<String, Value>;

fn matters(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The variables of a `.env` file. A name that is there twice keeps its last value, as in Compose.
pub(crate) fn parse(file: &str, bytes: &[u8], findings: &mut Findings) -> Variables {
    let file: Arc<str> = file.into();
    let mut variables = Variables::new();
    let text = ini::decode(&file, bytes, findings).unwrap_or_default();
    for (index, line) in ini::lines(text).enumerate() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
        let (name, place) = (name.trim(), Place::line(&file, index + 1));
        if !matters(name) {
            continue;
        }
        match unquote(value.trim_start()) {
            Ok(text) => {
                variables.insert(name.to_owned(), Value::new(text, place));
            }
            Err((problem, allowed)) => {
                findings.error(ConfError::new(&place, problem).option(name).allowed(allowed));
                variables.insert(name.to_owned(), Value::refused(place));
            }
        }
    }
    variables
}

/// Adds the variables of a process: they win over a file's, as in Compose.
pub(crate) fn overlay(variables: &mut Variables, environment: &Environment, findings: &mut Findings) {
    let place = Place::file("environment");
    for (name, value) in environment.named().filter(|(name, value)| matters(name) && !value.is_empty()) {
        // Folders are taken from the environment as bytes; all the rest must be text.
        match value.to_str() {
            Some(text) => {
                variables.insert(name.to_owned(), Value::new(text.to_owned(), place.clone()));
            }
            None if name.ends_with("_DIR") => {}
            None => {
                findings.error(ConfError::new(&place, "is not UTF-8").option(name).allowed("text in UTF-8"));
                variables.insert(name.to_owned(), Value::refused(place.clone()));
            }
        }
    }
}

type Trouble = (&'static str, &'static str);

fn unquote(value: &str) -> Result<String, Trouble> {
    match value.as_bytes().first() {
        Some(b'\'') => match value[1..].split_once('\'') {
            Some((text, rest)) if is_tail(rest) => Ok(text.to_owned()),
            _ => Err(("has a quote that does not close", "NAME='value' on one line")),
        },
        Some(b'"') => double_quoted(&value[1..]),
        _ => {
            let end = value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len());
            substituted(value[..end].trim_end().to_owned())
        }
    }
}

/// Whether nothing but a comment follows the closing quote.
fn is_tail(rest: &str) -> bool {
    rest.trim().is_empty() || rest.trim_start().starts_with('#')
}

fn double_quoted(value: &str) -> Result<String, Trouble> {
    let (mut text, mut plain) = (String::new(), String::new());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_tail(chars.as_str()) => return substituted(plain).map(|_| text),
            '"' => break,
            '\\' => text.push(unescaped(chars.next().unwrap_or('\\'))),
            c => {
                text.push(c);
                plain.push(c);
            }
        }
    }
    Err(("has a quote that does not close", "NAME=\"value\" on one line"))
}

fn unescaped(c: char) -> char {
    match c {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        c => c,
    }
}

/// `text`, unless Compose would put another variable's value into it.
fn substituted(text: String) -> Result<String, Trouble> {
    let mut rest = text.as_str();
    while let Some((_, after)) = rest.split_once('$') {
        if after.starts_with(|c: char| c == '{' || c == '$' || c == '_' || c.is_ascii_alphabetic()) {
            return Err((
                "holds a $ that stands for another variable, which is not looked up here",
                "the value itself, in single quotes when it has a $ of its own",
            ));
        }
        rest = after;
    }
    Ok(text)
}
