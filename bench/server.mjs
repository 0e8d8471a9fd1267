#!/usr/bin/env node
// What `sluice serve` costs and bears.
//
//     bench/server.mjs BUILD_DIR [start|api|crowd|follow|many]...     without a name: all of them
//
// start: from the start of the process until it listens. api: requests/s and latencies by `wrk` (which must be
// installed) over 1,000 syncs, server and `wrk` on a core each. crowd: 200 accounts at their limits at once, a thread
// each, and what that takes of memory. follow: a load with and without 100 followers of the event stream. many: 10,000
// enabled syncs with nothing to do, and then all due within a minute and all at once, over SQLite, PostgreSQL, and PostgreSQL with two workers
// beside (for which `npm install` in test/e2e must have been run). Each scene prints one JSON object; all of it stays on
// loopback and ends within some minutes.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const [build = 'build', ...named] = process.argv.slice(2);
const TOKEN = 'pat-na1-bench';
const folder = mkdtempSync(join(tmpdir(), 'sluice-server-'));
const children = new Set();
const run = promisify(execFile);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Gives the child once it has printed a line like `ready`, and how long that took.
async function start(command, args, ready, env = {}) {
  const begin = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, ...env } });
  children.add(child);
  child.exited = new Promise((done) => child.on('exit', done));
  let text = '';
  for await (const data of child.stdout) {
    text += data;
    if (ready.test(text)) {
      child.ms = performance.now() - begin;
      child.stdout.resume();
      return { child, text };
    }
  }
  throw new Error(`${command} ended: ${text}`);
}

async function stop(child) {
  child.kill('SIGTERM');
  await child.exited;
  children.delete(child);
}

// For what has thousands of runs before it.
async function kill(child) {
  child.kill('SIGKILL');
  await child.exited;
  children.delete(child);
}

function startWorker(args) {
  const child = spawn(join(build, 'src/sluice'), ['worker', ...args], { stdio: 'ignore', env: { ...process.env, SLUICE_LOG_LEVEL: 'error' } });
  child.exited = new Promise((done) => child.on('exit', done));
  children.add(child);
  return child;
}

async function startSim(options) {
  const all = { token: TOKEN, companies: 0, deals: 0, tickets: 0, engagements: 0, 'search-limit': 'off', ...options };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { child, text } = await start(join(build, 'sim/hubsim'), ['--listen', '127.0.0.1:0', ...args], /http:\S+/);
  return { child, url: text.match(/http:\S+/)[0] };
}

class Server {
  static async start(name, simUrl, { args = [], pin } = {}) {
    const server = new Server();
    const sluice = join(build, 'src/sluice');
    const all = ['serve', '--data-dir', join(folder, name), '--listen', '127.0.0.1:0', '--hubspot-base-url', simUrl, ...args];
    const [command, words] = pin === undefined ? [sluice, all] : ['taskset', ['-c', String(pin), sluice, ...all]];
    const { child, text } = await start(command, words, /listening on http\S+\n/, { SLUICE_LOG_LEVEL: 'error' });
    Object.assign(server, { child, url: text.match(/listening on (http\S+)/)[1], ms: child.ms });
    server.key = text.match(/API key: (\S+)/)?.[1];
    return server;
  }

  async api(method, path, body) {
    for (let tries = 0; ; tries++) {
      const headers = { 'x-api-key': this.key, ...(body ? { 'content-type': 'application/json' } : {}) };
      const answer = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
      const text = await answer.text();
      if (answer.status === 503 && tries < 100) {
        await pause(50); // as Retry-After says, but sooner
      } else if (answer.status >= 300) {
        throw new Error(`${method} ${path}: ${answer.status} ${text}`);
      } else {
        return text && JSON.parse(text);
      }
    }
  }

  connect(token, label) {
    return this.api('POST', '/connections', { integration_id: 'hubspot-v2', label, token });
  }

