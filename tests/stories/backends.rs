//! Every fault that a destination can have is found and named, on each backend, by `verify` and by `fsck`.

mod faults;
mod oss;
mod place;
