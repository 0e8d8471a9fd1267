// sluice api and sluice endpoints, as a person or a script uses them.
import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { finish, SLUICE, start, temporaryFolder } from './lib/process.mjs';
import { Sim } from './lib/sim.mjs';
import { sluice } from './lib/sluice.mjs';

async function table(...args) {
  const { code, stdout } = await sluice(['endpoints', '--json', ...args]);
  assert.equal(code, 0);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('sluice api', () => {
  let sim;
  before(async () => {
    sim = await Sim.start({ contacts: 250, companies: 20, deals: 0, tickets: 0, engagements: 0, owners: 5 });
  });
  after(() => sim?.stop());

  const api = (args, { env, stdin } = {}) => {
    const whole = ['api', '--base-url', sim.url, ...args];
    if (stdin === undefined) {
      return sluice(whole, { env: { HUBSPOT_TOKEN: sim.token, ...env } });
    }
    const child = start(SLUICE, whole, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, HUBSPOT_TOKEN: sim.token, ...env },
    });
    child.stdin.end(stdin);
    return finish(child, 'sluice api', 60_000);
  };

  test("HubSpot's answer comes out byte for byte, and nothing else", async () => {
    const { code, stdout, stderr } = await api(['OBJECT_LIST', 'type=contacts', '--query', 'limit=2&properties=email']);
    const { text } = await sim.api('GET', '/crm/objects/2026-09/contacts?limit=2&properties=email');
    assert.deepEqual([code, stderr], [0, '']);
    assert.equal(stdout, text);
  });

  test('exactly one call is made: no look-up of the portal first', async () => {
    await sim.reset();
    assert.equal((await api(['OWNERS'])).code, 0);
    assert.deepEqual((await sim.stats()).requests.by_endpoint, { 'owners.list': { 200: 1 } });
  });

  test('the version chooses the path', async () => {
    for (const [version, path] of [
      ['legacy', '/crm/v3/owners'],
      ['2026-03', '/crm/owners/2026-03'],
      ['2026-09', '/crm/owners/2026-09'],
    ]) {
      await sim.clearFaults();
      await sim.faults({ path, action: 'status', status: 400, body: `{"message":"${path}"}` });
      const { code, stdout } = await api(['owners', '--api-version', version]);
      assert.deepEqual([code, stdout], [6, `{"message":"${path}"}`]);
    }
    await sim.clearFaults();
  });

  test("an error prints HubSpot's body on standard output and the way out on standard error", async () => {
    const { code, stdout, stderr } = await api(['OBJECT_GET', 'type=contacts', 'id=1']);
    assert.equal(code, 6);
    assert.equal(JSON.parse(stdout).category, 'OBJECT_NOT_FOUND');
    assert.match(stderr, /^sluice: OBJECT_GET: HubSpot answered 404/);
  });

  test('a wrong token: exit code 4, and the token nowhere', async () => {
    const secret = 'pat-na1-not-the-right-one';
    const { code, stdout, stderr } = await api(['OWNERS'], { env: { HUBSPOT_TOKEN: secret } });
    assert.equal(code, 4);
    assert.equal(JSON.parse(stdout).category, 'INVALID_AUTHENTICATION');
    assert.match(stderr, /hint: /);
    assert.ok(!`${stdout}${stderr}`.includes(secret));
  });

  test('--json: one line with status, tries and body, for errors and odd bodies, too', async () => {
    const json = async (args) => {
      const { code, stdout, stderr } = await api([...args, '--json', '--log-level', 'off']);
      assert.equal(stderr, '');
      assert.equal(stdout.indexOf('\n'), stdout.length - 1, 'one line');
      return { code, ...JSON.parse(stdout) };
    };
    const ok = await json(['OWNERS', '--query', 'limit=1']);
    assert.deepEqual([ok.code, ok.status, ok.tries, ok.body.results.length, ok.error], [0, 200, 1, 1, undefined]);
    const missing = await json(['OBJECT_GET', 'type=contacts', 'id=1']);
    assert.deepEqual([missing.code, missing.status, missing.body.category], [6, 404, 'OBJECT_NOT_FOUND']);
    assert.equal(missing.error.code, 'NOT_FOUND');
    for (const [body, want] of [
      ['{\n "a": [1,\n 2.50, 12345678901234567890]\r\n}', { a: [1, 2.5, 12345678901234567890] }],
      ['<html>\n"no"</html>', '<html>\n"no"</html>'],
      ['', null],
      ['"a\\u0000b"', 'a\0b'],
    ]) {
      await sim.faults({ endpoint: 'owners.list', action: 'status', status: 400, body, times: 1 });
      assert.deepEqual((await json(['OWNERS'])).body, want);
    }
  });

  test('--json: no answer at all is status 0 with the reason', async () => {
    const create = await api(['OBJECT_CREATE', 'type=contacts', '--body', '{}', '--json', '--base-url', 'http://127.0.0.1:1']);
    const answer = JSON.parse(create.stdout);
    assert.deepEqual([answer.status, answer.body, answer.error.code], [0, null, 'CONNECT']);
    assert.equal(create.code, 6);
  });

  test('a read is repeated when HubSpot fails, and the tries are told', async () => {
    await sim.faults({ endpoint: 'owners.list', action: 'status', status: 500, times: 1 });
    const { stdout, stderr } = await api(['OWNERS', '--json']);
    const { status, tries } = JSON.parse(stdout);
    assert.deepEqual([status, tries], [200, 2]);
    assert.match(stderr, /level=warn .*endpoint=OWNERS/);
  });

  test('a body comes from the command line, a file, or standard input', async () => {
    const body = JSON.stringify({ limit: 1, filterGroups: [], properties: ['email'] });
    const file = join(temporaryFolder(), 'body.json');
    writeFileSync(file, body);
    const search = ['OBJECT_SEARCH', 'type=contacts', '--body'];
    const answers = [await api([...search, body]), await api([...search, `@${file}`]), await api([...search, '-'], { stdin: body })];
    for (const { code, stdout, stderr } of answers) {
      assert.equal(code, 0, stderr);
      assert.equal(JSON.parse(stdout).results.length, 1);
      assert.equal(stdout, answers[0].stdout);
    }
  });

  test('--all follows a list to its end, one result a line', async () => {
    await sim.reset();
    const { code, stdout } = await api(['OBJECT_LIST', 'type=contacts', '--query', 'properties=email', '--all']);
    const lines = stdout.trim().split('\n').map((line) => JSON.parse(line));
    const all = await sim.list('contacts', ['email']);
    assert.equal(code, 0);
    assert.deepEqual(lines.map((r) => [r.id, r.properties.email]), all.map((r) => [r.id, r.properties.email]));
    assert.ok(all.length > 200, 'more than two pages');
  });

  test('--all takes the largest pages, from where it is told, and says when --max ended it', async () => {
    const first = await api(['OBJECT_LIST', 'type=contacts', '--all', '--max', '120']);
    const ids = (text) => text.trim().split('\n').map((line) => JSON.parse(line).id);
    assert.equal(ids(first.stdout).length, 120);
    assert.match(first.stderr, /stopped after 120 results \(--max 120\); there are more/);
    await sim.reset();
    const last = ids(first.stdout).at(-1);
    const rest = await api(['OBJECT_LIST', 'type=contacts', '--query', `after=${BigInt(last) + 1n}`, '--all']);
    assert.equal(rest.stderr, '');
    const all = await sim.list('contacts', []);
    assert.deepEqual([...ids(first.stdout), ...ids(rest.stdout)], all.map((r) => r.id));
    const pages = Math.ceil(ids(rest.stdout).length / 100);
    const { by_endpoint: calls } = (await sim.stats()).requests;
    assert.equal(calls['objects.list'][200], pages + Math.ceil(all.length / 100));
  });

  test('--all goes on over empty pages and stops where a page leads to itself', async () => {
    const all = await sim.list('companies', []);
    await sim.faults({ endpoint: 'objects.list', action: 'empty_page', nth: 1 });
    const { code, stdout } = await api(['OBJECT_LIST', 'type=companies', '--all', '--query', 'limit=7']);
    assert.equal(code, 0);
    assert.equal(stdout.trim().split('\n').length, all.length);
    await sim.clearFaults();
    const circle = '{"results":[{"id":"1"}],"paging":{"next":{"after":"5"}}}';
    await sim.faults({ endpoint: 'objects.list', action: 'status', status: 200, body: circle });
    const turned = await api(['OBJECT_LIST', 'type=companies', '--all']);
    await sim.clearFaults();
    assert.equal(turned.code, 6);
    assert.match(turned.stderr, /leads to itself/);
    assert.equal(turned.stdout.trim().split('\n').length, 2);
  });

  test('--all: an error or a page that cannot be followed never looks like the end', async () => {
    const page = (body, status = 200) => sim.faults({ endpoint: 'owners.list', action: 'status', status, body, times: 1 });
    await page('{"results":[{"id":"1"}],"paging":{"next":{"link":"x"}}}');
    const nowhere = await api(['OWNERS', '--all']);
    assert.deepEqual([nowhere.code, nowhere.stdout], [6, '{"id":"1"}\n']);
    assert.match(nowhere.stderr, /there are more pages, but not where/);
    await page('{"results":{"id":"1"}}');
    const strange = await api(['OWNERS', '--all']);
    assert.equal(strange.code, 6);
    assert.match(strange.stderr, /no list "results" to be followed; call OWNERS without --all/);
    await sim.faults({ endpoint: 'owners.list', action: 'status', status: 400, body: '{"message":"no"}', nth: 2 });
    await page('{"results":[{"id":"1"}],"paging":{"next":{"after":5}}}');
    const broken = await api(['OWNERS', '--all']);
    assert.deepEqual([broken.code, broken.stdout], [6, '{"id":"1"}\n'], 'no error among the results');
    assert.match(broken.stderr, /answered 400: no/);
    await sim.clearFaults();
    await page('{"results":[{"id":"1"},{"id":"2"},{"id":"3"}]}');
    const cut = await api(['OWNERS', '--all', '--max', '2']);
    assert.deepEqual([cut.code, cut.stdout], [0, '{"id":"1"}\n{"id":"2"}\n']);
    assert.match(cut.stderr, /there are more/, 'though this was the last page');
    await page('{"results":[{"id":"1"},{"id":"2"}]}');
    assert.equal((await api(['OWNERS', '--all', '--max', '2'])).stderr, '');
  });

  test('--all with histories asks for pages that HubSpot grants', async () => {
    const { code, stdout, stderr } = await api(['OBJECT_LIST', 'type=contacts', '--all', '--query', 'propertiesWithHistory=email', '--max', '120']);
    assert.equal(code, 0, stderr);
    assert.equal(stdout.trim().split('\n').length, 120);
  });

  test('--json: long texts and JSON of many lines come out whole', async () => {
    const text = `"${'ä'.repeat(100_000)}\\\n\u0001<`;
    await sim.faults({ endpoint: 'owners.list', action: 'status', status: 400, body: text, times: 1 });
    const { stdout } = await api(['OWNERS', '--json']);
    assert.equal(JSON.parse(stdout).body, text);
  });

  test('wrong words are refused before anything is sent, with the way out', async () => {
    await sim.reset();
    const big = join(temporaryFolder(), 'big.json');
    writeFileSync(big, Buffer.alloc(8 * 1024 * 1024 + 1, 0x20));
    for (const [args, words] of [
      [[], /which endpoint/],
      [['OBJECT_LSIT', 'type=contacts'], /no endpoint "OBJECT_LSIT"; did you mean OBJECT_LIST\?/],
      [['nonsense'], /no endpoint "nonsense"; sluice endpoints lists them/],
      [['/crm/v3/owners'], /is a path; endpoints are called by name/],
      [['OBJECT_LIST'], /OBJECT_LIST needs type=/],
      [['OBJECT_LIST', 'type=contacts', 'type=deals'], /type= is given twice/],
      [['OWNERS', 'limit=5'], /no argument "limit": .*what belongs in the query goes there \(--query\)/],
      [['OWNERS', '--query', 'email=50%'], /the % at byte 9 must be followed by two hexadecimal digits/],
      [['OBJECT_CREATE', 'type=contacts', '--body', ''], /--body is empty/],
      [['OWNERS', '--base-url', 'http://127.0.0.1:99999'], /a port from 1 to 65535/],
      [['OBJECT_LIST', 'tpye=contacts'], /no argument "tpye"; did you mean "type"\?/],
      [['OBJECT_LIST', 'contacts'], /"contacts" is no argument: name=value/],
      [['OBJECT_LIST', 'type=..'], /type is "\.\.", which no path can hold/],
      [['OBJECT_LIST', 'type=contacts', '--query', 'a b'], /--query: byte 2 \(0x20\) must be percent-encoded, as %20/],
      [['OBJECT_LIST', 'type=contacts', '--body', '{}'], /is a GET and takes none/],
      [['OBJECT_CREATE', 'type=contacts', '--body', '{"a":'], /--body: /],
      [['OBJECT_CREATE', 'type=contacts', '--body', '@/nowhere.json'], /--body: \/nowhere.json cannot be read/],
      [['OBJECT_CREATE', 'type=contacts', '--body', `@${big}`], /--body: more than 8388608 bytes/],
      [['OBJECT_SEARCH', 'type=contacts', '--all', '--body', '{}'], /--all: OBJECT_SEARCH is no list/],
      [['OWNERS', '--all', '--json'], /--all prints results as JSON lines already/],
      [['OWNERS', '--all', '--max', '0'], /--max: "0" is not between 1 and/],
      [['OWNERS', '--api-version', '2025-09'], /--api-version/],
    ]) {
      const { code, stdout, stderr } = await api(args);
      assert.deepEqual([code, stdout], [2, ''], `${args}: ${stderr}`);
      assert.match(stderr, words);
    }
    assert.equal((await sim.stats()).requests.total, 0);
  });

  test('an argument is a name, never a piece of path or query', async () => {
    const path = '/crm/objects/2026-09/contacts/1%2F..%2F2%3Farchived%3Dtrue%23x';
    await sim.faults({ path, action: 'status', status: 400, body: '"as one segment"' });
    const { stdout } = await api(['OBJECT_GET', 'type=contacts', 'id=1/../2?archived=true#x']);
    await sim.clearFaults();
    assert.equal(stdout, '"as one segment"');
  });
});

