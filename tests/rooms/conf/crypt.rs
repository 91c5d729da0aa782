//! `[store_crypt]`: the key file, and all that can be wrong with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use seaf_migrate::conf::{ConfErrors, Environment, Role, SideConf, SideSource, load_side};
use seaf_migrate::object::ObjectKind;

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
const IV: &str = "0102030405060708090a0b0c0d0e0f10";

/// A side in a folder whose seafile.conf names a key file with this content.
fn load(key_file: Option<&str>) -> (tempfile::TempDir, Result<SideConf, ConfErrors>) {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key.conf");
    if let Some(text) = key_file {
        fs::write(&key, text).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let loaded = load_conf(dir.path(), &format!("[store_crypt]\nkey_path = {}\n", key.display()));
    (dir, loaded)
}

fn load_conf(dir: &Path, conf: &str) -> Result<SideConf, ConfErrors> {
    fs::create_dir_all(dir.join("data/storage")).unwrap();
    fs::write(dir.join("seafile.conf"), conf).unwrap();
    let source = SideSource { path: dir.join("seafile.conf"), data_dir: Some(dir.join("data")) };
    load_side(&source, Role::Source, &Environment::default())
}

#[track_caller]
fn error_of(key_file: &str) -> String {
    let error = load(Some(key_file)).1.unwrap_err().to_string();
    assert!(!error.contains(&KEY[..16]) && !error.contains(&IV[..16]), "the key is shown: {error}");
    error
}

#[test]
fn the_key_of_the_file_is_that_of_every_kind() {
    let (_dir, side) = load(Some(&format!("[store_crypt]\nenc_key = {KEY}\nenc_iv = {IV}\n")));
    let side = side.unwrap();
    for kind in ObjectKind::ALL {
        let crypt = side.store(kind).crypt.as_ref().unwrap();
        assert_eq!((crypt.key()[..3].to_vec(), crypt.key()[31]), (vec![0, 0x11, 0x22], 0xff));
        assert_eq!((crypt.iv()[0], crypt.iv()[15]), (1, 16));
        let shown = format!("{side:?}");
        assert!(shown.contains("CryptConf(") && !shown.to_lowercase().contains("aabbccdd"), "{shown}");
    }
    assert_eq!(side.warnings, Vec::<String>::new());
}

#[test]
fn a_side_without_the_section_is_not_encrypted() {
    let dir = tempfile::tempdir().unwrap();
    assert!(load_conf(dir.path(), "").unwrap().stores.values().all(|store| store.crypt.is_none()));
}

#[test]
fn what_is_wrong_with_the_key_file_is_named_with_file_and_line_and_the_key_is_not_shown() {
    let line = |text: &str| format!("[store_crypt]\nenc_key = {text}\nenc_iv = {IV}\n");
    for (file, says) in [
        ("", "[store_crypt]: there is no such section in this key file"),
        ("[other]\nenc_key = 1\n", "there is no such section in this key file"),
        (
            &*format!("[store_crypt]\nenc_iv = {IV}\n"),
            "[store_crypt] enc_key: is missing; allowed: 64 hexadecimal digits",
        ),
        (
            &*format!("[store_crypt]\nenc_key = {KEY}\n"),
            "[store_crypt] enc_iv: is missing; allowed: 32 hexadecimal digits",
        ),
        (&*line(&KEY[1..]), "key.conf:2: [store_crypt] enc_key: has 63 digits; allowed: 64"),
        (
            &*line(&KEY.replace('9', "g")),
            "key.conf:2: [store_crypt] enc_key: holds something that is no hexadecimal digit",
        ),
        (&*line(&format!("{KEY}00")), "key.conf:2: [store_crypt] enc_key: has 66 digits"),
        (
            &*format!("[store_crypt]\nenc_key = {KEY}\nenc_iv = {KEY}\n"),
            "key.conf:3: [store_crypt] enc_iv: has 64 digits",
        ),
    ] {
        let error = error_of(file);
        assert!(error.contains("key.conf") && error.contains(says), "{says}:\n{error}");
    }
}

#[test]
fn a_key_file_that_is_not_named_or_not_there_is_named_with_the_line_of_the_option() {
    let error = load(None).1.unwrap_err().to_string();
    assert!(error.contains("seafile.conf:2: [store_crypt] key_path: cannot read"), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let error = load_conf(dir.path(), "[store_crypt]\n").unwrap_err().to_string();
    assert!(error.contains("[store_crypt] key_path: is missing; allowed: the absolute path"), "{error}");
    let error = load_conf(dir.path(), "[store_crypt]\nkey_path = key\n").unwrap_err().to_string();
    assert!(error.contains("seafile.conf:2: [store_crypt] key_path: \"key\" is not an absolute path"), "{error}");
}

#[test]
fn a_key_that_everybody_may_read_is_warned_of() {
    let (dir, _) = load(Some(&format!("[store_crypt]\nenc_key = {KEY}\nenc_iv = {IV}\n")));
    let key = dir.path().join("key.conf");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let side = load_conf(dir.path(), &format!("[store_crypt]\nkey_path = {}\n", key.display())).unwrap();
    let warnings = side.warnings.join("\n");
    assert!(warnings.contains("key_path: every user of this machine may read"), "{warnings}");
}
