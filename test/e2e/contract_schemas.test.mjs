// Custom objects: their schemas, and that their records work like all others, through HubSpot's own client and
// through sluice's.
import assert from 'node:assert/strict';
import { runScenes, scene } from './lib/contract.mjs';

// One custom object shares its name with a standard one.
const OPTIONS = { contacts: 60, companies: 20, properties: 40, 'custom-objects': 'cars:45,contacts:12', 'other-objects': 'products:7,line_items:9,quotes:3,leads:4,feedback_submissions:5,users:6' };
const CARS = '2-19840301';
const OTHER_CONTACTS = '2-19840308';

const PET = {
  name: 'pet',
  labels: { singular: 'Pet', plural: 'Pets' },
  primaryDisplayProperty: 'pet_name',
  secondaryDisplayProperties: ['breed'],
  requiredProperties: ['pet_name'],
  searchableProperties: ['pet_name', 'breed'],
  description: 'What our customers keep',
  associatedObjects: ['CONTACT', '0-2'],
  properties: [
    { name: 'pet_name', label: 'Name', type: 'string', fieldType: 'text' },
    { name: 'breed', label: 'Breed', type: 'enumeration', fieldType: 'select', options: [{ label: 'Dog', value: 'dog' }, { label: 'Cat', value: 'cat' }] },
    { name: 'chip', label: 'Chip number', type: 'string', fieldType: 'text', hasUniqueValue: true },
  ],
};

async function create({ sim }) {
  const { status, json, text } = await sim.api('POST', '/crm-object-schemas/v3/schemas', PET);
  assert.equal(status, 201, text);
  return json;
}
const generic = (client) => client.crm.objects;
const ids = (list) => list.map((record) => record.id);

function refusedSchema(name, change, status, pattern, setup) {
  const body = { ...PET, ...change };
  return scene({
    name,
    writes: true,
    setup,
    sdk: (client) => client.crm.schemas.coreApi.create(body),
    sluice: () => ({ endpoint: 'SCHEMA_CREATE', body }),
    status,
    check: async ({ message }, { sim }) => {
      assert.match(message, pattern);
      const { results } = (await sim.api('GET', '/crm/v3/schemas')).json;
      assert.equal(results.filter((s) => s.name === body.name).length, status === 409 ? 1 : 0, 'nothing is left behind');
    },
  });
}

