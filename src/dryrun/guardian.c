// The parent of the program, and of every process that loses its own parent below it.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dryrun/launch.h"

enum {
    GRACE_MS = 3000, // for what a program leaves behind to end by itself
    TERM_MS = 2000,  // after SIGTERM
    POLL_MS = 20,
};

static const int passed[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { PASSED = sizeof passed / sizeof passed[0] };

static void send(int report, int what, int value, int left_over) {
    snug_guardian_message message = {what, value, left_over};
    ssize_t written;
    do
        written = write(report, &message, sizeof message);
    while (written < 0 && errno == EINTR);
}

// The parent of process |pid|; 0 where it has gone. A name may hold spaces and parentheses.
static pid_t parent_of(const char *pid) {
    char path[64], line[512];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    if (fgets(line, sizeof line, file)) {
        const char *name_end = strrchr(line, ')');
        if (name_end && sscanf(name_end + 1, " %*c %d", &parent) != 1) parent = 0;
    }
    fclose(file);
    return parent;
}

enum { MOST_PROCESSES = 1 << 15 };
typedef struct process_list {
    pid_t pid[MOST_PROCESSES], parent[MOST_PROCESSES];
    int count;
} process_list;

static void list_processes(process_list *out) {
    out->count = 0;
    DIR *folder = opendir("/proc");
    if (!folder) return;
    for (struct dirent *entry; (entry = readdir(folder)) && out->count < MOST_PROCESSES;) {
        if (*entry->d_name < '0' || *entry->d_name > '9') continue;
        out->pid[out->count] = (pid_t)strtol(entry->d_name, NULL, 10);
        out->parent[out->count++] = parent_of(entry->d_name);
    }
    closedir(folder);
}

// Sends |signal| (0: none) to all descendants; returns how many there are.
static int signal_descendants(int signal) {
    static process_list list; // large, and there is one guardian in its process
    static bool below[MOST_PROCESSES];
    int found = 0;
    pid_t self = getpid();
    list_processes(&list);
    memset(below, 0, sizeof below);
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < list.count; i++) {
            if (below[i]) continue;
            below[i] = list.parent[i] == self;
            for (int j = 0; j < list.count && !below[i]; j++)
                below[i] = below[j] && list.pid[j] == list.parent[i];
            more |= below[i];
            found += below[i];
        }
    }
    for (int i = 0; i < list.count && signal; i++)
        if (below[i]) kill(list.pid[i], signal);
    return found;
}

typedef struct guardian {
    pid_t program;
    bool ended;
    int status;
} guardian;

// Takes in whoever has ended. Returns whether anybody is left.
static bool reap(guardian *self) {
    int status;
    for (;;) {
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == 0) return true;
        if (pid < 0) return false;
        if (pid != self->program) continue;
        self->ended = true;
        self->status = status;
    }
}

// Waits at most |milliseconds| (-1: for ever) until |self| has nobody left, or until its program
// has ended where |program| is set. Returns whether it was asked to kill meanwhile.
static bool wait_for(guardian *self, int milliseconds, bool program) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SNUG_GUARDIAN_KILL);
    struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    for (int waited = 0; milliseconds < 0 || waited < milliseconds; waited += POLL_MS) {
        bool anybody = reap(self);
        if (!anybody || (program && self->ended)) return false;
        int signal = milliseconds < 0 ? sigwaitinfo(&set, NULL) : sigtimedwait(&set, NULL, &pause);
        if (signal == SNUG_GUARDIAN_KILL) return true;
    }
    return false;
}

static void kill_all(guardian *self) {
    while (reap(self)) {
        signal_descendants(SIGKILL);
        wait_for(self, 5 * POLL_MS, false);
    }
}

// What the program prints goes to a file, and it reads nothing.
static void redirect(const char *path) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600),
        nothing = open("/dev/null", O_RDONLY);
    if (file >= 0) {
        dup2(file, STDOUT_FILENO);
        dup2(file, STDERR_FILENO);
        close(file);
    }
    if (nothing >= 0) {
        dup2(nothing, STDIN_FILENO);
        close(nothing);
    }
}

_Noreturn static void become(const snug_launch_request *request, const sigset_t *mask,
                             const struct sigaction *actions, pid_t parent, int report) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    for (int i = 0; i < PASSED; i++)
        sigaction(passed[i], &actions[i], NULL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    if (request->output) redirect(request->output);
    execvpe(request->program[0], request->program, request->environment);
    send(report, SNUG_GUARDIAN_NOT_STARTED, errno, 0);
    _exit(127);
}

_Noreturn void snug_guardian_run(const snug_launch_request *request, const sigset_t *mask,
                                 pid_t parent, int report) {
    guardian self = {0};
    struct sigaction actions[PASSED], ignore = {.sa_handler = SIG_IGN},
                                      plain = {.sa_handler = SIG_DFL};
    sigset_t blocked;
    sigfillset(&blocked);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    prctl(PR_SET_PDEATHSIG, SNUG_GUARDIAN_KILL);
    if (getppid() != parent) _exit(1);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    // A terminal's signals go to all of its foreground: the program's answer is what counts.
    for (int i = 0; i < PASSED; i++)
        sigaction(passed[i], &ignore, &actions[i]);
    sigaction(SIGCHLD, &plain, NULL);
    sigdelset(&blocked, SIGTSTP);
    sigdelset(&blocked, SIGCONT);
    sigprocmask(SIG_SETMASK, &blocked, NULL);

    pid_t me = getpid();
    self.program = fork();
    if (self.program == 0) become(request, mask, actions, me, report);
    if (self.program < 0) {
        send(report, SNUG_GUARDIAN_NOT_STARTED, errno, 0);
        _exit(1);
    }
    send(report, SNUG_GUARDIAN_STARTED, self.program, 0);
    int left_over = 0;
    bool kills = wait_for(&self, -1, true);
    if (!kills) kills = wait_for(&self, GRACE_MS, false);
    if (!kills && reap(&self)) {
        left_over = signal_descendants(SIGTERM);
        wait_for(&self, TERM_MS, false);
    }
    kill_all(&self);
    send(report, SNUG_GUARDIAN_ENDED, self.status, left_over);
    _exit(0);
}
