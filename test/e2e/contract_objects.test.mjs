// Writing records through HubSpot's own client and through sluice's: what is refused, in which words, what a batch does
// with its good half, and that what was written is what is read afterwards.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runScenes, scene } from './lib/contract.mjs';
import { temporaryFolder } from './lib/process.mjs';

const OPTIONS = { contacts: 60, companies: 12, deals: 20, tickets: 10, engagements: 40, owners: 9 };

const read = async (sim, type, id, query = '') => sim.api('GET', `/crm/v3/objects/${type}/${id}?${query}`);
const values = async (sim, type, id, names) =>
  (await read(sim, type, id, `properties=${names}`)).json.properties;
const ids = async (sim, type, n) => (await sim.list(type, [])).slice(0, n).map((record) => record.id);
const custom = async (sim, test) =>
  (await sim.properties('contacts')).find((p) => !p.hubspotDefined && test(p)).name;
const create = async (sim, type, properties) => {
  const { status, json, text } = await sim.api('POST', `/crm/v3/objects/${type}`, { properties });
  assert.equal(status, 201, text);
  return json.id;
};

// What is wrong with each property, by name, from both places where HubSpot says it.
function invalid(body) {
  assert.equal(body.category, 'VALIDATION_ERROR');
  const [, list] = /^Property values were not valid: (\[.*\])$/s.exec(body.message);
  const parsed = JSON.parse(list);
  assert.ok(parsed.every((one) => one.isValid === false && one.portalId && one.localizedErrorMessage === one.message));
  const named = parsed.map(({ name, error, message }) => ({ name, error, message }));
  const detailed = body.errors.map(({ code, message, context }) => ({ name: context.propertyName[0], error: code, message }));
  assert.deepEqual(detailed, named);
  return Object.fromEntries(named.map(({ name, error }) => [name, error]));
}

// A scene of one call on the typed API of contacts, or of another type.
const typed = (client, type) => client.crm[type];

function creating(name, type, properties, status, check, associations) {
  return scene({
    name,
    writes: true,
    sdk: (client) => typed(client, type).basicApi.create({ properties, ...(associations && { associations }) }),
    sluice: () => ({ endpoint: 'OBJECT_CREATE', args: { type }, body: { properties, ...(associations && { associations }) } }),
    status,
    check,
  });
}

// A text of so many characters, each of two bytes; a command line takes none of that length, but a file.
function sized(characters, status, check) {
  const properties = { jobtitle: 'ä'.repeat(characters) };
  return scene({
    name: `a text of ${characters} characters`,
    writes: true,
    sdk: (client) => client.crm.contacts.basicApi.create({ properties }),
    sluice: () => {
      const path = join(temporaryFolder(), 'body.json');
      writeFileSync(path, JSON.stringify({ properties }));
      return { endpoint: 'OBJECT_CREATE', args: { type: 'contacts' }, body: `@${path}` };
    },
    status,
    check,
  });
}

