//! The bench works, and what it counts is as told: three durable commits in a sale, no wake-up of an idle terminal, and
//! a start that does not read more of a journal with rows. Its times are not looked at.
#![allow(clippy::panic)]

use posd_bench::{Part, Scale, run};

#[test]
fn counts_are_as_told() {
    let here = std::env::current_exe().unwrap();
    let programs = here.ancestors().nth(2).unwrap();
    for name in ["posd", "posd-vault", "posd-simulator", "posd-acquirer"] {
        assert!(programs.join(name).exists(), "{name} is not built: run `make test`, or `make build` before");
    }
    let report = run(&Scale::QUICK, &Part::ALL, &mut |_| {});
    assert!(report.missed_counts().is_empty(), "{}", report.table());
    let value = |name: &str| report.rows.iter().find(|row| row.name == name).map(|row| row.value);
    assert_eq!(value("durable commits from Start to Finished"), Some(3.0));
    assert_eq!(value("posd, wake-ups in 3 s of idleness"), Some(0.0));
}
