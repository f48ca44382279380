//! The secure module of the simulated terminal: the real core and the real server, with devices that are moved by
//! commands on a socket.

mod control;
mod scene;

use crate::{printer::PaperPrinter, scanner::LineScanner};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use des::{
    TdesEde2,
    cipher::{Block, BlockCipherEncrypt, KeyInit},
};
use nix::unistd::Uid;
use posd_vault::{
    server::{Listener, Server, ServerError, bind},
    store::Store,
};
use posd_vault_core::{Core, Input, KeyRequest, Output, Settings, StoreFault};
use posd_vault_protocol::{KeyAlgorithm, Secret};
use sm4::Sm4;
use std::{collections::BTreeMap, os::fd::AsFd, path::Path};

/// The made-up terminal master key that the test acquirer knows too.
const MASTER_KEY: [u8; 16] =
    [0x5D, 0x3B, 0x7A, 0x1C, 0x9E, 0x2F, 0x48, 0x60, 0x8C, 0xA4, 0xB6, 0xD0, 0x13, 0x57, 0xF9, 0x2E];
/// The first of its two components; the other is the difference.
const FIRST_COMPONENT: [u8; 16] =
    [0xA1, 0x0F, 0x6B, 0x3C, 0x52, 0x97, 0xD8, 0x4E, 0x1B, 0xC6, 0x70, 0x29, 0xE4, 0x8D, 0x35, 0xF2];
/// The password of each simulated custodian.
const CUSTODIAN_PASSWORD: &str = "20260101";
/// The password of operators 01 and 02; the initial one was changed.
pub const OPERATOR_PASSWORD: &str = "1357";
/// The password of the supervisor 00.
pub const SUPERVISOR_PASSWORD: &str = "246810";
/// The password of the manager 99.
pub const MANAGER_PASSWORD: &str = "86421357";
/// The simulated terminal's people at its first start.
const OPERATORS: [(&str, &str); 4] = [
    ("00", SUPERVISOR_PASSWORD),
    ("01", OPERATOR_PASSWORD),
    ("02", OPERATOR_PASSWORD),
    ("99", MANAGER_PASSWORD),
];
/// What a hash of these public passwords costs: memory in KiB, and passes.
const CHEAP: (u32, u32) = (64, 1);

/// Why the module does not start.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// Files and sockets.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Its loop.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The made-up people or keys are not accepted.
    #[error("the simulated secure module: {0}")]
    Core(String),
}

/// Serves `vault.sock`, `keys.sock` and `devices.sock` in a directory, a printer and a code scanner, until the process
/// ends. The terminal master key is loaded for SM4 or else for 3DES. `ready` is told the addresses of printer and scanner once everything listens.
///
/// # Errors
/// [`ModuleError`].
pub fn serve(
    directory: &Path,
    auto: bool,
    sm4: bool,
    ready: impl FnOnce(&str, &str),
) -> Result<(), ModuleError> {
    let store = Store::new(&directory.join("store"));
    let algorithm = if sm4 { KeyAlgorithm::Sm4 } else { KeyAlgorithm::TripleDes };
    let core = module_core(directory, &store, algorithm)?;
    let printer = PaperPrinter::start()?;
    let scanner = LineScanner::start()?;
    let listen = |name: &str, mode| -> Result<Listener, ModuleError> {
        let users = vec![Uid::effective().as_raw()];
        Ok(Listener { socket: bind(&directory.join(name), mode)?, users })
    };
    let (posd, custodians) = (listen("vault.sock", 0o600)?, listen("keys.sock", 0o600)?);
    let people = bind(&directory.join("devices.sock"), 0o600)?;
    let addresses = [printer.address().to_string(), scanner.address().to_string()];
    let (readers, pad, person) = scene::stage(printer, scanner, auto);
    let control = control::Control::new(people, person)?;
    let server = Server::new(core, store, posd, custodians, readers, pad, control)?;
    ready(&addresses[0], &addresses[1]);
    // Nobody writes to it: the simulated module ends with its process.
    let (stop, _open) = std::io::pipe()?;
    Ok(server.run(stop.as_fd(), None)?)
}

