//! Signals belong to the host: plugins install no handlers, and their threads run none.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;

/// What the kernel sends to a thread because of what that thread did. Blocked, they would kill the process without
/// the host's handler.
const SYNCHRONOUS: [libc::c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGSYS,
];

/// For the first thing that every thread of a plugin does: lets no asynchronous signal interrupt this thread, so
/// that the host's handlers run on the host's threads and a broken connection raises no `SIGPIPE`.
///
/// Threads that this thread starts inherit it. For a runtime of tokio:
/// `Builder::on_thread_start(plugin_api::runtime_thread_started)`.
pub fn runtime_thread_started() {
    let mut signals = MaybeUninit::uninit();
    // SAFETY: `sigfillset` initialises the set, of which only valid signals are taken out; the old mask is not
    // asked for. None of the calls fails for valid arguments.
    unsafe {
        libc::sigfillset(signals.as_mut_ptr());
        for signal in SYNCHRONOUS {
            libc::sigdelset(signals.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, signals.as_ptr(), ptr::null_mut());
    }
}

/// Holds back `SIGPIPE` on this thread, and removes the one that was raised meanwhile.
///
/// Plugin code that is polled on a thread of a host which is not written in Rust may write to a broken connection,
/// and the signal would kill such a host. Costs three system calls.
#[derive(Debug)]
pub struct SigpipeGuard {
    /// Whether it was this guard that blocked the signal.
    blocked: bool,
    /// The mask is that of one thread.
    _not_send: PhantomData<*const ()>,
}

impl SigpipeGuard {
    /// Holds the signal back from here on.
    pub fn new() -> Self {
        let sigpipe = sigpipe();
        let mut before = MaybeUninit::uninit();
        // SAFETY: the first set is initialised, the second is where the old mask goes; it is read only if the
        // call succeeded in writing it.
        let blocked = unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const sigpipe, before.as_mut_ptr()) == 0
                && libc::sigismember(before.as_ptr(), libc::SIGPIPE) == 0
        };
        Self {
            blocked,
            _not_send: PhantomData,
        }
    }
}

impl Default for SigpipeGuard {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for SigpipeGuard {
    fn drop(&mut self) {
        if !self.blocked {
            return;
        }
        let sigpipe = sigpipe();
        let at_once = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: both sets and the time are initialised, and neither the signal's facts nor the old mask are asked
        // for.
        unsafe {
            // Before the guard the signal was deliverable, so one that is pending was raised inside of it.
            libc::sigtimedwait(&raw const sigpipe, ptr::null_mut(), &raw const at_once);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const sigpipe, ptr::null_mut());
        }
    }
}

fn sigpipe() -> libc::sigset_t {
    let mut signals = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initialises the set, and `SIGPIPE` is a valid signal.
    unsafe {
        libc::sigemptyset(signals.as_mut_ptr());
        libc::sigaddset(signals.as_mut_ptr(), libc::SIGPIPE);
        signals.assume_init()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the signal is blocked on this thread.
    fn is_blocked(signal: libc::c_int) -> bool {
        let mut mask = MaybeUninit::uninit();
        // SAFETY: without a new set the call only writes the mask.
        unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), mask.as_mut_ptr());
            libc::sigismember(mask.as_ptr(), signal) == 1
        }
    }

    /// Whether the signal waits for this thread.
    fn is_pending(signal: libc::c_int) -> bool {
        let mut pending = MaybeUninit::uninit();
        // SAFETY: the call writes the set.
        unsafe {
            libc::sigpending(pending.as_mut_ptr());
            libc::sigismember(pending.as_ptr(), signal) == 1
        }
    }

    fn raise_sigpipe() {
        // SAFETY: sends a valid signal to this thread, where it is blocked.
        unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGPIPE) };
    }

    #[test]
    fn a_thread_of_a_plugin_keeps_only_the_signals_that_it_causes_itself() {
        std::thread::spawn(|| {
            runtime_thread_started();
            for signal in 1..32 {
                let stays =
                    SYNCHRONOUS.contains(&signal) || signal == libc::SIGKILL || signal == libc::SIGSTOP;
                assert_eq!(is_blocked(signal), !stays, "signal {signal}");
            }
            // What it starts inherits the mask.
            assert!(std::thread::spawn(|| is_blocked(libc::SIGTERM)).join().unwrap());
        })
        .join()
        .unwrap();
    }

    #[test]
    fn the_guard_swallows_its_own_signal_and_restores_the_mask() {
        std::thread::spawn(|| {
            assert!(!is_blocked(libc::SIGPIPE));
            {
                let _guard = SigpipeGuard::new();
                raise_sigpipe();
                assert!(is_pending(libc::SIGPIPE));
            }
            assert!(!is_blocked(libc::SIGPIPE) && !is_pending(libc::SIGPIPE));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn the_guard_leaves_alone_what_the_caller_holds_back_himself() {
        std::thread::spawn(|| {
            runtime_thread_started();
            raise_sigpipe();
            for _ in 0..2 {
                let outer = SigpipeGuard::new();
                drop(SigpipeGuard::new());
                assert!(is_blocked(libc::SIGPIPE));
                drop(outer);
            }
            assert!(is_blocked(libc::SIGPIPE) && is_pending(libc::SIGPIPE));
        })
        .join()
        .unwrap();
    }
}
