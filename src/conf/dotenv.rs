//! Reads the `.env` file of a Docker deployment: lines `NAME=value` with the rules of Docker Compose.
//!
//! Only the variables that are read here must be right; any other may hold what it likes. A `$` in a value stands for
//! what the file gives the variable above that line, as in Compose.

use std::collections::BTreeMap;
use std::str::Chars;
use std::sync::Arc;

use super::environment::Environment;
use super::finding::{ConfError, Findings, Place};
use super::ini::{self, Value};
use super::variables::{self, is_read};

/// Environment variables by name, with the place that sets each.
pub(crate) type Variables = BTreeMap<String, Value>;

/// Reads the variables of a `.env` file. A name that occurs twice keeps its last value, as in Compose. `None` when the
/// file is no text, which is an error then.
pub(crate) fn parse(file: &str, bytes: &[u8], findings: &mut Findings) -> Option<Variables> {
    let file: Arc<str> = file.into();
    let mut variables = Variables::new();
    let text = ini::decode(&file, bytes, findings)?;
    for (index, line) in ini::lines(&text).enumerate() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
        let (name, place) = (name.trim(), Place::line(&file, index + 1));
        let value = match unquote(value.trim_start(), &variables) {
            Ok(text) => Value::new(text, place),
            Err((problem, allowed)) => {
                if is_read(name) {
                    findings.error(ConfError::new(&place, problem).option(name).allowed(allowed));
                }
                Value::refused(place)
            }
        };
        variables.insert(name.to_owned(), value);
    }
    Some(variables)
}

/// Adds the environment of the process, which takes precedence over the file, as in Compose.
pub(crate) fn overlay(variables: &mut Variables, environment: &Environment, findings: &mut Findings) {
    let place = Place::file("environment");
    // The volume is a word of the file alone: it is a path of the machine outside of the container.
    let read = |(name, _): &(&str, _)| is_read(name) && *name != variables::VOLUME;
    for (name, value) in environment.named().filter(read).filter(|(_, value)| !value.is_empty()) {
        let value = match value.to_str() {
            Some(text) => Value::new(text.to_owned(), place.clone()),
            None => {
                findings.error(ConfError::new(&place, "is not UTF-8").option(name).allowed("text in UTF-8"));
                Value::refused(place.clone())
            }
        };
        variables.insert(name.to_owned(), value);
    }
}

/// Adds what the environment of the process says of the role of the machine, which is that of both sides. Returns whether
/// it says anything that the file does not.
pub(crate) fn overlay_role(variables: &mut Variables, environment: &Environment) -> bool {
    let mut is_added = false;
    for (_, name) in variables::IAM {
        let is_given = variables.get(name).is_some_and(|value| value.refused || !value.text.is_empty());
        if let Some(text) = environment.get(name).and_then(|value| value.to_str())
            && !is_given
        {
            variables.insert(name.to_owned(), Value::new(text.to_owned(), Place::file("environment")));
            is_added = true;
        }
    }
    is_added
}

type Trouble = (&'static str, &'static str);

fn unquote(value: &str, above: &Variables) -> Result<String, Trouble> {
    match value.as_bytes().first() {
        Some(b'\'') => match value[1..].split_once('\'') {
            Some((text, rest)) if is_tail(rest) => Ok(text.to_owned()),
            _ => Err(("has a quote that does not close", "NAME='value' on one line")),
        },
        Some(b'"') => double_quoted(&value[1..], above),
        _ => {
            let end = value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len());
            let mut text = String::new();
            let mut chars = value[..end].trim_end().chars();
            while let Some(c) = chars.next() {
                if c == '$' { substitute(&mut chars, above, &mut text)? } else { text.push(c) }
            }
            Ok(text)
        }
    }
}

/// Whether only a comment or nothing follows the closing quote.
fn is_tail(rest: &str) -> bool {
    rest.trim().is_empty() || rest.trim_start().starts_with('#')
}

fn double_quoted(value: &str, above: &Variables) -> Result<String, Trouble> {
    let mut text = String::new();
    let mut chars = value.chars();
    // Told only of a quote that closes, because what follows one that does not is no value.
    let mut trouble = None;
    while let Some(c) = chars.next() {
        match c {
            '"' if is_tail(chars.as_str()) => return trouble.map_or(Ok(text), Err),
            '"' => break,
            '\\' => text.push(unescaped(chars.next().unwrap_or('\\'))),
            '$' => trouble = substitute(&mut chars, above, &mut text).err().or(trouble),
            c => text.push(c),
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

/// The name is not told, because it may be the second half of a password.
const UNKNOWN: Trouble = (
    "holds a $ that stands for another variable, which no line above gives a value",
    "the value itself, in single quotes when it has a $ of its own",
);
const UNCLEAR: Trouble = (
    "holds a $ that this program does not understand",
    "$NAME, ${NAME}, ${NAME:-default}, or the value in single quotes when it has a $ of its own",
);

/// Reads what follows a `$`, and adds what it stands for to `text`.
fn substitute(chars: &mut Chars<'_>, above: &Variables, text: &mut String) -> Result<(), Trouble> {
    let rest = chars.as_str();
    if let Some(inside) = rest.strip_prefix('{') {
        let (inside, after) = inside.split_once('}').ok_or(UNCLEAR)?;
        *chars = after.chars();
        text.push_str(&braced(inside, above)?);
        return Ok(());
    }
    if rest.starts_with('$') {
        return Err(UNCLEAR);
    }
    let name = name_at_start(rest);
    if name.is_empty() {
        text.push('$');
        return Ok(());
    }
    *chars = rest[name.len()..].chars();
    text.push_str(value_above(name, above).ok_or(UNKNOWN)?);
    Ok(())
}

/// The value of `NAME`, `NAME-default` or `NAME:-default`.
fn braced(inside: &str, above: &Variables) -> Result<String, Trouble> {
    let name = name_at_start(inside);
    let (value, operator) = (value_above(name, above), &inside[name.len()..]);
    if name.is_empty() || operator.contains('$') {
        return Err(UNCLEAR);
    }
    if operator.is_empty() {
        return value.map(str::to_owned).ok_or(UNKNOWN);
    }
    if let Some(default) = operator.strip_prefix(":-") {
        return Ok(value.filter(|value| !value.is_empty()).unwrap_or(default).to_owned());
    }
    operator.strip_prefix('-').map(|default| value.unwrap_or(default).to_owned()).ok_or(UNCLEAR)
}

fn value_above<'a>(name: &str, above: &'a Variables) -> Option<&'a str> {
    above.get(name).filter(|value| !value.refused).map(|value| value.text.as_str())
}

/// The name of a variable at the start of `text`; empty when there is none.
fn name_at_start(text: &str) -> &str {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return "";
    }
    let end = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    &text[..end]
}
