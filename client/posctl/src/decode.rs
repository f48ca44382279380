//! Hexadecimal data in words.

/// What to decode.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// `iso8583` (a frame from its length prefix on, or a body from its message type), `tlv`, `tvr` or `cvm`.
    kind: Kind,
    /// The data in hexadecimal; blanks do not count.
    hex: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    Iso8583,
    Tlv,
    Tvr,
    Cvm,
}

/// The data in words.
pub(crate) fn run(arguments: &Arguments) -> Result<String, String> {
    let _ = arguments;
    Err("not built".to_owned())
}
