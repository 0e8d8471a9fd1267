// A data directory that is moved, or restored from a backup: its tables go along.
import assert from 'node:assert/strict';
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { temporaryFolder } from './lib/process.mjs';
import { Server } from './lib/serve.mjs';
import { Sim } from './lib/sim.mjs';
import { sqliteValue } from './lib/sqlite.mjs';

let sim;

before(async () => {
  sim = await Sim.start({ contacts: 40, companies: 0, deals: 0, 'redirect-uri': 'http://127.0.0.1:*/oauth/callback' });
});

after(() => sim?.stop());

const rows = (server) => sqliteValue(server.file(), 'SELECT count(*) FROM contact');

async function loaded() {
  const server = await Server.start(sim);
  const sync = await server.sync(await server.connect(), ['contacts']);
  await server.settled(sync);
  const was = rows(server);
  assert.ok(was > 0);
  await server.stop();
  return { server, sync, was };
}

// Starts the server over `folder`; gives the run of another load.
async function goOn(server, folder, sync) {
  server.folder = folder;
  await server.restart();
  const { contacts } = await server.load(sync);
  await server.stop();
  return contacts;
}

test('moved: loading goes on in the tables that moved along, and the former place stays empty', async () => {
  const { server, sync, was } = await loaded();
  const former = server.folder;
  const folder = join(temporaryFolder(), 'moved');
  renameSync(former, folder);
  assert.equal((await goOn(server, folder, sync)).operation_mode, 'INCREMENTAL');
  assert.equal(rows(server), was);
  assert.ok(!existsSync(former));
});

test('restored beside the one that is still there: each loads into its own tables', async () => {
  const { server, sync, was } = await loaded();
  const former = server.folder;
  const folder = join(temporaryFolder(), 'restored');
  cpSync(former, folder, { recursive: true });
  rmSync(join(former, 'data'), { recursive: true });
  assert.equal((await goOn(server, folder, sync)).operation_mode, 'INCREMENTAL');
  assert.equal(rows(server), was);
  assert.ok(!existsSync(join(former, 'data')));
});

test('restored without its tables: they are loaded anew, in the new place', async () => {
  const { server, sync, was } = await loaded();
  const folder = join(temporaryFolder(), 'store');
  rmSync(join(server.folder, 'data'), { recursive: true });
  renameSync(server.folder, folder);
  const run = await goOn(server, folder, sync);
  assert.deepEqual([run.operation_mode, run.full_sync_trigger, run.records_synced], ['FULL', 'INITIAL_SYNC', was]);
  assert.equal(rows(server), was);
});

test('another data directory for a store elsewhere leaves the tables where they are', async () => {
  const store = join(temporaryFolder(), 'store.db');
  const server = await Server.start(sim, { args: ['--store', `sqlite:${store}`] });
  const sync = await server.sync(await server.connect(), ['contacts']);
  await server.settled(sync);
  await server.stop();
  const former = server.folder;
  const folder = join(temporaryFolder(), 'other');
  server.options.args.push('--master-key-file', join(former, 'key'));
  assert.equal((await goOn(server, folder, sync)).operation_mode, 'INCREMENTAL');
  assert.ok(!existsSync(join(folder, 'data', 'hubspot.db')));
});
