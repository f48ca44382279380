//! Slips from data to paper: the renderer, the driver and the simulated printer, each written for itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use posd_devices::{Job, State, Target, run};
use posd_receipt::{Copy, Receipt, layout, text};
use posd_simulator::printer::PaperPrinter;
use tokio::sync::mpsc::channel;

const RECEIPT: &str = r#"{"transaction_type":"sale","merchant_name":"示例商户","merchant":"898000000000001",
    "terminal":"00000001","operator":"01","issuer":"01020000","acquirer":"48021000","masked_pan":"621234******0019",
    "entry":"insert","batch":7,"trace":123,"authorisation_code":"A12345","rrn":"000000000123",
    "date_time":"2026/01/02 03:04:05","amount":1234,"currency":"CNY","reference":"order-1","note":"桌号 8",
    "host_texts":["谢谢惠顾"],"chip":{"transaction_certificate":"0123456789ABCDEF","arqc":"FEDCBA9876543210",
    "aid":"A000000333010101","tvr":"0080048000","tsi":"E800","atc":"0001","pan_sequence":"001",
    "label":"UnionPay Debit","preferred_name":"银联借记卡"},"signature":true,"test":true}"#;

fn receipt() -> Receipt {
    serde_json::from_str(RECEIPT).unwrap()
}

fn escpos(copy: Copy, reprint: bool) -> Vec<u8> {
    posd_receipt::escpos(&layout(&receipt(), copy, reprint)).to_vec()
}

/// Prints both copies; `on_state` may do something to the printer.
async fn print(printer: &PaperPrinter, mut on_state: impl FnMut(u64, State)) -> Vec<(u64, State)> {
    let (jobs, queue) = channel(2);
    for (id, copy) in [(1, Copy::Merchant), (2, Copy::Cardholder)] {
        let bytes = escpos(copy, false);
        jobs.send(Job { id, bytes: bytes.into(), again: escpos(copy, true).into() }).await.unwrap();
    }
    drop(jobs);
    let mut states = Vec::new();
    run(Target::Tcp(printer.address().to_string()), queue, |id, state| {
        states.push((id, state));
        on_state(id, state);
    })
    .await;
    states
}

use State::{Done, NeedsPaper, Printing};

/// The same words, wherever the double ones stand.
fn trimmed(slip: &str) -> Vec<&str> {
    slip.lines().map(str::trim).collect()
}

#[tokio::test]
async fn both_copies_come_out_as_the_text_says() {
    let printer = PaperPrinter::start().unwrap();
    let states = print(&printer, |_, _| {}).await;
    assert_eq!(states, [(1, Printing), (1, Done), (2, Printing), (2, Done)]);
    let slips = printer.paper();
    assert_eq!(slips.len(), 2);
    for (slip, copy) in slips.iter().zip([Copy::Merchant, Copy::Cardholder]) {
        assert_eq!(trimmed(&slip.text), trimmed(&text(&layout(&receipt(), copy, false))));
        assert_eq!(slip.codes, ["00000001/000007/000123/000000000123"]);
        assert_eq!(slip.bytes, escpos(copy, false));
    }
}

#[tokio::test]
async fn rule_6_paper_that_ends_within_a_slip_interrupts_it_and_no_more() {
    let printer = PaperPrinter::start().unwrap();
    printer.set_lines_left(12);
    let states = print(&printer, |_, state| {
        if state == NeedsPaper {
            assert!(printer.paper().is_empty());
            printer.set_paper(true);
        }
    });
    let states = states.await;
    assert_eq!(states[..4], [(1, Printing), (1, NeedsPaper), (1, Printing), (1, Done)]);
    let slips = printer.paper();
    assert_eq!(slips.len(), 2);
    assert_eq!(slips[0].bytes, escpos(Copy::Merchant, false));
}

#[tokio::test]
async fn rule_6_a_printer_switched_off_for_new_paper_prints_with_the_mark() {
    let printer = PaperPrinter::start().unwrap();
    printer.set_lines_left(12);
    let states = print(&printer, |_, state| {
        if state == NeedsPaper {
            printer.switch_off_and_on();
            printer.set_paper(true);
        }
    });
    assert_eq!(states.await.last(), Some(&(2, Done)));
    let slips = printer.paper();
    assert_eq!(slips.len(), 2);
    assert_eq!(slips[0].bytes, escpos(Copy::Merchant, true));
    assert!(slips[0].text.contains("****重打印/DUPLICATED****"));
    assert_eq!(slips[1].bytes, escpos(Copy::Cardholder, false));
}
