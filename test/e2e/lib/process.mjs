// Child processes and temporary folders that never outlive their test file.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const SLUICE = resolve(process.env.SLUICE_BIN ?? join(ROOT, 'build/src/sluice'));
export const HUBSIM = resolve(process.env.HUBSIM_BIN ?? join(ROOT, 'build/sim/hubsim'));

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
export async function run(command, args, { timeoutMs = 120_000, ...options } = {}) {
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
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  try {
    return await child.exited;
  } finally {
    clearTimeout(timer);
  }
}

// Resolves to the match as soon as the child's output has it.
export function waitForOutput(child, pattern, timeoutMs = 30_000) {
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

export function freePort() {
  return new Promise((done, failed) => {
    const server = net.createServer();
    server.on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
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
