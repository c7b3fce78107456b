//! The calls of the kernel that are left to the process that reads: by seccomp, beside what Landlock takes.
//!
//! Implements `docs/spec/sources.md`, "Reading in a process of its own".
//!
//! ```text
//! opening    read, memory, time, open for reading alone, look at a folder
//! reading    read, memory, time
//! ```
//!
//! What is not on the list fails with `EPERM`: a call that a C library makes and nobody here has met costs an error,
//! and not the night. See decision 0073.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads,
};

/// What a process still does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Calls {
    /// It opens the files of the medium.
    Opening,
    /// It reads what is open, and opens nothing more.
    Reading,
}

/// Leaves to all threads of this process the calls that it needs from here on. It starts no thread afterwards.
///
/// Returns in which way it was not granted; `None` where it was.
#[must_use]
pub fn limit_calls(to: Calls) -> Option<String> {
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Some(format!("seccomp: not known for processors of the kind {}", std::env::consts::ARCH));
    };
    let filter = match program(to, arch) {
        Ok(filter) => filter,
        Err(error) => return Some(format!("seccomp: {error}")),
    };
    apply_filter_all_threads(&filter).err().map(|error| format!("seccomp: {error}"))
}

fn program(to: Calls, arch: TargetArch) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> = always().iter().map(|call| (*call, vec![])).collect();
    // Memory that can be run is not asked for any more.
    rules.insert(libc::SYS_mmap, vec![lacks(2, flag(libc::PROT_EXEC))?]);
    rules.insert(libc::SYS_mprotect, vec![lacks(2, flag(libc::PROT_EXEC))?]);
    // A panic or a failed allocation ends the process by a signal to itself.
    rules.insert(libc::SYS_tgkill, vec![is(0, std::process::id().into())?]);
    rules.insert(
        libc::SYS_fcntl,
        vec![is(1, flag(libc::F_GETFD))?, is(1, flag(libc::F_GETFL))?, is(1, flag(libc::F_DUPFD_CLOEXEC))?],
    );
    if to == Calls::Opening {
        rules.extend(opening().iter().map(|call| (*call, vec![])));
        rules.insert(libc::SYS_openat, vec![lacks(2, WRITES)?]);
        #[cfg(target_arch = "x86_64")]
        rules.insert(libc::SYS_open, vec![lacks(1, WRITES)?]);
        // The second list is still to be set.
        rules.insert(libc::SYS_prctl, vec![is(0, flag(libc::PR_SET_NO_NEW_PRIVS))?]);
        rules.insert(libc::SYS_seccomp, vec![]);
    }
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(rules, refused, SeccompAction::Allow, arch)?.try_into()
}

/// Reading, writing to what is open, memory, time, locks, signals of its own, the end.
fn always() -> &'static [c_long] {
    &[
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_pread64,
        libc::SYS_preadv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_lseek,
        libc::SYS_fadvise64,
        libc::SYS_close,
        libc::SYS_ppoll,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_poll,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_gettimeofday,
        libc::SYS_getrandom,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ]
}

/// Looking at files and folders: Landlock says which can be opened.
fn opening() -> &'static [c_long] {
    &[
        libc::SYS_getdents64,
        libc::SYS_readlinkat,
        libc::SYS_statx,
        libc::SYS_newfstatat,
        libc::SYS_fstat,
        libc::SYS_dup,
        libc::SYS_getcwd,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_readlink,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_stat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_lstat,
    ]
}

/// The flags of an opening that could write or make something; `O_RDONLY` is none of them.
const WRITES: u64 = 0o3 | 0o100 | 0o1_000 | 0o20_000_000;

fn lacks(argument: u8, bits: u64) -> Result<SeccompRule, BackendError> {
    rule(argument, SeccompCmpOp::MaskedEq(bits), 0)
}

fn is(argument: u8, value: u64) -> Result<SeccompRule, BackendError> {
    rule(argument, SeccompCmpOp::Eq, value)
}

fn rule(argument: u8, compare: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compare, value)?])
}

/// A constant of the C library, none of which is negative.
fn flag(constant: libc::c_int) -> u64 {
    constant.unsigned_abs().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_is_a_program_that_the_kernel_takes() {
        for arch in [TargetArch::x86_64, TargetArch::aarch64, TargetArch::riscv64] {
            for calls in [Calls::Opening, Calls::Reading] {
                // The kernel takes 4,096 instructions.
                assert!(program(calls, arch).unwrap().len() < 1_000, "{calls:?}");
            }
        }
        assert_eq!(WRITES & (libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_DIRECT) as u64, 0);
        let writing = [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC, libc::O_TMPFILE];
        assert!(writing.iter().all(|bits| WRITES & flag(*bits) != 0));
    }
}
