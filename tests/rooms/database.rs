//! The server's database: how it is named, and the heads that are read from it.

mod heads;
mod url;
