//! The end of a batch on the real daemon: what is counted, compared, uploaded and closed, and what survives a power cut.

use posd_client::{CreateOptions, Original, Settlement, SettlementDetails};
use posd_system_tests::{House, cause, said};
use serde_json::{Value, json};
use std::time::Duration;

const BATCH: &str = "00000001";

async fn void(house: &House, reference: &str, amount: u64, original: &str) {
    let original = Some(Original::Reference(original.to_owned()));
    let options = CreateOptions { original, ..CreateOptions::default() };
    let transaction = house.terminal.create_of("void", reference, amount, &options).await.unwrap();
    assert_eq!(house.finish(&transaction).await.outcome, "approved");
}

/// Three sales, one of them declined by the host and one voided.
async fn a_day() -> House {
    let house = House::new().await.opened().await;
    assert_eq!(house.sell("day-1", 1234).await.outcome, "approved");
    assert_eq!(house.sell("day-2", 5000).await.outcome, "approved");
    assert_eq!(house.sell("day-3", 151).await.outcome, "declined");
    void(&house, "day-4", 1234, "day-1").await;
    house
}

async fn settle(house: &House) -> (Settlement, SettlementDetails, Vec<String>) {
    let settlement = house.terminal.settle().await.unwrap();
    let (details, steps) = follow(&settlement).await;
    (settlement, details, steps)
}

async fn follow(settlement: &Settlement) -> (SettlementDetails, Vec<String>) {
    let mut steps: Vec<String> = Vec::new();
    let followed = settlement.follow(|details| {
        if steps.last().is_none_or(|last| last != details.step()) {
            steps.push(details.step().to_owned());
        }
    });
    let details = tokio::time::timeout(Duration::from_secs(30), followed).await.unwrap().unwrap();
    (details, steps)
}

/// The host's only settlement of a batch.
fn at_host(house: &House, batch: u64) -> Value {
    let ledger = house.host(json!({"ledger": true}));
    let all = ledger["ledger"]["settlements"].as_array().unwrap();
    all.iter().find(|settlement| settlement["batch"] == batch).unwrap_or(&Value::Null).clone()
}

/// The lines that were uploaded, as kind, amount and what the host found.
fn uploads(house: &House) -> Vec<(String, u64, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let lines = at_host(house, 1)["uploads"].as_array().unwrap().clone();
    lines.iter().map(|l| (text(&l["kind"]), l["amount"].as_u64().unwrap(), text(&l["result"]))).collect()
}

fn line(kind: &str, amount: u64, result: &str) -> (String, u64, String) {
    (kind.to_owned(), amount, result.to_owned())
}

fn trace_of(house: &House, amount: u64) -> u64 {
    let ledger = house.host(json!({"ledger": true}));
    let bookings = ledger["ledger"]["bookings"].as_array().unwrap();
    bookings.iter().find(|booking| booking["amount"] == amount).unwrap()["trace"].as_u64().unwrap()
}

async fn batch_is(house: &House, batch: u32) {
    assert_eq!(house.terminal.state().await.unwrap().batch, batch);
}

