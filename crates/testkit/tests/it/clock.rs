//! A clock that is turned by hand.

use std::time::Duration;

use chainbill_domain::{Clock as _, SystemClock};
use chainbill_testkit::ManualClock;

#[test]
fn it_stands_still_until_it_is_turned_in_either_direction() {
    let start = SystemClock.now();
    let clock = ManualClock::at(start);
    assert_eq!(clock.now(), start);
    clock.forward(Duration::from_secs(3600));
    assert_eq!(clock.now(), start + Duration::from_secs(3600));
    clock.back(Duration::from_secs(7200));
    assert_eq!(clock.now(), start - Duration::from_secs(3600));
}

#[test]
fn it_can_run_beside_the_machine_s_and_jump() {
    let clock = ManualClock::running();
    let before = SystemClock.now();
    clock.forward(Duration::from_secs(3600));
    let ahead = clock.now() - before;
    assert!(ahead >= chrono::TimeDelta::hours(1) && ahead < chrono::TimeDelta::minutes(61), "{ahead}");
}
