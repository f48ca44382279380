//! The simulated customer: what moves the card, and what does not.

use super::*;

/// A customer who acts by itself, quickly, with the card in the slot.
fn customer() -> (Reader, Pad, Person) {
    let printer = PaperPrinter::start().unwrap();
    let (readers, pad, mut person) = stage(printer, LineScanner::start().unwrap(), true);
    person.told(&json!({"pace": 20}));
    pass(&mut person, PACE);
    assert_eq!(slot(&mut person), json!({"inserted": true, "powered": false, "prompting": false}));
    (readers.contact, pad, person)
}

fn slot(person: &mut Person) -> Value {
    person.told(&json!({"devices": true}))
}

fn pass(person: &mut Person, time: Duration) {
    let until = Instant::now() + time + Duration::from_millis(30);
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(2));
        person.act();
    }
}

#[test]
fn the_customer_takes_out_a_card_that_is_done_with_and_brings_it_again() {
    let (mut reader, _pad, mut person) = customer();
    reader.event();
    reader.event();
    reader.power_on().unwrap();
    reader.power_off();
    pass(&mut person, Duration::from_millis(50));
    let moved = std::iter::from_fn(|| reader.event()).collect::<Vec<_>>();
    assert!(matches!(moved[..], [ReaderEvent::Card(false), ReaderEvent::Card(true)]), "{}", moved.len());
}

#[test]
fn a_link_that_ends_between_transactions_moves_no_card() {
    let (mut reader, _pad, mut person) = customer();
    std::iter::from_fn(|| reader.event()).for_each(drop);
    for _ in 0..2 {
        reader.power_off();
        pass(&mut person, Duration::from_millis(50));
    }
    assert!(reader.event().is_none(), "the card stays in the slot");
}

#[test]
fn a_card_that_is_read_again_at_once_is_left_in() {
    let (mut reader, _pad, mut person) = customer();
    std::iter::from_fn(|| reader.event()).for_each(drop);
    reader.power_on().unwrap();
    reader.power_off();
    reader.power_on().unwrap();
    pass(&mut person, Duration::from_millis(50));
    assert!(reader.event().is_none(), "nobody pulls a card that is being read");
}
