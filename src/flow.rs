//! How work flows: a bounded queue with its workers, how many of them pay, tasks that lead to further ones, the budget of bytes in memory,
//! rates, the circuit breaker.

pub mod adaptive;
pub mod breaker;
pub mod budget;
mod growth;
pub mod hold;
pub mod pool;
pub mod rate;
pub mod tasks;

pub use breaker::CircuitBreaker;
pub use budget::Budget;
pub use hold::Hold;
pub use rate::RateLimiter;
