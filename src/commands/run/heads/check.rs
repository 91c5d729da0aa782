//! The walk from the heads at the destination, and what of its findings is the source's own damage.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use crate::commands::common::heads_cache::WholeHeads;
use crate::commands::run::heads::result::HeadsResult;
use crate::content::FsObject;
use crate::database::heads::{LibraryRoots, Roots};
use crate::metrics::WalkCounters;
use crate::object::{ObjectKey, ObjectKind};
use crate::reach::{Defect, DefectKind, LibraryResult, Stores, WalkOptions, fsck};
use crate::store::{ErrorKind, SizeMatch, StoreError};
use crate::sys::shutdown::Shutdown;

/// How many libraries are walked before their findings are judged and let go.
const AT_ONCE: usize = 64;
/// How many findings of a library are judged; one with more counts as not whole.
const FINDINGS_MAX: usize = 1000;

/// Both sides, and how to look at them.
#[derive(Clone, Copy, Debug)]
pub struct HeadsCheck<'a> {
    /// The destination, as the pass knows it.
    pub destination: &'a Stores,
    /// The source, asked only about what is wrong at the destination.
    pub source: &'a Stores,
    /// How many calls to the stores are in flight.
    pub threads: NonZeroUsize,
    /// Cancellation: a signal or a failure asks everybody to end.
    pub shutdown: &'a Shutdown,
    /// What is counted while it runs.
    pub counters: &'a WalkCounters,
}

impl HeadsCheck<'_> {
    /// Looks for everything that the heads in `roots` need. What `whole` remembers is not looked at again, and `whole`
    /// is brought up to date. `None` when it was interrupted.
    ///
    /// # Errors
    /// When a store fails with anything but "not found", or one object that cannot be read.
    pub fn run(&self, roots: &Roots, whole: &mut WholeHeads) -> Result<Option<HeadsResult>, StoreError> {
        let mut result = HeadsResult { libraries: roots.libraries.len() as u64, ..HeadsResult::default() };
        let is_whole =
            |library: &&LibraryRoots| library.heads.len() == 1 && whole.get(&library.id) == library.heads.first();
        let (unchanged, changed): (Vec<&LibraryRoots>, Vec<_>) = roots.libraries.iter().partition(is_whole);
        result.unchanged = unchanged.len() as u64;
        result.whole = result.unchanged;
        let mut found: WholeHeads =
            unchanged.iter().filter_map(|library| whole.get_key_value(&library.id)).map(|(a, b)| (*a, *b)).collect();
        for some in changed.chunks(AT_ONCE) {
            let Some(walked) = self.walk(some, whole)? else { return Ok(None) };
            let by_id: BTreeMap<_, _> = some.iter().map(|library| (library.id, *library)).collect();
            for library in walked {
                let roots = by_id[&library.id];
                if library.findings.is_empty() && library.more_findings == 0 {
                    result.whole += 1;
                    found.extend(roots.heads.first().map(|head| (roots.id, *head)));
                } else if self.is_the_source_so(roots, &library)? {
                    result.damaged_in_source.add(library);
                } else {
                    result.not_whole.add(library);
                }
            }
        }
        *whole = found;
        Ok(Some(result))
    }

    fn walk(&self, libraries: &[&LibraryRoots], whole: &WholeHeads) -> Result<Option<Vec<LibraryResult>>, StoreError> {
        // Without the base commits of virtual libraries, because they are history.
        let heads = |library: &&LibraryRoots| LibraryRoots { base_commits: Vec::new(), ..(*library).clone() };
        let roots = Roots { libraries: libraries.iter().map(heads).collect(), ..Roots::default() };
        let known = |library: &&LibraryRoots| Some((library.id, *whole.get(&library.id)?));
        let options = WalkOptions {
            full_history: false,
            threads: self.threads,
            paths_max: 5,
            findings_max: FINDINGS_MAX,
            whole: libraries.iter().filter_map(known).collect(),
            ..WalkOptions::default()
        };
        let walked = fsck(self.destination, &roots, &options, self.shutdown, self.counters)?;
        Ok((walked.unfinished == 0).then_some(walked.libraries))
    }

    /// Whether all that is wrong with the library is wrong in the source in the same way.
    fn is_the_source_so(&self, roots: &LibraryRoots, library: &LibraryResult) -> Result<bool, StoreError> {
        if library.more_findings > 0 {
            return Ok(false);
        }
        for finding in &library.findings {
            if !self.is_in_source(roots, finding)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_in_source(&self, roots: &LibraryRoots, finding: &Defect) -> Result<bool, StoreError> {
        // A head that the database does not name is missing whatever the stores hold.
        let Some(id) = finding.id else { return Ok(finding.what == DefectKind::NoHead) };
        let library = if finding.kind == ObjectKind::Commits { roots.id } else { roots.store_id() };
        let key = ObjectKey::new(library, id);
        let (here, there) = (&self.source[finding.kind], &self.destination[finding.kind]);
        match &finding.what {
            DefectKind::NoHead => Ok(true),
            DefectKind::Missing
            | DefectKind::HeadMissing
            | DefectKind::ParentMissing { .. }
            | DefectKind::BaseMissing { .. } => Ok(answered(here.size(&key))? == Err(ErrorKind::NotFound)),
            DefectKind::Unreadable(_) => Ok(answered(here.read(&key))? == Err(ErrorKind::Unreadable)),
            DefectKind::WrongSize { found, .. } => {
                Ok(SizeMatch::of(Some(*found), self.size_in_source(&key)?) == SizeMatch::Same)
            }
            DefectKind::Damaged(_) | DefectKind::WrongKind { .. } | DefectKind::WrongLibrary { .. } => {
                let theirs = answered(here.read(&key))?;
                Ok(theirs.is_ok() && theirs == answered(there.read(&key))?)
            }
        }
    }

    /// What the blocks of a file hold in the source, in bytes; `None` when some are not there.
    fn size_in_source(&self, file: &ObjectKey) -> Result<Option<u64>, StoreError> {
        let (fs, blocks) = (&self.source[ObjectKind::Fs], &self.source[ObjectKind::Blocks]);
        let Ok(data) = answered(fs.read(file))? else { return Ok(None) };
        let Ok(parsed) = FsObject::parse(&file.id, &data) else { return Ok(None) };
        let FsObject::File { block_ids, .. } = parsed.object else { return Ok(None) };
        let mut sum = 0u64;
        for id in block_ids {
            let Ok(size) = answered(blocks.size(&ObjectKey::new(file.library, id)))? else { return Ok(None) };
            sum = sum.saturating_add(size);
        }
        Ok(Some(sum))
    }
}

/// What a store says about one object; that it is not there, or cannot be read, is an answer, too.
fn answered<T>(answer: Result<T, StoreError>) -> Result<Result<T, ErrorKind>, StoreError> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unreadable | ErrorKind::ObjectDenied) => {
            Ok(Err(error.kind()))
        }
        Err(error) => Err(error),
    }
}
