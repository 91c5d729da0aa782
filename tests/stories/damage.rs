//! A source with damaged objects: they are copied unchanged and named.

use std::fs;

use crate::world::{Outcome, World, objects_below};

/// Plants a wrong id, an empty object and a truncated tree.
fn damaged_world() -> (World, Vec<(String, String)>) {
    let world = World::with_sample();
    let mut planted = Vec::new();
    for (kind, nth) in [("blocks", 5), ("commits", 3), ("fs", 7)] {
        let root = world.source().join(kind);
        let (path, data) = objects_below(&root).into_iter().nth(nth).unwrap();
        let bad = match kind {
            "blocks" => [&data[..], b"!"].concat(),
            "commits" => Vec::new(),
            _ => data[..data.len() / 2].to_vec(),
        };
        fs::write(root.join(&path), bad).unwrap();
        let parts: Vec<_> = path.to_str().unwrap().split('/').collect();
        planted.push((kind.to_owned(), format!("{}/{}{}", parts[0], parts[1], parts[2])));
    }
    planted.sort();
    (world, planted)
}

fn named(outcome: &Outcome) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let rows = outcome.rows("damaged").into_iter();
    let mut named: Vec<_> =
        rows.map(|row| (text(&row["kind"]), format!("{}/{}", text(&row["library"]), text(&row["object"])))).collect();
    named.sort();
    named
}

#[test]
fn damaged_objects_are_copied_unchanged_and_named() {
    let (world, planted) = damaged_world();
    let outcome = world.run(&[]).assert_code(0);
    assert_eq!(named(&outcome), planted);
    assert!(outcome.stderr.contains("WARNING: 3 OBJECTS DAMAGED in the source"), "{}", outcome.stderr);
    for (_, key) in &planted {
        assert!(outcome.stderr.contains(key), "{key} is not in the summary: {}", outcome.stderr);
    }
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn strict_makes_damage_in_the_source_an_exit_code() {
    let (world, _) = damaged_world();
    world.run(&["--strict"]).assert_code(5);
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn strict_is_content_with_a_source_that_is_whole() {
    World::with_sample().run(&["--strict"]).assert_code(0);
}
