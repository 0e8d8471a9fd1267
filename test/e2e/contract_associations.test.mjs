// Associations and their labels, written through HubSpot's own client and through sluice's.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runScenes, scene } from './lib/contract.mjs';
import { temporaryFolder } from './lib/process.mjs';

const OPTIONS = { contacts: 60, companies: 12, deals: 20, tickets: 10, engagements: 40, owners: 5 };

const UNLABELLED = { associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 279 };
const PRIMARY = { associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 1 };
const DECIDES = { associationCategory: 'USER_DEFINED', associationTypeId: 36 };
const BILLED = { associationCategory: 'USER_DEFINED', associationTypeId: 38 };
const PAIR = { from: 'contacts', to: 'companies' };

const v4 = (client) => client.crm.associations.v4;
const labelsApi = (client) => client.crm.associations.v4.schema.definitionsApi;

// Two contacts and two companies that nobody has associated.
async function strangers({ sim }) {
  const make = async (type, properties) => {
    const { status, json, text } = await sim.api('POST', `/crm/v3/objects/${type}`, { properties });
    assert.equal(status, 201, text);
    return json.id;
  };
  return {
    a: await make('contacts', { firstname: 'A' }),
    b: await make('contacts', { firstname: 'B' }),
    x: await make('companies', { name: 'X' }),
    y: await make('companies', { name: 'Y' }),
  };
}

const put = async (sim, from, to, ...types) => {
  const { status, text } = await sim.api('PUT', `/crm/v4/objects/contacts/${from}/associations/companies/${to}`, types);
  assert.equal(status, 201, text);
};

// {id of the other record: type ids} of one record.
async function ties(sim, type, id, to) {
  const { status, json, text } = await sim.api('GET', `/crm/v4/objects/${type}/${id}/associations/${to}`);
  assert.equal(status, 200, text);
  return Object.fromEntries(
    json.results.map((one) => [String(one.toObjectId), one.associationTypes.map((t) => t.typeId).sort((p, q) => p - q)]),
  );
}

const both = (setup) => [
  { from: { id: setup.a }, to: { id: setup.x } },
  { from: { id: setup.b }, to: { id: setup.y } },
];
const labelled = (setup, types) => both(setup).map((one) => ({ ...one, types }));

// The SDK cannot call a field 'from'.
const underscored = (inputs) => inputs.map(({ from, ...rest }) => ({ _from: from, ...rest }));

// A body as a file, since a command line has an end.
function inFile(body) {
  const path = join(temporaryFolder(), 'body.json');
  writeFileSync(path, JSON.stringify(body));
  return `@${path}`;
}

// A scene of one batch endpoint; `inputs` of what setup gave.
function batch(name, method, endpoint, inputs, status, check, setup = strangers) {
  return scene({
    name,
    writes: true,
    setup,
    sdk: (client, ctx) => v4(client).batchApi[method]('contacts', 'companies', { inputs: underscored(inputs(ctx.setup)) }),
    sluice: (ctx) => ({ endpoint, args: PAIR, body: inFile({ inputs: inputs(ctx.setup) }) }),
    status,
    check,
  });
}

const create = (name, inputs, status, check, setup) =>
  batch(`batch create: ${name}`, 'create', 'ASSOC_BATCH_CREATE', inputs, status, check, setup);