  async sync(connection, schema, streams, enable) {
    const made = await this.api('POST', '/elt_syncs', {
      connection_id: connection, destination_schema_name: schema, sync_interval: '0 0 1 1 *',
    });
    await this.api('POST', `/elt_syncs/${made.id}/source_streams`, { source_streams: streams.map((name) => ({ name })) });
    if (enable) {
      await this.api('POST', `/elt_syncs/${made.id}/enable`);
    }
    return made.id;
  }

  memory(field = 'VmRSS') {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return Math.round(Number(status.match(new RegExp(`${field}:\\s+(\\d+)`))[1]) / 102.4) / 10; // MB
  }
}

// As many as `at_once` of the calls at a time.
async function each(n, atOnce, call) {
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < n) {
      await call(next++);
    }
  }));
}

async function fill(server) {
  for (let c = 0; c < 10; c++) {
    const { id } = await server.connect(TOKEN, `bench ${c}`);
    await each(100, 4, (i) => server.sync(id, `bench_${c}_${i}`, ['contacts', 'companies'], false));
  }
}

// ---- ten thousand syncs

const MANY = 10_000;
const SYNC = 'account_id, %connection, destination_id, %name, %name, sync_interval, settings, start_ms, enabled, started, next_due_ms, created_ms, updated_ms';
const STREAM_SAME = 'name, incremental_pointer_id, full_sync_always, full_sync_at_midnight, protected_from_full_sync, enabled_history_table, '
  + 'excluded_columns, hashed_columns, excluded_substreams, full_refresh_ms, reset_history, last_completed_ms, last_full_ms, last_status, '
  + 'tables, created_ms, updated_ms';

// Copies the one sync that is there, to the connections in turn. Straight into the store: through the API it would take
// as many requests.
function copies(connections) {
  const connection = `CASE n.i % ${connections.length} ${connections.map((id, i) => `WHEN ${i} THEN '${id}'`).join(' ')} END`;
  const values = SYNC.replace('%connection', connection).replaceAll('%name', "'many_' || CAST(n.i AS TEXT)")
    .replace(/\b(account_id|destination_id|sync_interval|settings|start_ms|enabled|started|next_due_ms|created_ms|updated_ms)\b/g, 'y.$1');
  return [
    `INSERT INTO elt_sync (id, ${SYNC.replace('%connection', 'connection_id').replace('%name', 'schema_name').replace('%name', 'schema_key')})
       WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MANY - 1})
       SELECT CAST(10000000000000 + n.i AS TEXT), ${values} FROM elt_sync y, n`,
    `INSERT INTO elt_stream (id, account_id, sync_id, schema_key, ${STREAM_SAME})
       SELECT 'f' || substr(y.id, 2), t.account_id, y.id, y.schema_key, ${STREAM_SAME.split(', ').map((c) => `t.${c}`).join(', ')}
       FROM elt_sync y, elt_stream t WHERE y.schema_name LIKE 'many%'`,
  ];
}

// Of a process and of those it has started, in ms.
function cpu(pid) {
  const parts = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return (Number(parts[11]) + Number(parts[12])) * 10 + children.reduce((sum, child) => sum + cpu(child), 0);
}

// `ask` gives the rows of a statement on the store; `database` is the server's process, or none.
async function tenThousand(server, { ask, database, spreadMs }) {
  const connections = [];
  for (let i = 0; i < 10; i++) {
    connections.push((await server.connect(TOKEN, `bench ${i}`)).id);
  }
  await server.sync(connections[0], 'one', ['contacts'], true);
  while ((await ask('SELECT count(*) AS n FROM stream_run WHERE active = 1'))[0].n != 0) {
    await pause(100);
  }
  for (const text of copies(connections)) {
    await ask(text);
  }
  const idle = 20;
  await pause(2000);
  const before = [cpu(server.child.pid), database ? cpu(database.pid) : 0];
  await pause(idle * 1000);
  const after = [cpu(server.child.pid), database ? cpu(database.pid) : 0];
  const due = (await ask(database ? "SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT) + 3000 AS n" : `SELECT ${Date.now() + 3000} AS n`))[0].n;
  const step = spreadMs / MANY;
  const dueOf = (id) => `(${due} + (CAST(${id} AS BIGINT) - 10000000000000) * ${step})`;
  await ask(`UPDATE elt_sync SET next_due_ms = ${dueOf('id')} WHERE schema_name LIKE 'many%'`);
  for (let tries = 0; ; tries++) {
    await pause(500);
    const runs = "FROM stream_run WHERE sync_id LIKE '1000%'";
    const [{ n, late }] = await ask(`SELECT count(*) AS n, max(requested_ms - ${dueOf('sync_id')}) AS late ${runs}`);
    if (Number(n) >= MANY - 1 || tries > 240) {
      return {
        scheduled: Number(n), latest_ms: Number(late),
        idle_cpu_percent: (after[0] - before[0]) / idle / 10, idle_cpu_percent_database: (after[1] - before[1]) / idle / 10,
      };
    }
  }
}

