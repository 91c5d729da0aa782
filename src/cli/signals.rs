//! SIGINT, SIGTERM and SIGHUP: the first ends the pass in good order, the second ends the process. One that the process was
//! started to ignore, as `nohup` does with SIGHUP, stays ignored. SIGUSR1 and SIGUSR2 mean nothing here and end nothing.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::report::{Console, format};
use crate::store::http::runtime;
use crate::sys::process::ignored_signals;
use crate::sys::shutdown::{Shutdown, ShutdownReason};

/// What asks a pass to end; a closed terminal is as good a reason as a key.
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// What would end the process and asks for nothing that it knows.
const MEANINGLESS: [i32; 2] = [SIGUSR1, SIGUSR2];

/// Raises `stop` at the first signal, says so, and gives the requests under way some seconds; a second one exits at once
/// with the signal's exit code.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn watch(stop: &Shutdown, console: &Console) -> io::Result<()> {
    let ignored = ignored_signals();
    let heeded = |signal: &i32| !ignored.contains(signal);
    let seen = Arc::new(AtomicBool::new(false));
    for signal in ENDING.into_iter().filter(heeded) {
        // In this order, so that only a second signal exits, and both in the handler itself: a machine that is too busy to
        // run the thread below, or a call that never returns, keeps nobody waiting. A kill is as safe at any instant.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&seen))?;
        flag::register(signal, Arc::clone(&seen))?;
    }
    for signal in MEANINGLESS.into_iter().filter(heeded) {
        flag::register(signal, Arc::default())?;
    }
    let mut signals = Signals::new(ENDING.into_iter().filter(heeded))?;
    let (stop, console) = (stop.clone(), console.clone());
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            stop.request(ShutdownReason::Signal(signal));
            runtime::end_requests();
            console.problem(stopping(runtime::requests_under_way()));
        }
    })?;
    Ok(())
}

/// What is said at the first signal.
fn stopping(requests: u64) -> String {
    let under_way = match requests {
        0 => String::new(),
        n => {
            format!(" {} under way, at most {} s more;", format::plural(n, "request"), runtime::LAST_SECONDS.as_secs())
        }
    };
    format!("Stopping;{under_way} again to quit at once")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_what_is_waited_for_and_how_to_wait_for_nothing() {
        assert_eq!(stopping(0), "Stopping; again to quit at once");
        assert_eq!(stopping(1), "Stopping; 1 request under way, at most 10 s more; again to quit at once");
        assert_eq!(stopping(1200), "Stopping; 1,200 requests under way, at most 10 s more; again to quit at once");
    }
}
