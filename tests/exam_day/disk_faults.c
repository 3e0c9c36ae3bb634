/* Stands before the C library of a station (LD_PRELOAD) and makes its disk one that can fail.

   It notes what fsync has made safe, so that a power cut can take away the rest, and it lets the
   disk be full. Only files under SIMVOICE_EXAM_DATA are meant. The control file is shared memory:
   its first eight bytes are the bytes that can still be written, or -1 without a limit. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int64_t no_limit = -1;
static volatile int64_t *room_left = &no_limit;
static const char *data_folder = "";
static int journal = -1;

__attribute__((constructor)) static void begin(void) {
    const char *control = getenv("SIMVOICE_EXAM_DISK");
    const char *synced = getenv("SIMVOICE_EXAM_SYNCED");
    data_folder = getenv("SIMVOICE_EXAM_DATA");
    if (!control || !synced || !data_folder) {
        data_folder = "";
        return;
    }
    int fd = open(control, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        void *found = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (found != MAP_FAILED) room_left = found;
        close(fd);
    }
    journal = open(synced, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static int is_limited(void) { return *room_left >= 0; }

static int is_ours(const char *path) {
    size_t length = strlen(data_folder);
    return length && strncmp(path, data_folder, length) == 0;
}

static int is_our_file(int fd, struct stat *facts) {
    char link[40], path[4096];
    if (fstat(fd, facts) || !S_ISREG(facts->st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_ours(path);
}

/* Returns how many of `count` bytes fit that begin at `at`; takes them from the room. */
static size_t fitting(int64_t size, int64_t at, size_t count) {
    int64_t more = at + (int64_t)count - size;
    if (more <= 0) return count;
    for (;;) {
        int64_t room = *room_left;
        if (room < 0) return count;
        int64_t taken = more < room ? more : room;
        if (__sync_bool_compare_and_swap(room_left, room, room - taken))
            return (size_t)((int64_t)count - (more - taken));
    }
}

static void give_back(int64_t bytes) {
    if (is_limited() && bytes > 0) __sync_fetch_and_add(room_left, bytes);
}

/* -- what is safe */

static void say(const char *line, int length) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    if (journal >= 0 && real(journal, line, (size_t)length) != length) abort();
}

/* From now on so many bytes of the file with this inode survive. */
static void note(int fd) {
    struct stat facts;
    char line[80];
    if (journal < 0 || !is_our_file(fd, &facts)) return;
    say(line, snprintf(line, sizeof line, "%llu %lld\n", (unsigned long long)facts.st_ino,
                       (long long)facts.st_size));
}

/* The name goes. When it was the last one, another file will get the inode. */
static void note_removal(int folder, const char *path) {
    struct stat facts;
    char line[80], parent[4096] = "", link[40];
    if (journal < 0 || fstatat(folder, path, &facts, AT_SYMLINK_NOFOLLOW)) return;
    if (!S_ISREG(facts.st_mode) || facts.st_nlink != 1) return;
    if (path[0] != '/') {
        snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d",
                 folder);
        ssize_t length = readlink(link, parent, sizeof parent - 1);
        if (length < 0) return;
        parent[length] = 0;
    }
    if (!is_ours(path[0] == '/' ? path : parent)) return;
    give_back(facts.st_size);
    say(line, snprintf(line, sizeof line, "%llu 0\n", (unsigned long long)facts.st_ino));
}

int fsync(int fd) {
    REAL(fsync);
    note(fd);
    return real(fd);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    note(fd);
    return real(fd);
}

/* -- a disk that is full */

ssize_t write(int fd, const void *data, size_t count) {
    REAL(write);
    struct stat facts;
    if (!is_limited() || !count || !is_our_file(fd, &facts)) return real(fd, data, count);
    int64_t at = fcntl(fd, F_GETFL) & O_APPEND ? facts.st_size : lseek(fd, 0, SEEK_CUR);
    size_t fits = fitting(facts.st_size, at, count);
    if (!fits) return errno = ENOSPC, -1;
    return real(fd, data, fits);
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t at) {
    REAL(pwrite);
    struct stat facts;
    if (!is_limited() || !count || !is_our_file(fd, &facts)) return real(fd, data, count, at);
    size_t fits = fitting(facts.st_size, at, count);
    if (!fits) return errno = ENOSPC, -1;
    return real(fd, data, fits, at);
}

ssize_t pwrite64(int fd, const void *data, size_t count, off64_t at) {
    return pwrite(fd, data, count, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    struct stat facts;
    if (!is_limited() || !is_our_file(fd, &facts)) return real(fd, parts, count);
    return count ? write(fd, parts[0].iov_base, parts[0].iov_len) : 0;
}

ssize_t sendfile(int out, int in, off_t *at, size_t count) {
    static ssize_t (*real)(int, int, off_t *, size_t);
    if (!real) real = (ssize_t(*)(int, int, off_t *, size_t))dlsym(RTLD_NEXT, "sendfile");
    struct stat facts;
    if (!is_limited() || !is_our_file(out, &facts)) return real(out, in, at, count);
    size_t fits = fitting(facts.st_size, facts.st_size, count);
    if (!fits) return errno = ENOSPC, -1;
    ssize_t done = real(out, in, at, fits);
    give_back((int64_t)fits - (done > 0 ? done : 0));
    return done;
}

ssize_t sendfile64(int out, int in, off64_t *at, size_t count) {
    return sendfile(out, in, at, count);
}

int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    struct stat facts;
    if (!is_limited() || !is_our_file(fd, &facts)) return real(fd, size);
    if (size > facts.st_size && fitting(facts.st_size, 0, (size_t)size) < (size_t)size)
        return errno = ENOSPC, -1;
    give_back(facts.st_size - size);
    return real(fd, size);
}

int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

int posix_fallocate(int fd, off_t at, off_t count) {
    REAL(posix_fallocate);
    struct stat facts;
    if (is_limited() && is_our_file(fd, &facts) &&
        fitting(facts.st_size, at, (size_t)count) < (size_t)count)
        return ENOSPC;
    return real(fd, at, count);
}

int posix_fallocate64(int fd, off64_t at, off64_t count) { return posix_fallocate(fd, at, count); }

int unlink(const char *path) {
    REAL(unlink);
    note_removal(AT_FDCWD, path);
    return real(path);
}

int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    if (!(flags & AT_REMOVEDIR)) note_removal(folder, path);
    return real(folder, path, flags);
}

int rename(const char *from, const char *to) {
    REAL(rename);
    note_removal(AT_FDCWD, to);
    return real(from, to);
}

static void shrink(const char *path, unsigned long block, unsigned long *blocks, int done) {
    if (is_limited() && !done && (is_ours(path) || strstr(data_folder, path) == data_folder)) {
        unsigned long room = (unsigned long)*room_left / (block ? block : 1);
        if (room < *blocks) *blocks = room;
    }
}

int statvfs(const char *path, struct statvfs *facts) {
    REAL(statvfs);
    int done = real(path, facts);
    shrink(path, facts->f_frsize, (unsigned long *)&facts->f_bavail, done);
    shrink(path, facts->f_frsize, (unsigned long *)&facts->f_bfree, done);
    return done;
}

int statvfs64(const char *path, struct statvfs64 *facts) {
    return statvfs(path, (struct statvfs *)facts);
}
