//! What the source has and the destination lacks.

use crate::index::Index;
use crate::listing::{Stream, WalkError, walk};
use crate::object::KeyRange;
use crate::store::{Listed, ReadStore, SizeForm, SizeForms, SizeMatch};
use crate::transfer::error::TransferError;
use crate::transfer::work::{Produced, WorkSink, WorkSource};

/// The ordinary source of work: lists a store, and names what an index does not have.
#[derive(Clone, Copy, Debug)]
pub struct MissingObjects<'a> {
    /// What is listed.
    pub source: &'a dyn ReadStore,
    /// Which ranges of it.
    pub ranges: &'a [KeyRange],
    /// How many listings of it run at once.
    pub listers: usize,
    /// What the destination holds.
    pub index: &'a Index,
    /// The form of the sizes in it.
    pub held: SizeForm,
}

impl WorkSource for MissingObjects<'_> {
    fn produce(&self, sink: &WorkSink<'_>) -> Result<Produced, TransferError> {
        let sizes = SizeForms { held: self.held, expected: self.source.size_form() };
        let open = || Subtract { index: self.index, sizes, sink };
        match walk(self.source, self.ranges, self.listers, sink.shutdown(), open) {
            Ok(walked) => {
                sink.add_ignored(walked.ignored);
                Ok(Produced::All)
            }
            Err(WalkError::Interrupted) => Ok(Produced::Interrupted),
            Err(WalkError::Store(error)) => Err(TransferError::Store(error)),
            Err(WalkError::Stream(error)) => Err(error),
        }
    }
}

/// Takes pages of the source and puts what the index does not have into the sink.
struct Subtract<'a> {
    index: &'a Index,
    sizes: SizeForms,
    sink: &'a WorkSink<'a>,
}

impl Stream for Subtract<'_> {
    type Error = TransferError;

    fn page(&mut self, _covered: KeyRange, objects: Vec<Listed>) -> Result<(), TransferError> {
        self.sink.add(&objects, &missing_from(self.index, self.sizes, &objects))
    }

    fn end(self) -> Result<(), TransferError> {
        Ok(())
    }
}

/// The objects of a page that must be copied.
///
/// | destination holds it | sizes | copied |
/// |---|---|---|
/// | no | | yes |
/// | yes | the destination's is 0: no object of Seafile's is empty | yes |
/// | yes | one of them is unknown | no |
/// | yes | destination's is not smaller | no |
/// | yes | destination's is smaller: what a crash leaves | yes |
pub fn missing_from(known: &Index, sizes: SizeForms, page: &[Listed]) -> Vec<Listed> {
    // A cursor, because pages mostly ascend, and it finds the next key faster than a look-up from the root.
    let mut cursor = known.cursor();
    let is_missing = |object: &&Listed| match cursor.find(&object.key) {
        None => true,
        Some(held) => held.size == Some(0) || sizes.compare(held.size, object.size) == SizeMatch::Shorter,
    };
    page.iter().filter(is_missing).copied().collect()
}
