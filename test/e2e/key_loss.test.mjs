// The key that seals secrets is lost: what is given up, what stays, and that all goes on after it.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Postgres } from './lib/postgres.mjs';
import { run, SLUICE } from './lib/process.mjs';
import { Server } from './lib/serve.mjs';
import { Sim } from './lib/sim.mjs';

let postgres;
let sim; // it outlives the server

before(async () => {
  postgres = await Postgres.start();
  sim = await Sim.start({ contacts: 30, companies: 10, deals: 0, 'redirect-uri': 'http://127.0.0.1:*/oauth/callback' });
});

after(async () => {
  await postgres?.stop();
  await sim?.stop();
});

async function story(server, store, destination) {
  const sluice = (...args) => run(SLUICE, args, { env: server.env() });
  const forget = (id) => sluice('keys', 'forget', id, '--data-dir', server.folder, ...store);
  const { to } = await server.consent();
  const connection = to.searchParams.get('connectionId');
  const sync = await server.sync(connection, ['contacts', 'companies']);
  await server.ok('POST', `/elt_syncs/${sync.id}/source_streams`, {
    source_streams: [{ name: 'contacts', hashed_columns: ['email'] }],
  });
  await server.settled(sync);
  await server.load(sync);

  const early = await forget('0123456789abcdef');
  assert.notEqual(early.code, 0, 'a server is at work, and the key is at hand');
  await server.stop();
  const kept = await forget('0123456789abcdef');
  assert.equal(kept.code, 2, kept.stderr);
  assert.match(kept.stderr, /the key .* is at hand, so nothing has to be given up/);

  rmSync(join(server.folder, 'key'));
  const refused = await sluice('serve', ...server.args);
  assert.equal(refused.code, 4, refused.stderr);
  const [, id] = /If it is lost: sluice keys forget ([0-9a-f]{16}) /.exec(refused.stderr);
  const other = await forget('0123456789abcdef');
  assert.equal(other.code, 2, other.stderr);
  assert.match(other.stderr, /not with 0123456789abcdef; give the id of the key that is lost/);
  const done = await forget(id);
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /1 connections have to be authorized anew/);
  assert.match(done.stdout, /1 streams with hashed columns are loaded in full/);
  assert.equal(/(\d) destinations need their password/.exec(done.stdout)?.[1], destination ? '1' : undefined, done.stdout);

  await server.restart();
  assert.doesNotMatch(server.child.output.stdout, /API key:/);
  const before = await server.ok('GET', '/destinations');
  assert.equal(before.data.length, 1);
  assert.equal((await server.ok('POST', `/destinations/${before.data[0].id}/test`)).ok, true);
  assert.equal((await server.ok('GET', `/connections/${connection}`)).status, 'needs_reauthorization');
  assert.equal((await server.ok('GET', `/elt_syncs/${sync.id}`)).status, 'PAUSED');
  const again = await server.consent({ connection_id: connection });
  assert.equal(again.to.searchParams.get('connectionId'), connection);
  const ended = await server.load(sync);
  assert.deepEqual([ended.contacts.operation_mode, ended.companies.operation_mode], ['FULL', 'INCREMENTAL']);
  await server.ok('DELETE', `/elt_syncs/${sync.id}`);
  await server.ok('DELETE', `/connections/${connection}`);
}

test('over a store in SQLite', async (t) => {
  const server = await Server.start(sim);
  t.after(() => server.stop());
  await story(server, [], false);
});

test('over a store in PostgreSQL, with a destination that has a password', async (t) => {
  const url = await postgres.createDatabase('loss');
  const destination = url.replace('e2e@', 'e2e:hush@');
  const server = await Server.start(sim, { postgres: url, destination });
  t.after(() => server.stop());
  await story(server, ['--store', url], true);
});

// Nobody can give the grant back, or open what the lost key sealed: neither is in the way.
test('what was not authorized anew can be deleted', async (t) => {
  const server = await Server.start(sim);
  t.after(() => server.stop());
  const connection = await server.connect();
  const { to } = await server.consent();
  await server.stop();
  rmSync(join(server.folder, 'key'));
  const refused = await run(SLUICE, ['serve', ...server.args], { env: server.env() });
  const [, id] = /sluice keys forget ([0-9a-f]{16}) /.exec(refused.stderr);
  const done = await run(SLUICE, ['keys', 'forget', id, '--data-dir', server.folder], { env: server.env() });
  assert.equal(done.code, 0, done.stderr);
  await server.restart();
  await server.ok('DELETE', `/connections/${connection}`);
  await server.ok('DELETE', `/connections/${to.searchParams.get('connectionId')}`);
});