const batches = [
  create('labels on two pairs', (s) => labelled(s, [DECIDES]), 201, async (body, { sim, setup }) => {
    assert.equal(body.status, 'COMPLETE');
    assert.deepEqual(body.results.map((one) => [String(one.fromObjectId), String(one.toObjectId), one.labels]), [
      [setup.a, setup.x, ['Decision maker']],
      [setup.b, setup.y, ['Decision maker']],
    ]);
    assert.deepEqual(await ties(sim, 'contacts', setup.a, 'companies'), { [setup.x]: [36, 279] });
    assert.deepEqual(await ties(sim, 'companies', setup.y, 'contacts'), { [setup.b]: [37, 280] });
  }),
  create('labels replace those that were there', (s) => labelled(s, [BILLED]), 201,
    async (_, { sim, setup }) => assert.deepEqual(await ties(sim, 'contacts', setup.a, 'companies'), { [setup.x]: [38, 279] }),
    async (ctx) => {
      const made = await strangers(ctx);
      await put(ctx.sim, made.a, made.x, DECIDES, PRIMARY);
      return made;
    }),
  create('a primary company is an ordinary one too, and there is one of it',
    (s) => [{ from: { id: s.a }, to: { id: s.y }, types: [PRIMARY] }], 201, async (_, { sim, setup }) => {
      assert.deepEqual(await ties(sim, 'contacts', setup.a, 'companies'), { [setup.x]: [279], [setup.y]: [1, 279] });
      const { json } = await sim.api('GET', `/crm/v3/objects/contacts/${setup.a}?properties=associatedcompanyid`);
      assert.equal(json.properties.associatedcompanyid, setup.y);
    }, async (ctx) => {
      const made = await strangers(ctx);
      await put(ctx.sim, made.a, made.x, PRIMARY);
      return made;
    }),
  create('records that are not there are errors of their own',
    (s) => [...labelled(s, [UNLABELLED]), { from: { id: s.a }, to: { id: '999' }, types: [UNLABELLED] }], 207,
    async (body, { sim, setup }) => {
      assert.equal(body.results.length, 2);
      assert.equal(body.numErrors, 1);
      assert.equal(body.errors[0].subCategory, 'crm.associations.TO_OBJECT_NOT_FOUND');
      assert.deepEqual(body.errors[0].context.toObjectId, ['999']);
      assert.deepEqual(Object.keys(await ties(sim, 'contacts', setup.a, 'companies')), [setup.x]);
    }),
  create('a type that does not go from here to there stops all',
    (s) => [...labelled(s, [UNLABELLED]), { from: { id: s.a }, to: { id: s.y }, types: [{ ...UNLABELLED, associationTypeId: 341 }] }], 400,
    async (body, { sim, setup }) => {
      assert.equal(body.subCategory, 'crm.associations.INVALID_ASSOCIATION_TYPE');
      assert.deepEqual(await ties(sim, 'contacts', setup.a, 'companies'), {});
    }),
  create('an id that is none stops all',
    (s) => [{ from: { id: s.a }, to: { id: 'x' }, types: [UNLABELLED] }], 400,
    (body) => assert.equal(body.subCategory, 'crm.associations.INVALID_OBJECT_IDS')),
  create('two thousand inputs', (s) => Array(2000).fill(labelled(s, [UNLABELLED])[0]), 201,
    (body) => assert.equal(body.results.length, 2000)),
  create('two thousand and one', (s) => Array(2001).fill(labelled(s, [UNLABELLED])[0]), 400,
    (body) => assert.match(body.message, /^The maximum number of inputs supported in a batch is 2000\./)),
  batch('batch default: unlabelled, beside labels that are there', 'createDefault', 'ASSOC_BATCH_DEFAULT', both, 200,
    async (body, { sim, setup }) => {
      assert.deepEqual(body.results.map((one) => [one.from.id, one.to.id, one.associationSpec.associationTypeId]), [
        [setup.a, setup.x, 279], [setup.x, setup.a, 280], [setup.b, setup.y, 279], [setup.y, setup.b, 280],
      ]);
      assert.deepEqual(await ties(sim, 'contacts', setup.a, 'companies'), { [setup.x]: [36, 279] });
      assert.deepEqual(await ties(sim, 'contacts', setup.b, 'companies'), { [setup.y]: [279] });
    }, async (ctx) => {
      const made = await strangers(ctx);
      await put(ctx.sim, made.a, made.x, DECIDES);
      return made;
    }),
];

// 2026-09 answers removals with a body, the older versions without.
const removed = (status, { who, version }) => assert.equal(status, who === 'sluice' && version === '2026-09' ? 200 : 204);

async function tied(ctx) {
  const made = await strangers(ctx);
  await put(ctx.sim, made.a, made.x, DECIDES, PRIMARY);
  await put(ctx.sim, made.a, made.y, UNLABELLED);
  await put(ctx.sim, made.b, made.y, BILLED);
  return made;
}

