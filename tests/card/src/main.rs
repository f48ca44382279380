//! A software EMV card for pcscd's virtual reader, and its authority's key for the terminal's configuration.

use std::io::{self, Write as _};

use clap::{Parser, Subcommand, ValueEnum};
use posd_card::{Card, Profile, issuer, vpcd};

/// A software EMV test card.
#[derive(Parser)]
#[command(name = "posd-card", version)]
struct Arguments {
    #[command(subcommand)]
    command: Order,
}

#[derive(Subcommand)]
enum Order {
    /// Insert the card into the virtual reader of pcscd and stay until it is closed.
    Vpcd {
        /// Host of the virtual reader.
        #[arg(long, default_value = "127.0.0.1")]
        host: String,
        /// Port of the virtual reader.
        #[arg(long, default_value_t = vpcd::PORT)]
        port: u16,
        /// Which card.
        #[arg(long, value_enum, default_value_t = Kind::Debit)]
        profile: Kind,
        /// The virtual reader stands for a contactless one: the card is held to its field.
        #[arg(long)]
        contactless: bool,
    },
    /// Print the test authority's public key for the terminal's configuration.
    Ca {
        /// JSON instead of TOML.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Debit,
    Credit,
    OfflinePin,
    EncipheredPin,
    Combined,
    Combo,
    QuickPass,
    Phone,
    Cash,
    DebitCredit,
}

fn main() -> io::Result<()> {
    match Arguments::parse().command {
        Order::Vpcd { host, port, profile, contactless } => {
            let profile = match profile {
                Kind::Debit => Profile::debit(),
                Kind::Credit => Profile::credit(),
                Kind::OfflinePin => Profile::offline_pin(),
                Kind::EncipheredPin => Profile::enciphered_pin(),
                Kind::Combined => Profile::combined(),
                Kind::Combo => Profile::combo(),
                Kind::QuickPass => Profile::quick_pass(),
                Kind::Phone => Profile::phone(),
                Kind::Cash => Profile::cash(),
                Kind::DebitCredit => Profile::debit_credit(),
            };
            let mut card = Card::new(profile);
            card.hold_to_field(contactless);
            vpcd::Slot::connect((host.as_str(), port))?.serve(&mut card)
        }
        Order::Ca { json } => {
            let key = issuer::authority_key();
            let text = if json { key.to_json() } else { key.to_toml() };
            io::stdout().write_all(text.as_bytes())
        }
    }
}
