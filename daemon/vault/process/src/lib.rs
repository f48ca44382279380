//! The secure module as a process: sockets, card reader, stripe reader, PIN pad, locked memory.
//!
//! What it is for: it carries events from the wires to [`posd_vault_core::Core`] and the core's orders back. One thread
//! does everything; a second one only waits for the card reader and sees no secret.
//!
//! What it never does: it decides nothing about keys or PINs, has no network, no D-Bus, and no simulated device. The
//! simulated terminal is another binary, which implements [`device::CardReader`] and [`device::PinPad`] and runs the
//! same [`server::Server`].
//!
//! Memory: pages are locked, the process cannot be dumped or traced, and keys are wiped when the core is dropped, which
//! every orderly end does: errors, and every signal that is sent to end a process but those that nobody can hear. A panic,
//! SIGKILL or a watchdog's SIGABRT ends the process without that; then the kernel takes the pages, which were never on
//! disk, and clears them before anyone else gets them.
//!
//! Start reading at [`server::Server::run`].

pub mod command;
pub mod configuration;
pub mod device;
mod evdev_device;
pub mod evdev_pad;
pub mod evdev_stripe;
pub mod hardening;
mod link;
pub mod pcsc_reader;
pub mod server;
pub mod store;
