//! Failures told as they come: the first of a sort at once, the others as a sum now and then.

use std::collections::BTreeMap;
use std::time::Duration;

use super::format;
use crate::metrics::findings::FindingSort;
use crate::object::ObjectKind;

/// How often sums are told at most.
const SUMS_EVERY: Duration = Duration::from_secs(30);

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct News {
    told: BTreeMap<(ObjectKind, String), u64>,
    /// When sums were told, or the first failure.
    summed: Duration,
}

impl News {
    /// What is to be told at `now`, which counts from any moment in the past: a line each.
    pub(super) fn of(&mut self, now: Duration, failures: Vec<FindingSort>) -> Vec<String> {
        let is_time = now.saturating_sub(self.summed) >= SUMS_EVERY;
        let mut lines = Vec::new();
        for FindingSort { first, count } in failures {
            let sort = (first.kind, first.error.clone());
            match self.told.get(&sort) {
                None => lines.push(format!(
                    "Failed: [{}] {}/{}: {}: {}: {}",
                    first.kind, first.library, first.object, first.step, first.error, first.cause
                )),
                Some(told) if is_time && count > *told => {
                    let objects = format::plural(count, "object");
                    lines.push(format!("Failed: [{}] {objects} so far: {}", first.kind, first.error));
                }
                Some(_) => continue,
            }
            self.told.insert(sort, count);
            self.summed = now;
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Finding, Findings};
    use crate::object::ObjectKey;

    #[test]
    fn the_first_of_a_sort_is_told_at_once_and_others_as_a_sum_later() {
        let (findings, mut news) = (Findings::default(), News::default());
        let fail = |error: &str| findings.add(Finding::new(ObjectKind::Fs, &ObjectKey::MIN, "read", error, "why"));
        let mut told = |seconds| news.of(Duration::from_secs(seconds), findings.sorts());
        assert!(told(1).is_empty());
        fail("timeout");
        let first = told(2);
        assert!(first.len() == 1 && first[0].ends_with("read: timeout: why"), "{first:?}");
        (0..1499).for_each(|_| fail("timeout"));
        assert!(told(3).is_empty());
        fail("refused");
        assert!(told(4)[0].contains("refused"));
        assert_eq!(told(34), ["Failed: [fs] 1,500 objects so far: timeout"]);
        assert!(told(99).is_empty(), "nothing new came");
    }
}
