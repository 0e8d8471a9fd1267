// Reading through HubSpot's own client and through sluice's: the same answers, in the legacy and the dated API.
import assert from 'node:assert/strict';
import { runScenes, scene } from './lib/contract.mjs';

const OPTIONS = { contacts: 130, companies: 30, deals: 40, tickets: 20, engagements: 400, owners: 9 };
const CRM = ['contacts', 'companies', 'deals', 'tickets'];
const ENGAGEMENTS = ['calls', 'communications', 'emails', 'meetings', 'notes', 'tasks', 'postal_mail'];
const TITLE = { contacts: 'email', companies: 'name', deals: 'dealname', tickets: 'subject' };

// The typed API of the SDK where it has one for the type, else its generic one.
function apiOf(client, type) {
  const bind = (api, names) => Object.fromEntries(names.map((n) => [n, (...args) => api[n](type, ...args)]));
  if (CRM.includes(type)) {
    const { basicApi, batchApi, searchApi } = client.crm[type];
    return { basicApi, batchApi, searchApi };
  }
  const { basicApi, batchApi, searchApi } = client.crm.objects;
  return {
    basicApi: bind(basicApi, ['getPage', 'getById']),
    batchApi: bind(batchApi, ['read']),
    searchApi: bind(searchApi, ['doSearch']),
  };
}

const titleOf = (type) => TITLE[type] ?? 'hs_object_id';

async function someIds(sim, type, n = 3) {
  return (await sim.list(type, ['hs_object_id'])).slice(0, n).map((record) => record.id);
}

