//! `list`: what it shows of list files, imports and exports, and what it refuses.

use super::*;

/// A complete list of three objects under this name.
fn write_list(desk: &Desk, name: &str, kind: ObjectKind) {
    let paths = ListPaths::new(&desk.at(name), kind, None);
    let lock = ListLock::acquire(&paths).unwrap();
    let place = desk.at("target/storage").join(kind.as_str()).display().to_string();
    let location = Location { backend: Backend::Fs, kind, place };
    let (builder, _) = SetBuilder::start_or_resume(&lock, &location).unwrap();
    let objects: Vec<Listed> =
        (1..4).map(|byte| Listed { key: ObjectKey::from_bytes(&[byte; ObjectKey::LEN]), size: Some(500) }).collect();
    let mut stream = builder.stream();
    stream.page(KeyRange::ALL, &objects).unwrap();
    stream.finish().unwrap();
    drop(builder.finish().unwrap());
    release(lock, &paths.lock());
}

#[test]
fn a_list_that_is_not_there_is_an_error_said_once() {
    let desk = Desk::new();
    for action in ["show", "verify", "export"] {
        let (code, stdout, stderr) = desk.call(&["list", action, "missing.fs"]);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{action}");
        assert_eq!(stderr, "seaf-migrate: cannot open missing.fs: No such file or directory (os error 2)\n");
    }
}

#[test]
fn a_damaged_list_is_a_finding_of_show_and_verify_and_what_is_none_is_left_alone() {
    let desk = Desk::new();
    write_list(&desk, "good", ObjectKind::Fs);
    let good = fs::read(desk.at("good.fs")).unwrap();
    fs::write(desk.at("short.fs"), &good[..good.len() - 1]).unwrap();
    fs::write(desk.at("head.fs"), &good[..20]).unwrap();
    fs::write(desk.at("text.fs"), "hello\n").unwrap();
    fs::write(desk.at("empty.fs"), "").unwrap();
    for name in ["text.fs", "empty.fs"] {
        for action in ["show", "verify"] {
            let (code, stdout, stderr) = desk.call(&["list", action, name]);
            assert_eq!((code, stdout.as_str()), (Some(2), ""), "{action} {name}");
            assert!(stderr.contains(&format!("{name} is not a list file")), "{stderr}");
            assert!(!stderr.to_lowercase().contains("remove"), "whose it is, nobody knows: {stderr}");
        }
        assert_eq!(desk.call(&["list", "export", name]).0, Some(2), "{name}");
    }
    for name in ["short.fs", "head.fs"] {
        for action in ["show", "verify"] {
            let (code, stdout, stderr) = desk.call(&["list", action, name]);
            assert_eq!((code, stdout.as_str()), (Some(1), ""), "{action} {name}");
            assert!(stderr.contains(&format!("{name} is damaged at byte")), "{stderr}");
            assert!(stderr.contains("Remove the file and run again"), "{stderr}");
        }
        assert_eq!(desk.call(&["list", "export", name]).0, Some(2), "{name}");
    }
    assert_eq!(desk.call(&["list", "verify", "good.fs"]).0, Some(0));
}

#[test]
fn a_folder_in_the_place_of_a_list_is_an_error() {
    let desk = Desk::new();
    fs::create_dir(desk.at("folder.fs")).unwrap();
    for action in ["show", "verify", "export"] {
        let (code, _, stderr) = desk.call(&["list", action, "folder.fs"]);
        assert_eq!(code, Some(2), "{action}: {stderr}");
        assert!(stderr.contains("folder.fs"), "{stderr}");
    }
}

#[test]
fn a_listing_that_never_ended_is_no_list_under_any_name() {
    let desk = Desk::new();
    let lock = ListLock::acquire(&ListPaths::new(&desk.at("objects"), ObjectKind::Blocks, None)).unwrap();
    let place = desk.at("target/storage/blocks").display().to_string();
    let location = Location { backend: Backend::Fs, kind: ObjectKind::Blocks, place };
    let (builder, _) = SetBuilder::start_or_resume(&lock, &location).unwrap();
    let mut stream = builder.stream();
    stream.page(KeyRange::ALL.halves().unwrap().0, &[]).unwrap();
    stream.finish().unwrap();
    assert!(builder.finish().is_err());
    // Renamed to the name of a complete list.
    fs::copy(desk.at("objects.blocks.building"), desk.at("renamed.blocks")).unwrap();
    for name in ["objects.blocks.building", "renamed.blocks"] {
        for action in ["show", "verify"] {
            let (code, stdout, stderr) = desk.call(&["list", action, name]);
            assert_eq!((code, stdout.as_str()), (Some(1), ""), "{action} {name}: {stderr}");
            assert!(stderr.contains(name), "{stderr}");
        }
        assert_eq!(desk.call(&["list", "export", name]).0, Some(2));
    }
    let list = desk.at("renamed").display().to_string();
    let (_, _, stderr) = desk.run(&["--object-list", &list]);
    assert!(stderr.contains("the list of [blocks] cannot be used"), "{stderr}");
}

