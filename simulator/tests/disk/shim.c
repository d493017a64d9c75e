/* What a disk does not have yet: an undo log of everything a process did and did not sync.
 *
 * Preloaded (LD_PRELOAD) into the program under test; never part of it. It guards the files under
 * SHIM_ROOT and writes into SHIM_UNDO/log, before each change, what the change will destroy: old
 * bytes, old size, old name. A file that loses a name keeps its content in SHIM_UNDO/keep. The log
 * lives in the page cache, so it survives kill -9; `cut.rs` reads it and plays the power cut.
 *
 *   SHIM_ROOT       the folder guarded; SHIM_UNDO where log and keep live, on the same disk
 *   SHIM_FAIL       sync:K | write:K:EIO | write:K:ENOSPC, the K-th call on a guarded file. A sync
 *                   and an EIO fail once; ENOSPC stays: whatever needs room fails from then on
 *   SHIM_KILL       N:before | N:after | N:sync: the process kills itself at its N-th guarded change
 *                   or sync, before or after it is done, or at its N-th sync, before it is done
 *   SHIM_ONLY       counts for SHIM_FAIL and SHIM_KILL only where the path holds this text
 *   SHIM_FREE_FILE  a file with the free bytes that statvfs answers for anything under the root
 *   SHIM_LIE=1      a sync is answered and not done: the store that does not sync
 *
 * Record: magic u32 | length u32 | CRC-32 of the payload u32 | payload (`cut.rs` reads it). Its
 * number is its place in the log. One lock is held over a record and its change, so only the last
 * record can be in doubt; never over a sync.
 * sync_file_range makes nothing durable. Not followed, so the process is aborted with a message:
 * shared mappings that are or could be made writable, io_uring, stdio, raw system calls and links
 * out of the root.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAGIC 0x31554a53u
#define PIECES_MAX 1024
enum { DATA = 1, NAME = 2, DONE = 3, BEGIN = 4, END = 5, FAULT = 6 };
enum { WRITE = 1, TRUNCATE = 2, ALLOCATE = 3, PUNCH = 4 };
enum { CREATE = 1, MKDIR = 2, LINK = 3, UNLINK = 4, RMDIR = 5, RENAME = 6 };
enum { LIED = 1 };

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char root[PATH_MAX], keep[PATH_MAX];
static size_t root_length;
static int on, log_fd = -1, lie, full, kill_after, kill_sync;
static unsigned long fail_sync, fail_write, kill_at, syncs, writes, changes;
static int fail_errno;
static const char *only, *free_file;
static uint32_t crc_table[256];

static void die(const char *what, const char *path) {
    dprintf(2, "disk shim: %s is not followed: %s\n", what, path ? path : "");
    abort();
}

static int real_open(const char *path, int flags, mode_t mode) {
    REAL(int, "openat", int, const char *, int, ...);
    return real(AT_FDCWD, path, flags, mode);
}

static ssize_t real_write(int fd, const void *bytes, size_t length) {
    REAL(ssize_t, "write", int, const void *, size_t);
    return real(fd, bytes, length);
}

static uint32_t crc(uint32_t sum, const void *bytes, size_t length) {
    const unsigned char *at = bytes;
    sum = ~sum;
    while (length--) sum = crc_table[(sum ^ *at++) & 255] ^ (sum >> 8);
    return ~sum;
}

/* A process killed in the middle of a record leaves a torn one: cut, for its change was not made. */
static void cut_torn_end(void) {
    uint32_t head[3];
    off_t at = 0, end = lseek(log_fd, 0, SEEK_END);
    while (pread(log_fd, head, sizeof head, at) == sizeof head && head[0] == MAGIC &&
           at + (off_t)sizeof head + head[1] <= end)
        at += sizeof head + head[1];
    REAL(int, "ftruncate", int, off_t);
    if (at < end && real(log_fd, at)) die("a log that cannot be cut", root);
}

static void read_faults(void) {
    const char *fail = getenv("SHIM_FAIL"), *death = getenv("SHIM_KILL");
    char word[16] = "";
    if (fail && sscanf(fail, "sync:%lu", &fail_sync) != 1) {
        if (sscanf(fail, "write:%lu:%15s", &fail_write, word) != 2) die("SHIM_FAIL", fail);
        fail_errno = strcmp(word, "EIO") ? ENOSPC : EIO;
    }
    if (death && sscanf(death, "%lu:%15s", &kill_at, word) != 2) die("SHIM_KILL", death);
    kill_after = death && !strcmp(word, "after");
    kill_sync = death && !strcmp(word, "sync");
    only = getenv("SHIM_ONLY");
    free_file = getenv("SHIM_FREE_FILE");
    lie = getenv("SHIM_LIE") != NULL;
}

