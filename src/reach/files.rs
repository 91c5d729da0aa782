//! The files of a library and their blocks: whether each block is there, and whether they add up to the file's length.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::lock;
use super::noted::Noted;
use super::reading;
use super::result::DefectKind;
use super::seen::{Block, Blocks, Node};
use crate::content::{Damage, FsView, IdCheck, check};
use crate::flow::tasks;
use crate::object::{ObjectId, ObjectKey, ObjectKind};
use crate::store::checked::CheckedReader;
use crate::store::pieces::{IN_PIECES, WHOLE_UP_TO};
use crate::store::{SizeForm, StoreError, first_room};

/// The most blocks that are checked one after the other. A file with more of them is checked by several threads, and added
/// up at the end.
const AT_ONCE: usize = 64;

/// The most bytes that encryption adds to a block.
const PADDING: u64 = 16;

/// A file whose blocks' sizes must add up to its length.
#[derive(Clone, Copy)]
pub(super) struct FileLength {
    pub(super) id: ObjectId,
    /// Its length in bytes.
    pub(super) length: u64,
    pub(super) encrypted: bool,
    /// Whether its description had its id when it was read.
    pub(super) has_its_id: bool,
}

/// A file with few blocks, whose blocks are checked at once.
pub(super) struct SmallFile {
    file: FileLength,
    blocks: Vec<ObjectId>,
}

/// The files of a library.
#[derive(Default)]
pub(super) struct Files {
    blocks: Blocks,
    /// The files whose blocks were not all known yet. Which these are is not kept, because files may have very many.
    unsummed: Mutex<Vec<FileLength>>,
    /// The files that have bad blocks.
    suffering: Mutex<HashSet<ObjectId>>,
}

impl Files {
    /// The number of blocks that were asked for.
    pub(super) fn block_count(&self) -> u64 {
        self.blocks.count()
    }

