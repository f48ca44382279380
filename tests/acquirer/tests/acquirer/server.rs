//! The host behind TCP, and its control socket.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use crate::terminal::{NOW, Terminal};
use posd_acquirer::message::Message;
use posd_acquirer::{
    BatchName, BookingName, Command, Course, Fault, Host, MessageKind, Reply, Rule, Server, ServerOptions,
    Settings, control,
};

fn server() -> Server {
    let clock: posd_acquirer::Clock = std::sync::Arc::new(|| NOW);
    let options = ServerOptions { clock: Some(clock), ..ServerOptions::default() };
    Server::start(Host::new(Settings::default()).unwrap(), options).unwrap()
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

fn write(mut stream: &TcpStream, message: &Message) {
    let frame = message.encode();
    let prefix = u16::try_from(frame.len()).unwrap().to_be_bytes();
    stream.write_all(&[&prefix, frame.as_slice()].concat()).unwrap();
}

fn read(mut stream: &TcpStream) -> std::io::Result<Message> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut frame = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut frame)?;
    Ok(Message::decode(&frame).unwrap())
}

fn sign_in(stream: &TcpStream) -> Terminal {
    let mut terminal = Terminal::default();
    write(stream, &terminal.sign_in_request("003"));
    terminal.take_keys(&read(stream).unwrap());
    terminal
}

fn fault(server: &Server, fault: Fault, message: MessageKind) {
    assert_eq!(server.control(&Command::Fault(Rule::once(fault, message))), Reply::Ok(true));
}

#[test]
fn a_sale_over_tcp_on_two_connections() {
    let server = server();
    let first = connect(&server);
    let mut terminal = sign_in(&first);
    let second = connect(&server);
    for stream in [&first, &second, &first] {
        write(stream, &terminal.sale(1234));
        assert_eq!(read(stream).unwrap().text(39), Some("00"));
    }
    assert_eq!(server.with_host(|host| host.stats().booked), 3);
}

#[test]
fn a_late_answer_comes_on_the_next_connection() {
    let server = server();
    let first = connect(&server);
    let mut terminal = sign_in(&first);
    fault(&server, Fault::Late { ms: 300 }, MessageKind::Sale);
    let sale = terminal.sale(1234);
    write(&first, &sale);
    while server.with_host(|host| host.stats().booked) == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(first);
    let second = connect(&server);
    assert!(read(&second).unwrap().field(11) == sale.field(11));
}

