//! A cashier's commands: what each says to people and to scripts, and how it ends.

use posd_system_tests::House;
use serde_json::{Value, json};

/// Exit code, and what was said on the standard output.
async fn posctl(house: &House, arguments: &[&str]) -> (i32, String) {
    let output = house.posctl(arguments, "").await;
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// The last line of what was said, which must be JSON.
fn last(said: &str) -> Value {
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

#[tokio::test]
async fn a_day_at_the_command_line() {
    let house = House::new().await;
    assert_eq!(posctl(&house, &["sign-in"]).await, (0, "signed in\n".to_owned()));
    assert_eq!(posctl(&house, &["operator", "login", "01"]).await.0, 0);
    let (code, said) = posctl(&house, &["sale", "12.34", "--reference", "a", "--json"]).await;
    let end = last(&said);
    assert_eq!((code, &end["state"], &end["outcome"]), (0, &json!("finished"), &json!("approved")));
    assert!(said.lines().count() > 3, "each change is a line");
    assert_eq!((&end["kind"], &end["amount"]), (&json!("sale"), &json!(1234)));
    let trace = end["result"]["trace"].as_u64().unwrap().to_string();
    // The same reference charges nobody again, whatever it is called by.
    let (code, said) = posctl(&house, &["sell", "12.34", "--reference", "a", "--json"]).await;
    assert_eq!((code, &last(&said)["id"]), (0, &end["id"]));
    assert_eq!(house.booked(), [1234]);
    let (code, said) = posctl(&house, &["show", "--reference", "a", "--json"]).await;
    assert_eq!((code, &last(&said)["result"]["rrn"]), (0, &end["result"]["rrn"]));
    // Nobody need type what the original moved; the slip's number is enough.
    let (code, said) =
        posctl(&house, &["void", "--reference", "b", "--trace", &trace, "--lang", "zh-CN"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("消费撤销") && said.contains("成功"), "{said}");
    assert!(house.booked().is_empty());
    let (code, said) = posctl(&house, &["void", "--reference", "c", "--original", "a", "--json"]).await;
    assert_eq!((code, &last(&said)["error"]), (7, &json!("AlreadyVoided")));
    let (_, said) = posctl(&house, &["list", "--lang", "zh-CN"]).await;
    assert!(said.contains("消费撤销") && said.lines().count() == 2, "{said}");
    let (code, said) = posctl(&house, &["receipt", &end["id"].to_string(), "--json"]).await;
    assert_eq!((code, &last(&said)["receipt"]["rrn"]), (0, &end["result"]["rrn"]));
}

#[tokio::test]
async fn exit_codes_tell_what_came_of_it() {
    let house = House::new().await;
    let (code, said) = posctl(&house, &["sale", "1.00", "--reference", "a", "--json"]).await;
    assert_eq!((code, &last(&said)["error"]), (7, &json!("NotSignedIn")));
    let house = house.opened().await;
    assert_eq!(posctl(&house, &["sale", "10.51", "--reference", "b"]).await.0, 3);
    house.devices(json!({"pin": "cancel"}));
    assert_eq!(posctl(&house, &["sale", "1.00", "--reference", "c"]).await.0, 4);
    house.devices(json!({"pin": "1234"}));
    assert_eq!(posctl(&house, &["sale", "1,00", "--reference", "d"]).await.0, 2);
    assert_eq!(posctl(&house, &["sale", "0", "--reference", "d"]).await.0, 2);
    assert_eq!(posctl(&house, &["show", "999"]).await.0, 7);
    // The host hears it and says nothing, not even to the reversal: nobody knows.
    for message in ["sale", "reversal"] {
        house.host(json!({"fault": "drop-answer", "message": message}));
    }
    let unknown = ["sale", "2.00", "--reference", "e", "--patience", "0", "--json"];
    let (code, said) = posctl(&house, &unknown).await;
    assert_eq!((code, &last(&said)["outcome"]), (6, &json!("unknown")));
    house.host(json!({"clear": true}));
    let (code, said) = posctl(&house, &["sale", "2.00", "--reference", "e"]).await;
    assert_eq!(code, 5, "{said}");
    let decoded = posd_system_tests::posctl(&["decode", "tvr", "0000048000", "--json"]).await;
    let said = posd_system_tests::succeeded("posctl", &decoded);
    assert_eq!((said.lines().count(), &last(&said)[0]["tag"]), (1, &json!("95")));
    let wrong = posd_system_tests::posctl(&["decode", "iso8583", "0200", "--json"]).await;
    let said = String::from_utf8(wrong.stdout).unwrap();
    assert_eq!((wrong.status.code(), said.lines().count()), (Some(2), 1));
    assert!(last(&said)["text"].as_str().unwrap().contains("field 1 "), "{said}");
    let nobody = posd_system_tests::posctl(&["status", "--json"]).await;
    assert_eq!(nobody.status.code(), Some(8), "without a bus");
}
