//! The backends: a file or folder each, all behind the traits of [`store`](super).

pub mod ceph;
pub mod fs;
pub mod memory;
pub mod oss;
pub mod s3;
pub mod swift;
