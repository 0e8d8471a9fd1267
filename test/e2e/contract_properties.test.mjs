// Property definitions and groups through HubSpot's own client and through sluice's.
import assert from 'node:assert/strict';
import { runScenes, scene } from './lib/contract.mjs';

const OPTIONS = { contacts: 40, 'admin-rules': 'deals.amount:min=0,deals.amount:max=900000,contacts.phone:length=30' };

const COLOR = {
  name: 'favourite_color',
  label: 'Favourite colour',
  type: 'enumeration',
  fieldType: 'select',
  groupName: 'contactinformation',
  description: 'Asked in the survey',
  displayOrder: 3,
  options: [
    { label: 'Red', value: 'red', displayOrder: 1, hidden: false },
    { label: 'Blue', value: 'blue', displayOrder: 2, hidden: true, description: 'like the sky' },
  ],
};
const text = (name, more = {}) => ({ name, label: name, type: 'string', fieldType: 'text', groupName: 'contactinformation', ...more });
const contacts = { type: 'contacts' };

// A property made beforehand, by plain HTTP.
const made = (body) => async ({ sim }) => {
  const { status, text: answer } = await sim.api('POST', '/crm/v3/properties/contacts', body);
  assert.equal(status, 201, answer);
};

// What creating a property with this body is refused with.
function refused(name, body, status, pattern, setup) {
  return scene({
    name,
    writes: true,
    setup,
    sdk: (client) => client.crm.properties.coreApi.create('contacts', body),
    sluice: () => ({ endpoint: 'PROPERTY_CREATE', args: contacts, body }),
    status,
    check: ({ message, category }) => {
      assert.match(message, pattern);
      assert.equal(category, status === 409 ? 'CONFLICT' : 'VALIDATION_ERROR');
    },
  });
}

