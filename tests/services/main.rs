//! What needs real servers: those of `scripts/services.sh`, MariaDB, and clients of other makers. SKIPPED where there are
//! none, which `SEAF_MIGRATE_REQUIRE_ALL=1` forbids.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub)]

#[path = "../support/mod.rs"]
mod support;

mod ceph_faults;
mod databases;
mod encrypted;
mod foreign_clients;
mod oss_sdk;
mod pair_faults;
mod pairs;
mod repo;
mod sse_c;