const removals = [
  batch('batch archive: all of a pair, one to many', 'archive', 'ASSOC_BATCH_ARCHIVE',
    (s) => [{ from: { id: s.a }, to: [{ id: s.x }, { id: s.y }, { id: '999' }] }], undefined,
    async (_, ctx, __, { status }) => {
      removed(status, ctx);
      assert.deepEqual(await ties(ctx.sim, 'contacts', ctx.setup.a, 'companies'), {});
      assert.deepEqual(await ties(ctx.sim, 'contacts', ctx.setup.b, 'companies'), { [ctx.setup.y]: [38, 279] });
    }, tied),
  batch('batch archive: at most a hundred', 'archive', 'ASSOC_BATCH_ARCHIVE',
    (s) => Array(101).fill({ from: { id: s.a }, to: [{ id: s.x }] }), 400,
    (body) => assert.match(body.message, /^The maximum number of inputs supported in a batch is 100\./), tied),
  batch('labels archive: one label goes, the others stay', 'archiveLabels', 'ASSOC_BATCH_LABELS_ARCHIVE',
    (s) => [{ from: { id: s.a }, to: { id: s.x }, types: [DECIDES] }], undefined,
    async (_, ctx, __, { status }) => {
      removed(status, ctx);
      assert.deepEqual((await ties(ctx.sim, 'contacts', ctx.setup.a, 'companies'))[ctx.setup.x], [1, 279]);
    }, tied),
  batch('labels archive: without the unlabelled one nothing stays', 'archiveLabels', 'ASSOC_BATCH_LABELS_ARCHIVE',
    (s) => [{ from: { id: s.a }, to: { id: s.x }, types: [UNLABELLED] }], undefined,
    async (_, ctx) =>
      assert.deepEqual(await ties(ctx.sim, 'contacts', ctx.setup.a, 'companies'), { [ctx.setup.y]: [279] }), tied),
];