static void init(void) {
    const char *guarded = getenv("SHIM_ROOT"), *undo = getenv("SHIM_UNDO");
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t sum = i;
        for (int bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >> 1 ^ 0xedb88320u : sum >> 1;
        crc_table[i] = sum;
    }
    if (!guarded || !undo) return;
    if (!realpath(guarded, root)) die("a root that is not there", guarded);
    root_length = strlen(root);
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s/log", undo);
    snprintf(keep, sizeof keep, "%s/keep", undo);
    log_fd = real_open(name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log_fd < 0) die("an undo log that cannot be made", name);
    cut_torn_end();
    read_faults();
    on = 1;
}

static int ready(void) {
    pthread_once(&once, init);
    return on;
}

static int under(const char *path) {
    return !strncmp(path, root, root_length) &&
           (path[root_length] == '/' || path[root_length] == 0);
}

/* A record in the making: fixed fields gathered in `fields`, long parts by reference. */
struct record { unsigned char fields[128 + 2 * PATH_MAX]; size_t length; };

static void put(struct record *record, const void *bytes, size_t length) {
    memcpy(record->fields + record->length, bytes, length);
    record->length += length;
}
static void put8(struct record *record, uint8_t value) { put(record, &value, 1); }
static void put32(struct record *record, uint32_t value) { put(record, &value, 4); }
static void put64(struct record *record, uint64_t value) { put(record, &value, 8); }
static void put_text(struct record *record, const char *text) {
    uint32_t length = strlen(text);
    put32(record, length);
    put(record, text, length);
}

/* Appends the record, with `more` bytes behind its fields; its number. */
static uint64_t append(struct record *record, const void *more, size_t more_length) {
    uint64_t number = lseek(log_fd, 0, SEEK_END);
    uint32_t sum = crc(crc(0, record->fields, record->length), more, more_length);
    uint32_t length = record->length + more_length;
    uint32_t head[3] = { MAGIC, length, sum };
    struct iovec parts[3] = { { head, sizeof head }, { record->fields, record->length },
                              { (void *)more, more_length } };
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    if (real(log_fd, parts, 3) != (ssize_t)(sizeof head + length)) die("a full undo disk", root);
    return number;
}

static void done(uint64_t number, int64_t result, uint64_t inode) {
    struct record record = { .length = 0 };
    put8(&record, DONE);
    put64(&record, number);
    put64(&record, result);
    put64(&record, inode);
    append(&record, "", 0);
}

static const char *inside(const char *path) {
    return path[root_length] ? path + root_length + 1 : "";
}
static int counts(const char *path) { return !only || strstr(inside(path), only); }

static void die_here(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}
static void before_sync(const char *path) {
    if (kill_at && counts(path) && ++changes == kill_at && !kill_after) die_here();
}
static void before_change(const char *path) {
    if (!kill_sync) before_sync(path);
}
static void after_change(void) {
    if (kill_at && changes == kill_at && kill_after) die_here();
}

/* The path and the metadata behind a descriptor; 0 where it is not guarded. */
static int look(int fd, char *path, struct stat *meta) {
    if (!ready()) return 0;
    int before = errno;
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    int guarded = length > 0 && under(path) && fstat(fd, meta) == 0;
    errno = before;
    return guarded;
}

/* The absolute path of a name, its folder resolved; 0 where it is not guarded. */
static int resolve(int dir, const char *name, char *out) {
    if (!ready() || !name) return 0;
    int before = errno;
    char whole[PATH_MAX * 2], link[32], folder[PATH_MAX];
    if (name[0] == '/' || dir == AT_FDCWD) {
        snprintf(whole, sizeof whole, "%s", name);
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
        ssize_t length = readlink(link, folder, sizeof folder - 1);
        folder[length < 0 ? 0 : length] = 0;
        snprintf(whole, sizeof whole, "%s/%s", folder, name);
    }
    size_t end = strlen(whole);
    while (end > 1 && whole[end - 1] == '/') whole[--end] = 0;
    char *slash = strrchr(whole, '/');
    const char *base = slash ? slash + 1 : whole;
    const char *place = slash == whole ? "/" : slash ? (*slash = 0, whole) : ".";
    int found = realpath(place, folder) != NULL;
    const char *above = found && strcmp(folder, "/") ? folder : "";
    if (found && snprintf(out, PATH_MAX, "%s/%s", above, base) >= PATH_MAX) die("a long path", name);
    errno = before;
    return found && under(out) && out[root_length] == '/';
}

