//! Rule 4: cancel with a definite end, the caller's death, the queue.

use posd_client::{CreateOptions, Details, Transaction};
use posd_system_tests::{Caller, House, cause, succeeded};
use serde_json::{Value, json};

const OF_TRANSACTION: &str = "org.posd.Terminal1.Transaction";

/// Cancels with each client in turn; what each is told.
async fn cancel(house: &House, transaction: &Transaction, with_busctl: bool) -> String {
    let path = transaction.path().as_str();
    if with_busctl {
        let answer = house.busctl(&["call", posd_client::NAME, path, OF_TRANSACTION, "Cancel"]).await;
        succeeded("busctl", &answer).split('"').nth(1).unwrap().to_owned()
    } else {
        let answer = Caller::own(house).transaction(path, "Cancel", "", json!([])).unwrap();
        answer.as_str().unwrap().to_owned()
    }
}

async fn finished(house: &House, transaction: &Transaction) -> Details {
    for _ in 0..1_000 {
        let details = transaction.details().await.unwrap();
        if details.state == "finished" {
            return details;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{} does not end; terminal: {:?}", transaction.path(), house.terminal.state().await)
}

#[tokio::test]
async fn rule_4_a_cancel_before_the_request_ends_the_sale_uncharged() {
    let house = House::with_idle_customer().await.opened().await;
    for (reference, with_busctl) in [("cancel-1", false), ("cancel-2", true)] {
        let sale = house.create(reference, 100).await;
        sale.start().await.unwrap();
        assert_eq!(cancel(&house, &sale, with_busctl).await, "accepted");
        let end = finished(&house, &sale).await;
        assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("cancelled", "cancelled-by-app"));
        assert_eq!(cancel(&house, &sale, with_busctl).await, "too-late");
    }
    assert!(!house.requests().contains(&"sale".to_owned()), "nothing was sent");
}

#[tokio::test]
async fn rule_4_past_the_point_of_no_return_a_cancel_is_too_late_and_nothing_stops_the_sale() {
    let house = House::new().await.opened().await;
    house.host(json!({"fault": "delay", "ms": 1000, "message": "sale", "count": 1}));
    let mut app = Caller::own(&house);
    let path = app.create("sent-1", 5000);
    app.transaction(&path, "Start", "", json!([])).unwrap();
    let sale = house.terminal.find("sent-1").await.unwrap();
    house.reaches(&sale, "authorizing").await;
    assert_eq!(cancel(&house, &sale, true).await, "too-late");
    assert_eq!(cancel(&house, &sale, false).await, "too-late");
    app.kill();
    assert_eq!(finished(&house, &sale).await.outcome, "approved");
    let waiting = Caller::own(&house).terminal("UnacknowledgedResults", "", json!([])).unwrap();
    assert_eq!(waiting[0]["Reference"], "sent-1", "the result waits for the app");
    assert_eq!(house.booked(), [5000]);
    // While a reversal is on its way too.
    house.host(json!({"fault": "drop-request", "message": "sale", "count": 1}));
    house.host(json!({"fault": "drop-request", "message": "reversal", "count": 2}));
    let sale = house.create("resolving-1", 600).await;
    let mut sold = Box::pin(house.finish(&sale));
    tokio::select! {
        _ = &mut sold => panic!("it must resolve first"),
        _ = house.reaches(&sale, "resolving") => {}
    }
    assert_eq!(cancel(&house, &sale, true).await, "too-late");
    let end = sold.await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("failed", "reversed"));
}

#[tokio::test]
async fn rule_4_the_callers_death_before_the_request_ends_the_sale_uncharged() {
    let house = House::with_idle_customer().await.opened().await;
    let mut app = Caller::own(&house);
    let running = app.create("left-1", 100);
    let queued = app.create("left-2", 100);
    app.transaction(&running, "Start", "", json!([])).unwrap();
    app.transaction(&queued, "Start", "", json!([])).unwrap();
    let (running, queued) =
        (house.terminal.find("left-1").await.unwrap(), house.terminal.find("left-2").await.unwrap());
    house.reaches(&running, "waiting-card").await;
    app.kill();
    for sale in [running, queued] {
        let end = finished(&house, &sale).await;
        assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("cancelled", "caller-gone"));
    }
}

#[tokio::test]
async fn started_sales_queue_across_users_and_no_wait_does_not() {
    let house = House::with_idle_customer().await.opened().await;
    let (mut first, mut second) = (Caller::own(&house), Caller::other(&house));
    let running = first.create("queue-1", 100);
    let mine = first.create("queue-2", 100);
    let theirs = second.create("queue-1", 100);
    first.transaction(&running, "Start", "", json!([])).unwrap();
    first.transaction(&mine, "Start", "", json!([])).unwrap();
    second.transaction(&theirs, "Start", "", json!([])).unwrap();
    let position = |caller: &mut Caller, path: &str| {
        let get = json!([OF_TRANSACTION, "QueuePosition"]);
        caller.call(path, "org.freedesktop.DBus.Properties", "Get", "ss", get).unwrap()
    };
    assert_eq!((position(&mut first, &mine), position(&mut second, &theirs)), (json!(1), json!(2)));
    let seen =
        house.busctl(&["get-property", posd_client::NAME, &mine, OF_TRANSACTION, "QueuePosition"]).await;
    assert_eq!(succeeded("busctl", &seen).trim(), "u 1");
    let hasty = CreateOptions { no_wait: true, ..CreateOptions::default() };
    let hasty = house.terminal.create("hasty", 100, &hasty).await.unwrap();
    let refused = house.gdbus(hasty.path().as_str(), "org.posd.Terminal1.Transaction.Start", &[]).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("org.posd.Error.Busy"));
    let refused = first.transaction(hasty.path().as_str(), "Start", "", json!([]));
    assert_eq!(refused, Err("org.posd.Error.Busy".to_owned()));
    assert_eq!(hasty.details().await.unwrap().state, "created", "it can be started later");
    // The first gives up; everybody moves on, and hears so.
    assert_eq!(first.transaction(&running, "Cancel", "", json!([])), Ok(json!("accepted")));
    let mine_now = house.terminal.find("queue-2").await.unwrap();
    house.reaches(&mine_now, "waiting-card").await;
    assert_eq!(position(&mut second, &theirs), json!(1));
    let heard = second.signals_of(&theirs);
    let positions: Vec<&Value> = heard.iter().filter_map(|signal| signal.changed("QueuePosition")).collect();
    assert_eq!(positions, [&json!(2), &json!(1)], "{heard:?}");
    assert_eq!(first.transaction(&mine, "Cancel", "", json!([])), Ok(json!("accepted")));
}
