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
        serde_json::to_string_pretty(description).map_err(|error| error.to_string())
    } else {
        Ok(description.to_string())
    }
}
