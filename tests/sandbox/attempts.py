"""Small attempts to get out of a sandbox, or to take more than is given.

Each is an expression or a few statements whose value says whether the attempt came to nothing:
``True`` is what must come back. ``denied(function)`` is true where the function raises ``OSError``.
"""

PRELUDE = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)

def denied(attempt):
    try:
        attempt()
    except OSError:
        return True
    return False

def refused(number, *arguments):
    ctypes.set_errno(0)
    return libc.syscall(number, *arguments) == -1 and ctypes.get_errno() != 0
"""

FILES = {
    "the host's users": "denied(lambda: open('/etc/passwd'))",
    "process information": "denied(lambda: os.listdir('/proc'))",
    "kernel information": "denied(lambda: os.listdir('/sys'))",
    "home folders": "denied(lambda: os.listdir('/root')) and denied(lambda: os.listdir('/home'))",
    "the root folder": "denied(lambda: os.listdir('/'))",
    "other agents' workspaces": "denied(lambda: os.stat('/workspaces/other'))",
    "the old root": "denied(lambda: os.stat('/old/etc'))",
    "above the workspace": "denied(lambda: os.listdir('../..'))",
    "a file of another agent by dots": "denied(lambda: open('../../workspaces/other/data/secret'))",
    "changing the standard library": "denied(lambda: open(os.path.dirname(os.__file__) + '/x', 'w'))",
    "writing to the root": "denied(lambda: open('/x', 'w'))",
    "a symbolic link": "denied(lambda: os.symlink('/etc/passwd', 'link'))",
    "a hard link": "denied(lambda: os.link('/dev/null', 'link'))",
    "a device node": "denied(lambda: os.mknod('node', 0o20600, os.makedev(1, 1)))",
    "a named pipe": "denied(lambda: os.mkfifo('pipe'))",
    "handles of files": "refused(304, 0, 0, 0) and refused(303, -100, b'.', 0, 0, 0)",
    "installed packages of the host": "denied(lambda: os.listdir('/usr/lib/python3/dist-packages'))",
    "a larger file than is given": """
with open('data/big', 'wb') as file:
    result = denied(lambda: [file.write(b'x' * (1 << 20)) for _ in range(120)] and file.flush())
os.remove('data/big')
result""",
    "more memory by /tmp": """
with open('/tmp/big', 'wb') as file:
    result = denied(lambda: [file.write(b'x' * (1 << 20)) for _ in range(80)])
