//! Encrypted stores: moved from plain to encrypted and back, to another key and as they are; wrong keys, and objects that no key made.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::world::{Outcome, World, assert_same_objects, objects_below, objects_in_buckets};

/// A key, and the file in the world that holds it.
#[derive(Clone, Copy)]
struct Key {
    name: &'static str,
    key: &'static str,
    iv: &'static str,
}

const FIRST: Key = Key {
    name: "first.key",
    key: "9a1b2c3d4e5f60718293a4b5c6d7e8f90123456789abcdef0123456789abcdef",
    iv: "00112233445566778899aabbccddeeff",
};
const SECOND: Key = Key {
    name: "second.key",
    key: "0000000000000000000000000000000000000000000000000000000000000001",
    iv: "ffeeddccbbaa99887766554433221100",
};

/// Says in the conf of a side that its store is encrypted.
fn encrypt(world: &World, side: &str, key: Key) {
    let file = world.at(key.name);
    fs::write(&file, format!("[store_crypt]\nenc_key = {}\nenc_iv = {}\n", key.key, key.iv)).unwrap();
    let conf = world.at(side).join("seafile.conf");
    let text = fs::read_to_string(&conf).unwrap();
    fs::write(&conf, format!("{text}\n[store_crypt]\nkey_path = {}\n", file.display())).unwrap();
}

/// A new side in a folder of this name, which becomes the old one: the next move goes from there.
fn go_on_from(world: &World, folder: &str) {
    fs::rename(world.at("new/seafile.conf"), world.at("old/seafile.conf")).unwrap();
    let conf = fs::read_to_string(world.at("old/seafile.conf")).unwrap();
    fs::write(world.at("old/seafile.conf"), format!("{conf}\n[database]\ntype = sqlite\n")).unwrap();
    world.new_side_is_a_folder(folder);
}

fn run(world: &World, options: &[&str]) -> Outcome {
    world.run(options).assert_code(0)
}

/// What the openssl command makes of a file.
fn openssl(key: Key, file: &Path) -> Vec<u8> {
    let command = Command::new("/usr/bin/openssl")
        .args(["enc", "-d", "-aes-256-cbc", "-K", key.key, "-iv", key.iv, "-in"])
        .arg(file)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(command.status.success(), "openssl cannot decrypt {}", file.display());
    command.stdout
}

/// The objects below a folder, without those of this program.
fn objects(world: &World, storage: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut objects = objects_below(&world.at(storage));
    objects.retain(|path, _| !path.display().to_string().contains("ffffffff-ffff-ffff"));
    objects
}

#[test]
fn what_is_encrypted_can_be_decrypted_by_openssl_and_comes_back_the_same() {
    let world = World::with_sample();
    let plain = objects(&world, "old/seafile-data/storage");
    encrypt(&world, "new", FIRST);
    let first = run(&world, &[]);
    assert!(first.stdout.contains("encrypted with the key of"), "{}", first.stdout);
    assert!(first.stdout.contains("Safe to switch: yes"), "{}", first.stdout);
    let kept = objects(&world, "target/storage");
    assert!(kept.keys().eq(plain.keys()));
    for (path, data) in plain.iter().step_by(5) {
        assert!(openssl(FIRST, &world.at("target/storage").join(path)) == *data, "{} differs", path.display());
    }
    assert!(plain.iter().all(|(path, data)| kept[path] != *data && kept[path].len() == (data.len() / 16 + 1) * 16));
    // A rerun compares sizes of both forms, with a list of the first pass and without.
    for options in [&[][..], &["--relist"]] {
        assert_eq!(run(&world, options).total("copied"), 0);
    }
    world.verify(&["--content"]).assert_code(0);

    // To another key, with that key as it is, and decrypted.
    go_on_from(&world, "other");
    encrypt(&world, "new", SECOND);
    run(&world, &[]);
    let other = objects(&world, "other/storage");
    assert!(other.iter().all(|(path, data)| kept[path] != *data));
    world.verify(&["--content"]).assert_code(0);
    go_on_from(&world, "same");
    encrypt(&world, "new", SECOND);
    let same = run(&world, &[]);
    assert!(same.stdout.contains("encrypted as before"), "{}", same.stdout);
    assert_same_objects(&other, &objects(&world, "same/storage"));
    go_on_from(&world, "back");
    let back = run(&world, &["--decrypt"]);
    assert!(back.stdout.contains("decrypted with the key of"), "{}", back.stdout);
    assert!(back.stdout.contains("Safe to switch: yes"), "{}", back.stdout);
    assert_same_objects(&plain, &objects(&world, "back/storage"));
    world.verify(&["--content"]).assert_code(0);
    assert_eq!(run(&world, &["--decrypt", "--relist"]).total("copied"), 0);
}

