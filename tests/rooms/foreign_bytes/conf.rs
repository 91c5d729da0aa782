//! Any bytes as a seafile.conf and as a `.env` file give settings or errors, never a panic.

use seaf_migrate::conf::{Environment, Role, SideText, TextFile, parse_side};

/// One run with the bytes of a fuzzer, or of a test.
pub fn run(bytes: &[u8]) {
    let file = Some(TextFile { name: "fuzz".into(), bytes: bytes.to_vec() });
    for (conf, dotenv) in [(file.clone(), None), (None, file)] {
        let text = SideText { path: "fuzz".into(), conf, dotenv, data_dir: None };
        match parse_side(&text, Role::Destination, &Environment::default()) {
            Ok(side) => side.stores.values().for_each(|store| assert!(!store.location().place.is_empty())),
            Err(errors) => assert!(!errors.errors.is_empty() && !errors.to_string().is_empty()),
        }
    }
}