const pairs = [
  scene({
    name: 'labels on a pair: they replace those that were there',
    writes: true,
    setup: tied,
    sdk: (client, { setup }) => v4(client).basicApi.create('contacts', setup.a, 'companies', setup.x, [BILLED]),
    sluice: ({ setup }) => ({ endpoint: 'ASSOC_PUT', args: { ...PAIR, id: setup.a, to_id: setup.x }, body: [BILLED] }),
    status: 201,
    check: async (body, { sim, setup }) => {
      assert.deepEqual(body.labels, ['Billing contact']);
      assert.equal(String(body.fromObjectId), setup.a);
      assert.equal(String(body.toObjectId), setup.x);
      assert.deepEqual((await ties(sim, 'contacts', setup.a, 'companies'))[setup.x], [38, 279]);
    },
  }),
  scene({
    name: 'labels on a pair: a record that is not there',
    writes: true,
    setup: strangers,
    sdk: (client, { setup }) => v4(client).basicApi.create('contacts', setup.a, 'companies', '999', [BILLED]),
    sluice: ({ setup }) => ({ endpoint: 'ASSOC_PUT', args: { ...PAIR, id: setup.a, to_id: '999' }, body: [BILLED] }),
    status: 404,
    check: (body) => assert.equal(body.subCategory, 'crm.associations.TO_OBJECT_NOT_FOUND'),
  }),
  scene({
    name: 'labels on a pair: no types',
    writes: true,
    setup: strangers,
    sdk: (client, { setup }) => v4(client).basicApi.create('contacts', setup.a, 'companies', setup.x, []),
    sluice: ({ setup }) => ({ endpoint: 'ASSOC_PUT', args: { ...PAIR, id: setup.a, to_id: setup.x }, body: [] }),
    status: 400,
    check: (body) => assert.equal(body.category, 'VALIDATION_ERROR'),
  }),
  scene({
    name: 'the default association of a pair',
    writes: true,
    setup: strangers,
    sdk: (client, { setup }) => v4(client).basicApi.createDefault('contacts', setup.a, 'companies', setup.x),
    sluice: ({ setup }) => ({ endpoint: 'ASSOC_PUT_DEFAULT', args: { ...PAIR, id: setup.a, to_id: setup.x } }),
    status: 200,
    check: async (body, { sim, setup }) => {
      assert.equal(body.results[0].associationSpec.associationTypeId, 279);
      assert.deepEqual(await ties(sim, 'companies', setup.x, 'contacts'), { [setup.a]: [280] });
    },
  }),
  scene({
    name: 'a pair is parted, and parted again',
    writes: true,
    setup: tied,
    sdk: async (client, { setup }) => {
      await v4(client).basicApi.archive('contacts', setup.a, 'companies', setup.x);
      return v4(client).basicApi.archive('contacts', setup.a, 'companies', setup.x);
    },
    sluice: ({ setup }) => {
      const step = { endpoint: 'ASSOC_DELETE', args: { ...PAIR, id: setup.a, to_id: setup.x } };
      return [step, step];
    },
    status: 204,
    check: async (_, { sim, setup }) =>
      assert.deepEqual(await ties(sim, 'contacts', setup.a, 'companies'), { [setup.y]: [279] }),
  }),
  scene({
    name: 'associating does not touch the modification date',
    writes: true,
    setup: async (ctx) => {
      const made = await strangers(ctx);
      const { json } = await ctx.sim.api('GET', `/crm/v3/objects/contacts/${made.a}`);
      return { ...made, before: json.updatedAt };
    },
    sdk: (client, { setup }) => v4(client).basicApi.createDefault('contacts', setup.a, 'companies', setup.x),
    sluice: ({ setup }) => ({ endpoint: 'ASSOC_PUT_DEFAULT', args: { ...PAIR, id: setup.a, to_id: setup.x } }),
    check: async (_, { sim, setup }) => {
      const { json } = await sim.api('GET', `/crm/v3/objects/contacts/${setup.a}`);
      assert.equal(json.updatedAt, setup.before);
    },
  }),
  scene({
    name: 'a label with a direction, turned round',
    writes: true,
    setup: async (ctx) => {
      const made = await strangers(ctx);
      const manages = { associationCategory: 'USER_DEFINED', associationTypeId: 42 };
      const { status } = await ctx.sim.api('PUT', `/crm/v4/objects/contacts/${made.a}/associations/contacts/${made.b}`, [manages]);
      assert.equal(status, 201);
      assert.deepEqual(await ties(ctx.sim, 'contacts', made.a, 'contacts'), { [made.b]: [42, 449] });
      assert.deepEqual(await ties(ctx.sim, 'contacts', made.b, 'contacts'), { [made.a]: [43, 449] });
      return made;
    },
    sdk: (client, { setup }) =>
      v4(client).basicApi.create('contacts', setup.a, 'contacts', setup.b, [{ ...DECIDES, associationTypeId: 43 }]),
    sluice: ({ setup }) => ({
      endpoint: 'ASSOC_PUT',
      args: { from: 'contacts', id: setup.a, to: 'contacts', to_id: setup.b },
      body: [{ ...DECIDES, associationTypeId: 43 }],
    }),
    status: 201,
    check: async (body, { sim, setup }) => {
      assert.deepEqual(body.labels, ['Report']);
      assert.deepEqual(await ties(sim, 'contacts', setup.a, 'contacts'), { [setup.b]: [43, 449] });
      assert.deepEqual(await ties(sim, 'contacts', setup.b, 'contacts'), { [setup.a]: [42, 449] });
    },
  }),
  scene({
    name: 'a line item belongs to one deal',
    writes: true,
    setup: async ({ sim }) => {
      const make = async (type, properties) => (await sim.api('POST', `/crm/v3/objects/${type}`, { properties })).json.id;
      const item = await make('line_items', { name: 'Hours' });
      const deal = () => make('deals', { dealname: 'X', pipeline: 'default', dealstage: 'closedwon' });
      const [first, second] = [await deal(), await deal()];
      const path = `/crm/v4/objects/deals/${first}/associations/default/line_items/${item}`;
      assert.equal((await sim.api('PUT', path)).status, 200);
      assert.equal((await sim.api('PUT', path)).status, 200, 'the same deal again');
      return { item, first, second };
    },
    sdk: (client, { setup }) => v4(client).basicApi.createDefault('line_items', setup.item, 'deals', setup.second),
    sluice: ({ setup }) => ({
      endpoint: 'ASSOC_PUT_DEFAULT', args: { from: 'line_items', id: setup.item, to: 'deals', to_id: setup.second },
    }),
    status: 400,
    check: async (body, { sim, setup }) => {
      assert.equal(body.category, 'VALIDATION_ERROR');
      assert.deepEqual(await ties(sim, 'line_items', setup.item, 'deals'), { [setup.first]: [20] });
    },
  }),
  scene({
    name: 'a record with itself',
    writes: true,
    setup: strangers,
    sdk: (client, { setup }) => v4(client).basicApi.createDefault('contacts', setup.a, 'contacts', setup.a),
    sluice: ({ setup }) => ({
      endpoint: 'ASSOC_PUT_DEFAULT', args: { from: 'contacts', id: setup.a, to: 'contacts', to_id: setup.a },
    }),
    status: 400,
    check: (body) => assert.equal(body.subCategory, 'crm.associations.INVALID_OBJECT_IDS'),
  }),
  scene({
    name: 'types that cannot be associated',
    writes: true,
    setup: async ({ sim }) => ({ note: (await sim.list('notes', []))[0].id, call: (await sim.list('calls', []))[0].id }),
    sdk: (client, { setup }) => v4(client).basicApi.createDefault('notes', setup.note, 'calls', setup.call),
    sluice: ({ setup }) => ({
      endpoint: 'ASSOC_PUT_DEFAULT', args: { from: 'notes', id: setup.note, to: 'calls', to_id: setup.call },
    }),
    status: 400,
    check: (body) => assert.equal(body.subCategory, 'crm.associations.INVALID_ASSOCIATION_TYPE'),
  }),
];

