#!/usr/bin/env node
// How good a neighbour sluice is: two processes, two connections of one account, twenty streams at once.
//
//     bench/neighbour.mjs BUILD_DIR [SECONDS] [FOREIGN_CALLS_PER_WINDOW]
//
// Between sluice and hubsim stands a proxy that holds every request and every answer for 10 to 200 ms (20 to 400 ms
// there and back, on top of nothing) and writes down when each was sent and when it arrived. With a third argument,
// hubsim lets another program take so many calls of each window in the middle third of the time. Prints one JSON
// object: the highest counts in any 10 s by sending and by arrival, what was used of the allowed 152, and the 429s.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const [build = 'build', seconds = '300', foreign = '0'] = process.argv.slice(2);
const WINDOW_MS = 10_000;
const TOKEN = 'pat-na1-bench';
const folder = mkdtempSync(join(tmpdir(), 'sluice-neighbour-'));
const children = [];
const sent = [];
const arrived = [];
const refused = [];

function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
  children.push(child);
  child.exited = new Promise((done) => child.on('exit', (code) => done(code)));
  return child;
}

async function startSim() {
  const counts = ['--contacts', '300000', '--companies', '100000', '--deals', '100000', '--tickets', '100000'];
  const args = ['--listen', '127.0.0.1:0', '--token', TOKEN, '--limit', '190/10s', ...counts, '--engagements', '400000'];
  const sim = start(join(build, 'sim/hubsim'), args);
  const line = await new Promise((done) => sim.stdout.once('data', (data) => done(String(data))));
  return line.match(/http:\/\/\S+/)[0];
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const way = () => pause(10 + Math.random() * 190);

function startProxy(target) {
  const agent = new http.Agent({ keepAlive: true });
  const proxy = http.createServer(async (request, response) => {
    const search = request.url.endsWith('/search');
    const now = performance.now();
    const chunks = [];
    for await (const chunk of request) {
      chunks.push(chunk);
    }
    if (!search) {
      sent.push(now);
    }
    await way();
    if (!search) {
      arrived.push(performance.now());
    }
    const onward = http.request(target + request.url, { method: request.method, headers: request.headers, agent }, async (answer) => {
      const parts = [];
      for await (const part of answer) {
        parts.push(part);
      }
      if (answer.statusCode === 429) {
        refused.push(performance.now());
      }
      await way();
      response.writeHead(answer.statusCode, answer.headers);
      response.end(Buffer.concat(parts));
    });
    onward.on('error', () => response.destroy());
    onward.end(Buffer.concat(chunks));
  });
  return new Promise((done) => proxy.listen(0, '127.0.0.1', () => done(`http://127.0.0.1:${proxy.address().port}`)));
}

async function admin(sim, method, path, body) {
  const response = await fetch(sim + path, { method, body: body && JSON.stringify(body) });
  if (!response.ok) {
    throw new Error(`${path}: ${response.status} ${await response.text()}`);
  }
  return response.json();
}

function peak(times, from = 0, to = Infinity) {
  const sorted = [...times].sort((a, b) => a - b);
  let first = 0;
  let most = 0;
  sorted.forEach((t, i) => {
    while (sorted[first] <= t - WINDOW_MS) {
      first++;
    }
    most = t >= from && t < to ? Math.max(most, i - first + 1) : most;
  });
  return most;
}

const inside = (times, from, to) => times.filter((t) => t >= from && t < to).length;

async function main() {
  const sim = await startSim();
  const proxy = await startProxy(sim);
  const env = { ...process.env, SLUICE_DATA_DIR: join(folder, 'data'), TOKEN_A: TOKEN };
  const sluice = join(resolve(build), 'src/sluice');
  for (const name of ['first', 'second']) {
    await start(sluice, ['login', 'hubspot', '--name', name, '--token-env', 'TOKEN_A', '--base-url', proxy], { env }).exited;
  }
  sent.length = arrived.length = 0;
  const begin = performance.now();
  const runs = ['first', 'second'].map((name) =>
    start(sluice, ['sync', 'hubspot', '--connection', name, '--into', `sqlite:${folder}/${name}.db`, '--parallel', '10', '--quiet'], { env }),
  );
  const third = (Number(seconds) * 1000) / 3;
  await pause(third);
  const on = performance.now();
  if (Number(foreign) > 0) {
    await admin(sim, 'POST', '/_sim/foreign', { rate: `${foreign}/10s` });
  }
  await pause(third);
  const off = performance.now();
  if (Number(foreign) > 0) {
    await admin(sim, 'POST', '/_sim/foreign', { rate: 'off' });
  }
  await pause(third);
  const end = performance.now();
  const stats = await admin(sim, 'GET', '/_sim/stats?associations=false');
  for (const run of runs) {
    run.kill('SIGTERM');
  }
  const codes = await Promise.all(runs.map((run) => run.exited));
  const per = (from, to) => Math.round((inside(sent, from, to) / ((to - from) / WINDOW_MS)) * 10) / 10;
  console.log(
    JSON.stringify({
      seconds: Math.round((end - begin) / 1000),
      calls: sent.length,
      peak_sent: peak(sent),
      peak_arrived: peak(arrived),
      peak_sent_with_others: Number(foreign) > 0 ? peak(sent, on + 2 * WINDOW_MS, off) : null,
      used_of_152: Math.round((per(begin, Number(foreign) > 0 ? on : end) / 152) * 1000) / 1000,
      per_window: { before: per(begin, on), with_others: per(on + WINDOW_MS, off), after: per(off + WINDOW_MS, end) },
      refused_ours: refused.length,
      rate_limited: stats.rate_limited,
      foreign: stats.foreign ?? null,
      exit_codes: codes,
    }),
  );
}

try {
  await main();
} finally {
  for (const child of children) {
    child.kill('SIGKILL');
  }
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
