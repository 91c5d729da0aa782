//! Control objects: the few objects in a destination that are this program's own.
//!
//! They stand beside a library's objects under names that no library of Seafile's can have: a library is named by a
//! random UUID of version 4, which has a 4 where the one here (RFC 9562's Max UUID) has an f. Seafile's programs begin
//! with the libraries of the database and so never meet it. A store's own listing shows them; [`crate::listing`] leaves
//! them out.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ErrorKind, ReadStore, StoreError, WriteStore, found};
use crate::object::{LibraryId, ObjectId, ObjectKey};

/// The library that holds the control objects.
pub const LIBRARY: LibraryId = LibraryId::from_bytes([255; 16]);

/// Written and removed again to see whether a store can be written, and whether two stores are one.
pub const PROBE: ObjectKey = control_key(0);

/// Says which store this is, and what its generation is.
pub const INCARNATION: ObjectKey = control_key(1);

/// Says which process is writing.
pub const LEASE: ObjectKey = control_key(2);

/// Every control object that outlives a run.
pub const KEPT: [ObjectKey; 2] = [INCARNATION, LEASE];

/// Whether a key is that of a control object.
pub fn is_control(key: &ObjectKey) -> bool {
    key.library == LIBRARY
}

const fn control_key(number: u8) -> ObjectKey {
    let mut id = [0; 20];
    id[19] = number;
    ObjectKey::new(LIBRARY, ObjectId::from_bytes(id))
}

/// Reads a control object; `None` when there is none.
///
/// # Errors
/// When the store does not answer, or the object is not one that this program writes.
pub fn read<T: DeserializeOwned>(store: &(impl ReadStore + ?Sized), key: &ObjectKey) -> Result<Option<T>, StoreError> {
    let Some(data) = found(store.read(key))? else { return Ok(None) };
    serde_json::from_slice(&data).map(Some).map_err(|error| {
        let cause = format!(
            "this object of seaf-migrate's own cannot be understood ({error}); a newer version may have written it: use \
             that one, or remove the object"
        );
        StoreError::object(ErrorKind::Protocol, "read", key, cause)
    })
}

/// Whether a control object must outlive a power loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// It must.
    Durable,
    /// It is of no use after one, as the process that wrote it is gone then.
    Passing,
}

/// Puts a control object in its place and reads it back.
///
/// # Errors
/// When the store does not take it, or shows other bytes than were written.
pub fn write<T: Serialize>(
    store: &(impl WriteStore + ?Sized),
    key: &ObjectKey,
    content: &T,
    lasting: Lasting,
) -> Result<(), StoreError> {
    let data = serde_json::to_vec(content).expect("control objects have text keys and plain values");
    let data = Bytes::from(data);
    store.write(key, data.clone())?;
    if lasting == Lasting::Durable {
        store.sync()?;
    }
    if store.read(key)? == data {
        return Ok(());
    }
    Err(StoreError::object(ErrorKind::Protocol, "read", key, "the bytes read are not the bytes just written"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectKind;
    use crate::store::backend::memory::MemoryStore;

    #[test]
    fn what_is_written_comes_back_and_something_else_is_refused() {
        let store = MemoryStore::new(ObjectKind::Fs, "control");
        assert_eq!(read::<Vec<u8>>(&store, &LEASE).unwrap(), None);
        write(&store, &LEASE, &vec![1, 2], Lasting::Durable).unwrap();
        assert_eq!(read::<Vec<u8>>(&store, &LEASE).unwrap(), Some(vec![1, 2]));
        store.write(&LEASE, Bytes::from_static(b"<html>")).unwrap();
        let error = read::<Vec<u8>>(&store, &LEASE).unwrap_err().to_string();
        assert!(error.contains("cannot be understood"), "{error}");
    }
}
