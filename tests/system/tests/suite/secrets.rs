//! Rule 10: no PIN, key or card number where it must not be: in the journal, in `posd`'s memory.

use crate::needles::{PIN, card_needles, key_needles, pin_needles};
use posd_system_tests::{
    House,
    search::{Needle, found, found_in_memory},
};
use serde_json::json;

#[tokio::test]
async fn the_memory_of_posd_never_holds_a_pin_or_a_key() {
    let mut house = House::with_idle_customer().await.opened().await;
    let posd = house.stack.posd().unwrap().id();
    let module = house.stack.module().unwrap().id();
    let mut needles = pin_needles();
    needles.extend(key_needles(&house));
    house.devices(json!({"pin": PIN}));
    house.host(json!({"fault": "delay", "ms": 1200, "message": "sale", "count": 2}));
    // Checked by the issuer, then by the card itself.
    for (number, profile) in ["debit", "offline-pin", "enciphered-pin"].into_iter().enumerate() {
        let reference = format!("memory-canary-{number}");
        let sale = house.create(&reference, 1234).await;
        sale.start().await.unwrap();
        house.reaches(&sale, "waiting-card").await;
        house.devices(json!({"card": "insert", "profile": profile}));
        house.reaches(&sale, "waiting-pin").await;
        while sale.details().await.unwrap().pin_digits < 3 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(found_in_memory(posd, &needles), [""; 0], "{profile}: while the PIN is typed");
        if profile == "debit" {
            house.reaches(&sale, "authorizing").await;
            assert_eq!(found_in_memory(posd, &needles), [""; 0], "{profile}: while the host is asked");
        } else {
            // The card counts this wrong PIN; the prompt that follows is cancelled.
            while sale.details().await.unwrap().prompt == "enter-pin" {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            assert_eq!(sale.cancel().await.unwrap(), "accepted");
        }
        house.reaches(&sale, "waiting-removal").await;
        house.devices(json!({"card": "remove"}));
        assert_eq!(found_in_memory(posd, &needles), [""; 0], "{profile}: afterwards");
        // The search finds what is there: the sale's name in posd, the PIN with the person who types it, the
        // keys in the secure module.
        assert_eq!(found_in_memory(posd, &[("reference", reference.into())]), ["reference"]);
    }
    let there = found_in_memory(module, &needles);
    for needle in ["PIN as text", "master key", "PIN key", "MAC key"] {
        assert!(there.contains(&needle), "{needle} is in the secure module: {there:?}");
    }
}

#[tokio::test]
async fn nothing_secret_is_in_the_journal_or_its_free_pages() {
    let house = House::new().await.opened().await;
    house.devices(json!({"pin": PIN}));
    assert_eq!(house.sell("journal-canary-0", 100).await.outcome, "declined");
    house.devices(json!({"pin": "1234"}));
    for number in 1..4 {
        assert_eq!(house.sell(&format!("journal-canary-{number}"), 100).await.outcome, "approved");
    }
    // One that is reversed, whose intent held sealed card data.
    house.host(json!({"fault": "drop-answer", "message": "sale", "count": 1}));
    assert_eq!(house.sell("journal-canary-4", 100).await.outcome, "failed");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(house.directory()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        // The journal with its log, and what the daemon wrote to its own.
        if name.starts_with("journal.db") || name == "posd.log" {
            all.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    let control: Vec<Needle> =
        vec![("reference", b"journal-canary-4".to_vec()), ("masked PAN", b"621234******0019".to_vec())];
    assert_eq!(found(&all, &control).len(), control.len(), "the search finds what is there");
    let mut needles = pin_needles();
    needles.extend(key_needles(&house));
    needles.extend(card_needles());
    assert_eq!(found(&all, &needles), [""; 0]);
}

#[tokio::test]
async fn pin_progress_is_a_count_that_does_not_follow_the_keys() {
    let house = House::with_idle_customer().await.opened().await;
    house.devices(json!({"pin": PIN}));
    let sale = house.create("progress-1", 100).await;
    let mut following = sale.follow().await.unwrap();
    sale.start().await.unwrap();
    let mut counts = Vec::new();
    loop {
        let details = following.next().await.unwrap();
        match details.state.as_str() {
            "waiting-card" => drop(house.devices(json!({"card": "insert", "profile": "debit"}))),
            "waiting-pin" => counts.push(details.pin_digits),
            "waiting-removal" => drop(house.devices(json!({"card": "remove"}))),
            "finished" => break,
            _ => assert_eq!(details.pin_digits, 0, "outside of the prompt nothing is counted"),
        }
    }
    // A key every 150 ms, a tick every 250: several keys fall together, so there are fewer changes than keys.
    assert!(counts.is_sorted() && counts.len() >= 4, "{counts:?}");
    assert!(counts.len() <= 10, "no change for each of twelve keys: {counts:?}");
}
