//! The backends and the layers over them, where a server, a disk or an answer is not as it should be. What every
//! backend must do is in `tests/conformance/`.

mod addresses;
mod classes;
mod crypt;
mod endless;
mod foreign_answers;
mod fs_durable;
mod fs_faults;
mod fs_layout;
mod fs_links;
mod fs_quarantine;
mod http;
mod names;
mod oss;
mod patience;
mod patience_after;
mod pieces;
mod proxies;
mod redirects;
mod retry;
mod s3_access;
mod s3_dialects;
mod s3_faults;
mod swift;
mod swift_login;
mod trust;
mod within;
mod wrong_listings;