#[tokio::test]
async fn a_balanced_batch_is_closed_with_its_certificates_and_the_next_one_opened() {
    let house = a_day().await;
    let (settlement, details, _) = settle(&house).await;
    assert_eq!(settlement.path().as_str(), "/org/posd/Terminal1/settlement/1");
    assert_eq!((details.state(), details.step(), details.outcome()), ("finished", "closed", "balanced"));
    assert!(details.mismatches().is_empty(), "{:?}", details.mismatches());
    let number = |key: &str| details.number(&["Result", "totals", key]);
    assert_eq!((number("domestic-debit-count"), number("domestic-debit-amount")), (2, 6234));
    assert_eq!((number("domestic-credit-count"), number("domestic-credit-amount")), (1, 1234));
    assert_eq!(details.list(&["Result", "kinds"]), [json!(["sale", 2, 6234]), json!(["void", 1, 1234])]);
    assert_eq!(details.list(&["Result", "organisations"]), [json!(["CUP", 2, 6234, 1, 1234])]);
    assert_eq!(details.list(&["Result", "operators"]), [json!(["01", 2, 6234, 1, 1234])]);
    assert_eq!(details.number(&["Fees", "estimated"]), 7 + 30 - 7);
    assert_eq!(details.progress(), (3, 3));
    let wanted = [
        line("chip-upload", 1234, "matched"),
        line("chip-upload", 5000, "matched"),
        line("failure-upload", 151, "not-found"),
    ];
    assert_eq!(uploads(&house), wanted);
    assert_eq!(
        (&at_host(&house, 1)["ended"], &at_host(&house, 1)["domestic"]),
        (&json!(3), &json!("balanced"))
    );
    // The slip, and the list.
    let (_, text) = settlement.slip("totals").await.unwrap();
    for part in ["结算单", "000001", "平 BALANCED", "62.34", "消费/SALE 2", "CUP 借 2", "ESTIMATED FEES"]
    {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    let (_, text) = settlement.slip("details").await.unwrap();
    assert!(text.contains("交易明细") && text.contains("-12.34") && text.contains("50.00"), "{text}");
    // The new batch.
    batch_is(&house, 2).await;
    assert_eq!(house.sell("next-1", 700).await.outcome, "approved");
    let original = Some(Original::Reference("day-2".to_owned()));
    let options = CreateOptions { original, ..CreateOptions::default() };
    let refused = house.terminal.create_of("void", "late", 5000, &options).await.unwrap_err();
    assert_eq!(refused.refused(), Some("OtherBatch"));
    let rows = posd_journal::audit_rows(&house.journal(), 0, 1000).unwrap();
    let of = |event: &str| rows.iter().find(|row| row.event == event).unwrap();
    assert_eq!((of("settlement-begun").operator.as_str(), of("settlement-begun").uid), ("01", Some(0)));
    assert_eq!(of("batch-closed").detail, "batch=000001 result=balanced mismatches=0");
    // Another copy, with the reprint mark.
    let job = settlement.print("totals").await.unwrap();
    assert!(job > 0);
}

#[tokio::test]
async fn an_unbalanced_batch_is_repaired_row_by_row() {
    let house = a_day().await;
    for amount in [5000, 1234] {
        let trace = trace_of(&house, amount);
        house.host(json!({"forget": {"terminal": BATCH, "batch": 1, "trace": trace}}));
    }
    let (_, details, steps) = settle(&house).await;
    // No foreign card was in it, and that the host finds balanced.
    assert_eq!((details.state(), details.outcome()), ("finished", "half-balanced"));
    assert!(steps.contains(&"uploading-details".to_owned()), "{steps:?}");
    let [mismatch] = details.mismatches() else { panic!("{:?}", details.mismatches()) };
    assert_eq!((&mismatch["kind"], &mismatch["action"]), (&json!("totals-differ"), &json!("uploaded")));
    assert_eq!((&mismatch["side"], &mismatch["journal"]), (&json!("domestic"), &json!(5000)));
    assert!(mismatch.get("host").is_none(), "the host repeated our totals");
    let wanted = [
        line("batch-upload", 1234, "matched"),
        line("chip-upload", 1234, "restored"),
        line("chip-upload", 5000, "restored"),
        line("failure-upload", 151, "not-found"),
    ];
    assert_eq!(uploads(&house), wanted);
    let totals = house.host(json!({"totals": {"terminal": BATCH, "batch": 1}}));
    assert_eq!(totals["totals"]["domestic"]["debit_amount"], 6234, "{totals}");
    batch_is(&house, 2).await;
}

#[tokio::test]
async fn the_host_is_silent_at_each_message_in_turn_and_nothing_is_told_twice() {
    let house = a_day().await;
    let trace = trace_of(&house, 5000);
    house.host(json!({"forget": {"terminal": BATCH, "batch": 1, "trace": trace}}));
    for (fault, message) in [
        ("drop-request", "settlement"),
        ("drop-answer", "batch-upload"),
        ("drop-answer", "chip-upload"),
        ("drop-request", "failure-upload"),
        ("drop-answer", "batch-end"),
    ] {
        house.host(json!({"fault": fault, "message": message, "count": 1}));
    }
    let (_, details, _) = settle(&house).await;
    assert_eq!((details.state(), details.mismatches().len()), ("finished", 1), "{details:?}");
    assert_eq!(details.list(&["Result", "tries"]).len(), 5);
    assert_eq!(at_host(&house, 1)["ended"], 4);
    assert_eq!(uploads(&house).len(), 4);
    batch_is(&house, 2).await;
    assert_eq!(house.sell("next-1", 700).await.outcome, "approved");
}

#[tokio::test]
async fn a_settlement_that_the_host_never_hears_is_given_up_and_the_batch_goes_on() {
    let house = a_day().await;
    house.host(json!({"fault": "drop-request", "message": "settlement"}));
    let settlement = house.terminal.settle().await.unwrap();
    let refused = house.create("meanwhile", 300).await.start().await.unwrap_err();
    assert!(
        refused.to_string().contains("NotReady") && refused.to_string().contains("settlement"),
        "{refused}"
    );
    let (details, _) = follow(&settlement).await;
    assert_eq!((details.state(), details.text(&["Result", "cause"])), ("failed", "no-answer"));
    house.host(json!({"clear": true}));
    batch_is(&house, 1).await;
    assert_eq!(house.sell("meanwhile", 300).await.outcome, "approved");
    let (again, details, _) = settle(&house).await;
    assert_eq!(again.path(), settlement.path());
    assert_eq!((details.state(), details.outcome()), ("finished", "balanced"));
    assert_eq!(details.number(&["Result", "totals", "domestic-debit-count"]), 3);
}

#[tokio::test]
async fn rule_1_a_settlement_that_a_power_cut_ends_goes_on_where_it_was() {
    for message in ["settlement", "batch-upload", "chip-upload", "batch-end"] {
        let mut house = a_day().await;
        let trace = trace_of(&house, 5000);
        house.host(json!({"forget": {"terminal": BATCH, "batch": 1, "trace": trace}}));
        house.host(json!({"fault": "delay", "ms": 1500, "message": message, "count": 1}));
        let settlement = house.terminal.settle().await.unwrap();
        let step = match message {
            "settlement" => "comparing",
            "batch-upload" => "uploading-details",
            "chip-upload" => "uploading-certificates",
            _ => "ending",
        };
        for _ in 0..500 {
            if settlement.details().await.unwrap().step() == step {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
        house.restart();
        house.in_service().await;
        let settlement = house.terminal.settlement(None).await.unwrap();
        let (details, _) = follow(&settlement).await;
        assert_eq!((details.batch(), details.state()), (1, "finished"), "{message}: {details:?}");
        assert_eq!(at_host(&house, 1)["ended"], 4, "{message}");
        batch_is(&house, 2).await;
        house.log_in().await;
        let next = house.sell("next-1", 700).await;
        assert_eq!(next.outcome, "approved", "{message}: {}", cause(&next));
    }
}

#[tokio::test]
async fn rule_7_nothing_is_settled_while_a_reversal_is_pending() {
    let house = a_day().await;
    house.host(json!({"fault": "drop-answer", "message": "sale", "count": 1}));
    house.host(json!({"fault": "drop-request", "message": "reversal"}));
    let sale = house.create("silent", 900).await;
    house.start_until(&sale, "resolving").await;
    let refused = house.terminal.settle().await.unwrap_err();
    assert_eq!(refused.refused(), Some("ReversalPending"));
    assert_eq!(house.terminal.settlement(None).await.unwrap_err().refused(), Some("NoSettlement"));
    house.host(json!({"clear": true}));
    // What is pending goes first, whatever its wait.
    let (_, details, _) = settle(&house).await;
    assert_eq!((details.state(), details.outcome()), ("finished", "balanced"));
    assert_eq!(details.number(&["Result", "totals", "domestic-debit-count"]), 2);
}

#[tokio::test]
async fn who_may_settle_and_who_sees_it() {
    let house = House::new().await;
    assert_eq!(house.terminal.settle().await.unwrap_err().refused(), Some("NoOperator"));
    house.log_in().await;
    assert_eq!(house.terminal.settle().await.unwrap_err().refused(), Some("NotSignedIn"));
    house.terminal.sign_in().await.unwrap();
    let sale = house.create("busy", 500).await;
    house.devices(json!({"auto": false}));
    house.start_until(&sale, "waiting-card").await;
    assert_eq!(house.terminal.settle().await.unwrap_err().refused(), Some("Busy"));
    sale.cancel().await.unwrap();
    house.reaches(&sale, "finished").await;
    let (_, details, _) = settle(&house).await;
    assert_eq!((details.state(), details.outcome(), details.progress()), ("finished", "balanced", (0, 0)));
    let refused = house.terminal.settlement(Some(7)).await.unwrap_err();
    assert_eq!(refused.refused(), Some("NoSettlement"));
}

#[tokio::test]
async fn a_detail_file_of_the_host_is_matched_line_by_line() {
    let house = a_day().await;
    let (settlement, ..) = settle(&house).await;
    let file = |house: &House| -> Vec<(u32, String, u64, String)> {
        let details = house.host(json!({"details": true, "batch": 1}));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let number = |value: &Value| value.as_u64().unwrap();
        let lines = details["details"].as_array().unwrap().iter();
        lines
            .map(|l| (number(&l["trace"]) as u32, text(&l["kind"]), number(&l["amount"]), text(&l["rrn"])))
            .collect()
    };
    assert!(settlement.match_details(&file(&house)).await.unwrap().is_empty());
    let (kept, gone) = (trace_of(&house, 1234), trace_of(&house, 5000));
    house.host(json!({"forget": {"terminal": BATCH, "batch": 1, "trace": gone}}));
    house.host(json!({"invent": {"terminal": BATCH, "batch": 1, "trace": kept}}));
    let mut lines = file(&house);
    lines.iter_mut().find(|line| u64::from(line.0) == kept).unwrap().2 += 1;
    let found = settlement.match_details(&lines).await.unwrap();
    let kinds: Vec<&str> = found.iter().map(|mismatch| mismatch["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["amount-differs", "only-in-journal", "only-at-host"]);
    assert_eq!(settlement.details().await.unwrap().mismatches().len(), 3, "they stay with the settlement");
    // The journal's own list, read back, agrees with it.
    let own: Vec<_> = settlement.lines().await.unwrap();
    let own: Vec<(u32, String, u64, String)> = own
        .iter()
        .map(|l| {
            let text = |key: &str| l[key].as_str().unwrap().to_owned();
            (l["trace"].as_u64().unwrap() as u32, text("kind"), l["counted"].as_u64().unwrap(), text("rrn"))
        })
        .collect();
    assert_eq!(own.len(), 3);
    assert!(settlement.match_details(&own).await.unwrap().is_empty());
}

/// Runs posctl on the house's bus: exit code and what it said.
async fn posctl(house: &House, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = tokio::process::Command::new(house.stack.programs().join("posctl"));
    command.args(arguments).env("DBUS_SYSTEM_BUS_ADDRESS", house.stack.bus_address());
    let output = command.output().await.unwrap();
    (output.status.code(), said(&output))
}

#[tokio::test]
async fn posctl_settles_shows_and_matches_in_two_languages() {
    let house = a_day().await;
    let trace = trace_of(&house, 5000);
    house.host(json!({"forget": {"terminal": BATCH, "batch": 1, "trace": trace}}));
    assert_eq!(posctl(&house, &["settle", "show"]).await.0, Some(7), "there is none yet");
    // Slow enough for the first and the last step to be seen.
    for message in ["settlement", "batch-end"] {
        house.host(json!({"fault": "delay", "ms": 500, "message": message, "count": 1}));
    }
    let (code, text) = posctl(&house, &["settle", "--lang", "zh-CN"]).await;
    assert_eq!(code, Some(13), "{text}");
    for part in ["与主机对账", "批结束", "批次 000001  已结算  部分平", "总额不平", "明细已上送主机"]
    {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    let (code, text) = posctl(&house, &["settle", "show", "1", "--lang", "en"]).await;
    assert_eq!(code, Some(13), "{text}");
    assert!(
        text.contains("half-balanced") && text.contains("62.34") && text.contains("estimated fees"),
        "{text}"
    );
    let (_, text) = posctl(&house, &["settle", "show", "--json"]).await;
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&value["Batch"], &value["State"]), (&json!(1), &json!("finished")));
    let file = house.directory().join("details.csv");
    let (code, text) = posctl(&house, &["settle", "export"]).await;
    assert_eq!((code, text.lines().count()), (Some(0), 4), "{text}");
    std::fs::write(&file, &text).unwrap();
    let (code, said) = posctl(&house, &["settle", "match", file.to_str().unwrap()]).await;
    assert_eq!(code, Some(0), "{said}");
    std::fs::write(&file, text.lines().take(3).collect::<Vec<_>>().join("\n")).unwrap();
    let (code, said) = posctl(&house, &["settle", "match", file.to_str().unwrap(), "--lang", "en"]).await;
    assert!(code == Some(13) && said.contains("the host does not"), "{said}");
    let (code, text) = posctl(&house, &["settle", "slip"]).await;
    assert!(code == Some(0) && text.contains("结算单"), "{text}");
}
