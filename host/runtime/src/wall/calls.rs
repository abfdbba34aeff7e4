//! The system calls that are left: lists of those allowed. To the process, every other call does not exist (`ENOSYS`),
//! so that libraries take the older call that they know.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

/// The sockets that a program that calls guests may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sockets {
    /// None: no HTTP is granted.
    None,
    /// TCP, to hosts given as addresses.
    Tcp,
    /// TCP, and UDP to name servers.
    TcpAndUdp,
}

/// Memory, threads, time, randomness, and reading and writing open files.
const ANY: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_madvise,
    // wasmtime publishes code with it on aarch64.
    libc::SYS_membarrier,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Calling guests: files, by paths or open, and waiting. Landlock decides on the paths.
const GUESTS: &[c_long] = &[
    libc::SYS_copy_file_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getuid,
    libc::SYS_linkat,
    libc::SYS_lseek,
    // An instance's memory begins as a copy of one.
    libc::SYS_memfd_create,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_readlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_sendfile,
    libc::SYS_statx,
    libc::SYS_symlinkat,
    libc::SYS_sync_file_range,
    libc::SYS_uname,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
];

/// The older calls by which C libraries do the same on this processor.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_dup2,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_eventfd,
    libc::SYS_getdents,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// The system calls for sockets, apart from making them and sending. No socket listens.
const NETWORK: &[c_long] = &[
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
];

/// The calls that send, and which argument of each has the flags.
const SENDING: [(c_long, u8); 3] = [
    (libc::SYS_sendto, 3),
    (libc::SYS_sendmsg, 2),
    (libc::SYS_sendmmsg, 3),
];

/// The requests to devices that are left: the kind of a stream, the width of the terminal, whether it blocks; and which
/// pages of a guest's memory were touched. None of them types into the terminal.
#[allow(clippy::unnecessary_cast, reason = "musl has them in another type")]
const REQUESTS: [u64; 7] = [
    libc::TCGETS as u64,
    // `TCGETS2`, which newer C libraries ask with.
    0x802c_542a,
    libc::TIOCGWINSZ as u64,
    libc::FIONBIO as u64,
    libc::FIONREAD as u64,
    libc::FIOCLEX as u64,
    // `PAGEMAP_SCAN`
    0xc060_6610,
];

/// The commands on a descriptor: copies, flags, locks, seals. None of them makes the kernel send signals.
const COMMANDS: [i32; 13] = [
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    libc::F_GETLK,
    libc::F_SETLK,
    libc::F_SETLKW,
    libc::F_OFD_SETLK,
    libc::F_OFD_SETLKW,
    libc::F_ADD_SEALS,
    libc::F_GET_SEALS,
];

/// Namespaces, which a new thread could be given.
const NAMESPACES: u64 = (libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS) as u64;

const THREAD: u64 = libc::CLONE_THREAD as u64;
const EXECUTABLE: u64 = libc::PROT_EXEC as u64;

/// The kind of a socket, without its flags.
const SOCKET_KIND: u64 = 0xf;

/// Leaves this process, in all of its threads, the calls that a compile worker takes.
pub(super) fn restrict_worker() -> Result<(), String> {
    List::new().apply()
}

/// Leaves this process, in all of its threads, the calls that calling guests takes.
pub(super) fn restrict_guests(sockets: Sockets) -> Result<(), String> {
    guests(sockets).apply()
}

/// The same, and the calls that add machine code and another list: the code of the guest is still to come.
pub(super) fn restrict_sessions(sockets: Sockets) -> Result<(), String> {
    let mut list = guests(sockets);
    list.allow(&[libc::SYS_mmap, libc::SYS_mprotect, libc::SYS_seccomp]);
    list.allow_if(
        libc::SYS_prctl,
        vec![is(0, libc::PR_SET_NO_NEW_PRIVS as u64)],
    );
    list.apply()
}

