//! Taking away what the program keeps for itself in the stores of a side.

use std::path::PathBuf;

use seaf_migrate::object::ObjectKind;

use crate::world::{Outcome, World, objects_below, pause};

/// The folders that hold the program's own objects.
fn own_folders(world: &World) -> Vec<PathBuf> {
    let folder =
        |kind: ObjectKind| world.at("target/storage").join(kind.as_str()).join("ffffffff-ffff-ffff-ffff-ffffffffffff");
    ObjectKind::ALL.map(folder).into_iter().filter(|folder| folder.exists()).collect()
}

fn clean(world: &World, options: &[&str]) -> Outcome {
    let mut command = world.program();
    command.args(["clean", "--conf"]).arg(world.at("new")).args(options);
    world.finish(command.spawn().unwrap())
}

#[test]
fn what_the_program_keeps_goes_and_nothing_else_does() {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    let before = objects_below(&world.at("target/storage"));
    assert_eq!(own_folders(&world).len(), 3);
    let dry = clean(&world, &[]).assert_code(0);
    assert!(dry.stdout.contains("--yes would remove 6 objects of seaf-migrate's own"), "{}", dry.stdout);
    assert_eq!(own_folders(&world).len(), 3);
    let done = clean(&world, &["--yes"]).assert_code(0);
    assert!(done.stdout.contains("6 objects of seaf-migrate's own removed"), "{}", done.stdout);
    assert_eq!(own_folders(&world), Vec::<PathBuf>::new());
    assert_eq!(objects_below(&world.at("target/storage")), before);
    assert!(clean(&world, &["--yes"]).assert_code(0).stdout.contains("0 objects"));
}

#[test]
fn a_cleaned_side_is_listed_again_and_verified_again() {
    let world = World::with_sample();
    let lists = world.at("lists/objects").display().to_string();
    std::fs::create_dir(world.at("lists")).unwrap();
    world.run(&["--object-list", &lists]).assert_code(0);
    world.verify(&["--content"]).assert_code(0);
    clean(&world, &["--yes"]).assert_code(0);
    let mut remove = world.program();
    remove
        .args(["remove", "--yes", "--server-is-stopped", "--from"])
        .arg(world.at("old"))
        .arg("--to")
        .arg(world.at("new"));
    remove.arg("--data-dir").arg(world.at("old/seafile-data"));
    let refused = world.finish(remove.spawn().unwrap()).assert_code(2);
    assert!(refused.stderr.contains("carries no mark of a run"), "{}", refused.stderr);
    let again = world.run(&["--object-list", &lists]).assert_code(0);
    assert!(again.stderr.contains("the destination is listed again"), "{}", again.stderr);
    assert_eq!(again.total("copied"), 0);
}

#[test]
fn nothing_goes_while_a_run_is_under_way() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    let asked = server.faults().count_all();
    server.faults().delay(600_000);
    let mut run = world.command(&[]).spawn().unwrap();
    while server.faults().count_all() == asked {
        pause();
    }
    assert!(clean(&world, &["--yes"]).assert_code(4).stderr.contains(&format!("process {}", run.id())));
    run.kill().unwrap();
    run.wait().unwrap();
}
