//! The end of a verification on a terminal: the table, and the first of what was found.

use crate::commands::verify::result::Verified;
use crate::commands::verify::tables;
use crate::metrics::Finding;
use crate::metrics::findings::SHOWN;
use crate::report::{Console, format};

/// Prints the table and the first findings.
pub(super) fn print(verified: &Verified<'_>, console: &Console) {
    console.line(format_args!("\n{}", tables::numbers(&verified.kinds)));
    print_findings(verified, console);
    console.line("");
}

fn print_findings(verified: &Verified<'_>, console: &Console) {
    if verified.wrong_once.count() > 0 {
        console.problem(format_args!(
            "\nWarning: {} read wrong once and right the second time. What is there is right, but something on the way\n\
             (a proxy, a cache, a disk, memory) changes what it passes on; find out what:",
            format::plural(verified.wrong_once.count(), "object")
        ));
        show(verified.wrong_once.first(), verified.wrong_once.count(), console);
    }
    if verified.vanished.count() > 0 {
        console.problem(format_args!(
            "\n{} listed in the source and gone since, from both sides:",
            format::plural(verified.vanished.count(), "object")
        ));
        show(verified.vanished.first(), verified.vanished.count(), console);
    }
    if verified.damaged.count() > 0 {
        console.problem(format_args!(
            "\nWARNING: {} DAMAGED in the source. The destination has the same bytes or the right ones, so nothing is worse than before,\n\
             but the files that they belong to cannot be opened correctly in the source:",
            format::plural(verified.damaged.count(), "object").to_uppercase()
        ));
        show(verified.damaged.first(), verified.damaged.count(), console);
    }
    if !verified.unchecked.is_empty() {
        let count = verified.unchecked.len() as u64;
        console.problem(format_args!("\n{} could not be checked:", format::plural(count, "object")));
        show(verified.unchecked, count, console);
    }
    if verified.findings.count() > 0 {
        let count = verified.findings.count();
        console.problem(format_args!("\n{} not at the destination as in the source:", format::plural(count, "object")));
        show(verified.findings.first(), count, console);
    }
}

fn show(first: &[Finding], count: u64, console: &Console) {
    for Finding { kind, library, object, error, cause, .. } in first.iter().take(SHOWN) {
        console.problem(format_args!("  [{kind}] {library}/{object}: {error}: {cause}"));
    }
    let more = count.saturating_sub(SHOWN as u64);
    if more > 0 {
        console.problem(format_args!("  … and {} more; --report FILE names each of them", format::count(more)));
    }
}
