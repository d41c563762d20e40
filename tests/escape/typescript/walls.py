"""Attempts in TypeScript at files, the network, processes and the engine."""

from __future__ import annotations

from tests.escape.attempt import Attempt

_DENO = "Deno's list of permissions"
_NODE = "Deno's implementation of Node.js"
_OWN = "our own"

FILES = (
    Attempt("read a file of the host", _DENO, "return refused(() => Deno.readTextFileSync('/etc/passwd'));"),
    Attempt(
        "list the root", _DENO, "return all(() => [...Deno.readDirSync('/')], () => Deno.statSync('/'));"
    ),
    Attempt(
        "leave the workspace by dots",
        _OWN,
        "return all(() => Deno.readTextFileSync('../../etc/passwd'), () => Deno.readTextFileSync("
        "'data/../../../workspaces/other/data/secret'));",
    ),
    Attempt(
        "read another agent's file by every name it may have",
        _OWN,
        "return all(...['/workspaces/other/data/secret', '/agent/other/data/secret', '/agent/../workspaces/other',"
        " '/agent/workspace/../../workspaces/other/data/secret'].map((path) => () => Deno.readFileSync(path)));",
    ),
    Attempt(
        "import another agent's file",
        _OWN,
        "return refused(() => import('file:///workspaces/other/data/secret.json', { with: { type: 'json' } }));",
    ),
    Attempt(
        "read what the kernel says of processes",
        "container escapes",
        "return all(...['/proc/1/environ', '/proc/self/environ', '/proc/self/maps', '/proc/self/mem', "
        "'/proc/self/root/etc/passwd', '/processes/1/cmdline', '/proc/sys/kernel/core_pattern']"
        ".map((path) => () => Deno.readFileSync(path)));",
    ),
    Attempt(
        "read through file addresses and escaped dots",
        "CVE-2026-49406",
        "return all(() => Deno.readTextFileSync(new URL('file:///agent/workspace/%2e%2e/%2e%2e/etc/passwd')),"
        " () => Deno.readTextFileSync('/agent/./workspace/.././../etc/passwd'),"
        " () => Deno.readTextFileSync('/AGENT/../etc/passwd'));",
    ),
    Attempt(
        "follow a link out of the workspace",
        "CVE-2026-49401",
        "return all(() => Deno.symlinkSync('/etc', 'data/out'), () => Deno.linkSync('/deno', 'data/deno'),"
        " () => Deno.symlinkSync('../../..', 'data/up', { type: 'dir' }));",
    ),
    Attempt(
        "make links with Node.js's functions",
        _NODE,
        "const fs = await import('node:fs');\n"
        "return all(() => fs.symlinkSync('/etc', 'data/out2'), () => fs.linkSync('/guest/main.ts', 'data/m'));",
    ),
    Attempt(
        "read with Node.js's functions",
        _NODE,
        "const fs = await import('node:fs');\nconst later = await import('node:fs/promises');\n"
        "return all(() => fs.readFileSync('/etc/passwd'), () => later.readFile('/etc/hostname'),"
        " () => fs.readdirSync('/workspaces'), () => fs.openSync('/proc/self/maps', 'r'));",
    ),
    Attempt(
        "change the code of others",
        _OWN,
        "return all(() => Deno.writeTextFileSync('/modules/x.ts', ''), () => Deno.writeTextFileSync("
        "'/guest/main.ts', 'evil'), () => Deno.removeSync('/guest/runtime.ts'), () => Deno.writeTextFileSync("
        "'/deno', ''), () => Deno.renameSync('/modules', '/agent/workspace/m'));",
    ),
    Attempt(
        "write beside the workspace",
        _OWN,
        "return all(() => Deno.writeTextFileSync('/agent/x', ''), () => Deno.mkdirSync('/agent/y'),"
        " () => Deno.writeTextFileSync('/x', ''), () => Deno.renameSync('/agent/workspace', '/agent/z'));",
    ),
    Attempt(
        "leave a program that another could execute",
        _OWN,
        "Deno.writeTextFileSync('data/run', '#!/deno');\n"
        "return all(() => Deno.chmodSync('data/run', 0o4755), () => Deno.chmodSync('data/run', 0o2755),"
        " () => Deno.chownSync('data/run', 0, 0));",
    ),
    Attempt(
        "open devices",
        "container escapes",
        "return all(() => Deno.openSync('/dev/mem'), () => Deno.openSync('/dev/fd/0'), () => Deno.openSync("
        "'/dev/tty'), () => Deno.readFileSync('/dev/urandom'), () => Deno.openSync('/dev/stdin'));",
    ),
    Attempt(
        "enter another folder",
        _OWN,
        "return all(() => Deno.chdir('/'), () => Deno.chdir('/workspaces'), () => Deno.chdir('/proc'));",
    ),
    Attempt(
        "learn where things are",
        _DENO,
        "return all(() => Deno.realPathSync('/proc/self/exe'), () => Deno.watchFs('/'), () => Deno.readLinkSync('/proc/self/exe'));",
    ),
    Attempt(
        "find what an earlier run left",
        _OWN,
        "const left = [...Deno.readDirSync('/agent/tmp')].map((entry) => entry.name);\n"
        "Deno.writeTextFileSync('/agent/tmp/left', 'x');\nreturn !left.includes('left');",
        before="Deno.writeTextFileSync('/agent/tmp/left', 'x'); 1",
    ),
    Attempt(
        "load native code from the workspace",
        _OWN,
        "Deno.writeFileSync('data/x.node', new Uint8Array(100));\nconst { createRequire } = await import('node:module');\n"
        "return all(() => createRequire('file:///agent/workspace/')('./data/x.node'), () => Deno.dlopen("
        "'/agent/workspace/data/x.node', {}), () => Deno.dlopen('libc.so.6', { getpid: { parameters: [], "
        "result: 'i32' } } as any), () => process.dlopen({ exports: {} } as any, '/agent/workspace/data/x.node'));",
    ),
)

