//! Chip cards that can do more than the usual one.

use posd_client::Details;
use posd_system_tests::House;
use serde_json::json;

/// A sale to a card of the shelf, whose holder types this PIN.
async fn sold(house: &House, profile: &str, pin: &str) -> Details {
    house.devices(json!({"pin": pin}));
    let sale = house.create(profile, 1234).await;
    house.start_until(&sale, "waiting-card").await;
    house.devices(json!({"card": "insert", "profile": profile}));
    if pin != "1234" {
        while sale.details().await.unwrap().prompt != "wrong-pin-again" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        house.devices(json!({"pin": "1234"}));
    }
    let details = house.reaches(&sale, "waiting-removal").await;
    house.devices(json!({"card": "remove"}));
    house.reaches(&sale, "finished").await;
    details
}

#[tokio::test]
async fn check_30_a_card_that_signs_its_cryptograms_is_sold_to() {
    let house = House::with_idle_customer().await.opened().await;
    assert_eq!(sold(&house, "combined", "1234").await.outcome, "approved");
    assert_eq!(house.devices(json!({"certificate": true}))["good"], true);
    assert_eq!(house.booked(), [1234]);
}

#[tokio::test]
async fn check_41_a_pin_goes_to_the_card_under_its_own_key() {
    let house = House::with_idle_customer().await.opened().await;
    // The card deciphers it: it counts the wrong one, and takes the right one.
    assert_eq!(sold(&house, "enciphered-pin", "9999").await.outcome, "approved");
    assert_eq!(house.booked(), [1234]);
}
