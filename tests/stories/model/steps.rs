//! What may happen.

use proptest::prelude::*;
use seaf_migrate::object::ObjectKind;

/// Whether all contents are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    Sizes,
    Contents,
}

/// One thing that happens. Numbers pick an object, whatever there is.
#[derive(Clone, Debug)]
pub enum Step {
    Run {
        relist: bool,
    },
    /// Killed after so many microseconds.
    KilledRun(u64),
    /// Two at once.
    TwoRuns,
    Verify(Depth),
    KilledVerify(u64),
    Remove(Depth),
    KilledRemove(u64),
    Purge(Depth),
    Restore,
    /// What the last verification named.
    Repair,
    /// The folder of a kind is made anew at the destination.
    LoseKind(ObjectKind),
    /// Everything of a kind but the program's own objects.
    LoseObjects(ObjectKind),
    LoseObject(usize),
    Cut(usize),
    Empty(usize),
    /// One byte is another one, the size stays.
    Flip(usize),
    /// The destination is copied, to be put in place later.
    BackUp,
    PutBackupInPlace,
    FlipInSource(usize),
    LoseInSource(usize),
    /// Another, empty disk is where the source's objects of a kind were.
    Unmount(ObjectKind),
    /// The source is as the server wrote it.
    MendSource,
    /// The server writes a commit of some library.
    Commit(usize),
}

impl Step {
    /// Whether the program does it, and not the world around it.
    pub const fn is_of_the_program(&self) -> bool {
        matches!(
            self,
            Self::Run { .. }
                | Self::KilledRun(_)
                | Self::TwoRuns
                | Self::Verify(_)
                | Self::KilledVerify(_)
                | Self::Remove(_)
                | Self::KilledRemove(_)
                | Self::Purge(_)
                | Self::Restore
                | Self::Repair
        )
    }
}

fn kind() -> impl Strategy<Value = ObjectKind> {
    prop::sample::select(&ObjectKind::ALL[..])
}

fn depth() -> impl Strategy<Value = Depth> {
    prop_oneof![Just(Depth::Sizes), Just(Depth::Contents)]
}

pub fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any::<bool>().prop_map(|relist| Step::Run { relist }),
        2 => (0u64..40_000).prop_map(Step::KilledRun),
        1 => Just(Step::TwoRuns),
        5 => depth().prop_map(Step::Verify),
        1 => (0u64..40_000).prop_map(Step::KilledVerify),
        4 => depth().prop_map(Step::Remove),
        1 => (0u64..40_000).prop_map(Step::KilledRemove),
        2 => depth().prop_map(Step::Purge),
        1 => Just(Step::Restore),
        2 => Just(Step::Repair),
        1 => kind().prop_map(Step::LoseKind),
        1 => kind().prop_map(Step::LoseObjects),
        2 => any::<usize>().prop_map(Step::LoseObject),
        1 => any::<usize>().prop_map(Step::Cut),
        1 => any::<usize>().prop_map(Step::Empty),
        1 => any::<usize>().prop_map(Step::Flip),
        2 => Just(Step::BackUp),
        2 => Just(Step::PutBackupInPlace),
        1 => any::<usize>().prop_map(Step::FlipInSource),
        1 => any::<usize>().prop_map(Step::LoseInSource),
        1 => kind().prop_map(Step::Unmount),
        2 => Just(Step::MendSource),
        3 => any::<usize>().prop_map(Step::Commit),
    ]
}
