//! SIGINT, SIGTERM and SIGHUP: the first ends the pass in good order, the second ends the process.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::sys::shutdown::{Shutdown, ShutdownReason};

/// What asks a pass to end; a closed terminal is as good a reason as a key.
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// Raises `stop` at the first signal; a second one exits at once with the signal's exit code.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn watch(stop: &Shutdown) -> io::Result<()> {
    let seen = Arc::new(AtomicBool::new(false));
    for signal in ENDING {
        // In this order, so that only a second signal exits, and both in the handler itself: a machine that is too busy to
        // run the thread below, or a call that never returns, keeps nobody waiting. A kill is as safe at any instant.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&seen))?;
        flag::register(signal, Arc::clone(&seen))?;
    }
    let mut signals = Signals::new(ENDING)?;
    let stop = stop.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            stop.request(ShutdownReason::Signal(signal));
        }
    })?;
    Ok(())
}
