"""The kernel's surface, by number (x86_64), and the language's own traps."""

from tests.gpu_node.abuse.case import CALLS, KILLED, MEMORY, REFUSED, TIMEOUT, Case, raw

_UNKNOWN = "-1 38"

KERNEL = {
    "mount": raw((165, 0, 0, 0, 0, 0), (166, 0, 0)),
    "new_mount_calls": raw((430, 0, 0), (428, -1, 0, 0), (429, -1, 0, -1, 0, 0), (431, -1, 0), (432, -1, 0), (442, -1, 0)),
    "pivot_root": raw((155, 0, 0)),
    "unshare": raw((272, 0x10000000), (272, 0x20000), (272, 0)),
    "setns": raw((308, 0, 0)),
    "clone_namespaces": raw((56, 0x10000000 | 17, 0, 0, 0, 0), (56, 0x10000 | 0x20000, 0, 0, 0, 0)),
    "clone_process": raw((56, 17, 0, 0, 0, 0), (56, 0x4111, 0, 0, 0, 0)),
    "clone3_is_unknown": raw((435, 0, 0), answer=_UNKNOWN),
    "ptrace": raw((101, 16, 1, 0, 0), (101, 0x4206, 1, 0, 0), (101, 0, 0, 0, 0)),
    "kcmp": raw((312, 1, 1, 0, 0, 0)),
    "memory_of_processes": raw((310, 1, 0, 0, 0, 0, 0), (311, 1, 0, 0, 0, 0, 0), (440, -1, 0, 0, 0, 0)),
    "keyrings": raw((248, 0, 0, 0, 0, 0), (249, 0, 0, 0, 0), (250, 0, 0, 0, 0, 0)),
    "io_uring_is_unknown": raw((425, 8, 0), (426, 0, 0, 0, 0, 0, 0), (427, 0, 0, 0, 0), answer=_UNKNOWN),
    "bpf_and_perf_are_unknown": raw((321, 0, 0, 0), (298, 0, 0, -1, -1, 0), (323, 0), answer=_UNKNOWN),
    "fanotify": raw((300, 0, 0), (301, -1, 0, 0, -1, 0)),
    "inotify": raw((253,), (294, 0)),
    "file_handles": raw((303, -1, 0, 0, 0, 0), (304, -1, 0, 0)),
    "modules": raw((175, 0, 0, 0), (313, -1, 0, 0), (176, 0, 0)),
    "kexec_and_reboot": raw((246, 0, 0, 0, 0), (320, -1, -1, 0, 0, 0), (169, 0, 0, 0, 0)),
    "swap": raw((167, 0, 0), (168, 0)),
    "clock": raw((227, 0, 0), (164, 0, 0), (159, 0), (305, 0, 0)),
    "kernel_log": raw((103, 3, 0, 0)),
    "quota_and_accounting": raw((179, 0, 0, 0, 0), (443, -1, 0, 0, 0), (163, 0)),
    "names": raw((170, 0, 0), (171, 0, 0)),
    "personality": raw((135, 0x40000)),
    "segments_and_ports": raw((154, 0, 0, 0), (172, 3), (173, 0, 1, 1)),
    "descriptors_of_others": raw((434, 1, 0), (438, -1, 0, 0)),
    "splice": raw((275, 0, 0, 0, 0, 0, 0), (276, 0, 0, 0, 0), (278, 0, 0, 0, 0)),
    "capset": raw((126, 0, 0)),
    "prctl": raw((157, 38, 1, 0, 0, 0), (157, 4, 1, 0, 0, 0), (157, 22, 1, 0, 0, 0), (157, 1, 0, 0, 0, 0), (157, 35, 0, 0, 0, 0)),
    "seccomp": raw((317, 1, 0, 0)),
    "landlock": raw((444, 0, 0, 1), (445, -1, 0, 0, 0), (446, -1, 0)),
    "seccomp_listener": raw((317, 1, 8, 0)),
    "extended_attributes": raw((188, 0, 0, 0, 0, 0), (191, 0, 0, 0, 0), (197, 0, 0)),
    "new_openat_is_unknown": raw((437, -1, 0, 0, 0), answer=_UNKNOWN),
    "ownership": raw((92, 0, 0, 0), (93, 1, 0, 0), (260, -1, 0, 0, 0, 0)),
    "timers_of_posix": raw((222, 0, 0, 0)),
    "numa": raw((237, 0, 0, 0, 0, 0, 0), (256, 1, 0, 0, 0), (279, 1, 0, 0, 0, 0, 0)),
    "unknown_numbers": raw((470,), (999,), (100_000,)),
    "x32_numbers": raw((0x40000000 | 39,), (0x40000000 | 59, 0, 0, 0), (0x40000000 | 57,)),
    "i386_calls": Case(
        "import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(bytes([0xb8, 2, 0, 0, 0, 0xcd, 0x80, 0xc3]))\n"
        "print(ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))())",
        KILLED | REFUSED, ("signal", "-")),
    "own_machine_code": Case(
        "import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(bytes([0xb8, 57, 0, 0, 0, 0x0f, 0x05, 0xc3]))\n"
        "print(ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))())", parts=("-1",)),
    "limits_of_the_node": Case(CALLS + "b = ctypes.create_string_buffer(16)\ncall(302, NODE_PID, 7, b, None)",
                               parts=("-1 1",)),
    "terminal": Case("import pty\npty.openpty()", parts=("Error",)),
    "robust_list_of_others": Case(
        CALLS + "import os\np, n = ctypes.c_void_p(), ctypes.c_size_t()\n"
        "for pid in (1, os.getppid()): call(274, pid, ctypes.byref(p), ctypes.byref(n))", parts=("-1 1\n-1 1",)),
    "many_timers": Case("import signal, time\nsignal.setitimer(signal.ITIMER_REAL, 0.001)\ntime.sleep(1)",
                        KILLED, ("signal 14",)),
}  # fmt: skip

