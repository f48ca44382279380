//! Downloads: a set is in force whole or not at all, across crashes, and the next sale goes by it.

use posd_client::{Details, Download};
use posd_simulator::Options;
use posd_system_tests::{House, PAN, cause, options};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn with(downloads: Value, switches: Value) -> Options {
    Options { acquirer: json!({"downloads": downloads, "switches": switches}), ..options() }
}

async fn standing(house: &House, set: &str) -> Download {
    let all = house.terminal.state().await.unwrap().downloads;
    all.into_iter().find(|one| one.set == set).unwrap()
}

/// Waits until a set neither waits nor runs.
async fn settled(house: &House, set: &str) -> Download {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let one = standing(house, set).await;
        if !matches!(one.stage.as_str(), "waiting" | "running") {
            return one;
        }
        assert!(Instant::now() < end, "{one:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn download(house: &House, set: &str) -> Download {
    house.terminal.download(set).await.unwrap();
    settled(house, set).await
}

fn stages(all: &[Download]) -> Vec<(&str, &str, u32)> {
    all.iter().map(|one| (one.set.as_str(), one.stage.as_str(), one.total)).collect()
}

fn asked(house: &House, word: &str) -> usize {
    house.requests().iter().filter(|kind| *kind == word).count()
}

#[tokio::test]
async fn every_set_comes_down_is_confirmed_and_survives_a_restart() {
    let mut house = House::with(&with(json!({"page": 3}), json!({}))).await.opened().await;
    let before = house.terminal.state().await.unwrap();
    assert!(before.downloads.iter().all(|one| one.stage == "none" && one.taken == 0));
    let unknown = house.terminal.download("firmware").await.unwrap_err();
    assert_eq!(unknown.refused(), Some("InvalidArgument"));
    for set in ["parameters", "ca-keys", "aids", "contactless", "blacklist", "parameters-upload"] {
        let one = download(&house, set).await;
        assert_eq!((one.stage.as_str(), one.fault.as_str()), ("applied", ""), "{one:?}");
    }
    let expected = [
        "parameter-download",
        "parameter-end",
        "key-query",
        "key-download",
        "key-end",
        "aid-query",
        "aid-download",
        "aid-download",
        "aid-end",
        "contactless-download",
        "contactless-end",
        "blacklist-download",
        "blacklist-end",
        "parameter-upload",
    ];
    let asked: Vec<String> = house.requests().into_iter().skip_while(|kind| kind == "sign-in").collect();
    assert_eq!(asked, expected);
    let state = house.terminal.state().await.unwrap();
    assert_eq!(state.merchant_name, "测试商户", "the host's parameters");
    let all = [
        ("parameters", "applied", 1),
        ("ca-keys", "applied", 1),
        ("aids", "applied", 2),
        ("contactless", "applied", 1),
        ("blacklist", "applied", 1),
        ("parameters-upload", "applied", 0),
    ];
    assert_eq!(stages(&state.downloads), all);
    let rows = posd_journal::audit_rows(&house.journal(), 0, 100).unwrap();
    let row = rows.iter().find(|row| row.event == "download" && row.detail.contains("aids")).unwrap();
    assert_eq!((row.uid, row.detail.as_str()), (Some(0), "set=aids entries=2 trigger=call"));
    let sold = house.sell("after", 1234).await;
    assert_eq!((sold.outcome.as_str(), cause(&sold).as_str()), ("approved", "none"));
    let (slip, _) = house.terminal.get(sold.id).await.unwrap().receipt().await.unwrap();
    assert_eq!(slip.merchant_name, "测试商户");
    house.restart();
    house.in_service().await;
    let again = house.terminal.state().await.unwrap();
    assert_eq!(stages(&again.downloads)[..5], all[..5]);
    assert_eq!(again.merchant_name, "测试商户");
    assert!(!house.requests()[expected.len()..].iter().any(|kind| kind.contains("key")));
}

/// The TVR on a slip.
async fn verification_results(house: &House, sold: &Details) -> String {
    let (slip, _) = house.terminal.get(sold.id).await.unwrap().receipt().await.unwrap();
    slip.chip.unwrap().tvr
}

#[tokio::test]
async fn the_next_sale_goes_by_the_downloaded_keys_and_applications() {
    // The host's key of that number is not the card's authority.
    let foreign = json!([{
        "rid": "A000000333", "index": "F1", "modulus": "C5".repeat(63) + "01", "exponent": "03",
        "expiry": "20351231",
    }]);
    let house = House::with(&with(json!({"keys": foreign}), json!({}))).await.opened().await;
    let sold = house.sell("file", 100).await;
    let own = verification_results(&house, &sold).await;
    let key = posd_card::issuer::AUTHORITY_INDEX;
    assert_eq!(key, 0xF1);
    assert_eq!(
        u8::from_str_radix(&own[..2], 16).unwrap() & 0x48,
        0,
        "authenticated by the file's key: {own}"
    );
    assert_eq!(download(&house, "ca-keys").await.stage, "applied");
    let sold = house.sell("downloaded", 100).await;
    let theirs = verification_results(&house, &sold).await;
    assert_ne!(u8::from_str_radix(&theirs[..2], 16).unwrap() & 0x48, 0, "not by the host's: {theirs}");
    // Applications: none of the host's is the card's.
    let other = with(
        json!({"aids": ["9F0607A0000000031010DF0101009F08020140DF1105D84000A800DF1205D84004F800DF1305001000\
            00009F1B0400000000DF150400000000DF160199DF170199DF14039F3704DF180101"]}),
        json!({}),
    );
    let house = House::with(&other).await.opened().await;
    assert_eq!(download(&house, "aids").await.stage, "applied");
    let refused = house.sell("no-application", 100).await;
    assert_eq!((refused.outcome.as_str(), cause(&refused).as_str()), ("failed", "no-application"));
}

#[tokio::test]
async fn rule_10_a_card_on_the_blacklist_is_refused_and_its_number_is_nowhere() {
    let blocked = json!({"blacklist": ["6299", &PAN[..12], "6288"], "page": 1});
    let mut house = House::with(&with(blocked, json!({}))).await.opened().await;
    assert_eq!(house.sell("before", 100).await.outcome, "approved");
    assert_eq!(download(&house, "blacklist").await.total, 3);
    assert_eq!(asked(&house, "blacklist-download"), 3);
    let sales = asked(&house, "sale");
    for (reference, restarted) in [("blocked-1", false), ("blocked-2", true)] {
        if restarted {
            house.restart();
            house.in_service().await;
            house.log_in().await;
        }
        let end = house.sell(reference, 100).await;
        assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("declined", "card-on-blacklist"));
        assert!(!end.result_flag("try-again"));
        assert_eq!(house.devices(json!({"certificate": true}))["last"], "aac", "the card has declined too");
    }
    assert_eq!(asked(&house, "sale"), sales, "the host is not asked");
    let mut written = house.journal_rows();
    for name in ["posd.log", "module.log"] {
        written += &std::fs::read_to_string(house.directory().join(name)).unwrap_or_default();
    }
    assert!(written.contains("downloaded") && !written.contains(&PAN[..12]));
}

