//! Reads reports as `docs/report.schema.json` promises them, as strictly as it says.

use std::sync::OnceLock;

use serde_json::{Map, Value};

const SCHEMA: &str = include_str!("../../docs/report.schema.json");

/// A report as a program reads it. Panics with the first thing that is not as the schema says.
#[track_caller]
pub fn read_report(text: &[u8]) -> Value {
    let report: Value = serde_json::from_slice(text).unwrap();
    if let Err(why) = check(&report) {
        panic!("a report is not as docs/report.schema.json says: {why}\n{report:#}");
    }
    report
}

/// Whether a report is as the schema says.
pub fn check(report: &Value) -> Result<(), String> {
    static PARSED: OnceLock<Value> = OnceLock::new();
    let root = PARSED.get_or_init(|| serde_json::from_str(SCHEMA).unwrap());
    Schema { root }.check(root, report, "")
}

struct Schema<'a> {
    root: &'a Value,
}

impl Schema<'_> {
    /// Checks every word of the schema; one that is not known here is a mistake in it.
    fn check(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let words = schema.as_object().unwrap();
        for (word, wanted) in words {
            let holds = match word.as_str() {
                "$schema" | "title" | "$defs" => true,
                "$ref" => {
                    let name = wanted.as_str().unwrap().strip_prefix('#').unwrap();
                    self.check(self.root.pointer(name).unwrap_or_else(|| panic!("no {name}")), value, at)?;
                    true
                }
                "anyOf" => {
                    self.any(wanted.as_array().unwrap(), value, at)?;
                    true
                }
                "type" => has_type(wanted, value),
                "const" => value == wanted,
                "enum" => wanted.as_array().unwrap().contains(value),
                "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
                "pattern" => value.as_str().is_none_or(|text| matches(wanted.as_str().unwrap(), text)),
                "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap()),
                "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= wanted.as_u64().unwrap()),
                "items" => {
                    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(wanted, item, &format!("{at}/{n}"))?;
                    }
                    true
                }
                "required" => {
                    let has = |name: &Value| value.get(name.as_str().unwrap()).is_some();
                    match wanted.as_array().unwrap().iter().find(|name| !has(name)) {
                        Some(name) => return Err(format!("{at}: {name} is not there")),
                        None => true,
                    }
                }
                "properties" | "additionalProperties" => {
                    self.fields(words, value, at)?;
                    true
                }
                unknown => panic!("the schema has {unknown}, which is not checked"),
            };
            if !holds {
                return Err(format!("{at}: {value} is not of {word} {wanted}"));
            }
        }
        Ok(())
    }

    fn fields(&self, words: &Map<String, Value>, value: &Value, at: &str) -> Result<(), String> {
        for (name, field) in value.as_object().into_iter().flatten() {
            let at = format!("{at}/{name}");
            match (words.get("properties").and_then(|named| named.get(name)), words.get("additionalProperties")) {
                (Some(schema), _) => self.check(schema, field, &at)?,
                (None, Some(Value::Bool(false))) => return Err(format!("{at} is not in the schema")),
                (None, Some(schema)) if schema.is_object() => self.check(schema, field, &at)?,
                (None, _) => {}
            }
        }
        Ok(())
    }

    /// One of the choices must hold; of reports, the one of their command.
    fn any(&self, choices: &[Value], value: &Value, at: &str) -> Result<(), String> {
        let of_command = |choice: &&Value| choice.pointer("/properties/command/const") == value.get("command");
        if let Some(choice) = choices.iter().filter(|_| at.is_empty()).find(of_command) {
            return self.check(choice, value, at);
        }
        let mut failures = Vec::new();
        for choice in choices {
            match self.check(choice, value, at) {
                Ok(()) => return Ok(()),
                Err(why) => failures.push(why),
            }
        }
        Err(failures.join(", or "))
    }
}

fn has_type(wanted: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        unknown => panic!("no type {unknown}"),
    };
    match wanted {
        Value::String(name) => is(name),
        names => names.as_array().unwrap().iter().any(|name| is(name.as_str().unwrap())),
    }
}

/// Whether a text is of a pattern of fixed characters, `[class]{count}` and `[class]{least,most}`, begun by `^`.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern = pattern.strip_prefix('^').unwrap();
    let (mut pattern, is_whole) = pattern.strip_suffix('$').map_or((pattern, false), |pattern| (pattern, true));
    let mut rest = text;
    while let Some(next) = pattern.chars().next() {
        if next == '[' {
            let (class, after) = pattern[1..].split_once("]{").unwrap();
            let (count, after) = after.split_once('}').unwrap();
            let (least, most) = count.split_once(',').unwrap_or((count, count));
            let allowed = |c: &char| match class {
                "0-9" => c.is_ascii_digit(),
                "0-9a-f" => matches!(c, '0'..='9' | 'a'..='f'),
                "0-9A-Za-z_" => c.is_ascii_alphanumeric() || *c == '_',
                unknown => panic!("no class {unknown}"),
            };
            let taken = rest.chars().take_while(allowed).take(most.parse().unwrap()).count();
            if taken < least.parse().unwrap() {
                return false;
            }
            // Each of them is one byte.
            rest = &rest[taken..];
            pattern = after;
        } else {
            let Some(after) = rest.strip_prefix(next) else { return false };
            rest = after;
            pattern = &pattern[next.len_utf8()..];
        }
    }
    !is_whole || rest.is_empty()
}
