//! An encrypted store, as a server with `[store_crypt]` keeps it: every object's bytes in AES-256-CBC, filled up as PKCS#7 says, with one key
//! and one initialisation vector for all. Whoever reads gets the plain bytes, whoever writes gives them. Sizes stay those of the encrypted bytes
//! ([`SizeForm::Padded`]), because only the bytes tell the others.
//!
//! This program's own objects (`control`) are not encrypted, so that two runs with different keys see each other's lease.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::SystemTime;

use aes::Aes256;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit, block_padding::Pkcs7};
use bytes::{Bytes, BytesMut};

use crate::conf::CryptConf;
use crate::conf::backend::Location;
use crate::content::{self, IdCheck};
use crate::object::{KeyRange, LibraryId, ObjectId, ObjectKey};
use crate::store::control::is_control;
use crate::store::exclusion::Exclusion;
use crate::store::{
    ErrorKind, Listed, Page, Part, Piece, Pieced, Pieces, ReadStore, Reading, RemoveStore, SizeForm, StoreError,
    WriteStore,
};

/// How many objects are read to see whether the key is right.
const TRIED: usize = 16;
/// How many pages are looked at for them, from one place on: a page of a folder may hold only empty libraries.
const PAGES: usize = 50;
/// How many further places are looked at when none of the first objects can be read.
const PLACES: usize = 4;

/// A key, ready to encrypt and decrypt.
#[derive(Clone)]
pub struct Cipher {
    aes: Aes256,
    conf: CryptConf,
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.conf.fmt(f)
    }
}

impl Cipher {
    /// The cipher of a key.
    pub fn new(conf: &CryptConf) -> Self {
        Self { aes: Aes256::new(conf.key().into()), conf: conf.clone() }
    }

    /// The encrypted bytes.
    pub fn encrypt(&self, data: &[u8]) -> Bytes {
        let length = SizeForm::Padded.of(data.len() as u64);
        let mut out = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        out[..data.len()].copy_from_slice(data);
        let cipher = cbc::Encryptor::inner_iv_init(self.aes.clone(), self.conf.iv().into());
        cipher.encrypt_padded::<Pkcs7>(&mut out, data.len()).expect("there is room for one more block");
        out.into()
    }

    /// The plain bytes, or the given ones when they are none that this key encrypted.
    ///
    /// # Errors
    /// The given bytes, unchanged.
    pub fn decrypt(&self, data: Bytes) -> Result<Bytes, Bytes> {
        if data.is_empty() || !data.len().is_multiple_of(16) {
            return Err(data);
        }
        // The last block alone says whether the padding is right, so that bytes that are not ours need no copy.
        let split = data.len() - 16;
        let before: [u8; 16] = match split.checked_sub(16) {
            Some(start) => data[start..split].try_into().expect("sixteen bytes"),
            None => *self.conf.iv(),
        };
        let mut last: [u8; 16] = data[split..].try_into().expect("sixteen bytes");
        let cipher = cbc::Decryptor::inner_iv_init(self.aes.clone(), (&before).into());
        let Ok(left) = cipher.decrypt_padded::<Pkcs7>(&mut last).map(<[u8]>::len) else { return Err(data) };
        let mut plain = data.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        let cipher = cbc::Decryptor::inner_iv_init(self.aes.clone(), self.conf.iv().into());
        cipher.decrypt_padded::<Pkcs7>(&mut plain).expect("the padding was seen to be right");
        plain.truncate(split + left);
        Ok(plain.freeze())
    }
}

/// A store whose objects are encrypted.
#[derive(Debug)]
pub struct Crypt<S> {
    inner: S,
    cipher: Cipher,
}

impl<S: ReadStore> Crypt<S> {
    /// `inner`, encrypted with `cipher`, whatever the key of what it holds.
    pub const fn new(inner: S, cipher: Cipher) -> Self {
        Self { inner, cipher }
    }

    /// As [`Self::new`], when the key is that of what the store holds: one of some objects is right when it is decrypted. A store that
    /// holds nothing has any key.
    ///
    /// # Errors
    /// [`ErrorKind::WrongKey`] when not one of them is, and those of listing and reading.
    pub fn open(inner: S, cipher: Cipher) -> Result<Self, StoreError> {
        let store = Self::new(inner, cipher);
        let mut wrong = BTreeSet::new();
        let places = std::iter::once(LibraryId::from_bytes([0; 16]))
            .chain(std::iter::repeat_with(|| LibraryId::from_bytes(fastrand::u128(..).to_be_bytes())).take(PLACES));
        for library in places {
            for key in store.some_from(library)? {
                if store.is_right(&key)? {
                    return Ok(store);
                }
                wrong.insert(key);
            }
            // Nothing from the first place on is nothing at all.
            if wrong.is_empty() {
                return Ok(store);
            }
        }
        let cause = format!(
            "not one of {} objects is right when it is decrypted with the key of {} ([store_crypt] key_path of this side): its enc_key or \
             enc_iv is another than the objects were written with, or they are not encrypted",
            wrong.len(),
            store.cipher.conf.key_path.display()
        );
        Err(StoreError::new(ErrorKind::WrongKey, "open", store.location().to_string(), cause))
    }

