//! A damaged journal, the bus policy as shipped, paper that ends.

use posd_simulator::Options;
use posd_system_tests::{Caller, House, options};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_damaged_journal_sells_nothing_and_is_kept_as_it_is() {
    let mut house = House::new().await.opened().await;
    for number in 0..3 {
        assert_eq!(house.sell(&format!("before-{number}"), 100).await.outcome, "approved");
    }
    house.stack.kill_posd();
    // The log goes home, so that the damage lies in what is read.
    drop(posd_journal::Journal::open(&house.journal()).unwrap());
    let mut bytes = std::fs::read(house.journal()).unwrap();
    // Every page but the first two is torn: opening works, the full check does not.
    for page in bytes.chunks_mut(4096).skip(2) {
        page[..64].fill(0xA5);
    }
    std::fs::write(house.journal(), &bytes).unwrap();
    house.stack.start_posd().unwrap();
    house.terminal_is("out of service", |reasons| reasons.contains(&"journal".to_owned())).await;
    let create = house.terminal.create("after", 100, &posd_client::CreateOptions::default()).await;
    assert!(matches!(create.unwrap_err().refused(), Some("NotReady" | "StorageFailed")));
    house.stack.kill_posd();
    assert_eq!(std::fs::read(house.journal()).unwrap(), bytes, "the evidence is kept");
}

#[tokio::test]
async fn the_policy_as_shipped_lets_no_stranger_call() {
    let house = House::with(&Options { bus: String::new(), ..options() }).await;
    let mut stranger = Caller::other(&house);
    let refused = stranger.terminal("ListTransactions", "tu", json!([0, 1]));
    assert_eq!(refused, Err("org.freedesktop.DBus.Error.AccessDenied".to_owned()));
    let own = stranger.call(
        "/org/freedesktop/DBus",
        "org.freedesktop.DBus",
        "RequestName",
        "su",
        json!(["org.posd.Terminal1", 4]),
    );
    assert!(own.is_err(), "nor own the name");
    assert_eq!(Caller::own(&house).terminal("ListTransactions", "tu", json!([0, 1])), Ok(json!([])));
}

#[tokio::test]
async fn rule_6_paper_that_ends_stops_the_slip_and_not_the_payment() {
    let house = House::new().await.opened().await;
    house.devices(json!({"paper": false}));
    let sold = house.sell("paper-1", 1234).await;
    assert_eq!(sold.outcome, "approved");
    let sale = house.terminal.find("paper-1").await.unwrap();
    let states =
        |jobs: Vec<posd_client::Job>| -> Vec<String> { jobs.into_iter().map(|job| job.state).collect() };
    let reach = async |wanted: &[&str]| {
        for _ in 0..600 {
            let now = states(sale.print_jobs().await.unwrap());
            if now == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not {wanted:?}: {:?}", states(sale.print_jobs().await.unwrap()))
    };
    reach(&["needs-paper", "queued"]).await;
    house.devices(json!({"paper": true}));
    reach(&["done", "done"]).await;
    let copy =
        Caller::own(&house).transaction(sale.path().as_str(), "PrintReceipt", "s", json!(["cardholder"]));
    assert!(copy.is_ok());
    reach(&["done", "done", "done"]).await;
    let jobs = sale.print_jobs().await.unwrap();
    assert_eq!(jobs.iter().map(|job| job.reprint).collect::<Vec<_>>(), [false, false, true]);
    let marked: Vec<bool> = house.slips().iter().map(|slip| slip.contains("重打印")).collect();
    assert_eq!(marked, [false, false, true]);
}
