//! How long a card is held to the reader: the terminal's time between its first and its last command, with a card that
//! answers at once.

use crate::{Report, Scale, house::House, report::median};
use serde_json::json;

/// What a cardholder does not notice.
const GOAL: f64 = 100.0;

pub(crate) async fn measure(scale: &Scale, report: &mut Report) {
    let mut house = House::open("copies = []", false).await;
    let (mut own, mut longest, mut commands) = (Vec::new(), 0.0_f64, 0);
    for _ in 0..scale.sales {
        let (transaction, mut following) = house.create().await;
        transaction.start().await.unwrap();
        let mut details = following.next().await.unwrap();
        while details.state != "waiting-card" {
            details = following.next().await.unwrap();
        }
        house.stack.devices(json!({"card": "tap", "profile": "debit"})).unwrap();
        while details.state != "finished" {
            details = following.next().await.unwrap();
        }
        assert_eq!(details.outcome, "approved");
        let held = house.stack.devices(json!({"held": true})).unwrap();
        let milliseconds = |name: &str| held[name].as_f64().unwrap() / 1e3;
        let of_terminal = milliseconds("whole-us") - milliseconds("card-us");
        own.push(of_terminal);
        longest = longest.max(of_terminal);
        commands = held["commands"].as_u64().unwrap();
    }
    report.goal("tap, terminal's time from first to last command, median", median(own), "ms", GOAL);
    report.goal("  the longest", longest, "ms", GOAL);
    report.figure("  commands", commands as f64, "");
}
