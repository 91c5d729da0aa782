//! Every fault that a destination can have is found and named, on each backend, by `verify` and by `fsck`.
#![allow(clippy::unwrap_used, missing_docs, dead_code, clippy::print_stdout)]

#[path = "../support/ceph.rs"]
mod ceph;
#[path = "../support/faulty.rs"]
mod faulty;
#[path = "../support/library.rs"]
mod library;
#[path = "../support/mariadb.rs"]
mod mariadb;
#[path = "../support/oss_server.rs"]
mod oss_server;
#[path = "../support/s3_server.rs"]
mod s3_server;
#[path = "../support/sample.rs"]
mod sample;
#[path = "../support/shelf.rs"]
mod shelf;
#[path = "../fsck/side.rs"]
mod side;

mod databases;
mod examine;
mod faults;
mod listings;
mod oss;
mod place;