static uint64_t folder_of(const char *path) {
    char folder[PATH_MAX];
    struct stat meta;
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = 0;
    return stat(folder, &meta) ? 0 : meta.st_ino;
}

/* A second name for a file that is about to lose one. */
static void keep_content(const char *path, const struct stat *meta) {
    char name[PATH_MAX + 32];
    if (!S_ISREG(meta->st_mode)) return;
    snprintf(name, sizeof name, "%s/%llu", keep, (unsigned long long)meta->st_ino);
    REAL(int, "link", const char *, const char *);
    if (real(path, name) && errno != EEXIST) die("a file that cannot be kept", path);
}

/* Logs a change of names; `second` and `over` are the target of a rename or link. */
static uint64_t log_name(int what, const char *path, const struct stat *meta, const char *second,
                         const struct stat *over) {
    struct record record = { .length = 0 };
    put8(&record, NAME);
    put8(&record, what);
    put8(&record, meta && S_ISDIR(meta->st_mode));
    put64(&record, meta ? meta->st_ino : 0);
    put64(&record, over ? over->st_ino : 0);
    put8(&record, over && S_ISDIR(over->st_mode));
    put64(&record, folder_of(path));
    put64(&record, second ? folder_of(second) : 0);
    put_text(&record, inside(path));
    put_text(&record, second ? inside(second) : "");
    uint64_t number = append(&record, "", 0);
    before_change(second ? second : path);
    return number;
}

/* Logs a change of content: the bytes that [at, at + length) holds now, as far as the file goes. */
static uint64_t log_data(int what, int fd, const char *path, const struct stat *meta, uint64_t at,
                         uint64_t length, uint64_t size, uint32_t sum) {
    uint64_t held = (uint64_t)meta->st_size > at ? meta->st_size - at : 0;
    if (held > length) held = length;
    char link[32], *old = malloc(held + 1);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (held) {
        int reader = real_open(fd < 0 ? path : link, O_RDONLY | O_CLOEXEC, 0);
        for (uint64_t got = 0; got < held;) {
            ssize_t more = pread(reader, old + got, held - got, at + got);
            if (more <= 0) die("a file whose old bytes cannot be read", path);
            got += more;
        }
        close(reader);
    }
    struct record record = { .length = 0 };
    put8(&record, DATA);
    put8(&record, what);
    put64(&record, meta->st_ino);
    put64(&record, at);
    put64(&record, length);
    put64(&record, meta->st_size);
    put64(&record, size);
    put32(&record, sum);
    put_text(&record, inside(path));
    put32(&record, held);
    uint64_t number = append(&record, old, held);
    free(old);
    before_change(path);
    return number;
}

static void log_fault(int what, unsigned long nth, const struct stat *meta, int error,
                      const char *path) {
    struct record record = { .length = 0 };
    put8(&record, FAULT);
    put8(&record, what);
    put64(&record, nth);
    put64(&record, meta->st_ino);
    put32(&record, error);
    put_text(&record, inside(path));
    append(&record, "", 0);
}

/* Whether this write fails; sets errno. */
static int fault_of_write(const char *path, const struct stat *meta, int grows) {
    int strikes = fail_write && counts(path) && ++writes == fail_write;
    if (strikes && fail_errno == ENOSPC) full = 1;
    if (!strikes && !(full && grows)) return 0;
    log_fault(WRITE, writes, meta, fail_errno, path);
    errno = fail_errno;
    return 1;
}

