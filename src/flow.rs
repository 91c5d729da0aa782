//! How work flows: a bounded queue with its workers, the budget of bytes in flight, rates, the circuit breaker.

pub mod breaker;
pub mod budget;
pub mod pool;
pub mod rate;

pub use breaker::CircuitBreaker;
pub use budget::Budget;
pub use rate::RateLimiter;
