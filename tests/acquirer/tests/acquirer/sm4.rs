//! A host that speaks SM4.

use crate::terminal::{NOW, Terminal, code, exchange, frame, key16};
use posd_acquirer::message::Message;
use posd_acquirer::sm4::Sm4Key;
use posd_acquirer::{Algorithm, Host, Settings, Switches};

fn host() -> Host {
    let switches = Switches { algorithm: Algorithm::Sm4, ..Switches::default() };
    Host::new(Settings { switches, ..Settings::default() }).unwrap()
}

/// Signs in: PIN key and MAC key.
fn sign_in(host: &mut Host, terminal: &mut Terminal) -> [Sm4Key; 2] {
    let answer = exchange(host, &terminal.sign_in_request("005"));
    let field = answer.field(62).unwrap();
    assert_eq!(field.len(), 40);
    let master = Sm4Key(key16(&Settings::default().terminals[0].terminal_master_key));
    [0, 20].map(|at| {
        let key = Sm4Key(master.decrypt(field[at..at + 16].try_into().unwrap()));
        assert_eq!(key.check_value(), field[at + 16..at + 20]);
        key
    })
}

/// A sale with this PIN, under SM4 keys.
fn sale(terminal: &mut Terminal, [pin_key, mac]: &[Sm4Key; 2], pin: &str) -> Message {
    terminal.pin = None;
    terminal.mak = Some(posd_acquirer::cipher::Key::Single([0; 8]));
    let mut message = terminal.sale(1234);
    let clear = u128::from_str_radix(&format!("0{}{pin:F<30}", pin.len()), 16).unwrap();
    // 6212340000000019: the twelve digits before its check digit.
    let block = (clear ^ 0x2340_0000_0001).to_be_bytes();
    message.set(22, "051");
    message.set(26, "12");
    message.set(52, pin_key.encrypt(block));
    message.set(53, "2300000000000000");
    message.sign(|input| mac.field64(input));
    message
}

#[test]
fn sign_in_is_by_005_and_006() {
    let mut host = host();
    let mut terminal = Terminal::default();
    for other in ["003", "004"] {
        assert_eq!(code(&mut host, &terminal.sign_in_request(other)), "40");
    }
    let with_track = exchange(&mut host, &terminal.sign_in_request("006"));
    assert_eq!(with_track.field(62).unwrap().len(), 60);
    let [pin, mac] = sign_in(&mut host, &mut terminal);
    assert_ne!(pin.0, mac.0);
    let hex = |key: &Sm4Key| key.0.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    assert_eq!(host.work_keys()[&terminal.number], [hex(&pin), hex(&mac)]);
    let mut des = Host::new(Settings::default()).unwrap();
    assert_eq!(code(&mut des, &terminal.sign_in_request("005")), "40");
}

#[test]
fn a_sale_needs_its_mac_pin_and_form() {
    let mut host = host();
    let mut terminal = Terminal::default();
    let keys = sign_in(&mut host, &mut terminal);
    let good = sale(&mut terminal, &keys, "1234");
    let deliveries = host.receive(&good.encode(), NOW);
    let answer = frame(&deliveries);
    let message = Message::decode(answer).unwrap();
    assert_eq!(message.text(39), Some("00"));
    assert_eq!(message.field(64), Some(&keys[1].field64(&answer[11..answer.len() - 8])[..]));
    let wrong_pin = sale(&mut terminal, &keys, "4321");
    assert_eq!(code(&mut host, &wrong_pin), "55");
    let mut wrong_mac = sale(&mut terminal, &keys, "1234");
    wrong_mac.set(64, "00000000");
    assert_eq!(code(&mut host, &wrong_mac), "A0");
    let mut des53 = sale(&mut terminal, &keys, "1234");
    des53.set(53, "2600000000000000");
    des53.sign(|input| keys[1].field64(input));
    assert_eq!(code(&mut host, &des53), "30");
    let mut short = sale(&mut terminal, &keys, "1234");
    short.set(52, [0; 8]);
    short.sign(|input| keys[1].field64(input));
    assert_eq!(code(&mut host, &short), "30");
}