LANGUAGE = {
    "walks_frames": Case(
        "import sys\nf = sys._getframe()\nx = []\nwhile f: x.append(str(f.f_locals)); f = f.f_back\n"
        "print('SVEND' + '_PL' in ''.join(x), len(x) > 3)", frozenset({"ok"}), ("False True",)),
    "walks_objects": Case(
        "import gc\ngc.unfreeze()\nprint(any(type(o) is str and o.startswith('sk-sv' + 'end-') for o in gc.get_objects()))",
        frozenset({"ok"}), ("False",)),
    "searches_memory": Case(
        "import ctypes, sys\nprint([m for m in sys.modules if m.startswith(('gpu_node.server', 'gpu_node.inference', "
        "'pydantic', 'torch'))])", frozenset({"ok"}), ("[]",)),
    "poisons_builtins": Case("import builtins\nbuiltins.print = builtins.len = None\nbuiltins.__import__ = None"),
    "poisons_modules": Case(
        "import sys, json, os\njson.dumps = lambda x: '{}'\nos.write = None\nsys.modules.clear()", REFUSED | KILLED),
    "poisons_reply": Case(
        "import json\njson.dumps = lambda x: '{\"status\": \"ok\", \"text\": \"' + 'y' * 10**7 + '\"}'", KILLED | REFUSED),
    "poisons_stdout": Case("import sys\nsys.stdout = None", REFUSED),
    "huge_source": Case("x = 0\n" + "x += 1\n" * 9_000 + "print(x)", frozenset({"ok"}), ("9000",)),
    "sympy_runs_text": Case("import sympy\nprint(sympy.sympify(\"__import__('os').system('id')\"))", parts=("",),
                            leaves=("uid=",)),
    "sympy_bomb": Case("import sympy\nx, y, z = sympy.symbols('x y z')\nsympy.expand((x + y + z)**900)",
                       TIMEOUT | MEMORY, seconds=1.0),
    "z3_hangs": Case(
        "import z3\nx = z3.BitVec('x', 512)\ns = z3.Solver()\ns.add(x * x * x == 7 * x + 5, x != 1, x * x > 9, "
        "z3.UDiv(x, 3) * x == 11)\nprint(s.check())", TIMEOUT | MEMORY | REFUSED, seconds=1.0),
    "z3_memory": Case("import z3\nx = z3.BitVec('x', 1 << 24)\nprint(z3.simplify(x * x + x))",
                      TIMEOUT | MEMORY | REFUSED, seconds=1.0),
    "unpickles": Case("import pickle\npickle.loads(b\"cos\\nsystem\\n(S'id'\\ntR.\")", leaves=("uid=",)),
    "imports_ctypes_libc": Case("import ctypes\nprint(ctypes.CDLL(None).system(b'id'))", parts=("32512", "-1"),
                                leaves=("uid=",)),
    "infinite_generator": Case("sum(1 for _ in iter(int, 1))", TIMEOUT, seconds=0.4),
    "exception_with_evil_text": Case(
        "class E(Exception):\n def __str__(self): raise self\nraise E", parts=("E",)),
    "exception_with_long_text": Case("raise ValueError('x' * 10**6)", parts=("ValueError",)),
    "asks_to_stop": Case("raise KeyboardInterrupt", parts=("KeyboardInterrupt",)),
}  # fmt: skip