// ---------------------------------------------------------------------------------------------------------------------
// The table against HubSpot's own client, which is generated from HubSpot's specification.

const CODEGEN = join(dirname(createRequire(import.meta.url).resolve('@hubspot/api-client')), 'codegen');

function apiFiles(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? apiFiles(path) : /\/apis\/\w+Api\.js$/.test(path) ? [path] : [];
  });
}

// "GET /crm/v3/objects/{}/{}": names of parameters differ, and a slash at the end.
const shape = (method, path) => `${method} ${path.replace(/\{\w+\}/g, '{}').replace(/\/$/, '')}`;

function sdkEndpoints(...families) {
  const found = new Set();
  for (const file of families.flatMap((family) => apiFiles(join(CODEGEN, family)))) {
    const source = readFileSync(file, 'utf8');
    const calls = source.matchAll(/localVarPath = '([^']+)'[\s\S]*?HttpMethod\.([A-Z]+)/g);
    for (const [, path, method] of calls) {
      found.add(shape(method, path));
    }
  }
  return found;
}

// What the SDK does not have (its release of that time): later additions, and what only HubSpot's documents describe.
const NOT_IN_SDK = [
  /^GET \/account-info\//,
  /^POST \/oauth\/v2\/private-apps\//,
  /^GET \/crm\/v3\/limits\//,
  /^GET \/crm\/v3\/object-library\//,
  /^GET \/crm\/v3\/property-validations\//,
  /^GET \/crm\/v3\/exports\/export\/\{\}$/,
  /^GET \/form-integrations\/v1\//,
  /^GET \/email\/public\/v1\/events$/,
  // The SDK has these for contacts only (and, merge, for each of its typed objects).
  /^POST \/crm\/v3\/objects\/\{\}\/(merge|gdpr-delete)$/,
];