runScenes('schemas', OPTIONS, [
  scene({
    name: 'all schemas',
    sdk: (client) => client.crm.schemas.coreApi.getAll(false),
    sluice: () => ({ endpoint: 'SCHEMAS' }),
    status: 200,
    check: ({ results }) => {
      assert.deepEqual(
        results.map((s) => [s.objectTypeId, s.name, s.fullyQualifiedName, s.labels.plural]),
        [[CARS, 'cars', 'p4711002_cars', 'Cars'], [OTHER_CONTACTS, 'contacts', 'p4711002_contacts', 'Contacts']],
      );
      assert.ok(results[0].properties.length >= 40);
      const toContacts = results[0].associations.find((a) => a.fromObjectTypeId === CARS && a.toObjectTypeId === '0-1');
      assert.match(toContacts.id, /^\d+$/);
    },
  }),
  ...['cars', 'p4711002_cars', 'p_cars', CARS].map((type) =>
    scene({
      name: `one schema, as ${type}`,
      sdk: (client) => client.crm.schemas.coreApi.getById(type),
      sluice: () => ({ endpoint: 'SCHEMA_GET', args: { type } }),
      status: 200,
      check: ({ objectTypeId, primaryDisplayProperty, requiredProperties }) =>
        assert.deepEqual([objectTypeId, primaryDisplayProperty, requiredProperties], [CARS, 'name', ['name']]),
    }),
  ),
  scene({
    name: 'the schema of a standard object',
    sdk: (client) => client.crm.schemas.coreApi.getById('0-2'),
    sluice: () => ({ endpoint: 'SCHEMA_GET', args: { type: '0-2' } }),
    status: 200,
    check: ({ objectTypeId, properties }) => assert.ok(objectTypeId === '0-2' && properties.some((p) => p.name === 'domain')),
  }),
  scene({
    name: 'an unknown schema',
    sdk: (client) => client.crm.schemas.coreApi.getById('unicorns'),
    sluice: () => ({ endpoint: 'SCHEMA_GET', args: { type: 'unicorns' } }),
    status: 404,
    check: ({ message }) => assert.match(message, /unicorns/),
  }),
  scene({
    name: 'a custom object is created',
    writes: true,
    sdk: (client) => client.crm.schemas.coreApi.create(PET),
    sluice: () => ({ endpoint: 'SCHEMA_CREATE', body: PET }),
    status: 201,
    check: async (body, { sim }) => {
      assert.match(body.objectTypeId, /^2-\d+$/);
      assert.equal(body.fullyQualifiedName, 'p4711002_pet');
      assert.deepEqual(body.labels, PET.labels);
      for (const key of ['primaryDisplayProperty', 'requiredProperties', 'searchableProperties', 'secondaryDisplayProperties', 'description']) {
        assert.deepEqual(body[key], PET[key], key);
      }
      const names = body.properties.map((p) => p.name);
      for (const name of ['hs_createdate', 'hs_lastmodifieddate', 'hs_object_id', 'pet_name', 'breed', 'chip']) {
        assert.ok(names.includes(name), name);
      }
      for (const to of ['0-1', '0-2', '0-46']) {
        assert.ok(body.associations.some((a) => a.toObjectTypeId === to), `associated with ${to}`);
      }
      assert.deepEqual((await sim.api('GET', '/crm/v3/objects/pet')).json, { results: [] });
    },
  }),
  refusedSchema('a name is taken', {}, 409, /named 'pet' already exists/, create),
  refusedSchema('a name with a blank', { name: 'my pet' }, 400, /name 'my pet' must begin with a letter/),
  refusedSchema('labels are needed', { labels: undefined }, 400, /\[labels\]/),
  refusedSchema('the display property must be there', { primaryDisplayProperty: 'nick' }, 400, /primaryDisplayProperty names 'nick'/),
  refusedSchema('a bad property spoils it', { properties: [{ ...PET.properties[0], type: 'money' }] }, 400, /'money' is not one of/),
  refusedSchema('an unknown associated object', { associatedObjects: ['UNICORN'] }, 400, /associatedObjects/),
  scene({
    name: 'a schema is changed',
    writes: true,
    setup: create,
    sdk: (client) => client.crm.schemas.coreApi.update('pet', { labels: { singular: 'Animal', plural: 'Animals' }, requiredProperties: ['pet_name', 'breed'] }),
    sluice: () => ({ endpoint: 'SCHEMA_UPDATE', args: { type: 'pet' }, body: { labels: { singular: 'Animal', plural: 'Animals' }, requiredProperties: ['pet_name', 'breed'] } }),
    status: 200,
    check: async (body, { sim }) => {
      assert.deepEqual([body.labels.plural, body.requiredProperties, body.description], ['Animals', ['pet_name', 'breed'], PET.description]);
      const { status, text } = await sim.api('POST', '/crm/v3/objects/pet', { properties: { pet_name: 'Rex' } });
      assert.equal(status, 400, text);
      assert.match(text, /breed/);
    },
  }),
  scene({
    name: 'a schema with records stays',
    writes: true,
    sdk: (client) => client.crm.schemas.coreApi.archive('cars'),
    sluice: () => ({ endpoint: 'SCHEMA_DELETE', args: { type: 'cars' } }),
    status: 400,
    check: ({ message }) => assert.match(message, /still has \d+ records/),
  }),
  scene({
    name: 'a schema without records is deleted; its name is free once it is deleted for good',
    writes: true,
    setup: create,
    sdk: (client) => client.crm.schemas.coreApi.archive('pet'),
    sluice: () => ({ endpoint: 'SCHEMA_DELETE', args: { type: 'pet' } }),
    status: 204,
    check: async (_, { sim, setup }) => {
      assert.equal((await sim.api('GET', '/crm/v3/objects/pet')).status, 400);
      const archived = (await sim.api('GET', '/crm/v3/schemas?archived=true')).json.results;
      assert.deepEqual(archived.map((s) => [s.name, s.archived]), [['pet', true]]);
      const taken = await sim.api('POST', '/crm/v3/schemas', PET);
      assert.equal(taken.status, 409, taken.text);
      assert.equal((await sim.api('DELETE', '/crm/v3/schemas/pet?archived=true')).status, 204);
      const again = await sim.api('POST', '/crm/v3/schemas', PET);
      assert.equal(again.status, 201, again.text);
      assert.notEqual(again.json.objectTypeId, setup.objectTypeId);
    },
  }),
  scene({
    name: 'an association is added to a schema',
    writes: true,
    sdk: (client) => client.crm.schemas.coreApi.createAssociation('cars', { fromObjectTypeId: CARS, toObjectTypeId: '0-5', name: 'repairs' }),
    sluice: () => ({ endpoint: 'SCHEMA_ASSOC_CREATE', args: { type: 'cars' }, body: { fromObjectTypeId: CARS, toObjectTypeId: '0-5', name: 'repairs' } }),
    status: 201,
    check: async (body, { sim }) => {
      assert.deepEqual([body.fromObjectTypeId, body.toObjectTypeId, body.name], [CARS, '0-5', 'repairs']);
      const { results } = (await sim.api('GET', '/crm/v4/associations/cars/tickets/labels')).json;
      assert.ok(results.some((l) => l.label === 'repairs' && String(l.typeId) === body.id));
    },
  }),
  scene({
    name: 'an association is taken away',
    writes: true,
    setup: async ({ sim }) =>
      (await sim.api('POST', '/crm/v3/schemas/cars/associations', { fromObjectTypeId: CARS, toObjectTypeId: '0-5', name: 'repairs' })).json,
    sdk: (client, { setup }) => client.crm.schemas.coreApi.archiveAssociation('cars', setup.id),
    sluice: ({ setup }) => ({ endpoint: 'SCHEMA_ASSOC_DELETE', args: { type: 'cars', id: setup.id } }),
    status: 204,
    check: async (_, { sim }) => {
      const { associations } = (await sim.api('GET', '/crm/v3/schemas/cars')).json;
      assert.ok(associations.length > 0 && associations.every((a) => a.name !== 'repairs'));
    },
  }),
]);

