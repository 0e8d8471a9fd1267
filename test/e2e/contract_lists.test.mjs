// Lists and their members through HubSpot's own client and through sluice's.
import assert from 'node:assert/strict';
import { runScenes, scene } from './lib/contract.mjs';

const OPTIONS = { contacts: 600, companies: 40, deals: 30 };
const MANUAL = { name: 'Hand-picked', objectTypeId: '0-1', processingType: 'MANUAL' };
const CITY = {
  filterBranchType: 'OR',
  filterBranchOperator: 'OR',
  filters: [],
  filterBranches: [
    {
      filterBranchType: 'AND',
      filterBranchOperator: 'AND',
      filterBranches: [],
      filters: [{ filterType: 'PROPERTY', property: 'lifecyclestage', operation: { operationType: 'ENUMERATION', operator: 'IS_ANY_OF', values: ['lead'] } }],
    },
  ],
};
const DYNAMIC = { name: 'Leads only', objectTypeId: '0-1', processingType: 'DYNAMIC', filterBranch: CITY };

async function create({ sim }, body = MANUAL) {
  const { status, json, text } = await sim.api('POST', '/crm/v3/lists/', body);
  assert.equal(status, 200, text);
  return json.list.listId;
}

const contactIds = async (sim) => (await sim.list('contacts', ['lifecyclestage'])).map((r) => r.id);

async function members(sim, listId, query = 'limit=250') {
  const { status, json, text } = await sim.api('GET', `/crm/v3/lists/${listId}/memberships?${query}`);
  assert.equal(status, 200, text);
  return json.results.map((m) => m.recordId);
}

// A list with the first ten contacts, in the order in which they joined.
async function filled(ctx) {
  const listId = await create(ctx);
  const ids = (await contactIds(ctx.sim)).slice(0, 10);
  for (const part of [ids.slice(4, 7), ids.slice(0, 4), ids.slice(7)]) {
    assert.equal((await ctx.sim.api('PUT', `/crm/v3/lists/${listId}/memberships/add`, part)).status, 200);
    assert.equal((await ctx.sim.api('POST', '/_sim/clock', { advance: '1s' })).status, 200);
  }
  return { listId, ids };
}

