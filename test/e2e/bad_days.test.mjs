// What HubSpot, the network and people do to a run, and that the tables are right afterwards.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertSameTables, dumpAll } from './lib/compare.mjs';
import { liveRows, TABLES } from './lib/expect.mjs';
import { Postgres } from './lib/postgres.mjs';
import { Sim } from './lib/sim.mjs';
import { PostgresDestination, SqliteDestination, startSync, sync } from './lib/sluice.mjs';

const PORTAL = { contacts: 1250, companies: 230, deals: 260, tickets: 120, engagements: 500 };

let postgres;
let quietDay;

before(async () => {
  postgres = await Postgres.start();
  const sim = await Sim.start(PORTAL);
  const destination = new SqliteDestination();
  const result = await sync(sim, destination);
  assert.equal(result.code, 0, result.stderr);
  quietDay = await dumpAll(destination);
  await sim.stop();
});

after(() => postgres?.stop());

// A fresh portal, which is the same each time, with its faults.
async function scene(t, rules, options = {}) {
  const sim = await Sim.start({ ...PORTAL, ...options });
  t.after(() => sim.stop());
  if (rules.length > 0) {
    await sim.faults(...rules);
  }
  return sim;
}

async function assertEverythingArrives(t, rules, { fired = 1, options } = {}) {
  const sim = await scene(t, rules, options);
  const destination = new SqliteDestination();
  const result = await sync(sim, destination);
  assert.equal(result.code, 0, result.stderr);
  const stats = await sim.stats();
  assert.ok(stats.faults >= fired, `only ${stats.faults} faults befell the run`);
  assertSameTables(await dumpAll(destination), quietDay);
}

function streamOf(result, name) {
  return result.events.filter((event) => event.event === 'stream' && event.stream === name).at(-1);
}

describe('HubSpot answers badly for a moment, and everything arrives', () => {
  const contacts = { endpoint: 'objects.list', object: 'contacts' };

  test('a page is cut in the middle, and the connection with it', (t) =>
    assertEverythingArrives(t, [{ ...contacts, action: 'cut', nth: 3, bytes: 2000 }]));

  test('a page is cut, and its length agrees', (t) =>
    assertEverythingArrives(t, [{ ...contacts, action: 'truncate', nth: 4, bytes: 3000 }]));

  test('a connection is dropped without an answer', (t) =>
    assertEverythingArrives(t, [{ action: 'drop', endpoint: 'objects.', every: 9, times: 4 }], { fired: 3 }));

  test('the body is no JSON', (t) =>
    assertEverythingArrives(t, [{ ...contacts, action: 'status', status: 200, body: 'upstream error', nth: 2 }]));

  test('an empty body', (t) =>
    assertEverythingArrives(t, [{ ...contacts, action: 'status', status: 200, body: '', nth: 2 }]));

  test('server errors, as JSON and as HTML', (t) =>
    assertEverythingArrives(
      t,
      [
        { action: 'status', status: 500, endpoint: 'objects.list', every: 7, times: 3 },
        { action: 'html', status: 502, endpoint: 'objects.list', every: 11, times: 2 },
        { action: 'status', status: 503, endpoint: 'associations.batch_read', every: 4, times: 3 },
        { action: 'status', status: 504, endpoint: 'properties.list', nth: 2 },
        { action: 'status', status: 423, endpoint: 'owners.list', nth: 1 },
      ],
      { fired: 8 },
    ));

  test('429 although the limit was kept: the wait that HubSpot asks for', (t) =>
    assertEverythingArrives(t, [{ action: 'status', status: 429, endpoint: 'objects.', retry_after: 1, after: 5, times: 2 }], {
      fired: 2,
    }));

  test('short pages and empty pages with a next link', (t) =>
    assertEverythingArrives(
      t,
      [
        { action: 'short_page', endpoint: 'objects.list', every: 3, count: 7 },
        { action: 'empty_page', endpoint: 'objects.list', every: 5 },
      ],
      { fired: 4 },
    ));

  test('every other page is empty and leads to where it stands itself', (t) =>
    assertEverythingArrives(t, [{ ...contacts, action: 'empty_page', every: 2 }]));

  test('records that come twice', (t) =>
    assertEverythingArrives(t, [{ ...contacts, action: 'repeat_rows', every: 2, count: 3 }]));

  test('the URL is too long for HubSpot, earlier than expected: the plan changes at once', (t) =>
    assertEverythingArrives(t, [{ ...contacts, action: 'status', status: 414, path: 'firstname', after: 3 }]));
});

