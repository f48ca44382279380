//! `waiting-signature` follows the durable approval: whatever ends it, the outcome stays.

use crate::queue::{listed, queue_is};
use posd_simulator::Options;
use posd_system_tests::{Caller, House, options, said};
use serde_json::{Value, json};

/// Brings a sale with the credit card to the signature: the cardholder presses enter at the PIN prompt, and the card
/// asks for a signature instead.
fn to_signature(house: &House, app: &mut Caller, reference: &str) -> String {
    house.devices(json!({"pin": "wait"}));
    let path = app.create(reference, 8800);
    app.begin(&path).unwrap();
    app.reaches(&path, "waiting-card");
    house.devices(json!({"card": "insert", "profile": "credit"}));
    app.reaches(&path, "waiting-pin");
    house.devices(json!({"key": "enter"}));
    let all = app.reaches(&path, "waiting-signature");
    assert_eq!((&all["Outcome"], &all["Prompt"]), (&json!("approved"), &json!("check-signature")));
    assert!(house.devices_idle(), "nobody needs reader or pad any more");
    path
}

/// The card leaves, and the sale ends as it was approved.
fn assert_approved(house: &House, app: &mut Caller, path: &str) {
    app.reaches(path, "waiting-removal");
    house.devices(json!({"card": "remove"}));
    let all = app.reaches(path, "finished");
    assert_eq!((&all["Outcome"], &all["Result"]["cause"]), (&json!("approved"), &json!("none")));
}

#[tokio::test]
async fn the_signature_is_confirmed_and_cannot_be_cancelled() {
    let house = House::with_idle_customer().await.opened().await;
    let mut app = Caller::own(&house);
    let path = to_signature(&house, &mut app, "signed-1");
    assert_eq!(house.booked(), [8800]);
    assert!(house.terminal.pending_reversals().await.unwrap().is_empty());
    assert_eq!(app.cancel(&path), "too-late");
    assert_eq!(app.properties(&path)["State"], "waiting-signature", "a cancel changes nothing");
    app.transaction(&path, "Confirm", "", json!([])).unwrap();
    let again = app.transaction(&path, "Confirm", "", json!([]));
    assert_eq!(again, Err("org.posd.Error.WrongState".to_owned()));
    assert_approved(&house, &mut app, &path);
    assert_eq!(house.booked(), [8800]);
    let heard = app.signals_of(&path);
    let states: Vec<&str> = heard.iter().filter_map(|signal| signal.changed("State")?.as_str()).collect();
    let end = ["completing", "waiting-signature", "waiting-removal", "finished"];
    assert!(states.ends_with(&end), "{states:?}");
}

#[tokio::test]
async fn a_signature_that_nobody_confirms_ends_at_its_deadline_and_stays_approved() {
    let options = Options { auto: false, deadlines: "signature = 1\n".to_owned(), ..options() };
    let house = House::with(&options).await.opened().await;
    let mut app = Caller::own(&house);
    let path = to_signature(&house, &mut app, "signed-2");
    assert_approved(&house, &mut app, &path);
    assert_eq!(house.booked(), [8800]);
}

#[tokio::test]
async fn rule_1_the_approval_is_durable_before_the_signature_is_asked_for() {
    let mut house = House::with_idle_customer().await.opened().await;
    let mut app = Caller::own(&house);
    let path = to_signature(&house, &mut app, "signed-3");
    house.restart();
    house.in_service().await;
    assert_eq!(app.create("signed-3", 8800), path);
    let all = app.reaches(&path, "finished");
    assert_eq!((&all["Outcome"], &all["Result"]["cause"]), (&json!("approved"), &json!("none")));
    assert_eq!(house.booked(), [8800]);
    assert!(!house.requests().contains(&"reversal".to_owned()));
}

#[tokio::test]
async fn rule_4_the_callers_death_at_the_signature_changes_nothing() {
    let house = House::with_idle_customer().await.opened().await;
    let mut app = Caller::own(&house);
    let path = to_signature(&house, &mut app, "signed-4");
    app.kill();
    let mut app = Caller::own(&house);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(app.properties(&path)["State"], "waiting-signature");
    app.transaction(&path, "Confirm", "", json!([])).unwrap();
    assert_approved(&house, &mut app, &path);
    assert_eq!(house.booked(), [8800]);
}

