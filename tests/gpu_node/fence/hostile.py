"""Programs that do not end by themselves, each in another way: in Python, in native code, asleep, busy with the kernel.

For `test_kills` and `bench_fence`. None gives a reply, so that what is measured is the kill.
"""

HOSTILE = {
    "loop": "while True: pass",
    "loop_that_catches_all": "while True:\n try:\n  while True: pass\n except BaseException: pass",
    "sleep": "import time\ntime.sleep(60)",
    "ignores_signals": "import signal\nfor n in range(1, 65):\n try: signal.signal(n, signal.SIG_IGN)\n"
    " except (OSError, ValueError): pass\nwhile True: pass",
    "blocks_signals": "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
    "power_tower": "9**9**9",
    "factorial": "import math\nmath.factorial(10**8)",
    "regex": "import re\nre.match('(a+)+$', 'a' * 60 + 'b')",
    "numpy": "import numpy\nx = numpy.ones((700, 700))\nwhile True: x = x @ x / 700",
    "numpy_sort": "import numpy\nx = numpy.random.rand(3_000_000)\nwhile True: numpy.sort(x)",
    "sympy": "import sympy\nx, y, z = sympy.symbols('x y z')\nsympy.expand((x + y + z)**400)",
    "z3": "import z3\nx, y, z = z3.Ints('x y z')\ns = z3.Solver()\ns.add(x > 2, y > 2, z > 2, x**3 + y**3 == z**3)\n"
    "s.check()\nwhile True: pass",
    "z3_bits": "import z3\nx, y = z3.BitVecs('x y', 96)\ns = z3.Solver()\ns.add(x * y == 2**89 - 1, x > 1, y > 1)\n"
    "s.check()\nwhile True: pass",
    "forks": "import os\nwhile True:\n try: os.fork()\n except OSError: pass",
    "starts_programs": "import subprocess\nwhile True:\n try: subprocess.run(['id'])\n except OSError: pass",
    "threads": "import threading\ndef spin():\n while True: pass\nfor _ in range(20): threading.Thread(target=spin)."
    "start()\nspin()",
    "output": "while True: print('x' * 100_000)",
    "output_by_drops": "import time\nwhile True:\n print('x', flush=True)\n time.sleep(0.001)",
    "closes_all": "import os\nos.closerange(0, 3)\nwhile True: pass",
    "files": "while True:\n for n in range(99): open(f'/tmp/{n}', 'w').write('x' * 9_000)",
    "memory": "x = [bytearray(1 << 20) for _ in range(300)]\nwhile True:\n for y in x: y[0] ^= 1",
    "signals_itself": "import os, signal\nsignal.signal(15, lambda *_: None)\nwhile True: os.kill(os.getpid(), 15)",
    "timer": "import signal\nsignal.signal(14, lambda *_: None)\nsignal.setitimer(0, 0.001, 0.0005)\nwhile True: pass",
    "finaliser": "class A:\n def __del__(self):\n  while True: pass\nA()",
}
