//! An encrypted store on each backend, in the four directions: encrypted, to another key, as it is, decrypted.

use std::fs;
use std::path::Path;

use seaf_migrate::conf::Backend;
use tempfile::TempDir;

use crate::support::pass;
use crate::support::pass::Objects;
use crate::support::places::{Form, Place};
use crate::support::skip::{Missing, skip};

/// A seafile.conf of a place whose objects are encrypted with the key of `byte`.
fn encrypted(place: &Place, byte: u8) -> TempDir {
    let conf = pass::conf(|kind| place.section(kind, Form::New));
    let key = conf.path().join("key");
    let hex = |count: usize| format!("{byte:02x}").repeat(count);
    fs::write(&key, format!("[store_crypt]\nenc_key = {}\nenc_iv = {}\n", hex(32), hex(16))).unwrap();
    let file = conf.path().join("seafile.conf");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(file, format!("{text}[store_crypt]\nkey_path = {}\n", key.display())).unwrap();
    conf
}

fn plain(place: &Place) -> TempDir {
    pass::conf(|kind| place.section(kind, Form::New))
}

fn moved(from: &TempDir, to: &TempDir, options: &[&str], expected: &Objects) {
    pass::finish(pass::start("run", from, to, options), 0);
    pass::assert_holds(to, expected);
    pass::finish(pass::start("verify", from, to, &["--content"]), 0);
}

/// From a folder into the backend, within it to another key and as it is, and back into a folder.
fn there_and_back(backend: Backend, source: &Path, expected: &Objects) -> Result<(), Missing> {
    let place = || Place::new(backend, Form::New);
    let (first, second, third) = (place()?, place()?, place()?);
    let old = pass::conf(|_| format!("name = fs\ndir = {}\n", source.display()));
    let (one, other, same) = (encrypted(&first, 1), encrypted(&second, 2), encrypted(&third, 2));
    moved(&old, &one, &[], expected);
    moved(&one, &other, &[], expected);
    moved(&other, &same, &[], expected);
    // What is kept there is not what the server reads.
    let kept = pass::objects_of(&plain(&third));
    assert!(expected.iter().all(|(name, data)| kept[name] != *data && kept[name].len() == (data.len() / 16 + 1) * 16));
    assert!(kept == pass::objects_of(&plain(&second)), "as it is means byte for byte");
    let back = Place::new(Backend::Fs, Form::New)?;
    moved(&same, &plain(&back), &["--decrypt"], expected);
    println!("ok {backend}");
    Ok(())
}

#[test]
fn encrypted_stores_arrive_byte_for_byte_on_every_backend() {
    let expected = pass::small_sample();
    let folder = pass::folder_of(&expected);
    std::thread::scope(|scope| {
        for backend in Backend::ALL {
            let (expected, source) = (&expected, folder.path());
            scope.spawn(move || match there_and_back(backend, source, expected) {
                Ok(()) => {}
                Err(Missing(why)) => skip(backend.as_str(), why),
            });
        }
    });
}
