//! The server's database while the server works on it, died over it, or is not what it seems.

mod answers;
mod sqlite;
mod writer;