runScenes('lists', OPTIONS, [
  scene({
    name: 'a search finds all lists, a page at a time',
    sdk: (client) => client.crm.lists.listsApi.doSearch({ offset: 1, count: 2, additionalProperties: ['hs_list_size'] }),
    sluice: () => ({ endpoint: 'LIST_SEARCH', body: { offset: 1, count: 2, additionalProperties: ['hs_list_size'] } }),
    status: 200,
    check: ({ lists, offset, hasMore, total }) => {
      assert.deepEqual([lists.length, offset, hasMore, total], [2, 3, true, 6]);
      assert.deepEqual(lists.map((l) => l.processingType), ['MANUAL', 'SNAPSHOT']);
      assert.ok(Number(lists[0].additionalProperties.hs_list_size) > 50);
    },
  }),
  scene({
    name: 'the last page of a search',
    sdk: (client) => client.crm.lists.listsApi.doSearch({ offset: 4, count: 20, processingTypes: ['DYNAMIC', 'MANUAL', 'SNAPSHOT'] }),
    sluice: () => ({ endpoint: 'LIST_SEARCH', body: { offset: 4, count: 20, processingTypes: ['DYNAMIC', 'MANUAL', 'SNAPSHOT'] } }),
    status: 200,
    check: ({ lists, hasMore, offset, total }) => assert.deepEqual([lists.length, hasMore, offset, total], [2, false, 6, 6]),
  }),
  scene({
    name: 'a search by name and type',
    sdk: (client) => client.crm.lists.listsApi.doSearch({ query: 'NEWS', processingTypes: ['MANUAL'] }),
    sluice: () => ({ endpoint: 'LIST_SEARCH', body: { query: 'NEWS', processingTypes: ['MANUAL'] } }),
    status: 200,
    check: ({ lists }) => assert.deepEqual(lists.map((l) => l.name), ['Newsletter recipients']),
  }),
  scene({
    name: 'a search past offset 10,000 is refused',
    sdk: (client) => client.crm.lists.listsApi.doSearch({ offset: 9999, count: 2 }),
    sluice: () => ({ endpoint: 'LIST_SEARCH', body: { offset: 9999, count: 2 } }),
    status: 400,
    check: ({ message }) => assert.match(message, /must not pass 10000/),
  }),
  scene({
    name: 'lists by their ids',
    sdk: (client) => client.crm.lists.listsApi.getAll(['4', '1', '77'], true),
    sluice: () => ({ endpoint: 'LISTS', query: 'listIds=4&listIds=1&listIds=77&includeFilters=true' }),
    status: 200,
    check: ({ lists }) => {
      assert.deepEqual(lists.map((l) => l.listId), ['4', '1']);
      assert.equal(lists[1].filterBranch.filterBranchType, 'OR');
      assert.equal(lists[0].objectTypeId, '0-2');
    },
  }),
  scene({
    name: 'one list by id',
    sdk: (client) => client.crm.lists.listsApi.getById('2'),
    sluice: () => ({ endpoint: 'LIST_GET', args: { id: '2' } }),
    status: 200,
    check: async ({ list }, { sim }) => {
      assert.deepEqual([list.name, list.processingStatus], ['Newsletter recipients', 'COMPLETE']);
      assert.equal(list.size, (await members(sim, '2')).length);
    },
  }),
  scene({
    name: 'one list by name',
    sdk: (client) => client.crm.lists.listsApi.getByName('Target accounts', '0-2'),
    sluice: () => ({ endpoint: 'LIST_GET_BY_NAME', args: { type: '0-2', name: 'Target accounts' } }),
    status: 200,
    check: ({ list }) => assert.equal(list.listId, '4'),
  }),
  scene({
    name: 'a list that is not there',
    sdk: (client) => client.crm.lists.listsApi.getById('999'),
    sluice: () => ({ endpoint: 'LIST_GET', args: { id: '999' } }),
    status: 404,
    check: ({ subCategory }) => assert.equal(subCategory, 'ILS.LIST_NOT_FOUND'),
  }),
  scene({
    name: 'a manual list is created empty',
    writes: true,
    sdk: (client) => client.crm.lists.listsApi.create(MANUAL),
    sluice: () => ({ endpoint: 'LIST_CREATE', body: MANUAL }),
    status: 200,
    check: async ({ list }, { sim }) => {
      assert.deepEqual([list.name, list.processingType, list.size, list.listVersion], ['Hand-picked', 'MANUAL', 0, 1]);
      assert.deepEqual(await members(sim, list.listId), []);
    },
  }),
  scene({
    name: 'a dynamic list holds what its filter finds, and follows changes',
    writes: true,
    sdk: (client) => client.crm.lists.listsApi.create(DYNAMIC),
    sluice: () => ({ endpoint: 'LIST_CREATE', body: DYNAMIC }),
    status: 200,
    check: async ({ list }, { sim }) => {
      const all = await sim.list('contacts', ['lifecyclestage']);
      const leads = all.filter((r) => r.properties.lifecyclestage === 'lead').map((r) => r.id);
      assert.ok(leads.length > 10 && leads.length < 250);
      assert.deepEqual(await members(sim, list.listId), leads);
      assert.equal(list.size, leads.length);
      await sim.mutate({ op: 'update', object: 'contacts', ids: [leads[0]], properties: { lifecyclestage: 'customer' } });
      assert.deepEqual(await members(sim, list.listId), leads.slice(1));
    },
  }),
  scene({
    name: 'a snapshot takes what its filter finds once',
    writes: true,
    sdk: (client) => client.crm.lists.listsApi.create({ ...DYNAMIC, processingType: 'SNAPSHOT' }),
    sluice: () => ({ endpoint: 'LIST_CREATE', body: { ...DYNAMIC, processingType: 'SNAPSHOT' } }),
    status: 200,
    check: async ({ list }, { sim }) => {
      const before = await members(sim, list.listId);
      assert.ok(before.length > 10);
      await sim.mutate({ op: 'update', object: 'contacts', ids: [before[0]], properties: { lifecyclestage: 'customer' } });
      assert.deepEqual(await members(sim, list.listId), before);
    },
  }),
  ...[
    ['a name is taken', { ...MANUAL, name: 'customers' }, /already exists/],
    ['an unknown object', { ...MANUAL, objectTypeId: '0-999' }, /objectTypeId '0-999' is unknown/],
    ['an unknown processing type', { ...MANUAL, processingType: 'MAGIC' }, /must be MANUAL, DYNAMIC or SNAPSHOT/],
    ['a dynamic list needs a filter', { ...MANUAL, processingType: 'DYNAMIC' }, /\[filterBranch\]/],
    ['the root of a filter is an OR', { ...DYNAMIC, filterBranch: { ...CITY, filterBranchType: 'AND' } }, /filterBranchType OR/],
  ].map(([name, body, pattern]) =>
    scene({
      name,
      writes: true,
      sdk: (client) => client.crm.lists.listsApi.create(body),
      sluice: () => ({ endpoint: 'LIST_CREATE', body }),
      status: 400,
      check: ({ message }) => assert.match(message, pattern),
    }),
  ),
  scene({
    name: 'a list is deleted, and can be restored for 90 days',
    writes: true,
    setup: filled,
    sdk: (client, { setup }) => client.crm.lists.listsApi.remove(setup.listId),
    sluice: ({ setup }) => ({ endpoint: 'LIST_DELETE', args: { id: setup.listId } }),
    status: 204,
    check: async (_, { sim, setup }) => {
      assert.equal((await sim.api('GET', `/crm/v3/lists/${setup.listId}`)).status, 404);
      assert.equal((await sim.api('PUT', `/crm/v3/lists/${setup.listId}/restore`)).status, 204);
      assert.equal((await members(sim, setup.listId)).length, 10);
      assert.equal((await sim.api('DELETE', `/crm/v3/lists/${setup.listId}`)).status, 204);
      assert.equal((await sim.api('POST', '/_sim/clock', { advance: '2161h' })).status, 200); // 90 days and an hour
      assert.equal((await sim.api('PUT', `/crm/v3/lists/${setup.listId}/restore`)).status, 404);
    },
  }),
  scene({
    name: 'a list is restored',
    writes: true,
    setup: async (ctx) => {
      const listId = await create(ctx);
      await ctx.sim.api('DELETE', `/crm/v3/lists/${listId}`);
      return listId;
    },
    sdk: (client, { setup }) => client.crm.lists.listsApi.restore(setup),
    sluice: ({ setup }) => ({ endpoint: 'LIST_RESTORE', args: { id: setup } }),
    status: 204,
  }),
  scene({
    name: 'a list is renamed',
    writes: true,
    setup: create,
    sdk: (client, { setup }) => client.crm.lists.listsApi.updateName(setup, 'Other name'),
    sluice: ({ setup }) => ({ endpoint: 'LIST_RENAME', args: { id: setup }, query: { listName: 'Other name' } }),
    status: 200,
    check: ({ updatedList }) => assert.deepEqual([updatedList.name, updatedList.listVersion], ['Other name', 2]),
  }),
  scene({
    name: 'filters are changed',
    writes: true,
    setup: (ctx) => create(ctx, { ...DYNAMIC, filterBranch: JSON.parse(JSON.stringify(CITY).replace('lead', 'customer')) }),
    sdk: (client, { setup }) => client.crm.lists.listsApi.updateListFilters(setup, { filterBranch: CITY }),
    sluice: ({ setup }) => ({ endpoint: 'LIST_UPDATE_FILTERS', args: { id: setup }, body: { filterBranch: CITY } }),
    status: 200,
    check: async ({ updatedList }, { sim, setup }) => {
      const [id] = await members(sim, setup);
      const { json } = await sim.api('GET', `/crm/v3/objects/contacts/${id}?properties=lifecyclestage`);
      assert.equal(json.properties.lifecyclestage, 'lead');
      assert.equal(updatedList.size, (await members(sim, setup)).length);
    },
  }),
  scene({
    name: 'members by record id, page by page',
    setup: ({ sim }) => members(sim, '2'),
    sdk: async (client) => {
      const first = await client.crm.lists.membershipsApi.getPage('2', undefined, undefined, 40);
      return client.crm.lists.membershipsApi.getPage('2', first.paging.next.after, undefined, 40);
    },
    sluice: () => [
      { endpoint: 'LIST_MEMBERS', args: { id: '2' }, query: 'limit=40' },
      ([first]) => ({ endpoint: 'LIST_MEMBERS', args: { id: '2' }, query: { limit: 40, after: first.body.paging.next.after } }),
    ],
    status: 200,
    check: ({ results, total }, { setup }) => {
      assert.deepEqual(results.map((m) => m.recordId), setup.slice(40, 80));
      assert.equal(total, setup.length);
      assert.ok(results.every((m) => Date.parse(m.membershipTimestamp) > 0));
    },
  }),
  scene({
    name: 'members, the newest first',
    writes: true,
    setup: filled,
    sdk: (client, { setup }) => client.crm.lists.membershipsApi.getPageOrderedByAddedToListDate(setup.listId, undefined, undefined, 5),
    sluice: ({ setup }) => ({ endpoint: 'LIST_MEMBERS_BY_JOIN', args: { id: setup.listId }, query: 'limit=5' }),
    status: 200,
    check: async ({ results, paging }, { sim, setup }) => {
      const { ids } = setup;
      assert.deepEqual(results.map((m) => m.recordId), [...ids.slice(7), ...ids.slice(0, 2)]);
      const path = `/crm/v3/lists/${setup.listId}/memberships/join-order?limit=5`;
      const second = (await sim.api('GET', `${path}&after=${paging.next.after}`)).json;
      assert.deepEqual(second.results.map((m) => m.recordId), [...ids.slice(2, 4), ...ids.slice(4, 7)]);
      assert.equal(second.paging.next, undefined);
      const back = (await sim.api('GET', `${path}&before=${second.paging.prev.before}`)).json;
      assert.deepEqual(back.results.map((m) => m.recordId), results.map((m) => m.recordId));
    },
  }),
  scene({
    name: 'a page holds 250 at most',
    sdk: (client) => client.crm.lists.membershipsApi.getPage('2', undefined, undefined, 251),
    sluice: () => ({ endpoint: 'LIST_MEMBERS', args: { id: '2' }, query: 'limit=251' }),
    status: 400,
    check: ({ message }) => assert.match(message, /maximum of 250/),
  }),
  scene({
    name: 'records are added: those that are missing are said',
    writes: true,
    setup: async (ctx) => ({ listId: await create(ctx), ids: (await contactIds(ctx.sim)).slice(0, 3) }),
    sdk: (client, { setup }) => client.crm.lists.membershipsApi.add(setup.listId, [...setup.ids, setup.ids[0], '99']),
    sluice: ({ setup }) => ({ endpoint: 'LIST_MEMBERS_ADD', args: { id: setup.listId }, body: [...setup.ids, setup.ids[0], '99'] }),
    status: 200,
    check: async ({ recordsIdsAdded, recordIdsMissing, recordIdsRemoved }, { sim, setup }) => {
      assert.deepEqual([recordsIdsAdded, recordIdsMissing, recordIdsRemoved], [setup.ids, ['99'], []]);
      assert.deepEqual(await members(sim, setup.listId), setup.ids);
    },
  }),
  scene({
    name: 'records are removed',
    writes: true,
    setup: filled,
    sdk: (client, { setup }) => client.crm.lists.membershipsApi.remove(setup.listId, setup.ids.slice(2, 4)),
    sluice: ({ setup }) => ({ endpoint: 'LIST_MEMBERS_REMOVE', args: { id: setup.listId }, body: setup.ids.slice(2, 4) }),
    status: 200,
    check: async ({ recordIdsRemoved }, { sim, setup }) => {
      assert.deepEqual(recordIdsRemoved, setup.ids.slice(2, 4));
      assert.equal((await members(sim, setup.listId)).length, 8);
    },
  }),
  scene({
    name: 'records are added and removed at once',
    writes: true,
    setup: filled,
    sdk: async (client, { sim, setup }) =>
      client.crm.lists.membershipsApi.addAndRemove(setup.listId, { recordIdsToAdd: (await contactIds(sim)).slice(20, 22), recordIdsToRemove: setup.ids.slice(0, 1) }),
    sluice: async ({ sim, setup }, call) =>
      call({
        endpoint: 'LIST_MEMBERS_ADD_REMOVE',
        args: { id: setup.listId },
        body: { recordIdsToAdd: (await contactIds(sim)).slice(20, 22), recordIdsToRemove: setup.ids.slice(0, 1) },
      }),
    status: 200,
    check: async (body, { sim, setup }) => {
      assert.equal(body.recordsIdsAdded.length, 2);
      assert.deepEqual(body.recordIdsRemoved, setup.ids.slice(0, 1));
      assert.equal((await members(sim, setup.listId)).length, 11);
    },
  }),
  scene({
    name: 'the records of another list are added',
    writes: true,
    setup: create,
    sdk: (client, { setup }) => client.crm.lists.membershipsApi.addAllFromList(setup, '1'),
    sluice: ({ setup }) => ({ endpoint: 'LIST_MEMBERS_ADD_FROM', args: { id: setup, source: '1' } }),
    status: 204,
    check: async (_, { sim, setup }) => {
      const added = await members(sim, setup);
      assert.ok(added.length > 20);
      assert.deepEqual(added, await members(sim, '1'));
    },
  }),
  scene({
    name: 'all records are removed',
    writes: true,
    setup: filled,
    sdk: (client, { setup }) => client.crm.lists.membershipsApi.removeAll(setup.listId),
    sluice: ({ setup }) => ({ endpoint: 'LIST_MEMBERS_CLEAR', args: { id: setup.listId } }),
    status: 204,
    check: async (_, { sim, setup }) => assert.deepEqual(await members(sim, setup.listId), []),
  }),
  scene({
    name: 'the members of a dynamic list cannot be set',
    writes: true,
    sdk: (client) => client.crm.lists.membershipsApi.add('1', ['51001']),
    sluice: () => ({ endpoint: 'LIST_MEMBERS_ADD', args: { id: '1' }, body: ['51001'] }),
    status: 400,
    check: ({ subCategory }) => assert.equal(subCategory, 'ILS.INVALID_PROCESSING_TYPE'),
  }),
  scene({
    name: 'the lists a record is in',
    setup: async ({ sim }) => (await members(sim, '2'))[0],
    sdk: (client, { setup }) => client.crm.lists.membershipsApi.getLists('0-1', setup),
    sluice: ({ setup }) => ({ endpoint: 'LISTS_OF_RECORD', args: { type: '0-1', id: setup } }),
    status: 200,
    check: ({ results }) => assert.ok(results.some((l) => l.listId === '2' && l.firstAddedTimestamp)),
  }),
  scene({
    name: 'an archived record is in no list',
    writes: true,
    setup: async ({ sim }) => {
      const [id, ...rest] = await members(sim, '2');
      assert.equal((await sim.api('DELETE', `/crm/v3/objects/contacts/${id}`)).status, 204);
      return rest;
    },
    sdk: (client) => client.crm.lists.membershipsApi.getPage('2', undefined, undefined, 250),
    sluice: () => ({ endpoint: 'LIST_MEMBERS', args: { id: '2' }, query: 'limit=250' }),
    status: 200,
    check: ({ results }, { setup }) => assert.deepEqual(results.map((m) => m.recordId), setup),
  }),
  scene({
    name: 'old ids are translated',
    sdk: (client) => client.crm.lists.mappingApi.translateLegacyListIdToListIdBatch(['4', '7', '5']),
    sluice: () => ({ endpoint: 'LIST_ID_MAP', body: ['4', '7', '5'] }),
    status: 200,
    check: (body) =>
      assert.deepEqual(body, {
        legacyListIdsToIdsMapping: [{ legacyListId: '4', listId: '1' }, { legacyListId: '7', listId: '2' }],
        missingLegacyListIds: ['5'],
      }),
  }),
  scene({
    name: 'one old id is translated',
    sdk: (client) => client.crm.lists.mappingApi.translateLegacyListIdToListId('10'),
    sluice: () => ({ endpoint: 'LIST_ID_MAP_GET', query: 'legacyListId=10' }),
    status: 200,
    check: (body) => assert.deepEqual(body, { legacyListId: '10', listId: '3' }),
  }),
]);