const singles = [
  creating('a contact is created', 'contacts', { email: 'new@example.com', firstname: 'Ada' }, 201, async (body, { sim }) => {
    assert.equal(body.properties.email, 'new@example.com');
    assert.equal(body.archived, false);
    assert.equal(body.createdAt, body.updatedAt);
    const stored = await values(sim, 'contacts', body.id, 'email,firstname,phone,hs_email_domain,hs_object_source,hs_object_source_label');
    assert.equal(stored.firstname, 'Ada');
    assert.equal(stored.phone, null, 'nothing is made up for a record that somebody created');
    assert.equal(stored.hs_email_domain, 'example.com');
    assert.equal(stored.hs_object_source, 'INTEGRATION');
    assert.equal(stored.hs_object_source_label, 'INTEGRATION');
    assert.ok((await sim.list('contacts', [])).some((record) => record.id === body.id));
    const { json } = await sim.api('POST', '/crm/v3/objects/contacts/search', {
      filterGroups: [{ filters: [{ propertyName: 'email', operator: 'EQ', value: 'NEW@example.com' }] }],
    });
    assert.deepEqual(json.results.map((record) => record.id), [body.id]);
  }),
  creating('a contact may have nothing at all', 'contacts', {}, 201, (body) => assert.match(body.id, /^\d+$/)),
  creating('what is wrong is all named at once', 'contacts',
    {
      email: 'no address', nobody_knows_this: '1', lifecyclestage: 'Lead', createdate: '2020-01-01',
      hubspot_owner_id: '1', firstname: 'see https://example.com',
    }, 400,
    (body) => assert.deepEqual(invalid(body), {
      email: 'INVALID_EMAIL',
      nobody_knows_this: 'PROPERTY_DOESNT_EXIST',
      lifecyclestage: 'INVALID_OPTION',
      createdate: 'READ_ONLY_VALUE',
      hubspot_owner_id: 'INVALID_OWNER_ID',
      firstname: 'CONTAINS_URL',
    })),
  creating('calculated properties are read-only', 'contacts', { hs_email_domain: 'x.example' }, 400,
    (body) => assert.deepEqual(invalid(body), { hs_email_domain: 'READ_ONLY_VALUE' })),
  sized(65537, 400, (body) => assert.deepEqual(invalid(body), { jobtitle: 'MAX_LENGTH' })),
  sized(65536, 201, (body) => assert.equal(body.properties.jobtitle.length, 65536)),
  creating('a number with a comma', 'companies', { name: 'X', numberofemployees: '1,000' }, 400,
    (body) => assert.deepEqual(invalid(body), { numberofemployees: 'INVALID_INTEGER' })),
  creating('a number with two dots', 'companies', { name: 'X', annualrevenue: '1.000.000' }, 400,
    (body) => assert.deepEqual(invalid(body), { annualrevenue: 'INVALID_INTEGER' })),
  creating('a domain that is none', 'companies', { domain: 'not a domain' }, 400,
    (body) => assert.deepEqual(invalid(body), { domain: 'INVALID_DOMAIN' })),
  creating('a datetime that is none', 'deals',
    { dealname: 'X', pipeline: 'default', dealstage: 'closedwon', closedate: 'tomorrow' }, 400,
    (body) => assert.deepEqual(invalid(body), { closedate: 'INVALID_LONG' })),
  creating('a datetime in milliseconds is read back as ISO', 'deals',
    { dealname: 'X', pipeline: 'default', dealstage: 'closedwon', closedate: '1790000000123' }, 201,
    (body) => assert.equal(body.properties.closedate, '2026-09-21T14:13:20.123Z')),
  creating('a company needs a name or a domain', 'companies', { city: 'Berlin' }, 400, (body) => {
    assert.match(body.message, /^Error creating COMPANY\. Some required properties were not set\.$/);
    assert.deepEqual(body.context.properties, ['name']);
  }),
  creating('a company with a domain that another has', 'companies', { domain: 'twin.example' }, 201, async (body, { sim }) => {
    const twin = await create(sim, 'companies', { domain: 'twin.example' });
    assert.notEqual(twin, body.id, 'companies are not deduplicated');
  }),
  creating('a deal needs name, stage and pipeline', 'deals', { amount: '1' }, 400,
    (body) => assert.deepEqual(body.context.properties, ['dealname', 'dealstage', 'pipeline'])),
  creating('a ticket needs subject, pipeline and stage', 'tickets', {}, 400,
    (body) => assert.deepEqual(body.context.properties, ['subject', 'hs_pipeline', 'hs_pipeline_stage'])),
  creating('a stage of another pipeline', 'deals', { dealname: 'X', pipeline: 'default', dealstage: '98217730' }, 400,
    (body) => assert.deepEqual(invalid(body), { dealstage: 'INVALID_OPTION' })),
  creating('a pipeline that is none', 'deals', { dealname: 'X', pipeline: 'nope', dealstage: 'closedwon' }, 400,
    (body) => assert.deepEqual(invalid(body), { pipeline: 'INVALID_OPTION' })),
  creating('the stage that a deal is created in gets its date', 'deals',
    { dealname: 'X', pipeline: 'default', dealstage: 'closedwon' }, 201, async (body, { sim }) => {
      const { hs_v2_date_entered_closedwon: entered } = await values(sim, 'deals', body.id, 'hs_v2_date_entered_closedwon');
      assert.equal(entered, body.createdAt);
    }),
  scene({
    name: 'a contact is created with associations',
    writes: true,
    setup: ({ sim }) => ids(sim, 'companies', 1),
    sdk: (client, { setup }) => client.crm.contacts.basicApi.create(withCompany(setup[0], 279)),
    sluice: ({ setup }) => ({ endpoint: 'OBJECT_CREATE', args: { type: 'contacts' }, body: withCompany(setup[0], 279) }),
    status: 201,
    check: async (body, { sim, setup }) => {
      const { json } = await sim.api('GET', `/crm/v4/objects/contacts/${body.id}/associations/companies`);
      assert.deepEqual(json.results.map((one) => String(one.toObjectId)), setup);
    },
  }),
  scene({
    name: 'an association of a type that does not start here creates nothing',
    writes: true,
    setup: async ({ sim }) => ({ company: (await ids(sim, 'companies', 1))[0], before: await sim.records() }),
    sdk: (client, { setup }) => client.crm.contacts.basicApi.create(withCompany(setup.company, 341)),
    sluice: ({ setup }) => ({ endpoint: 'OBJECT_CREATE', args: { type: 'contacts' }, body: withCompany(setup.company, 341) }),
    status: 400,
    check: async (body, { sim, setup }) => {
      assert.equal(body.subCategory, 'crm.associations.INVALID_ASSOCIATION_TYPE');
      assert.equal((await sim.records()).contacts.live, setup.before.contacts.live);
    },
  }),
  scene({
    name: 'an association with a record that is not there creates nothing',
    writes: true,
    setup: ({ sim }) => sim.records(),
    sdk: (client) => client.crm.contacts.basicApi.create(withCompany('999', 279)),
    sluice: () => ({ endpoint: 'OBJECT_CREATE', args: { type: 'contacts' }, body: withCompany('999', 279) }),
    status: 400,
    check: async (body, { sim, setup }) => {
      assert.equal(body.subCategory, 'crm.associations.TO_OBJECT_NOT_FOUND');
      assert.equal((await sim.records()).contacts.live, setup.contacts.live);
    },
  }),
  scene({
    name: 'an e-mail address that somebody has, in capitals',
    writes: true,
    setup: ({ sim }) => create(sim, 'contacts', { email: 'taken@example.com' }),
    sdk: (client) => client.crm.contacts.basicApi.create({ properties: { email: 'Taken@Example.com' } }),
    sluice: () => ({ endpoint: 'OBJECT_CREATE', args: { type: 'contacts' }, body: { properties: { email: 'Taken@Example.com' } } }),
    status: 409,
    check: (body, { setup }) => {
      assert.equal(body.category, 'CONFLICT');
      assert.equal(body.message, `Contact already exists. Existing ID: ${setup}`);
    },
  }),
  scene({
    name: 'an e-mail address of a contact that nobody has touched',
    writes: true,
    setup: async ({ sim }) => (await sim.list('contacts', ['email'])).find((record) => record.properties.email),
    sdk: (client, { setup }) => client.crm.contacts.basicApi.create({ properties: { email: setup.properties.email } }),
    sluice: ({ setup }) => ({
      endpoint: 'OBJECT_CREATE', args: { type: 'contacts' }, body: { properties: { email: setup.properties.email } },
    }),
    status: 409,
    check: (body, { setup }) => assert.equal(body.message, `Contact already exists. Existing ID: ${setup.id}`),
  }),
  updating('a value is changed, and nothing else', 'contacts', { jobtitle: 'Countess' }, 200, async (body, { sim, setup }) => {
    assert.equal(body.properties.jobtitle, 'Countess');
    const { json } = await read(sim, 'contacts', setup.id, 'properties=jobtitle,email');
    assert.equal(json.properties.jobtitle, 'Countess');
    assert.equal(json.properties.email, setup.properties.email);
    assert.equal(json.createdAt, setup.createdAt);
    assert.ok(json.updatedAt > setup.updatedAt);
    assert.equal(json.updatedAt, json.properties.lastmodifieddate);
  }),
  updating('a value that it has already changes nothing', 'contacts', (record) => ({ email: record.properties.email }), 200,
    (body, { setup }) => assert.equal(body.updatedAt, setup.updatedAt)),
  updating('an empty text clears', 'contacts', { email: '' }, 200, (body) => assert.equal(body.properties.email, '')),
  updating('nothing to update', 'contacts', undefined, 400, (body) => assert.match(body.message, /'properties' is missing/)),
  updating('a date that is not midnight', 'contacts', async (_, sim) => ({ [await custom(sim, (p) => p.type === 'date')]: '1726212035320' }), 400,
    (body) => {
      assert.deepEqual(Object.values(invalid(body)), ['INVALID_DATE']);
      assert.match(body.errors[0].message, /^1726212035320 is at 7:20:35\.320 UTC, not midnight!$/);
    }),
  updating('a date in milliseconds is read back as a day', 'contacts',
    async (_, sim) => ({ [await custom(sim, (p) => p.type === 'date')]: '1726185600000' }), 200,
    (body, { setup }) => assert.equal(body.properties[Object.keys(setup.sent)[0]], '2024-09-13')),
  scene({
    name: 'a checkbox list: a leading semicolon adds, any other value replaces, each part is checked',
    writes: true,
    setup: async ({ sim }) => {
      const property = (await sim.properties('contacts')).find((p) => p.fieldType === 'checkbox' && p.type === 'enumeration');
      const [a, b, c] = property.options.map((option) => option.value);
      const id = await create(sim, 'contacts', { [property.name]: a });
      const added = await sim.api('PATCH', `/crm/v3/objects/contacts/${id}`, { properties: { [property.name]: `;${b};${a}` } });
      assert.equal(added.json.properties[property.name], `${a};${b}`);
      const wrong = await sim.api('PATCH', `/crm/v3/objects/contacts/${id}`, { properties: { [property.name]: `${a};nope` } });
      assert.deepEqual(invalid(wrong.json), { [property.name]: 'INVALID_OPTION' });
      return { id, name: property.name, wanted: `${b};${c}` };
    },
    sdk: (client, { setup }) => client.crm.contacts.basicApi.update(setup.id, { properties: { [setup.name]: setup.wanted } }),
    sluice: ({ setup }) => ({
      endpoint: 'OBJECT_UPDATE', args: { type: 'contacts', id: setup.id }, body: { properties: { [setup.name]: setup.wanted } },
    }),
    status: 200,
    check: (body, { setup }) => assert.equal(body.properties[setup.name], setup.wanted),
  }),
  scene({
    name: 'by e-mail address',
    writes: true,
    setup: ({ sim }) => create(sim, 'contacts', { email: 'a+b@example.com' }),
    sdk: (client) => client.crm.contacts.basicApi.update('a+b@example.com', { properties: { city: 'Ulm' } }, 'email'),
    sluice: () => ({
      endpoint: 'OBJECT_UPDATE', args: { type: 'contacts', id: 'a+b@example.com' }, query: { idProperty: 'email' },
      body: { properties: { city: 'Ulm' } },
    }),
    status: 200,
    check: (body, { setup }) => assert.equal(body.id, setup),
  }),
  scene({
    name: 'by a property that is not unique',
    writes: true,
    sdk: (client) => client.crm.contacts.basicApi.update('Ulm', { properties: { city: 'Bonn' } }, 'city'),
    sluice: () => ({
      endpoint: 'OBJECT_UPDATE', args: { type: 'contacts', id: 'Ulm' }, query: { idProperty: 'city' }, body: { properties: { city: 'Bonn' } },
    }),
    status: 400,
    check: (body) => assert.match(body.message, /city.*unique/),
  }),
  scene({
    name: 'a record that is not there',
    writes: true,
    sdk: (client) => client.crm.contacts.basicApi.update('999', { properties: { city: 'Bonn' } }),
    sluice: () => ({ endpoint: 'OBJECT_UPDATE', args: { type: 'contacts', id: '999' }, body: { properties: { city: 'Bonn' } } }),
    status: 404,
    check: (body) => assert.equal(body.category, 'OBJECT_NOT_FOUND'),
  }),
  scene({
    name: 'a unique value that another has',
    writes: true,
    setup: async ({ sim }) => {
      const name = await custom(sim, (p) => p.hasUniqueValue);
      await create(sim, 'contacts', { [name]: 'key-1' });
      return { name, id: await create(sim, 'contacts', {}) };
    },
    sdk: (client, { setup }) => client.crm.contacts.basicApi.update(setup.id, { properties: { [setup.name]: 'KEY-1' } }),
    sluice: ({ setup }) => ({
      endpoint: 'OBJECT_UPDATE', args: { type: 'contacts', id: setup.id }, body: { properties: { [setup.name]: 'KEY-1' } },
    }),
    status: 400,
    check: (body) => assert.match(body.message, /already has that value/),
  }),
  scene({
    name: 'a record is archived, and archived again',
    writes: true,
    setup: async ({ sim }) => (await ids(sim, 'contacts', 1))[0],
    sdk: async (client, { setup }) => {
      await client.crm.contacts.basicApi.archive(setup);
      return client.crm.contacts.basicApi.archive(setup);
    },
    sluice: ({ setup }) => [
      { endpoint: 'OBJECT_ARCHIVE', args: { type: 'contacts', id: setup } },
      { endpoint: 'OBJECT_ARCHIVE', args: { type: 'contacts', id: setup } },
    ],
    status: 204,
    check: async (_, { sim, setup }) => {
      assert.equal((await read(sim, 'contacts', setup)).status, 404);
      const { json } = await read(sim, 'contacts', setup, 'archived=true');
      assert.equal(json.archived, true);
      assert.ok(json.archivedAt);
      assert.ok((await sim.list('contacts', [], { archived: true })).some((record) => record.id === setup));
      assert.ok(!(await sim.list('contacts', [])).some((record) => record.id === setup));
    },
  }),
  scene({
    name: 'history of a value: newest first, with who changed it',
    setup: async ({ sim }) => {
      const id = await create(sim, 'contacts', { city: 'Ulm' });
      await sim.api('PATCH', `/crm/v3/objects/contacts/${id}`, { properties: { city: 'Bonn' } });
      await sim.api('PATCH', `/crm/v3/objects/contacts/${id}`, { properties: { city: '' } });
      return id;
    },
    same: false,
    sdk: (client, { setup }) => client.crm.contacts.basicApi.getById(setup, ['city'], ['city', 'firstname']),
    sluice: ({ setup }) => ({
      endpoint: 'OBJECT_GET', args: { type: 'contacts', id: setup }, query: { properties: 'city', propertiesWithHistory: 'city,firstname' },
    }),
    status: 200,
    check: ({ propertiesWithHistory: { city, firstname } }) => {
      assert.deepEqual(city.map((entry) => entry.value), ['', 'Bonn', 'Ulm']);
      assert.ok(city.every((entry) => entry.sourceType === 'INTEGRATION' && entry.sourceId && entry.timestamp));
      assert.ok(city.every((entry, i) => i === 0 || city[i - 1].timestamp >= entry.timestamp));
      assert.deepEqual(firstname, []);
    },
  }),
  scene({
    name: 'engagements need their time',
    writes: true,
    sdk: (client) => client.crm.objects.basicApi.create('notes', { properties: { hs_note_body: 'x' } }),
    sluice: () => ({ endpoint: 'OBJECT_CREATE', args: { type: 'notes' }, body: { properties: { hs_note_body: 'x' } } }),
    status: 400,
    check: (body) => assert.deepEqual(body.context.properties, ['hs_timestamp']),
  }),
  scene({
    name: 'an engagement with a contact',
    writes: true,
    setup: ({ sim }) => ids(sim, 'contacts', 1),
    sdk: (client, { setup }) => client.crm.objects.basicApi.create('notes', note(setup[0])),
    sluice: ({ setup }) => ({ endpoint: 'OBJECT_CREATE', args: { type: 'notes' }, body: note(setup[0]) }),
    status: 201,
    check: async (body, { sim, setup }) => {
      const { json } = await sim.api('GET', `/crm/v4/objects/contacts/${setup[0]}/associations/notes`);
      assert.ok(json.results.some((one) => String(one.toObjectId) === body.id));
    },
  }),
];

