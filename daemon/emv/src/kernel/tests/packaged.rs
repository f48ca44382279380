//! The configuration that comes with the project.

use super::{card::CREDIT, issuer::authority_key, world::World};
use crate::configuration::{AuthorityKeyText, Configuration};

const TEST: &str = include_str!("../../../../../packaging/emv/test.toml");

#[test]
fn the_test_configuration_is_read_and_written() {
    let configuration: Configuration = toml::from_str(TEST).unwrap();
    assert_eq!(configuration.validate(), Ok(()));
    let written = toml::to_string(&configuration).unwrap();
    let again: Configuration = toml::from_str(&written).unwrap();
    assert_eq!(toml::to_string(&again).unwrap(), written);
    assert_eq!(again.applications.len(), 2);
    assert_eq!(*again.applications[1].aid, CREDIT);
    assert_eq!(again.applications[0].action_codes()[0], [0, 0x10, 0, 0, 0]);
}

#[test]
fn a_key_appended_to_the_test_configuration_is_taken() {
    let key = toml::to_string(&AuthorityKeyText::from(authority_key())).unwrap();
    let text = format!("{TEST}\n[[authority-keys]]\n{key}");
    let configuration: Configuration = toml::from_str(&text).unwrap();
    assert_eq!(configuration.authority_keys, [authority_key()]);
    // A single wrong digit is refused when the file is read (check 26).
    let wrong = text.replacen("D319A9", "D319A8", 1);
    assert!(toml::from_str::<Configuration>(&wrong).unwrap_err().to_string().contains("SHA-1"));
}

#[test]
fn the_test_configuration_sells() {
    let mut world = World::new();
    world.configuration = toml::from_str(TEST).unwrap();
    assert!(world.run().approved());
    // A service that the card does not allow is declined without the host.
    let mut world = World::with(|card| {
        card.set(0x9F07, "0000");
        card.cryptograms = vec![super::card::cryptogram(0x00)];
    });
    world.configuration = toml::from_str(TEST).unwrap();
    assert!(world.run().online.is_none());
}
