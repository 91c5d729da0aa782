//! The lease of a command that writes to a destination, or relies on what it holds.

use std::sync::Arc;
use std::time::Duration;

use crate::commands::common::failure::Failure;
use crate::commands::common::flags::LeaseFlags;
use crate::commands::common::settings::{SettingsError, StoreSettings};
use crate::conf::{Backend, Environment, SideConf, StoreConf};
use crate::lease::{LeaseError, LeaseKeeper, LeaseLoss, Outage, TakeOver, Times};
use crate::object::PerKind;
use crate::report::Console;
use crate::store::layer::retry::RetryPolicy;
use crate::store::open::{OpenOptions, open_destination};
use crate::store::{StoreError, WriteStore};
use crate::sys::shutdown::Shutdown;

/// The environment variable that says how many milliseconds lie between writing a lease and reading it back at least.
const SETTLE_VARIABLE: &str = "SEAF_MIGRATE_LEASE_SETTLE_MS";

/// How long a call for the lease waits for an answer, and goes on being repeated, at most.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the lease is acquired.
#[derive(Clone, Copy, Debug)]
pub struct LeaseSettings {
    /// When the lease of another process is taken over.
    pub take_over: TakeOver,
    /// The times of the lease.
    pub times: Times,
}

/// How the lease is acquired, by the options and the environment.
///
/// # Errors
/// When the variable is no number.
pub fn resolve_lease(flags: &LeaseFlags, env: &Environment) -> Result<LeaseSettings, SettingsError> {
    let mut times = Times::default();
    if let Some(text) = env.get(SETTLE_VARIABLE) {
        let number = text.to_str().and_then(|text| text.parse().ok()).filter(|number| *number <= 60_000);
        let what = || SettingsError::option(SETTLE_VARIABLE, "must be a number of milliseconds from 0 to 60000");
        times.settle = Duration::from_millis(number.ok_or_else(what)?);
    }
    let take_over = if flags.take_over { TakeOver::AtOnce } else { TakeOver::WhenAbandoned };
    Ok(LeaseSettings { take_over, times })
}

/// Opens the destination's stores for control objects. A signal does not end these calls, because the lease is to be
/// released after one, too; instead they are not repeated for long.
///
/// # Errors
/// When one of them cannot be opened.
pub fn control_stores(to: &SideConf, settings: &StoreSettings) -> Result<PerKind<Arc<dyn WriteStore>>, StoreError> {
    let options = control_options(settings);
    PerKind::try_from_fn(|kind| open_destination(to.store(kind), &options))
}

/// Opens the destination's stores for the lease, which is held on that of each storage class by itself: another process
/// may have one of them as a destination without classes.
///
/// # Errors
/// As [`control_stores`].
pub fn leased_stores(to: &SideConf, settings: &StoreSettings) -> Result<Vec<Arc<dyn WriteStore>>, StoreError> {
    let options = control_options(settings);
    let leaves = to.stores.values().flat_map(StoreConf::leaves);
    leaves.map(|leaf| open_destination(&leaf, &options)).collect()
}

fn control_options(settings: &StoreSettings) -> OpenOptions {
    let retry = RetryPolicy { patience: settings.retry.patience.min(PATIENCE), ..settings.retry };
    OpenOptions::new(1, settings.timeout.min(PATIENCE), retry, &Shutdown::new()).through(settings.proxies.clone())
}

/// What is done while the lease on `to` cannot be renewed, for writes through stores of `options`; `None` where a kind
/// that moves is in a folder, whose writes cannot be held back. To a kind that stays nothing is written.
pub fn outage(to: &SideConf, options: &OpenOptions) -> Option<Outage> {
    let is_written_to_folder = |store: StoreConf| !store.stays && store.location().backend == Backend::Fs;
    let holds = !to.stores.values().flat_map(StoreConf::leaves).any(is_written_to_folder);
    let OpenOptions { hold, retry, tell, .. } = options;
    holds.then(|| Outage { hold: hold.clone(), patience: retry.patience, tell: tell.clone() })
}

/// Claims the lease on a destination and renews it from now on. With `outage`, a destination that does not answer is
/// waited for.
///
/// # Errors
/// [`Failure::Locked`] when another process holds it; else why a store failed.
pub fn claim(
    stores: &[Arc<dyn WriteStore>],
    settings: &LeaseSettings,
    outage: Option<Outage>,
    shutdown: &Shutdown,
) -> Result<LeaseKeeper, Failure> {
    let claimed = LeaseKeeper::claim(stores, settings.take_over, settings.times, outage, shutdown);
    claimed.map_err(|error| failure_of(error, shutdown))
}

/// Waits until the lease is surely held.
///
/// # Errors
/// As [`claim`].
pub fn confirm(lease: &LeaseKeeper, shutdown: &Shutdown) -> Result<(), Failure> {
    lease.confirm().map_err(|error| failure_of(error, shutdown))
}

/// Sees that the lease is held, whatever became of the command.
///
/// # Errors
/// [`Failure::Locked`] when it is not; else why that is not known.
pub fn require_held(lease: &LeaseKeeper) -> Result<(), Failure> {
    lease.require_held().map_err(|error| failure_of(error, &Shutdown::new()))
}

/// Releases the lease. One that cannot be released is only told: the next run finds out that this process has ended.
pub fn release(lease: LeaseKeeper, console: &Console) {
    if let Err(error) = lease.release() {
        console.warning(format_args!(
            "the lease on the destination could not be released: {error}. The next run may have to wait for \
             some minutes, or be run with --take-over"
        ));
    }
}

fn failure_of(error: LeaseError, shutdown: &Shutdown) -> Failure {
    match error {
        LeaseError::Held { .. } | LeaseError::Alive { .. } => Failure::Locked(error.to_string()),
        LeaseError::Lost(loss) => loss.into(),
        LeaseError::Store(error) => error.into(),
        LeaseError::Interrupted => {
            Failure::interruption(shutdown).unwrap_or_else(|| Failure::cut_short("acquiring the lease"))
        }
    }
}

impl From<LeaseLoss> for Failure {
    fn from(loss: LeaseLoss) -> Self {
        match loss {
            LeaseLoss::TakenOver { .. } => Self::Locked(loss.to_string()),
            LeaseLoss::NotRenewed { .. } => Self::Store(loss.to_string()),
        }
    }
}