function withCompany(id, associationTypeId) {
  return {
    properties: { email: 'linked@example.com' },
    associations: [{ to: { id }, types: [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId }] }],
  };
}

function note(contact) {
  return {
    properties: { hs_timestamp: '2026-01-02T03:04:05Z', hs_note_body: '<p>Hello</p>' },
    associations: [{ to: { id: contact }, types: [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 202 }] }],
  };
}

// `sent`: the properties, or what makes them of the record that is updated.
function updating(name, type, sent, status, check) {
  const body = ({ setup }) => (setup.sent === undefined ? {} : { properties: setup.sent });
  return scene({
    name,
    writes: true,
    setup: async ({ sim }) => {
      const record = (await sim.list(type, ['email'])).find(({ properties }) => properties.email);
      return { ...record, sent: typeof sent === 'function' ? await sent(record, sim) : sent };
    },
    sdk: (client, ctx) => client.crm[type].basicApi.update(ctx.setup.id, body(ctx)),
    sluice: (ctx) => ({ endpoint: 'OBJECT_UPDATE', args: { type, id: ctx.setup.id }, body: body(ctx) }),
    status,
    check,
  });
}

// Calls of one batch endpoint.
function batch(kind, name, inputs, status, check, setup) {
  const made = async (ctx) => (typeof inputs === 'function' ? inputs(ctx.setup) : inputs);
  return scene({
    name: `batch ${kind}: ${name}`,
    writes: true,
    setup,
    sdk: async (client, ctx) => client.crm.contacts.batchApi[kind]({ inputs: await made(ctx) }),
    sluice: async (ctx, call) =>
      call({ endpoint: `OBJECT_BATCH_${kind.toUpperCase()}`, args: { type: 'contacts' }, body: { inputs: await made(ctx) } }),
    status,
    check,
  });
}

