// The actions of an escaped guest: code of its own inside the process. This library is loaded into the program with
// LD_PRELOAD, so that the program under test is the one that is released. It runs when the program writes to standard
// output, or to the descriptor ESCAPE_FD (ESCAPE_AT=write), which it does after the call, or when the thread that waits for Ctrl-C ends the process
// (ESCAPE_AT=exit). With ESCAPE_AT=start it says what the kernel has. For each attempt it writes a line: its name, and the error's number, or 0 when it succeeded.
//
// ESCAPE_WITHOUT=landlock and =seccomp take these from the kernel that the program sees, as an old kernel lacks them.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static long (*real_syscall)(long, ...);
static void (*real_exit)(int) __attribute__((noreturn));
static int results;

static const char *option(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static void tried(const char *name, long result) {
    char line[80];
    int length = snprintf(line, sizeof line, "%s %d\n", name, result >= 0 ? 0 : errno);
    real_syscall(SYS_write, (long)results, line, (long)length);
}

__attribute__((constructor)) static void find(void) {
    real_syscall = dlsym(RTLD_NEXT, "syscall");
    real_exit = dlsym(RTLD_NEXT, "exit");
    if (strcmp(option("ESCAPE_AT"), "start") == 0) {
        unsigned int action = 0x00050000; // SECCOMP_RET_ERRNO
        long version = real_syscall(SYS_landlock_create_ruleset, 0L, 0L, 1L);
        printf("landlock %ld\nseccomp %ld\n", version, real_syscall(SYS_seccomp, 2L, 0L, &action));
        fflush(stdout);
    }
}

// A process that was made ends at once.
static void made(const char *name, long child) {
    if (child == 0) real_syscall(SYS_exit_group, 0L);
    tried(name, child);
}

static void tried_socket(const char *name, int family, int kind, int protocol) {
    tried(name, real_syscall(SYS_socket, (long)family, (long)kind, (long)protocol));
}

static void tried_connecting(const char *name, const char *port) {
    long made = real_syscall(SYS_socket, (long)AF_INET, (long)SOCK_STREAM, 0L);
    if (made < 0) return tried(name, made);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    tried(name, real_syscall(SYS_connect, made, &to, (long)sizeof to));
    real_syscall(SYS_close, made);
}

// A connection that is made by sending, which no rule on connecting sees.
static void tried_sending(const char *name, const char *port) {
    long made = real_syscall(SYS_socket, (long)AF_INET, (long)SOCK_STREAM, 0L);
    if (made < 0) return tried(name, made);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    tried(name, real_syscall(SYS_sendto, made, "x", 1L, (long)MSG_FASTOPEN, &to, (long)sizeof to));
    real_syscall(SYS_close, made);
}

static void escape(int to) {
    results = to;
    long other = atol(option("ESCAPE_PROCESS"));
    const char *outside = option("ESCAPE_OUTSIDE");
    const char *inside = option("ESCAPE_INSIDE");
    const char *home = option("ESCAPE_HOME");
    char *const none[] = {NULL};
    char memory[16], name[64];

    tried("open-passwd", real_syscall(SYS_openat, (long)AT_FDCWD, "/etc/passwd", (long)O_RDONLY));
    tried("open-outside", real_syscall(SYS_openat, (long)AT_FDCWD, outside, (long)O_RDONLY));
    tried("write-outside", real_syscall(SYS_openat, (long)AT_FDCWD, outside, (long)O_WRONLY));
    tried("truncate-outside", real_syscall(SYS_openat, (long)AT_FDCWD, outside, (long)(O_RDONLY | O_TRUNC)));
    tried("write-home", real_syscall(SYS_openat, (long)AT_FDCWD, home, (long)(O_CREAT | O_WRONLY), 0600L));
    tried("list-root", real_syscall(SYS_openat, (long)AT_FDCWD, "/", (long)(O_RDONLY | O_DIRECTORY)));
    tried("own-memory", real_syscall(SYS_openat, (long)AT_FDCWD, "/proc/self/mem", (long)O_RDWR));
    tried("remove-outside", real_syscall(SYS_unlinkat, (long)AT_FDCWD, outside, 0L));
    tried("rename-outside", real_syscall(SYS_renameat2, (long)AT_FDCWD, outside, (long)AT_FDCWD, home, 0L));
    tried("link-outside", real_syscall(SYS_linkat, (long)AT_FDCWD, outside, (long)AT_FDCWD, home, 0L));
    tried("mode-outside", real_syscall(SYS_fchmodat, (long)AT_FDCWD, outside, 0777L));
    tried("inherited-file", real_syscall(SYS_read, atol(option("ESCAPE_FILE_FD")), memory, 1L));
    tried("inherited-folder", real_syscall(SYS_openat, atol(option("ESCAPE_FOLDER_FD")), "passwd", (long)O_RDONLY));
    tried("write-inside", real_syscall(SYS_openat, (long)AT_FDCWD, inside, (long)O_WRONLY));
    tried("read-inside", real_syscall(SYS_openat, (long)AT_FDCWD, inside, (long)O_RDONLY));

    tried_connecting("connect", option("ESCAPE_PORT"));
    tried_connecting("connect-granted", option("ESCAPE_GRANTED_PORT"));
    tried_sending("connect-by-sending", option("ESCAPE_PORT"));
    tried("listen", real_syscall(SYS_listen, 0L, 1L));
    tried_socket("socket-unix", AF_UNIX, SOCK_STREAM, 0);
    tried_socket("socket-packet", AF_PACKET, SOCK_RAW, 0);
    tried_socket("socket-raw", AF_INET, SOCK_RAW, IPPROTO_ICMP);
    tried_socket("socket-ping", AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
    tried_socket("socket-netlink", AF_NETLINK, SOCK_RAW, 0);
    int pair[2];
    tried("pair-of-datagrams", real_syscall(SYS_socketpair, (long)AF_UNIX, (long)SOCK_DGRAM, 0L, pair));
    tried_socket("socket-udp", AF_INET, SOCK_DGRAM, 0);

    tried("exec", real_syscall(SYS_execve, "/bin/true", none, none));
    tried("exec-at", real_syscall(SYS_execveat, (long)AT_FDCWD, "/bin/true", none, none, 0L));
    made("fork", real_syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L));
    made("fork-3", real_syscall(435L, &(unsigned long long[11]){[4] = SIGCHLD}, 88L));
    // The kernel would refuse these flags together, by another error.
    long thread = CLONE_THREAD | CLONE_NEWNET;
    tried("thread-in-namespace", real_syscall(SYS_clone, thread, 0L, 0L, 0L, 0L));
    tried("machine-code", real_syscall(SYS_mmap, 0L, 4096L, (long)(PROT_READ | PROT_EXEC),
                                       (long)(MAP_PRIVATE | MAP_ANONYMOUS), -1L, 0L));

    struct iovec here = {memory, 1}, there = {(void *)0x400000, 1};
    tried("trace", real_syscall(SYS_ptrace, (long)PTRACE_SEIZE, other, 0L, 0L));
    tried("read-process", real_syscall(SYS_process_vm_readv, other, &here, 1L, &there, 1L, 0L));
    snprintf(name, sizeof name, "/proc/%ld/mem", other);
    tried("open-process", real_syscall(SYS_openat, (long)AT_FDCWD, name, (long)O_RDONLY));
    tried("kill", real_syscall(SYS_kill, other, 0L));
    tried("kill-thread", real_syscall(SYS_tgkill, other, other, 0L));
    tried("process-handle", real_syscall(SYS_pidfd_open, other, 0L));
    tried("signal-by-owner", real_syscall(SYS_fcntl, 0L, (long)F_SETOWN, other));

    tried("mount", real_syscall(SYS_mount, "none", "/mnt", "tmpfs", 0L, 0L));
    tried("unshare-mounts", real_syscall(SYS_unshare, (long)CLONE_NEWNS));
    tried("unshare-user", real_syscall(SYS_unshare, (long)CLONE_NEWUSER));
    tried("chroot", real_syscall(SYS_chroot, "/"));
    tried("bpf", real_syscall(SYS_bpf, 0L, memory, 0L));
    tried("perf", real_syscall(SYS_perf_event_open, memory, 0L, -1L, -1L, 0L));
    tried("io-uring", real_syscall(425L, 1L, &(char[120]){0}));
    tried("module", real_syscall(SYS_init_module, memory, 0L, ""));
    tried("kexec", real_syscall(SYS_kexec_load, 0L, 0L, 0L, 0L));
    tried("keys", real_syscall(SYS_keyctl, 0L, 0L, 0L));
    tried("type-into-terminal", real_syscall(SYS_ioctl, 0L, (long)TIOCSTI, "x"));
    tried("set-limit", real_syscall(SYS_prlimit64, 0L, 4L, &(unsigned long long[2]){0, 0}, 0L));
    tried("end", -1);
}

static void escape_once_at(int fd) {
    static int escaped;
    int output = getenv("ESCAPE_FD") ? atoi(getenv("ESCAPE_FD")) : 1;
    if (fd == output && !escaped && strcmp(option("ESCAPE_AT"), "write") == 0) {
        escaped = 1;
        // The standard error of a worker is closed.
        escape(atoi(option("ESCAPE_TO")));
    }
}

ssize_t write(int fd, const void *bytes, size_t length) {
    escape_once_at(fd);
    return real_syscall(SYS_write, (long)fd, bytes, length);
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    escape_once_at(fd);
    return real_syscall(SYS_sendto, (long)fd, bytes, length, (long)flags, 0L, 0L);
}

void exit(int status) {
    if (strcmp(option("ESCAPE_AT"), "exit") == 0) escape(atoi(option("ESCAPE_TO")));
    real_exit(status);
}

long syscall(long number, ...) {
    va_list list;
    va_start(list, number);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
    long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
    va_end(list);
    const char *without = option("ESCAPE_WITHOUT");
    if ((number == SYS_landlock_create_ruleset && strstr(without, "landlock"))
        || (number == SYS_seccomp && strstr(without, "seccomp"))) {
        errno = ENOSYS;
        return -1;
    }
    return real_syscall(number, a, b, c, d, e, f);
}