// What the SDK has besides, and why the table has not.
const NOT_OURS = [
  /^\w+ \/crm\/v3\/associations\//, // the v3 form of associations, replaced by v4
  /high-usage-report/, // sends an e-mail to a person
  /schedule-conversion$/, // of lists; a matter for the user interface
  /^POST \/crm\/v3\/imports$/, // a multipart upload
  /^POST \/crm\/v3\/objects\/deals\/splits\//,
];

describe('sluice endpoints', () => {
  test('every legacy path is one that the official client calls', async () => {
    const known = sdkEndpoints('crm', 'marketing/forms', 'webhooks');
    for (const { id, method, path } of await table('--api-version', 'legacy')) {
      const ours = shape(method, path);
      const excused = NOT_IN_SDK.some((pattern) => pattern.test(ours));
      assert.ok(known.has(ours) !== excused, `${id}: ${ours} is ${excused ? 'in the SDK after all' : 'not in the SDK'}`);
    }
  });

  test('every endpoint of the official client in these families is in the table', async () => {
    const families = ['associations', 'exports', 'imports', 'lists', 'owners', 'pipelines', 'properties', 'schemas'];
    const known = sdkEndpoints(...families.map((f) => `crm/${f}`), 'crm/objects', 'crm/contacts', 'marketing/forms', 'webhooks');
    const ours = new Set((await table('--api-version', 'legacy')).map(({ method, path }) => shape(method, path)));
    const typed = (one) => one.replace(/(\/crm\/v3\/objects)\/[a-z_]+/, '$1/{}');
    const missing = [...known].filter((one) => !ours.has(one) && !ours.has(typed(one)));
    const unexcused = missing.filter((one) => !NOT_OURS.some((pattern) => pattern.test(one)));
    assert.deepEqual(unexcused, []);
    for (const pattern of NOT_OURS) {
      assert.ok(missing.some((one) => pattern.test(one)), `${pattern} excuses nothing`);
    }
  });

  test('in a date version every path carries the date, but for what has no dated form', async () => {
    const without = [];
    for (const { id, path, legacy } of await table()) {
      assert.equal(path.includes('/2026-09'), !legacy, `${id} ${path}`);
      if (legacy) {
        without.push(id.replace(/_.*/, ''));
      }
    }
    assert.deepEqual([...new Set(without)], ['TOKEN', 'FORMS', 'FORM', 'EMAIL']);
  });

  test('the plain list has a line for each, with its scope and its end', async () => {
    const { stdout } = await sluice(['endpoints', '--api-version', '2026-03']);
    const lines = stdout.trim().split('\n');
    assert.equal(lines.length, 1 + (await table()).length);
    const line = lines.find((l) => l.startsWith('OBJECT_SEARCH '));
    assert.match(line, /POST +\/crm\/objects\/2026-03\/\{type\}\/search +search +read +crm\.objects\.\{type\}\.read +unsupported 2027-09-30$/);
  });
});

