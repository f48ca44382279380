//! What keeps the process's memory to itself.

use nix::{
    errno::Errno,
    libc,
    sys::{
        mman::{MlockAllFlags, mlockall},
        prctl::set_dumpable,
        resource::{Resource, setrlimit},
        stat::{Mode, umask},
    },
};

/// A protection that the kernel refused. The process does not start without all of them.
#[derive(Debug, thiserror::Error)]
pub enum HardeningError {
    /// Core dumps could not be switched off.
    #[error("core dumps cannot be switched off: {0}")]
    CoreDumps(#[source] Errno),
    /// The process could not be made undumpable.
    #[error("the process cannot be protected from tracing: {0}")]
    Dumpable(#[source] Errno),
    /// Memory could not be locked.
    #[error("memory cannot be locked: {0}; allow it with LimitMEMLOCK=128M (or ulimit -l)")]
    Lock(#[source] Errno),
}

/// No core dumps, no tracing by others of the same user, new files for the owner only. To be called before any secret
/// is read.
///
/// # Errors
/// [`HardeningError`] names the protection that is missing.
pub fn harden() -> Result<(), HardeningError> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(HardeningError::CoreDumps)?;
    set_dumpable(false).map_err(HardeningError::Dumpable)?;
    umask(Mode::from_bits_truncate(0o077));
    Ok(())
}

/// No page ever in swap. To be called before any secret is read.
///
/// # Errors
/// [`HardeningError::Lock`].
pub fn lock_memory() -> Result<(), HardeningError> {
    // On fault: a page is locked when it is first used, so that what is never used costs nothing.
    let on_fault = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
    mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault).map_err(HardeningError::Lock)
}
