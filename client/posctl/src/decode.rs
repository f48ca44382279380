//! Hexadecimal data in words.

use serde::Serialize;
use std::fmt::Display;

/// What to decode.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// `iso8583` (a frame from its length prefix on, or a body from its message type), `tlv`, `tvr` or `cvm`.
    kind: Kind,
    /// The data in hexadecimal; blanks do not count.
    hex: String,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    Iso8583,
    Tlv,
    Tvr,
    Cvm,
}

/// The data in words, card data masked.
pub(crate) fn run(arguments: &Arguments, json: bool) -> Result<String, String> {
    let hex: String = arguments.hex.chars().filter(|character| !character.is_whitespace()).collect();
    let data = posd_emv::hex::decode(&hex).map_err(|error| error.to_string())?;
    let said = |described: Result<posd_emv::describe::Description, posd_emv::describe::DescribeError>| {
        described.map_err(|error| error.to_string()).and_then(|description| say(&description, json))
    };
    match arguments.kind {
        Kind::Iso8583 => {
            let profile = posd_unionpay::Profile::default();
            let description = posd_unionpay::describe::describe(&profile.table(), &data);
            say(&description.map_err(|error| error.to_string())?, json)
        }
        Kind::Tlv => said(posd_emv::describe::tlv(&data)),
        Kind::Tvr => said(posd_emv::describe::tvr(&data)),
        Kind::Cvm => said(posd_emv::describe::cvm(&data)),
    }
}

fn say(description: &(impl Display + Serialize), json: bool) -> Result<String, String> {
    if json {
        serde_json::to_string(description).map_err(|error| error.to_string())
    } else {
        Ok(description.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// A sale's account number, track 2 and PIN block, all made up.
    const BODY: &str =
        "0200 4000000020001000 16 6212340000000019 24 6212340000000019D3012201 0412AC8F6D3E2B17";
    const FRAME: &str = "0033 6000030000 603100310000";

    fn decode(kind: Kind, hex: &str, json: bool) -> Result<String, String> {
        run(&Arguments { kind, hex: hex.to_owned() }, json)
    }

    /// As text and as one line of JSON; what is found in the text must stand in the JSON too.
    fn both(kind: Kind, hex: &str) -> (String, Value) {
        let (text, json) = (decode(kind, hex, false).unwrap(), decode(kind, hex, true).unwrap());
        assert_eq!(json.lines().count(), 1, "{json}");
        for secret in ["62123400", "00000019D", "D3012201", "3012201", "0412AC8F"] {
            assert!(!text.contains(secret) && !json.contains(secret), "{text} {json}");
        }
        (text, serde_json::from_str(&json).unwrap())
    }

    fn fault(kind: Kind, hex: &str) -> String {
        assert_eq!(decode(kind, hex, true), decode(kind, hex, false));
        decode(kind, hex, false).unwrap_err()
    }

    #[test]
    fn a_message_is_told_with_its_frame_and_without_and_shows_no_card() {
        for hex in [BODY.to_owned(), format!("{FRAME} {BODY}")] {
            let (text, json) = both(Kind::Iso8583, &hex);
            assert_eq!(json["mti"], "0200");
            let field = |number: u8| {
                let fields = json["fields"].as_array().unwrap();
                fields.iter().find(|field| field["number"] == number).unwrap()["value"].clone()
            };
            assert_eq!(field(2), "621234******0019");
            assert_eq!((field(35), field(52)), ("(not shown)".into(), "(not shown)".into()));
            assert!(text.contains("621234******0019"), "{text}");
            assert_eq!(json["header"].as_str(), hex.starts_with("0033").then_some("603100310000"));
        }
    }

    #[test]
    fn a_fault_names_the_field_and_where_it_is() {
        // The account number's second byte, in the body and in the frame.
        let wrong = BODY.replacen("6212", "62A2", 1);
        assert!(fault(Kind::Iso8583, &wrong).starts_with("field 2 (primary account number) at byte 12: "));
        let frame = format!("{FRAME} {wrong}");
        assert!(fault(Kind::Iso8583, &frame).starts_with("field 2 (primary account number) at byte 25: "));
        let cut = BODY.trim_end_matches("2B17");
        let said = fault(Kind::Iso8583, cut);
        assert!(said.contains("field 52 (") && said.contains(" at byte 32: "), "{said}");
        let said = fault(Kind::Iso8583, &format!("{FRAME} {cut}"));
        assert!(said.starts_with("the frame: ") && said.contains("51 bytes, but 49"), "{said}");
        assert!(fault(Kind::Tlv, "7007 5F3401 01 9F02 06").contains("offset 6"));
        assert!(fault(Kind::Tvr, "00000480").contains("4 bytes where 5"));
        assert!(fault(Kind::Cvm, "4203").contains("2 bytes"));
        for kind in [Kind::Iso8583, Kind::Tlv, Kind::Tvr, Kind::Cvm] {
            assert!(fault(kind, "02x0").contains("character 2"));
            assert!(fault(kind, "020").contains("odd"));
            assert!(!fault(kind, "").is_empty());
        }
    }

    #[test]
    fn data_objects_are_told_with_their_offsets_and_show_no_card() {
        let hex = "9F0206000000001234 7018 5A086212340000000019 570C6212340000000019D3012201";
        let (text, json) = both(Kind::Tlv, hex);
        assert_eq!((&json[0]["tag"], &json[0]["value"]), (&"9F02".into(), &"000000001234".into()));
        let card = &json[1]["elements"];
        assert_eq!((&card[0]["tag"], &card[0]["masked"]), (&"5A".into(), &true.into()));
        assert_eq!((&card[1]["tag"], &card[1]["offset"]), (&"57".into(), &21.into()));
        assert!(text.contains("9F02") && text.contains("5A"), "{text}");
    }

    #[test]
    fn verification_results_are_told_bit_by_bit() {
        let (text, json) = both(Kind::Tvr, "0000048000");
        let findings = json[0]["findings"].as_array().unwrap();
        let bits: Vec<_> = findings.iter().map(|one| (one["byte"].as_u64(), one["bit"].as_u64())).collect();
        assert_eq!(bits, [(Some(3), Some(3)), (Some(4), Some(8))]);
        assert!(
            text.contains("online PIN was entered") && text.contains("exceeds the floor limit"),
            "{text}"
        );
    }

    #[test]
    fn cvm_lists_and_cvm_results_are_told() {
        let (list, json) = both(Kind::Cvm, "00000000 00000000 4203 1E03 1F00");
        assert_eq!(json[0]["tag"], "8E");
        assert!(list.contains("online") && list.contains("signature"), "{list}");
        let (results, json) = both(Kind::Cvm, "420302");
        assert_eq!(json[0]["tag"], "9F34");
        assert!(results.contains("online") && results.contains("successful"), "{results}");
    }
}