NETWORK = (
    Attempt(
        "fetch, from anywhere",
        _DENO,
        "return all(() => fetch('http://127.0.0.1'), () => fetch('https://example.org'),"
        " () => fetch('http://169.254.169.254/latest/meta-data'), () => fetch('http://[::1]:80'));",
    ),
    Attempt("read a file by fetch", _DENO, "return refused(() => fetch('file:///etc/passwd'));"),
    Attempt(
        "connect and listen",
        _DENO,
        "return all(() => Deno.connect({ port: 80 }), () => Deno.listen({ port: 0 }), () => Deno.connectTls({"
        " hostname: '1.1.1.1', port: 443 }), () => Deno.serve({ port: 0 }, () => new Response('')));",
    ),
    Attempt(
        "local sockets",
        _DENO,
        "return all(() => Deno.connect({ transport: 'unix', path: '/run/docker.sock' } as any),"
        " () => Deno.listen({ transport: 'unix', path: '/agent/workspace/data/s' } as any));",
    ),
    Attempt("ask for a name", _DENO, "return refused(() => Deno.resolveDns('example.org', 'A'));"),
    Attempt("a web socket", _DENO, "return refused(() => new WebSocket('ws://127.0.0.1'));"),
    Attempt(
        "sockets of Node.js",
        _NODE,
        "const net = await import('node:net');\nconst failed = new Promise((settle) => {\n"
        "  try { net.connect(80, '127.0.0.1').on('error', () => settle(true)).on('connect', () => settle(false)); }\n"
        "  catch { settle(true); }\n});\nreturn await failed;",
    ),
    Attempt(
        "datagrams of Node.js",
        _NODE,
        "const dgram = await import('node:dgram');\nreturn await new Promise((settle) => {\n"
        "  const socket = dgram.createSocket('udp4').on('error', () => settle(true));\n"
        "  try { socket.bind(0, () => settle(false)); } catch { settle(true); }\n});",
        ends=("NotCapable",),
    ),
    Attempt(
        "fetch code",
        _OWN,
        "const failed: boolean[] = [];\nfor (const place of ['https://example.org/x.ts', 'npm:lodash', 'jsr:@std/path',"
        " 'http://127.0.0.1/x.js']) await import(place).then(() => failed.push(false), () => failed.push(true));\n"
        "return failed.length === 4 && failed.every(Boolean);",
    ),
    Attempt(
        "other protocols",
        _DENO,
        "const deno = Deno as any;\nreturn (!deno.connectQuic || await refused(() => deno.connectQuic({ hostname:"
        " '127.0.0.1', port: 1 }))) && (!deno.listenDatagram || await refused(() => deno.listenDatagram({ port: 0,"
        " transport: 'udp' })));",
    ),
)

