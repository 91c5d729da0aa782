//! The page of a verification.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::commands::verify::outcome::VerifyOutcome;
use crate::commands::verify::result::Verified;
use crate::commands::verify::tables;
use crate::report::page::parts::{FINDINGS, capital, objects, program, time, warnings};
use crate::report::page::{Banner, Figure, Page, Part};
use crate::report::{Outcome, Process, ReportHead, Times, format};

/// The page of a verification.
///
/// # Errors
/// When what was found cannot be read back.
pub fn of(verified: &mut Verified<'_>, head: &ReportHead, process: &Process) -> io::Result<Page> {
    let missing =
        "The source has them; the destination lacks them, or holds other bytes. A run copies what is missing.";
    let damaged = "Their bytes do not have their id in the source. The destination has the same or the right ones, so that \
                   nothing is worse than before.";
    let wrong_once = "One answer of a store was wrong and another one good, so that something on the way changes what it \
                      passes on. What is there is right.";
    let vanished = "They were listed in the source, and then neither side had them any more.";
    let (doubted, gone) = (verified.wrong_once.count(), verified.vanished.count());
    let (found, bad) = (verified.findings.count(), verified.damaged.count());
    let first = verified.findings.take(FINDINGS);
    let unchecked = (verified.unchecked.len() as u64, verified.unchecked.iter().take(FINDINGS).cloned().collect());
    let parts = [
        objects("Not as in the source", missing, found, first),
        objects("Could not be checked", "The stores did not answer for them.", unchecked.0, Ok(unchecked.1)),
        objects("Damaged in the source", damaged, bad, verified.damaged.take(FINDINGS)),
        objects("Read wrong once", wrong_once, doubted, verified.wrong_once.take(FINDINGS)),
        objects("Vanished", vanished, gone, verified.vanished.take(FINDINGS)),
        warnings(head.warnings.clone()),
        Some(Part::Table(tables::kinds(&verified.kinds))),
        tables::libraries(verified.tallies()?).map(Part::Table),
    ];
    let only = match verified.only {
        [] => "all".to_owned(),
        some => some.join(", "),
    };
    let depth = match verified.content_percent {
        share if share > 0.0 => format!("ids and sizes, and {share} % of the objects read and hashed"),
        _ => "ids and sizes".to_owned(),
    };
    let Times { started, seconds, .. } = &process.times;
    let local = |begun: Timestamp| time(&begun.to_zoned(TimeZone::system()));
    let began = started.parse().map_or_else(|_| started.clone(), local);
    Ok(Page {
        subject: "Seafile storage verification".to_owned(),
        verdict: verdict(verified),
        facts: vec![
            ("Old side", process.from.lines()),
            ("New side", process.to.lines()),
            ("Compared", vec![depth]),
            ("Libraries", vec![only]),
            ("Exit code", vec![verified.outcome.exit_code().to_string()]),
            ("Began", vec![began]),
            ("Took", vec![format::span(Duration::try_from_secs_f64(*seconds).unwrap_or_default())]),
            ("Program", vec![program(head.command)]),
        ],
        figures: figures(verified),
        parts: parts.into_iter().flatten().collect(),
    })
}

fn verdict(verified: &Verified<'_>) -> Banner {
    let (good, word, next) = match verified.outcome {
        VerifyOutcome::Complete { .. } | VerifyOutcome::DamagedSource { .. } if !verified.only.is_empty() => {
            (true, "yes, of these libraries", "Verify without --library to know it of all.")
        }
        VerifyOutcome::Complete { .. } | VerifyOutcome::DamagedSource { .. } => {
            (true, "yes", "Nothing is to be done. A run that copies more from now on wants another verification.")
        }
        // A run believes its list files, and takes an object that is long enough for the right one.
        VerifyOutcome::Findings { .. } => (
            false,
            "no",
            "Remove from the destination what has wrong bytes or is too long, run again with --relist, then verify again.",
        ),
        _ => (false, "not known", "Mend what stopped it, and verify again."),
    };
    let why = format!("{}.", capital(&verified.outcome.to_string()));
    Banner { good, headline: format!("Everything is there: {word}"), why, next: next.to_owned() }
}

fn figures(verified: &Verified<'_>) -> Vec<Figure> {
    let total = verified.total();
    let bad = |label, count: u64, note: &str| Figure::new(label, format::count(count), note, count > 0);
    vec![
        Figure::new("Compared", format::count(total.objects), format::bytes(total.bytes), false),
        Figure::new("Read and hashed", format::count(total.read), format::bytes(total.read_bytes), false),
        bad("Missing", total.missing, "at the destination"),
        bad("Different", total.shorter + total.longer + total.damaged, "in size or bytes"),
        bad("Unreadable", total.unreadable, "at the destination"),
        bad("Damaged", total.source_damaged, "in the source already"),
    ]
}
