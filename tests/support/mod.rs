//! What several tests share. Each test binary declares it once; benches and examples include single files of it.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

pub mod ceph;
pub mod changed;
pub mod fake_mysql;
pub mod faulty;
pub mod folder;
pub mod http_stub;
pub mod liar;
pub mod library;
pub mod lists;
pub mod mariadb;
pub mod mounts;
pub mod oss_server;
mod oss_signature;
pub mod page;
pub mod pass;
pub mod places;
pub mod program;
pub mod proxy;
pub mod python;
pub mod repeat;
pub mod s3_server;
pub mod sample;
pub mod schema;
pub mod side;
pub mod sim_clock;
pub mod skip;
pub mod stub_conf;
pub mod tree;
pub mod unordered;
pub mod watched;
