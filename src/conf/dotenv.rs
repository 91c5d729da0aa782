//! Reads the `.env` file of a Docker deployment: lines `NAME=value` with the rules of Docker Compose.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::environment::Environment;
use super::finding::{ConfError, Findings, Place};
use super::ini::{self, Value};

/// The prefixes of the variables that are read; other variables may have any value.
const PREFIXES: [&str; 3] = ["S3_", "SEAF_SERVER_", "SEAFILE_"];

/// Environment variables by name, with the place that sets each.
pub(crate) type Variables = BTreeMap<String, Value>;

fn matters(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Reads the variables of a `.env` file. A name that occurs twice keeps its last value, as in Compose.
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

/// Adds the environment of the process, which takes precedence over the file, as in Compose.
pub(crate) fn overlay(variables: &mut Variables, environment: &Environment, findings: &mut Findings) {
    let place = Place::file("environment");
    for (name, value) in environment.named().filter(|(name, value)| matters(name) && !value.is_empty()) {
        // Folders are read from the environment as bytes; all other variables must be text.
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

/// Whether only a comment or nothing follows the closing quote.
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

/// Returns `text`; an error when Compose would substitute another variable in it.
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
