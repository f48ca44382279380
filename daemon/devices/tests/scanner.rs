//! The scanner's driver with a recorded input device, replayed by umockdev: each test runs itself again under it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use posd_devices::scanner::{Heard, Input, Source, run};
use std::{path::Path, process::Command, time::Duration};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Where udev's properties are for the test that runs under umockdev.
const UDEV_DATA: &str = "POSD_TEST_UDEV_DATA";

/// Runs a test of this file again, where the recorded scanner is `/dev/input/event0`.
fn replay(test: &str, udev_data: &Path) {
    let node = "/dev/input/event0";
    let recorded = |name: &str| format!("{}/tests/scanner.{name}", env!("CARGO_MANIFEST_DIR"));
    let status = Command::new("umockdev-run")
        .arg(format!("--device={}", recorded("umockdev")))
        .arg(format!("--ioctl={node}={}", recorded("ioctl")))
        .arg(format!("--evemu-events={node}={}", recorded("events")))
        .arg("--")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(UDEV_DATA, udev_data)
        .status();
    assert!(status.expect("umockdev-run is needed").success(), "{test}");
}

fn listen(input: Input) -> UnboundedReceiver<Heard> {
    let (sender, heard) = unbounded_channel();
    tokio::spawn(run(Source::Input(input), move |what| {
        // A test that has heard enough listens no more.
        let _ = sender.send(what);
    }));
    heard
}

fn marked() -> Input {
    Input { udev_data: std::env::var_os(UDEV_DATA).unwrap().into(), ..Input::default() }
}

async fn next(heard: &mut UnboundedReceiver<Heard>) -> Heard {
    let next = tokio::time::timeout(Duration::from_secs(20), heard.recv()).await;
    next.expect("the scanner tells something").unwrap()
}

/// udev's file for the recorded device, written as udev does: beside, then renamed.
fn mark(udev_data: &Path, property: &str) {
    std::fs::write(udev_data.join(".new"), format!("I:1\nE:ID_INPUT=1\nE:{property}\n")).unwrap();
    std::fs::rename(udev_data.join(".new"), udev_data.join("c13:64")).unwrap();
}

#[test]
fn a_code_scanned_on_the_recorded_scanner() {
    let udev_data = tempfile::tempdir().unwrap();
    mark(udev_data.path(), "ID_POSD_SCANNER=1");
    replay("replayed_code", udev_data.path());
}

#[tokio::test]
#[ignore = "run under umockdev by the test above"]
async fn replayed_code() {
    let mut heard = listen(marked());
    assert_eq!(next(&mut heard).await, Heard::Ready);
    assert_eq!(next(&mut heard).await, Heard::Code("6212340000000000019".to_owned().into()));
}

#[test]
fn the_scanner_is_found_by_its_property_only_and_never_is_the_pin_pad() {
    let udev_data = tempfile::tempdir().unwrap();
    mark(udev_data.path(), "ID_INPUT_KEYBOARD=1");
    replay("replayed_marks", udev_data.path());
}

#[tokio::test]
#[ignore = "run under umockdev by the test above"]
async fn replayed_marks() {
    let input = marked();
    let udev_data = input.udev_data.clone();
    let mut heard = listen(input.clone());
    assert_eq!(next(&mut heard).await, Heard::Missing, "a keyboard is no scanner");
    mark(&udev_data, "ID_POSD_PINPAD=1\nE:ID_POSD_SCANNER=1");
    loop {
        match next(&mut heard).await {
            Heard::Missing => {}
            told => break assert_eq!(told, Heard::Faulty, "marked as both: the PIN pad is not taken"),
        }
    }
    let named = Input { device: Some("/dev/input/event0".into()), ..input };
    assert_eq!(next(&mut listen(named)).await, Heard::Faulty, "not even by its name");
    mark(&udev_data, "ID_POSD_SCANNER=1");
    loop {
        match next(&mut heard).await {
            Heard::Faulty => {}
            told => break assert_eq!(told, Heard::Ready, "marked later"),
        }
    }
}