#[test]
fn a_held_request_is_booked_after_its_time() {
    let server = server();
    let stream = connect(&server);
    let mut terminal = sign_in(&stream);
    fault(&server, Fault::HoldRequest { ms: 60 }, MessageKind::Sale);
    let start = Instant::now();
    write(&stream, &terminal.sale(1234));
    assert_eq!(read(&stream).unwrap().text(39), Some("00"));
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[test]
fn slow_bytes_still_make_the_answer() {
    let server = server();
    let stream = connect(&server);
    let mut terminal = sign_in(&stream);
    fault(&server, Fault::SlowBytes { gap_ms: 1 }, MessageKind::Sale);
    write(&stream, &terminal.sale(1234));
    assert_eq!(read(&stream).unwrap().text(39), Some("00"));
}

#[test]
fn connections_close_as_told() {
    let server = server();
    for (given, booked) in [(Fault::CloseBefore, 0), (Fault::CloseAfter, 1), (Fault::CloseMidway, 2)] {
        let stream = connect(&server);
        let mut terminal = sign_in(&stream);
        terminal.trace = booked * 10 + 1;
        terminal.atc = u16::try_from(booked * 10).unwrap();
        fault(&server, given, MessageKind::Sale);
        write(&stream, &terminal.sale(1234));
        assert!(read(&stream).is_err());
        assert_eq!(server.with_host(|host| host.stats().booked), u64::from(booked));
    }
    assert_eq!(
        server.control(&Command::Fault(Rule { fault: Fault::CloseOnAccept, message: None, count: Some(1) })),
        Reply::Ok(true)
    );
    assert_eq!((&connect(&server)).read(&mut [0; 1]).unwrap_or(0), 0);
    sign_in(&connect(&server));
}

#[test]
fn refused_connections_are_refused_at_once_and_until_cleared() {
    let server = server();
    for _ in 0..3 {
        let rule = Rule { fault: Fault::RefuseConnections, message: None, count: None };
        assert_eq!(server.control(&Command::Fault(rule)), Reply::Ok(true));
        let error = TcpStream::connect(server.address()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(server.control(&Command::CLEAR), Reply::Ok(true));
        sign_in(&connect(&server));
    }
}

#[test]
fn a_stopped_server_closes_its_connections() {
    let server = server();
    let stream = connect(&server);
    sign_in(&stream);
    drop(server);
    assert!(read(&stream).is_err());
}

#[test]
fn control_commands_as_json() {
    let parsed = |text: &str| serde_json::from_str::<Command>(text);
    let rule = Rule { fault: Fault::Delay { ms: 5000 }, message: Some(MessageKind::Sale), count: Some(1) };
    let text = r#"{"fault":"delay","ms":5000,"message":"sale","count":1}"#;
    assert_eq!(parsed(text).unwrap(), Command::Fault(rule));
    for (text, fault) in [
        (r#"{"fault":"drop-answer"}"#, Fault::DropAnswer),
        (r#"{"fault":"decline","code":"51"}"#, Fault::Decline { code: "51".into() }),
        (r#"{"fault":"slow-bytes","gap-ms":2}"#, Fault::SlowBytes { gap_ms: 2 }),
        (r#"{"fault":"garble"}"#, Fault::Garble { bytes: 3 }),
    ] {
        assert_eq!(parsed(text).unwrap(), Command::Fault(Rule { fault, message: None, count: None }));
    }
    for command in [Command::CLEAR, Command::LEDGER, Command::STATS, Command::LOG, Command::RESET_PINS] {
        assert_eq!(parsed(&serde_json::to_string(&command).unwrap()).unwrap(), command);
    }
    for bad in [
        "[]",
        "{}",
        r#"{"clear":false}"#,
        r#"{"fault":"no-such"}"#,
        r#"{"fault":"delay"}"#,
        r#"{"fault":"delay","ms":1,"mesage":"sale"}"#,
        r#"{"ledger":true,"stats":true}"#,
    ] {
        assert!(parsed(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_program_prints_its_address_and_obeys_its_control_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control");
    let settings = directory.path().join("settings.json");
    std::fs::write(&settings, r#"{"seed":9,"switches":{"reversal_not_found":"00"}}"#).unwrap();
    let mut program = Process::new(env!("CARGO_BIN_EXE_posd-acquirer"))
        .args([&"--control".into(), &path, &"--settings".into(), &settings])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(program.stdout.take().unwrap()), &mut line)
        .unwrap();
    let address = line.trim_end().strip_prefix("listening ").unwrap().to_owned();
    let stream = TcpStream::connect(&address).unwrap();
    let mut terminal = sign_in(&stream);
    let rule = Rule::once(Fault::Decline { code: "51".into() }, MessageKind::Sale);
    assert_eq!(control::send(&path, &Command::Fault(rule)).unwrap(), Reply::Ok(true));
    for wanted in ["51", "00"] {
        write(&stream, &terminal.sale(1234));
        assert_eq!(read(&stream).unwrap().text(39), Some(wanted));
    }
    let Reply::Ledger(ledger) = control::send(&path, &Command::LEDGER).unwrap() else { panic!() };
    assert_eq!((ledger.charges.len(), ledger.refusals.len()), (1, 1));
    let Reply::Stats(stats) = control::send(&path, &Command::STATS).unwrap() else { panic!() };
    assert_eq!((stats.booked, stats.declined), (1, 1));
    let Reply::Log(log) = control::send(&path, &Command::LOG).unwrap() else { panic!() };
    assert_eq!(log.len(), 3);
    let bad = Rule::once(Fault::Decline { code: "5".into() }, MessageKind::Sale);
    assert!(matches!(control::send(&path, &Command::Fault(bad)).unwrap(), Reply::Error(_)));
    program.kill().unwrap();
    program.wait().unwrap();
}

#[test]
fn the_control_socket_shows_and_changes_the_books() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control");
    let wallet = posd_acquirer::Wallet { customer_code: Course::Pending, ..Default::default() };
    let host = Host::new(Settings { wallet, ..Settings::default() }).unwrap();
    let options = ServerOptions { control: Some(path.clone()), ..ServerOptions::default() };
    let server = Server::start(host, options).unwrap();
    let stream = connect(&server);
    let mut terminal = sign_in(&stream);
    write(&stream, &terminal.sale(1234));
    assert_eq!(read(&stream).unwrap().text(39), Some("00"));
    let sale = terminal.trace;
    let mut pay = terminal.typed("0200/700000/00/60", 500);
    for field in [2, 14] {
        pay.fields.remove(&field);
    }
    pay.set(44, "002");
    pay.set(59, "A3018134567890123456789");
    write(&stream, &terminal.signed(pay));
    assert_eq!(read(&stream).unwrap().text(39), Some("09"));
    let raw = |text: String| -> serde_json::Value {
        let mut socket = std::os::unix::net::UnixStream::connect(&path).unwrap();
        socket.write_all(format!("{text}\n").as_bytes()).unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(socket), &mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    };
    let name = |trace: u32| format!(r#"{{"terminal":"00000001","batch":1,"trace":{trace}}}"#);
    let totals = || raw(r#"{"totals":{"terminal":"00000001","batch":1}}"#.into());
    let domestic = |count: u64, amount: u64| {
        let sums = totals()["totals"]["domestic"].clone();
        assert_eq!((&sums["debit_count"], &sums["debit_amount"]), (&count.into(), &amount.into()));
    };
    domestic(1, 1234);
    let details = raw(r#"{"details":true,"terminal":"00000001","batch":1}"#.into());
    let line = &details["details"][0];
    assert_eq!(
        (&line["kind"], &line["amount"], &line["pan"]),
        (&"sale".into(), &1234.into(), &"621234******0019".into())
    );
    assert_eq!(raw(r#"{"details":true,"batch":2}"#.into())["details"].as_array().unwrap().len(), 0);
    let ok = serde_json::json!({"ok": true});
    assert_eq!(raw(format!(r#"{{"invent":{}}}"#, name(sale))), ok);
    domestic(2, 2468);
    assert_eq!(raw(format!(r#"{{"forget":{}}}"#, name(sale))), ok);
    domestic(1, 1234);
    assert!(raw(format!(r#"{{"forget":{}}}"#, name(sale)))["error"].is_string());
    assert!(raw(format!(r#"{{"close":{}}}"#, name(sale)))["error"].is_string());
    assert_eq!(raw(format!(r#"{{"pay":{}}}"#, name(terminal.trace))), ok);
    assert_eq!(raw(r#"{"details":true}"#.into())["details"].as_array().unwrap().len(), 2);
    for bad in [r#"{"details":true,"till":1}"#, r#"{"totals":{"terminal":"00000001"}}"#, r#"{"pay":true}"#] {
        assert!(raw(bad.into())["error"].is_string(), "{bad}");
    }
    for command in [
        Command::Details { details: true, terminal: None, batch: Some(1) },
        Command::Totals { totals: BatchName { terminal: "00000001".into(), batch: 1 } },
        Command::Close { close: BookingName { terminal: "00000001".into(), batch: 1, trace: 1 } },
    ] {
        let text = serde_json::to_string(&command).unwrap();
        assert_eq!(serde_json::from_str::<Command>(&text).unwrap(), command);
        control::send(&path, &command).unwrap();
    }
}
