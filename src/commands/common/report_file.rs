//! Reads a report back, a JSON document that may be larger than memory, and says of one that is of no use why.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use serde::de::DeserializeSeed;

/// What `seed` makes of the document in the file at `path`.
///
/// # Errors
/// In words: the file cannot be read, is not JSON, ends in the middle, or `seed` refuses what it says.
pub fn read<T>(path: &Path, seed: impl for<'de> DeserializeSeed<'de, Value = T>) -> Result<T, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let ended = Cell::new(false);
    let mut reader = serde_json::Deserializer::from_reader(BufReader::new(Watched { file, ended: &ended }));
    let read = seed.deserialize(&mut reader);
    read.and_then(|value| reader.end().map(|()| value)).map_err(|error| explain(&error, ended.get()))
}

/// A file that tells whether it was read to its end.
struct Watched<'a> {
    file: File,
    ended: &'a Cell<bool>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.ended.set(count == 0);
        Ok(count)
    }
}

fn explain(error: &serde_json::Error, ended: bool) -> String {
    use serde_json::error::Category;
    match error.classify() {
        // A number that was cut after its point counts as bad syntax.
        Category::Syntax if !ended => format!("it is not JSON ({error})"),
        Category::Eof | Category::Syntax => format!("it ends in the middle, so part of it is lost ({error})"),
        Category::Data | Category::Io => error.to_string(),
    }
}