const FAN = { name: 'fan_of', label: 'Fan', inverseLabel: 'Idol' };
const labelsOf = async (sim, from = 'contacts', to = 'companies') => {
  const { json } = await sim.api('GET', `/crm/v4/associations/${from}/${to}/labels`);
  return Object.fromEntries(json.results.map((one) => [one.typeId, one.label]));
};
const fan = async (ctx) => {
  const { status, json, text } = await ctx.sim.api('POST', '/crm/v4/associations/contacts/companies/labels', FAN);
  assert.equal(status, 200, text);
  const made = await strangers(ctx);
  const [there, back] = json.results.map((one) => one.typeId);
  await put(ctx.sim, made.a, made.x, { associationCategory: 'USER_DEFINED', associationTypeId: there });
  return { ...made, there, back };
};

const labels = [
  scene({
    name: 'a label with two names is made, and used',
    writes: true,
    sdk: (client) => labelsApi(client).create('contacts', 'companies', FAN),
    sluice: () => ({ endpoint: 'ASSOC_LABEL_CREATE', args: PAIR, body: FAN }),
    status: 200,
    check: async ({ results }, { sim }) => {
      assert.deepEqual(results.map(({ category, label }) => [category, label]), [['USER_DEFINED', 'Fan'], ['USER_DEFINED', 'Idol']]);
      assert.equal((await labelsOf(sim))[results[0].typeId], 'Fan');
      assert.equal((await labelsOf(sim, 'companies', 'contacts'))[results[1].typeId], 'Idol');
    },
  }),
  scene({
    name: 'a label that there is already',
    writes: true,
    sdk: (client) => labelsApi(client).create('contacts', 'companies', { name: 'x', label: 'decision MAKER' }),
    sluice: () => ({ endpoint: 'ASSOC_LABEL_CREATE', args: PAIR, body: { name: 'x', label: 'decision MAKER' } }),
    status: 400,
    check: (body) => assert.equal(body.category, 'VALIDATION_ERROR'),
  }),
  scene({
    name: 'a label is renamed',
    writes: true,
    setup: fan,
    sdk: (client, { setup }) =>
      labelsApi(client).update('contacts', 'companies', { associationTypeId: setup.there, label: 'Admirer' }),
    sluice: ({ setup }) => ({ endpoint: 'ASSOC_LABEL_UPDATE', args: PAIR, body: { associationTypeId: setup.there, label: 'Admirer' } }),
    status: 204,
    check: async (_, { sim, setup }) => {
      assert.equal((await labelsOf(sim))[setup.there], 'Admirer');
      assert.equal((await labelsOf(sim, 'companies', 'contacts'))[setup.back], 'Idol');
      assert.deepEqual(await ties(sim, 'contacts', setup.a, 'companies'), { [setup.x]: [279, setup.there].sort((p, q) => p - q) });
    },
  }),
  scene({
    name: 'a label is deleted: associations lose it and stay',
    writes: true,
    setup: fan,
    sdk: (client, { setup }) => labelsApi(client).remove('contacts', 'companies', setup.there),
    sluice: ({ setup }) => ({ endpoint: 'ASSOC_LABEL_DELETE', args: { ...PAIR, id: String(setup.there) } }),
    status: 204,
    check: async (_, { sim, setup }) => {
      assert.ok(!(setup.there in (await labelsOf(sim))));
      assert.deepEqual(await ties(sim, 'contacts', setup.a, 'companies'), { [setup.x]: [279] });
      const again = await sim.api('PUT', `/crm/v4/objects/contacts/${setup.a}/associations/companies/${setup.x}`, [
        { associationCategory: 'USER_DEFINED', associationTypeId: setup.there },
      ]);
      assert.equal(again.json.subCategory, 'crm.associations.INVALID_ASSOCIATION_TYPE');
    },
  }),
  scene({
    name: "HubSpot's own labels cannot be deleted",
    writes: true,
    sdk: (client) => labelsApi(client).remove('contacts', 'companies', 279),
    sluice: () => ({ endpoint: 'ASSOC_LABEL_DELETE', args: { ...PAIR, id: '279' } }),
    status: 404,
    check: (body) => assert.equal(body.category, 'OBJECT_NOT_FOUND'),
  }),
];

runScenes('association batches', OPTIONS, batches);
runScenes('association removals', OPTIONS, removals);
runScenes('associations of a pair', OPTIONS, pairs);
runScenes('association labels', OPTIONS, labels);
