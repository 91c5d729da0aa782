//! How long libraries keep their history, which decides which old commits a check expects.

use super::support::parse;

#[test]
fn the_days_of_history_are_read_where_they_are_a_number() {
    for (text, days) in [("30", Some(30)), ("0", Some(0)), ("-1", Some(-1)), ("  7  ", Some(7)), ("", None)] {
        let side = parse(&format!("[history]\nkeep_days = {text}\n")).unwrap();
        assert_eq!((side.keep_days, &side.warnings[..]), (days, &[][..]), "{text}");
    }
    assert_eq!(parse("").unwrap().keep_days, None);
    let side = parse("[history]\nkeep_days = a week\n").unwrap();
    assert_eq!(side.keep_days, None);
    assert_eq!(
        side.warnings,
        ["seafile.conf:2: [history] keep_days: \"a week\" is not a number of days: all history is taken to be kept"]
    );
}
