//! Findings on a terminal: the first of them a line each, and those in archives a line for each storage class.

use super::{Console, format};
use crate::metrics::Finding;
use crate::metrics::findings::{FindingSort, Shown, UNNAMED_CLASS};

/// Tells findings. `line` makes the line of one; `then` is what is to be done once an archive gave its objects back, such as
/// `run again`.
pub fn show(shown: &Shown, line: fn(&Finding) -> String, then: &str, console: &Console) {
    for finding in shown.first() {
        console.problem(format_args!("  {}", line(finding)));
    }
    for sort in shown.archived() {
        console.problem(format_args!("  {}", in_archive(sort, then)));
    }
    let more = shown.untold();
    if more > 0 {
        console.problem(format_args!("  … and {} more; --report FILE names each of them", format::count(more)));
    }
}

/// A finding with the step that failed.
pub fn with_step(Finding { kind, library, object, step, error, cause, .. }: &Finding) -> String {
    format!("[{kind}] {library}/{object}: {step}: {error}: {cause}")
}

/// A finding where every one is of the same step.
pub fn without_step(Finding { kind, library, object, error, cause, .. }: &Finding) -> String {
    format!("[{kind}] {library}/{object}: {error}: {cause}")
}

/// The objects of one kind that are in an archive class, and what to do.
fn in_archive(FindingSort { first, count }: &FindingSort, then: &str) -> String {
    let class = match first.archive_class.as_deref() {
        None | Some(UNNAMED_CLASS) => "an archive".to_owned(),
        Some(class) => format!("the archive class {class}"),
    };
    let (are, them) = if *count == 1 { ("is", "it") } else { ("are", "them") };
    format!(
        "[{}] {} {are} in {class}: restore {them} first, then {then} (the first: {}/{})",
        first.kind,
        format::plural(*count, "object"),
        first.library,
        first.object
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{ObjectKey, ObjectKind};

    #[test]
    fn objects_in_an_archive_are_a_line_a_class_with_what_to_do() {
        let told = |class: &str, count| {
            let first = Finding::new(ObjectKind::Blocks, &ObjectKey::MIN, "read", "object archived", "why");
            let first = Finding { archive_class: Some(class.to_owned()), ..first };
            in_archive(&FindingSort { first, count }, "run again")
        };
        let many = told("GLACIER", 1500);
        assert!(
            many.starts_with(
                "[blocks] 1,500 objects are in the archive class GLACIER: restore them first, then run again"
            ),
            "{many}"
        );
        let one = told(UNNAMED_CLASS, 1);
        assert!(
            one.starts_with("[blocks] 1 object is in an archive: restore it first") && one.contains("0000"),
            "{one}"
        );
    }
}
