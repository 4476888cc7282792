"""Network, files and secrets. PORT, PLANTED, NODE_PID and CHECKOUT are filled in by the suite."""

from tests.gpu_node.abuse.case import CALLS, Case

_FAMILIES = "(1, 2, 10, 16, 17, 29, 31, 38, 40, 44)"  # unix, inet, inet6, netlink, packet, can, bt, alg, vsock, xdp
_SECRET_PLACES = (
    "'/etc/passwd', '/etc/shadow', '/etc/hostname', '/proc/1/environ', '/proc/self/environ', '/proc/NODE_PID/environ', "
    "'/proc/self/maps', '/proc/kcore', '/proc/kallsyms', '/sys/kernel/notes', 'PLANTED', 'CHECKOUT/pyproject.toml', "
    "'/proc/self/ro' 'ot/etc/passwd', '/proc/1/ro' 'ot/etc/passwd', '/proc/1/cwd/x', '/dev/kmsg', '/dev/mem'"
)

NETWORK = {
    "tcp_loopback": Case("import socket\nsocket.create_connection(('127.0.0.1', PORT), 1)", parts=("PermissionError",)),
    "tcp6_loopback": Case("import socket\nsocket.create_connection(('::1', PORT), 1)", parts=("Error",)),
    "tcp_listen": Case("import socket\nsocket.create_server(('127.0.0.1', 0))", parts=("PermissionError",)),
    "udp": Case("import socket\nsocket.socket(2, 2).sendto(b'x', ('127.0.0.1', PORT))", parts=("PermissionError",)),
    "http": Case("import urllib.request as u\nu.urlopen('http://127.0.0.1:PORT/', timeout=1)", parts=("Error",)),
    "name_lookup": Case("import socket\nprint(socket.getaddrinfo('example.com', 80))", parts=("Error", "gaierror")),
    "unix_abstract": Case("import socket\nsocket.socket(1).connect('\\0svend-PORT')", parts=("PermissionError",)),
    "unix_path": Case("import socket\nsocket.socket(1).connect('PLANTED.socket')", parts=("PermissionError",)),
    "pair_sends_elsewhere": Case(
        "import socket\na, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\na.sendto(b'x', '\\0svend-PORT-d')",
        parts=("PermissionError",)),
    "stream_sends_elsewhere": Case(
        "import socket\na, b = socket.socketpair()\na.sendto(b'x', '\\0svend-PORT')", parts=("PermissionError",)),
    "pair_sends_message": Case(
        "import socket\na, b = socket.socketpair()\na.sendmsg([b'x'], [], 0, '\\0svend-PORT')",
        parts=("PermissionError",)),
    "pair_connects": Case("import socket\na, b = socket.socketpair()\na.connect('\\0svend-PORT')", parts=("Error",)),
    "odd_families": Case(f"import socket\nn = 0\nfor f in {_FAMILIES}:\n for t in (1, 2, 3, 5):\n  try: "
                         "socket.socket(f, t); n += 1\n  except OSError: pass\nprint(n)", parts=("0",)),
    "odd_pairs": Case(f"import socket\nn = 0\nfor f in {_FAMILIES}[1:]:\n try: socket.socketpair(f, 1); n += 1\n "
                      "except OSError: pass\nprint(n)", parts=("0",)),
    "descriptor_passing": Case("import socket, os\na, b = socket.socketpair()\nsocket.send_fds(a, [b'x'], [0])",
                               parts=("PermissionError",)),
    "asyncio_still_works": Case("import asyncio\nasync def f(): await asyncio.sleep(0); return 1\nprint(asyncio.run(f()))",
                                frozenset({"ok"}), ("1",)),
}  # fmt: skip

