//! Reports that a retry cannot go by.

use super::*;

#[test]
fn the_report_of_another_pair_is_refused_and_both_are_named() {
    let world = World::with_sample();
    failed_and_mended(&world, &some(&world, ObjectKind::Blocks, 1), &[]);
    let before = fs::read(world.at("failed.json")).unwrap();
    world.new_side_is_a_folder("elsewhere");
    let refused = retry(&world, &[]).assert_code(2);
    for named in [world.at("target"), world.at("elsewhere")] {
        let place = named.canonicalize().unwrap().display().to_string();
        assert!(refused.stderr.contains(&place), "{place} is not in:\n{}", refused.stderr);
    }
    assert!(objects_below(&world.at("elsewhere")).is_empty());
    assert_eq!((fs::read(world.at("failed.json")).unwrap(), refused.report), (before, None));
}

#[test]
fn a_file_that_is_no_whole_report_is_refused_and_named() {
    let world = World::with_sample();
    failed_and_mended(&world, &some(&world, ObjectKind::Blocks, 3), &[]);
    let good: Value = serde_json::from_slice(&fs::read(world.at("failed.json")).unwrap()).unwrap();
    let text = serde_json::to_string_pretty(&good).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut report = good.clone();
        change(&mut report);
        report.to_string()
    };
    let without = |name: &'static str| changed(&|report| drop(report.as_object_mut().unwrap().remove(name)));
    let cases = [
        (String::new(), "ends in the middle"),
        (text[..text.len() / 2].to_owned(), "ends in the middle"),
        (text[..text.len() - 2].to_owned(), "ends in the middle"),
        (format!("{text}{text}"), "not JSON"),
        ("[fs]\ndir = /x\n".to_owned(), "the report of a run"),
        ("name = fs\n".to_owned(), "not JSON"),
        ("[]".to_owned(), "the report of a run"),
        ("{}".to_owned(), "no field `version`"),
        (without("failures"), "no field `failures`"),
        (without("from"), "no field `from`"),
        (without("to"), "no field `to`"),
        (without("result"), "no field `result`"),
        (changed(&|report| report["command"] = json!("verify")), "the report of `verify`"),
        (changed(&|report| report["version"] = json!(2)), "of version 2"),
        (changed(&|report| report["from"] = json!(["one"])), "invalid length 1"),
        (changed(&|report| report["failures"] = json!(3)), "the failures of a run"),
        (
            changed(&|report| report["failures"][1]["kind"] = json!("chunks")),
            "\"chunks\" is not one of commits, fs, blocks",
        ),
        (changed(&|report| report["failures"][1]["object"] = json!("../../etc")), "\"../../etc\" is not an object id"),
        (changed(&|report| report["failures"][1]["library"] = json!("X")), "\"X\" is not a library id"),
        (
            changed(&|report| drop(report["failures"][2].as_object_mut().unwrap().remove("step"))),
            "missing field `step`",
        ),
    ];
    let before = objects_below(&world.at("target/storage"));
    for (text, says) in cases {
        fs::write(world.at("failed.json"), &text).unwrap();
        let refused = retry(&world, &[]).assert_code(2);
        assert!(refused.stderr.contains("failed.json") && refused.stderr.contains(says), "{says}: {}", refused.stderr);
        assert_eq!(refused.report, None, "{says}");
        assert_eq!(fs::read_to_string(world.at("failed.json")).unwrap(), text);
    }
    assert_eq!(objects_below(&world.at("target/storage")), before);
}

#[test]
fn a_report_that_cannot_be_read_is_refused() {
    let world = World::with_sample();
    let refused = retry(&world, &[]).assert_code(2);
    assert!(refused.stderr.contains("failed.json") && refused.stderr.contains("No such file"), "{}", refused.stderr);
    fs::create_dir(world.at("failed.json")).unwrap();
    let refused = retry(&world, &[]).assert_code(2);
    assert!(refused.stderr.contains("Is a directory"), "{}", refused.stderr);
    let both = world.run(&["--retry-failed", "x", "--relist"]).assert_code(2);
    assert!(both.stderr.contains("--relist"), "{}", both.stderr);
}
