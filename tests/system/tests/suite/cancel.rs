//! Rule 4: a cancel has a definite end wherever the sale waits before its request leaves.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use posd_system_tests::{Caller, Heard, House, Library};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Where a sale waits for people, and the card that brings it there.
const WAITS: [(&str, Option<&str>); 4] = [
    ("waiting-card", None),
    ("selecting-application", Some("combo")),
    ("waiting-confirmation", Some("confirm")),
    ("waiting-pin", Some("debit")),
];

/// A house whose customer does nothing by itself, not even at a PIN prompt.
async fn patient() -> House {
    let house = House::with_idle_customer().await.opened().await;
    house.devices(json!({"pin": "wait"}));
    house
}

/// Brings a sale to where it waits.
fn wait_at(house: &House, app: &mut Caller, path: &str, state: &str, card: Option<&str>) {
    app.begin(path).unwrap();
    if let Some(profile) = card {
        app.reaches(path, "waiting-card");
        house.devices(json!({"card": "insert", "profile": profile}));
    }
    app.reaches(path, state);
}

fn states(heard: &[Heard]) -> Vec<&str> {
    heard.iter().filter_map(|signal| signal.changed("State")?.as_str()).collect()
}

/// The end of a sale as its owner hears it: the change to finished, then `Finished`, then nothing.
fn assert_cancelled(app: &mut Caller, path: &str, cause: &str) {
    let all = app.reaches(path, "finished");
    assert_eq!((&all["Outcome"], &all["Result"]["cause"]), (&json!("cancelled"), &json!(cause)));
    let heard = app.signals_of(path);
    let [.., before, last] = heard.as_slice() else { panic!("too little was heard: {heard:?}") };
    assert_eq!(
        (before.member.as_str(), before.changed("State")),
        ("PropertiesChanged", Some(&json!("finished")))
    );
    assert_eq!((last.member.as_str(), last.interface.as_str()), ("Finished", posd_client::TRANSACTION));
    assert_eq!(heard.iter().filter(|signal| signal.member == "Finished").count(), 1);
    assert_eq!(before.changed("Sequence"), Some(&last.arguments[0]), "both tell of the same change");
    assert_eq!(last.arguments[1], "cancelled");
    let sequences: Vec<u64> =
        heard.iter().filter_map(|signal| signal.changed("Sequence")?.as_u64()).collect();
    assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
}

#[tokio::test]
async fn rule_4_a_cancel_ends_the_sale_wherever_it_waits_and_finished_comes_when_the_devices_are_idle() {
    let house = patient().await;
    for library in Library::ALL {
        let mut app = Caller::by(&house, library);
        for (state, card) in WAITS {
            let path = app.create(&format!("{library:?}-{state}"), 1500);
            wait_at(&house, &mut app, &path, state, card);
            assert_eq!(app.cancel(&path), "accepted", "{library:?}, {state}");
            assert_eq!(app.cancel(&path), "too-late", "{library:?}, {state}: its end is settled");
            if card.is_some() {
                let all = app.reaches(&path, "waiting-removal");
                assert!(house.devices_idle(), "{state}: no power, no prompt");
                assert_eq!((&all["Outcome"], &all["Prompt"]), (&json!("cancelled"), &json!("remove-card")));
                let heard = app.signals_of(&path);
                assert!(
                    heard.iter().all(|signal| signal.member != "Finished"),
                    "the card is still in: {heard:?}"
                );
                house.devices(json!({"card": "remove"}));
            }
            assert_cancelled(&mut app, &path, "cancelled-by-app");
            assert!(house.devices_idle());
            assert_eq!(app.cancel(&path), "too-late");
        }
        let nowhere = "/org/posd/Terminal1/transaction/4711";
        assert_eq!(app.cancel(nowhere), "not-found");
    }
    assert!(!house.requests().contains(&"sale".to_owned()), "nothing was sent");
}

#[tokio::test]
async fn rule_4_a_cancelled_sale_is_not_finished_before_pad_and_reader_have_answered() {
    let mut house = patient().await;
    let mut app = Caller::own(&house);
    let path = app.create("slow-devices", 1500);
    wait_at(&house, &mut app, &path, "waiting-pin", Some("debit"));
    let module = Pid::from_raw(i32::try_from(house.stack.module().unwrap().id()).unwrap());
    kill(module, Signal::SIGSTOP).unwrap();
    let asked = Instant::now();
    assert_eq!(app.cancel(&path), "accepted");
    assert!(asked.elapsed() < Duration::from_secs(1), "the answer does not wait for the devices");
    std::thread::sleep(Duration::from_millis(500));
    let heard = app.signals_of(&path);
    let late = ["waiting-removal", "finished"];
    assert!(!states(&heard).iter().any(|state| late.contains(state)), "the devices are not idle: {heard:?}");
    kill(module, Signal::SIGCONT).unwrap();
    app.reaches(&path, "waiting-removal");
    assert!(house.devices_idle());
    house.devices(json!({"card": "remove"}));
    assert_cancelled(&mut app, &path, "cancelled-by-app");
}

#[tokio::test]
async fn rule_4_a_cancel_in_the_queue_ends_at_once_and_the_others_move_up() {
    let house = patient().await;
    for library in Library::ALL {
        let mut app = Caller::by(&house, library);
        let [running, second, third] =
            ["running", "second", "third"].map(|name| app.create(&format!("{library:?}-{name}"), 100));
        for path in [&running, &second, &third] {
            app.begin(path).unwrap();
        }
        app.reaches(&running, "waiting-card");
        assert_eq!(app.reaches(&third, "queued")["QueuePosition"], 2);
        assert_eq!(app.cancel(&second), "accepted");
        assert_cancelled(&mut app, &second, "cancelled-by-app");
        assert_eq!(app.reaches(&third, "queued")["QueuePosition"], 1);
        assert_eq!(app.properties(&running)["State"], "waiting-card", "nobody else is touched");
        for path in [&running, &third] {
            assert_eq!(app.cancel(path), "accepted");
            assert_cancelled(&mut app, path, "cancelled-by-app");
        }
        // One that was never started has its end too.
        let idle = app.create(&format!("{library:?}-idle"), 100);
        assert_eq!(app.cancel(&idle), "accepted");
        assert_cancelled(&mut app, &idle, "cancelled-by-app");
        assert_eq!(app.begin(&idle), Err("org.posd.Error.WrongState".to_owned()));
    }
}

#[tokio::test]
async fn rule_4_the_cardholders_own_cancel_at_the_pad_ends_the_sale() {
    let house = patient().await;
    let mut app = Caller::own(&house);
    let path = app.create("at-the-pad", 1500);
    wait_at(&house, &mut app, &path, "waiting-pin", Some("debit"));
    house.devices(json!({"key": "cancel"}));
    app.reaches(&path, "waiting-removal");
    assert!(house.devices_idle());
    house.devices(json!({"card": "remove"}));
    assert_cancelled(&mut app, &path, "cancelled-by-customer");
    let none: [Value; 0] = [];
    assert_eq!(house.charges(), none);
}
