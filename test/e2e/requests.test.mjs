// The request log: what failed can be looked at whole, and holds no secret.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { temporaryFolder } from './lib/process.mjs';
import { json, serve } from './lib/server.mjs';
import { Sim } from './lib/sim.mjs';
import { sluice, SqliteDestination, sync } from './lib/sluice.mjs';

const TOKEN = 'pat-na1-5ec7e7-0f-requests';

let sim;
before(async () => {
  sim = await Sim.start({ contacts: 250 });
});
after(() => sim?.stop());

async function requests(home, args) {
  const result = await sluice(['requests', ...args], { env: { XDG_DATA_HOME: home } });
  assert.equal(result.code, 0, result.stderr);
  return result.stdout;
}

async function list(home, args = []) {
  const text = await requests(home, ['--json', '--last', '1000', ...args]);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

// Every byte that was left on disk.
function everything(home) {
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name), 'latin1'))
    .join('\n');
}

describe('a sync', () => {
  test('keeps the calls that failed, each try', async () => {
    const home = temporaryFolder();
    await sim.reset();
    await sim.faults({ endpoint: 'objects.list', object: 'contacts', action: 'status', status: 500, nth: 2 });
    const result = await sync(sim, new SqliteDestination(), ['--streams', 'contacts'], { env: { XDG_DATA_HOME: home } });
    assert.equal(result.code, 0, result.stderr);
    const kept = await list(home);
    assert.ok(kept.length >= 1);
    for (const r of kept) {
      assert.equal(r.endpoint, 'OBJECT_LIST');
      assert.equal(r.status, 500);
      assert.equal(r.failed, true);
      assert.equal(r.sent_again, true);
      assert.match(r.url, /^http:\/\/127\.0\.0\.1:\d+\/crm\/objects\/2026-09\/contacts\?/);
    }
    const whole = JSON.parse(await requests(home, ['--json', String(kept[0].id)]));
    assert.match(whole.request_headers, /^Authorization: \*\*\*\nAccept: application\/json\n$/);
    assert.match(whole.response_headers, /content-type: /);
    assert.equal(whole.request_body, null);
    assert.match(whole.response_body, /correlationId/);
    assert.ok(whole.correlation_id.length > 8 && whole.response_body.includes(whole.correlation_id));
    const shown = await requests(home, [String(kept[0].id)]);
    assert.match(shown, /^Request \d+, 20\d\d-.*endpoint OBJECT_LIST/);
    assert.match(shown, /Try 1, sent again afterwards/);
    assert.match(shown, /\nGET http:\/\/127\.0\.0\.1:\d+\/crm\/objects\/2026-09\/contacts\?/);
    assert.match(shown, /\nHTTP 500\n/);
    assert.ok(!everything(home).includes(sim.token));
  });

  test('in which nothing fails leaves no log behind', async () => {
    const home = temporaryFolder();
    await sim.reset();
    const result = await sync(sim, new SqliteDestination(), ['--streams', 'contacts'], { env: { XDG_DATA_HOME: home } });
    assert.equal(result.code, 0, result.stderr);
    assert.ok(!existsSync(join(home, 'sluice', 'sluice.db')));
    assert.match(await requests(home, []), /No such requests are kept/);
  });

  test('with --trace keeps all of them', async () => {
    const home = temporaryFolder();
    await sim.reset();
    await sim.faults({ endpoint: 'objects.list', object: 'contacts', action: 'status', status: 500, nth: 1 });
    const result = await sync(sim, new SqliteDestination(), ['--streams', 'contacts', '--trace'], {
      env: { XDG_DATA_HOME: home },
    });
    assert.equal(result.code, 0, result.stderr);
    const all = await list(home);
    const { calls } = result.events.find((event) => event.event === 'run_completed');
    assert.equal(all.length, calls);
    assert.deepEqual(
      all.map((r) => r.id),
      all.map((r) => r.id).sort((a, b) => b - a), // newest first
    );
    const failed = await list(home, ['--failed']);
    assert.deepEqual(failed, all.filter((r) => r.failed));
    assert.ok(failed.length >= 1 && failed.length < all.length);
    assert.equal((await list(home, ['--last', '2'])).length, 2);
    assert.equal((await list(home, ['--since', '2100-01-01'])).length, 0);
    assert.equal((await list(home, ['--since', all.at(-1).started_at])).length, all.length);
    assert.ok(!everything(home).includes(sim.token));
  });

  test('without a place to keep anything goes on all the same', async () => {
    await sim.reset();
    await sim.faults({ endpoint: 'objects.list', object: 'contacts', action: 'status', status: 500, nth: 1 });
    const run = (args) =>
      sync(sim, new SqliteDestination(), ['--streams', 'contacts', ...args], { env: { XDG_DATA_HOME: '/proc/none' } });
    let result = await run(['--log-level', 'debug']);
    assert.equal(result.code, 0, result.stderr);
    assert.equal(result.stderr.match(/no store: failed requests are not kept/g).length, 1);
    result = await run([]);
    assert.equal(result.code, 0, result.stderr);
    assert.doesNotMatch(result.stderr, /store/);
  });
});

