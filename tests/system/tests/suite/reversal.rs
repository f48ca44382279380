//! Rule 7: while a reversal is pending nothing new goes online.

use posd_system_tests::{Caller, House, Library};
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn rule_7_a_sale_while_a_reversal_is_pending_fails_and_sells_once_it_is_answered() {
    for library in Library::ALL {
        let house = House::new().await.opened().await;
        house.host(json!({"fault": "drop-answer", "message": "sale", "count": 1}));
        house.host(json!({"fault": "drop-request", "message": "reversal"}));
        let mut app = Caller::by(&house, library);
        let first = app.create("silent", 4200);
        app.begin(&first).unwrap();
        let open = app.reaches(&first, "resolving");
        assert_eq!((&open["Outcome"], &open["Prompt"]), (&json!("unknown"), &json!("resolving")));
        assert_eq!(open["Result"]["cause"], "no-answer");
        let attempt = app.terminal("NewAttempt", "s", json!(["silent"]));
        assert_eq!(attempt, Err("org.posd.Error.AttemptNotClosed".to_owned()), "it may be charged still");
        let acknowledged = app.terminal("AcknowledgeResult", "t", json!([open["Id"]]));
        assert_eq!(acknowledged, Err("org.posd.Error.WrongState".to_owned()), "unknown is no result yet");

        // The first try fails by itself; the sale makes its own.
        let tries = |app: &mut Caller| {
            let pending = app.terminal("PendingReversals", "", json!([])).unwrap();
            pending[0]["tries"].as_array().unwrap().len()
        };
        while tries(&mut app) == 0 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let second = app.create("behind", 700);
        app.begin(&second).unwrap();
        let end = app.reaches(&second, "finished");
        assert_eq!(
            (&end["Outcome"], &end["Result"]["cause"]),
            (&json!("failed"), &json!("reversal-pending"))
        );
        assert_eq!(app.properties(&first)["State"], "resolving");
        let requests = house.requests();
        assert_eq!(
            requests.iter().filter(|kind| *kind == "sale").count(),
            1,
            "only the first left: {requests:?}"
        );
        assert!(
            requests.iter().filter(|kind| *kind == "reversal").count() >= 2,
            "it was tried first: {requests:?}"
        );
        let pending = app.terminal("PendingReversals", "", json!([])).unwrap();
        assert_eq!((&pending[0]["transaction"], &pending[0]["amount"]), (&open["Id"], &json!(4200)));
        assert_eq!(house.booked(), [4200]);

        house.host(json!({"clear": true}));
        let end = app.reaches(&first, "finished");
        assert_eq!((&end["Outcome"], &end["Result"]["cause"]), (&json!("failed"), &json!("reversed")));
        assert_eq!(app.terminal("PendingReversals", "", json!([])), Ok(json!([])));
        let again = app.terminal("NewAttempt", "s", json!(["behind"])).unwrap();
        let again = again.as_str().unwrap().to_owned();
        app.begin(&again).unwrap();
        assert_eq!(app.reaches(&again, "finished")["Outcome"], "approved");
        assert_eq!(house.booked(), [700]);
    }
}

#[tokio::test]
async fn rule_7_a_sale_that_comes_during_a_try_makes_one_of_its_own() {
    let house = House::new().await.opened().await;
    house.host(json!({"fault": "drop-answer", "message": "sale", "count": 1}));
    house.host(json!({"fault": "drop-request", "message": "reversal", "count": 1}));
    let mut app = Caller::own(&house);
    let first = app.create("silent", 4200);
    app.begin(&first).unwrap();
    app.reaches(&first, "resolving");
    let tried = || house.requests().iter().filter(|kind| *kind == "reversal").count();
    while tried() == 0 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // That try is never answered. It is not the new sale's fault, and the next one is heard.
    let second = app.create("behind", 700);
    app.begin(&second).unwrap();
    assert_eq!(app.terminal("PendingReversals", "", json!([])).unwrap()[0]["tries"], json!([]));
    let end = app.reaches(&second, "finished");
    assert_eq!((&end["Outcome"], &end["Result"]["cause"]), (&json!("approved"), &json!("none")));
    assert_eq!(app.reaches(&first, "finished")["Result"]["cause"], "reversed");
    assert_eq!((tried(), house.booked()), (2, vec![700]));
}

#[tokio::test]
async fn rule_7_the_reader_is_free_while_a_reversal_is_pending() {
    let house = House::with_idle_customer().await.opened().await;
    house.host(json!({"fault": "drop-answer", "message": "sale", "count": 1}));
    house.host(json!({"fault": "drop-request", "message": "reversal"}));
    let mut app = Caller::own(&house);
    let first = app.create("silent", 4200);
    app.begin(&first).unwrap();
    app.reaches(&first, "waiting-card");
    house.devices(json!({"card": "insert", "profile": "debit"}));
    app.reaches(&first, "waiting-removal");
    assert!(house.devices_idle());
    house.devices(json!({"card": "remove"}));
    app.reaches(&first, "resolving");
    assert!(house.devices_idle());
    house.terminal_is("in service", |reasons| reasons.is_empty()).await;
}

#[tokio::test]
async fn a_reversal_that_the_host_does_not_take_prints_one_fault_slip() {
    let house = House::new().await.opened().await;
    house.host(json!({"fault": "drop-answer", "message": "sale", "count": 1}));
    house.host(json!({"fault": "drop-request", "message": "reversal"}));
    let sale = house.create("silent", 4200).await;
    house.start_until(&sale, "resolving").await;
    let slips = || house.slips().into_iter().filter(|slip| slip.contains("故障单")).collect::<Vec<_>>();
    let tries = async || {
        let rows = house.terminal.queue("open").await.unwrap();
        rows.iter().find(|row| row.kind == "reversal").unwrap().tries.len()
    };
    while tries().await < 2 {
        assert!(slips().is_empty(), "it may still get through");
        house.terminal.forward_now().await.unwrap();
    }
    while tries().await < 5 {
        house.terminal.forward_now().await.unwrap();
    }
    let jobs: Vec<String> = sale.print_jobs().await.unwrap().into_iter().map(|job| job.copy).collect();
    assert_eq!(jobs, ["reversal-fault"]);
    let end = Instant::now() + Duration::from_secs(10);
    while slips().is_empty() {
        assert!(Instant::now() < end, "the fault slip is not printed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let printed = slips();
    assert_eq!(printed.len(), 1, "{printed:?}");
    for text in ["冲正不成功", "REVERSAL FAILED", "621234******0019", "42.00", "95516", "silent"] {
        assert!(printed[0].contains(text), "{text}: {printed:?}");
    }
    house.host(json!({"clear": true}));
    house.reaches(&sale, "finished").await;
    assert_eq!(slips().len(), 1);
}