test('a verb that takes no words says so; lost output is no success', async () => {
  for (const verb of ['endpoints', 'doctor', 'version']) {
    const { code, stdout, stderr } = await sluice([verb, 'contacts']);
    assert.deepEqual([code, stdout], [2, ''], verb);
    assert.match(stderr, /takes no words, but was given "contacts"/);
  }
  const streams = await sluice(['streams', 'contacts']); // of a server it would
  assert.deepEqual([streams.code, streams.stdout], [2, '']);
  assert.match(streams.stderr, /takes words only with --server/);
  const full = openSync('/dev/full', 'w');
  const child = start(SLUICE, ['endpoints'], { stdio: ['ignore', full, 'pipe'] });
  closeSync(full);
  const { code, stderr } = await finish(child, 'sluice endpoints', 60_000);
  assert.equal(code, 1);
  assert.match(stderr, /standard output: No space left on device/);
});

describe('sluice doctor', () => {
  let sim;
  before(async () => {
    sim = await Sim.start({ contacts: 1 });
  });
  after(() => sim?.stop());

  // The ends are a matter of the day on which this is run; what the table says of them is the measure.
  test('warns of each endpoint whose announced end is near, and of no other', async () => {
    for (const version of ['legacy', '2026-03', '2026-09']) {
      const { code, stdout } = await sluice(['doctor', '--base-url', sim.url, '--api-version', version], {
        env: { HUBSPOT_TOKEN: sim.token },
      });
      assert.equal(code, 0, stdout);
      const near = Date.now() + 180 * 86_400_000;
      const ending = (await table('--api-version', version)).filter(({ end }) => Date.parse(end.date) <= near);
      const warned = [...stdout.matchAll(/^warn  endpoint +(\w+) \((\S+)\) .* (on|in) (\S+); /gm)];
      assert.deepEqual(warned.map(([, id, path, , date]) => [id, path, date]), ending.map(({ id, path, end }) => [id, path, end.date]));
      assert.equal(/^ok +API version/m.test(stdout), ending.length === 0);
      if (version === 'legacy' && ending.some(({ id }) => id === 'ASSOC_LIST')) {
        assert.match(stdout, /ASSOC_LIST .*; use --api-version 2026-09$/m);
      }
    }
  });
});