const SCENES = {
  async start() {
    const sim = await startSim({ contacts: 10 });
    const first = [];
    for (let i = 0; i < 5; i++) {
      const server = await Server.start(`start${i}`, sim.url);
      first.push(Math.round(server.ms));
      await stop(server.child);
    }
    const server = await Server.start('again', sim.url);
    await fill(server);
    const { key } = server;
    const again = [];
    let idle = 0;
    await stop(server.child);
    for (let i = 0; i < 5; i++) {
      const next = Object.assign(await Server.start('again', sim.url), { key });
      again.push(Math.round(next.ms));
      await pause(2000);
      idle = Math.max(idle, next.memory());
      await stop(next.child);
    }
    await stop(sim.child);
    return { ready_ms_new: first, ready_ms_with_1000_syncs: again, idle_rss_mb: idle };
  },

  async api() {
    const sim = await startSim({ contacts: 10 });
    const server = await Server.start('api', sim.url, { pin: 0 });
    await fill(server);
    const { data } = await server.api('GET', '/elt_syncs?limit=1');
    const paths = ['/elt_syncs?limit=10', `/elt_syncs/${data[0].id}`, `/elt_syncs/${data[0].id}/status`, '/connections'];
    const figures = {};
    for (const path of paths) {
      const args = ['-c', '1', 'wrk', '-t1', '-c8', '-d8s', '--latency', '-H', `x-api-key: ${server.key}`, server.url + path];
      const { stdout } = await run('taskset', args);
      const name = path.replace(data[0].id, '{id}');
      const [rate] = stdout.match(/(?<=Requests\/sec:\s+)[\d.]+/);
      const [, p99, unit] = stdout.match(/99%\s+([\d.]+)(us|ms|s)/);
      const p99_ms = Number(p99) * { us: 0.001, ms: 1, s: 1000 }[unit];
      figures[name] = { requests_per_s: Math.round(Number(rate)), p99_ms, errors: /Non-2xx|Socket errors/.test(stdout) };
    }
    figures.rss_mb = server.memory();
    await stop(server.child);
    await stop(sim.child);
    return figures;
  },

  async crowd() {
    const n = 200;
    const sim = await startSim({ accounts: n, contacts: 3000, properties: 60, limit: '10/10s' });
    const server = await Server.start('crowd', sim.url, { args: ['--workers', String(n)] });
    const idle = server.memory();
    const syncs = [];
    await each(n, 2, async (i) => {
      const { id } = await server.connect(i === 0 ? TOKEN : `${TOKEN}-${i + 1}`, `account ${i}`);
      syncs.push(await server.sync(id, `account_${i}`, ['contacts'], true));
    });
    const begin = performance.now();
    let most = 0;
    for (let i = 0; i < 20; i++) {
      await pause(1000);
      most = Math.max(most, server.memory());
    }
    const seconds = (performance.now() - begin) / 1000;
    const loaded = [];
    let running = 0;
    for (const id of syncs) {
      const { source_streams: [stream] } = await server.api('GET', `/elt_syncs/${id}/status`);
      running += stream.active_sync?.status === 'RUNNING';
      loaded.push((stream.active_sync ?? stream.latest_sync).records_synced ?? 0);
    }
    const headers = { authorization: `Bearer ${TOKEN}` };
    const stats = await (await fetch(`${sim.url}/_sim/stats?associations=false`, { headers })).json();
    const peak = server.memory('VmHWM');
    await stop(server.child);
    await stop(sim.child);
    loaded.sort((a, b) => a - b);
    return {
      idle_rss_mb: idle, rss_mb_sampled: most, rss_mb_peak: peak, running, seconds: Math.round(seconds),
      records_least: loaded[0], records_median: loaded[n / 2], records_most: loaded[n - 1], refused: stats.rate_limited.total,
    };
  },

  async follow() {
    const sim = await startSim({ contacts: 60000, limit: 'off' });
    const server = await Server.start('follow', sim.url);
    const { id } = await server.connect(TOKEN, 'bench');
    const load = async (schema) => {
      const begin = performance.now();
      const sync = await server.sync(id, schema, ['contacts'], true);
      for (;;) {
        const { source_streams: [stream] } = await server.api('GET', `/elt_syncs/${sync}/status`);
        if (stream.latest_sync) {
          return (performance.now() - begin) / 1000;
        }
        await pause(20);
      }
    };
    const alone = [];
    const followed = [];
    for (let i = 0; i < 3; i++) {
      alone.push(await load(`alone${i}`));
      const clients = Array.from({ length: 100 }, () =>
        http.get(`${server.url}/events`, { headers: { 'x-api-key': server.key } }, (answer) => answer.resume()));
      clients.forEach((client) => client.on('error', () => {}));
      await pause(500);
      followed.push(await load(`followed${i}`));
      clients.forEach((client) => client.destroy());
    }
    const rss = server.memory();
    await stop(server.child);
    await stop(sim.child);
    const middle = (values) => [...values].sort((a, b) => a - b)[1];
    return { seconds_alone: alone, seconds_with_100_followers: followed, ratio: middle(followed) / middle(alone), rss_mb: rss };
  },

  async many() {
    const { Postgres } = await import('../test/e2e/lib/postgres.mjs');
    const sim = await startSim({ contacts: 10 });
    const figures = {};
    for (const spreadMs of [60_000, 0]) {
      const name = `many${spreadMs}`;
      const alone = await Server.start(name, sim.url);
      const query = async (text) => {
        const { stdout } = await run('sqlite3', ['-json', join(folder, name, 'sluice.db'), '.timeout 60000', text]);
        return stdout.trim() === '' ? [] : JSON.parse(stdout);
      };
      figures[`sqlite, within ${spreadMs} ms`] = await tenThousand(alone, { ask: query, spreadMs });
      await kill(alone.child);
    }
    for (const [workers, spreadMs] of [[0, 60_000], [0, 0], [2, 60_000], [2, 0]]) {
      const postgres = await Postgres.start();
      const name = `many${workers}-${spreadMs}`;
      const args = ['--store', postgres.url(), '--destination', postgres.url()];
      const server = await Server.start(name, sim.url, { args });
      const beside = Array.from({ length: workers }, (_, i) =>
        startWorker([...args, '--data-dir', join(folder, `${name}-${i}`), '--hubspot-base-url', sim.url]));
      const ask = (text) => postgres.query(text, [], { schema: 'sluice_store' });
      figures[`postgres, ${workers} workers beside, within ${spreadMs} ms`] = await tenThousand(server, { ask, database: postgres.child, spreadMs });
      await Promise.all([...beside, server.child].map(kill));
      await postgres.stop();
    }
    await stop(sim.child);
    return figures;
  },
};

try {
  for (const name of named.length > 0 ? named : Object.keys(SCENES)) {
    if (!SCENES[name]) {
      throw new Error(`there is no scene "${name}"; there are ${Object.keys(SCENES).join(', ')}`);
    }
    console.log(JSON.stringify({ scene: name, ...(await SCENES[name]()) }));
  }
} finally {
  for (const child of children) {
    child.kill('SIGKILL');
  }
  rmSync(folder, { recursive: true, force: true });
}
