//! How often tests repeat what chance decides.

/// `usual` times `SEAF_TEST_REPEAT`, which is 1 where it is not set; CI sets it higher.
pub fn repeat(usual: u32) -> u32 {
    usual * factor()
}

/// Whether more than usual is asked for.
pub fn is_thorough() -> bool {
    factor() > 1
}

fn factor() -> u32 {
    std::env::var("SEAF_TEST_REPEAT").map_or(1, |text| text.parse().expect("SEAF_TEST_REPEAT is a number"))
}
