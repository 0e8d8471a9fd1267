// Faults that users of other tools complain about, each played by hubsim: reads that were never repeated, pages that were too
// small, a missing scope that stops everything, a field that nobody expected.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { assertSameTables, dumpAll } from './lib/compare.mjs';
import { liveRows, TABLES } from './lib/expect.mjs';
import { sleep } from './lib/process.mjs';
import { Sim } from './lib/sim.mjs';
import { SqliteDestination, startSync, sync } from './lib/sluice.mjs';

async function scene(t, options) {
  const sim = await Sim.start({ contacts: 60, companies: 20, deals: 30, tickets: 20, engagements: 50, ...options });
  t.after(() => sim.stop());
  return sim;
}

async function synced(sim, destination, args = [], options) {
  const result = await sync(sim, destination, args, options);
  assert.equal(result.code, 0, result.stderr);
  return result;
}

const endOf = (result, name) => result.events.findLast((e) => e.stream === name && /end/.test(e.event)) ?? result.events.findLast((e) => e.stream === name);

// ---------------------------------------------------------------------------------------------------------------------

describe('req 3: reads by POST are repeated', () => {
  // So many properties that the list would need too long an address: records are read by search as far as its limit
  // goes, and in batches.
  const OPTIONS = { contacts: 520, companies: 0, deals: 40, tickets: 0, engagements: 0, properties: 1000, 'search-limit': '5/s' };
  const STREAMS = ['--streams', 'contacts,deals,deal_contact'];
  const FAULTS = {
    429: { action: 'status', status: 429, retry_after: 1 },
    502: { action: 'html', status: 502 },
    'a reset connection': { action: 'drop' },
    'a cut body': { action: 'cut', bytes: 300 },
  };
  for (const [name, fault] of Object.entries(FAULTS)) {
    test(name, async (t) => {
      const sim = await scene(t, OPTIONS);
      const [disturbed, quiet] = [new SqliteDestination(), new SqliteDestination()];
      const posts = ['objects.search', 'objects.batch_read', 'associations.batch_read'];
      await synced(sim, disturbed, STREAMS);
      await sim.mutate(
        { op: 'update', object: 'contacts', count: 30, pick: 'spread' },
        { op: 'update', object: 'deals', count: 10 },
      );
      const rules = posts.map((endpoint) => ({ endpoint, ...fault, times: 1 }));
      await sim.faults(...rules);
      // What is due anyway and what has changed, so that each kind of read is needed.
      await synced(sim, disturbed, [...STREAMS, '--association-sweep', '0']);
      await synced(sim, disturbed, [...STREAMS, '--full-refresh']);
      const { json } = await sim.api('GET', '/_sim/faults');
      assert.deepEqual(json.rules.map((rule) => [rule.endpoint, rule.fired]), posts.map((endpoint) => [endpoint, 1]));
      await sim.clearFaults();
      await synced(sim, quiet, STREAMS);
      // What was set aside is written down each time that it is read.
      const tables = async (destination) => new Map([...(await dumpAll(destination))].filter(([name]) => name !== '_sluice_reject'));
      assertSameTables(await tables(disturbed), await tables(quiet));
    });
  }
});

// ---------------------------------------------------------------------------------------------------------------------