PROCESSES = (
    Attempt(
        "start a program",
        _DENO,
        "return all(() => new Deno.Command('/deno').outputSync(), () => new Deno.Command('/bin/sh', { args: ['-c', 'id'] })"
        ".output(), () => new Deno.Command('/lib64/ld-linux-x86-64.so.2').spawn());",
    ),
    Attempt(
        "start a program with Node.js",
        _NODE,
        "const child = await import('node:child_process');\nreturn all(() => child.execSync('id'), () => child.spawnSync("
        "'/deno').error ? (() => { throw child.spawnSync('/deno').error; })() : 0, () => child.fork('/guest/main.ts'));",
    ),
    Attempt(
        "signal others",
        _DENO,
        "return all(() => Deno.kill(1, 'SIGKILL'), () => Deno.kill(-1 as any, 'SIGTERM'), () => Deno.kill(2));",
    ),
    Attempt(
        "ask for more rights",
        _DENO,
        "const states = [];\nfor (const name of ['net', 'run', 'env', 'ffi', 'sys', 'read', 'write', 'import'] as any[])"
        " states.push((await Deno.permissions.request({ name })).state);\n"
        "return states.every((state) => state !== 'granted');",
    ),
    Attempt(
        "a worker with more rights",
        _DENO,
        "const url = URL.createObjectURL(new Blob(['postMessage(1)'], { type: 'text/javascript' }));\n"
        "return refused(() => new Worker(url, { type: 'module', deno: { permissions: { net: true, run: true } } } as any));",
        ends=("SandboxCrashed",),
        says="status 70",
    ),
    Attempt(
        "a worker that reads what its maker cannot",
        _DENO,
        "const code = `try { Deno.readTextFileSync('/etc/passwd'); postMessage('read') } catch (e) { postMessage(e.name) }`;\n"
        "const worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })), { type: 'module' });\n"
        "return await new Promise((settle) => worker.onmessage = (event) => settle(event.data === 'NotCapable'));",
    ),
    Attempt(
        "threads of Node.js",
        _NODE,
        "const { Worker: Thread } = await import('node:worker_threads');\n"
        "const code = `const { parentPort } = require('node:worker_threads'); try { require('node:fs').readFileSync("
        "'/etc/passwd'); parentPort.postMessage('read') } catch (e) { parentPort.postMessage('no') }`;\n"
        "return await new Promise((settle) => { try { new Thread(code, { eval: true }).on('message', (m: string) =>"
        " settle(m === 'no')).on('error', () => settle(true)); } catch { settle(true); } });",
    ),
    Attempt(
        "outlive the run",
        _OWN,
        "setInterval(() => {}, 1);\nconst code = 'setInterval(() => {}, 1); postMessage(1)';\n"
        "const worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })), { type: 'module' });\n"
        "await new Promise((settle) => worker.onmessage = settle);\nreturn true;",
    ),
    Attempt(
        "native functions",
        _DENO,
        "return all(() => Deno.dlopen('/lib/libc.so.6', { system: { parameters: ['pointer'], result: 'i32' } } as any),"
        " () => Deno.UnsafePointer.create(1n),"
        " () => new Deno.UnsafeCallback({ parameters: [], result: 'void' } as any,"
        " () => {}));",
    ),
    Attempt(
        "the environment and the machine",
        _DENO,
        "return (await all(() => Deno.env.get('SECRET'), () => Deno.env.toObject(), () => Deno.hostname(),"
        " () => Deno.networkInterfaces(), () => Deno.osRelease(), () => Deno.uid(), () => Deno.loadavg()))"
        " && !JSON.stringify(Deno.args).includes('canary');",
    ),
    Attempt(
        "the environment by Node.js",
        _NODE,
        "let seen = '';\ntry { seen = JSON.stringify(process.env) + process.env.SECRET; } catch { seen = ''; }\n"
        "return !seen.includes('canary');",
    ),
)

