// HubSpot's own client reads the simulator; only its base path is changed. So the simulator is not just our own
// reading of HubSpot's documents: what the official client cannot read, HubSpot would not have sent.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from '@hubspot/api-client';
import { Sim } from './lib/sim.mjs';

const CRM = ['contacts', 'companies', 'deals', 'tickets'];
const ENGAGEMENTS = ['calls', 'communications', 'emails', 'meetings', 'notes', 'tasks', 'postal_mail'];
const TYPES = [...CRM, ...ENGAGEMENTS];

let sim;
let client;
let records;

before(async () => {
  sim = await Sim.start({ contacts: 450, companies: 120, deals: 230, tickets: 110, engagements: 1200 });
  client = new Client({
    accessToken: sim.token,
    basePath: sim.url,
    numberOfApiCallRetries: 0,
    limiterOptions: { minTime: 0, maxConcurrent: 8 },
  });
  records = await sim.records();
});

after(() => sim?.stop());

// The typed API of a kind of object where the client has one, else its generic one bound to the type.
function apiOf(type) {
  if (CRM.includes(type)) {
    const api = client.crm[type];
    return {
      page: (limit, cursor, properties, archived) =>
        api.basicApi.getPage(limit, cursor, properties, undefined, undefined, archived),
      one: (id, properties) => api.basicApi.getById(id, properties),
      read: (body) => api.batchApi.read(body),
      search: (body) => api.searchApi.doSearch(body),
    };
  }
  const { basicApi, batchApi, searchApi } = client.crm.objects;
  return {
    page: (limit, cursor, properties, archived) =>
      basicApi.getPage(type, limit, cursor, properties, undefined, undefined, archived),
    one: (id, properties) => basicApi.getById(type, id, properties),
    read: (body) => batchApi.read(type, body),
    search: (body) => searchApi.doSearch(type, body),
  };
}

async function readAll(type, { limit = 100, properties = [], archived = false } = {}) {
  const found = [];
  let cursor;
  do {
    const page = await apiOf(type).page(limit, cursor, properties, archived);
    assert.ok(page.results.length <= limit);
    found.push(...page.results);
    cursor = page.paging?.next?.after;
  } while (cursor !== undefined);
  return found;
}

async function searchAll(type, body) {
  const found = [];
  let cursor;
  let total;
  do {
    const page = await apiOf(type).search({ limit: 200, ...body, ...(cursor === undefined ? {} : { after: cursor }) });
    total = page.total;
    found.push(...page.results);
    cursor = page.paging?.next?.after;
  } while (cursor !== undefined);
  return { found, total };
}

const ids = (list) => list.map((record) => record.id);

for (const type of TYPES) {
  describe(type, () => {
    test('page by page: every record once, ids rising', async () => {
      const found = ids(await readAll(type));
      assert.equal(found.length, records[type].live);
      assert.ok(found.length > 0);
      const rising = [...found].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
      assert.deepEqual(found, rising);
      assert.equal(new Set(found).size, found.length);
    });

    test('archived records are listed apart', async () => {
      const archived = await readAll(type, { archived: true });
      assert.equal(archived.length, records[type].archived);
      assert.ok(archived.every((record) => record.archived === true && record.archivedAt instanceof Date));
    });

    test('by search: the same records, with their number', async () => {
      const { found, total } = await searchAll(type, { filterGroups: [], properties: [] });
      assert.equal(total, records[type].live);
      assert.deepEqual(new Set(ids(found)), new Set(ids(await readAll(type))));
    });

    test('every defined property can be asked for, and batch read agrees with the list', async () => {
      const { results: defined } = await client.crm.properties.coreApi.getAll(type);
      const names = defined.map((property) => property.name);
      assert.ok(names.includes('hs_object_id'));
      const listed = (await apiOf(type).page(30, undefined, names, false)).results;
      const read = await apiOf(type).read({
        properties: names,
        propertiesWithHistory: [],
        inputs: listed.map(({ id }) => ({ id })),
      });
      assert.equal(read.status, 'COMPLETE');
      const byId = new Map(read.results.map((record) => [record.id, record]));
      for (const record of listed) {
        assert.equal(record.properties.hs_object_id, record.id);
        assert.deepEqual(byId.get(record.id).properties, record.properties);
      }
      const single = await apiOf(type).one(listed[0].id, names);
      assert.deepEqual(single.properties, listed[0].properties);
    });

    test('search by id keyset walks the whole type', async () => {
      const found = [];
      let last = '0';
      for (;;) {
        const page = await apiOf(type).search({
          limit: 100,
          properties: [],
          sorts: ['hs_object_id'],
          filterGroups: [{ filters: [{ propertyName: 'hs_object_id', operator: 'GT', value: last }] }],
        });
        if (page.results.length === 0) {
          break;
        }
        found.push(...ids(page.results));
        last = found[found.length - 1];
      }
      assert.equal(found.length, records[type].live);
      assert.equal(new Set(found).size, found.length);
    });
  });
}