const live = async (sim) => (await sim.records()).contacts.live;
const people = (n, more = () => ({})) =>
  Array.from({ length: n }, (_, i) => ({ properties: { email: `p${i}@example.com` }, ...more(i) }));
const counting = async ({ sim }) => ({ before: await live(sim) });
const twoIds = async ({ sim }) => ({ before: await live(sim), ids: await ids(sim, 'contacts', 2) });

const batches = [
  batch('create', 'a hundred', people(100), 201, async (body, { sim, setup }) => {
    assert.equal(body.status, 'COMPLETE');
    assert.equal(body.results.length, 100);
    assert.equal(await live(sim), setup.before + 100);
    const emails = body.results.map((record) => record.properties.email);
    assert.equal(new Set(emails).size, 100);
    assert.notDeepEqual(emails, people(100).map((one) => one.properties.email), 'the order of a batch is nobody\'s promise');
  }, counting),
  batch('create', 'a hundred and one', people(101), 400, async (body, { sim, setup }) => {
    assert.equal(body.category, 'VALIDATION_ERROR');
    assert.match(body.message, /^The maximum number of inputs supported in a batch is 100\./);
    assert.equal(await live(sim), setup.before);
  }, counting),
  batch('create', 'one bad input fails all', [...people(2), { properties: { email: 'bad' } }], 400, async (body, { sim, setup }) => {
    assert.deepEqual(invalid(body), { email: 'INVALID_EMAIL' });
    assert.equal(await live(sim), setup.before);
  }, counting),
  batch('create', 'one duplicate fails all, and only the first is named',
    ({ holders }) => [{ properties: { email: 'x1@example.com' } }, { properties: { email: 'c@example.com' } }, { properties: { email: 'd@example.com' } }].slice(0, holders + 1),
    409, async (body, { sim, setup }) => {
      assert.equal(body.message, `Contact already exists. Existing ID: ${setup.first}`);
      assert.equal(await live(sim), setup.before);
    }, async ({ sim }) => {
      const first = await create(sim, 'contacts', { email: 'c@example.com' });
      await create(sim, 'contacts', { email: 'd@example.com' });
      return { holders: 2, first, before: await live(sim) };
    }),
  batch('create', 'with a trace of its own on every input, the good half is created',
    [...people(2, (i) => ({ objectWriteTraceId: `t${i}` })), { properties: { email: 'bad' }, objectWriteTraceId: 't9' }], 207,
    async (body, { sim, setup }) => {
      assert.deepEqual(body.results.map((record) => record.objectWriteTraceId).sort(), ['t0', 't1']);
      assert.equal(body.numErrors, 1);
      assert.deepEqual(body.errors[0].context.objectWriteTraceId, ['t9']);
      assert.equal(body.errors[0].category, 'VALIDATION_ERROR');
      assert.equal(await live(sim), setup.before + 2);
    }, counting),
  batch('create', 'a trace that two share is none',
    [...people(2, () => ({ objectWriteTraceId: 'same' })), { properties: { email: 'bad' }, objectWriteTraceId: 't9' }], 400,
    async (_, { sim, setup }) => assert.equal(await live(sim), setup.before), counting),
  batch('create', 'the same new address twice', [...people(1), ...people(1)], 400,
    async (_, { sim, setup }) => assert.equal(await live(sim), setup.before), counting),
  batch('update', 'two records', ({ ids: [a, b] }) => [{ id: a, properties: { city: 'A' } }, { id: b, properties: { city: 'B' } }], 200,
    async (body, { sim, setup }) => {
      assert.equal(body.results.length, 2);
      assert.equal((await values(sim, 'contacts', setup.ids[0], 'city')).city, 'A');
      assert.equal((await values(sim, 'contacts', setup.ids[1], 'city')).city, 'B');
    }, twoIds),
  batch('update', 'records that are not there are errors, the others are updated',
    ({ ids: [a] }) => [{ id: a, properties: { city: 'A' } }, { id: '999', properties: { city: 'B' } }], 207,
    (body, { setup }) => {
      assert.deepEqual(body.results.map((record) => record.id), setup.ids.slice(0, 1));
      assert.equal(body.errors[0].category, 'OBJECT_NOT_FOUND');
      assert.deepEqual(body.errors[0].context.ids, ['999']);
    }, twoIds),
  batch('update', 'one bad value fails all',
    ({ ids: [a, b] }) => [{ id: a, properties: { city: 'Nowhere' } }, { id: b, properties: { lifecyclestage: 'nope' } }], 400,
    async (_, { sim, setup }) => assert.notEqual((await values(sim, 'contacts', setup.ids[0], 'city')).city, 'Nowhere'), twoIds),
  batch('update', 'by e-mail address is refused',
    [{ id: 'a@example.com', idProperty: 'email', properties: { city: 'A' } }], 400,
    (body) => assert.match(body.message, /^Unable to perform update\/upsert by non-unique 0-1 property email in portal ID \d+$/),
    ({ sim }) => create(sim, 'contacts', { email: 'a@example.com' })),
  batch('update', 'by a unique property', ({ name }) => [{ id: 'k1', idProperty: name, properties: { city: 'A' } }], 200,
    (body, { setup }) => assert.deepEqual(body.results.map((record) => record.id), [setup.id]), async ({ sim }) => {
      const name = await custom(sim, (p) => p.hasUniqueValue);
      return { name, id: await create(sim, 'contacts', { [name]: 'k1' }) };
    }),
  batch('update', 'a record twice', ({ ids: [a] }) => [{ id: a, properties: { city: 'A' } }, { id: a, properties: { city: 'B' } }], 400,
    (body) => assert.match(body.message, /^Duplicate IDs found in batch input/), twoIds),
  batch('update', 'an id that was merged away is not found',
    ({ old }) => [{ id: old, properties: { city: 'A' } }], 207,
    (body) => assert.equal(body.errors[0].category, 'OBJECT_NOT_FOUND'), async ({ sim }) => {
      const [a, b] = await ids(sim, 'contacts', 2);
      await sim.api('POST', '/crm/v3/objects/contacts/merge', { primaryObjectId: a, objectIdToMerge: b });
      return { old: b };
    }),
  batch('upsert', 'by e-mail: one is there, one is new',
    [
      { id: 'known@example.com', idProperty: 'email', properties: { city: 'A' } },
      { id: 'new@example.com', idProperty: 'email', properties: { city: 'B' } },
    ], 200,
    async (body, { sim, setup }) => {
      const byCity = Object.fromEntries(body.results.map((record) => [record.properties.city, record]));
      assert.deepEqual([byCity.A.new, byCity.A.id], [false, setup.known]);
      assert.equal(byCity.B.new, true);
      assert.equal((await values(sim, 'contacts', byCity.B.id, 'email')).email, 'new@example.com');
      assert.equal(await live(sim), setup.before + 1);
    },
    async ({ sim }) => ({ known: await create(sim, 'contacts', { email: 'known@example.com' }), before: await live(sim) })),
  batch('upsert', 'by e-mail: no partial success, traces or not',
    [
      { id: 'new@example.com', idProperty: 'email', properties: { city: 'B' }, objectWriteTraceId: '1' },
      { id: 'bad', idProperty: 'email', properties: {}, objectWriteTraceId: '2' },
    ], 400, async (_, { sim, setup }) => assert.equal(await live(sim), setup.before), counting),
  batch('upsert', 'by a unique property: partial with traces, and an address that another has is a conflict',
    ({ name }) => [
      { id: 'k1', idProperty: name, properties: { email: 'fresh@example.com' }, objectWriteTraceId: '1' },
      { id: 'k2', idProperty: name, properties: { email: 'taken@example.com' }, objectWriteTraceId: '2' },
    ], 207, (body, { setup }) => {
      assert.deepEqual(body.results.map((record) => [record.new, record.objectWriteTraceId]), [[true, '1']]);
      assert.equal(body.errors[0].message, `Contact already exists. Existing ID: ${setup.holder}`);
      assert.deepEqual(body.errors[0].context.objectWriteTraceId, ['2']);
    }, async ({ sim }) => ({
      name: await custom(sim, (p) => p.hasUniqueValue),
      holder: await create(sim, 'contacts', { email: 'taken@example.com' }),
    })),
  batch('upsert', 'without traces the same conflict fails all',
    ({ name }) => [
      { id: 'k1', idProperty: name, properties: { email: 'fresh@example.com' } },
      { id: 'k2', idProperty: name, properties: { email: 'taken@example.com' } },
    ], 409, async (body, { sim, setup }) => {
      assert.equal(body.message, `Contact already exists. Existing ID: ${setup.holder}`);
      assert.equal(await live(sim), setup.before);
    }, async ({ sim }) => ({
      name: await custom(sim, (p) => p.hasUniqueValue),
      holder: await create(sim, 'contacts', { email: 'taken@example.com' }),
      before: await live(sim),
    })),
  batch('upsert', 'by a property that is not unique', [{ id: 'Ulm', idProperty: 'city', properties: {} }], 400,
    (body) => assert.match(body.message, /^Unable to perform update\/upsert by non-unique 0-1 property city/)),
  batch('archive', 'also of what is not there', ({ ids: [a, b] }) => [{ id: a }, { id: '999' }, { id: b }, { id: a }], 204,
    async (_, { sim, setup }) => {
      assert.equal(await live(sim), setup.before - 2);
      assert.equal((await read(sim, 'contacts', setup.ids[1], 'archived=true')).json.archived, true);
    }, twoIds),
];