#[tokio::test]
async fn a_set_that_is_not_whole_or_not_right_changes_nothing() {
    let house = House::with_idle_customer().await.opened().await;
    let good = download(&house, "ca-keys").await;
    let faults = [
        (json!({"fault": "wrong-checksum", "message": "key-download"}), "checksum"),
        (json!({"fault": "decline", "code": "25", "message": "key-download"}), "code=25"),
        (json!({"fault": "drop-request", "message": "key-query"}), "no-answer"),
        (json!({"fault": "close-before", "message": "key-download"}), "no-answer"),
        (json!({"fault": "garble", "bytes": 40, "message": "key-query"}), "bad-answer"),
        (json!({"fault": "refuse-connections"}), "unreachable"),
    ];
    for (fault, word) in faults {
        house.host(fault.clone());
        let failed = download(&house, "ca-keys").await;
        assert_eq!(failed.stage, "failed", "{fault}");
        assert!(failed.fault.starts_with(word), "{fault}: {}", failed.fault);
        assert_eq!(failed.taken, good.taken, "{fault}: the old set stays");
        house.host(json!({"clear": true}));
    }
    let again = download(&house, "ca-keys").await;
    assert!(again.stage == "applied" && again.fault.is_empty() && again.taken > good.taken, "{again:?}");
    // Its end unheard of, the set is in force, and the host is told again after a restart.
    let mut house = house;
    house.host(json!({"fault": "drop-request", "message": "key-end", "count": 1}));
    let unheard = download(&house, "ca-keys").await;
    assert_eq!((unheard.stage.as_str(), unheard.fault.as_str()), ("applied", "unconfirmed: no-answer"));
    let (ends, keys) = (asked(&house, "key-end"), asked(&house, "key-download"));
    house.restart();
    house.in_service().await;
    let told = settled(&house, "ca-keys").await;
    assert_eq!((told.stage.as_str(), told.fault.as_str(), told.taken), ("applied", "", unheard.taken));
    assert_eq!((asked(&house, "key-end"), asked(&house, "key-download")), (ends + 1, keys));
}

#[tokio::test]
async fn the_hosts_header_begins_a_download_once_and_asks_for_an_update() {
    let house = House::with(&with(json!({"page": 1}), json!({"requirement": 5}))).await;
    house.terminal.sign_in().await.unwrap();
    house.log_in().await;
    assert_eq!(settled(&house, "aids").await.stage, "applied");
    assert_eq!(house.sell("asked-again", 100).await.outcome, "approved");
    house.terminal.diagnose().await.unwrap();
    assert_eq!(asked(&house, "aid-query"), 2, "two pages, and not at each answer that asks for it");
    assert!(!house.terminal.state().await.unwrap().update_requested);
    let mut house = House::with(&with(json!({}), json!({"requirement": 6}))).await.opened().await;
    let state = house.terminal.state().await.unwrap();
    assert!(state.update_requested && state.update_safe);
    house.host(json!({"fault": "drop-request", "message": "sale", "count": 1}));
    house.host(json!({"fault": "drop-request", "message": "reversal"}));
    let sale = house.create("unresolved", 100).await;
    sale.start().await.unwrap();
    house.reaches(&sale, "resolving").await;
    let state = house.terminal.state().await.unwrap();
    assert!(state.update_requested && !state.update_safe, "a reversal is owed");
    house.restart();
    house.in_service().await;
    assert!(house.terminal.state().await.unwrap().update_requested, "until another release runs");
}

#[tokio::test]
async fn a_sale_does_not_wait_for_a_download_and_the_download_goes_on_after_it() {
    let house = House::new().await.opened().await;
    house.host(json!({"fault": "delay", "ms": 1500, "message": "key-query", "count": 1}));
    house.terminal.download("ca-keys").await.unwrap();
    let end = Instant::now() + Duration::from_secs(5);
    while asked(&house, "key-query") == 0 {
        assert!(Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let began = Instant::now();
    assert_eq!(house.sell("at-once", 100).await.outcome, "approved");
    let lasted = began.elapsed();
    assert!(lasted < Duration::from_millis(1400), "{lasted:?}");
    assert_eq!(settled(&house, "ca-keys").await.stage, "applied");
    assert_eq!(asked(&house, "key-query"), 2, "the answer that nobody waited for is asked for again");
}
