//! Numbers as people read them.

use std::time::Duration;

use proptest::prelude::*;
use seaf_migrate::report::format;

#[test]
fn bytes_change_their_unit_where_a_reader_expects_it() {
    for (n, text) in [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (1_000_000, "1.0 MB"),
        (999_949_999, "999.9 MB"),
        (1_500_000_000_000, "1.5 TB"),
        (u64::MAX, "18.4 EB"),
    ] {
        assert_eq!(format::bytes(n), text);
    }
}

#[test]
fn times_have_days_only_when_there_are_any() {
    for (seconds, text) in [
        (0, "00:00:00"),
        (59, "00:00:59"),
        (60, "00:01:00"),
        (3599, "00:59:59"),
        (86_399, "23:59:59"),
        (86_400, "1d 00:00:00"),
        (100 * 86_400 + 3661, "100d 01:01:01"),
    ] {
        assert_eq!(format::duration(Duration::from_secs(seconds)), text);
    }
    assert_eq!(format::duration(Duration::from_millis(1999)), "00:00:01");
    assert!(format::duration(Duration::MAX).contains("d "));
}

proptest! {
    #[test]
    fn a_count_is_its_number_in_groups_of_three(n: u64) {
        let text = format::count(n);
        prop_assert_eq!(text.replace(',', ""), n.to_string());
        let groups: Vec<&str> = text.split(',').collect();
        prop_assert!((1..=3).contains(&groups[0].len()));
        prop_assert!(groups[1..].iter().all(|group| group.len() == 3));
    }

    #[test]
    fn bytes_are_off_by_a_twentieth_at_most(n in 1000u64..) {
        let text = format::bytes(n);
        let (number, unit) = text.split_once(' ').unwrap();
        let power = ["kB", "MB", "GB", "TB", "PB", "EB"].iter().position(|known| *known == unit).unwrap() + 1;
        let number: f64 = number.parse().unwrap();
        prop_assert!((1.0..1000.0).contains(&number), "{}", text);
        let shown = number * 1000f64.powi(i32::try_from(power).unwrap());
        prop_assert!((shown - n as f64).abs() <= 0.0501 * 1000f64.powi(i32::try_from(power).unwrap()), "{} {}", n, text);
    }

    #[test]
    fn more_bytes_never_read_as_a_smaller_unit(a: u64, b: u64) {
        let rank = |n: u64| ["B", "kB", "MB", "GB", "TB", "PB", "EB"].iter().position(|unit| format::bytes(n).ends_with(&format!(" {unit}")));
        prop_assert!(rank(a.min(b)) <= rank(a.max(b)));
    }
}
