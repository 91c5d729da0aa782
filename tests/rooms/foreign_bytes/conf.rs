//! Any bytes as a seafile.conf, as a `.env` file and as a file of storage classes give settings or errors, never a panic;
//! blank lines at the end change nothing.

use seaf_migrate::conf::{Environment, Role, SideText, StoreConf, TextFile, parse_side};

/// One run with the bytes of a fuzzer, or of a test.
pub fn run(bytes: &[u8]) {
    let longer = [bytes, b"\n\n"].concat();
    let file = |bytes: &[u8]| Some(TextFile { name: "fuzz".into(), bytes: bytes.to_vec() });
    assert_eq!(read(file(bytes), None), read(file(&longer), None));
    assert_eq!(read(None, file(bytes)), read(None, file(&longer)));
    // An error at the end of the file is told with its line, which blank lines move.
    assert_eq!(classes(bytes).ok(), classes(&longer).ok());
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

/// The places of the storage classes of a file, or the errors in it.
fn classes(bytes: &[u8]) -> Result<Vec<String>, String> {
    let conf = b"[storage]\nenable_storage_classes = true\nstorage_classes_file = /classes.json\n";
    let file = |bytes: &[u8]| Some(TextFile { name: "fuzz".into(), bytes: bytes.to_vec() });
    let text = SideText { path: "fuzz".into(), conf: file(conf), classes: file(bytes), ..SideText::default() };
    let side = parse_side(&text, Role::Destination, &Environment::default()).map_err(|errors| errors.to_string())?;
    let of_store = |store: &StoreConf| {
        let classes = store.classes().expect("every kind has the classes");
        assert_eq!(classes.classes.iter().filter(|class| class.is_default).count(), 1);
        assert_eq!(classes.ids().len(), classes.classes.len(), "each id is of one class");
        assert!(!classes.ids().contains("") && (1..=classes.classes.len()).contains(&store.leaves().len()));
        store.location().to_string()
    };
    Ok(side.stores.values().map(of_store).collect())
}