    /// Whether an object has its id when it is decrypted.
    fn is_right(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        match self.read(key) {
            Ok(data) => Ok(content::check(self.location().kind, &key.id, &data) == IdCheck::Good),
            Err(error) if error.kind().is_of_one_object() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Some of the first objects from a library on, from all over the page that has any.
    fn some_from(&self, library: LibraryId) -> Result<Vec<ObjectKey>, StoreError> {
        let first = ObjectKey::new(library, ObjectId::from_bytes([0; 20]));
        let mut next = KeyRange::new(first, KeyRange::ALL.last()).map(Part::new);
        for _ in 0..PAGES {
            let Some(part) = next else { break };
            let page = self.inner.list(&part)?;
            let keys: Vec<ObjectKey> =
                page.objects.iter().map(|object| object.key).filter(|key| !is_control(key)).collect();
            if !keys.is_empty() {
                return Ok(keys.iter().step_by(keys.len().div_ceil(TRIED)).copied().collect());
            }
            next = page.rest;
        }
        Ok(Vec::new())
    }

    /// The plain bytes of what the store gave, or those that it gave when they are not what the key makes: an object that was cut short,
    /// which its id then shows to be damaged.
    fn plain(&self, key: &ObjectKey, data: Bytes) -> Result<Bytes, StoreError> {
        if is_control(key) {
            return Ok(data);
        }
        let data = match self.cipher.decrypt(data) {
            Ok(plain) => return Ok(plain),
            Err(data) => data,
        };
        // Right as they are, they would be taken for an object that the server can read.
        if content::check(self.location().kind, &key.id, &data) == IdCheck::Good {
            let cause = "it is stored without encryption in a store that is encrypted ([store_crypt]), so that the server cannot read it";
            return Err(StoreError::object(ErrorKind::Unreadable, "decrypt", key, cause));
        }
        Ok(data)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ReadStore> ReadStore for Crypt<S> {
    fn location(&self) -> &Location {
        self.inner.location()
    }

    fn is_ordered(&self) -> bool {
        self.inner.is_ordered()
    }

    fn size_form(&self) -> SizeForm {
        SizeForm::Padded
    }

    fn parts(&self, within: &KeyRange) -> Result<Vec<Part>, StoreError> {
        self.inner.parts(within)
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.inner.list(part)
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.plain(key, self.inner.read(key)?)
    }

    fn read_again(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        self.plain(key, self.inner.read_again(key)?)
    }

    fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        let kept = if is_control(key) { most } else { SizeForm::Padded.of(most) };
        let Some(data) = self.inner.read_at_most(key, kept)? else { return Ok(None) };
        Ok(Some(self.plain(key, data)?).filter(|data| data.len() as u64 <= most))
    }

    /// Whole: a piece cannot be decrypted but with the one before it.
    fn read_piece(&self, _: &ObjectKey, _: u64, _: Reading) -> Result<Option<Piece>, StoreError> {
        Ok(None)
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.inner.size(key)
    }

    fn list_one(&self, key: &ObjectKey) -> Result<Option<Listed>, StoreError> {
        self.inner.list_one(key)
    }

    fn make_listed_durable(&self) -> Result<(), StoreError> {
        self.inner.make_listed_durable()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: WriteStore> WriteStore for Crypt<S> {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        let data = if is_control(key) { data } else { self.cipher.encrypt(&data) };
        self.inner.write(key, data)
    }

    /// Whole, as it is read.
    fn write_pieces(&self, _: &ObjectKey, _: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        Ok(Pieced::NotOffered)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.inner.sync()
    }

    fn durability_note(&self) -> Option<String> {
        self.inner.durability_note()
    }

    fn exclude_others(&self) -> Result<Exclusion, StoreError> {
        self.inner.exclude_others()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: RemoveStore> RemoveStore for Crypt<S> {
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.inner.remove(key)
    }

    fn written_at(&self, key: &ObjectKey) -> Result<Option<SystemTime>, StoreError> {
        self.inner.written_at(key)
    }

    fn remove_empty_folders(&self, within: &KeyRange) -> Result<u64, StoreError> {
        self.inner.remove_empty_folders(within)
    }

    fn quarantine(&self) -> Vec<PathBuf> {
        self.inner.quarantine()
    }

    fn put_back(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        self.inner.put_back(key)
    }
}
