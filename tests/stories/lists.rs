//! List files: they spare a pass the listing of the destination, and are refused for another destination.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::world::{World, objects_below};

#[test]
fn a_rerun_with_list_files_does_not_list_the_destination() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    let list = world.at("objects").display().to_string();
    let first = world.run(&["--object-list", &list]).assert_code(0);
    for kind in ["commits", "fs", "blocks"] {
        let mode = fs::metadata(world.at(&format!("objects.{kind}"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "objects.{kind}");
    }
    let listings = server.faults().count("LIST");
    let second = world.run(&["--object-list", &list]).assert_code(0);
    assert_eq!(second.total("held"), first.total("copied"));
    // The check before a pass asks for one page a kind and whether that was all, and nobody else asks.
    let asked = server.faults().count("LIST") - listings;
    assert_eq!((second.total("copied"), asked), (0, 6), "the destination was listed");

    let third = world.run(&["--object-list", &list, "--relist"]).assert_code(0);
    assert_eq!(third.total("held"), first.total("copied"));
    assert!(server.faults().count("LIST") - listings >= 3 + 3 + 3, "--relist did not list");
}

#[test]
fn the_environment_variable_of_the_old_script_names_the_list_files() {
    let world = World::with_sample();
    let mut command = world.command(&[]);
    command.env("OBJECT_LIST_FILE_PATH", world.at("objects"));
    world.finish(command.spawn().unwrap()).assert_code(0);
    assert!(world.at("objects.blocks").exists());
}

#[test]
fn a_list_file_of_another_destination_is_refused_and_left_alone() {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    let before = fs::read(world.at("objects.blocks")).unwrap();
    world.new_side_is_a_folder("elsewhere");
    let refused = world.run(&["--object-list", &list]).assert_code(2);
    for text in ["target/storage/blocks", "elsewhere/storage/blocks"] {
        assert!(refused.stderr.contains(text), "{text} is not named: {}", refused.stderr);
    }
    assert_eq!(fs::read(world.at("objects.blocks")).unwrap(), before);
    assert_eq!(objects_below(&world.at("elsewhere")).len(), 0);
}

#[test]
fn what_the_destination_lost_is_copied_again_after_a_relist() {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    let blocks = world.at("target/storage/blocks");
    let (lost, _) = objects_below(&blocks).pop_first().unwrap();
    fs::remove_file(blocks.join(&lost)).unwrap();
    let relisted = world.run(&["--object-list", &list, "--relist"]).assert_code(0);
    assert_eq!(relisted.total("copied"), 1);
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn a_shorter_object_at_the_destination_counts_as_missing() {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    // What a power loss leaves: the name is there, the bytes are not.
    let blocks = world.at("target/storage/blocks");
    let objects = objects_below(&blocks);
    let (empty, short) = (objects.keys().next().unwrap(), objects.keys().nth(1).unwrap());
    fs::write(blocks.join(empty), "").unwrap();
    fs::write(blocks.join(short), &objects[short][..objects[short].len() - 1]).unwrap();
    let rerun = world.run(&[]).assert_code(0);
    assert_eq!(rerun.total("copied"), 2);
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn what_went_from_the_destination_without_a_trace_is_noticed_by_the_next_run() {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    // The second run takes the journal into the list or reads it beside it; either way it knows all.
    world.run(&["--object-list", &list]).assert_code(0);
    let blocks = world.at("target/storage/blocks");
    let objects = objects_below(&blocks);
    let (lost, short, empty) = {
        let mut names = objects.keys();
        (names.next().unwrap(), names.next().unwrap(), names.next().unwrap())
    };
    fs::remove_file(blocks.join(lost)).unwrap();
    fs::write(blocks.join(short), &objects[short][1..]).unwrap();
    fs::write(blocks.join(empty), "").unwrap();
    let outcome = world.run(&["--object-list", &list]).assert_code(0);
    assert!(outcome.stderr.contains("3 are not there as the list says"), "{}", outcome.stderr);
    assert_eq!((outcome.total("copied"), outcome.total("held")), (3, outcome.total("listed") - 1));
    world.assert_same(&world.at("target/storage"));
    let next = world.run(&["--object-list", &list]).assert_code(0);
    assert!(!next.stderr.contains("not there"), "{}", next.stderr);
}

#[test]
fn one_object_that_is_not_as_remembered_makes_all_kinds_be_listed_again() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    let commits = world.at("buckets/seafile-commits");
    let is_object = |path: &std::path::PathBuf| !path.file_name().unwrap().to_str().unwrap().starts_with('.');
    let lost = objects_below(&commits).into_keys().find(is_object).unwrap();
    fs::remove_file(commits.join(lost)).unwrap();
    let listings = server.faults().count("LIST");
    let outcome = world.run(&["--object-list", &list]).assert_code(0);
    assert_eq!(outcome.total("copied"), 1);
    // A page a kind for the check, and at least one for each list.
    assert!(server.faults().count("LIST") - listings >= 3 + 3, "not everything was listed again");
}

#[test]
fn a_larger_share_is_asked_for_where_the_user_wants_it() {
    let world = World::new();
    crate::support::library::bulk::bulk_to_dir(&world.at("old/seafile-data"), 5, 9_000, 200..=210);
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    let asked = |options: &[&str]| -> Vec<u64> {
        let said = world.run(&[&["--object-list", &list], options].concat()).assert_code(0).stdout;
        let lines = said.lines().filter_map(|line| line.split_once(" objects of the list rechecked"));
        lines.map(|(line, _)| line.rsplit(' ').next().unwrap().parse().unwrap()).collect()
    };
    let (usual, all) = (asked(&[]), asked(&["--recheck", "100%"]));
    assert!(usual.iter().zip(&all).all(|(usual, all)| *usual == 1000.min(*all)), "{usual:?} {all:?}");
    assert_eq!(all.iter().sum::<u64>(), 9_000);
}

/// Writes the text list that the old script would have left.
fn write_text_list(world: &World, kind: &str, root: &std::path::Path) {
    let lines = objects_below(root).into_keys().map(|path| {
        let (library, id) = path.to_str().unwrap().split_once('/').unwrap();
        format!("{library}/{}\n", id.replace('/', ""))
    });
    fs::write(world.at(&format!("objects.{kind}")), lines.collect::<String>()).unwrap();
}

#[test]
fn text_lists_of_the_old_script_are_taken_over_after_a_sample_confirmed_them() {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    world.run(&[]).assert_code(0);
    for kind in ["commits", "fs", "blocks"] {
        write_text_list(&world, kind, &world.source().join(kind));
    }
    let taken = world.run(&["--object-list", &list]).assert_code(0);
    assert_eq!((taken.total("copied"), taken.total("held")), (0, taken.total("listed")));
    assert!(taken.stdout.contains("rechecked, all are at the destination"), "{}", taken.stdout);
    assert!(world.at("objects.fs.text-backup").exists());
    let shown = {
        let mut command = world.program();
        world.finish(command.args(["list", "show"]).arg(world.at("objects.fs")).spawn().unwrap()).assert_code(0)
    };
    assert!(!shown.stdout.contains("not confirmed yet"), "{}", shown.stdout);
}

#[test]
fn a_text_list_does_not_make_an_empty_or_cut_object_count_as_there() {
    for cut in [0, 5] {
        let world = World::with_sample();
        let list = world.at("objects").display().to_string();
        world.run(&[]).assert_code(0);
        let blocks = world.at("target/storage/blocks");
        let objects = objects_below(&blocks);
        let (name, data) = objects.iter().find(|(_, data)| data.len() > 5).unwrap();
        fs::write(blocks.join(name), &data[..cut]).unwrap();
        for kind in ["commits", "fs", "blocks"] {
            write_text_list(&world, kind, &world.source().join(kind));
        }
        let outcome = world.run(&["--object-list", &list]).assert_code(0);
        assert_eq!(outcome.total("copied"), 1, "{}", outcome.stderr);
        world.assert_same(&world.at("target/storage"));
    }
}

#[test]
fn a_text_list_that_claims_what_is_not_there_is_not_believed() {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    for kind in ["commits", "fs", "blocks"] {
        write_text_list(&world, kind, &world.source().join(kind));
    }
    let outcome = world.run(&["--object-list", &list]).assert_code(0);
    assert_eq!(outcome.total("copied"), outcome.total("listed"));
    assert!(outcome.stderr.contains("are not there"), "{}", outcome.stderr);
    world.assert_same(&world.at("target/storage"));
}

#[test]
fn list_commands_show_verify_and_export_what_a_run_remembers() {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    let file = world.at("objects.fs");
    let command = |action: &str| {
        let mut command = world.program();
        world.finish(command.args(["list", action]).arg(&file).spawn().unwrap())
    };
    let shown = command("show").assert_code(0);
    assert!(shown.stdout.contains("objects      42") && shown.stdout.contains("target/storage/fs"), "{}", shown.stdout);
    assert!(command("verify").assert_code(0).stdout.contains("sound, 42 objects"));
    let text = command("export").assert_code(0).stdout;
    assert_eq!(text.lines().count(), 42);

    // One flipped byte is enough.
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let damaged = command("verify").assert_code(1);
    assert!(damaged.stderr.contains("is damaged"), "{}", damaged.stderr);

    // And back in: the text takes the list's place and is marked as not confirmed.
    fs::write(&file, text).unwrap();
    let mut import = world.program();
    import.args(["list", "import"]).arg(&file).arg("--to").arg(world.at("new"));
    world.finish(import.spawn().unwrap()).assert_code(0);
    let shown = command("show").assert_code(0);
    assert!(shown.stdout.contains("not confirmed yet") && shown.stdout.contains("objects      42"), "{}", shown.stdout);
}

#[test]
fn the_old_list_of_one_library_is_taken_over_and_never_for_the_list_of_all() {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    let on = |arguments: &[&str], file: &std::path::Path| {
        let mut command = world.program();
        command.arg("list").args(arguments).arg(file);
        if arguments == ["import"] {
            command.arg("--to").arg(world.at("new"));
        }
        world.finish(command.spawn().unwrap())
    };
    let all = on(&["export"], &world.at("objects.fs")).assert_code(0).stdout;
    let library = all.split('/').next().unwrap();
    let own = all.lines().filter(|line| line.starts_with(library)).count();

    // The old script wrote whatever it copied; lines of other libraries do not get in.
    let file = world.at(&format!("objects_{library}.fs"));
    fs::write(&file, &all).unwrap();
    let imported = on(&["import"], &file).assert_code(0).stdout;
    assert!(
        imported.contains(&format!("{} of them left out, because they are not names of its objects", 42 - own)),
        "{imported}"
    );
    let shown = on(&["show"], &file).assert_code(0).stdout;
    assert!(shown.contains(&format!("library      {library}, no other")), "{shown}");
    assert!(shown.contains(&format!("objects      {own}")), "{shown}");

    // Under the name of the list of all libraries it would make a pass copy all others again.
    fs::copy(&file, world.at("objects.fs")).unwrap();
    let refused = world.run(&["--object-list", &list]).assert_code(2);
    let wanted = format!("objects.fs lists the library {library} only, not all libraries: it was renamed or copied");
    assert!(refused.stderr.contains(&wanted), "{}", refused.stderr);
}

#[test]
fn a_list_exported_to_a_reader_that_has_seen_enough_is_no_error() {
    let world = World::with_sample();
    let list = world.at("objects").display().to_string();
    world.run(&["--object-list", &list]).assert_code(0);
    let mut command = world.program();
    let mut export = command.args(["list", "export"]).arg(world.at("objects.fs")).spawn().unwrap();
    // The reader closes the pipe before the program writes, as `head` may.
    drop(export.stdout.take());
    let output = export.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