describe('one value is broken: it is repaired and counted, the page is kept', () => {
  for (const [action, what] of [
    ['bad_utf8', 'invalid UTF-8'],
    ['nul', 'a NUL'],
    ['control', 'a raw control character'],
  ]) {
    test(what, async (t) => {
      const rule = { action, endpoint: 'objects.list', object: 'contacts', nth: 2, property: 'firstname' };
      const sim = await scene(t, [rule]);
      const destination = new PostgresDestination(postgres);
      const result = await sync(sim, destination, ['--streams', 'contacts']);
      assert.equal(result.code, 0, result.stderr);
      const records = await sim.records();
      assert.equal(await liveRows(destination, 'contact'), records.contacts.live);
      const before = quietDay.get('_sluice_reject').split('\n').filter((line) => line.includes('property_firstname'));
      const rejects = await destination.rows(
        `SELECT record_id, reason FROM _sluice_reject WHERE "column" = 'property_firstname'`,
      );
      assert.equal(rejects.length, before.length + 1);
      const [row] = await destination.rows(
        `SELECT count(*) AS n FROM contact WHERE property_firstname LIKE '%' || chr(65533) || '%'`,
      );
      assert.equal(row.n, '1');
    });
  }
});

describe('one stream cannot be had', () => {
  test('no right to read deals: exit 3, the reason, and everything else', async (t) => {
    const sim = await scene(t, [{ action: 'forbid', object: 'deals' }]);
    const destination = new SqliteDestination();
    const result = await sync(sim, destination);
    assert.equal(result.code, 3, result.stderr);
    const deals = streamOf(result, 'deals');
    assert.equal(deals.status, 'failed');
    assert.match(deals.error.message, /deals/);
    assert.match(deals.error.message + deals.error.hint, /crm\.objects\.deals\.read|scope/);
    const records = await sim.records();
    for (const [type, [table]] of Object.entries(TABLES)) {
      if (type !== 'deals') {
        assert.equal(await liveRows(destination, table), records[type].live, table);
      }
    }
    // What is read of several objects is read of the others, and said to be incomplete.
    for (const [stream, sql] of [
      ['properties', "SELECT count(*) AS n FROM property WHERE hubspot_object = 'tickets'"],
      ['pipelines', 'SELECT count(*) AS n FROM ticket_pipeline'],
    ]) {
      assert.equal(streamOf(result, stream).status, 'failed', stream);
      assert.ok(Number((await destination.rows(sql))[0].n) > 0, stream);
    }
    // The right is granted: the next run brings what is missing.
    await sim.clearFaults();
    const second = await sync(sim, destination);
    assert.equal(second.code, 0, second.stderr);
    assertSameTables(await dumpAll(destination), quietDay);
  });

  test('an object that always answers 500 fails alone', async (t) => {
    const sim = await scene(t, [{ action: 'status', status: 500, object: 'tickets', endpoint: 'objects.' }]);
    const destination = new SqliteDestination();
    const result = await sync(sim, destination, ['--streams', 'contacts,tickets,companies']);
    assert.equal(result.code, 3, result.stderr);
    assert.equal(streamOf(result, 'tickets').status, 'failed');
    const records = await sim.records();
    assert.equal(await liveRows(destination, 'contact'), records.contacts.live);
    assert.equal(await liveRows(destination, 'company'), records.companies.live);
  });

  test('associations that cannot be read are a failure, not the absence of associations', async (t) => {
    const sim = await scene(t, []);
    const destination = new SqliteDestination();
    assert.equal((await sync(sim, destination)).code, 0);
    const [{ n }] = await destination.rows('SELECT count(*) AS n FROM deal_contact');
    await sim.faults({ action: 'status', status: 500, endpoint: 'associations.batch_read' });
    const result = await sync(sim, destination, ['--streams', 'deal_contact', '--full-refresh']);
    assert.ok([3, 6].includes(result.code), `${result.code}: ${result.stderr}`);
    const [after] = await destination.rows('SELECT count(*) AS n FROM deal_contact');
    assert.equal(after.n, n);
  });
});

