//! Migrations of some kinds, which leave the others where the old side has them.

use seaf_migrate::conf::*;
use seaf_migrate::object::ObjectKind::{self, Blocks, Commits, Fs};

use super::support::*;

/// An old side with its objects in seafile-data, and a folder for the new one.
struct World(tempfile::TempDir);

impl World {
    fn new(old: &str, new: &str) -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        for folder in ["old", "new", "target", "seafile-data/storage"] {
            std::fs::create_dir_all(world.0.path().join(folder)).unwrap();
        }
        let top = world.0.path().canonicalize().unwrap().display().to_string();
        std::fs::write(world.0.path().join("old/seafile.conf"), old.replace("{top}", &top)).unwrap();
        let name = if new.starts_with("SEAF") { "new/.env" } else { "new/seafile.conf" };
        std::fs::write(world.0.path().join(name), new.replace("{top}", &top)).unwrap();
        world
    }

    fn load(&self, moving: &[ObjectKind]) -> Result<(SideConf, SideConf), ConfErrors> {
        let side = |name: &str| SideSource { path: self.0.path().join(name), data_dir: None };
        load_pair_of(&side("old"), &side("new"), moving, &Environment::default())
    }
}

const TARGET: &str = "name = fs\ndir = {top}/target";
const S3: &str = "name = s3\nbucket = b-{kind}\nkey_id = i\nkey = k\nhost = h";

fn blocks(section: &str) -> String {
    format!("[block_backend]\n{section}\n")
}

#[track_caller]
fn assert_only_blocks_move(pair: &(SideConf, SideConf)) {
    let (old, new) = pair;
    assert_eq!(new.staying(), [Commits, Fs]);
    for kind in [Commits, Fs] {
        assert_eq!(new.store(kind), old.store(kind), "both say that it stays");
        assert!(old.store(kind).stays && !new.moves(kind));
    }
    assert!(new.moves(Blocks) && !old.store(Blocks).stays);
    assert!(new.store(Blocks).location().place.ends_with("/target/storage/blocks"), "{:?}", new.store(Blocks));
}

#[test]
fn a_new_conf_that_names_one_kind_leaves_the_others_where_they_are() {
    for old in [String::new(), all_kinds(S3)] {
        let pair = World::new(&old, &blocks(TARGET)).load(&[]).unwrap();
        assert_only_blocks_move(&pair);
        assert!(pair.1.warnings.is_empty(), "{:?}", pair.1.warnings);
    }
    // One that names none means the data folder for all, as it does to the server.
    let (_, new) = World::new(&all_kinds(S3), "[fileserver]\n").load(&[]).unwrap();
    assert_eq!(new.staying(), []);
    assert!(new.store(Fs).location().place.ends_with("/seafile-data/storage/fs"));
}

#[test]
fn the_kinds_that_the_user_names_move_and_no_others() {
    let pair = World::new("", &all_kinds(TARGET)).load(&[Blocks]).unwrap();
    assert_only_blocks_move(&pair);
    let warnings = pair.1.warnings.join("\n");
    for (section, kind) in [("commit_object_backend", "commits"), ("fs_object_backend", "fs")] {
        assert_says(&warnings, &[&format!("[{section}]: names fs:"), &format!("--kind leaves {kind} in fs:")]);
    }
    // Where the new side says the same of what stays, there is nothing to say.
    let same = format!("{}{}", all_kinds(S3).split("[block_backend]").next().unwrap(), blocks(TARGET));
    let pair = World::new(&all_kinds(S3), &same).load(&[Blocks]).unwrap();
    assert_only_blocks_move(&pair);
    assert!(pair.1.warnings.is_empty(), "{:?}", pair.1.warnings);
    let (_, new) = World::new("", &all_kinds(TARGET)).load(&[Commits, Fs, Blocks]).unwrap();
    assert_eq!(new.staying(), []);
}

#[test]
fn the_same_place_without_a_word_is_refused_with_the_option_that_means_it() {
    let same = format!("{}{}", all_kinds(S3).split("[block_backend]").next().unwrap(), blocks(TARGET));
    let text = lines(World::new(&all_kinds(S3), &same).load(&[]));
    assert_eq!(text.len(), 2, "{text:?}");
    assert_says(&text[0], &["[commit_object_backend]: is the same store as on the old side", "--kind names the kinds"]);
    // What moves must not move to where it is, nor to where another kind stays.
    let text = only_line(World::new("", &blocks("name = fs\ndir = {top}/seafile-data")).load(&[Blocks]));
    assert_says(&text, &["[block_backend]: is the same store as on the old side"]);
    let mixed = blocks(&S3.replace("{kind}", "commits"));
    let text = only_line(World::new(&all_kinds(S3), &mixed).load(&[]));
    assert_says(&text, &["[block_backend]: is where the old side has its commits", "ids of two kinds would mix"]);
}

#[test]
fn variables_describe_every_kind_so_that_none_stays_elsewhere() {
    let env = S3_ENV.replace("SEAF_SERVER_STORAGE_TYPE=s3", "SEAF_SERVER_STORAGE_TYPE=s3 # all");
    let text = lines(World::new("", &env).load(&[Blocks]));
    assert_eq!(text.len(), 2, "{text:?}");
    assert_says(&text[0], &["SEAF_SERVER_STORAGE_TYPE: with it the server looks for commits in s3:h:9000/c", "--kind"]);
    // Where they say the same of it, it stays.
    let old = "[commit_object_backend]\nname = s3\nbucket = c\nkey_id = i\nkey = k\nhost = h:9000\nuse_https = true\n";
    let old = format!("{old}{}", old.replace("commit", "fs").replace("bucket = c", "bucket = f"));
    let (_, new) = World::new(&old, &env).load(&[Blocks]).unwrap();
    assert_eq!(new.staying(), [Commits, Fs]);
}
