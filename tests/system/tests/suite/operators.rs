//! Operators: initial passwords, the supervisor's word, lock-out, the lock screen; and who did what, in the audit chain.

use posd_client::{CreateOptions, Error, Operator};
use posd_system_tests::{Caller, House, succeeded};
use serde_json::{Value, json};
use std::{process::Output, time::Duration};

/// The simulator's supervisor.
const SUPERVISOR: &str = "246810";

/// The last part of the error's name.
fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.unwrap_err().refused().unwrap().to_owned()
}

/// A house whose people type at once.
async fn house() -> House {
    let house = House::with_idle_customer().await;
    house.devices(json!({"pace": 0}));
    house
}

fn numbers(all: &[Operator]) -> Vec<&str> {
    all.iter().map(|operator| operator.number.as_str()).collect()
}

fn said(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the chain says, one row a word or two: operator, event, detail. What the terminal was initialised with is left
/// out: it has a port of this run.
fn rows(house: &House) -> Vec<String> {
    let mut rows = posd_journal::audit_rows(&house.journal(), 0, 1000).unwrap();
    assert_eq!(rows.remove(1).event, "initialised");
    rows.iter()
        .map(|row| format!("{} {} {}", row.operator, row.event, row.detail).trim().to_owned())
        .collect()
}

#[tokio::test]
async fn a_new_operator_must_change_the_initial_password_before_anything_else() {
    let house = house().await;
    let terminal = &house.terminal;
    assert_eq!(numbers(&terminal.operators().await.unwrap()), ["00", "01", "02", "99"]);
    // The supervisor types on the pad.
    terminal.add_operator("07", "").await.unwrap();
    let added = terminal.operators().await.unwrap().into_iter().find(|it| it.number == "07").unwrap();
    assert_eq!(added, Operator { number: "07".to_owned(), initial: true, locked_out: false });
    assert_eq!(refused(terminal.log_in("07", "").await), "PasswordMustBeChanged");
    assert_eq!(terminal.state().await.unwrap().operator, "");
    assert_eq!(refused(terminal.change_password("07", "0000", "12345").await), "WrongPasswordLength");
    assert_eq!(refused(terminal.change_password("07", "0000", "0000").await), "PasswordNotNew");
    assert_eq!(refused(terminal.change_password("07", "1111", "8642").await), "WrongPassword");
    // Old, new and new again on the pad.
    house.devices(json!({"new-password": {"07": "8642"}}));
    terminal.change_password("07", "", "").await.unwrap();
    terminal.log_in("07", "").await.unwrap();
    assert_eq!(terminal.state().await.unwrap().operator, "07");
    assert_eq!(
        refused(terminal.change_password("07", "", "").await),
        "PromptEnded",
        "it cancels the new one"
    );
    assert_eq!(
        rows(&house),
        [
            "terminal-started",
            "00 operator-add target=07 result=asked",
            "00 operator-add target=07 result=done",
            "07 log-in-refused result=initial-password",
            "07 password-change target=07 result=asked",
            "07 password-change target=07 result=wrong-length",
            "07 password-change target=07 result=asked",
            "07 password-change target=07 result=not-new",
            "07 password-change target=07 result=asked",
            "07 password-change target=07 result=wrong-password",
            "07 password-change target=07 result=asked",
            "07 password-change target=07 result=done",
            "07 log-in",
            "07 password-change target=07 result=asked",
            "07 password-change target=07 result=prompt-ended",
        ]
    );
}

#[tokio::test]
async fn the_operator_table_is_the_supervisors_and_the_supervisors_password_the_managers() {
    let house = house().await;
    let terminal = &house.terminal;
    assert_eq!(refused(terminal.add_operator("08", "246811").await), "WrongPassword");
    assert_eq!(refused(terminal.add_operator("01", SUPERVISOR).await), "OperatorExists");
    assert_eq!(refused(terminal.delete_operator("08", SUPERVISOR).await), "OperatorUnknown");
    for result in [
        terminal.delete_operator("00", SUPERVISOR).await,
        terminal.delete_operator("99", SUPERVISOR).await,
        terminal.reset_password("99", SUPERVISOR).await,
        terminal.add_operator("00", SUPERVISOR).await,
    ] {
        assert_eq!(refused(result), "NotAllowed");
    }
    terminal.log_in("01", "1357").await.unwrap();
    assert_eq!(refused(terminal.delete_operator("01", SUPERVISOR).await), "OperatorLoggedIn");
    assert_eq!(refused(terminal.reset_password("01", SUPERVISOR).await), "OperatorLoggedIn");
    terminal.log_out().await.unwrap();
    terminal.reset_password("01", SUPERVISOR).await.unwrap();
    assert_eq!(refused(terminal.log_in("01", "1357").await), "WrongPassword");
    assert_eq!(refused(terminal.log_in("01", "0000").await), "PasswordMustBeChanged");
    terminal.delete_operator("01", SUPERVISOR).await.unwrap();
    assert_eq!(numbers(&terminal.operators().await.unwrap()), ["00", "02", "99"]);
    assert_eq!(refused(terminal.log_in("01", "0000").await), "WrongPassword");
    // The supervisor's own: by the manager, and then it keeps nothing before it has changed it.
    assert_eq!(refused(terminal.reset_password("00", SUPERVISOR).await), "WrongPassword");
    terminal.reset_password("00", "86421357").await.unwrap();
    assert_eq!(refused(terminal.add_operator("08", "123456").await), "PasswordMustBeChanged");
    terminal.change_password("00", "123456", "975310").await.unwrap();
    terminal.add_operator("08", "975310").await.unwrap();
    // No password in what was written.
    let written = std::fs::read(house.journal()).unwrap();
    for password in [SUPERVISOR, "246811", "975310", "86421357"] {
        assert!(!written.windows(password.len()).any(|bytes| bytes == password.as_bytes()), "{password}");
    }
}

#[tokio::test]
async fn a_lock_out_says_its_seconds_and_no_restart_ends_it() {
    let mut house = house().await;
    let mut wrong = 0;
    let seconds = loop {
        let error = house.terminal.log_in("02", "9999").await.unwrap_err();
        match error.seconds_left() {
            Some(seconds) => break seconds,
            None => assert_eq!(error.refused(), Some("WrongPassword")),
        }
        wrong += 1;
        assert!(wrong < 10, "wrong tries lock out");
    };
    assert!((1..=30).contains(&seconds), "{seconds}");
    assert_eq!(refused(house.terminal.log_in("02", "1357").await), "LockedOut", "the right one neither");
    house.stack.kill_posd();
    house.stack.start_posd().unwrap();
    house.in_service().await;
    assert_eq!(refused(house.terminal.log_in("02", "1357").await), "LockedOut");
    let all = house.terminal.operators().await.unwrap();
    assert!(all.iter().all(|operator| operator.locked_out == (operator.number == "02")), "{all:?}");
    // Others are not locked out, and the supervisor's word ends it.
    house.terminal.log_in("01", "1357").await.unwrap();
    house.terminal.reset_password("02", SUPERVISOR).await.unwrap();
    assert_eq!(refused(house.terminal.log_in("02", "0000").await), "PasswordMustBeChanged");
    let rows = rows(&house);
    let told = rows.iter().filter(|row| row.ends_with("02 log-in-refused result=locked-out")).count();
    assert_eq!(told, 2, "once in each run of the daemon: {rows:?}");
}

#[tokio::test]
async fn a_locked_screen_makes_and_starts_nothing_for_anybody() {
    let house = house().await.opened().await;
    let before = house.create("before", 100).await;
    house.terminal.lock().await.unwrap();
    assert!(house.terminal.state().await.unwrap().locked);
    let options = CreateOptions::default();
    assert_eq!(refused(house.terminal.create("after", 100, &options).await), "Locked");
    assert_eq!(refused(before.start().await), "Locked");
    assert_eq!(refused(house.terminal.log_out().await), "Locked");
    assert_eq!(refused(house.terminal.log_in("02", "1357").await), "Locked");
    let mut stranger = Caller::other(&house);
    let theirs =
        stranger.terminal("CreateTransaction", "sstsa{sv}", json!(["other", "sale", 100, "CNY", {}]));
    assert_eq!(theirs, Err("org.posd.Error.Locked".to_owned()));
    assert_eq!(refused(house.terminal.unlock("02", "1357").await), "NotAllowed");
    assert_eq!(refused(house.terminal.unlock("", "9999").await), "WrongPassword");
    assert_eq!(house.terminal.state().await.unwrap().operator, "01", "it stays logged in");
    // What is there can be found and cancelled.
    let found = house.terminal.find("before").await.unwrap();
    assert_eq!(found.details().await.unwrap().state, "created");
    // Its own password, on the pad; then the supervisor's.
    house.terminal.unlock("", "").await.unwrap();
    house.terminal.lock().await.unwrap();
    house.terminal.unlock("00", "").await.unwrap();
    assert!(!house.terminal.state().await.unwrap().locked);
    house.devices(json!({"pace": 20}));
    house.devices(json!({"auto": true}));
    assert_eq!(house.finish(&before).await.outcome, "approved");
}

#[tokio::test]
async fn the_pad_serves_one_at_a_time() {
    let house = house().await.opened().await;
    let sale = house.create("holds-the-pad", 100).await;
    house.start_until(&sale, "waiting-card").await;
    let terminal = &house.terminal;
    for result in [
        terminal.change_password("01", "", "").await,
        terminal.add_operator("09", "").await,
        terminal.delete_operator("02", "").await,
        terminal.reset_password("02", "").await,
        terminal.lock().await,
        terminal.log_in("02", "").await,
    ] {
        assert_eq!(refused(result), "Busy");
    }
    assert_eq!(sale.cancel().await.unwrap(), "accepted");
    // A prompt that nobody answers goes with the app that asked for it.
    house.devices(json!({"pace": 10000}));
    let other = house.connect().await;
    let waiting = tokio::spawn(async move { other.change_password("01", "", "").await });
    let asked = async {
        while house.devices(json!({"devices": true}))["prompting"] == false {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), asked).await.unwrap();
    assert_eq!(refused(terminal.lock().await), "Busy");
    waiting.abort();
    let free = async {
        while terminal.lock().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), free).await.unwrap();
}

