//! The dry run: what a pass would copy, without copying or writing anything.

use super::common::destination;
use super::common::state::PassState;
use crate::commands::common::settings::PlanSettings;
use crate::index::Index;
use crate::listing::{Stream, WalkError, walk};
use crate::object::{KeyRange, ObjectKind};
use crate::report::{Console, Ending, format};
use crate::store::Listed;
use crate::store::open::{OpenOptions, open_destination_to_read, open_source};
use crate::sys::shutdown::Shutdown;
use crate::transfer::diff::missing_from;

/// Lists both sides and prints what `run` would copy.
pub fn run(settings: &PlanSettings, libraries: bool, console: &Console, stop: &Shutdown) -> Ending {
    let state = PassState::default();
    let options = settings.store.open_options(stop);
    for warning in settings.from.warnings.iter().chain(&settings.to.warnings) {
        console.problem(format_args!("Warning: {warning}"));
    }
    for kind in ObjectKind::ALL {
        if !stop.requested() {
            count(kind, settings, &options, &state, console, stop);
        }
    }
    let ending = state.listing_ending(stop);
    if ending == Ending::Complete {
        print(&state, libraries, console);
    } else {
        console.problem(format_args!("No plan: {ending} (exit code {}).", ending.exit_code()));
    }
    ending
}

/// Counts what one kind has and lacks.
fn count(
    kind: ObjectKind,
    settings: &PlanSettings,
    options: &OpenOptions,
    state: &PassState,
    console: &Console,
    stop: &Shutdown,
) {
    let source = match open_source(settings.from.store(kind), options) {
        Ok(source) => source,
        Err(error) => return state.fatal(error, stop),
    };
    let destination = match open_destination_to_read(settings.to.store(kind), options) {
        Ok(destination) => destination,
        Err(error) => return state.fatal(error, stop),
    };
    let known = match destination::for_plan(kind, destination.as_deref(), settings, stop) {
        Ok(known) => known,
        Err(failure) => return failure.end(state, stop),
    };
    console.log(format_args!("Start to list [{kind}] object of the source"));
    let listers = settings.store.listers_for(settings.from.store(kind));
    match walk(&*source, &[KeyRange::ALL], listers, stop, || Count { kind, known: &known.set, state }) {
        Ok(walked) => {
            let numbers = state.counters.kind(kind);
            numbers.ignored.add(walked.ignored);
            numbers.held.add(known.set.len());
        }
        Err(WalkError::Store(error)) => state.fatal(error, stop),
        Err(WalkError::Interrupted) => {}
        Err(WalkError::Stream(never)) => match never {},
    }
}

/// Counts pages; nothing can go wrong.
struct Count<'a> {
    kind: ObjectKind,
    known: &'a Index,
    state: &'a PassState,
}

impl Stream for Count<'_> {
    type Error = std::convert::Infallible;

    fn page(&mut self, _covered: KeyRange, objects: Vec<Listed>) -> Result<(), Self::Error> {
        let missing = missing_from(self.known, &objects);
        self.state.count_listed(self.kind, &objects, &missing);
        Ok(())
    }

    fn end(self) -> Result<(), Self::Error> {
        Ok(())
    }
}

fn print(state: &PassState, libraries: bool, console: &Console) {
    let row = |name: &str, cells: [String; 4]| {
        let [listed, listed_bytes, to_copy, to_copy_bytes] = cells;
        console.line(format_args!("{name:<44}{listed:>14}{listed_bytes:>12}{to_copy:>14}{to_copy_bytes:>12}"));
    };
    let cells = |listed, listed_bytes, to_copy, to_copy_bytes| {
        [format::count(listed), format::bytes(listed_bytes), format::count(to_copy), format::bytes(to_copy_bytes)]
    };
    console.line("");
    row("", ["in source", "bytes", "to copy", "bytes"].map(str::to_owned));
    for kind in ObjectKind::ALL {
        let n = state.counters.kind(kind);
        let numbers = (n.listed.get(), n.listed_bytes.get(), n.to_copy.get(), n.to_copy_bytes.get());
        row(kind.as_str(), cells(numbers.0, numbers.1, numbers.2, numbers.3));
    }
    let total =
        |pick: fn(&crate::metrics::KindCounters) -> &crate::metrics::counters::Counter| state.counters.total(pick);
    let (listed, to_copy) = (total(|n| &n.listed), total(|n| &n.to_copy));
    row("total", cells(listed, total(|n| &n.listed_bytes), to_copy, total(|n| &n.to_copy_bytes)));
    if libraries {
        console.line("");
        for (library, kinds) in state.counters.library_rows() {
            for (kind, n) in kinds.into_iter().filter(|(_, n)| n.listed > 0) {
                row(&format!("{library} {kind}"), cells(n.listed, n.listed_bytes, n.to_copy, n.to_copy_bytes));
            }
        }
    }
    console.line("\nNothing was written. Sizes are those that the source's listing gives; Ceph gives none.");
}
