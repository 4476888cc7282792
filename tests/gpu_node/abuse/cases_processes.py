"""Processes, processor time and signals."""

from tests.gpu_node.abuse.case import KILLED, MEMORY, REFUSED, TIMEOUT, Case

STOP_SECONDS = 0.4  # of programs that never end
NOTHING_STARTED = "32512"  # libc's exit code 127

PROCESSES = {
    "fork": Case("import os\nos.fork()", parts=("PermissionError",)),
    "fork_bomb": Case("import os\nwhile True: os.fork()", parts=("PermissionError",)),
    "vfork": Case("import ctypes\nprint(ctypes.CDLL(None).syscall(58))", parts=("-1",)),
    "forkpty": Case("import os\nos.forkpty()", parts=("Error",)),
    "exec_shell": Case("import os\nos.execv('/bin/sh', ['sh'])", parts=("PermissionError",)),
    "exec_python": Case("import os, sys\nos.execv(sys.executable, ['python'])", parts=("PermissionError",)),
    "exec_by_descriptor": Case(
        "import ctypes\nl = ctypes.CDLL(None, use_errno=True)\nprint(l.syscall(322, 0, b'', 0, 0, 0x1000), "
        "ctypes.get_errno())", parts=("-1 1",)),
    "posix_spawn": Case("import os, sys\nos.posix_spawn(sys.executable, ['python'], {})", parts=("PermissionError",)),
    "os_system": Case("import os\nprint(os.system('id'))", parts=(NOTHING_STARTED, "-1"), leaves=("uid=",)),
    "os_popen": Case("import os\nprint(os.popen('id').read())", parts=("Error",), leaves=("uid=",)),
    "subprocess": Case("import subprocess\nsubprocess.run(['id'])", parts=("Error",), leaves=("uid=",)),
    "subprocess_shell": Case("import subprocess\nprint(subprocess.getoutput('id'))", parts=("Error",)),
    "fork_exec": Case("import _posixsubprocess as p\np.fork_exec([b'/bin/id'], [b'/bin/id'], True, (), None, None, -1, "
                      "-1, -1, -1, -1, -1, -1, -1, False, False, 0, None, None, None, -1, None, False)",
                      parts=("Error",)),
    "multiprocessing": Case("import multiprocessing as m\nm.Process(target=print).start()", parts=("Error",)),
    "process_pool": Case("from concurrent.futures import ProcessPoolExecutor as P\nprint(list(P(1).map(abs, [1])))",
                         parts=("Error",)),
    "thread_bomb": Case("import threading, time\nfor n in range(500):\n threading.Thread(target=time.sleep, args=(9,), "
                        "daemon=True).start()", parts=("RuntimeError",)),
    "thread_count": Case("import threading, time\nn = 0\ntry:\n while n < 500:\n  threading.Thread(target=time.sleep, "
                         "args=(9,), daemon=True).start()\n  n += 1\nexcept RuntimeError: print(n <= 64)",
                         parts=("True",)),
    "infinite_loop": Case("while True: pass", TIMEOUT, seconds=STOP_SECONDS),
    "sleep_for_ever": Case("import time\ntime.sleep(1e6)", TIMEOUT, seconds=STOP_SECONDS),
    "ignores_signals": Case(
        "import signal\nfor n in range(1, 65):\n try: signal.signal(n, signal.SIG_IGN)\n except (OSError, ValueError): "
        "pass\nwhile True: pass", TIMEOUT, seconds=STOP_SECONDS),
    "blocks_signals": Case("import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
                           TIMEOUT, seconds=STOP_SECONDS),
    "catches_all": Case("while True:\n try:\n  while True: pass\n except BaseException: pass", TIMEOUT,
                        seconds=STOP_SECONDS),
    "daemonise": Case("import os\nif os.fork() == 0:\n os.setsid()\n while True: pass", parts=("PermissionError",)),
    "setsid": Case("import os\nos.setsid()", parts=("PermissionError",)),
    "power_tower": Case("9**9**9", TIMEOUT, seconds=STOP_SECONDS),
    "unlimited_digits": Case("import sys\nsys.set_int_max_str_digits(0)\nprint(len(str(7 ** 10**8)))",
                             TIMEOUT | MEMORY, seconds=STOP_SECONDS),
    "factorial": Case("import math\nmath.factorial(10**9)", TIMEOUT | MEMORY, seconds=STOP_SECONDS),
    "regex": Case("import re\nre.match('(a+)+$', 'a' * 60 + 'b')", TIMEOUT, seconds=STOP_SECONDS),
    "digits": Case("print(10 ** 5000)", parts=("ValueError",)),
    "deep_recursion": Case("def f(): f()\nf()", parts=("RecursionError",)),
    "c_stack": Case("import sys\nsys.setrecursionlimit(10**9)\nclass A:\n def __repr__(self): return repr(self)\n"
                    "repr(A())", KILLED | MEMORY | REFUSED | TIMEOUT, seconds=5),
    "nested_source": Case("exec('(' * 100_000)", parts=("Error",)),
    "nested_lists": Case("x = []\nfor _ in range(100_000): x = [x]\nprint(len(repr(x)))", parts=("RecursionError",)),
    "nul_in_source": Case("exec('a\\0b')", parts=("Error",)),
    "segfault": Case("import ctypes\nctypes.string_at(0)", KILLED, ("signal 11",)),
    "abort": Case("import os\nos.abort()", KILLED, ("signal 6",), strict_parts=("signal 11",)),
    "kill_self": Case("import os\nos.kill(os.getpid(), 9)", KILLED, ("signal 9",), strict_statuses=REFUSED,
                      strict_parts=("PermissionError",)),
    "kill_all": Case("import os\nos.kill(-1, 9)", REFUSED | KILLED, ("", ), strict_statuses=REFUSED,
                     strict_parts=("PermissionError",)),
    "kill_group": Case("import os\nos.kill(0, 9)", KILLED, ("signal 9",), strict_statuses=REFUSED,
                       strict_parts=("PermissionError",)),
    "kill_session": Case("import os\nfor n in {os.getpgid(0), os.getsid(0), os.getppid()}: os.kill(-n, 9)",
                         REFUSED | KILLED, strict_statuses=REFUSED, strict_parts=("PermissionError",)),
    "kill_parent": Case("import os\nfor n in (1, os.getppid()):\n for s in (9, 15, 2):\n  if n > 0:\n   os.kill(n, s)\n"
                        "print('alive')", parts=("alive",), strict_parts=("PermissionError",)),
    "kill_neighbours": Case("import os\nalive = 0\nfor n in range(3, 70_000):\n try: os.kill(n, 9); alive += 1\n "
                            "except OSError: pass\nprint(alive)", parts=("0",)),
    "pidfd_kill": Case("import os, signal\nsignal.pidfd_send_signal(os.pidfd_open(1), 9)", parts=("PermissionError",)),
    "queued_signal": Case("import ctypes\nprint(ctypes.CDLL(None).sigqueue(1, 9, None))", parts=("-1",)),
    "exit_code": Case("import os\nos._exit(7)", KILLED, ("exit code 7",)),
    "exit_forged": Case("import os\nos._exit(0)", KILLED, ("exit code 0",)),
    "exit_text": Case("raise SystemExit('x')", parts=("SystemExit",)),
    "exit_bad_type": Case("import sys\nsys.exit(2**70)", parts=("SystemExit",)),
    "nondaemon_thread": Case("import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\nprint(1)",
                             frozenset({"ok"}), ("1",)),
    "atexit_hangs": Case("import atexit, time\natexit.register(time.sleep, 60)\nprint(1)", frozenset({"ok"}), ("1",)),
    "finaliser_hangs": Case("import time\nclass A:\n def __del__(self): time.sleep(60)\na = A()\nprint(1)",
                            frozenset({"ok", "timeout"}), ("1",), seconds=1.0),
    "raises_limits": Case("import resource as r\nr.setrlimit(r.RLIMIT_AS, (1 << 40, 1 << 40))", parts=("Error",)),
    "lowers_limits": Case("import resource as r\nr.setrlimit(r.RLIMIT_NOFILE, (1, 1))", parts=("Error",)),
    "limits_of_another": Case("import resource as r\nr.prlimit(1, r.RLIMIT_NPROC, (0, 0))", parts=("Error",)),
    "nice": Case("import os\nos.nice(-5)", parts=("PermissionError",)),
    "real_time": Case("import os\nos.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))",
                      parts=("PermissionError",)),
    "affinity": Case("import os\nos.sched_setaffinity(0, {0})", parts=("PermissionError",)),
    "setuid": Case("import os\nos.setuid(0)", parts=("PermissionError",)),
    "setgroups": Case("import os\nos.setgroups([0])", parts=("PermissionError",)),
}  # fmt: skip
