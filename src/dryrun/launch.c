#include "dryrun/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

// A program that is asked to end gets this long before it is killed.
static const double patience = 10;
// The hook ends a program when its time is up; this much later it is asked from outside.
static const double lateness = 15;
// Two signals this close are one: a shell's or a timeout's, sent to a process and to its group.
static const double one_signal = 0.3;

typedef struct follower {
    pid_t guardian, program; // program 0: not started yet
    int report, signals;     // to be read
    double kill_at, ask_at;  // 0: never
    double last_signal;      // 0: none yet
    bool over;
    snug_launch_end *end;
} follower;

static void ask_to_end(follower *self, int signal) {
    if (self->program > 0) kill(self->program, signal);
    self->kill_at = snug_clock_seconds() + patience;
    self->ask_at = 0;
}

static void kill_all(follower *self) {
    self->end->killed = true;
    kill(self->guardian, SNUG_GUARDIAN_KILL);
    self->kill_at = 0;
}

// What a terminal sends goes to the program as well; what another process sends is passed on.
static void take_signal(follower *self) {
    struct signalfd_siginfo info;
    if (read(self->signals, &info, sizeof info) != (ssize_t)sizeof info) return;
    double now = snug_clock_seconds();
    bool again = self->last_signal > 0 && now - self->last_signal > one_signal;
    bool first = self->last_signal <= 0;
    self->last_signal = now;
    self->end->interrupted = true;
    if (again) kill_all(self);
    if (!first) return;
    if (info.ssi_signo == SIGINT) {
        // It may take its time to end by itself: it is killed when asked again.
        if (info.ssi_code <= 0 && self->program > 0) kill(self->program, SIGINT);
        self->ask_at = 0;
    } else {
        ask_to_end(self, (int)info.ssi_signo);
    }
}

static void take_message(follower *self) {
    snug_guardian_message message;
    ssize_t got = read(self->report, &message, sizeof message);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got != (ssize_t)sizeof message) {
        self->over = true;
        return;
    }
    if (message.what == SNUG_GUARDIAN_STARTED) self->program = message.value;
    if (message.what == SNUG_GUARDIAN_NOT_STARTED) self->end->start_errno = message.value;
    if (message.what != SNUG_GUARDIAN_ENDED) return;
    self->program = 0;
    self->end->status = message.value;
    self->end->left_over = message.left_over;
}

static void keep_time(follower *self) {
    double now = snug_clock_seconds();
    if (self->ask_at > 0 && now >= self->ask_at) {
        self->end->timed_out = true;
        ask_to_end(self, SIGTERM);
    }
    if (self->kill_at > 0 && now >= self->kill_at) kill_all(self);
}

static int milliseconds_to_wait(const follower *self) {
    double next = self->ask_at > 0 && (self->kill_at <= 0 || self->ask_at < self->kill_at)
                      ? self->ask_at
                      : self->kill_at;
    if (next <= 0) return -1;
    double rest = next - snug_clock_seconds();
    return rest <= 0 ? 0 : rest > 3600 ? 3600000 : (int)(rest * 1000) + 1;
}

static void follow(follower *self) {
    while (!self->over) {
        struct pollfd files[] = {{.fd = self->report, .events = POLLIN},
                                 {.fd = self->signals, .events = POLLIN}};
        if (poll(files, 2, milliseconds_to_wait(self)) > 0) {
            if (files[1].revents) take_signal(self);
            if (files[0].revents) take_message(self);
        }
        keep_time(self);
    }
    while (waitpid(self->guardian, NULL, 0) < 0 && errno == EINTR) {
    }
}

// Those of our signals that this process does not ignore: what nohup or a shell's `&` has it
// ignore stays so, here and in the program.
static void choose_signals(sigset_t *out) {
    static const int ours[] = {SIGINT, SIGTERM, SIGHUP};
    sigemptyset(out);
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        struct sigaction action;
        sigaction(ours[i], NULL, &action);
        if (action.sa_handler != SIG_IGN) sigaddset(out, ours[i]);
    }
}

snug_status snug_launch_run(const snug_launch_request *request, snug_launch_end *out) {
    sigset_t ours, before;
    int report[2];
    *out = (snug_launch_end){0};
    if (pipe2(report, O_CLOEXEC) != 0)
        return snug_fail(SNUG_IO, "cannot start the program: %s", strerror(errno));
    choose_signals(&ours);
    sigprocmask(SIG_BLOCK, &ours, &before);
    pid_t parent = getpid();
    follower self = {.end = out, .report = report[0]};
    self.guardian = fork();
    if (self.guardian == 0) {
        close(report[0]);
        snug_guardian_run(request, &before, parent, report[1]);
    }
    int reason = errno;
    close(report[1]);
    snug_status status = SNUG_OK;
    if (self.guardian < 0) {
        status = snug_fail(SNUG_IO, "cannot start the program: %s", strerror(reason));
    } else {
        self.signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
        if (request->seconds > 0) self.ask_at = snug_clock_seconds() + request->seconds + lateness;
        follow(&self);
        close(self.signals);
    }
    close(report[0]);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return status;
}
