//! `--map`: storage classes that are called otherwise on the new side.

use std::str::FromStr;

/// A class of the old side and the class of the new side that stands for it, written `OLD=NEW`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassRename {
    /// The `storage_id` that the database has.
    pub old: String,
    /// The `storage_id` in the new configuration.
    pub new: String,
}

impl FromStr for ClassRename {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=').map(|(old, new)| (old.trim(), new.trim())) {
            Some((old, new)) if !old.is_empty() && !new.is_empty() => {
                Ok(Self { old: old.to_owned(), new: new.to_owned() })
            }
            _ => Err("not OLD=NEW, the ids of a storage class of the old side and of one of the new side"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rename_is_two_ids_with_an_equals_sign_between() {
        let parse = |text: &str| text.parse::<ClassRename>().map(|rename| (rename.old, rename.new));
        assert_eq!(parse("cold=ice"), Ok(("cold".to_owned(), "ice".to_owned())));
        assert_eq!(parse(" a = b=c "), Ok(("a".to_owned(), "b=c".to_owned())));
        for wrong in ["", "cold", "=", "cold=", "=ice", " = "] {
            assert!(parse(wrong).unwrap_err().contains("OLD=NEW"), "{wrong}");
        }
    }
}