function recordScenes(type) {
  const title = titleOf(type);
  const name = (what) => `${type}: ${what}`;
  return [
    scene({
      name: name('the first page'),
      sdk: (client) => apiOf(client, type).basicApi.getPage(5, undefined, [title]),
      sluice: () => ({ endpoint: 'OBJECT_LIST', args: { type }, query: { limit: 5, properties: title } }),
      status: 200,
      check: ({ results, paging }) => {
        assert.equal(results.length, 5);
        assert.ok(results.every((record) => /^\d+$/.test(record.id) && title in record.properties && !record.archived));
        assert.ok(paging.next.after);
      },
    }),
    scene({
      name: name('the second page goes on where the first ended'),
      setup: ({ sim }) => someIds(sim, type, 3),
      sdk: async (client) => {
        const first = await apiOf(client, type).basicApi.getPage(2);
        return apiOf(client, type).basicApi.getPage(1, first.paging.next.after);
      },
      sluice: () => [
        { endpoint: 'OBJECT_LIST', args: { type }, query: 'limit=2' },
        ([first]) => ({
          endpoint: 'OBJECT_LIST',
          args: { type },
          query: { limit: 1, after: first.body.paging.next.after },
        }),
      ],
      check: ({ results }, { setup }) => assert.deepEqual([results[0].id], setup.slice(2)),
    }),
    scene({
      name: name('one record'),
      setup: ({ sim }) => someIds(sim, type),
      sdk: (client, { setup }) => apiOf(client, type).basicApi.getById(setup[1], [title]),
      sluice: ({ setup }) => ({ endpoint: 'OBJECT_GET', args: { type, id: setup[1] }, query: { properties: title } }),
      status: 200,
      check: (body, { setup }) => {
        assert.equal(body.id, setup[1]);
        assert.ok(title in body.properties);
        assert.match(body.createdAt, /^\d{4}-\d\d-\d\dT.*Z$/);
      },
    }),
    scene({
      name: name('a batch'),
      setup: ({ sim }) => someIds(sim, type),
      sdk: (client, { setup }) =>
        apiOf(client, type).batchApi.read({
          properties: [title],
          propertiesWithHistory: [],
          inputs: setup.map((id) => ({ id })),
        }),
      sluice: ({ setup }) => ({
        endpoint: 'OBJECT_BATCH_READ',
        args: { type },
        body: { properties: [title], inputs: setup.map((id) => ({ id })) },
      }),
      status: 200,
      check: (body, { setup }) => {
        assert.equal(body.status, 'COMPLETE');
        assert.deepEqual(body.results.map((r) => r.id).sort(), [...setup].sort());
      },
    }),
    scene({
      name: name('a batch with an id that is not there'),
      setup: ({ sim }) => someIds(sim, type, 1),
      sdk: (client, { setup }) =>
        apiOf(client, type).batchApi.read({
          properties: [title],
          propertiesWithHistory: [],
          inputs: [{ id: setup[0] }, { id: '999999999999' }],
        }),
      sluice: ({ setup }) => ({
        endpoint: 'OBJECT_BATCH_READ',
        args: { type },
        body: { properties: [title], inputs: [{ id: setup[0] }, { id: '999999999999' }] },
      }),
      status: 207,
      check: (body, { setup }) => {
        assert.deepEqual(body.results.map((r) => r.id), setup);
        assert.equal(body.numErrors, 1);
        assert.equal(body.errors[0].category, 'OBJECT_NOT_FOUND');
        assert.deepEqual(body.errors[0].context.ids, ['999999999999']);
      },
    }),
    scene({
      name: name('a search by id'),
      setup: ({ sim }) => someIds(sim, type),
      sdk: (client, { setup }) => apiOf(client, type).searchApi.doSearch(idSearch(setup[0], title)),
      sluice: ({ setup }) => ({ endpoint: 'OBJECT_SEARCH', args: { type }, body: idSearch(setup[0], title) }),
      status: 200,
      check: (body, { setup }) => {
        assert.ok(body.total >= 1 && body.results.length > 0, JSON.stringify(body).slice(0, 200));
        assert.ok(body.results.every((r) => BigInt(r.id) > BigInt(setup[0])));
        const ids = body.results.map((r) => BigInt(r.id));
        assert.ok(ids.every((id, i) => i === 0 || id > ids[i - 1]), 'in the order of ids');
      },
    }),
    scene({
      name: name('archived records only when asked for'),
      writes: true,
      setup: async ({ sim }) => {
        const [id] = await someIds(sim, type, 1);
        await sim.mutate({ op: 'archive', object: type, ids: [id] });
        return id;
      },
      sdk: async (client) => apiOf(client, type).basicApi.getPage(100, undefined, [], undefined, undefined, true),
      sluice: () => ({ endpoint: 'OBJECT_LIST', args: { type }, query: { limit: 100, archived: true } }),
      check: ({ results }, { setup }) => {
        assert.ok(results.some((r) => r.id === setup));
        assert.ok(results.every((r) => r.archived && r.archivedAt));
      },
    }),
  ];
}

function idSearch(id, title) {
  return {
    filterGroups: [{ filters: [{ propertyName: 'hs_object_id', operator: 'GT', value: id }] }],
    sorts: ['hs_object_id'],
    properties: [title],
    limit: 5,
    after: '0',
  };
}

const records = [...CRM, ...ENGAGEMENTS].flatMap(recordScenes);

