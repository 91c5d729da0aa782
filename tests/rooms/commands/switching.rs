//! What to change in a server's configuration at the switch, by what describes the two sides.

use std::path::Path;

use seaf_migrate::commands::run::switching::how_to_switch;
use seaf_migrate::conf::{Environment, SideConf, SideSource, load_pair_of};

const OLD_ENV: &str = "SEAF_SERVER_STORAGE_TYPE=s3\nS3_COMMIT_BUCKET=c\nS3_FS_BUCKET=f\nS3_BLOCK_BUCKET=b\nS3_KEY_ID=i\n\
                       S3_SECRET_KEY=k\nS3_HOST=h:9000\n";
const OLD_CONF: &str = "[commit_object_backend]\nname = s3\nbucket = c\nkey_id = i\nkey = k\nhost = h:9000\n\
                        [fs_object_backend]\nname = s3\nbucket = f\nkey_id = i\nkey = k\nhost = h:9000\n\
                        [block_backend]\nname = s3\nbucket = b\nkey_id = i\nkey = k\nhost = h:9000\n";
const NEW_BLOCKS: &str = "[block_backend]\nname = s3\nbucket = new\nkey_id = i\nkey = k\nhost = other:9000\n";

/// The advice for an old side that `old` (a file's name and text) describes, and a new seafile.conf.
fn advice(old: (&str, &str), new: &str, guessed: Option<&Path>) -> String {
    let dir = tempfile::tempdir().unwrap();
    let side = |name: &str, file: &str, text: &str| {
        std::fs::create_dir(dir.path().join(name)).unwrap();
        std::fs::write(dir.path().join(name).join(file), text).unwrap();
        SideSource { path: dir.path().join(name), data_dir: None }
    };
    let (old, new) = (side("old", old.0, old.1), side("new", "seafile.conf", new));
    let (from, to): (SideConf, SideConf) = load_pair_of(&old, &new, &[], &Environment::default()).unwrap();
    how_to_switch(&from, &to, guessed, &[])
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    parts.iter().for_each(|part| assert!(text.contains(part), "{part:?} is not in {text}"));
}

#[test]
fn where_some_kinds_stay_the_old_conf_stays_and_gets_the_new_sections() {
    let text = advice(("seafile.conf", OLD_CONF), NEW_BLOCKS, None);
    assert!(text.starts_with("Put only [block_backend] of the new seafile.conf into that of the server"), "{text}");
    assert_says(&text, &["commits stay in s3:h:9000/c", "fs stay in s3:h:9000/f"]);
}

#[test]
fn where_variables_described_what_stays_the_conf_must_name_all_three_from_now_on() {
    let text = advice((".env", OLD_ENV), NEW_BLOCKS, None);
    assert!(text.starts_with("Set SEAF_SERVER_STORAGE_TYPE to nothing, which is s3 in "), "{text}");
    let parts = [
        "must name all three stores: [block_backend] as in the new seafile.conf",
        "[commit_object_backend], [fs_object_backend] with where the others are",
        "commits stay in s3:h:9000/c",
        "fs stay in s3:h:9000/f",
    ];
    assert_says(&text, &parts);
    assert!(!text.contains("go on saying"), "{text}");
}

#[test]
fn a_database_that_nothing_names_is_looked_at_first() {
    let text = advice(("seafile.conf", OLD_CONF), NEW_BLOCKS, Some(Path::new("/data/seafile.db")));
    assert!(text.starts_with("First see that /data/seafile.db is this server's database"), "{text}");
}
