//! The end of a verification on a terminal: the table, and the first of what was found.

use crate::commands::verify::result::Verified;
use crate::commands::verify::tables;
use crate::metrics::Finding;
use crate::metrics::findings::Shown;
use crate::report::jsonl::JsonLog;
use crate::report::{Console, findings, format};

/// What is to be done once an archive gave its objects back.
const AGAIN: &str = "verify again";

/// Prints the table and the first findings.
pub(super) fn print(verified: &mut Verified<'_>, console: &Console) {
    console.line(format_args!("\n{}", tables::numbers(&verified.kinds)));
    print_findings(verified, console);
    console.line("");
}

fn print_findings(verified: &mut Verified<'_>, console: &Console) {
    if verified.wrong_once.count() > 0 {
        console.problem(format_args!(
            "\nWarning: {} read wrong once and right the second time. What is there is right, but something on the way\n\
             (a proxy, a cache, a disk, memory) changes what it passes on; find out what:",
            format::plural(verified.wrong_once.count(), "object")
        ));
        show(verified.wrong_once, console);
    }
    if verified.vanished.count() > 0 {
        console.problem(format_args!(
            "\n{} listed in the source and gone since, from both sides:",
            format::plural(verified.vanished.count(), "object")
        ));
        show(verified.vanished, console);
    }
    if verified.damaged.count() > 0 {
        console.problem(format_args!(
            "\nWARNING: {} DAMAGED in the source. The destination has the same bytes or the right ones, so nothing is worse than before,\n\
             but the files that they belong to cannot be opened correctly in the source:",
            format::plural(verified.damaged.count(), "object").to_uppercase()
        ));
        show(verified.damaged, console);
    }
    if !verified.unchecked.is_empty() {
        let count = verified.unchecked.len() as u64;
        console.problem(format_args!("\n{} could not be checked:", format::plural(count, "object")));
        let mut shown = Shown::default();
        verified.unchecked.iter().for_each(|finding| shown.add(finding.clone()));
        findings::show(&shown, findings::without_step, AGAIN, console);
    }
    if verified.findings.count() > 0 {
        let count = verified.findings.count();
        console.problem(format_args!("\n{} not at the destination as in the source:", format::plural(count, "object")));
        show(verified.findings, console);
    }
}

/// Tells what is in a log, read back, because how many are in which archive is not known before.
fn show(log: &mut JsonLog<Finding>, console: &Console) {
    let mut shown = Shown::default();
    let read = log.each(|finding| {
        shown.add(finding);
        Ok(())
    });
    findings::show(&shown, findings::without_step, AGAIN, console);
    if let Err(error) = read {
        console.problem(format_args!("  … and others, which cannot be read back from a temporary file: {error}"));
    }
}
