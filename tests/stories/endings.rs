//! How a run ends: the exit code, the last line and the report agree, on a terminal and in a pipe.

use std::fs;
use std::process::Stdio;

use crate::world::{Outcome, World, objects_below};

/// Panics unless code, last line and report agree on this result.
fn assert_ending(outcome: &Outcome, code: u8, result: &str, says: &str) {
    let report = outcome.report.as_ref().expect("a report was written");
    assert_eq!((report["exit_code"].as_u64(), report["result"].as_str()), (Some(code.into()), Some(result)));
    let message = report["message"].as_str().unwrap();
    assert!(message.contains(says), "{message}");
    let line = match code {
        0 => format!("Result: {message}."),
        _ => format!("Result: {message} (exit code {code})."),
    };
    let told = if code == 0 { &outcome.stdout } else { &outcome.stderr };
    assert!(told.lines().any(|told| told == line), "{line:?} is not in {told}");
}

#[test]
fn a_whole_copy() {
    let world = World::with_sample();
    assert_ending(&world.run(&[]).assert_code(0), 0, "complete", "every object of the source is at the destination");
}

#[test]
fn a_copy_of_nothing_is_no_copy() {
    let world = World::new();
    let outcome = world.run(&[]).assert_code(3);
    assert_ending(&outcome, 3, "store failed", "lists no object in any of its stores");
    assert_eq!(outcome.total("listed"), 0);
}

#[test]
fn an_object_that_cannot_be_read() {
    let world = World::with_sample();
    let (path, _) = objects_below(&world.source().join("fs")).pop_first().unwrap();
    let object = world.source().join("fs").join(path);
    fs::remove_file(&object).unwrap();
    fs::create_dir(&object).unwrap();
    let outcome = world.run(&[]).assert_code(1);
    assert_ending(&outcome, 1, "failures", "some objects are NOT at the destination");
    assert_eq!((outcome.rows("failures").len(), outcome.total("failed")), (1, 1));
    assert!(!outcome.stdout.contains("Result:"), "bad news is for standard error");
}

#[test]
fn damage_in_the_source_with_and_without_strict() {
    let world = World::with_sample();
    let (path, data) = objects_below(&world.source().join("blocks")).pop_first().unwrap();
    fs::write(world.source().join("blocks").join(path), [&data[..], b"x"].concat()).unwrap();
    let strict = world.run(&["--strict"]).assert_code(5);
    assert_ending(&strict, 5, "complete, source damaged", "damaged in the source already (--strict)");
    let lenient = world.run(&["--relist"]).assert_code(0);
    assert_ending(&lenient, 0, "complete", "every object");
}