describe('req 5: largest pages, few calls', () => {
  test('1,000 changed contacts and two of their pairs take at most 8 calls a kind', async (t) => {
    const sim = await scene(t, { contacts: 3000, companies: 100, deals: 100, tickets: 0, engagements: 0 });
    const destination = new SqliteDestination();
    const streams = ['--streams', 'contacts,companies,deals,contact_company,deal_contact'];
    await synced(sim, destination, [...streams, '--horizon', '0']);
    await sim.mutate({ op: 'update', object: 'contacts', count: 1000, pick: 'spread' });
    await sim.reset();
    await synced(sim, destination, [...streams, '--horizon', '0']);
    const { by_endpoint: calls } = (await sim.stats()).requests;
    const count = (name) => Object.values(calls[name] ?? {}).reduce((sum, n) => sum + n, 0);
    t.diagnostic(JSON.stringify(calls));
    // 1,000 contacts in pages of 200, and a look at what came meanwhile; 1,000 records a call for each pair.
    assert.ok(count('objects.search') >= 5 && count('objects.search') <= 8, `${count('objects.search')} searches`);
    assert.ok(count('associations.batch_read') <= 2 + 1, `${count('associations.batch_read')} reads of associations`);
  });

  test('a full load lists 100 a page, owners 500', async (t) => {
    const sim = await scene(t, { contacts: 1950, companies: 0, deals: 0, tickets: 0, engagements: 0, owners: 400 });
    const destination = new SqliteDestination();
    await synced(sim, destination, ['--streams', 'contacts,owners']);
    const { by_endpoint: calls } = (await sim.stats()).requests;
    const { contacts } = await sim.records();
    const pages = Math.ceil(contacts.live / 100) + Math.ceil(contacts.archived / 100);
    assert.ok(calls['objects.list'][200] <= pages + 1, `${calls['objects.list'][200]} pages for ${contacts.live} contacts`);
    assert.equal(calls['owners.list'][200], 2, 'one page of owners, one of archived owners');
  });
});

// ---------------------------------------------------------------------------------------------------------------------

describe('req 33: a missing scope ends one stream and says which', () => {
  const SCOPES = [
    'crm.objects.owners.read',
    'crm.objects.contacts.read',
    'crm.objects.companies.read',
    'crm.objects.deals.read',
    'tickets',
    'sales-email-read',
    'crm.schemas.contacts.read',
    'crm.schemas.companies.read',
    'crm.schemas.deals.read',
    'oauth',
  ];

  test('a scope is taken away in the life of a connection', async (t) => {
    const sim = await scene(t);
    const { json: app } = await sim.api('POST', '/_sim/apps', { scopes: SCOPES.join(' ') });
    const env = { HUBSPOT_TOKEN: app.token };
    const destination = new SqliteDestination();
    await synced(sim, destination, [], { env });
    const before = await liveRows(destination, 'deal');
    const taken = await sim.api('POST', '/_sim/apps/scopes', { app: String(app.id), remove: 'crm.objects.deals.read' });
    assert.equal(taken.status, 200, taken.text);
    await sim.mutate(
      { op: 'update', object: 'contacts', count: 5, properties: { firstname: 'Changed' } },
      { op: 'update', object: 'deals', count: 5, properties: { dealname: 'Changed' } },
    );
    const result = await sync(sim, destination, [], { env });
    assert.equal(result.code, 3, result.stderr);
    const deals = endOf(result, 'deals');
    assert.equal(deals.status, 'failed');
    assert.match(deals.error.message, /MISSING_SCOPES/);
    assert.match(deals.error.message, /missing scopes: crm\.objects\.deals\.read/);
    assert.match(deals.error.hint, /grant the app the scope/);
    const [{ n }] = await destination.rows("SELECT count(*) AS n FROM contact WHERE property_firstname = 'Changed'");
    assert.equal(Number(n), 5, 'the other streams went on');
    assert.equal(await liveRows(destination, 'deal'), before, 'what was loaded is kept');
    for (const name of ['contacts', 'companies', 'tickets', 'calls', 'contact_company']) {
      assert.equal(endOf(result, name).status, 'completed', name);
    }
    // Nobody knocks at a closed door again and again.
    const { by_object } = (await sim.stats()).requests;
    assert.ok(Object.entries(by_object.deals).every(([, n]) => n < 40), JSON.stringify(by_object.deals));
  });
});

// ---------------------------------------------------------------------------------------------------------------------

