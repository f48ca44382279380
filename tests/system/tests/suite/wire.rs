//! What goes over the bus: nothing secret, and what is told of a transaction to its owner alone.

use crate::needles::{PIN, card_needles, key_needles, pin_needles};
use posd_system_tests::{
    Caller, House, Library, Monitor, PAN,
    search::{Needle, found},
};
use serde_json::json;
use std::{collections::BTreeSet, process::Command, time::Duration};

#[tokio::test]
async fn rule_10_no_pin_card_number_or_key_is_on_the_bus() {
    let house = House::new().await;
    let monitor = Monitor::of_bytes(&house);
    // Signing in brings the keys; logging in is not recorded by its password's needle, which the caller itself says.
    let house = house.opened().await;
    let mut needles = pin_needles();
    needles.extend(key_needles(&house));
    needles.extend(card_needles());
    let mut app = Caller::own(&house);
    for (reference, pin, outcome) in [("wire-1", PIN, "declined"), ("wire-2", "1234", "approved")] {
        house.devices(json!({"pin": pin}));
        let path = app.create(reference, 1234);
        app.begin(&path).unwrap();
        assert_eq!(app.reaches(&path, "finished")["Outcome"], outcome);
    }
    // One that is reversed: its intent holds sealed card data.
    house.host(json!({"fault": "drop-answer", "message": "sale", "count": 1}));
    let path = app.create("wire-3", 1234);
    app.begin(&path).unwrap();
    assert_eq!(app.reaches(&path, "finished")["Result"]["cause"], "reversed");
    let sold = house.terminal.find("wire-2").await.unwrap();
    sold.receipt().await.unwrap();
    sold.print("merchant").await.unwrap();
    house.terminal.diagnose().await.unwrap();
    house.terminal.list(None, 10).await.unwrap();
    house.terminal.pending_reversals().await.unwrap();
    let heard = monitor.heard();
    assert_eq!(found(&heard, &needles), [""; 0]);
    let control: Vec<Needle> =
        vec![("reference", b"wire-2".to_vec()), ("masked PAN", b"621234******0019".to_vec())];
    assert_eq!(found(&heard, &control).len(), control.len(), "the monitor hears the sales");
    // The same search in what the same monitor hears finds a number that somebody does say.
    let monitor = Monitor::of_bytes(&house);
    let bus = format!("--bus={}", house.stack.bus_address());
    let said = Command::new("dbus-send")
        .args([&bus, "--type=signal", "/test", "org.posd.test.Control", &format!("string:{PAN}")])
        .status();
    assert!(said.unwrap().success());
    assert_eq!(found(&monitor.heard(), &needles), ["PAN as text"]);
}

/// The signals about transactions in the monitor's text: the interface's member, and to whom.
fn of_transactions(text: &str) -> Vec<(String, String)> {
    let word = |line: &str, before: &str, after: char| {
        let (_, rest) = line.split_once(before)?;
        Some(rest.split(after).next()?.to_owned())
    };
    let signals = text.lines().filter(|line| line.starts_with("signal "));
    let signals = signals.filter(|line| line.contains("path=/org/posd/Terminal1/transaction"));
    signals
        .map(|line| (word(line, "member=", ' ').unwrap(), word(line, "destination=", ' ').unwrap()))
        .collect()
}

#[tokio::test]
async fn what_happens_to_a_transaction_is_sent_to_its_owner_and_to_nobody_else() {
    let house = House::new().await.opened().await;
    let monitor = Monitor::of_text(&house);
    let (mut app, mut other) = (Caller::own(&house), Caller::other(&house));
    for caller in [&mut app, &mut other] {
        caller.terminal("ListTransactions", "tu", json!([0, 1])).unwrap();
    }
    for (caller, reference) in [(&mut app, "unicast-1"), (&mut other, "unicast-2")] {
        let path = caller.create(reference, 1234);
        caller.begin(&path).unwrap();
        assert_eq!(caller.reaches(&path, "finished")["Outcome"], "approved");
    }
    let theirs: BTreeSet<String> = other.signals().into_iter().map(|signal| signal.path).collect();
    let own: BTreeSet<String> = app.signals().into_iter().map(|signal| signal.path).collect();
    let both: Vec<&String> = own.intersection(&theirs).collect();
    assert_eq!(both, ["/org/posd/Terminal1"], "each hears of the terminal and of its own sale");
    assert_eq!((own.len(), theirs.len()), (2, 2));
    let text = String::from_utf8_lossy(&monitor.heard()).into_owned();
    let signals = of_transactions(&text);
    for member in ["PropertiesChanged", "Finished", "PrintJobChanged"] {
        assert!(signals.iter().any(|(said, _)| said == member), "{member} is heard: {signals:?}");
    }
    for (member, to) in &signals {
        assert!(to.starts_with(":1."), "{member} goes to {to}, which is not one connection");
    }
    // Each of those connections belongs to one of the two users, and each user had some.
    let connections: BTreeSet<&String> = signals.iter().map(|(_, to)| to).collect();
    let mut users = BTreeSet::new();
    for connection in connections {
        let bus = ("/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionUnixUser");
        let user = app.call(bus.0, bus.1, bus.2, "s", json!([connection])).unwrap();
        users.insert(user.as_u64().unwrap());
    }
    assert_eq!(users, BTreeSet::from([0, u64::from(posd_system_tests::NOBODY)]));
}

#[tokio::test]
async fn pin_progress_comes_on_a_fixed_tick_and_to_the_owner_alone() {
    let house = House::with_idle_customer().await.opened().await;
    house.devices(json!({"pin": "wait"}));
    for library in Library::ALL {
        let mut app = Caller::by(&house, library);
        let mut other = Caller::other_by(&house, library);
        other.terminal("ListTransactions", "tu", json!([0, 1])).unwrap();
        let path = app.create(&format!("tick-{library:?}"), 1234);
        app.begin(&path).unwrap();
        app.reaches(&path, "waiting-card");
        house.devices(json!({"card": "insert", "profile": "debit"}));
        app.reaches(&path, "waiting-pin");
        // Keys in bursts that have nothing to do with the tick.
        for (burst, pause) in [(3, 40), (1, 130), (2, 610), (1, 20), (1, 333), (2, 700)] {
            for _ in 0..burst {
                house.devices(json!({"key": "7"}));
            }
            std::thread::sleep(Duration::from_millis(pause));
        }
        assert_eq!(app.properties(&path)["PinDigits"], 10);
        assert_eq!(app.cancel(&path), "accepted");
        app.reaches(&path, "waiting-removal");
        house.devices(json!({"card": "remove"}));
        app.reaches(&path, "finished");
        let heard = app.signals_of(&path);
        let counts: Vec<(u64, u64)> = heard
            .iter()
            .filter_map(|signal| Some((signal.at, signal.changed("PinDigits")?.as_u64()?)))
            .filter(|(_, digits)| *digits > 0)
            .collect();
        assert!((3..=6).contains(&counts.len()), "far fewer changes than the ten keys: {counts:?}");
        assert!(counts.is_sorted_by(|a, b| a.1 < b.1), "{counts:?}");
        for pair in counts.windows(2) {
            // The grid is a quarter of a second; what lies between is what a busy machine adds.
            let off = (pair[1].0 - pair[0].0) % 250;
            assert!(off <= 80 || off >= 170, "{library:?}: not on the tick: {counts:?}");
        }
        let theirs = other.signals();
        assert!(theirs.iter().any(|signal| signal.path == posd_client::PATH), "the other one listens");
        assert!(theirs.iter().all(|signal| signal.changed("PinDigits").is_none()), "{theirs:?}");
    }
}
