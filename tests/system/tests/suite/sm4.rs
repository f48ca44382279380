//! SM4 between terminal and host, from the custodians' key to the sale.

use posd_simulator::Options;
use posd_system_tests::{House, cause, options};
use serde_json::json;

/// Profile, module and host with SM4.
fn with_sm4() -> Options {
    Options {
        profile: format!("algorithm = \"sm4\"\n{}", options().profile),
        sm4: true,
        acquirer: json!({"switches": {"algorithm": "sm4"}}),
        ..options()
    }
}

#[tokio::test]
async fn signs_in_sells_and_reverses_with_sm4() {
    let house = House::with(&with_sm4()).await.opened().await;
    // The host reads the PIN out of field 52.
    house.devices(json!({"pin": "4321"}));
    assert_eq!(house.sell("sm4-1", 1234).await.outcome, "declined");
    house.devices(json!({"pin": "1234"}));
    assert_eq!(house.sell("sm4-2", 1234).await.outcome, "approved");
    house.host(json!({"fault": "drop-answer", "message": "sale", "count": 1}));
    let reversed = house.sell("sm4-3", 500).await;
    assert_eq!((reversed.outcome.as_str(), cause(&reversed).as_str()), ("failed", "reversed"));
    assert_eq!(house.booked(), [1234]);
}

#[tokio::test]
async fn a_master_key_of_another_algorithm_keeps_the_terminal_out_of_service() {
    let house = House::starting(&Options { sm4: false, ..with_sm4() }).await;
    house.terminal_is("out of service", |reasons| reasons == ["master-key"]).await;
    assert!(house.terminal.sign_in().await.is_err());
    assert_eq!(house.requests(), [""; 0], "the host hears nothing");
}