#[test]
fn show_tells_a_list_by_its_destination_and_its_libraries() {
    let desk = Desk::new();
    write_list(&desk, "objects", ObjectKind::Blocks);
    let (code, stdout, _) = desk.call(&["list", "show", "objects.blocks", "--libraries"]);
    assert_eq!(code, Some(0));
    for line in
        ["target/storage/blocks", "kind         blocks", "objects      3", "00:00:0", " 1 part, every byte checked"]
    {
        assert!(stdout.contains(line), "{line:?} is not in {stdout}");
    }
    for library in ["01010101-0101", "02020202-0202", "03030303-0303"] {
        let row = stdout.lines().find(|line| line.starts_with(library)).unwrap();
        assert!(row.contains(" 1 ") && row.ends_with("500 B"), "{row}");
    }
}

#[test]
fn an_export_never_writes_over_a_file() {
    let desk = Desk::new();
    write_list(&desk, "objects", ObjectKind::Blocks);
    fs::write(desk.at("there.txt"), "mine").unwrap();
    let (code, _, stderr) = desk.call(&["list", "export", "objects.blocks", "there.txt"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("cannot create there.txt: File exists"), "{stderr}");
    assert_eq!(fs::read_to_string(desk.at("there.txt")).unwrap(), "mine");
    let (code, stdout, _) = desk.call(&["list", "export", "objects.blocks", "new.txt"]);
    assert_eq!((code, stdout.as_str()), (Some(0), "3 lines written to new.txt\n"));
    assert_eq!(fs::read_to_string(desk.at("new.txt")).unwrap(), desk.call(&["list", "export", "objects.blocks"]).1);
}

#[test]
fn an_import_takes_text_lists_of_the_right_name_only() {
    let desk = Desk::new();
    let line = format!("{}\n", ObjectKey::MIN);
    for name in ["objects", "objects.block", "objects.blocks.txt"] {
        fs::write(desk.at(name), &line).unwrap();
        let (code, _, stderr) = desk.call(&["list", "import", name, "--to", "new"]);
        assert_eq!(code, Some(2), "{name}");
        assert!(stderr.contains("the name of a list ends in .commits, .fs or .blocks"), "{stderr}");
        assert_eq!(fs::read_to_string(desk.at(name)).unwrap(), line);
    }
    write_list(&desk, "list", ObjectKind::Fs);
    for (name, says) in [("list.fs", "is not a text list"), ("missing.fs", "is not a text list")] {
        let (code, _, stderr) = desk.call(&["list", "import", name, "--to", "new"]);
        assert_eq!(code, Some(2), "{name}");
        assert!(stderr.contains(says), "{stderr}");
    }
    fs::write(desk.at("objects.blocks"), &line).unwrap();
    let (code, stdout, stderr) = desk.call(&["list", "import", "objects.blocks", "--to", "new"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stdout.contains("objects.blocks: 1 lines; the text is kept as objects.blocks.text-backup. 1 object of fs:"),
        "{stdout}"
    );
    assert_eq!(fs::read_to_string(desk.at("objects.blocks.text-backup")).unwrap(), line);
}

#[test]
fn an_import_while_a_run_holds_the_list_is_locked_out() {
    let desk = Desk::new();
    let text = format!("{}\n", ObjectKey::MIN);
    fs::write(desk.at("objects.blocks"), &text).unwrap();
    let held = ListLock::acquire(&ListPaths::new(&desk.at("objects"), ObjectKind::Blocks, None)).unwrap();
    let (code, _, stderr) = desk.call(&["list", "import", "objects.blocks", "--to", "new"]);
    assert_eq!(code, Some(4), "{stderr}");
    assert!(stderr.contains(&format!("is in use by process {}", std::process::id())), "{stderr}");
    assert_eq!(fs::read_to_string(desk.at("objects.blocks")).unwrap(), text);
    drop(held);
}
