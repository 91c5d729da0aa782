//! Reading objects within the budget of the check.

use bytes::Bytes;

use super::Side;
use crate::flow::budget::{Halted, Room};
use crate::object::{ObjectKey, ObjectKind};
use crate::store::{StoreError, read_in_room};

/// The stored bytes of an object. The room has what is taken to understand them, too.
pub(super) fn read(
    side: &Side<'_>,
    kind: ObjectKind,
    key: &ObjectKey,
    room: &mut Room<'_>,
) -> Result<Bytes, Halted<StoreError>> {
    let data = read_in_room(&*side.stores[kind], kind, key, room)?;
    side.breakers[kind].success();
    side.counters.read_bytes.add(data.len() as u64);
    Ok(data)
}