const stageOf = async (sim, id) => (await values(sim, 'contacts', id, 'lifecyclestage')).lifecyclestage;

const lifecycle = [
  scene({
    name: 'lifecycle: forward is done',
    writes: true,
    setup: ({ sim }) => create(sim, 'contacts', { lifecyclestage: 'lead' }),
    sdk: (client, { setup }) => client.crm.contacts.basicApi.update(setup, { properties: { lifecyclestage: 'customer' } }),
    sluice: ({ setup }) => ({
      endpoint: 'OBJECT_UPDATE', args: { type: 'contacts', id: setup }, body: { properties: { lifecyclestage: 'customer' } },
    }),
    status: 200,
    check: async (_, { sim, setup }) => assert.equal(await stageOf(sim, setup), 'customer'),
  }),
  scene({
    name: 'lifecycle: backward is answered 200 and not done',
    writes: true,
    setup: ({ sim }) => create(sim, 'contacts', { lifecyclestage: 'customer' }),
    sdk: (client, { setup }) =>
      client.crm.contacts.basicApi.update(setup, { properties: { lifecyclestage: 'lead', city: 'Ulm' } }),
    sluice: ({ setup }) => ({
      endpoint: 'OBJECT_UPDATE', args: { type: 'contacts', id: setup }, body: { properties: { lifecyclestage: 'lead', city: 'Ulm' } },
    }),
    status: 200,
    check: async (body, { sim, setup }) => {
      assert.equal(body.properties.lifecyclestage, 'customer');
      assert.equal(body.properties.city, 'Ulm');
      assert.equal(await stageOf(sim, setup), 'customer');
    },
  }),
  scene({
    name: 'lifecycle: clearing, then setting in a second request, goes back',
    writes: true,
    setup: ({ sim }) => create(sim, 'contacts', { lifecyclestage: 'customer' }),
    sdk: async (client, { setup }) => {
      await client.crm.contacts.basicApi.update(setup, { properties: { lifecyclestage: '' } });
      return client.crm.contacts.basicApi.update(setup, { properties: { lifecyclestage: 'lead' } });
    },
    sluice: ({ setup }) => [
      { endpoint: 'OBJECT_UPDATE', args: { type: 'contacts', id: setup }, body: { properties: { lifecyclestage: '' } } },
      { endpoint: 'OBJECT_UPDATE', args: { type: 'contacts', id: setup }, body: { properties: { lifecyclestage: 'lead' } } },
    ],
    status: 200,
    check: async (_, { sim, setup }) => assert.equal(await stageOf(sim, setup), 'lead'),
  }),
  scene({
    name: 'a deal moves: the new stage gets its date, the pipeline must know the stage',
    writes: true,
    setup: async ({ sim }) => {
      const id = await create(sim, 'deals', { dealname: 'X', pipeline: 'default', dealstage: 'appointmentscheduled' });
      const wrong = await sim.api('PATCH', `/crm/v3/objects/deals/${id}`, { properties: { dealstage: '98217731' } });
      assert.deepEqual(invalid(wrong.json), { dealstage: 'INVALID_OPTION' });
      return id;
    },
    sdk: (client, { setup }) => client.crm.deals.basicApi.update(setup, { properties: { dealstage: 'contractsent' } }),
    sluice: ({ setup }) => ({
      endpoint: 'OBJECT_UPDATE', args: { type: 'deals', id: setup }, body: { properties: { dealstage: 'contractsent' } },
    }),
    status: 200,
    check: async (body, { sim, setup }) => {
      const names = ['appointmentscheduled', 'contractsent', 'closedwon'].map((stage) => `hs_v2_date_entered_${stage}`);
      const [first, now, never] = names;
      const dates = await values(sim, 'deals', setup, names.join(','));
      assert.equal(dates[now], body.updatedAt);
      assert.ok(dates[first] <= dates[now]);
      assert.equal(dates[never], null);
    },
  }),
];