// Everything that HubSpot might add: unknown fields of all types, at every level.
function withMore(value, key) {
  if (Array.isArray(value)) {
    return value.map((v) => withMore(v));
  }
  if (!value || typeof value !== 'object') {
    return value;
  }
  const more = Object.fromEntries(Object.entries(value).map(([k, v]) => [k, withMore(v, k)]));
  if (key === 'properties') {
    return { ...more, x_added_yesterday: 'nobody asked for this', x_null: null };
  }
  return { futureText: '…', ...more, futureObject: { nested: [1, 2.5, null, { deep: true }] }, futureNull: null };
}

// The same with null for whatever may be missing.
function withNulls(answer, names) {
  return JSON.parse(JSON.stringify(answer), (key, value) => (names.includes(key) ? null : value));
}

describe('req 35: unknown fields, enums, nulls are tolerated; an empty portal, too', () => {
  const OPTIONS = { contacts: 40, companies: 20, deals: 30, tickets: 20, engagements: 0, owners: 8 };
  const STREAMS = ['--streams', 'owners,pipelines,properties,contacts,companies,deals,tickets,deal_contact,contact_company'];

  // Answers as they are, changed by `change`, in the place of those to come.
  async function answerWith(sim, change) {
    const rules = [];
    const replace = async (path, rule) => {
      const { status, json } = await sim.api('GET', path);
      assert.equal(status, 200, path);
      rules.push({ ...rule, action: 'status', status: 200, body: JSON.stringify(change(json)) });
    };
    await replace('/crm/owners/2026-09?limit=500', { path: '/crm/owners/2026-09?limit=500&archived=false' });
    await replace('/account-info/2026-09/details', { endpoint: 'account.details' });
    for (const type of ['contacts', 'companies', 'deals', 'tickets']) {
      await replace(`/crm/properties/2026-09/${type}`, { endpoint: 'properties.list', object: type });
    }
    for (const type of ['deals', 'tickets']) {
      await replace(`/crm/pipelines/2026-09/${type}`, { endpoint: 'pipelines.list', object: type });
    }
    await sim.faults(...rules);
    return rules.length;
  }

  async function undisturbed(sim) {
    const destination = new SqliteDestination();
    await synced(sim, destination, STREAMS);
    return dumpAll(destination);
  }

  test('fields that nobody knows, at every level of every answer', async (t) => {
    const sim = await scene(t, OPTIONS);
    const quiet = await undisturbed(sim);
    const replaced = await answerWith(sim, withMore);
    // Pages of records and of associations: the whole of each is one page here.
    for (const type of ['contacts', 'companies', 'deals', 'tickets']) {
      const names = (await sim.properties(type)).map((p) => p.name).join(',');
      for (const archived of [false, true]) {
        const { json } = await sim.api('GET', `/crm/v3/objects/${type}?limit=100&archived=${archived}&properties=${names}`);
        const body = JSON.stringify(withMore(json));
        await sim.faults({ endpoint: 'objects.list', object: type, path: `archived=${archived}`, action: 'status', status: 200, body });
      }
    }
    const destination = new SqliteDestination();
    await synced(sim, destination, STREAMS);
    const { rules } = (await sim.api('GET', '/_sim/faults')).json;
    const unused = rules.filter((rule) => rule.fired === 0);
    assert.ok(unused.length < rules.length - replaced + 1, JSON.stringify(rules.map((r) => [r.endpoint, r.path, r.fired])));
    assertSameTables(await dumpAll(destination), quiet);
  });

  test('enumerations with a value that is new', async (t) => {
    const sim = await scene(t, OPTIONS);
    await answerWith(sim, (answer) =>
      JSON.parse(JSON.stringify(answer), function (key, value) {
        const word = typeof value === 'string' && value !== '';
        // Kinds of property that decide the type of a column stay, but for those that would be text anyway.
        if (key === 'type' && word && 'fieldType' in this) {
          return value === 'string' ? 'quantum' : value;
        }
        const kinds = ['accountType', 'fieldType', 'dataSensitivity', 'category', 'dataHostingLocation'];
        return word && (kinds.includes(key) || (key === 'type' && 'email' in this)) ? 'BRAND_NEW' : value;
      }),
    );
    const destination = new SqliteDestination();
    await synced(sim, destination, STREAMS);
    const records = await sim.records();
    for (const type of ['contacts', 'companies', 'deals', 'tickets']) {
      assert.equal(await liveRows(destination, TABLES[type][0]), records[type].live, type);
    }
    const [{ n }] = await destination.rows("SELECT count(*) AS n FROM property WHERE type = 'quantum'");
    assert.ok(Number(n) > 0, 'the new kind is there to see');
  });

  test('null in the place of whatever is optional', async (t) => {
    const sim = await scene(t, OPTIONS);
    const names = ['teams', 'description', 'options', 'displayOrder', 'updatedAt', 'createdAt', 'metadata', 'firstName'];
    names.push('lastName', 'groupName', 'modificationMetadata', 'additionalCurrencies', 'companyCurrency', 'calculated');
    await answerWith(sim, (answer) => withNulls(answer, names));
    const destination = new SqliteDestination();
    await synced(sim, destination, STREAMS);
    const records = await sim.records();
    assert.equal(await liveRows(destination, 'contact'), records.contacts.live);
    const [owners] = await destination.rows('SELECT count(*) AS n FROM owner');
    assert.equal(Number(owners.n), records.owners.live + records.owners.archived);
  });

  test('a portal without a single record, owner or property value', async (t) => {
    const nothing = { contacts: 0, companies: 0, deals: 0, tickets: 0, engagements: 0, owners: 0 };
    const sim = await scene(t, nothing);
    const destination = new SqliteDestination();
    for (let round = 0; round < 2; round++) {
      const result = await synced(sim, destination);
      for (const [table] of Object.values(TABLES)) {
        assert.equal(await liveRows(destination, table), 0, `${table}: ${result.stderr}`);
      }
    }
  });
});

