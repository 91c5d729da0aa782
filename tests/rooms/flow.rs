//! What bounds the work that is under way: workers and their queue, bytes in memory, calls a second.

mod budget;
mod pool;
mod rate;
mod tasks;
