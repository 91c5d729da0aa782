//! The allocator of the program, and how soon it gives memory back.
//!
//! Many threads allocate and free buffers of every size, often in one thread what came from another. With mimalloc and
//! link-time optimisation together, a small PUT took 79 us of processor time instead of 131.

pub use mimalloc::MiMalloc as Allocator;

/// `mi_option_purge_delay` of mimalloc's `mi_option_e` (include/mimalloc.h, the same in versions 2 and 3).
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
/// How long freed memory may stay with the process, in milliseconds.
const GIVE_BACK_AFTER: std::ffi::c_long = 5;

/// Makes the allocator give freed memory back after 5 ms instead of a second, unless `MIMALLOC_PURGE_DELAY` says
/// otherwise. A second is as much memory as a pass frees in one: 384 MB instead of 300 for large blocks, 74 instead of 46
/// for comparing listings, at the same processor time.
pub fn set_purge_delay() {
    // SAFETY: it changes a number that the allocator reads whenever it frees; any value of it is allowed.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, GIVE_BACK_AFTER) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_the_one_it_is_taken_for() {
        // SAFETY: both only read and write a number of the allocator, and no other test asks for it.
        let delay = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        // No other option of mimalloc begins as 1000: the number still means the delay.
        assert_eq!(delay(), 1000);
        set_purge_delay();
        assert_eq!(delay(), GIVE_BACK_AFTER);
    }
}
