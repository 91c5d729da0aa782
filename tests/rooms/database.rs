//! The server's database: how it is named, and the heads that are read from it.

mod changes;
mod heads;
mod mysql;
mod password;
mod url;