result""",
}

NETWORK = {
    "internet": "denied(lambda: socket.socket())",
    "datagrams": "denied(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))",
    "local sockets": "denied(lambda: socket.socket(socket.AF_UNIX))",
    "the kernel's sockets": "denied(lambda: socket.socket(16, 3, 0))",
    "raw packets": "denied(lambda: socket.socket(17, 3, 0))",
    "virtual machines' sockets": "denied(lambda: socket.socket(40, 1))",
    "names": "denied(lambda: socket.getaddrinfo('example.org', 80))",
    "a pair of another family": "denied(lambda: socket.socketpair(socket.AF_INET))",
}

PROCESSES = {
    "fork": "denied(os.fork)",
    "a raw fork": "refused(57) and refused(58)",
    "a clone that is no thread": "refused(56, 17, 0, 0, 0, 0) and refused(56, 0x10000011, 0, 0, 0, 0)",
    "a thread with namespaces": "refused(56, 0x10000000 | 0x10f00, 0, 0, 0, 0)",
    "clone3": "refused(435, 0, 0)",
    "exec": "denied(lambda: os.execv(sys.executable or '/bin/sh', ['x']))",
    "exec of the loader": "denied(lambda: os.execv('/lib64/ld-linux-x86-64.so.2', ['x']))",
    "spawn": "denied(lambda: os.posix_spawn('/bin/sh', ['sh'], {}))",
    "a file in memory": "denied(lambda: os.memfd_create('x'))",
    "signals to all": "denied(lambda: os.kill(-1, 9)) and denied(lambda: os.kill(0, 9))",
    "signals to the parent": "denied(lambda: os.kill(os.getppid(), 9)) and denied(lambda: os.kill(2, 9))",
    "being process 1 of few": "os.getpid() == 1 and os.getppid() == 0",
    "tracing": "refused(101, 0, 0, 0, 0) and refused(101, 16, 1, 0, 0)",
    "others' memory": "refused(310, 1, 0, 0, 0, 0, 0) and refused(311, 1, 0, 0, 0, 0, 0)",
    "descriptors of others": "refused(434, 1, 0) and refused(438, 3, 0, 0)",
}

KERNEL = {
    "namespaces": "refused(272, 0x10000000) and refused(308, 3, 0)",
    "mounts": "refused(165, b'x', b'/tmp', b'tmpfs', 0, 0) and refused(428, -100, b'/', 1)",
    "taking mounts away": "refused(166, b'/workspaces', 2) and refused(166, b'/agent/workspace', 2)",
    "roots": "refused(155, b'.', b'.') and refused(161, b'.')",
    "keys": "refused(250, 0, 0) and refused(248, b'user', b'a', b'b', 1, -3)",
    "programs in the kernel": "refused(321, 0, 0, 0) and refused(298, 0, 0, 0, 0, 0)",
    "rings": "refused(425, 8, 0) and refused(323, 0)",
    "modules": "refused(175, 0, 0, b'') and refused(246, 0, 0, 0, 0)",
    "clocks": "refused(227, 0, 0) and refused(164, 0, 0) and refused(305, 0, 0)",
    "identities": "denied(lambda: os.setuid(0)) and refused(126, 0, 0)",
    "personality": "refused(135, 8)",
    "another filter": "refused(317, 1, 0, 0) and refused(157, 22, 2, 0)",
    "limits": """
wish = (ctypes.c_ulong * 2)(2**40, 2**40)
refused(302, 0, 9, ctypes.byref(wish), 0) and refused(160, 9, ctypes.byref(wish))""",
    "terminals": "refused(16, 0, 0x5412, b'a')",
    "shared memory": "refused(29, 0, 4096, 0o1777) and refused(240, b'x', 0o102, 0o600, 0)",
    "writable code": """
import mmap
def attempt():
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
denied(attempt)""",
    "code made of data": """
area = ctypes.create_string_buffer(8192)
page = (ctypes.addressof(area) + 4095) & ~4095
libc.mprotect(ctypes.c_void_p(page), 4096, 7) == -1""",
    "capabilities": """
import struct
header, data = ctypes.create_string_buffer(struct.pack('Ii', 0x20080522, 0)), (ctypes.c_uint32 * 6)()
libc.syscall(125, header, data) == 0 and list(data) == [0] * 6""",
}

LEAKS = {
    "the host's environment": "set(os.environ) <= {'HOME', 'TMPDIR', 'LANG', 'USER', 'LC_CTYPE'}",
    "inherited descriptors": """
found = []
for descriptor in range(256):
    try:
        os.fstat(descriptor)
        found.append(descriptor)
    except OSError:
        pass
found == [0, 1, 2, 3] and all(os.fstat(n).st_rdev == os.makedev(1, 3) for n in (0, 1, 2))""",
    "secrets of the host in this process's objects": """
import gc
needle = ''.join(['canary', '-', 'in-the-environment'])
texts = [each for found in gc.get_objects() for each in (found.values() if type(found) is dict else [found])]
frame = sys._getframe()
while frame:
    texts += frame.f_locals.values()
    frame = frame.f_back
not any(type(text) in (str, bytes) and needle in str(text) for text in texts if text is not needle)""",
    "the previous run's files": "os.listdir('/tmp') == []",
    "the previous run's names": "'leftover' not in globals()",
}

ALL = {
    f"{area}: {name}": code
    for area, group in {
        "files": FILES, "network": NETWORK, "processes": PROCESSES, "kernel": KERNEL, "leaks": LEAKS,
    }.items()
    for name, code in group.items()
}  # fmt: skip
