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
    Combo,
}

fn main() -> io::Result<()> {
    match Arguments::parse().command {
        Order::Vpcd { host, port, profile } => {
            let profile = match profile {
                Kind::Debit => Profile::debit(),
                Kind::Credit => Profile::credit(),
                Kind::OfflinePin => Profile::offline_pin(),
                Kind::Combo => Profile::combo(),
            };
            vpcd::Slot::connect((host.as_str(), port))?.serve(&mut Card::new(profile))
        }
        Order::Ca { json } => {
            let key = issuer::authority_key();
            let text = if json { key.to_json() } else { key.to_toml() };
            io::stdout().write_all(text.as_bytes())
        }
    }
}