test('search filters by the modified stamp', async () => {
  const all = await readAll('contacts', { properties: ['lastmodifieddate'] });
  const stamps = all.map((record) => Date.parse(record.properties.lastmodifieddate)).sort((a, b) => a - b);
  const middle = stamps[Math.floor(stamps.length / 2)];
  const filter = (operator) =>
    searchAll('contacts', {
      properties: ['lastmodifieddate'],
      filterGroups: [{ filters: [{ propertyName: 'lastmodifieddate', operator, value: String(middle) }] }],
    });
  const newer = await filter('GTE');
  const older = await filter('LT');
  assert.equal(newer.total, stamps.filter((stamp) => stamp >= middle).length);
  assert.equal(older.total, stamps.filter((stamp) => stamp < middle).length);
  assert.ok(newer.found.every((record) => Date.parse(record.properties.lastmodifieddate) >= middle));
});

test('ids that are not there come back as errors of a mixed answer', async () => {
  const [known] = ids(await readAll('contacts'));
  const answer = await client.crm.contacts.batchApi.read({
    properties: ['email'],
    propertiesWithHistory: [],
    inputs: [{ id: known }, { id: '999999999999' }],
  });
  assert.deepEqual(ids(answer.results), [known]);
  assert.equal(answer.errors[0].category, 'OBJECT_NOT_FOUND');
});

test('owners with their teams', async () => {
  const found = [];
  let cursor;
  do {
    const page = await client.crm.owners.ownersApi.getPage(undefined, cursor, 5, false);
    found.push(...page.results);
    cursor = page.paging?.next?.after;
  } while (cursor !== undefined);
  assert.equal(found.length, records.owners.live);
  assert.ok(found.every((owner) => /^\d+$/.test(owner.id) && owner.email));
  assert.ok(found.some((owner) => owner.teams?.some((team) => team.primary === true)));
});

test('pipelines with their stages; every deal and ticket is in one of them', async () => {
  for (const [type, pipelineName, stageName] of [
    ['deals', 'pipeline', 'dealstage'],
    ['tickets', 'hs_pipeline', 'hs_pipeline_stage'],
  ]) {
    const { results } = await client.crm.pipelines.pipelinesApi.getAll(type);
    const stages = new Set(results.flatMap((p) => p.stages.map((stage) => `${p.id}/${stage.id}`)));
    assert.ok(stages.size > 1);
    const found = await readAll(type, { properties: [pipelineName, stageName] });
    for (const { properties } of found) {
      assert.ok(stages.has(`${properties[pipelineName]}/${properties[stageName]}`));
    }
  }
});

test('associations in batches, both directions holding the same pairs', async () => {
  const pairs = async (from, to) => {
    const found = new Set();
    let inputs = ids(await readAll(from)).map((id) => ({ id }));
    while (inputs.length > 0) {
      const batch = inputs.splice(0, 1000);
      const answer = await client.crm.associations.v4.batchApi.getPage(from, to, { inputs: batch });
      for (const result of answer.results) {
        for (const other of result.to) {
          found.add(`${result._from.id}-${other.toObjectId}`);
          assert.ok(other.associationTypes.length > 0);
        }
        if (result.paging?.next) {
          inputs.push({ id: result._from.id, after: result.paging.next.after });
        }
      }
    }
    return found;
  };
  for (const [from, to] of [
    ['contacts', 'companies'],
    ['deals', 'contacts'],
    ['calls', 'contacts'],
  ]) {
    const forward = await pairs(from, to);
    const backward = new Set([...(await pairs(to, from))].map((pair) => pair.split('-').reverse().join('-')));
    assert.ok(forward.size > 0, `${from} to ${to}`);
    assert.deepEqual(forward, backward);
  }
});

test('a wrong token is refused in the words that HubSpot uses', async () => {
  const stranger = new Client({ accessToken: 'wrong', basePath: sim.url, numberOfApiCallRetries: 0 });
  await assert.rejects(stranger.crm.contacts.basicApi.getPage(), (error) => {
    assert.equal(error.code, 401);
    assert.equal(error.body.category, 'INVALID_AUTHENTICATION');
    return true;
  });
});