#[tokio::test]
async fn a_signature_on_the_screen_is_kept_drawn_and_printed_after_it() {
    let mut house = House::with_idle_customer().await.opened().await;
    let mut app = Caller::own(&house);
    house.devices(json!({"pin": "wait"}));
    let path = app.try_create("signed-5", 8800, json!({"sign-on-screen": true})).unwrap();
    app.begin(&path).unwrap();
    app.reaches(&path, "waiting-card");
    // Nobody signs before the approval.
    let strokes = json!([[[10, 10], [200, 10], [200, 80]], [[0, 95], [255, 95]], [[50, 50]]]);
    let early = app.transaction(&path, "Sign", "aa(yy)", json!([strokes]));
    assert_eq!(early, Err("org.posd.Error.WrongState".to_owned()));
    house.devices(json!({"card": "insert", "profile": "credit"}));
    app.reaches(&path, "waiting-pin");
    house.devices(json!({"key": "enter"}));
    app.reaches(&path, "waiting-signature");
    for bad in [
        json!([]),
        json!([[]]),
        json!([[[0, 96]]]),
        json!(vec![vec![[1, 1]]; 65]),
        json!([vec![[1, 1]; 2049]]),
    ] {
        let refused = app.transaction(&path, "Sign", "aa(yy)", json!([bad]));
        assert_eq!(refused, Err("org.posd.Error.InvalidArgument".to_owned()), "{bad}");
    }
    let huge = app.transaction(&path, "Sign", "aa(yy)", json!([vec![vec![[1, 1]; 100]; 64]]));
    assert_eq!(huge, Err("org.posd.Error.InvalidArgument".to_owned()));
    assert_eq!(app.properties(&path)["State"], "waiting-signature");
    let merchant = |house: &House| house.slips().iter().any(|slip| slip.contains("MERCHANT COPY"));
    assert!(!merchant(&house), "what is to be signed is not printed yet");
    app.transaction(&path, "Sign", "aa(yy)", json!([strokes])).unwrap();
    assert_approved(&house, &mut app, &path);
    for _ in 0..200 {
        if merchant(&house) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(merchant(&house), "it is printed with the signature");
    // The strokes are the transaction's for good.
    house.restart();
    house.in_service().await;
    let receipt = house.terminal.find("signed-5").await.unwrap().receipt().await.unwrap();
    assert_eq!(serde_json::to_value(receipt.0.strokes).unwrap(), strokes);
    assert!(receipt.1.contains("已电子签名"), "{}", receipt.1);
    assert_eq!(house.booked(), [8800]);
}

/// Signs on the screen for a sale that the customer pays with a card of a profile.
fn sign(house: &House, app: &mut Caller, path: &str, profile: &str) {
    app.begin(path).unwrap();
    app.reaches(path, "waiting-card");
    house.devices(json!({"card": "insert", "profile": profile}));
    if profile == "credit" {
        app.reaches(path, "waiting-pin");
        house.devices(json!({"key": "enter"}));
    }
    app.reaches(path, "waiting-signature");
    app.transaction(path, "Sign", "aa(yy)", json!([STROKES])).unwrap();
    app.reaches(path, "waiting-removal");
    house.devices(json!({"card": "remove"}));
    app.reaches(path, "finished");
}

/// Three points.
const STROKES: [[[u8; 2]; 3]; 1] = [[[10, 10], [200, 10], [200, 80]]];

/// The parts that the acquirer has kept, by their numbers, and the signature that they make.
fn kept(house: &House) -> (Vec<String>, String) {
    let all = house.host(json!({"ledger": true}))["ledger"]["signatures"].clone();
    let text = |part: &Value, key: &str| part[key].as_str().unwrap().to_owned();
    let parts = all.as_array().unwrap();
    let numbers = parts.iter().map(|part| text(part, "part")).collect();
    (numbers, parts.iter().map(|part| text(part, "image")).collect())
}

fn with_upload(more: &str) -> Options {
    let plain = options();
    let profile = format!("{}\n[e_signature]\nenabled = true\n{more}", plain.profile);
    let posd = "offline = { amount = 10000, total = 25000, count = 3, hours = 24, brands = [\"CUP\"] }";
    Options { auto: false, profile, posd: posd.to_owned(), ..plain }
}

#[tokio::test]
async fn a_signature_is_uploaded_part_by_part_and_no_part_twice() {
    let mut house = House::with(&with_upload("")).await.opened().await;
    let mut app = Caller::own(&house);
    house.devices(json!({"pin": "wait"}));
    house.host(json!({"fault": "drop-request", "message": "signature"}));
    let path = app.try_create("signed", 8800, json!({"sign-on-screen": true})).unwrap();
    sign(&house, &mut app, &path, "credit");
    queue_is(&house, 1, 0).await;
    let (rows, code) = listed(&house, "open").await;
    assert_eq!((&rows[0]["kind"], &rows[0]["amount"], code), (&json!("signature"), &json!(8800), 9));
    let output = house.posctl(&["queue", "--lang", "zh-CN"], "").await;
    assert!(said(&output).contains("电子签名"), "{}", said(&output));
    // It delays no settlement, and survives that and the daemon's end.
    let output = house.posctl(&["settle", "--json"], "").await;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    house.restart();
    house.in_service().await;
    house.log_in().await;
    house.host(json!({"clear": true}));
    house.host(json!({"fault": "drop-answer", "message": "signature", "count": 1}));
    queue_is(&house, 0, 0).await;
    let (numbers, image) = kept(&house);
    assert_eq!(numbers, ["801", "802", "803", "800"]);
    // 96 rows of 32 bytes, the highest bit at the left.
    assert_eq!(image.len(), 2 * 32 * 96);
    let ink = |x: usize, y: usize| {
        let byte = u8::from_str_radix(&image[2 * (y * 32 + x / 8)..][..2], 16).unwrap();
        byte & (0x80 >> (x % 8)) != 0
    };
    assert!(ink(10, 10) && ink(100, 10) && ink(200, 40) && ink(200, 80));
    assert!(!ink(10, 80) && !ink(100, 40) && !ink(0, 0) && !ink(255, 95));
    let again = house.requests().iter().filter(|kind| *kind == "signature").count();
    assert!(again >= 5, "the part whose answer was lost was sent once more");
}

#[tokio::test]
async fn a_refused_part_needs_action_holds_up_nothing_and_goes_on_where_it_was() {
    let house = House::with(&with_upload("")).await.opened().await;
    let mut app = Caller::own(&house);
    house.devices(json!({"pin": "wait"}));
    house.host(json!({"fault": "decline", "code": "96", "message": "signature", "count": 1}));
    let path = app.try_create("signed-1", 8800, json!({"sign-on-screen": true})).unwrap();
    sign(&house, &mut app, &path, "credit");
    queue_is(&house, 0, 1).await;
    let path = app.try_create("signed-2", 8900, json!({"sign-on-screen": true})).unwrap();
    sign(&house, &mut app, &path, "credit");
    queue_is(&house, 0, 1).await;
    assert_eq!(kept(&house).0.len(), 4, "the other one's");
    let (rows, _) = listed(&house, "needs-action").await;
    let advice = rows[0]["advice"].to_string();
    assert_eq!(house.posctl(&["queue", "retry", &advice], "").await.status.code(), Some(0));
    queue_is(&house, 0, 0).await;
    assert_eq!(kept(&house).0.len(), 8);
}

#[tokio::test]
async fn a_signature_for_an_offline_sale_follows_the_sale_and_carries_its_number() {
    let house = House::with(&with_upload("form = \"strokes\"")).await.opened().await;
    let mut app = Caller::own(&house);
    house.host(json!({"fault": "drop-request", "message": "offline-sale"}));
    let sale = json!(["signed", "offline-sale", 5000, "CNY", {"sign-on-screen": true}]);
    let path = app.terminal("CreateTransaction", "sstsa{sv}", sale).unwrap();
    let path = path.as_str().unwrap().to_owned();
    sign(&house, &mut app, &path, "offline");
    queue_is(&house, 2, 0).await;
    assert!(!house.requests().iter().any(|kind| kind == "signature"), "it waits for its sale");
    house.host(json!({"clear": true}));
    queue_is(&house, 0, 0).await;
    assert_eq!(kept(&house), (vec!["800".to_owned()], "00030A0AC80AC850".to_owned()));
    let ledger = house.host(json!({"ledger": true}))["ledger"].clone();
    assert_eq!(ledger["signatures"][0]["rrn"], ledger["bookings"][0]["rrn"]);
}