#[tokio::test]
async fn who_did_what_is_in_a_chain_that_shows_a_hand_in_it() {
    let mut house = House::new().await.opened().await;
    assert_eq!(house.sell("audited-1", 1234).await.outcome, "approved");
    house.terminal.sign_out().await.unwrap();
    house.terminal.log_out().await.unwrap();
    let written = rows(&house);
    let expected = [
        "terminal-started",
        "sign-in batch=000001",
        "01 log-in",
        "01 transaction-created transaction=1 kind=sale amount=1234",
        "01 transaction-outcome transaction=1 outcome=approved cause=none code=00 charged=1234",
        "01 sign-out batch=000001",
        "01 log-out",
    ];
    assert_eq!(written, expected);
    // Beside the running daemon, against the head that it tells.
    let journal = house.journal();
    let file = journal.to_str().unwrap();
    let head = succeeded("posctl", &house.posctl(&["audit", "head"], "").await).trim().to_owned();
    assert!(head.starts_with("8:"), "{head}");
    let whole = house.posctl(&["audit", "verify", file, "--head", &head], "").await;
    assert!(succeeded("posctl", &whole).contains(&format!("whole up to {head}")));
    let log = std::fs::read_to_string(house.directory().join("posd.log")).unwrap();
    assert!(log.contains(&format!("the audit chain ends at {head}")), "a log kept elsewhere has it too");
    let listed = said(&house.posctl(&["audit", "list", file, "--after", "3", "--json"], "").await);
    let first = (&listed[0]["sequence"], &listed[0]["event"], &listed[0]["uid"]);
    assert_eq!(first, (&json!(4), &json!("log-in"), &json!(0)));
    // Somebody with the file in hand: changes who it was, or cuts off the end.
    house.stack.kill_posd();
    drop(posd_journal::Journal::open(&journal).unwrap());
    let kept = std::fs::read(&journal).unwrap();
    let python = |sql: &str| {
        let script =
            "import sqlite3,sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2]); c.commit()";
        let sql = format!("DROP TRIGGER audit_stays; DROP TRIGGER audit_as_it_is; {sql}");
        let output = std::process::Command::new("/usr/bin/python3").args(["-c", script, file, &sql]).output();
        succeeded("python3", &output.unwrap());
    };
    python("UPDATE audit SET operator = '02' WHERE sequence = 6");
    let changed = house.posctl(&["audit", "verify", file], "").await;
    assert_eq!(changed.status.code(), Some(13));
    assert!(String::from_utf8_lossy(&changed.stdout).contains("BROKEN: row 6 was changed"));
    std::fs::write(&journal, &kept).unwrap();
    python("DELETE FROM audit WHERE sequence = 8");
    let cut = house.posctl(&["audit", "verify", file, "--json"], "").await;
    assert_eq!((cut.status.code(), &said(&cut)["against-head"]), (Some(0), &json!(false)));
    let cut = house.posctl(&["audit", "verify", file, "--head", &head, "--json"], "").await;
    assert_eq!((cut.status.code(), &said(&cut)["row"]), (Some(13), &json!(8)));
    let missing = house.posctl(&["audit", "verify", "/nonexistent/journal"], "").await;
    assert_eq!(missing.status.code(), Some(1));
    assert_eq!(house.posctl(&["audit", "verify", file, "--head", "7"], "").await.status.code(), Some(2));
}