const definitions = [
  ...[...CRM, 'calls', 'postal_mail'].flatMap((type) => [
    scene({
      name: `properties of ${type}`,
      sdk: (client) => client.crm.properties.coreApi.getAll(type),
      sluice: () => ({ endpoint: 'PROPERTIES', args: { type } }),
      status: 200,
      check: ({ results, paging }) => {
        assert.ok(results.length > 5 && paging === undefined);
        const id = results.find((p) => p.name === 'hs_object_id');
        assert.equal(id.type, 'number');
        assert.equal(id.modificationMetadata.readOnlyValue, true);
      },
    }),
    scene({
      name: `one property of ${type}`,
      sdk: (client) => client.crm.properties.coreApi.getByName(type, 'hs_object_id'),
      sluice: () => ({ endpoint: 'PROPERTY_GET', args: { type, name: 'hs_object_id' } }),
      status: 200,
      check: (body) => assert.deepEqual([body.name, body.hubspotDefined], ['hs_object_id', true]),
    }),
  ]),
  ...['deals', 'tickets'].flatMap((type) => [
    scene({
      name: `pipelines of ${type}`,
      sdk: (client) => client.crm.pipelines.pipelinesApi.getAll(type),
      sluice: () => ({ endpoint: 'PIPELINES', args: { type } }),
      status: 200,
      check: ({ results }) => assert.ok(results.length > 0 && results.every((p) => p.stages.length > 1)),
    }),
    scene({
      name: `one pipeline of ${type} and its stages`,
      setup: async ({ sim }) => (await sim.api('GET', `/crm/v3/pipelines/${type}`)).json.results[0],
      sdk: async (client, { setup }) => {
        const pipeline = await client.crm.pipelines.pipelinesApi.getById(type, setup.id);
        assert.equal(pipeline.label, setup.label);
        return client.crm.pipelines.pipelineStagesApi.getAll(type, setup.id);
      },
      sluice: ({ setup }) => [
        { endpoint: 'PIPELINE_GET', args: { type, id: setup.id } },
        { endpoint: 'STAGES', args: { type, pipeline: setup.id } },
      ],
      status: 200,
      check: ({ results }, { setup }) => {
        assert.deepEqual(results.map((stage) => stage.id).sort(), setup.stages.map((stage) => stage.id).sort());
        assert.ok(results.every((stage) => Object.values(stage.metadata).every((v) => typeof v === 'string')));
      },
    }),
  ]),
];

const owners = [
  scene({
    name: 'owners',
    sdk: (client) => client.crm.owners.ownersApi.getPage(undefined, undefined, 3),
    sluice: () => ({ endpoint: 'OWNERS', query: { limit: 3 } }),
    status: 200,
    check: ({ results, paging }) => {
      assert.equal(results.length, 3);
      assert.ok(paging.next.after && results.every((o) => o.email && o.type && o.archived === false));
    },
  }),
  scene({
    name: 'archived owners',
    sdk: (client) => client.crm.owners.ownersApi.getPage(undefined, undefined, 500, true),
    sluice: () => ({ endpoint: 'OWNERS', query: { limit: 500, archived: true } }),
    status: 200,
    check: ({ results }) => assert.ok(results.length > 0 && results.every((o) => o.archived && !o.userId)),
  }),
  scene({
    name: 'one owner',
    setup: async ({ sim }) => (await sim.api('GET', '/crm/v3/owners?limit=1')).json.results[0],
    sdk: (client, { setup }) => client.crm.owners.ownersApi.getById(Number(setup.id)),
    sluice: ({ setup }) => ({ endpoint: 'OWNER_GET', args: { id: setup.id } }),
    status: 200,
    check: (body, { setup }) => assert.equal(body.email, setup.email),
  }),
  scene({
    name: 'one owner by the id of the user',
    setup: async ({ sim }) => (await sim.api('GET', '/crm/v3/owners?limit=2')).json.results[1],
    sdk: (client, { setup }) => client.crm.owners.ownersApi.getById(setup.userId, 'userId'),
    sluice: ({ setup }) => ({ endpoint: 'OWNER_GET', args: { id: setup.userId }, query: { idProperty: 'userId' } }),
    status: 200,
    check: (body, { setup }) => assert.equal(body.id, setup.id),
  }),
  scene({
    name: 'one owner by something else',
    sdk: (client) => client.crm.owners.ownersApi.getById(1, 'email'),
    sluice: () => ({ endpoint: 'OWNER_GET', args: { id: 1 }, query: { idProperty: 'email' } }),
    status: 400,
    check: (body) => assert.match(body.message, /idProperty: email/),
  }),
  scene({
    name: 'one owner by e-mail',
    setup: async ({ sim }) => (await sim.api('GET', '/crm/v3/owners?limit=1')).json.results[0],
    sdk: (client, { setup }) => client.crm.owners.ownersApi.getPage(setup.email),
    sluice: ({ setup }) => ({ endpoint: 'OWNERS', query: { email: setup.email } }),
    status: 200,
    check: ({ results }, { setup }) => assert.deepEqual(results.map((o) => o.id), [setup.id]),
  }),
];

