//! `[store_crypt]`: the key with which every object of a store is encrypted.
//!
//! `key_path` names a file that has a section `[store_crypt]` of its own, with `enc_key` (64 hexadecimal digits) and `enc_iv` (32): the
//! key and the one initialisation vector of AES-256 in CBC mode, for all kinds.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::finding::{ConfError, Findings, Place};
use super::ini::{self, Section};
use super::options::Options;

/// The section, in seafile.conf and in the key file.
pub(crate) const SECTION: &str = "store_crypt";

/// The key of an encrypted store. `Debug` shows where it is from and not the key. Its memory is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct CryptConf {
    /// The file that holds the key.
    pub key_path: PathBuf,
    key: Zeroizing<[u8; 32]>,
    iv: Zeroizing<[u8; 16]>,
}

impl CryptConf {
    /// A key and an initialisation vector, and the file that they are from.
    pub fn new(key_path: impl Into<PathBuf>, key: [u8; 32], iv: [u8; 16]) -> Self {
        Self { key_path: key_path.into(), key: Zeroizing::new(key), iv: Zeroizing::new(iv) }
    }

    /// The key, for the cipher.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The initialisation vector, for the cipher.
    pub fn iv(&self) -> &[u8; 16] {
        &self.iv
    }

    /// Whether both encrypt alike, whatever their files are called.
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.key == other.key && self.iv == other.iv
    }
}

impl fmt::Debug for CryptConf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CryptConf({})", self.key_path.display())
    }
}

/// Reads the key of a side whose seafile.conf has the section; `None` without the section, and after adding an error.
/// Without `disk` the key file is not read, and there is none.
pub(crate) fn read(sections: &BTreeMap<String, Section>, disk: bool, findings: &mut Findings) -> Option<CryptConf> {
    const ALLOWED: &str = "the absolute path of a file with enc_key and enc_iv in a section [store_crypt]";
    let section = sections.get(SECTION)?;
    let mut options = Options::of_section(SECTION, Some(section), &section.place, findings);
    let path = options.path("key_path", ALLOWED)?;
    if !disk {
        return None;
    }
    let bytes = Zeroizing::new(options.readable("key_path", &path)?);
    if std::fs::metadata(&path).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0) {
        let problem = format!(
            "every user of this machine may read {}: chmod 600 would keep the key to its owner",
            path.display()
        );
        options.warn("key_path", problem);
    }
    read_key_file(&path, &bytes, findings)
}

/// The key of a key file.
fn read_key_file(path: &Path, bytes: &[u8], findings: &mut Findings) -> Option<CryptConf> {
    let file = path.display().to_string();
    let parsed = ini::parse(&file, bytes, &[SECTION], findings);
    if parsed.is_broken {
        return None;
    }
    let place = Place::file(&file);
    let Some(section) = parsed.sections.get(SECTION) else {
        let error = ConfError::new(&place, "there is no such section in this key file").section(SECTION);
        findings.error(
            error.allowed("[store_crypt] with enc_key and enc_iv, as the server's script seaf-gen-key.sh writes it"),
        );
        return None;
    };
    let mut options = Options::of_section(SECTION, Some(section), &place, findings);
    let (key, iv) = (hex(&mut options, "enc_key"), hex(&mut options, "enc_iv"));
    Some(CryptConf { key_path: path.to_owned(), key: key?, iv: iv? })
}

/// The bytes of a value in hexadecimal digits. The error does not show the value.
fn hex<const N: usize>(options: &mut Options<'_>, option: &str) -> Option<Zeroizing<[u8; N]>> {
    let allowed = format!("{} hexadecimal digits", 2 * N);
    let text = Zeroizing::new(options.required(option, &allowed)?);
    let digits: Option<Zeroizing<Vec<u8>>> = text
        .chars()
        .map(|digit| digit.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()
        .map(Zeroizing::new);
    let Some(digits) = digits else {
        options.error(option, "holds something that is no hexadecimal digit", allowed);
        return None;
    };
    if digits.len() != 2 * N {
        options.error(option, format!("has {} digits", digits.len()), allowed);
        return None;
    }
    let mut bytes = Zeroizing::new([0; N]);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Some(bytes)
}
