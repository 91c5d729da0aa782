//! One suite that judges every backend and every decorator by the promises of the store traits.
//!
//! To add a backend, add `tests/conformance/<backend>.rs` and a `mod` line for it below:
//!
//! ```ignore
//! use super::harness::Harness;
//! use crate::support::skip::Missing;
//!
//! fn harness(case: &str) -> Result<Harness, Missing> {
//!     let server = running_server().map_err(|why| Missing(why))?;
//!     let store = server.empty_bucket(case);            // a store of its own for each case
//!     Ok(Harness::new(store)                            // anything that reads, writes and removes
//!         .biggest_listing(1_001)                       // a slow server; 25,000 otherwise
//!         .keeping(server)                              // dropped after the case
//!         .without_container(move || no_such_bucket())  // optional, as are the two below
//!         .with_wrong_credentials(move || wrong_key())
//!         .planting(move || plant_foreign_names()))
//! }
//!
//! conformance!("s3", harness);
//! ```
//!
//! A backend that is not there answers `Err(Missing(why))`: the case prints `SKIPPED <backend>: why`
//! and passes, or fails where `SEAF_MIGRATE_REQUIRE_ALL=1`, so that CI skips nothing.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

/// Makes a test of each case for one backend.
macro_rules! conformance {
    ($backend:literal, $harness:path) => {
        conformance!(@each $backend, $harness,
            objects {
                comes_back_as_it_went,
                empty_and_tiny,
                ten_megabytes,
                no_more_than_asked_for,
                last_write_stays,
                what_is_not_there,
                removal,
                removal_of_many,
                emptied_folders,
                one_key_many_writers,
                survives_sync,
            }
            pieces {
                a_block_goes_and_comes_in_pieces,
                a_block_goes_from_a_store_to_itself,
                a_wrong_id_is_never_written,
                a_source_that_fails_midway_is_the_one_that_failed,
                many_blocks_at_once,
                what_is_not_there_has_no_pieces,
            }
            listings {
                counts_around_a_page,
                many_names,
                within_a_library,
                within_ranges,
                one_key,
                parts_tile_the_range,
                sixteen_ranges_at_once,
                foreign_names_are_counted,
            }
            refusals {
                missing_container,
                wrong_credentials,
            }
        );
    };
    (@each $backend:literal, $harness:path, $($file:ident { $($case:ident,)* })*) => {
        $($(
            #[test]
            fn $case() {
                $crate::harness::run($backend, stringify!($case), $harness, $crate::$file::$case);
            }
        )*)*
    };
}

#[path = "../support/mod.rs"]
mod support;

mod harness;
mod liars;
mod listings;
mod objects;
mod pieces;
mod refusals;
mod samples;

mod ceph;
mod classes;
mod crypt;
mod fs;
mod memory;
mod named;
mod oss;
mod retry;
mod rgw;
mod s3;
mod swift;
