//! Reads a page as strictly as XML is read, and says what is in it.

use std::collections::BTreeMap;

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// An element of a page.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    /// The text of the element and of the elements inside it.
    pub text: String,
}

/// A page that is well formed.
#[derive(Debug)]
pub struct PageText {
    pub elements: Vec<Element>,
}

impl PageText {
    /// Panics unless the page is well-formed XML in which every element ends.
    #[track_caller]
    pub fn parse(page: &str) -> Self {
        assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">\n"), "{}", &page[..80.min(page.len())]);
        let xml_may_hold = |c: char| matches!(c, '\t' | '\n') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'));
        assert!(page.chars().all(xml_may_hold), "a character that XML cannot hold");
        let mut reader = Reader::from_str(page);
        let (mut elements, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
        let add = |text: &str, open: &[usize], elements: &mut Vec<Element>| {
            open.iter().for_each(|at| elements[*at].text.push_str(text));
        };
        loop {
            match reader.read_event().unwrap_or_else(|error| panic!("not well formed: {error}")) {
                Event::Start(start) => {
                    open.push(elements.len());
                    elements.push(element(&start));
                }
                Event::Empty(start) => elements.push(element(&start)),
                Event::End(_) => {
                    open.pop().unwrap();
                }
                Event::Text(text) => {
                    let text = text.decode().unwrap();
                    assert!(!text.contains('&'), "an ampersand that begins nothing");
                    add(&text, &open, &mut elements);
                }
                Event::GeneralRef(reference) => match reference.resolve_char_ref().unwrap() {
                    Some(char) => add(&char.to_string(), &open, &mut elements),
                    None => {
                        let name = reference.decode().unwrap();
                        add(resolve_predefined_entity(&name).unwrap(), &open, &mut elements);
                    }
                },
                Event::DocType(_) => {}
                Event::Eof => break,
                other => panic!("nothing like this is in a page: {other:?}"),
            }
        }
        assert!(open.is_empty(), "elements without an end");
        let page = Self { elements };
        page.assert_self_contained();
        page
    }

    /// Panics when anything would be fetched or run.
    #[track_caller]
    fn assert_self_contained(&self) {
        for element in &self.elements {
            let name = element.name.as_str();
            assert!(
                !["script", "link", "img", "iframe", "object", "embed", "a", "base", "form"].contains(&name),
                "{name}"
            );
            for (attribute, value) in &element.attributes {
                let runs =
                    attribute.starts_with("on") || ["src", "href", "xlink:href", "style"].contains(&attribute.as_str());
                assert!(!runs, "<{name} {attribute}={value}>");
            }
            if name == "style" {
                let fetches = ["url(", "@import", "http:", "https:"].iter().find(|text| element.text.contains(**text));
                assert_eq!(fetches, None);
            }
        }
    }

    /// The text of the first element with this name, or with this class.
    #[track_caller]
    pub fn text(&self, name: &str) -> &str {
        let found = self.elements.iter().find(|element| element.name == name || element.class() == name);
        &found.unwrap_or_else(|| panic!("no {name} in the page")).text
    }

    /// The headings of the parts.
    pub fn headings(&self) -> Vec<&str> {
        self.of("h2").map(|element| element.text.as_str()).collect()
    }

    pub fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.elements.iter().filter(move |element| element.name == name)
    }

    /// The part whose heading begins so: all its text.
    #[track_caller]
    pub fn part(&self, heading: &str) -> &str {
        let found = self.of("section").find(|section| section.text.trim_start().starts_with(heading));
        &found.unwrap_or_else(|| panic!("no part {heading:?}, only {:?}", self.headings())).text
    }
}

impl Element {
    pub fn class(&self) -> &str {
        self.attributes.get("class").map(String::as_str).unwrap_or_default()
    }
}

fn element(start: &BytesStart<'_>) -> Element {
    let attributes = start.attributes().map(|attribute| {
        let attribute = attribute.unwrap();
        let key = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
        let raw = String::from_utf8(attribute.value.to_vec()).unwrap();
        assert!(!raw.contains('<'), "{key}={raw}");
        (key, quick_xml::escape::unescape(&raw).unwrap().into_owned())
    });
    let name = String::from_utf8(start.name().as_ref().to_vec()).unwrap();
    Element { name, attributes: attributes.collect(), text: String::new() }
}