fn guests(sockets: Sockets) -> List {
    let mut list = List::new();
    list.allow(GUESTS);
    list.allow(OLDER);
    for request in REQUESTS {
        list.allow_if(libc::SYS_ioctl, vec![is(1, request)]);
    }
    for command in COMMANDS {
        list.allow_if(libc::SYS_fcntl, vec![is(1, command as u64)]);
    }
    // Signals wake tokio by a pair of streams, whose ends have no address.
    let stream = masked(1, SOCKET_KIND, libc::SOCK_STREAM as u64);
    list.allow_if(
        libc::SYS_socketpair,
        vec![is(0, libc::AF_UNIX as u64), stream],
    );
    list.allow_if(libc::SYS_sendto, vec![is_null(4)]);
    list.allow(&[libc::SYS_recvfrom]);
    let kinds = [
        (
            sockets != Sockets::None,
            libc::SOCK_STREAM,
            libc::IPPROTO_TCP,
        ),
        (
            sockets == Sockets::TcpAndUdp,
            libc::SOCK_DGRAM,
            libc::IPPROTO_UDP,
        ),
    ];
    for (_, kind, protocol) in kinds.into_iter().filter(|(granted, ..)| *granted) {
        for family in [libc::AF_INET, libc::AF_INET6] {
            // 0 is the protocol of the kind.
            for protocol in [0, protocol] {
                let kind = masked(1, SOCKET_KIND, kind as u64);
                let conditions = vec![is(0, family as u64), kind, is(2, protocol as u64)];
                list.allow_if(libc::SYS_socket, conditions);
            }
        }
    }
    if sockets != Sockets::None {
        list.allow(NETWORK);
        // A TCP connection can be made by sending, and no rule of Landlock on ports sees that one.
        for (call, flags) in SENDING {
            list.allow_if(call, vec![masked(flags, libc::MSG_FASTOPEN as u64, 0)]);
        }
    }
    list
}

fn condition(argument: u8, length: SeccompCmpArgLen, is: SeccompCmpOp, value: u64) -> Condition {
    SeccompCondition::new(argument, length, is, value)
}

/// The lower half of an argument has this value: the kernel takes an `int` for it.
fn is(argument: u8, value: u64) -> Condition {
    condition(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

/// These bits of an argument have this value.
fn masked(argument: u8, mask: u64, value: u64) -> Condition {
    condition(
        argument,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(mask),
        value,
    )
}

/// An argument is no pointer.
fn is_null(argument: u8) -> Condition {
    condition(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)
}

/// A condition on an argument, or why there cannot be such a one.
type Condition = Result<SeccompCondition, BackendError>;

/// Arguments of a call that have to have these values.
type Conditions = Vec<Condition>;

/// The calls that are left, each with the arguments that it may have: any, or those of one of the conditions.
#[derive(Default)]
struct List {
    calls: BTreeMap<c_long, Vec<Conditions>>,
}

impl List {
    /// With the arguments that every process needs for these calls.
    fn new() -> List {
        let mut list = List::default();
        list.allow(ANY);
        // No process; no thread with namespaces of its own. `clone3` has its flags in memory, where no filter looks.
        let thread = masked(0, THREAD | NAMESPACES, THREAD);
        list.allow_if(libc::SYS_clone, vec![thread]);
        // No machine code is added.
        for call in [libc::SYS_mmap, libc::SYS_mprotect] {
            list.allow_if(call, vec![masked(2, EXECUTABLE, 0)]);
        }
        // Names of threads and of memory.
        for what in [libc::PR_SET_NAME, libc::PR_SET_VMA] {
            list.allow_if(libc::SYS_prctl, vec![is(0, what as u64)]);
        }
        // The limits of this process are read, and none is set.
        list.allow_if(libc::SYS_prlimit64, vec![is(0, 0), is_null(2)]);
        // A process that aborts sends itself a signal.
        let own = u64::from(std::process::id());
        list.allow_if(libc::SYS_tgkill, vec![is(0, own)]);
        list
    }

    fn allow(&mut self, calls: &[c_long]) {
        self.calls
            .extend(calls.iter().map(|call| (*call, Vec::new())));
    }

    fn allow_if(&mut self, call: c_long, conditions: Conditions) {
        self.calls.entry(call).or_default().push(conditions);
    }

    /// Applies the list to every thread of this process.
    fn apply(self) -> Result<(), String> {
        let program = self.program().map_err(|error| error.to_string())?;
        seccompiler::apply_filter_all_threads(&program).map_err(|error| match error {
            seccompiler::Error::Seccomp(error) => {
                format!("this kernel takes no list of them (seccomp): {error}")
            }
            error => error.to_string(),
        })
    }

    fn program(self) -> Result<BpfProgram, BackendError> {
        let rules = |alternatives: Vec<Conditions>| -> Result<Vec<SeccompRule>, BackendError> {
            let rule = |conditions: Conditions| {
                SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?)
            };
            alternatives.into_iter().map(rule).collect()
        };
        let calls = self.calls.into_iter();
        let calls = calls.map(|(call, conditions)| Ok((call, rules(conditions)?)));
        let arch = TargetArch::try_from(std::env::consts::ARCH)?;
        let missing = SeccompAction::Errno(libc::ENOSYS as u32);
        let filter = SeccompFilter::new(
            calls.collect::<Result<_, BackendError>>()?,
            missing,
            SeccompAction::Allow,
            arch,
        )?;
        filter.try_into()
    }
}
