// Child processes and temporary folders that never outlive their test file.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const SLUICE = resolve(process.env.SLUICE_BIN ?? join(ROOT, 'build/src/sluice'));
export const HUBSIM = resolve(process.env.HUBSIM_BIN ?? join(ROOT, 'build/sim/hubsim'));

const LEFT_BEHIND_MS = 60_000;
const children = new Set();
const folders = new Set();

process.on('exit', () => {
  for (const child of children) {
    try {
      process.kill(child.pid, 'SIGKILL');
    } catch {
      // It has ended in the meantime.
    }
  }
  for (const folder of folders) {
    rmSync(folder, { recursive: true, force: true });
  }
});
// What a test that failed has left running would keep this process, and its failure, from ever being seen. The files' own
// hooks have their time before that.
if (process.env.NODE_TEST_CONTEXT) {
  after(() => {
    setTimeout(() => process.exit(), LEFT_BEHIND_MS).unref();
  });
}
// Whoever ends this process, like a time limit, ends its children, too: they would take the machine from later files.
for (const [signal, number] of [['SIGHUP', 1], ['SIGINT', 2], ['SIGTERM', 15]]) {
  process.once(signal, () => process.exit(128 + number));
}

// Far beyond what anything takes on a machine that has much else to do; what hangs is found all the same.
export const PATIENCE_MS = 120_000;

export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-e2e-'));
  folders.add(folder);
  return folder;
}

// spawn() whose child is ended with this process at the latest. `exited` resolves to {code, signal}.
export function start(command, args, options = {}) {
  if (command.includes('/') && !existsSync(command)) {
    throw new Error(`${command} is not there; build it first (make)`);
  }
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  children.add(child);
  child.output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) {
    child[stream]?.setEncoding('utf8');
    child[stream]?.on('data', (text) => {
      child.output[stream] += text;
    });
  }
  child.exited = new Promise((done, failed) => {
    child.on('error', (error) => {
      children.delete(child);
      failed(error);
    });
    child.on('close', (code, signal) => {
      children.delete(child);
      done({ code, signal });
    });
  });
  child.exited.catch(() => {});
  return child;
}

// Runs to the end. A child that takes longer than timeoutMs is killed and the promise rejected.
export async function run(command, args, { timeoutMs = PATIENCE_MS, ...options } = {}) {
  const child = start(command, args, options);
  return finish(child, command, timeoutMs);
}

export async function finish(child, name, timeoutMs) {
  let timer;
  const late = new Promise((_, failed) => {
    timer = setTimeout(() => {
      child.kill('SIGKILL');
      failed(new Error(`${name} did not end within ${timeoutMs} ms\n${child.output.stderr.slice(-4000)}`));
    }, timeoutMs);
  });
  try {
    const { code, signal } = await Promise.race([child.exited, late]);
    return { code, signal, ...child.output };
  } finally {
    clearTimeout(timer);
  }
}

export async function stop(child, signal = 'SIGTERM') {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill(signal);
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  try {
    return await child.exited;
  } finally {
    clearTimeout(timer);
  }
}

// Resolves to the match as soon as the child's output has it.
export function waitForOutput(child, pattern, timeoutMs = PATIENCE_MS) {
  return new Promise((done, failed) => {
    const finishWith = (action, value) => {
      clearTimeout(timer);
      child.stdout.off('data', look);
      child.stderr.off('data', look);
      action(value);
    };
    const look = () => {
      const match = pattern.exec(child.output.stdout) ?? pattern.exec(child.output.stderr);
      if (match) {
        finishWith(done, match);
      }
    };
    const giveUp = (why) =>
      finishWith(failed, new Error(`${why}, no ${pattern} in:\n${child.output.stdout}${child.output.stderr}`));
    const timer = setTimeout(() => giveUp(`after ${timeoutMs} ms`), timeoutMs);
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.exited.then(
      ({ code, signal }) => {
        look();
        giveUp(`ended with ${code ?? signal}`);
      },
      (error) => giveUp(String(error)),
    );
    look();
  });
}

// What `look` gives, as soon as that is true. `child` is whose last words tell why it never was; a Server will do as
// options.
export async function until(look, { timeoutMs = PATIENCE_MS, everyMs = 50, child } = {}) {
  for (const end = Date.now() + timeoutMs; ;) {
    const seen = await look();
    if (seen) {
      return seen;
    }
    if (Date.now() >= end) {
      throw new Error(`not within ${timeoutMs} ms: ${look}\n${child?.output.stderr.slice(-4000) ?? ''}`);
    }
    await sleep(everyMs);
  }
}

// Ports below those that the system itself gives to connections: nobody comes upon one of them by chance, not even
// while whoever listens there is being restarted.
function unchosenPort() {
  let low = 32_768;
  try {
    low = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0]);
  } catch {
    // Another system than Linux; its range begins higher.
  }
  const ports = Math.min(10_000, low - 10_000);
  return ports > 0 ? low - 1 - Math.floor(Math.random() * ports) : 0;
}

export async function freePort() {
  for (let tries = 0; ; tries++) {
    const server = net.createServer();
    try {
      server.listen(unchosenPort(), '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address();
      server.close();
      await once(server, 'close');
      return port;
    } catch (error) {
      if (error.code !== 'EADDRINUSE' || tries === 100) {
        throw error;
      }
    }
  }
}

export function sleep(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

// A small generator of repeatable random numbers in [0, 1), so that a failing kill test can be run again.
export function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