#[test]
fn damage_that_one_pass_named_is_named_by_every_later_one_until_it_is_mended() {
    let world = World::with_sample();
    let (path, good) = objects_below(&world.source().join("blocks")).pop_first().unwrap();
    let object = world.source().join("blocks").join(path);
    fs::write(&object, [&good[..], b"x"].concat()).unwrap();
    let list = world.at("objects").display().to_string();
    let strict = ["--strict", "--object-list", &list];
    let first = world.run(&strict).assert_code(5);
    let named = first.rows("damaged");
    assert_eq!((named.len(), first.total("copied") > 0), (1, true));
    for _ in 0..2 {
        let later = world.run(&strict).assert_code(5);
        assert_ending(&later, 5, "complete, source damaged", "damaged in the source already (--strict)");
        assert_eq!((later.rows("damaged"), later.total("copied")), (named.clone(), 0));
        assert!(later.stderr.contains("1 OBJECT DAMAGED in the source"), "{}", later.stderr);
    }

    // Somebody mends the source: the destination has the wrong bytes now, alone.
    fs::write(&object, &good).unwrap();
    let report = world.at("kept.json");
    let mut command = world.program();
    command.args(["run", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    command.arg("--data-dir").arg(world.at("old/seafile-data")).args(strict).arg("--report").arg(&report);
    let mended = world.finish(command.spawn().unwrap()).assert_code(1);
    assert!(mended.stderr.contains("damaged at the destination"), "{}", mended.stderr);
    // So it is as long as nobody writes it anew, whatever the lists say.
    for options in [&["--object-list", &list][..], &["--object-list", &list, "--relist"]] {
        let later = world.run(options).assert_code(1);
        assert_ending(&later, 1, "failures", "some objects are NOT at the destination");
        let failures = later.rows("failures");
        assert_eq!((failures.len(), &failures[0]["object"]), (1, &named[0]["object"]), "{failures:?}");
        assert_eq!(later.report.as_ref().unwrap()["safe_to_switch"]["yes"], false);
    }
    let retry = ["--object-list", &list, "--retry-failed", report.to_str().unwrap()];
    let retried = world.run(&retry).assert_code(0);
    assert_eq!(retried.total("copied"), 1);
    // It lists nothing, so it knows nothing of what the source lists no more.
    assert!(!retried.stderr.contains("lists now"), "{}", retried.stderr);
    world.assert_same(&world.at("target/storage"));
    let last = world.run(&strict).assert_code(0);
    assert_eq!((last.rows("damaged").len(), last.rows("failures").len()), (0, 0));
    assert!(!world.at("objects.damaged").exists());
}

/// The first block of the old side, and its bytes.
fn a_block(world: &World) -> (std::path::PathBuf, Vec<u8>) {
    let (path, good) = objects_below(&world.source().join("blocks")).pop_first().unwrap();
    (world.source().join("blocks").join(path), good)
}

#[test]
fn damage_that_could_not_be_written_anew_is_not_forgotten() {
    let world = World::with_sample();
    let (object, good) = a_block(&world);
    fs::write(&object, [&good[..], b"x"].concat()).unwrap();
    let list = world.at("objects").display().to_string();
    let options = ["--object-list", &list, "--relist"];
    world.run(&options).assert_code(0);
    fs::write(&object, &good).unwrap();
    let copy = world.at("target/storage").join(object.strip_prefix(world.source()).unwrap());
    let bad = fs::read(&copy).unwrap();
    fs::remove_file(&copy).unwrap();
    fs::create_dir(&copy).unwrap();
    world.run(&options).assert_code(1);
    // As when a disk gives again what it did not for a while.
    fs::remove_dir(&copy).unwrap();
    fs::write(&copy, bad).unwrap();
    let later = world.run(&options).assert_code(1);
    assert!(later.stderr.contains("damaged at the destination"), "{}", later.stderr);
}

#[test]
fn damage_whose_last_copy_is_at_the_destination_is_named_in_the_same_words_by_every_pass() {
    let world = World::with_sample();
    let (object, good) = a_block(&world);
    fs::write(&object, [&good[..], b"x"].concat()).unwrap();
    let list = world.at("objects").display().to_string();
    let strict = ["--strict", "--object-list", &list];
    world.run(&strict).assert_code(5);
    fs::remove_file(&object).unwrap();
    let rows = [0; 3].map(|_| world.run(&strict).assert_code(5).rows("damaged"));
    assert!(rows[0].len() == 1 && rows[0] == rows[1] && rows[1] == rows[2], "{rows:?}");
    let cause = rows[0][0]["cause"].as_str().unwrap();
    assert!(cause.contains("gone from the source") && cause.matches("an earlier pass").count() == 1, "{cause}");
}

#[test]
fn an_empty_object_is_named_once_by_each_pass() {
    let world = World::with_sample();
    let (object, _) = a_block(&world);
    fs::write(&object, b"").unwrap();
    let list = world.at("objects").display().to_string();
    for _ in 0..3 {
        let pass = world.run(&["--strict", "--object-list", &list]).assert_code(5);
        assert_eq!((pass.rows("damaged").len(), pass.total("damaged"), pass.total("copied") > 0), (1, 1, true));
        assert!(pass.stderr.contains("1 OBJECT DAMAGED in the source"), "{}", pass.stderr);
    }
}

#[test]
fn a_pass_that_copies_anew_what_was_mended_in_the_source_ends_well() {
    let world = World::with_sample();
    let (object, good) = a_block(&world);
    fs::write(&object, &good[..good.len() / 2]).unwrap();
    let list = world.at("objects").display().to_string();
    let strict = ["--strict", "--object-list", &list];
    world.run(&strict).assert_code(5);
    fs::write(&object, &good).unwrap();
    let mended = world.run(&strict).assert_code(0);
    assert_eq!((mended.total("copied"), mended.rows("damaged").len(), mended.rows("failures").len()), (1, 0, 0));
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn what_remembers_damage_and_cannot_be_understood_is_no_reason_to_forget_it() {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    let file = world.at("objects.damaged");
    fs::write(&file, b"{").unwrap();
    let refused = world.run(&["--object-list", &list]).assert_code(2);
    assert!(refused.stderr.contains("objects.damaged cannot be read"), "{}", refused.stderr);
    assert_eq!(fs::read(&file).unwrap(), b"{");
}

#[test]
fn a_store_that_is_not_there() {
    let world = World::with_sample();
    fs::remove_dir_all(world.source().join("commits")).unwrap();
    let outcome = world.run(&[]).assert_code(3);
    assert_ending(&outcome, 3, "store failed", "nothing was done");
    assert_eq!(objects_below(&world.at("target")).len(), 0);
}

#[test]
fn lists_that_are_about_something_else() {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    fs::rename(world.at("objects.fs"), world.at("objects.commits")).unwrap();
    let outcome = world.run(&["--object-list", &list]).assert_code(2);
    assert_ending(&outcome, 2, "refused", "lists fs objects, not commits: it was renamed or copied");
}

#[test]
fn a_report_that_cannot_be_kept_makes_a_good_run_a_bad_one() {
    let world = World::with_sample();
    let mut command = world.program();
    command.args(["run", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    // A folder in which no user can make a file.
    command.arg("--data-dir").arg(world.at("old/seafile-data")).args(["--report", "/proc/report.json"]);
    let outcome = world.finish(command.spawn().unwrap()).assert_code(1);
    let result = outcome.stderr.lines().find(|line| line.starts_with("Result: ")).unwrap();
    assert!(result.contains("a file of this machine failed: the report /proc/report.json could not be"), "{result}");
    assert!(result.contains("what was to be copied is at the destination") && !result.contains("space"), "{result}");
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn the_table_of_the_summary_fits_a_terminal() {
    let outcome = World::with_whole_sample().run(&[]).assert_code(0);
    let lines: Vec<&str> = outcome.stdout.lines().skip_while(|line| !line.starts_with("Objects ")).take(8).collect();
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
    let numbers: Vec<&str> = lines[3].split_whitespace().collect();
    assert_eq!((numbers[0], numbers[4]), ("Copied", "1,029"), "{lines:#?}");
}

#[test]
fn without_a_terminal_there_are_plain_lines_alone() {
    let world = World::with_sample();
    let outcome = world.run(&[]).assert_code(0);
    for text in [&outcome.stdout, &outcome.stderr] {
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }
    let stamped = outcome.stdout.lines().filter(|line| line.starts_with('['));
    for line in stamped {
        let stamp = line.split(']').next().unwrap();
        assert_eq!(stamp.len(), "[2026-01-31 12:00:00".len(), "{line}");
    }
}

#[test]
fn nobody_who_listens_is_no_reason_to_stop() {
    let world = World::with_sample();
    let mut child = world.command(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // As when a pager was closed.
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    world.assert_same(&world.at("target/storage"));
}