runScenes('properties', OPTIONS, [
  scene({
    name: 'an enumeration is created with all that was asked for',
    writes: true,
    sdk: (client) => client.crm.properties.coreApi.create('contacts', COLOR),
    sluice: () => ({ endpoint: 'PROPERTY_CREATE', args: contacts, body: COLOR }),
    status: 201,
    check: async (body, { sim }) => {
      for (const key of ['name', 'label', 'type', 'fieldType', 'groupName', 'description', 'displayOrder']) {
        assert.equal(body[key], COLOR[key], key);
      }
      assert.deepEqual(
        body.options.map(({ label, value, hidden, displayOrder }) => ({ label, value, hidden, displayOrder })),
        COLOR.options.map(({ label, value, hidden, displayOrder }) => ({ label, value, hidden, displayOrder })),
      );
      assert.equal(body.hubspotDefined, false);
      assert.equal(body.archived, false);
      const [record] = await sim.list('contacts', ['favourite_color']);
      assert.equal(record.properties.favourite_color, null, 'nobody has a value yet');
    },
  }),
  refused('a name is taken', text('my_field'), 409, /named 'my_field' already exists/, made(text('my_field'))),
  refused('a name with capitals is refused', text('MyField'), 400, /name 'MyField' must begin with a letter/),
  refused('a name of HubSpot\'s is refused', text('hs_mine'), 400, /reserved for HubSpot/),
  refused('a label is needed', { ...text('x1'), label: undefined }, 400, /required fields were not set: \[label\]/),
  refused('an unknown type', { ...text('x2'), type: 'money' }, 400, /type 'money' is not one of string/),
  refused('a field type that does not fit', { ...text('x3'), fieldType: 'date' }, 400, /fieldType 'date' does not fit/),
  refused('an unknown group', { ...text('x4'), groupName: 'nowhere' }, 400, /groupName 'nowhere' is not a property group/),
  refused('an enumeration without options', { ...COLOR, options: [] }, 400, /are needed by the type enumeration/),
  refused(
    'an option value twice',
    { ...COLOR, options: [{ label: 'A', value: 'a' }, { label: 'B', value: 'a' }] },
    400,
    /'a' has this option value twice/,
  ),
  refused('an eleventh unique property', text('key_11', { hasUniqueValue: true }), 400, /hasUniqueValue.*10 properties already/, async (ctx) => {
    // one of the generated properties holds unique values already
    for (let i = 2; i <= 10; i++) {
      await made(text(`key_${i}`, { hasUniqueValue: true }))(ctx);
    }
  }),
  scene({
    name: 'a property is changed in place',
    writes: true,
    setup: made(COLOR),
    sdk: (client) =>
      client.crm.properties.coreApi.update('contacts', COLOR.name, {
        label: 'Colour',
        options: [...COLOR.options, { label: 'Green', value: 'green', displayOrder: 3, hidden: false }],
      }),
    sluice: () => ({
      endpoint: 'PROPERTY_UPDATE',
      args: { ...contacts, name: COLOR.name },
      body: { label: 'Colour', options: [...COLOR.options, { label: 'Green', value: 'green', displayOrder: 3, hidden: false }] },
    }),
    status: 200,
    check: (body) => {
      assert.equal(body.label, 'Colour');
      assert.equal(body.description, COLOR.description, 'what is not named stays');
      assert.deepEqual(body.options.map((o) => o.value), ['red', 'blue', 'green']);
    },
  }),
  ...[
    ['the name stays', { name: 'other' }, /name 'other' cannot be changed/],
    ['uniqueness stays', { hasUniqueValue: true }, /hasUniqueValue.*only when a property is made/],
  ].map(([name, body, pattern]) =>
    scene({
      name,
      writes: true,
      setup: made(COLOR),
      sdk: (client) =>
        client.apiRequest({ method: 'PATCH', path: `/crm/v3/properties/contacts/${COLOR.name}`, body }).then(failAsTheApiDoes),
      sluice: () => ({ endpoint: 'PROPERTY_UPDATE', args: { ...contacts, name: COLOR.name }, body }),
      status: 400,
      check: ({ message }) => assert.match(message, pattern),
    }),
  ),
  scene({
    name: 'a property of HubSpot\'s stays as it is',
    writes: true,
    sdk: (client) => client.crm.properties.coreApi.update('contacts', 'email', { label: 'Mail' }),
    sluice: () => ({ endpoint: 'PROPERTY_UPDATE', args: { ...contacts, name: 'email' }, body: { label: 'Mail' } }),
    status: 400,
    check: ({ message }) => assert.match(message, /defined by HubSpot/),
  }),
  scene({
    name: 'a property is archived: gone from the list, found among the archived ones',
    writes: true,
    setup: made(COLOR),
    sdk: (client) => client.crm.properties.coreApi.archive('contacts', COLOR.name),
    sluice: () => ({ endpoint: 'PROPERTY_ARCHIVE', args: { ...contacts, name: COLOR.name } }),
    status: 204,
    check: async (_, { sim }) => {
      const live = await sim.api('GET', `/crm/v3/properties/contacts/${COLOR.name}`);
      assert.equal(live.status, 404);
      const { json } = await sim.api('GET', '/crm/v3/properties/contacts?archived=true');
      assert.deepEqual(json.results.map((p) => [p.name, p.archived]), [[COLOR.name, true]]);
      assert.ok(json.results[0].archivedAt);
    },
  }),
  ...['email', 'hs_email_domain'].map((name) =>
    scene({
      name: `${name} cannot be archived`,
      writes: true,
      sdk: (client) => client.crm.properties.coreApi.archive('contacts', name),
      sluice: () => ({ endpoint: 'PROPERTY_ARCHIVE', args: { ...contacts, name } }),
      status: 400,
      check: ({ message }) => assert.match(message, /cannot be archived/),
    }),
  ),
  scene({
    name: 'an unknown property is a 404',
    sdk: (client) => client.crm.properties.coreApi.getByName('contacts', 'nobody_knows'),
    sluice: () => ({ endpoint: 'PROPERTY_GET', args: { ...contacts, name: 'nobody_knows' } }),
    status: 404,
    check: ({ category, message }) => {
      assert.equal(category, 'OBJECT_NOT_FOUND');
      assert.match(message, /nobody_knows/);
    },
  }),
  scene({
    name: 'sensitive properties are listed only when asked for',
    writes: true,
    setup: made(text('diagnosis', { dataSensitivity: 'sensitive' })),
    sdk: (client) => client.crm.properties.coreApi.getAll('contacts'),
    sluice: () => ({ endpoint: 'PROPERTIES', args: contacts }),
    status: 200,
    check: async ({ results }, { sim }) => {
      assert.ok(results.length > 20 && results.every((p) => p.name !== 'diagnosis'));
      const { json } = await sim.api('GET', '/crm/properties/2026-09/contacts?dataSensitivity=sensitive');
      assert.deepEqual(json.results.map((p) => [p.name, p.dataSensitivity]), [['diagnosis', 'sensitive']]);
    },
  }),
  scene({
    name: 'a batch creates what it can and says what it cannot',
    writes: true,
    sdk: (client) => client.crm.properties.batchApi.create('contacts', { inputs: [text('batch_a'), text('Not OK'), text('batch_b')] }),
    sluice: () => ({ endpoint: 'PROPERTY_BATCH_CREATE', args: contacts, body: { inputs: [text('batch_a'), text('Not OK'), text('batch_b')] } }),
    status: 207,
    check: ({ results, numErrors, errors }) => {
      assert.deepEqual(results.map((p) => p.name), ['batch_a', 'batch_b']);
      assert.equal(numErrors, 1);
      assert.match(errors[0].message, /Not OK/);
    },
  }),
  scene({
    name: 'a batch of good ones is a 201',
    writes: true,
    sdk: (client) => client.crm.properties.batchApi.create('contacts', { inputs: [text('batch_a')] }),
    sluice: () => ({ endpoint: 'PROPERTY_BATCH_CREATE', args: contacts, body: { inputs: [text('batch_a')] } }),
    status: 201,
    check: ({ results, status }) => {
      assert.equal(results.length, 1);
      assert.equal(status, 'COMPLETE');
    },
  }),
  scene({
    name: 'a batch reads those that are there',
    sdk: (client) => client.crm.properties.batchApi.read('contacts', { archived: false, inputs: [{ name: 'email' }, { name: 'nobody_knows' }] }),
    sluice: () => ({
      endpoint: 'PROPERTY_BATCH_READ',
      args: contacts,
      body: { archived: false, inputs: [{ name: 'email' }, { name: 'nobody_knows' }] },
    }),
    status: 207,
    same: false,
    check: ({ results, errors }) => {
      assert.deepEqual(results.map((p) => p.name), ['email']);
      assert.equal(errors[0].category, 'OBJECT_NOT_FOUND');
    },
  }),
  scene({
    name: 'a batch archives',
    writes: true,
    setup: async (ctx) => {
      await made(text('batch_a'))(ctx);
      await made(text('batch_b'))(ctx);
    },
    sdk: (client) => client.crm.properties.batchApi.archive('contacts', { inputs: [{ name: 'batch_a' }, { name: 'batch_b' }] }),
    sluice: () => ({ endpoint: 'PROPERTY_BATCH_ARCHIVE', args: contacts, body: { inputs: [{ name: 'batch_a' }, { name: 'batch_b' }] } }),
    status: 204,
    check: async (_, { sim }) => {
      const { json } = await sim.api('GET', '/crm/v3/properties/contacts?archived=true');
      assert.deepEqual(json.results.map((p) => p.name), ['batch_a', 'batch_b']);
    },
  }),
  scene({
    name: 'a batch that names an unknown one archives none',
    writes: true,
    setup: made(text('batch_a')),
    sdk: (client) => client.crm.properties.batchApi.archive('contacts', { inputs: [{ name: 'batch_a' }, { name: 'nope' }] }),
    sluice: () => ({ endpoint: 'PROPERTY_BATCH_ARCHIVE', args: contacts, body: { inputs: [{ name: 'batch_a' }, { name: 'nope' }] } }),
    status: 404,
    check: async (_, { sim }) => assert.equal((await sim.api('GET', '/crm/v3/properties/contacts/batch_a')).status, 200),
  }),
  scene({
    name: 'groups are listed',
    sdk: (client) => client.crm.properties.groupsApi.getAll('contacts'),
    sluice: () => ({ endpoint: 'PROPERTY_GROUPS', args: contacts }),
    status: 200,
    check: ({ results }) => assert.deepEqual(results.map((g) => g.name), ['contactinformation', 'custom_properties']),
  }),
  scene({
    name: 'a group is created, and takes a property',
    writes: true,
    sdk: (client) => client.crm.properties.groupsApi.create('contacts', { name: 'survey', label: 'Survey', displayOrder: 7 }),
    sluice: () => ({ endpoint: 'PROPERTY_GROUP_CREATE', args: contacts, body: { name: 'survey', label: 'Survey', displayOrder: 7 } }),
    status: 201,
    check: async (body, ctx) => {
      assert.deepEqual(body, { name: 'survey', label: 'Survey', displayOrder: 7, archived: false });
      await made(text('in_survey', { groupName: 'survey' }))(ctx);
      const { status, json } = await ctx.sim.api('DELETE', '/crm/v3/properties/contacts/groups/survey');
      assert.equal(status, 400, 'a group with properties stays');
      assert.match(json.message, /in_survey/);
    },
  }),
  scene({
    name: 'a group is renamed',
    writes: true,
    sdk: (client) => client.crm.properties.groupsApi.update('contacts', 'custom_properties', { label: 'Ours', displayOrder: 1 }),
    sluice: () => ({ endpoint: 'PROPERTY_GROUP_UPDATE', args: { ...contacts, name: 'custom_properties' }, body: { label: 'Ours', displayOrder: 1 } }),
    status: 200,
    check: ({ label }) => assert.equal(label, 'Ours'),
  }),
  scene({
    name: 'a group is read',
    sdk: (client) => client.crm.properties.groupsApi.getByName('contacts', 'contactinformation'),
    sluice: () => ({ endpoint: 'PROPERTY_GROUP_GET', args: { ...contacts, name: 'contactinformation' } }),
    status: 200,
    check: ({ name, archived }) => assert.deepEqual([name, archived], ['contactinformation', false]),
  }),
  scene({
    name: 'an empty group is archived',
    writes: true,
    setup: async ({ sim }) => sim.api('POST', '/crm/v3/properties/contacts/groups', { name: 'empty', label: 'Empty' }),
    sdk: (client) => client.crm.properties.groupsApi.archive('contacts', 'empty'),
    sluice: () => ({ endpoint: 'PROPERTY_GROUP_ARCHIVE', args: { ...contacts, name: 'empty' } }),
    status: 204,
    check: async (_, { sim }) => assert.equal((await sim.api('GET', '/crm/v3/properties/contacts/groups/empty')).status, 404),
  }),
  scene({
    name: 'validation rules of an object\'s properties',
    sdk: async (client) => (await client.apiRequest({ path: '/crm/v3/property-validations/deals' })).json(),
    sluice: () => ({ endpoint: 'PROPERTY_VALIDATIONS', args: { type: 'deals' } }),
    status: 200,
    check: ({ results }) =>
      assert.deepEqual(results, [
        {
          propertyName: 'amount',
          propertyValidationRules: [
            { ruleType: 'MIN_NUMBER', ruleArguments: ['0'] },
            { ruleType: 'MAX_NUMBER', ruleArguments: ['900000'] },
          ],
        },
      ]),
  }),
  scene({
    name: 'validation rules of one property',
    sdk: async (client) => (await client.apiRequest({ path: '/crm/v3/property-validations/contacts/phone' })).json(),
    sluice: () => ({ endpoint: 'PROPERTY_VALIDATION_GET', args: { ...contacts, name: 'phone' } }),
    status: 200,
    check: ({ results }) => assert.deepEqual(results, [{ ruleType: 'MAX_LENGTH', ruleArguments: ['30'] }]),
  }),
  scene({
    name: 'limits of custom properties count what is created',
    writes: true,
    setup: async (ctx) => {
      const before = (await ctx.sim.api('GET', '/crm/v3/limits/custom-properties')).json;
      await made(text('one_more'))(ctx);
      return before;
    },
    sdk: async (client) => (await client.apiRequest({ path: '/crm/v3/limits/custom-properties' })).json(),
    sluice: () => ({ endpoint: 'LIMITS_PROPERTIES' }),
    status: 200,
    check: (body, { setup }) => {
      assert.equal(body.overallUsage, setup.overallUsage + 1);
      assert.equal(body.overallLimit, 10000);
      const contact = body.byObjectType.find((t) => t.objectTypeId === '0-1');
      assert.equal(contact.limit, 1000);
      assert.equal(contact.usage, setup.byObjectType.find((t) => t.objectTypeId === '0-1').usage + 1);
    },
  }),
  ...[
    ['records', 'LIMITS_RECORDS', (b) => assert.ok(b.hubspotDefinedObjectTypes.find((t) => t.objectTypeId === '0-1').usage > 30)],
    ['calculated-properties', 'LIMITS_CALCULATED', (b) => assert.equal(b.overallUsage, 0)],
    ['pipelines', 'LIMITS_PIPELINES', (b) => assert.equal(b.hubspotDefinedObjectTypes.find((t) => t.objectTypeId === '0-3').usage, 3)],
    ['custom-object-types', 'LIMITS_OBJECT_TYPES', (b) => assert.deepEqual(b, { limit: 20, usage: 0, percentage: 0 })],
    [
      'associations/labels',
      'LIMITS_LABELS',
      (b) => assert.deepEqual(b.results.find((r) => r.fromObjectType.objectTypeId === '0-1' && r.toObjectType.objectTypeId === '0-2').usage, 2),
    ],
    ['associations/records/from', 'LIMITS_ASSOCIATIONS', (b) => assert.deepEqual(b.results, [])],
  ].map(([path, endpoint, check]) =>
    scene({
      name: `limits: ${path}`,
      sdk: async (client) => (await client.apiRequest({ path: `/crm/v3/limits/${path}` })).json(),
      sluice: () => ({ endpoint }),
      status: 200,
      check,
    }),
  ),
]);

// client.apiRequest gives every answer; the typed methods throw on errors.
async function failAsTheApiDoes(response) {
  const body = await response.json();
  if (!response.ok) {
    throw Object.assign(new Error(body.message), { code: response.status, body });
  }
  return body;
}
