//! The code scanner's driver, and what it says to the runner.

use crate::ports::Events;
use posd::configuration::Scanner;
use posd_devices::{
    Target,
    scanner::{Heard, Input, Source, run},
};
use posd_terminal::Event;
use posd_vault_protocol::{DeviceState, Secret};

fn source(scanner: Scanner) -> Source {
    match (scanner.device, scanner.tty, scanner.tcp) {
        (Some(device), _, _) => Source::Input(Input { device: Some(device), ..Input::default() }),
        (None, Some(path), _) => Source::Line(Target::Tty(path, scanner.baud.unwrap_or(9_600))),
        (None, None, Some(address)) => Source::Line(Target::Tcp(address)),
        (None, None, None) => {
            let default = Input::default();
            Source::Input(Input { property: scanner.property.unwrap_or(default.property.clone()), ..default })
        }
    }
}

/// Serves the runner until it ends; without a scanner there is nothing to tell.
pub(crate) async fn serve(scanner: Option<Scanner>, events: Events) {
    let Some(scanner) = scanner else { return };
    let tell = move |heard| {
        events.send(match heard {
            Heard::Ready => Event::Scanner(DeviceState::Ready),
            Heard::Missing => Event::Scanner(DeviceState::Missing),
            Heard::Faulty => Event::Scanner(DeviceState::Faulty),
            Heard::Code(code) => Event::Scanned(Secret::new(code.as_bytes().to_vec())),
        });
    };
    run(source(scanner), tell).await;
}
