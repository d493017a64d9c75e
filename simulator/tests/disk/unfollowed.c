/* Does one thing to a file that the shim (`shim.c`) does not follow, or one much like it that is
 * harmless: `unfollowed WHAT FILE`. Exit status 0 when it was done, or asked of the system; a
 * mapping that lets the file be changed also changes its first byte to 'X', to be seen to do so. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct mapping {
    const char *name;
    int open_flags, access, flags, large;
};

static const struct mapping mappings[] = {
    { "shared-write", O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED, 0 },
    { "shared-write-64", O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED, 1 },
    { "shared-validate-write", O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE, 0 },
    { "shared-made-writable", O_RDWR, PROT_READ, MAP_SHARED, 0 },
    { "shared-read", O_RDONLY, PROT_READ, MAP_SHARED, 0 },
    { "shared-read-64", O_RDONLY, PROT_READ, MAP_SHARED, 1 },
    { "private-write", O_RDONLY, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0 },
    { "anonymous-write", O_RDONLY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, 0 },
};

static int failed(const char *what) {
    perror(what);
    return 1;
}

static int map(const struct mapping *how, const char *path) {
    int fd = open(path, how->open_flags);
    if (fd < 0) return failed("open");
    size_t length = 4096;
    int used = how->flags & MAP_ANONYMOUS ? -1 : fd;
    char *bytes = how->large ? mmap64(NULL, length, how->access, how->flags, used, 0)
                             : mmap(NULL, length, how->access, how->flags, used, 0);
    if (bytes == MAP_FAILED) return failed("mmap");
    if (how->open_flags == O_RDWR && !(how->access & PROT_WRITE) &&
        mprotect(bytes, length, PROT_READ | PROT_WRITE))
        return failed("mprotect");
    if (how->open_flags == O_RDWR || how->access & PROT_WRITE) bytes[0] = 'X';
    return munmap(bytes, length) ? failed("munmap") : 0;
}

int main(int count, char **words) {
    if (count != 3) return 2;
    for (size_t i = 0; i < sizeof mappings / sizeof *mappings; i++)
        if (!strcmp(words[1], mappings[i].name)) return map(&mappings[i], words[2]);
    /* Room for the parameters of any kernel; whether this one has io_uring does not matter. */
    static char parameters[1024];
    if (!strcmp(words[1], "io_uring_setup"))
        syscall(SYS_io_uring_setup, 1L, parameters, 0L, 0L, 0L, 0L);
    else if (!strcmp(words[1], "io_uring_enter"))
        syscall(SYS_io_uring_enter, -1L, 0L, 0L, 0L, 0L, 0L);
    else
        return 2;
    return 0;
}