const mergeStep = ({ setup }, type = 'contacts') => ({
  endpoint: 'OBJECT_MERGE', args: { type }, body: { primaryObjectId: setup.primary, objectIdToMerge: setup.other },
});

const merges = [
  scene({
    name: 'merge: contacts become a new record that the old ids lead to',
    writes: true,
    setup: async ({ sim }) => ({
      primary: await create(sim, 'contacts', { email: 'first@example.com', city: 'Ulm' }),
      other: await create(sim, 'contacts', { email: 'second@example.com', city: 'Bonn', jobtitle: 'Smith' }),
    }),
    sdk: (client, { setup }) =>
      client.crm.contacts.basicApi.merge({ primaryObjectId: setup.primary, objectIdToMerge: setup.other }),
    sluice: (ctx) => mergeStep(ctx),
    status: 200,
    check: async (body, { sim, setup }) => {
      assert.ok(![setup.primary, setup.other].includes(body.id));
      assert.deepEqual(body.properties.hs_merged_object_ids.split(';').sort(), [setup.primary, setup.other].sort());
      const names = 'email,city,jobtitle,hs_additional_emails';
      for (const id of [setup.primary, setup.other, body.id]) {
        const { json } = await read(sim, 'contacts', id, `properties=${names}`);
        assert.equal(json.id, body.id);
        assert.equal(json.properties.email, 'first@example.com');
        assert.equal(json.properties.city, 'Ulm');
        assert.equal(json.properties.jobtitle, 'Smith', 'what only the other had is kept');
      }
      for (const email of ['first@example.com', 'second@example.com']) {
        assert.equal((await read(sim, 'contacts', email, 'idProperty=email')).json.id, body.id);
      }
      const taken = await sim.api('POST', '/crm/v3/objects/contacts', { properties: { email: 'second@example.com' } });
      assert.equal(taken.json.message, `Contact already exists. Existing ID: ${body.id}`);
      const updated = await sim.api('PATCH', `/crm/v3/objects/contacts/${setup.other}`, { properties: { city: 'Jena' } });
      assert.equal(updated.json.id, body.id);
      const listed = (await sim.list('contacts', [])).map((record) => record.id);
      assert.ok(listed.includes(body.id) && !listed.includes(setup.primary) && !listed.includes(setup.other));
      const archived = (await sim.list('contacts', [], { archived: true })).map((record) => record.id);
      assert.ok(!archived.includes(setup.primary) && !archived.includes(setup.other));
    },
  }),
  scene({
    name: 'merge: deals keep the id of the first',
    writes: true,
    setup: async ({ sim }) => {
      const [primary, other] = await ids(sim, 'deals', 2);
      return { primary, other };
    },
    sdk: (client, { setup }) => client.crm.deals.basicApi.merge({ primaryObjectId: setup.primary, objectIdToMerge: setup.other }),
    sluice: (ctx) => mergeStep(ctx, 'deals'),
    status: 200,
    check: (body, { setup }) => {
      assert.equal(body.id, setup.primary);
      assert.ok(body.properties.hs_merged_object_ids.split(';').includes(setup.other));
    },
  }),
  scene({
    name: 'merge: with itself',
    writes: true,
    setup: async ({ sim }) => {
      const [primary] = await ids(sim, 'contacts', 1);
      return { primary, other: primary };
    },
    sdk: (client, { setup }) => client.crm.contacts.basicApi.merge({ primaryObjectId: setup.primary, objectIdToMerge: setup.other }),
    sluice: (ctx) => mergeStep(ctx),
    status: 400,
    check: (body) => assert.equal(body.category, 'VALIDATION_ERROR'),
  }),
  scene({
    name: 'merge: at most 250 identities',
    writes: true,
    setup: async ({ sim }) => {
      const inputs = (from) => Array.from({ length: 50 }, (_, i) => ({ properties: { email: `m${from + i}@example.com` } }));
      let primary = await create(sim, 'contacts', { email: 'merged@example.com' });
      let n = 0;
      for (let from = 0; from < 250; from += 50) {
        const { json } = await sim.api('POST', '/crm/v3/objects/contacts/batch/create', { inputs: inputs(from) });
        for (const { id: objectIdToMerge } of json.results) {
          const { status, json: merged } = await sim.api('POST', '/crm/v3/objects/contacts/merge', {
            primaryObjectId: primary, objectIdToMerge,
          });
          if (status !== 200) {
            assert.ok(n > 100, `${n} merges, then ${status}`);
            return { primary, other: objectIdToMerge };
          }
          primary = merged.id;
          n++;
        }
      }
      return { primary, other: (await ids(sim, 'contacts', 1))[0] };
    },
    sdk: (client, { setup }) => client.crm.contacts.basicApi.merge({ primaryObjectId: setup.primary, objectIdToMerge: setup.other }),
    sluice: (ctx) => mergeStep(ctx),
    status: 414,
    check: (body) => assert.equal(body.message, 'Cannot have more than 250 identities on a profile'),
    versions: ['2026-09'],
  }),
  scene({
    name: 'deleted for good, by id: nowhere to be seen',
    writes: true,
    setup: ({ sim }) => create(sim, 'contacts', { email: 'gone@example.com' }),
    sdk: (client, { setup }) => client.crm.contacts.basicApi.purge({ objectId: setup }),
    sluice: ({ setup }) => ({ endpoint: 'OBJECT_GDPR_DELETE', args: { type: 'contacts' }, body: { objectId: setup } }),
    status: 204,
    check: async (_, { sim, setup }) => {
      assert.equal((await read(sim, 'contacts', setup)).status, 404);
      assert.equal((await read(sim, 'contacts', setup, 'archived=true')).status, 404);
      assert.ok(!(await sim.list('contacts', [], { archived: true })).some((record) => record.id === setup));
    },
  }),
  scene({
    name: 'deleted for good, by e-mail address',
    writes: true,
    setup: ({ sim }) => create(sim, 'contacts', { email: 'gone@example.com' }),
    sdk: (client) => client.crm.contacts.basicApi.purge({ objectId: 'gone@example.com', idProperty: 'email' }),
    sluice: () => ({
      endpoint: 'OBJECT_GDPR_DELETE', args: { type: 'contacts' }, body: { objectId: 'gone@example.com', idProperty: 'email' },
    }),
    status: 204,
    check: async (_, { sim, setup }) => assert.equal((await read(sim, 'contacts', setup)).status, 404),
  }),
  scene({
    name: 'deleted for good: an address that nobody has is blocked',
    writes: true,
    sdk: (client) => client.crm.contacts.basicApi.purge({ objectId: 'unknown@example.com', idProperty: 'email' }),
    sluice: () => ({
      endpoint: 'OBJECT_GDPR_DELETE', args: { type: 'contacts' }, body: { objectId: 'unknown@example.com', idProperty: 'email' },
    }),
    status: 204,
    check: async (_, { sim }) => {
      const { status, json } = await sim.api('POST', '/crm/v3/objects/contacts', { properties: { email: 'Unknown@example.com' } });
      assert.equal(status, 400);
      assert.match(json.message, /blocked/);
    },
  }),
];