/// The core with the simulated terminal's people, and what the last run stored.
fn module_core(directory: &Path, store: &Store, algorithm: KeyAlgorithm) -> Result<Core, ModuleError> {
    let random = |buffer: &mut [u8]| {
        if getrandom::fill(buffer).is_err() {
            std::process::abort();
        }
    };
    let people = |all: &[(&str, &str)]| -> Result<BTreeMap<String, String>, ModuleError> {
        all.iter().map(|(name, password)| Ok(((*name).to_owned(), hash(password)?))).collect()
    };
    let operators = people(&OPERATORS)?;
    let custodians = people(&[("first", CUSTODIAN_PASSWORD), ("second", CUSTODIAN_PASSWORD)])?;
    let settings = Settings::new(operators, custodians)
        .map_err(|error| ModuleError::Core(error.to_string()))?
        .with_cheap_hashes(CHEAP.0, CHEAP.1)
        .with_algorithm(algorithm);
    let key = directory.join("storage-key");
    if !key.exists() {
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(std::io::Error::other)?;
        std::fs::write(&key, fresh)?;
    }
    let storage_key = Secret::new(std::fs::read(key)?);
    let mut core = Core::new(settings, Some(storage_key), store.read()?, Box::new(random));
    load_master_key(&mut core, store, algorithm)?;
    Ok(core)
}

/// The two custodians load the made-up master key, where there is none yet.
fn load_master_key(core: &mut Core, store: &Store, algorithm: KeyAlgorithm) -> Result<(), ModuleError> {
    if core.status().master_key.is_some() {
        return Ok(());
    }
    let second: Vec<u8> = MASTER_KEY.iter().zip(FIRST_COMPONENT).map(|(key, first)| key ^ first).collect();
    for (custodian, component) in [("first", &FIRST_COMPONENT[..]), ("second", &second)] {
        let given = KeyRequest::Give {
            custodian: custodian.to_owned(),
            password: Secret::new(CUSTODIAN_PASSWORD.into()),
            component: Secret::new(component.to_vec()),
            check_value: check_value(algorithm, component),
        };
        for output in core.handle(Input::Custodian(given), 0) {
            if let Output::Store(blob) = output {
                let stored = store.write(&blob).map_err(|_| StoreFault);
                core.handle(Input::Stored(stored), 0);
            }
        }
    }
    match core.status().master_key {
        Some(_) => Ok(()),
        None => Err(ModuleError::Core("the master key was not accepted".to_owned())),
    }
}

/// An argon2id hash at little cost: these passwords are public.
fn hash(password: &str) -> Result<String, ModuleError> {
    let failed = |error: &dyn std::fmt::Display| ModuleError::Core(error.to_string());
    let parameters = Params::new(CHEAP.0, CHEAP.1, 1, None).map_err(|error| failed(&error))?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    let hash = argon
        .hash_password_with_salt(password.as_bytes(), b"simulated-salt-1")
        .map_err(|error| failed(&error))?;
    Ok(hash.to_string())
}

/// First three bytes of a block of zeros enciphered under a component.
fn check_value(algorithm: KeyAlgorithm, component: &[u8]) -> [u8; 3] {
    match algorithm {
        KeyAlgorithm::TripleDes => first_of_zeros(TdesEde2::new_from_slice(component).ok()),
        KeyAlgorithm::Sm4 => first_of_zeros(Sm4::new_from_slice(component).ok()),
    }
}

fn first_of_zeros<C: BlockCipherEncrypt>(cipher: Option<C>) -> [u8; 3] {
    let mut block = Block::<C>::default();
    if let Some(cipher) = cipher {
        cipher.encrypt_block(&mut block);
    }
    [block[0], block[1], block[2]]
}