#[tokio::test]
async fn posctl_keeps_operators_and_its_exit_codes_say_what_came_of_it() {
    let house = house().await;
    let json_of = async |arguments: &[&str], input: &str| {
        let all: Vec<&str> = ["operator", "--json"].iter().chain(arguments).copied().collect();
        let output = house.posctl(&all, input).await;
        (output.status.code().unwrap(), said(&output))
    };
    assert_eq!(json_of(&["add", "05"], "").await, (0, json!({"done": "add"})));
    let list = json_of(&["list"], "").await.1;
    assert_eq!(list[3], json!({"operator": "05", "initial": true, "locked-out": false}));
    let text = house.posctl(&["operator", "list"], "").await;
    assert!(succeeded("posctl", &text).contains("05  initial password, must be changed\n"));
    let (code, refusal) = json_of(&["login", "05"], "").await;
    assert_eq!((code, &refusal["error"]), (12, &json!("PasswordMustBeChanged")));
    let typed = ["change-password", "05", "--password-on-stdin"];
    assert_eq!(json_of(&typed, "0001\n8642\n").await.0, 10);
    assert_eq!(json_of(&typed, "0000\n8642\n").await.0, 0);
    assert_eq!(json_of(&["login", "05", "--password-on-stdin"], "8642\n").await.0, 0);
    assert_eq!(house.terminal.state().await.unwrap().operator, "05");
    assert_eq!(json_of(&["lock"], "").await.0, 0);
    assert_eq!(json_of(&["logout"], "").await.0, 9);
    assert_eq!(json_of(&["unlock", "--supervisor"], "").await.0, 0);
    assert_eq!(
        json_of(&["delete", "05"], "").await,
        (
            7,
            json!({"error": "OperatorLoggedIn", "text": "that operator is logged in; log it out first", "exit": 7})
        )
    );
    assert_eq!(json_of(&["logout"], "").await.0, 0);
    assert_eq!(json_of(&["reset", "05"], "").await.0, 0);
    assert_eq!(json_of(&["delete", "05"], "").await.0, 0);
    assert_eq!(json_of(&["delete", "5"], "").await.0, 2);
    let (code, refusal) = loop {
        let (code, refusal) = json_of(&["login", "02", "--password-on-stdin"], "9999\n").await;
        if code != 10 {
            break (code, refusal);
        }
    };
    assert_eq!(code, 11);
    assert!(refusal["seconds"].as_u64().is_some_and(|seconds| (1..=30).contains(&seconds)), "{refusal}");
    let plain = house.posctl(&["operator", "login", "02", "--password-on-stdin"], "1357\n").await;
    assert_eq!(plain.status.code(), Some(11));
    assert!(String::from_utf8_lossy(&plain.stderr).contains("wait"));
}
