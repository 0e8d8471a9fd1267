// HubSpot does not promise how it sorts record ids, nor what a list cursor is. A small HubSpot of its own plays the orders
// that hubsim does not: whatever the order, every record arrives once.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, describe, test } from 'node:test';
import { SqliteDestination, sync } from './lib/sluice.mjs';

const servers = [];
after(() => servers.forEach((server) => server.close()));

const NAMES = ['hs_object_id', 'email', 'lastmodifieddate'];
const byText = (a, b) => (String(a) < String(b) ? -1 : 1);
const byNumber = (a, b) => a - b;

function record(id) {
  const properties = { hs_object_id: String(id), email: `r${id}@example.com`, lastmodifieddate: '2026-01-01T00:00:00.000Z' };
  return { id: String(id), properties, createdAt: '2026-01-01T00:00:00Z', archived: false };
}

// Search: filters compare ids as numbers, whatever the sort; offset paging behind `after`.
function search(ids, order, body) {
  let found = [...ids];
  for (const { propertyName, operator, value } of body.filterGroups?.[0]?.filters ?? []) {
    if (propertyName === 'hs_object_id') {
      found = found.filter((id) => (operator === 'GT' ? id > Number(value) : id <= Number(value)));
    }
  }
  found.sort(order);
  if (body.sorts?.[0]?.direction === 'DESCENDING') {
    found.reverse();
  }
  const from = Number(body.after ?? 0);
  const page = found.slice(from, from + body.limit);
  const more = from + page.length < found.length;
  return { total: found.length, results: page.map(record), ...(more && { paging: { next: { after: String(from + page.length) } } }) };
}

// List: pages of 100 in the given order; the cursor is what `cursor` makes of the position.
function list(ids, order, cursor, query) {
  if (query.get('archived') === 'true') {
    return { results: [] };
  }
  const sorted = [...ids].sort(order);
  const from = cursor.read(query.get('after'), sorted);
  const page = sorted.slice(from, from + 100);
  const end = from + page.length;
  return { results: page.map(record), ...(end < sorted.length && { paging: { next: { after: cursor.write(end, sorted) } } }) };
}

const OPAQUE = {
  read: (after) => (after ? Number(Buffer.from(after, 'base64').toString()) : 0),
  write: (at) => Buffer.from(String(at)).toString('base64'),
};
const LAST_ID = {
  read: (after, sorted) => (after ? sorted.findIndex((id) => id > Number(after)) : 0),
  write: (at, sorted) => String(sorted[at - 1]),
};

function answer(path, query, body, scene) {
  if (path.includes('/account-info/')) {
    return { portalId: 1, timeZone: 'UTC', utcOffsetMilliseconds: 0 };
  }
  if (path.includes('/properties/')) {
    return { results: NAMES.map((name) => ({ name, label: name, type: name === 'lastmodifieddate' ? 'datetime' : 'string' })) };
  }
  if (path.endsWith('/search')) {
    return search(scene.ids, scene.search ?? byNumber, body);
  }
  return list(scene.ids, scene.list ?? byNumber, scene.cursor ?? LAST_ID, query);
}

async function hubspot(scene) {
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (part) => (text += part));
    request.on('end', () => {
      const { pathname, searchParams } = new URL(request.url, 'http://localhost');
      const found = answer(pathname, searchParams, text ? JSON.parse(text) : {}, scene);
      const headers = { 'content-type': 'application/json', ...(scene.headers ?? {}) };
      scene.open = (scene.open ?? 0) + 1;
      scene.most = Math.max(scene.most ?? 0, scene.open);
      setTimeout(() => {
        scene.open--;
        response.writeHead(200, headers).end(JSON.stringify(found));
      }, scene.latencyMs ?? 0);
    });
  });
  servers.push(server);
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  server.unref();
  return { url: `http://127.0.0.1:${server.address().port}`, token: 'pat-test', searchesFreely: true };
}

async function assertAll(scene, args) {
  const destination = new SqliteDestination();
  const result = await sync(await hubspot(scene), destination, ['--streams', 'contacts', ...args]);
  assert.equal(result.code, 0, result.stderr + result.stdout);
  const rows = await destination.rows('SELECT id FROM contact ORDER BY id');
  assert.deepEqual(rows.map((r) => Number(r.id)), [...scene.ids].sort(byNumber));
  return result;
}

// Ids of two, three, four and seven digits, so that text and number disagree.
const IDS = [...Array(1500).keys()].map((i) => (i < 1300 ? 95 + i : 1_000_000 + i * 7));

describe('search', () => {
  test('sorted as numbers', () => assertAll({ ids: IDS }, ['--since', '2025-01-01']));
  test('sorted as text, filtered as numbers', () => assertAll({ ids: IDS, search: byText }, ['--since', '2025-01-01']));
  test('in no order at all', () => {
    const shuffled = (a, b) => ((a * 7919) % 1009) - ((b * 7919) % 1009) || a - b;
    return assertAll({ ids: IDS, search: shuffled }, ['--since', '2025-01-01']);
  });
  test('text order that looks like numbers until the end', () => {
    const ids = [...Array(401).keys()].map((i) => (i < 400 ? 1000 + i : 999));
    return assertAll({ ids, search: byText }, ['--since', '2025-01-01']);
  });
});

describe('list', () => {
  test('a cursor that is the last id', () => assertAll({ ids: IDS }, []));
  test('a cursor that tells nothing', () => assertAll({ ids: IDS, cursor: OPAQUE }, []));
  test('sorted as text, with a cursor that tells nothing', () => assertAll({ ids: IDS, list: byText, cursor: OPAQUE }, []));
  test('far away, so that ranges are listed side by side', async () => {
    const ids = [...Array(6000).keys()].map((i) => 50_000 + i * 3).concat(9_007_199_254_741_000);
    const headers = {
      'x-hubspot-ratelimit-max': '1900',
      'x-hubspot-ratelimit-remaining': '1800',
      'x-hubspot-ratelimit-interval-milliseconds': '10000',
    };
    const scene = { ids, latencyMs: 150, headers };
    const result = await assertAll(scene, []);
    const done = result.events.find((e) => e.stream === 'contacts' && e.status === 'completed');
    assert.ok(done.calls <= 61 + 8, `${done.calls} calls`);
    assert.ok(scene.most >= 2, `at most ${scene.most} calls at a time`);
  });
});