ENGINE = (
    Attempt(
        "new machine code",
        "V8 exploits",
        "return typeof WebAssembly === 'undefined';",
    ),
    Attempt(
        "operations of the runtime, without its checks",
        _OWN,
        "const { core } = (Deno as any)[(Deno as any).internal];\nconst names = Object.keys(core.ops ?? {});\n"
        "const tries = names.filter((name) => /op_fs_read_file_sync|op_spawn|op_net_connect|op_kill|op_ffi_load|"
        "op_exec_path|op_hostname|op_get_env/.test(name));\n"
        "for (const name of tries) {\n  for (const args of [['/etc/passwd'], [1, 'SIGKILL', 'x'], [{ cmd: '/deno', args: [] }]])\n"
        "    try { const got = core.ops[name](...args); if (typeof got === 'string' || got instanceof Uint8Array) return got;"
        " } catch { /* as it should be */ }\n}\nreturn true;",
    ),
    Attempt(
        "the inspector",
        _NODE,
        "const inspector = await import('node:inspector');\nreturn refused(() => inspector.open(0, '127.0.0.1')) || true;",
    ),
    Attempt(
        "code made of text",
        _OWN,
        "const made = new Function('return Deno.readTextFileSync(\"/etc/passwd\")');\nconst more = (0, eval)('(p) => Deno.statSync(p)');\n"
        "return all(made, () => more('/etc'));",
    ),
    Attempt(
        "another context",
        _NODE,
        "const vm = await import('node:vm');\nreturn refused(() => vm.runInNewContext('d.readTextFileSync(\"/etc/passwd\")',"
        " { d: Deno }));",
    ),
    Attempt(
        "an access where code is checked and used at two times",
        _OWN,
        "let asked = 0;\nconst path = { toString() { asked += 1; return asked === 1 ? 'data/x' : '/etc/passwd'; } };\n"
        "try { Deno.readTextFileSync(path as any); } catch { return true; }\nreturn false;",
    ),
    Attempt(
        "pollute every object",
        "prototype pollution",
        "const proto = Object.prototype as any;\nproto.polluted = 1; proto.permissions = { net: true }; proto.read = true;\n"
        "proto.toJSON = undefined;\nconst closed = await refused(() => Deno.readTextFileSync('/etc/passwd'));\n"
        "delete proto.polluted; delete proto.permissions; delete proto.read; delete proto.toJSON;\nreturn closed;",
    ),
    Attempt(
        "replace what the guest is made of",
        "prototype pollution",
        'JSON.stringify = () => \'{"op":"call"}\'; JSON.parse = () => ({}); Promise.prototype.then = function () { return this };\n'
        "Uint8Array.prototype.set = () => {}; Map.prototype.get = () => undefined;\nreturn 1;",
        ends=("Timeout", "SandboxCrashed", "TypeError", "CodeError"),
        timeout=2,
    ),
    Attempt(
        "replace how calls are made",
        _OWN,
        "const key = Symbol.for('underpass.callTool');\ntry { (globalThis as any)[key] = () => 'forged'; } catch { /* as it should */ }\n"
        "const answer: any = await (globalThis as any)[key]('demo', 'echo', { a: 1 });\nreturn answer.a === 1;",
    ),
    Attempt(
        "a getter that throws while the value is looked at",
        _OWN,
        "return { get a() { throw new Error('seen'); } };",
        ends=("Error",),
        says="seen",
    ),
    Attempt(
        "a proxy with traps for everything",
        _OWN,
        "return new Proxy({}, { ownKeys() { throw new Error('trap'); }, getPrototypeOf() { throw new Error('trap'); } });",
        ends=("Error",),
        says="trap",
    ),
)
