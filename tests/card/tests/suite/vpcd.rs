//! The card at the end of the virtual reader's socket.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use posd_card::{Card, Fault, Misbehaviour, Profile, When, vpcd};

use crate::terminal;

pub(crate) fn message(stream: &mut std::net::TcpStream, bytes: &[u8]) {
    stream.write_all(&(bytes.len() as u16).to_be_bytes()).unwrap();
    stream.write_all(bytes).unwrap();
}

pub(crate) fn answer(stream: &mut std::net::TcpStream) -> Vec<u8> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    let mut bytes = vec![0; usize::from(u16::from_be_bytes(head))];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn power_reset_commands_and_removal() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let slot = vpcd::Slot::connect(listener.local_addr().unwrap()).unwrap();
    let (mut reader, _) = listener.accept().unwrap();
    let card = std::thread::spawn(move || {
        let mut card = Card::new(Profile::debit());
        card.misbehave(Misbehaviour::new(When::Instruction(0x84), Fault::Removed));
        slot.serve(&mut card).unwrap();
        card
    });
    message(&mut reader, &[1]);
    message(&mut reader, &[4]);
    assert_eq!(answer(&mut reader)[0], 0x3B);
    message(&mut reader, &[&[0x00, 0xA4, 4, 0, 8], terminal::DEBIT, &[0]].concat());
    assert_eq!(answer(&mut reader)[0], 0x6F);
    message(&mut reader, &[2]);
    message(&mut reader, &[0x80, 0xA8, 0, 0, 2, 0x83, 0, 0]);
    assert_eq!(answer(&mut reader), [0x69, 0x85], "reset forgets the selection");
    message(&mut reader, &[0x00, 0x84, 0, 0, 0]);
    assert!(!card.join().unwrap().present());
    assert_eq!(reader.read(&mut [0]).unwrap(), 0, "the card left the reader");
}

#[test]
fn a_card_is_pulled_by_its_handle() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let slot = vpcd::Slot::connect(listener.local_addr().unwrap()).unwrap();
    let pull = slot.handle().unwrap();
    let card = std::thread::spawn(move || slot.serve(&mut Card::new(Profile::debit())));
    pull.pull().unwrap();
    card.join().unwrap().unwrap();
}