runScenes('records of custom objects', OPTIONS, [
  ...['cars', CARS, 'p4711002_cars'].map((type) =>
    scene({
      name: `a page, as ${type}`,
      sdk: (client) => generic(client).basicApi.getPage(type, 100, undefined, ['name']),
      sluice: () => ({ endpoint: 'OBJECT_LIST', args: { type }, query: 'limit=100&properties=name' }),
      status: 200,
      check: async ({ results }, { sim }) => {
        const { live } = (await sim.records()).p4711002_cars;
        assert.equal(results.length, live);
        assert.ok(results.every((r) => r.properties.name.length > 0 && r.properties.hs_createdate));
      },
    }),
  ),
  scene({
    name: 'the plain name of a standard object stays the standard object\'s',
    sdk: (client) => generic(client).basicApi.getPage('contacts', 3),
    sluice: () => ({ endpoint: 'OBJECT_LIST', args: { type: 'contacts' }, query: 'limit=3' }),
    status: 200,
    check: async ({ results }, { sim }) => {
      assert.ok(results.every((r) => 'email' in r.properties));
      const custom = (await sim.api('GET', `/crm/v3/objects/${OTHER_CONTACTS}?limit=100`)).json.results;
      assert.equal(custom.length, (await sim.records()).p4711002_contacts.live);
      assert.ok(custom.every((r) => !('email' in r.properties)));
    },
  }),
  scene({
    name: 'one record, and its associations',
    setup: async ({ sim }) => ids(await sim.list(CARS, ['name']))[0],
    sdk: (client, { setup }) => generic(client).basicApi.getById('cars', setup, ['name'], undefined, ['contacts', 'companies']),
    sluice: ({ setup }) => ({ endpoint: 'OBJECT_GET', args: { type: 'cars', id: setup }, query: 'properties=name&associations=contacts,companies' }),
    status: 200,
    check: ({ id, associations }, { setup }) => {
      assert.equal(id, setup);
      assert.ok(associations.contacts.results.length > 0 || associations.companies.results.length > 0);
    },
  }),
  scene({
    name: 'a batch',
    setup: async ({ sim }) => ids(await sim.list(CARS, ['name'])).slice(3, 8),
    sdk: (client, { setup }) => generic(client).batchApi.read('cars', { properties: ['name'], propertiesWithHistory: [], inputs: setup.map((id) => ({ id })) }),
    sluice: ({ setup }) => ({ endpoint: 'OBJECT_BATCH_READ', args: { type: 'cars' }, body: { properties: ['name'], inputs: setup.map((id) => ({ id })) } }),
    status: 200,
    check: ({ results }, { setup }) => assert.deepEqual(ids(results), setup),
  }),
  scene({
    name: 'a search by what the schema calls searchable',
    setup: async ({ sim }) => (await sim.list(CARS, ['name']))[4],
    sdk: (client, { setup }) => generic(client).searchApi.doSearch('cars', { query: setup.properties.name, properties: ['name'], limit: 50 }),
    sluice: ({ setup }) => ({ endpoint: 'OBJECT_SEARCH', args: { type: 'cars' }, body: { query: setup.properties.name, properties: ['name'], limit: 50 } }),
    status: 200,
    check: ({ results }, { setup }) => assert.ok(ids(results).includes(setup.id)),
  }),
  scene({
    name: 'a search by date and id',
    sdk: (client) =>
      generic(client).searchApi.doSearch(CARS, {
        filterGroups: [{ filters: [{ propertyName: 'hs_lastmodifieddate', operator: 'GTE', value: '1600000000000' }] }],
        sorts: ['hs_object_id'],
        limit: 200,
      }),
    sluice: () => ({
      endpoint: 'OBJECT_SEARCH',
      args: { type: CARS },
      body: {
        filterGroups: [{ filters: [{ propertyName: 'hs_lastmodifieddate', operator: 'GTE', value: '1600000000000' }] }],
        sorts: ['hs_object_id'],
        limit: 200,
      },
    }),
    status: 200,
    check: async ({ results, total }, { sim }) => {
      const all = await sim.list(CARS, ['hs_lastmodifieddate']);
      const expected = all.filter((r) => Date.parse(r.properties.hs_lastmodifieddate) >= 1600000000000);
      assert.ok(expected.length > 0);
      assert.equal(total, expected.length);
      assert.deepEqual(ids(results), ids(expected));
    },
  }),
  scene({
    name: 'a record of a new type is created, found by its unique property, associated',
    writes: true,
    setup: create,
    sdk: (client) => generic(client).basicApi.create('pet', { properties: { pet_name: 'Rex', breed: 'dog', chip: 'C-77' }, associations: [] }),
    sluice: () => ({ endpoint: 'OBJECT_CREATE', args: { type: 'pet' }, body: { properties: { pet_name: 'Rex', breed: 'dog', chip: 'C-77' } } }),
    status: 201,
    check: async ({ id, properties }, { sim }) => {
      assert.deepEqual([properties.pet_name, properties.breed], ['Rex', 'dog']);
      const found = await sim.api('GET', '/crm/v3/objects/pet/C-77?idProperty=chip&properties=pet_name');
      assert.equal(found.json.id, id, found.text);
      const [contact] = await sim.list('contacts', ['email']);
      const put = await sim.api('PUT', `/crm/v4/objects/pet/${id}/associations/default/contacts/${contact.id}`);
      assert.equal(put.status, 200, put.text);
      const { results } = (await sim.api('GET', `/crm/v4/objects/contacts/${contact.id}/associations/pet`)).json;
      assert.deepEqual(results.map((r) => String(r.toObjectId)), [id]);
      const search = await sim.api('POST', '/crm/v3/objects/pet/search', { query: 'rex' });
      assert.deepEqual(ids(search.json.results), [id], 'its name is searchable');
      const wrong = await sim.api('PATCH', `/crm/v3/objects/pet/${id}`, { properties: { breed: 'fish' } });
      assert.equal(wrong.status, 400);
      assert.match(wrong.text, /INVALID_OPTION/);
    },
  }),
  scene({
    name: 'pipelines of a custom object',
    writes: true,
    sdk: (client) => client.crm.pipelines.pipelinesApi.create('cars', { label: 'Workshop', displayOrder: 0, stages: [{ label: 'In', displayOrder: 0, metadata: {} }] }),
    sluice: () => ({ endpoint: 'PIPELINE_CREATE', args: { type: 'cars' }, body: { label: 'Workshop', displayOrder: 0, stages: [{ label: 'In', displayOrder: 0, metadata: {} }] } }),
    status: 201,
    check: async (_, { sim }) => assert.equal((await sim.api('GET', `/crm/v3/pipelines/${CARS}`)).json.results.length, 1),
  }),
  ...Object.entries({ products: 7, line_items: 9, quotes: 3, leads: 4, feedback_submissions: 5, users: 6 }).map(([type, n]) =>
    scene({
      name: `${type} are there`,
      sdk: (client) => generic(client).basicApi.getPage(type, 100),
      sluice: () => ({ endpoint: 'OBJECT_LIST', args: { type }, query: 'limit=100' }),
      status: 200,
      check: ({ results }) => assert.equal(results.length, n),
    }),
  ),
]);