static ssize_t guarded_write(int fd, const struct iovec *parts, int count, off_t at) {
    char path[PATH_MAX];
    struct stat meta;
    REAL(ssize_t, "pwritev", int, const struct iovec *, int, off_t);
    static ssize_t (*real_writev)(int, const struct iovec *, int);
    if (!real_writev) real_writev = dlsym(RTLD_NEXT, "writev");
    if (!look(fd, path, &meta) || !S_ISREG(meta.st_mode))
        return at < 0 ? real_writev(fd, parts, count) : real(fd, parts, count, at);
    pthread_mutex_lock(&lock);
    fstat(fd, &meta);
    size_t length = 0;
    uint32_t sum = 0;
    for (int i = 0; i < count; i++) {
        length += parts[i].iov_len;
        sum = crc(sum, parts[i].iov_base, parts[i].iov_len);
    }
    off_t place = fcntl(fd, F_GETFL) & O_APPEND ? meta.st_size
                  : at < 0 ? lseek(fd, 0, SEEK_CUR) : at;
    off_t end = place + (off_t)length, size = end > meta.st_size ? end : meta.st_size;
    ssize_t wrote = -1;
    if (!fault_of_write(path, &meta, size > meta.st_size)) {
        uint64_t number = log_data(WRITE, fd, path, &meta, place, length, size, sum);
        wrote = at < 0 ? real_writev(fd, parts, count) : real(fd, parts, count, at);
        int error = errno;
        after_change();
        if (wrote != (ssize_t)length) done(number, wrote, 0);
        errno = error;
    }
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return wrote;
}

static int guarded_truncate(int fd, off_t size) {
    char path[PATH_MAX];
    struct stat meta;
    REAL(int, "ftruncate", int, off_t);
    if (!look(fd, path, &meta)) return real(fd, size);
    pthread_mutex_lock(&lock);
    fstat(fd, &meta);
    off_t from = size < meta.st_size ? size : meta.st_size;
    off_t to = size < meta.st_size ? meta.st_size : size;
    uint64_t number = log_data(TRUNCATE, fd, path, &meta, from, to - from, size, 0);
    int result = real(fd, size), error = errno;
    after_change();
    if (result) done(number, -1, 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

/* Answers 0 or an errno, as posix_fallocate does. Room without size changes nothing to read. */
static int guarded_allocate(int fd, int mode, off_t at, off_t length) {
    char path[PATH_MAX];
    struct stat meta;
    REAL(int, "fallocate", int, int, off_t, off_t);
    if (!look(fd, path, &meta)) return real(fd, mode, at, length) ? errno : 0;
    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) die("this way of fallocate", path);
    pthread_mutex_lock(&lock);
    fstat(fd, &meta);
    int error = 0;
    if (full && !(mode & FALLOC_FL_PUNCH_HOLE)) {
        log_fault(ALLOCATE, writes, &meta, ENOSPC, path);
        error = ENOSPC;
    } else if (mode & FALLOC_FL_PUNCH_HOLE) {
        uint64_t number = log_data(PUNCH, fd, path, &meta, at, length, meta.st_size, 0);
        error = real(fd, mode, at, length) ? errno : 0;
        after_change();
        if (error) done(number, -1, 0);
    } else if (mode == 0 && at + length > meta.st_size) {
        off_t size = at + length;
        uint64_t number =
            log_data(ALLOCATE, fd, path, &meta, meta.st_size, size - meta.st_size, size, 0);
        error = real(fd, mode, at, length) ? errno : 0;
        after_change();
        if (error) done(number, -1, 0);
    } else {
        error = real(fd, mode, at, length) ? errno : 0;
    }
    pthread_mutex_unlock(&lock);
    return error;
}

static int guarded_sync(int fd, const char *name) {
    char path[PATH_MAX];
    struct stat meta;
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    if (!look(fd, path, &meta)) return real(fd);
    pthread_mutex_lock(&lock);
    int fails = counts(path) && ++syncs == fail_sync;
    struct record begin = { .length = 0 };
    put8(&begin, BEGIN);
    put64(&begin, meta.st_ino);
    put64(&begin, syncs);
    put_text(&begin, inside(path));
    uint64_t number = append(&begin, "", 0);
    before_sync(path);
    if (fails) log_fault(BEGIN, syncs, &meta, EIO, path);
    pthread_mutex_unlock(&lock);
    int result = fails ? -1 : lie ? 0 : real(fd), error = fails ? EIO : errno;
    pthread_mutex_lock(&lock);
    after_change();
    struct record end = { .length = 0 };
    put8(&end, END);
    put64(&end, number);
    put64(&end, result ? -(int64_t)error : lie ? LIED : 0);
    append(&end, "", 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

#include "shim_calls.h"