describe('the run is interrupted', () => {
  test('an empty portal is complete, too', async (t) => {
    const sim = await scene(t, [], { contacts: 0, companies: 0, deals: 0, tickets: 0, engagements: 0 });
    for (const destination of [new SqliteDestination(), new PostgresDestination(postgres)]) {
      const result = await sync(sim, destination);
      assert.equal(result.code, 0, result.stderr);
      for (const [table] of Object.values(TABLES)) {
        assert.equal(await liveRows(destination, table), 0, table);
      }
    }
  });

  for (const signal of ['SIGINT', 'SIGTERM']) {
    test(`${signal}: exit 7, what to do next, and then it goes on`, async (t) => {
      const sim = await scene(t, [], { latency: 60 });
      const hold = await sim.hold('contacts', 5);
      const destination = new SqliteDestination();
      const { child, finish } = startSync(sim, destination);
      await hold.reached(child);
      child.kill(signal);
      const result = await finish();
      assert.equal(result.code, 7, `${result.code ?? result.signal}: ${result.stderr}`);
      assert.match(result.stderr + result.stdout, /run the same command again/);
      await sim.reset(); // that hold, too
      const second = await sync(sim, destination);
      assert.equal(second.code, 0, second.stderr);
      assertSameTables(await dumpAll(destination), quietDay);
    });
  }

  test('what was loaded before the interruption is not read again', async (t) => {
    const sim = await scene(t, [], { contacts: 6000, latency: 50 });
    const destination = new SqliteDestination();
    const args = ['--streams', 'contacts'];
    const whole = await sync(sim, new SqliteDestination(), args);
    const calls = streamOf(whole, 'contacts').calls;
    const hold = await sim.hold('contacts', 30);
    const { child, finish } = startSync(sim, destination, args);
    await hold.reached(child);
    child.kill('SIGINT');
    assert.equal((await finish()).code, 7);
    await sim.clearFaults();
    const second = await sync(sim, destination, args);
    assert.equal(second.code, 0, second.stderr);
    assert.ok(streamOf(second, 'contacts').calls < calls * 0.85, `${streamOf(second, 'contacts').calls} of ${calls}`);
    const records = await sim.records();
    assert.equal(await liveRows(destination, 'contact'), records.contacts.live);
  });

  test('PostgreSQL goes away in the middle; it comes back: everything is there', async (t) => {
    const sim = await scene(t, [], { latency: 40 });
    const server = await Postgres.start();
    t.after(() => server.stop());
    const destination = new PostgresDestination(server);
    const hold = await sim.hold('contacts', 5, { ms: 1500 });
    const { child, finish } = startSync(sim, destination);
    await hold.reached(child);
    await server.crash();
    const result = await finish();
    await sim.clearFaults();
    // 3 when some streams were complete before, 5 when none was.
    assert.ok([3, 5].includes(result.code), `${result.code}: ${result.stderr}`);
    assert.match(result.stderr, /PostgreSQL|connection/);
    await server.restart();
    const second = await sync(sim, destination);
    assert.equal(second.code, 0, second.stderr);
    const other = new PostgresDestination(server);
    assert.equal((await sync(sim, other)).code, 0);
    assertSameTables(await dumpAll(destination), await dumpAll(other));
  });

  test('HubSpot goes away in the middle; it comes back: everything is there', async (t) => {
    const sim = await scene(t, [], { latency: 40 });
    const destination = new SqliteDestination();
    const hold = await sim.hold('contacts', 5);
    const { child, finish } = startSync(sim, destination);
    await hold.reached(child);
    await sim.kill();
    const result = await finish();
    assert.ok([3, 6].includes(result.code), `${result.code}: ${result.stderr}`);
    assert.match(result.stderr, /connect|reply|127\.0\.0\.1/i);
    const again = await scene(t, []);
    const second = await sync(again, destination);
    assert.equal(second.code, 0, second.stderr);
    assertSameTables(await dumpAll(destination), quietDay);
  });
});

describe('nothing is lost silently', () => {
  test('records that HubSpot leaves out of a page are missed by the count', async (t) => {
    const rule = { action: 'drop_rows', endpoint: 'objects.list', object: 'contacts', nth: 2, count: 4 };
    const sim = await scene(t, [rule]);
    const destination = new SqliteDestination();
    const result = await sync(sim, destination, ['--streams', 'contacts']);
    const records = await sim.records();
    const found = await liveRows(destination, 'contact');
    const [audit] = await destination.rows(
      `SELECT source_count, destination_count FROM _sluice_audit WHERE stream = 'contacts' ORDER BY at DESC LIMIT 1`,
    );
    assert.equal(Number(audit.source_count), records.contacts.live);
    assert.equal(Number(audit.destination_count), found);
    // Either the gap was closed, or the run says that there is one.
    if (found !== records.contacts.live) {
      assert.match(result.stderr + result.stdout, /missing|differ|fewer|count/i);
    }
  });
});
