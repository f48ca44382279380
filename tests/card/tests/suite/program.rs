//! The card as a program of its own.

use std::{
    io::Read as _,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Output},
    time::Duration,
};

use posd_card::issuer;

use crate::{
    terminal,
    vpcd::{answer, message},
};

/// UnionPay credit.
const CREDIT: &[u8] = &[0xA0, 0x00, 0x00, 0x03, 0x33, 0x01, 0x01, 0x02];

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_posd-card"))
}

/// Ends with the test, whatever comes of it.
struct Inserted(Child);

impl Drop for Inserted {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program in the slot of a virtual reader: the reader's end of its connection.
fn insert(arguments: &[&str]) -> (Inserted, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let card = Inserted(program().args(["vpcd", "--port", &port]).args(arguments).spawn().unwrap());
    let (reader, _) = listener.accept().unwrap();
    reader.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    (card, reader)
}

/// Powers the card, and gives its answer to reset and its answer to the selection of a directory.
fn directory(reader: &mut TcpStream, name: &[u8]) -> (Vec<u8>, Vec<u8>) {
    message(reader, &[1]);
    message(reader, &[4]);
    let reset = answer(reader);
    message(reader, &[&[0x00, 0xA4, 4, 0, name.len() as u8], name, &[0]].concat());
    (reset, answer(reader))
}

#[test]
fn it_is_a_card_in_the_virtual_reader_until_the_reader_closes() {
    for (profile, application) in [("debit", terminal::DEBIT), ("credit", CREDIT)] {
        let (mut card, mut reader) = insert(&["--profile", profile]);
        let (reset, chosen) = directory(&mut reader, b"1PAY.SYS.DDF01");
        assert_eq!((reset[0], chosen[0]), (0x3B, 0x6F), "{profile}");
        message(&mut reader, &[&[0x00, 0xA4, 4, 0, 8], application, &[0]].concat());
        let chosen = answer(&mut reader);
        assert!(chosen.ends_with(&[0x90, 0x00]), "{profile}: {chosen:02X?}");
        drop(reader);
        assert!(card.0.wait().unwrap().success(), "{profile}");
    }
}

#[test]
fn in_the_field_it_is_a_contactless_card() {
    for (arguments, there) in [(&["--profile", "quick-pass", "--contactless"][..], true), (&[][..], false)] {
        let (_card, mut reader) = insert(arguments);
        let (_, chosen) = directory(&mut reader, b"2PAY.SYS.DDF01");
        assert_eq!(chosen.ends_with(&[0x90, 0x00]), there, "{arguments:?}: {chosen:02X?}");
    }
}

#[test]
fn it_prints_its_authority_for_the_configuration() {
    let said = |arguments: &[&str]| {
        let Output { status, stdout, .. } = program().args(arguments).output().unwrap();
        assert!(status.success());
        String::from_utf8(stdout).unwrap()
    };
    let key = issuer::authority_key();
    let modulus: String = key.modulus.iter().map(|byte| format!("{byte:02X}")).collect();
    for text in [said(&["ca"]), said(&["ca", "--json"])] {
        assert!(text.to_uppercase().contains(&modulus) && text.contains("A000000333"), "{text}");
    }
    assert!(said(&["ca", "--json"]).trim().starts_with('{'));
}

#[test]
fn without_a_reader_it_says_so() {
    // The port was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut child =
        program().args(["vpcd", "--port", &port]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(text.contains("refused"), "{text}");
}
