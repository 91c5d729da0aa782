//! Reading objects within the budget of the check.

use bytes::Bytes;

use super::Side;
use crate::content::FS_VIEW_MAX;
use crate::flow::budget::{Halted, Room};
use crate::object::{ObjectKey, ObjectKind};
use crate::store::{StoreError, Within, read_within};

/// The room in bytes that is taken for an object before its size is known: enough for nearly all of them.
pub(super) const ROOM: u64 = FS_VIEW_MAX + (256 << 10);

/// What a commit takes beside its stored bytes, times these: its strings.
const COMMIT: u64 = 2;

/// The stored bytes of an object. The room has what is taken to understand them, too.
pub(super) fn read(
    side: &Side<'_>,
    kind: ObjectKind,
    key: &ObjectKey,
    room: &mut Room<'_>,
) -> Result<Bytes, Halted<StoreError>> {
    let beside = |size: u64| match kind {
        ObjectKind::Commits => size.saturating_mul(COMMIT),
        ObjectKind::Fs => FS_VIEW_MAX,
        ObjectKind::Blocks => 0,
    };
    let most = match kind {
        ObjectKind::Commits => room.left() / (1 + COMMIT),
        ObjectKind::Fs | ObjectKind::Blocks => room.left().saturating_sub(beside(0)),
    };
    let data = match read_within(&*side.stores[kind], kind, key, most)? {
        Within::Bytes(data) => data,
        Within::Larger(size) => return Err(room.short(size.saturating_add(beside(size)))),
    };
    side.breakers[kind].success();
    let size = data.len() as u64;
    room.take(size + beside(size))?;
    side.counters.read_bytes.add(size);
    Ok(data)
}
