// Everything in the bench that must cost nearly nothing itself: the launcher, the apps, and an init that does the
// least there is, as a floor. Built static, so that no dynamic loader is measured with it.
//
// Descriptors, from the bench: 3 takes time stamps (CLOCK_MONOTONIC, ns, 8 bytes each), 4 reads end of file when the
// app shall begin, 5 is closed by the exec of the init.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REPORT = 3, BEGIN = 4, EXECED = 5 };

static void fail(const char *what) {
	dprintf(2, "probe: %s: %s\n", what, strerror(errno));
	_exit(70);
}

static void stamp(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	uint64_t ns = (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
	if (write(REPORT, &ns, sizeof ns) != sizeof ns)
		fail("write a time stamp");
}

static void await_begin(void) {
	char c;
	while (read(BEGIN, &c, 1) > 0)
		;
}

static void rest(long us) {
	struct timespec t = {us / 1000000, us % 1000000 * 1000};
	nanosleep(&t, NULL);
}

// launch pid1|child ARGV...: a fresh /proc if we are PID 1, a stamp, and the exec of an init.
static void launch(char **argv) {
	if (!strcmp(argv[0], "pid1") && mount("proc", "/proc", "proc", 0, "") < 0)
		fail("mount /proc");
	fcntl(EXECED, F_SETFD, FD_CLOEXEC);
	stamp();
	execvp(argv[1], argv + 1);
	fail(argv[1]);
}

static pid_t app;

static void forward(int sig) {
	int saved = errno;
	kill(app, sig);
	errno = saved;
}

// floor ARGV...: a blocking wait4, and a handler that kills.
static void floor_init(char **argv) {
	sigset_t all, old;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	app = fork();
	if (app == 0) {
		setpgid(0, 0);
		sigprocmask(SIG_SETMASK, &old, NULL);
		execvp(argv[0], argv);
		fail(argv[0]);
	}
	struct sigaction action = {.sa_handler = forward, .sa_flags = SA_RESTART, .sa_mask = all};
	for (int sig = 1; sig < 65; sig++)
		if (sig != SIGCHLD && sig != SIGKILL && sig != SIGSTOP)
			sigaction(sig, &action, NULL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	int status;
	for (;;) {
		pid_t pid = wait4(-1, &status, 0, NULL);
		if (pid == app)
			_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
		if (pid < 0 && errno != EINTR)
			_exit(70);
	}
}

// herd N: an idle app of N processes.
static void herd(long n) {
	while (--n > 0) {
		pid_t pid = fork();
		if (pid < 0)
			fail("fork");
		if (pid == 0)
			for (;;)
				pause();
	}
	stamp();
	for (;;)
		pause();
}

// nap: what waking up once a second costs.
static void nap(void) {
	stamp();
	for (;;)
		rest(1000000);
}

// signals: stamps every SIGUSR1.
static void signals(void) {
	sigset_t usr1;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	stamp();
	for (;;)
		if (sigwaitinfo(&usr1, NULL) == SIGUSR1)
			stamp();
}

// One orphan: its parent ends at once. With bulk it lives until the bench lets all of them go.
static void orphan(int bulk) {
	pid_t middle = fork();
	if (middle < 0)
		fail("fork");
	if (middle == 0) {
		if (fork() == 0 && bulk)
			await_begin();
		_exit(0);
	}
	if (waitpid(middle, NULL, 0) != middle)
		fail("wait");
}

// orphans N PACE: N orphans, PACE us apart; with 0 all of them die at the same time. Then it sits until TERM.
static void orphans(long n, long pace) {
	if (pace == 0)
		for (long i = 0; i < n; i++)
			orphan(1);
	stamp();
	await_begin();
	for (long i = 0; pace > 0 && i < n; i++) {
		orphan(0);
		rest(pace);
	}
	stamp();
	for (;;)
		pause();
}

int main(int argc, char **argv) {
	const char *mode = argc > 1 ? argv[1] : "";
	long n = argc > 2 ? atol(argv[2]) : 0, m = argc > 3 ? atol(argv[3]) : 0;
	if (!strcmp(mode, "stamp")) {
		stamp();
		_exit(0);
	}
	if (!strcmp(mode, "outlive")) { // outlive MS: 77 if nothing ended it
		stamp();
		rest(n * 1000);
		_exit(77);
	}
	if (!strcmp(mode, "launch") && argc > 3)
		launch(argv + 2);
	if (!strcmp(mode, "floor") && argc > 2)
		floor_init(argv + 2);
	if (!strcmp(mode, "herd"))
		herd(n);
	if (!strcmp(mode, "nap"))
		nap();
	if (!strcmp(mode, "signals"))
		signals();
	if (!strcmp(mode, "orphans"))
		orphans(n, m);
	dprintf(2, "probe: bad usage\n");
	return 64;
}
