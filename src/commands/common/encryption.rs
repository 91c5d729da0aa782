//! What of a migration is encrypted on which side, and whether that is what the user wants.

use crate::commands::common::settings::SettingsError;
use crate::conf::{SideConf, StoreConf};

/// Sees that objects are written without encryption only when the user says so.
///
/// | old side | new side | `--decrypt` | |
/// |---|---|---|---|
/// | encrypted | encrypted | | with the key of the new side, which may be the same |
/// | encrypted | plain | given | decrypted |
/// | encrypted | plain | | refused: a section that is left out by mistake would lay open what was encrypted |
/// | | encrypted | given | refused: the two contradict each other |
/// | plain | encrypted | | encrypted |
/// | plain | plain | given | a warning |
///
/// # Errors
/// In the rows that say so.
pub(crate) fn require_consent(decrypt: bool, from: &mut SideConf, to: &SideConf) -> Result<(), SettingsError> {
    let moving: Vec<&StoreConf> = to.stores.values().filter(|store| !store.stays).collect();
    let old = moving.iter().find_map(|store| from.store(store.kind).crypt.as_ref());
    let new = moving.iter().find_map(|store| store.crypt.as_ref());
    let refused = |what: String| Err(SettingsError::option("--decrypt", what));
    match (old, new, decrypt) {
        (Some(key), None, false) => refused(format!(
            "is missing: the old store is encrypted with the key of {} ([store_crypt]), and the new seafile.conf has no [store_crypt]. Add --decrypt to \
             write the objects without encryption, or that section to the new seafile.conf to keep them encrypted",
            key.key_path.display()
        )),
        (_, Some(key), true) => refused(format!(
            "the new seafile.conf has a [store_crypt] (key of {}), so that the server would look for encrypted objects: leave out one of the two",
            key.key_path.display()
        )),
        (None, None, true) => {
            let warning = "--decrypt changes nothing: the old seafile.conf has no [store_crypt], so its objects are taken as they are";
            from.warnings.push(warning.to_owned());
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What happens to the bytes of a store's objects on their way; `None` when nothing does.
pub(crate) fn on_the_way(from: &StoreConf, to: &StoreConf) -> Option<String> {
    Some(match (&from.crypt, &to.crypt) {
        (None, None) => return None,
        (Some(old), None) => format!("decrypted with the key of {}", old.key_path.display()),
        (None, Some(new)) => format!("encrypted with the key of {}", new.key_path.display()),
        (Some(old), Some(new)) if old.is_same_key(new) => {
            format!("encrypted as before, with the key of {}", new.key_path.display())
        }
        (Some(old), Some(new)) => {
            format!(
                "decrypted with the key of {}, encrypted with that of {}",
                old.key_path.display(),
                new.key_path.display()
            )
        }
    })
}
