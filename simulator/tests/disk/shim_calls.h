/* The calls a program makes, each handed to its guarded form in `shim.c`. Not here: what is logged.
 *
 * Every name of the C library that changes a file or its name has its line: a call that is missing
 * is seen by `cut.rs`, which finds a size or bytes that no record tells of. */

static int guarded_open(int dir, const char *name, int flags, mode_t mode) {
    REAL(int, "openat", int, const char *, int, ...);
    char path[PATH_MAX];
    int writes_it = (flags & O_ACCMODE) != O_RDONLY;
    int changes_it = flags & O_CREAT || (flags & O_TRUNC && writes_it);
    if (!changes_it || !resolve(dir, name, path)) return real(dir, name, flags, mode);
    if ((flags & O_TMPFILE) == O_TMPFILE) die("a file without a name", path);
    pthread_mutex_lock(&lock);
    struct stat meta;
    int there = lstat(path, &meta) == 0, logged = 1;
    uint64_t number = 0;
    if (there && S_ISLNK(meta.st_mode)) die("a symbolic link", path);
    if (!there && flags & O_CREAT)
        number = log_name(CREATE, path, NULL, NULL, NULL);
    else if (there && flags & O_TRUNC && writes_it && !(flags & O_EXCL) && meta.st_size > 0)
        number = log_data(TRUNCATE, -1, path, &meta, 0, meta.st_size, 0, 0);
    else
        logged = 0;
    int fd = real(dir, name, flags, mode), error = errno;
    if (logged) after_change();
    if (logged && !there) done(number, fd < 0 ? -1 : 0, fstat(fd, &meta) ? 0 : meta.st_ino);
    if (logged && there && fd < 0) done(number, -1, 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

#define MODE(flags, last) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list list; \
        va_start(list, last); \
        mode = va_arg(list, mode_t); \
        va_end(list); \
    }

int open(const char *path, int flags, ...) {
    MODE(flags, flags)
    return guarded_open(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE(flags, flags)
    return guarded_open(AT_FDCWD, path, flags, mode);
}
int openat(int dir, const char *path, int flags, ...) {
    MODE(flags, flags)
    return guarded_open(dir, path, flags, mode);
}
int openat64(int dir, const char *path, int flags, ...) {
    MODE(flags, flags)
    return guarded_open(dir, path, flags, mode);
}
int __open_2(const char *path, int flags) { return guarded_open(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return guarded_open(AT_FDCWD, path, flags, 0); }
int creat(const char *path, mode_t mode) {
    return guarded_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

ssize_t write(int fd, const void *bytes, size_t length) {
    char path[PATH_MAX];
    struct stat meta;
    if (!look(fd, path, &meta)) return real_write(fd, bytes, length);
    struct iovec part = { (void *)bytes, length };
    return guarded_write(fd, &part, 1, -1);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    struct iovec part = { (void *)bytes, length };
    return guarded_write(fd, &part, 1, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    return pwrite(fd, bytes, length, at);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    return guarded_write(fd, parts, count, -1);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    return guarded_write(fd, parts, count, at);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    return guarded_write(fd, parts, count, at);
}
ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t at, int flags) {
    char path[PATH_MAX];
    struct stat meta;
    REAL(ssize_t, "pwritev2", int, const struct iovec *, int, off_t, int);
    if (!look(fd, path, &meta)) return real(fd, parts, count, at, flags);
    return guarded_write(fd, parts, count, at);
}
/* The library copies by read and write where these are refused. */
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t length, unsigned flags) {
    char path[PATH_MAX];
    struct stat meta;
    REAL(ssize_t, "copy_file_range", int, off64_t *, int, off64_t *, size_t, unsigned);
    if (!look(out, path, &meta)) return real(in, from, out, to, length, flags);
    errno = ENOSYS;
    return -1;
}
ssize_t sendfile64(int out, int in, off64_t *from, size_t count) {
    char path[PATH_MAX];
    struct stat meta;
    REAL(ssize_t, "sendfile64", int, int, off64_t *, size_t);
    if (!look(out, path, &meta)) return real(out, in, from, count);
    errno = EINVAL;
    return -1;
}
ssize_t sendfile(int out, int in, off_t *from, size_t count) {
    return sendfile64(out, in, (off64_t *)from, count);
}

int ftruncate(int fd, off_t size) { return guarded_truncate(fd, size); }
int ftruncate64(int fd, off64_t size) { return guarded_truncate(fd, size); }
int truncate(const char *name, off_t size) {
    char path[PATH_MAX];
    REAL(int, "truncate", const char *, off_t);
    if (resolve(AT_FDCWD, name, path)) die("truncate by name", path);
    return real(name, size);
}
int truncate64(const char *name, off64_t size) { return truncate(name, size); }
int fallocate(int fd, int mode, off_t at, off_t length) {
    int error = guarded_allocate(fd, mode, at, length);
    if (error) errno = error;
    return error ? -1 : 0;
}
int fallocate64(int fd, int mode, off64_t at, off64_t length) {
    return fallocate(fd, mode, at, length);
}
int posix_fallocate(int fd, off_t at, off_t length) { return guarded_allocate(fd, 0, at, length); }
int posix_fallocate64(int fd, off64_t at, off64_t length) {
    return guarded_allocate(fd, 0, at, length);
}
int fsync(int fd) { return guarded_sync(fd, "fsync"); }
int fdatasync(int fd) { return guarded_sync(fd, "fdatasync"); }

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    char first[PATH_MAX], second[PATH_MAX];
    struct stat meta, over;
    REAL(int, "renameat", int, const char *, int, const char *);
    int inside_first = resolve(from_dir, from, first), inside_second = resolve(to_dir, to, second);
    if (!inside_first && !inside_second) return real(from_dir, from, to_dir, to);
    if (!inside_first || !inside_second || flags) die("a rename in or out of the root", from);
    pthread_mutex_lock(&lock);
    int there = lstat(first, &meta) == 0, replaces = lstat(second, &over) == 0;
    if (replaces) keep_content(second, &over);
    uint64_t number = log_name(RENAME, first, there ? &meta : NULL, second, replaces ? &over : NULL);
    int result = real(from_dir, from, to_dir, to), error = errno;
    after_change();
    done(number, result, 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    return renameat2(from_dir, from, to_dir, to, 0);
}
int rename(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    char first[PATH_MAX], second[PATH_MAX];
    struct stat meta;
    REAL(int, "linkat", int, const char *, int, const char *, int);
    if (!resolve(to_dir, to, second)) return real(from_dir, from, to_dir, to, flags);
    if (!resolve(from_dir, from, first)) die("a link into the root", from);
    pthread_mutex_lock(&lock);
    int there = lstat(first, &meta) == 0;
    uint64_t number = log_name(LINK, first, there ? &meta : NULL, second, NULL);
    int result = real(from_dir, from, to_dir, to, flags), error = errno;
    after_change();
    done(number, result, 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
int symlinkat(const char *target, int dir, const char *name) {
    char path[PATH_MAX];
    REAL(int, "symlinkat", const char *, int, const char *);
    if (resolve(dir, name, path)) die("a symbolic link", path);
    return real(target, dir, name);
}
int symlink(const char *target, const char *name) { return symlinkat(target, AT_FDCWD, name); }

int unlinkat(int dir, const char *name, int flags) {
    char path[PATH_MAX];
    struct stat meta;
    REAL(int, "unlinkat", int, const char *, int);
    if (!resolve(dir, name, path) || lstat(path, &meta)) return real(dir, name, flags);
    pthread_mutex_lock(&lock);
    keep_content(path, &meta);
    int what = flags & AT_REMOVEDIR ? RMDIR : UNLINK;
    uint64_t number = log_name(what, path, &meta, NULL, NULL);
    int result = real(dir, name, flags), error = errno;
    after_change();
    done(number, result, 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
int remove(const char *name) {
    struct stat meta;
    int folder = lstat(name, &meta) == 0 && S_ISDIR(meta.st_mode);
    return unlinkat(AT_FDCWD, name, folder ? AT_REMOVEDIR : 0);
}

int mkdirat(int dir, const char *name, mode_t mode) {
    char path[PATH_MAX];
    struct stat meta;
    REAL(int, "mkdirat", int, const char *, mode_t);
    if (!resolve(dir, name, path) || lstat(path, &meta) == 0) return real(dir, name, mode);
    pthread_mutex_lock(&lock);
    uint64_t number = log_name(MKDIR, path, NULL, NULL, NULL);
    int result = real(dir, name, mode), error = errno;
    after_change();
    done(number, result, result || stat(path, &meta) ? 0 : meta.st_ino);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

/* Of a file opened for writing, mprotect would make any shared mapping a writable one. */
void *mmap(void *at, size_t length, int access, int flags, int fd, off_t from) {
    char path[PATH_MAX];
    struct stat meta;
    REAL(void *, "mmap", void *, size_t, int, int, int, off_t);
    int shared = (flags & (MAP_SHARED | MAP_PRIVATE)) != MAP_PRIVATE;
    if (fd >= 0 && shared && !(flags & MAP_ANONYMOUS) && look(fd, path, &meta) &&
        (access & PROT_WRITE || (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY))
        die("a shared writable mapping", path);
    return real(at, length, access, flags, fd, from);
}
void *mmap64(void *at, size_t length, int access, int flags, int fd, off64_t from) {
    return mmap(at, length, access, flags, fd, from);
}

FILE *fopen64(const char *name, const char *how) {
    char path[PATH_MAX];
    REAL(FILE *, "fopen64", const char *, const char *);
    if (strpbrk(how, "wa+") && resolve(AT_FDCWD, name, path)) die("stdio", path);
    return real(name, how);
}
FILE *fopen(const char *name, const char *how) { return fopen64(name, how); }

/* Raw system calls: io_uring at all, and those that would change a guarded file behind our back. */
long syscall(long number, ...) {
    va_list list;
    va_start(list, number);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
    long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
    va_end(list);
    char path[PATH_MAX];
    struct stat meta;
    REAL(long, "syscall", long, ...);
    int is_ring = number == SYS_io_uring_setup || number == SYS_io_uring_enter;
    if (is_ring && ready()) die("io_uring", root);
    int changes_it = number == SYS_write || number == SYS_pwrite64 || number == SYS_writev ||
                     number == SYS_pwritev || number == SYS_pwritev2 || number == SYS_ftruncate ||
                     number == SYS_fallocate;
    if (changes_it && look(a, path, &meta)) die("a raw system call", path);
    return real(number, a, b, c, d, e, f);
}

/* The free bytes of SHIM_FREE_FILE, where `name` is guarded. */
int statvfs64(const char *name, struct statvfs64 *out) {
    char path[PATH_MAX], text[32] = "";
    REAL(int, "statvfs64", const char *, struct statvfs64 *);
    int result = real(name, out);
    if (result || !ready() || !free_file || !realpath(name, path) || !under(path)) return result;
    int fd = real_open(free_file, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0) die("an unreadable SHIM_FREE_FILE", free_file);
    close(fd);
    out->f_bavail = out->f_bfree = strtoull(text, NULL, 10) / out->f_frsize;
    return 0;
}
int statvfs(const char *name, struct statvfs *out) {
    return statvfs64(name, (struct statvfs64 *)out);
}
