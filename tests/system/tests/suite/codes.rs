//! What a response code comes to on the bus: its text, its class, what the cashier does, and whether the same sale may
//! be tried again.

use posd_client::CreateOptions;
use posd_system_tests::{House, cause, succeeded};
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_code_says_its_class_what_to_do_and_whether_to_try_again() {
    let house = House::new().await.opened().await;
    let cases = [
        (100, "00", "A", "Nothing to do", false),
        (151, "51", "C", "Do not try again; ask for another way to pay", false),
        (155, "55", "C", "Sell again and let the cardholder type the right PIN", true),
        (114, "14", "B", "Check and try again", true),
        (141, "41", "D", "Keep the card and call the acquirer", false),
        (198, "98", "E", "System fault; call the acquirer", false),
    ];
    for (amount, code, class, action, again) in cases {
        let options = CreateOptions { locale: Some("en".to_owned()), ..CreateOptions::default() };
        let sale = house.terminal.create(&format!("code-{code}"), amount, &options).await.unwrap();
        let end = house.finish(&sale).await;
        let text = |key| end.result_text(key).unwrap_or_default();
        // Whom to call stands with every failure.
        let action = if code == "00" { action.to_owned() } else { format!("{action}. Help line 95516") };
        assert_eq!((text("response-code").as_str(), text("response-class").as_str()), (code, class));
        assert_eq!((text("cashier-action"), end.result_flag("try-again")), (action, again), "{code}");
    }
    let options = CreateOptions { allow_partial: true, ..CreateOptions::default() };
    let part = house.finish(&house.terminal.create("code-10", 1010, &options).await.unwrap()).await;
    assert_eq!(part.result_text("cashier-action").unwrap(), "请告知持卡人已批准的金额，差额另行收取");
    // No code speaks for what the host never said.
    house.host(serde_json::json!({"fault": "refuse-connections"}));
    let unsent = house.sell("unsent", 100).await;
    assert_eq!((unsent.result_text("response-class"), unsent.result_flag("try-again")), (None, true));
}

#[tokio::test]
async fn where_the_host_wants_a_sign_in_the_terminal_signs_in_and_the_sale_may_be_repeated() {
    let house = House::new().await.opened().await;
    for (amount, code, class) in [(177, "77", "D"), (180, "A0", "B"), (199, "99", "B")] {
        let end = house.sell(&format!("again-{code}"), amount).await;
        assert_eq!(end.result_text("response-code").unwrap(), code);
        assert_eq!(end.result_text("response-class").unwrap(), class);
        assert!(end.result_flag("try-again"), "{code}");
        // At once, with no call of SignIn.
        let next = house.sell(&format!("repeated-{code}"), 100).await;
        assert_eq!(next.outcome, "approved", "after {code}");
    }
    let kinds = house.requests();
    let signed_in = kinds.iter().filter(|kind| *kind == "sign-in").count();
    assert_eq!(signed_in, 4, "{kinds:?}");
    let rows = posd_journal::audit_rows(&house.journal(), 0, 500).unwrap();
    let ended: Vec<&str> =
        rows.iter().filter(|row| row.event == "sign-in-ended").map(|row| row.detail.as_str()).collect();
    assert_eq!(ended, ["batch=000001 code=77", "batch=000001 code=A0", "batch=000001 code=99"]);
}

/// The last is "sign in again", which the terminal does at once.
#[tokio::test]
async fn each_digit_of_the_hosts_header_is_recorded_and_shown() {
    let mut house = House::new().await.opened().await;
    let digits = [
        (1, "download terminal parameters"),
        (2, "upload terminal status"),
        (4, "update CA public keys"),
        (5, "download chip parameters"),
        (6, "download the terminal's program"),
        (7, "download the blacklist"),
        (8, "download currency rates"),
        (9, "download contactless parameters"),
        (3, "sign in again"),
    ];
    for (digit, words) in digits {
        house.host(json!({"clear": true}));
        house.host(json!({"fault": "header", "digit": digit}));
        house.terminal.diagnose().await.unwrap();
        asks(&house, digit).await;
        house.restart();
        house.in_service().await;
        asks(&house, digit).await;
        let said = succeeded("posctl", &house.posctl(&["status", "--lang", "en"], "").await);
        let shown = said.lines().find_map(|line| line.strip_prefix("host asks")).unwrap();
        assert_eq!(shown.trim(), format!("{digit} {words}"));
    }
    let rows = posd_journal::audit_rows(&house.journal(), 0, 500).unwrap();
    let of = |event: &str| -> Vec<String> {
        rows.iter().filter(|row| row.event == event).map(|row| row.detail.clone()).collect()
    };
    assert_eq!(of("host-requirement"), digits.map(|(digit, _)| format!("digit={digit}")));
    assert_eq!(of("sign-in-ended").first().unwrap(), "batch=000001 requirement=3");
    house.host(json!({"clear": true}));
    house.terminal.diagnose().await.unwrap();
    asks(&house, 0).await;
}

/// Waits until the terminal shows what the host asks for.
async fn asks(house: &House, digit: u8) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let shown = house.terminal.state().await.unwrap().host_requirement;
        if shown == digit {
            return;
        }
        assert!(Instant::now() < end, "{digit} is asked for, {shown} is shown");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The host has booked a part by then.
#[tokio::test]
async fn a_partial_approval_is_reversed_unless_it_is_allowed() {
    let house = House::new().await.opened().await;
    let whole = house.sell("whole-or-nothing", 1010).await;
    assert_eq!((whole.outcome.as_str(), cause(&whole).as_str()), ("failed", "reversed"));
    assert!(house.booked().is_empty() && house.requests().iter().any(|kind| kind == "reversal"));
    let options = CreateOptions { allow_partial: true, ..CreateOptions::default() };
    let part = house.finish(&house.terminal.create("a-part", 1010, &options).await.unwrap()).await;
    assert_eq!(part.outcome, "partially-approved");
    let booked = house.booked();
    assert!(matches!(booked[..], [amount] if amount < 1010), "{booked:?}");
}