#[test]
fn an_encrypted_store_goes_to_s3_and_comes_back_decrypted() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    encrypt(&world, "new", FIRST);
    run(&world, &[]);
    let plain = objects(&world, "old/seafile-data/storage");
    let kept = objects_in_buckets(&world.at("buckets"));
    assert!(plain.iter().all(|(path, data)| kept[path].len() == (data.len() / 16 + 1) * 16));
    world.verify(&["--content"]).assert_code(0);
    go_on_from(&world, "back");
    run(&world, &["--decrypt"]);
    assert_same_objects(&plain, &objects(&world, "back/storage"));
}

#[test]
fn nothing_is_decrypted_unless_the_user_says_so_and_both_sides_agree() {
    let world = World::with_sample();
    encrypt(&world, "new", FIRST);
    let refused = world.run(&["--decrypt"]).assert_code(2);
    assert!(refused.stderr.contains("--decrypt: the new seafile.conf has a [store_crypt]"), "{}", refused.stderr);
    run(&world, &[]);
    go_on_from(&world, "back");
    let refused = world.run(&[]).assert_code(2);
    for text in ["--decrypt: is missing", "first.key", "Add --decrypt", "or that section to the new seafile.conf"] {
        assert!(refused.stderr.contains(text), "{text}:\n{}", refused.stderr);
    }
    assert_eq!(objects_below(&world.at("back")).len(), 0);
    let world = World::with_sample();
    let useless = run(&world, &["--decrypt"]);
    assert!(useless.stderr.contains("--decrypt changes nothing"), "{}", useless.stderr);
}

#[test]
fn a_wrong_key_is_refused_before_anything_is_written_on_either_side() {
    let world = World::with_sample();
    encrypt(&world, "new", FIRST);
    run(&world, &[]);
    // The destination holds objects of another key.
    world.new_side_is_a_folder("target");
    encrypt(&world, "new", SECOND);
    let before = objects(&world, "target/storage");
    for refused in [world.run(&[]), world.verify(&[])] {
        let refused = refused.assert_code(3);
        for text in ["new ", "wrong key", "second.key", "enc_key or enc_iv is another"] {
            assert!(refused.stderr.contains(text), "{text}:\n{}", refused.stderr);
        }
    }
    assert_same_objects(&before, &objects(&world, "target/storage"));
    // The source is read with another key, and with the right key and another vector.
    go_on_from(&world, "back");
    for vector in [SECOND.iv, FIRST.iv] {
        let key = if vector == SECOND.iv { FIRST.key } else { SECOND.key };
        fs::write(world.at(SECOND.name), format!("[store_crypt]\nenc_key = {key}\nenc_iv = {vector}\n")).unwrap();
        let refused = world.run(&["--decrypt"]).assert_code(3);
        assert!(refused.stderr.contains("old ") && refused.stderr.contains("wrong key"), "{}", refused.stderr);
        assert_eq!(objects(&world, "back").len(), 0);
    }
    fs::write(world.at(SECOND.name), format!("[store_crypt]\nenc_key = {}\nenc_iv = {}\n", FIRST.key, FIRST.iv))
        .unwrap();
    run(&world, &["--decrypt"]);
}

#[test]
fn an_object_that_was_cut_short_is_named_as_damaged_and_the_others_arrive() {
    let world = World::with_sample();
    encrypt(&world, "new", FIRST);
    run(&world, &[]);
    let kept = objects(&world, "target/storage");
    let blocks: Vec<&PathBuf> = kept.keys().filter(|path| path.starts_with("blocks")).collect();
    for (path, length) in blocks.iter().zip([0, 7, 16]) {
        let file = world.at("target/storage").join(path);
        let data = fs::read(&file).unwrap();
        fs::write(&file, &data[..length.min(data.len() - 1)]).unwrap();
    }
    go_on_from(&world, "back");
    let outcome = run(&world, &["--decrypt", "--no-check-heads"]);
    assert_eq!((outcome.rows("damaged").len(), outcome.total("failed")), (3, 0), "{}", outcome.stdout);
    // Only their bytes say that both sides have the same, so that no size is called wrong.
    world.verify(&[]).assert_code(0);
    world.verify(&["--content"]).assert_code(0);
}

#[test]
fn an_encrypted_source_is_checked_and_removed_from_as_any_other() {
    let world = World::with_sample();
    encrypt(&world, "new", FIRST);
    run(&world, &[]);
    go_on_from(&world, "back");
    run(&world, &["--decrypt"]);
    let mut fsck = world.program();
    fsck.args(["fsck", "--content", "--conf"]).arg(world.at("old")).arg("--data-dir").arg(world.at("old/seafile-data"));
    let fsck = world.finish(fsck.spawn().unwrap()).assert_code(0);
    assert!(fsck.stdout.contains("whole"), "{}", fsck.stdout);
    world.verify(&["--content"]).assert_code(0);
    let mut remove = world.program();
    remove.args(["remove", "--yes", "--content", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    remove.arg("--data-dir").arg(world.at("old/seafile-data"));
    world.finish(remove.spawn().unwrap()).assert_code(0);
    let left = objects(&world, "target/storage");
    assert!(
        left.keys().all(|path| path.display().to_string().contains("removed-by-seaf-migrate")),
        "{:?}",
        left.keys().next()
    );
}