    /// The files that have bad blocks.
    pub(super) fn into_suffering(self) -> HashSet<ObjectId> {
        self.suffering.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file when it has few blocks. Of another one, the blocks that nobody checks yet are `put` aside, some at a time, for
    /// [`Files::block`].
    pub(super) fn blocks_of(
        &self,
        view: &FsView<'_>,
        file: FileLength,
        put: impl Fn(Box<[ObjectId]>),
    ) -> Option<SmallFile> {
        let mut blocks = Vec::new();
        if view.count <= AT_ONCE as u64 {
            view.blocks(|id| blocks.push(id));
            return Some(SmallFile { file, blocks });
        }
        view.blocks(|id| {
            if self.blocks.claim(id) {
                blocks.push(id);
            }
            if blocks.len() == AT_ONCE {
                put(std::mem::take(&mut blocks).into());
            }
        });
        if !blocks.is_empty() {
            put(blocks.into());
        }
        lock(&self.unsummed).push(file);
        None
    }

    /// Checks the blocks of a file that nobody checks yet, and adds them up.
    pub(super) fn small_file(&self, noted: &Noted<'_>, SmallFile { file, blocks }: &SmallFile) {
        // No block of it is larger than the file.
        let room = file.length.saturating_add(PADDING).min(first_room(ObjectKind::Blocks));
        blocks.iter().filter(|id| self.blocks.claim(**id)).for_each(|id| self.block(noted, *id, room));
        if self.is_added_up(noted, *file, |each| blocks.iter().copied().for_each(each)).is_none() {
            lock(&self.unsummed).push(*file);
        }
    }

    /// Checks blocks that were claimed, of files of any length.
    pub(super) fn large_file(&self, noted: &Noted<'_>, blocks: &[ObjectId]) {
        blocks.iter().for_each(|id| self.block(noted, *id, first_room(ObjectKind::Blocks)));
    }

    /// Checks a block that was claimed. Reading it takes `room` bytes, and more where it turns out to be larger.
    fn block(&self, noted: &Noted<'_>, id: ObjectId, room: u64) {
        if noted.side.halt.is_on() {
            return;
        }
        noted.side.counters.blocks.add(1);
        let length = match noted.side.options.content {
            true => good_length(noted, id, room),
            false => noted.block_size(id),
        };
        if length == Some(0) {
            noted.note(Node::Block(id), DefectKind::Damaged(Damage::Empty));
        }
        self.blocks.set(id, length.filter(|length| *length > 0).map_or(Block::Bad, Block::Size));
    }

    /// Adds up the blocks of the files that waited for the block sizes of other steps.
    pub(super) fn add_up(&self, noted: &Noted<'_>) {
        let files = std::mem::take(&mut *lock(&self.unsummed));
        tasks::run(&noted.side.seats, files, |_, file| {
            let node = Node::File(file.id);
            if noted.side.halt.is_on() {
                return;
            }
            noted.in_room(node, DefectKind::Missing, |room| {
                let data = reading::read(noted.side, ObjectKind::Fs, &noted.key(node), room)?;
                let is_wanted = || !noted.side.halt.is_on();
                match FsView::open_while(&is_wanted, &file.id, &data) {
                    Ok(Some(view)) => self.add_up_again(noted, file, &view),
                    Ok(None) => {}
                    Err(damage) => noted.note(node, DefectKind::Damaged(damage)),
                }
                Ok(())
            });
        });
    }

    /// Adds up the blocks of a file whose description was read a second time. Where that names others than the first one,
    /// nobody knows what they add up to.
    fn add_up_again(&self, noted: &Noted<'_>, file: FileLength, view: &FsView<'_>) {
        let differs = || {
            noted.note(
                Node::File(file.id),
                DefectKind::Unreadable("two readings of it name different blocks".to_owned()),
            )
        };
        // The same id twice is the same blocks twice.
        if file.has_its_id && view.wrong_id.is_some() {
            differs();
            return;
        }
        // All blocks of the first reading are known by now.
        if self.is_added_up(noted, file, |each| view.blocks(each)).is_none() && !noted.side.halt.is_on() {
            differs();
        }
    }

    /// Compares the length of a file with the sum of its blocks' sizes; `None` while a size is unknown. `blocks` calls what it
    /// is given with each of them.
    fn is_added_up(
        &self,
        noted: &Noted<'_>,
        file: FileLength,
        blocks: impl FnOnce(&mut dyn FnMut(ObjectId)),
    ) -> Option<()> {
        let FileLength { id, length, encrypted, .. } = file;
        let (mut total, mut count, mut is_unknown, mut is_bad) = (0u64, 0u64, false, false);
        blocks(&mut |block| {
            count += 1;
            match self.blocks.get(&block) {
                Block::Asked => is_unknown = true,
                Block::Size(size) => total = total.saturating_add(size),
                Block::Bad => is_bad = true,
            }
        });
        if is_bad {
            lock(&self.suffering).insert(id);
            return Some(());
        }
        if is_unknown {
            return None;
        }
        // Where a block was read, its own bytes were counted; else the store told what it keeps.
        let blocks = &noted.side.stores[ObjectKind::Blocks];
        let form = if noted.side.options.content { SizeForm::Exact } else { blocks.size_form() };
        // A range, because each block is encrypted separately and padded by 1 to 16 bytes.
        let padding = if encrypted { count..=PADDING * count } else { 0..=0 };
        let held = form.bytes_of(total, count);
        let (least, most) = (length.saturating_add(*padding.start()), length.saturating_add(*padding.end()));
        if *held.end() < least || *held.start() > most {
            noted.note(Node::File(id), DefectKind::WrongSize { expected: length, found: total });
        }
        Some(())
    }
}

/// The number of the block's bytes, which have its id; `None`, and a defect, when they do not, or cannot be read. They are
/// read by one call, and by further ones, of which the first asks for the size, where the block does not fit in `room`.
fn good_length(noted: &Noted<'_>, id: ObjectId, room: u64) -> Option<u64> {
    let node = Node::Block(id);
    match good_in_pieces(noted, &noted.key(node), room) {
        Ok(None) => {}
        Ok(length) => return length,
        Err(error) => {
            noted.note_error(node, error, DefectKind::Missing);
            return None;
        }
    }
    let checked = noted.side.budget.in_room(room, |room| {
        let data = reading::read(noted.side, ObjectKind::Blocks, &noted.key(node), room)?;
        Ok((data.len() as u64, check(ObjectKind::Blocks, &id, &data)))
    });
    match checked {
        Ok((length, IdCheck::Good)) => return Some(length),
        Ok((_, IdCheck::Damaged(damage))) => noted.note(node, DefectKind::Damaged(damage)),
        Err(error) => noted.note_error(node, error, DefectKind::Missing),
    }
    None
}

/// As [`good_length`], of a block that may be large, read in pieces; `None` where it is to be read whole.
fn good_in_pieces(noted: &Noted<'_>, key: &ObjectKey, room: u64) -> Result<Option<u64>, StoreError> {
    let side = noted.side;
    let reader = CheckedReader { kind: ObjectKind::Blocks, store: &*side.stores[ObjectKind::Blocks] };
    if room <= WHOLE_UP_TO {
        return Ok(None);
    }
    let _share = side.budget.acquire(IN_PIECES);
    let Some(read) = reader.good_in_pieces(key, None)? else { return Ok(None) };
    side.breakers[ObjectKind::Blocks].success();
    side.counters.read_bytes.add(read.size);
    Ok(Some(read.size))
}