// ---------------------------------------------------------------------------------------------------------------------

// The most memory that a run ever held, in MB. The system keeps the peak, so that no moment between two looks is missed.
async function peakMemory(sim, destination, args) {
  const { child, finish } = startSync(sim, destination, args);
  let peakKb = 0;
  let running = true;
  const done = finish(300_000).finally(() => {
    running = false;
  });
  while (running) {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peakKb = Math.max(peakKb, Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0));
    } catch {
      // It has ended.
    }
    await Promise.race([done, sleep(20)]);
  }
  const result = await done;
  assert.equal(result.code, 0, result.stderr);
  assert.ok(peakKb > 1000, 'the peak was seen');
  return peakKb / 1024;
}

describe('req 34: wide portals fit into 200 MB', () => {
  const OBJECTS = "('contacts', 'companies', 'deals', 'tickets')";

  test('20,000 properties over all objects are read and written down', async (t) => {
    const sim = await scene(t, { contacts: 1, companies: 0, deals: 0, tickets: 0, engagements: 0, properties: 5000 });
    const destination = new SqliteDestination();
    const peak = await peakMemory(sim, destination, ['--streams', 'properties']);
    const [{ n }] = await destination.rows(`SELECT count(*) AS n FROM property WHERE hubspot_object IN ${OBJECTS}`);
    assert.ok(Number(n) >= 20_000, `${n} properties`);
    t.diagnostic(`${peak.toFixed()} MB`);
    assert.ok(peak < 200, `${peak} MB`);
  });

  test('all streams, four of them with 1,000 properties', async (t) => {
    const sim = await scene(t, { contacts: 2000, companies: 1000, deals: 1000, tickets: 1000, engagements: 4000, properties: 1000 });
    const destination = new SqliteDestination();
    const peak = await peakMemory(sim, destination, []);
    const [{ n }] = await destination.rows(`SELECT count(*) AS n FROM _sluice_column WHERE object IN ${OBJECTS}`);
    assert.ok(Number(n) >= 4 * 1000, `${n} columns`);
    t.diagnostic(`${peak.toFixed()} MB`);
    assert.ok(peak < 200, `${peak} MB`);
  });
});