FILES = {
    "reads_secrets": Case(f"for p in ({_SECRET_PLACES}):\n try: print('read', p, open(p, 'rb').read(99))\n "
                          "except OSError: pass\nprint('none')", parts=("none",), leaves=("read",)),
    "lists_host": Case("import os\nfor p in ('/etc', '/home', '/root', '/proc', '/sys', '/var', '/mnt', 'CHECKOUT'):\n "
                       "try: print('listed', p, os.listdir(p)[:9])\n except OSError: pass\nprint('none')",
                       parts=("none",), leaves=("passwd", "pyproject", "environ", "kernel", ".ssh")),
    "environment": Case("import os\nprint(sorted(os.environ), 'SVEND' in str(os.environb))", parts=("False",)),
    "libc_environment": Case("import ctypes\ne = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), 'environ')\n"
                             "n = 0\nwhile e[n]: n += 1\nprint(any(b'SVEND' in e[k] for k in range(n)))",
                             parts=("False",)),
    "weights": Case("import os\nfor d, _, fs in os.walk('/'):\n for f in fs:\n  if f.endswith('.safetensors'):\n   try: "
                    "print('read', open(os.path.join(d, f), 'rb').read(9))\n   except OSError: pass\nprint('none')",
                    parts=("none",), leaves=("read",), seconds=60),
    "memory_of_others": Case("import os\nfor p in ('1', 'self', 'NODE_PID', str(os.getppid())):\n for f in ('mem', 'maps', "
                             "'auxv', 'stack', 'syscall'):\n  try: open(f'/proc/{p}/{f}', 'rb').read(1); print('read')\n"
                             "  except OSError: pass\nprint('none')", parts=("none",), leaves=("read",)),
    "kernel_settings": Case("for p in ('/proc/sysrq-trigger', '/proc/sys/kernel/core_pattern', '/proc/self/oom_score_adj',"
                            " '/proc/self/uid_map', '/sys/fs/cgroup/cgroup.procs', '/dev/kmsg'):\n try: open(p, 'w'); "
                            "print('opened', p)\n except OSError: pass\nprint('none')", parts=("none",),
                            leaves=("opened",)),
    "sees_processes": Case("import os\nn = 0\nfor p in range(1, 40_000):\n try: open(f'/proc/{p}/stat').read(); n += 1\n "
                           "except OSError: pass\nprint(n)", parts=("0",)),
    "zygotes_proc": Case("import os\nprint(os.listdir('/svend/proc'))", parts=("[]", "PermissionError"),
                         strict_parts=("FileNotFoundError", "PermissionError")),
    "cgroup": Case("import os\nos.mkdir('/sys/fs/cgroup/x')", parts=("Error",)),
    "writes_code": Case("import gpu_node.tools.errors as e\nopen(e.__file__, 'a')", parts=("Error",)),
    "writes_library": Case("import sympy\nopen(sympy.__file__, 'a')", parts=("Error",)),
    "writes_runtime": Case("import os\nopen(os.__file__, 'a')", parts=("Error",)),
    "writes_root": Case("open('/x', 'w')", parts=("Error",)),
    "writes_usr": Case("open('/usr/lib/x', 'w')", parts=("Error",)),
    "deletes_library": Case("import os, sympy\nos.unlink(sympy.__file__)", parts=("Error",)),
    "renames_library": Case("import os, sympy\nos.rename(sympy.__file__, '/tmp/x')", parts=("Error",)),
    "touches_library": Case("import os, sympy\nos.utime(sympy.__file__)", parts=("Error",)),
    "changes_mode": Case("import os, sympy\nos.chmod(sympy.__file__, 0o777)", parts=("Error",)),
    "truncates_library": Case("import os, sympy\nos.truncate(sympy.__file__, 0)", parts=("Error",)),
    "symlink_out": Case("import os\nos.symlink('/etc/passwd', '/tmp/l')\nprint(open('/tmp/l').read())",
                        parts=("FileNotFoundError",), strict_parts=("Error",), leaves=("root:",)),
    "hardlink_out": Case("import os, sys\nos.link(os.__file__, '/tmp/l')", parts=("Error",)),
    "block_device": Case("import os, stat\nos.mknod('/tmp/d', stat.S_IFBLK | 0o666, os.makedev(254, 0))",
                         parts=("PermissionError",)),
    "character_device": Case("import os, stat\nos.mknod('/tmp/d', stat.S_IFCHR | 0o666, os.makedev(1, 1))",
                             parts=("PermissionError",)),
    "devices": Case("for d in ('kvm', 'vda', 'sda', 'mem', 'port', 'nvidia0', 'nvidiactl', 'fuse', 'net/tun', 'tty', "
                    "'console', 'ptmx', 'shm/x', 'full'):\n try: open('/dev/' + d, 'rb'); print('opened', d)\n except "
                    "OSError: pass\nprint('none')", parts=("none",), leaves=("opened",)),
    "set_uid_file": Case("import os\nopen('/tmp/s', 'w').close()\nos.chmod('/tmp/s', 0o4777)\nos.chown('/tmp/s', 0, 0)",
                         parts=("Error",)),
    "chroot": Case("import os\nos.chroot('/tmp')", parts=("PermissionError",)),
    "chroot_escape": Case("import os\nfor _ in range(99): os.chdir('..')\nprint(os.path.exists('etc/passwd') and "
                          "open('etc/passwd').read(4))", parts=("False", "PermissionError"), leaves=("root",)),
    "working_folder_out": Case("import os\nos.fchdir(os.open('/', os.O_RDONLY))\nprint(open('../../etc/passwd').read())",
                               parts=("Error",), leaves=("root:",)),
    "inherited_descriptors": Case("import os\nx = []\nfor f in range(64):\n try: os.fstat(f); x.append(f)\n except "
                                  "OSError: pass\nprint(x)", frozenset({"ok"}), ("[0, 1, 2, 3]",)),
    "duplicates_channel": Case("import os\nfor f in range(3, 64):\n try: os.read(f, 0)\n except OSError: pass\nprint(1)",
                               frozenset({"ok"}), ("1",)),
    "types_into_terminal": Case("import fcntl\nfcntl.ioctl(0, 0x5412, b'x')", parts=("PermissionError",)),
    "types_with_high_bits": Case(CALLS + "call(16, 0, ctypes.c_ulong(0x1_0000_5412), b'x')", parts=("-1 1", "-1 25")),
    "tmp_is_the_calls_own": Case("import os\nprint(os.listdir('/tmp'))\nopen('/tmp/left', 'w')", parts=("[]",),
                                 strict_parts=("Error",)),
}  # fmt: skip
