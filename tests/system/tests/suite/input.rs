//! Bad input gets a named error and leaves no trace in the journal.

use posd_client::CreateOptions;
use posd_system_tests::{Caller, House};
use serde_json::json;

const PATH: &str = posd_client::PATH;

#[tokio::test]
async fn bad_input_gets_a_named_error_and_leaves_no_trace() {
    let house = House::new().await;
    let create = "org.posd.Terminal1.CreateTransaction";
    let long = "x".repeat(65);
    let cases: [(&[&str], &str); 12] = [
        (&["'a'", "'sale'", "uint64 0", "'CNY'", "@a{sv} {}"], "InvalidAmount"),
        (&["'a'", "'sale'", "uint64 1000000000000", "'CNY'", "@a{sv} {}"], "InvalidAmount"),
        (&["'a'", "'sale'", "uint64 1", "'XXX'", "@a{sv} {}"], "UnknownCurrency"),
        (&["'a'", "'sale'", "uint64 1", "'cny'", "@a{sv} {}"], "UnknownCurrency"),
        (&["'a'", "'steal'", "uint64 1", "'CNY'", "@a{sv} {}"], "UnknownKind"),
        (&["''", "'sale'", "uint64 1", "'CNY'", "@a{sv} {}"], "InvalidReference"),
        (&[&long, "'sale'", "uint64 1", "'CNY'", "@a{sv} {}"], "InvalidReference"),
        (&["'a b'", "'sale'", "uint64 1", "'CNY'", "@a{sv} {}"], "InvalidReference"),
        (&["'a'", "'sale'", "uint64 1", "'CNY'", "{'tip': <uint32 1>}"], "UnknownOption"),
        (&["'a'", "'sale'", "uint64 1", "'CNY'", "{'no-wait': <'yes'>}"], "InvalidOption"),
        (&["'a'", "'sale'", "uint64 1", "'CNY'", "{'locale': <'tlh'>}"], "InvalidOption"),
        (&["'a'", "'sale'", "uint64 1", "'CNY'", "{'note': <'a\\u001bb'>}"], "InvalidOption"),
    ];
    let before = house.journal_rows();
    let said = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();
    for (arguments, error) in cases {
        let answer = said(&house.gdbus(PATH, create, arguments).await);
        assert!(answer.contains(&format!("org.posd.Error.{error}")), "{arguments:?}: {answer}");
    }
    let wrong = said(&house.gdbus(PATH, create, &["'a'"]).await);
    assert!(wrong.contains("InvalidArgs") || wrong.contains("signature"), "{wrong}");
    // The same from Python, where the types are the caller's own choice.
    let mut python = Caller::own(&house);
    for (arguments, error) in [
        (json!(["a", "sale", 0, "CNY", {}]), "InvalidAmount"),
        (json!(["a", "sale", 1_000_000_000_000_u64, "CNY", {}]), "InvalidAmount"),
        (json!(["a", "sale", 1, "EUR", {}]), "UnknownCurrency"),
        (json!(["", "sale", 1, "CNY", {}]), "InvalidReference"),
        (json!(["x".repeat(65), "sale", 1, "CNY", {}]), "InvalidReference"),
        (json!(["a", "sale", 1, "CNY", {"tip": 1}]), "UnknownOption"),
        (json!(["a", "sale", 1, "CNY", {"note": "n".repeat(61)}]), "InvalidOption"),
    ] {
        let answer = python.terminal("CreateTransaction", "sstsa{sv}", arguments.clone());
        assert_eq!(answer, Err(format!("org.posd.Error.{error}")), "{arguments}");
    }
    let answer = python.terminal("CreateTransaction", "sstsas", json!(["a", "sale", 1, "CNY", []]));
    assert_eq!(answer, Err("org.freedesktop.DBus.Error.InvalidArgs".to_owned()));
    for (path, method) in [
        ("/org/posd/Terminal1/transaction/1", "org.posd.Terminal1.Transaction.Start"),
        (PATH, "org.posd.Terminal1.GetTransaction"),
        (PATH, "org.posd.Terminal1.AcknowledgeResult"),
    ] {
        let arguments: &[&str] = if path == PATH { &["1"] } else { &[] };
        let answer = said(&house.gdbus(path, method, arguments).await);
        assert!(answer.contains("org.posd.Error.NotFound"), "{method}: {answer}");
    }
    assert_eq!(house.journal_rows(), before, "no row was written");
    house.create("control", 1).await;
    assert_ne!(house.journal_rows(), before, "the comparison sees a row");
}

#[tokio::test]
async fn calls_in_the_wrong_order_are_refused_by_name_and_leave_no_trace() {
    let house = House::new().await;
    let terminal = &house.terminal;
    let sale = terminal.create("order", 100, &CreateOptions::default()).await.unwrap();
    let before = house.journal_rows();
    assert_eq!(sale.start().await.unwrap_err().refused(), Some("NotSignedIn"));
    assert_eq!(sale.confirm().await.unwrap_err().refused(), Some("WrongState"));
    assert_eq!(sale.select_application(0).await.unwrap_err().refused(), Some("WrongState"));
    assert_eq!(sale.print("merchant").await.unwrap_err().refused(), Some("NoReceipt"));
    assert_eq!(terminal.new_attempt("order").await.unwrap_err().refused(), Some("AttemptNotClosed"));
    assert_eq!(terminal.acknowledge(1).await.unwrap_err().refused(), Some("WrongState"));
    assert_eq!(terminal.sign_out().await.unwrap_err().refused(), Some("NotSignedIn"));
    assert_eq!(terminal.log_in("00", "123456").await.unwrap_err().refused(), Some("InvalidArgument"));
    assert_eq!(terminal.log_in("1", "0000").await.unwrap_err().refused(), Some("InvalidArgument"));
    assert_eq!(terminal.list(None, 0).await.unwrap_err().refused(), Some("InvalidArgument"));
    assert_eq!(house.journal_rows(), before, "no row was written");
    // But for who tried which password.
    assert_eq!(terminal.log_in("01", "9999").await.unwrap_err().refused(), Some("WrongPassword"));
    assert_ne!(house.journal_rows(), before, "a refused login is written down");
    terminal.sign_in().await.unwrap();
    assert_eq!(sale.start().await.unwrap_err().refused(), Some("NoOperator"));
    assert_eq!(sale.details().await.unwrap().state, "created");
}