test('no secret is kept, wherever it stands', async (t) => {
  const home = temporaryFolder();
  const secrets = {
    client_secret: 'cs-5ec7e7-1',
    refresh_token: 'rt-5ec7e7-2',
    access_token: 'at-5ec7e7-3',
    hapikey: 'hk-5ec7e7-4',
    code_verifier: 'cv-5ec7e7-5',
  };
  const server = await serve(t, (request, response) => {
    const quoted = { ...secrets, message: `Authorization: ${request.headers.authorization}`, again: JSON.stringify(secrets) };
    json(response, 400, quoted, { 'set-cookie': 'session=ck-5ec7e7-6', 'x-quote': request.headers.authorization });
  });
  const query = Object.entries({ ...secrets, code: 'co-5ec7e7-7', limit: '5' })
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const args = ['api', 'OBJECT_SEARCH', 'type=contacts', '--query', query, '--body', JSON.stringify(secrets), '--base-url', server.url];
  const result = await sluice(args, { env: { XDG_DATA_HOME: home, HUBSPOT_TOKEN: TOKEN } });
  assert.equal(result.code, 6);
  const [{ id }] = await list(home);
  const whole = JSON.parse(await requests(home, ['--json', String(id)]));
  assert.match(whole.url, /client_secret=\*\*\*&.*&code=\*\*\*&limit=5$/);
  assert.equal(JSON.parse(whole.request_body).access_token, '***');
  assert.equal(JSON.parse(whole.response_body).hapikey, '***');
  assert.match(whole.response_headers, /set-cookie: \*\*\*\n/);
  const bytes = everything(home);
  assert.ok(bytes.includes('crm/objects/2026-09/contacts/search'));
  assert.doesNotMatch(bytes, /5ec7e7/);
});

test('long bodies are cut, and said to be', async (t) => {
  const home = temporaryFolder();
  const long = 'x'.repeat(200_000);
  const server = await serve(t, (request, response) => json(response, 400, { message: 'too long', long }));
  const file = join(home, 'body.json');
  writeFileSync(file, JSON.stringify({ long }));
  const args = ['api', 'OBJECT_SEARCH', 'type=contacts', '--body', `@${file}`, '--base-url', server.url];
  const result = await sluice(args, { env: { XDG_DATA_HOME: home, HUBSPOT_TOKEN: TOKEN } });
  assert.equal(result.code, 6, result.stderr);
  const [{ id, ...summary }] = await list(home);
  const whole = JSON.parse(await requests(home, ['--json', String(id)]));
  assert.equal(whole.request_body.length, 65_536);
  assert.equal(whole.response_body.length, 65_536);
  assert.equal(summary.request_body_bytes, 200_011);
  assert.equal(summary.response_body_bytes, JSON.stringify({ message: 'too long', long }).length);
  assert.match(await requests(home, [String(id)]), /\(200011 bytes, of which the first 65536 are kept\)/);
});

test('no answer at all is kept, too', async (t) => {
  const home = temporaryFolder();
  const server = await serve(t, (request, response) => response.destroy());
  const args = ['api', 'OBJECT_CREATE', 'type=contacts', '--body', '{}', '--base-url', server.url];
  const result = await sluice(args, { env: { XDG_DATA_HOME: home, HUBSPOT_TOKEN: TOKEN } });
  assert.equal(result.code, 6);
  const [r] = await list(home);
  assert.equal(r.status, 0);
  assert.equal(r.code, 'OUTCOME_UNKNOWN');
  assert.match(await requests(home, [String(r.id)]), /\nNo answer\.\n$/);
});

test('what is wrong with a request for requests', async () => {
  const home = temporaryFolder();
  const run = (...args) => sluice(['requests', ...args], { env: { XDG_DATA_HOME: home } });
  for (const [args, code, says] of [
    [['x'], 2, /"x" is no request's number/],
    [['1', '2'], 2, /one request's number/],
    [['--last', '0'], 2, /last/],
    [['1'], 6, /no requests are kept/],
  ]) {
    const result = await run(...args);
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, says);
  }
});
