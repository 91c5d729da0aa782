//! What a verification proves, for whom and for how long.

use super::*;

#[test]
fn a_library_can_be_verified_alone_and_that_is_no_proof_for_all() {
    let world = migrated();
    let rows = world.verify(&[]).assert_code(0).rows("libraries");
    let of = |row: &Value| -> u64 {
        ["commits", "fs", "blocks"].iter().map(|kind| row[kind]["objects"].as_u64().unwrap()).sum()
    };
    assert_eq!(rows.iter().map(of).sum::<u64>(), ALL);
    let proof = verified(&world).unwrap();

    let lost = nth(&world, "blocks", 0);
    fs::remove_file(there(&world, &lost)).unwrap();
    let [victim, other] = [true, false]
        .map(|is_victim| rows.iter().find(|row| lost.contains(row["library"].as_str().unwrap()) == is_victim).unwrap());
    let id = |row: &Value| row["library"].as_str().unwrap().to_owned();
    let sound = world.verify(&["--content", "--library", &id(other), "--library", &id(other)]).assert_code(0);
    assert_eq!(sound.total("objects"), of(other));
    assert_eq!(sound.report.as_ref().unwrap()["only_libraries"], serde_json::json!([id(other)]));
    let both = world.verify(&["--library", &id(victim), "--library", &id(other)]).assert_code(1);
    assert_eq!(both.total("objects"), of(other) + of(victim));
    assert_eq!(named(&both, "findings"), [format!("{}: missing", name(&lost))]);
    // A part is not noted as the whole, and what it found counts.
    assert_eq!(verified(&world).unwrap(), VerifyNote { findings: 1, ..proof });
    assert!(why_unproven(&world).unwrap().contains("had 1 finding"));
    // A library that nobody has is a slip of the pen.
    world.verify(&["--library", "00000000-0000-4000-8000-000000000000"]).assert_code(2);
}

#[test]
fn the_newest_commits_are_noted_when_the_database_says_them() {
    let world = migrated();
    // Of a kind that is not read here.
    fs::write(world.at("old/seafile.conf"), "[database]\ntype = oracle\n").unwrap();
    world.verify(&[]).assert_code(0);
    assert_eq!(verified(&world).unwrap().heads, None);
    fs::write(world.at("old/seafile.conf"), "[database]\ntype = sqlite\n").unwrap();
    world.verify(&[]).assert_code(0);
    let heads = verified(&world).unwrap().heads.unwrap();
    assert_eq!(heads.len(), 3);
    // Every one of them is a commit that arrived.
    for (library, head) in heads.iter().map(|(library, head)| (library, head.to_string())) {
        assert!(
            there(&world, &format!("commits/{library}/{}/{}", &head[..2], &head[2..])).is_file(),
            "{library} {head}"
        );
    }
    let named = world.at("old/seafile-data/seafile.db").display().to_string();
    fs::write(world.at("old/seafile.conf"), "").unwrap();
    world.verify(&["--db", &named]).assert_code(0);
    assert_eq!(verified(&world).unwrap().heads.unwrap(), heads);
    fs::remove_file(&named).unwrap();
    fs::write(world.at("old/seafile.conf"), "[database]\ntype = sqlite\n").unwrap();
    let outcome = world.verify(&[]).assert_code(0);
    assert!(outcome.stderr.contains("the newest commits are not noted"), "{}", outcome.stderr);
    assert_eq!(verified(&world).unwrap().heads, None);
}

#[test]
fn a_proof_holds_until_the_next_run() {
    let world = migrated();
    world.verify(&[]).assert_code(0);
    assert_eq!(why_unproven(&world), None);
    world.run(&[]).assert_code(0);
    assert!(why_unproven(&world).unwrap().contains("was written by a run"));
    world.verify(&["--content"]).assert_code(0);
    assert_eq!(why_unproven(&world), None);
    fs::remove_file(there(&world, &nth(&world, "commits", 0))).unwrap();
    world.verify(&[]).assert_code(1);
    assert!(why_unproven(&world).unwrap().contains("1 finding"));
}

#[test]
fn notes_that_cannot_be_kept_are_warned_of_and_change_no_result() {
    let world = migrated();
    fs::remove_dir_all(world.at("state")).unwrap();
    fs::write(world.at("state"), "not a folder").unwrap();
    let outcome = world.verify(&[]).assert_code(0);
    assert!(outcome.stderr.contains("the source cannot be deleted later"), "{}", outcome.stderr);
}

#[test]
fn two_verifications_at_once_are_in_nobodys_way() {
    let world = migrated();
    let quiet = |n: u32| {
        let mut command = world.program();
        command.args(["verify", "--content", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
        command
            .arg("--data-dir")
            .arg(world.at("old/seafile-data"))
            .arg("--report")
            .arg(world.at(&format!("report-{n}.json")));
        command.spawn().unwrap()
    };
    let children = [quiet(1), quiet(2)];
    children.into_iter().for_each(|child| drop(world.finish(child).assert_code(0)));
    assert_eq!(why_unproven(&world), None);
}
