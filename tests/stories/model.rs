//! A model of everything that may happen to two sides, in any order: passes, kills, two runners at once, verifications,
//! removals, repairs; losses and damage on either side, backups put in place, a server that goes on writing.
//!
//! After each step the claims of the program are held against what the test knows: nothing is removed that the destination
//! does not have, nothing right is replaced by something wrong, and "safe to switch" is never said of a head that lacks an
//! object. In the end everything is mended, and the program must see that, too.
//!
//! The commands run inside processes of their own, one after the other in each, so that tens of thousands of them take
//! minutes; only what is killed is a process.

use std::process::Command;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::support::repeat::is_thorough;

mod sides;
mod steps;

use steps::Step;

/// How many interleavings each process tries, and how many when `SEAF_TEST_REPEAT` asks for thorough tests.
const CASES: u32 = 15;
const THOROUGH_CASES: u32 = 2_500;
/// More than the machine may have processors, because a step waits for threads, processes and kills.
const PROCESSES: u32 = 4;
/// In one of so many interleavings, all is mended at the end.
const MENDED_ONE_IN: u8 = 4;
/// The environment variable that names the seed of a process.
const SEED: &str = "SEAF_TEST_MODEL_SEED";

#[test]
fn whatever_happens_in_whatever_order_nothing_is_lost_and_nothing_untrue_is_said() {
    let seed: u32 = std::env::var("SEAF_TEST_MODEL_FIRST_SEED").map_or(1, |text| text.parse().unwrap());
    let children: Vec<_> = (seed..seed + PROCESSES)
        .map(|seed| {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--ignored", "--exact", "model::interleavings", "--nocapture"]).env(SEED, seed.to_string());
            child.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            std::thread::spawn(move || child.output().unwrap())
        })
        .collect();
    for child in children {
        let output = child.join().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let end = text.floor_char_boundary(text.len().saturating_sub(20_000));
        assert!(output.status.success() && text.contains("1 passed"), "{}", &text[end..]);
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(steps::any_step(), 3..9)
}

#[test]
#[ignore = "the process that the other test starts"]
fn interleavings() {
    let seed: u8 = std::env::var(SEED).expect("only started by the other test").parse().unwrap();
    let config = Config {
        cases: if is_thorough() { THOROUGH_CASES } else { CASES },
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]));
    let input = (any::<u8>(), any::<bool>(), steps());
    let tried = runner.run(&input, |(seed, keeps_lists, steps)| {
        let mut sides = sides::Sides::new(seed % 16, keeps_lists);
        for step in &steps {
            sides.take(step);
        }
        if seed % MENDED_ONE_IN == 0 {
            sides.mend();
        }
        Ok(())
    });
    tried.unwrap_or_else(|failure| panic!("{failure}"));
}