runScenes('one record', OPTIONS, singles);
runScenes('batches', OPTIONS, batches);
runScenes('stages', OPTIONS, lifecycle);
runScenes('merging and deleting', OPTIONS, merges);

// Rules of the account's admins: legacy paths pass over them, those of 2026-09 do not.
const RULES = { ...OPTIONS, 'admin-rules': 'contacts.phone:required,deals.amount:min=0' };
const dated = (ctx) => ctx.version === '2026-09';
const ruled = (name, type, properties, check) =>
  scene({
    name,
    writes: true,
    sdk: (client) => client.crm[type].basicApi.create({ properties }),
    sluice: () => ({ endpoint: 'OBJECT_CREATE', args: { type }, body: { properties } }),
    versions: ['legacy'],
    status: 201,
    check,
  });
const refused = (name, type, properties, check) =>
  scene({
    name,
    writes: true,
    sdk: async (_, { sim }) => {
      const { status, json } = await sim.api('POST', `/crm/objects/2026-09/${type}`, { properties });
      throw Object.assign(new Error('the SDK speaks the legacy version only'), { code: status, body: json });
    },
    sluice: () => ({ endpoint: 'OBJECT_CREATE', args: { type }, body: { properties } }),
    versions: ['2026-09'],
    status: 400,
    check,
  });
runScenes('rules of admins', RULES, [
  ruled('legacy: a contact without the phone number that admins require', 'contacts', { email: 'x@example.com' },
    (body, ctx) => assert.ok(body.id && !dated(ctx))),
  refused('2026-09: the same is refused', 'contacts', { email: 'x@example.com' },
    (body) => assert.deepEqual(body.context.properties, ['phone'])),
  refused('2026-09: a number out of bounds', 'deals', { dealname: 'X', pipeline: 'default', dealstage: 'closedwon', amount: '-1' },
    (body) => assert.deepEqual(invalid(body), { amount: 'VALIDATION_RULE' })),
]);