async function associated(sim) {
  for (const { id } of await sim.list('deals', [])) {
    const { json } = await sim.api('GET', `/crm/v4/objects/deals/${id}/associations/contacts`);
    if (json.results.length > 0) {
      return { id, others: json.results.map((r) => r.toObjectId) };
    }
  }
  throw new Error('no deal has a contact');
}

const associations = [
  scene({
    name: 'associations of one record',
    setup: ({ sim }) => associated(sim),
    sdk: (client, { setup }) => client.crm.associations.v4.basicApi.getPage('deals', setup.id, 'contacts'),
    sluice: ({ setup }) => ({ endpoint: 'ASSOC_LIST', args: { from: 'deals', id: setup.id, to: 'contacts' } }),
    status: 200,
    check: ({ results }, { setup }) => {
      assert.deepEqual(results.map((r) => r.toObjectId), setup.others);
      assert.ok(results.every((r) => r.associationTypes.some((t) => t.category === 'HUBSPOT_DEFINED' && t.typeId === 3)));
    },
  }),
  scene({
    name: 'associations of a batch, one of which has none',
    setup: ({ sim }) => associated(sim),
    sdk: (client, { setup }) =>
      client.crm.associations.v4.batchApi.getPage('deals', 'contacts', { inputs: [{ id: setup.id }, { id: '1' }] }),
    sluice: ({ setup }) => ({
      endpoint: 'ASSOC_BATCH_READ',
      args: { from: 'deals', to: 'contacts' },
      body: { inputs: [{ id: setup.id }, { id: '1' }] },
    }),
    status: 207,
    check: ({ results, errors }, { setup }) => {
      assert.deepEqual(results.map((r) => r.from.id), [setup.id]);
      assert.deepEqual(results[0].to.map((o) => o.toObjectId), setup.others);
      assert.equal(errors[0].subCategory, 'crm.associations.NO_ASSOCIATIONS_FOUND');
    },
  }),
  scene({
    name: 'labels of a pair of types',
    sdk: (client) => client.crm.associations.v4.schema.definitionsApi.getAll('contacts', 'companies'),
    sluice: () => ({ endpoint: 'ASSOC_LABELS', args: { from: 'contacts', to: 'companies' } }),
    status: 200,
    check: ({ results }) => {
      const ids = results.map((label) => label.typeId);
      assert.ok(ids.includes(279) && ids.includes(1), `${ids}`);
    },
  }),
];

const account = [
  scene({
    name: 'account details',
    sdk: async (client) => (await client.apiRequest({ path: '/account-info/v3/details' })).json(),
    sluice: () => ({ endpoint: 'ACCOUNT' }),
    status: 200,
    check: (body) => {
      assert.ok(Number.isInteger(body.portalId) && body.timeZone && body.uiDomain);
      assert.equal(typeof body.utcOffsetMilliseconds, 'number');
    },
  }),
  scene({
    name: 'usage of the day',
    sdk: async (client) => (await client.apiRequest({ path: '/account-info/v3/api-usage/daily/private-apps' })).json(),
    sluice: () => ({ endpoint: 'DAILY_USAGE' }),
    check: ({ results }) => assert.ok(results.length > 0 && results.every((r) => r.usageLimit > 0 && r.resetsAt)),
    same: false, // the calls themselves are counted in it
  }),
  scene({
    name: 'what a token may do',
    sdk: async (client, { token }) =>
      (
        await client.apiRequest({
          method: 'POST',
          path: '/oauth/v2/private-apps/get/access-token-info',
          body: { tokenKey: token },
        })
      ).json(),
    sluice: ({ token }) => ({ endpoint: 'TOKEN_INFO', body: { tokenKey: token } }),
    check: (body) => assert.ok(Number.isInteger(body.hubId) && Array.isArray(body.scopes)),
  }),
];

runScenes('reading', OPTIONS, [...records, ...definitions, ...owners, ...associations, ...account]);
