//! Any bytes as a seafile.conf and as a `.env` file give settings or errors, never a panic; blank lines at the end change
//! nothing.

use seaf_migrate::conf::{Environment, Role, SideText, TextFile, parse_side};

/// One run with the bytes of a fuzzer, or of a test.
pub fn run(bytes: &[u8]) {
    let longer = [bytes, b"\n\n"].concat();
    let file = |bytes: &[u8]| Some(TextFile { name: "fuzz".into(), bytes: bytes.to_vec() });
    assert_eq!(read(file(bytes), None), read(file(&longer), None));
    assert_eq!(read(None, file(bytes)), read(None, file(&longer)));
}

/// The places that the files name, or the errors in them.
fn read(conf: Option<TextFile>, dotenv: Option<TextFile>) -> Result<Vec<String>, String> {
    let text = SideText { path: "fuzz".into(), conf, dotenv, ..SideText::default() };
    match parse_side(&text, Role::Destination, &Environment::default()) {
        Ok(side) => {
            let locations = side.stores.values().map(|store| store.location());
            Ok(locations.inspect(|location| assert!(!location.place.is_empty())).map(|at| at.to_string()).collect())
        }
        Err(errors) => {
            assert!(!errors.errors.is_empty());
            Err(errors.to_string())
        }
    }
}
