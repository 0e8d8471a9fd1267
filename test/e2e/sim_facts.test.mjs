// Facts of HubSpot's API that hubsim plays and that no other file tells: what a token may see, what is worked out of
// stages, which filters there are, what associations are called. Plain requests, so that each body is seen as it is.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from '@hubspot/api-client';
import { Sim } from './lib/sim.mjs';

const CONTENTS = ['hs_email_subject', 'hs_email_html', 'hs_email_text', 'hs_email_headers'];

// Puts a new app beside the others; its token.
async function appWith(sim, scopes) {
  const { status, json, text } = await sim.api('POST', '/_sim/apps', { scopes });
  assert.equal(status, 200, text);
  return json.token;
}

async function ok(sim, method, path, body, options) {
  const { status, json, text } = await sim.api(method, path, body, options);
  assert.ok(status >= 200 && status < 300, `${method} ${path}: ${status} ${text}`);
  return json;
}

describe('what a token may see', () => {
  let sim;
  before(async () => {
    sim = await Sim.start({ contacts: 30, engagements: 60, 'other-objects': 'products:3,line_items:3,quotes:3' });
  });
  after(() => sim.stop());

  test('contents of e-mails need sales-email-read', async () => {
    const path = `/crm/v3/objects/emails?limit=50&properties=${CONTENTS.join(',')},hs_email_direction&propertiesWithHistory=hs_email_subject`;
    const without = await appWith(sim, 'crm.objects.contacts.read');
    const withScope = await appWith(sim, 'crm.objects.contacts.read sales-email-read');
    const blind = await ok(sim, 'GET', path, undefined, { token: without });
    const seeing = await ok(sim, 'GET', path, undefined, { token: withScope });
    assert.ok(blind.results.length > 3);
    for (const record of blind.results) {
      assert.ok('hs_email_direction' in record.properties);
      assert.deepEqual(CONTENTS.filter((name) => name in record.properties), []);
      assert.deepEqual(record.propertiesWithHistory, {});
    }
    for (const record of seeing.results) {
      assert.deepEqual(CONTENTS.filter((name) => !(name in record.properties)), []);
    }
    const batch = { inputs: blind.results.map(({ id }) => ({ id })), properties: CONTENTS };
    const read = await ok(sim, 'POST', '/crm/v3/objects/emails/batch/read', batch, { token: without });
    assert.ok(read.results.every(({ properties }) => !('hs_email_html' in properties)));
  });

  test('e-commerce is enough for products, line items and quotes, and for nothing else', async () => {
    const token = await appWith(sim, 'e-commerce');
    for (const type of ['products', 'line_items', 'quotes']) {
      assert.equal((await sim.api('GET', `/crm/v3/objects/${type}`, undefined, { token })).status, 200, type);
    }
    const deals = await sim.api('GET', '/crm/v3/objects/deals', undefined, { token });
    assert.equal(deals.status, 403);
    const none = await sim.api('GET', '/crm/v3/objects/products', undefined, { token: await appWith(sim, 'oauth') });
    assert.deepEqual(none.json.errors[0].context.requiredGranularScopes, ['crm.objects.products.read', 'e-commerce']);
  });

  test('no search by what cannot be seen', async () => {
    const search = { filterGroups: [{ filters: [{ propertyName: 'hs_email_subject', operator: 'HAS_PROPERTY' }] }] };
    const token = await appWith(sim, 'crm.objects.contacts.read');
    const blind = await sim.api('POST', '/crm/v3/objects/emails/search', search, { token });
    assert.equal(blind.status, 400);
    assert.match(blind.json.message, /unknown property 'hs_email_subject'/);
    assert.equal((await sim.api('POST', '/crm/v3/objects/emails/search', search)).status, 200);
  });

  test('sensitive values need a scope to be read and one to be written; definitions need none', async () => {
    const passport = {
      name: 'passport', label: 'Passport', type: 'string', fieldType: 'text', groupName: 'contactinformation',
      dataSensitivity: 'sensitive',
    };
    const plain = 'crm.objects.contacts.read crm.objects.contacts.write crm.schemas.contacts.write';
    const blind = { token: await appWith(sim, plain) };
    const seeing = { token: await appWith(sim, `${plain} crm.objects.contacts.sensitive.read`) };
    const writing = { token: await appWith(sim, `${plain} crm.objects.contacts.sensitive.write`) };
    const refused = await sim.api('POST', '/crm/v3/properties/contacts', passport, blind);
    assert.equal(refused.status, 403);
    assert.equal(refused.json.category, 'MISSING_SCOPES');
    assert.match(refused.json.message, /crm\.objects\.contacts\.sensitive\.write/);
    await ok(sim, 'POST', '/crm/v3/properties/contacts', passport, writing);
    const names = async (query) =>
      (await ok(sim, 'GET', `/crm/v3/properties/contacts${query}`, undefined, blind)).results.map(({ name }) => name);
    assert.ok(!(await names('')).includes('passport'));
    assert.deepEqual(await names('?dataSensitivity=sensitive'), ['passport']);

    const values = { properties: { email: 'p@example.com', passport: 'C01X00T47' } };
    const stopped = await sim.api('POST', '/crm/v3/objects/contacts', values, blind);
    assert.equal(stopped.status, 403);
    assert.match(stopped.json.message, /crm\.objects\.contacts\.sensitive\.write is required to set passport/);
    const { id, properties } = await ok(sim, 'POST', '/crm/v3/objects/contacts', values, writing);
    assert.ok(!('passport' in properties), 'who may only write does not see it');
    const path = `/crm/v3/objects/contacts/${id}?properties=passport,email`;
    assert.equal((await ok(sim, 'GET', path, undefined, seeing)).properties.passport, 'C01X00T47');
    assert.ok(!('passport' in (await ok(sim, 'GET', path, undefined, blind)).properties));
  });
});

describe('stages', () => {
  let sim;
  before(async () => {
    sim = await Sim.start({ contacts: 200, deals: 60 });
  });
  after(() => sim.stop());

  const STAGE = 'appointmentscheduled';
  const dates = (stage) =>
    ['date_entered', 'date_exited', 'latest_time_in', 'cumulative_time_in'].map((what) => `hs_v2_${what}_${stage}`);
  const read = async (id, stage) => {
    const names = dates(stage);
    const { properties } = await ok(sim, 'GET', `/crm/v3/objects/deals/${id}?properties=${names.join(',')}`);
    return names.map((name) => properties[name]);
  };
  const move = (id, dealstage) => ok(sim, 'PATCH', `/crm/v3/objects/deals/${id}`, { properties: { dealstage } });

  test('leaving a stage gives its date and times; coming back empties all but the sum', async () => {
    const made = await ok(sim, 'POST', '/crm/v3/objects/deals', {
      properties: { dealname: 'X', pipeline: 'default', dealstage: STAGE },
    });
    assert.deepEqual(await read(made.id, STAGE), [made.createdAt, null, null, null]);
    await ok(sim, 'POST', '/_sim/clock', { advance: '1h' });
    const left = await move(made.id, 'contractsent');
    const stayed = Date.parse(left.updatedAt) - Date.parse(made.createdAt);
    assert.ok(stayed >= 3_600_000);
    assert.deepEqual(await read(made.id, STAGE), [made.createdAt, left.updatedAt, String(stayed), String(stayed)]);
    const back = await move(made.id, STAGE);
    assert.deepEqual(await read(made.id, STAGE), [back.updatedAt, '', '', String(stayed)]);
    await ok(sim, 'POST', '/_sim/clock', { advance: '2h' });
    const again = await move(made.id, 'closedwon');
    const second = Date.parse(again.updatedAt) - Date.parse(back.updatedAt);
    assert.deepEqual(await read(made.id, STAGE), [
      back.updatedAt, again.updatedAt, String(second), String(stayed + second),
    ]);
  });

  test('a write that does not move a deal leaves them alone', async () => {
    const [deal] = await sim.list('deals', dates(STAGE));
    const path = `/crm/v3/objects/deals/${deal.id}`;
    const history = async () =>
      (await ok(sim, 'GET', `${path}?propertiesWithHistory=amount,dealstage`)).propertiesWithHistory;
    const before = { dates: await read(deal.id, STAGE), history: await history() };
    await ok(sim, 'PATCH', path, { properties: { dealname: 'renamed' } });
    assert.deepEqual({ dates: await read(deal.id, STAGE), history: await history() }, before);
  });

  test('generated deals agree: left after entered, and the difference is the time', async () => {
    let left = 0;
    const generated = (await sim.list('deals', dates(STAGE))).filter(({ createdAt }) => createdAt < '2026-07');
    for (const { properties } of generated) {
      const [entered, exited, latest, total] = dates(STAGE).map((name) => properties[name]);
      assert.equal(exited === null, latest === null);
      assert.equal(latest, total);
      if (exited !== null) {
        assert.equal(Date.parse(exited) - Date.parse(entered), Number(latest));
        assert.ok(Number(latest) >= 0);
        left++;
      }
    }
    assert.ok(left > 10, `${left}`);
  });
});

describe('searches and names', () => {
  let sim;
  before(async () => {
    sim = await Sim.start({ contacts: 60, engagements: 20, 'custom-objects': 'cars:40' });
  });
  after(() => sim.stop());

  const refused = async (type, propertyName, operator, value) => {
    const filters = [{ propertyName, operator, value }];
    const { status, json } = await sim.api('POST', `/crm/v3/objects/${type}/search`, { filterGroups: [{ filters }] });
    assert.equal(status, 400);
    assert.equal(json.category, 'VALIDATION_ERROR');
    return json.message;
  };

  test('bodies of e-mails and previews cannot be filtered by', async () => {
    assert.match(await refused('emails', 'hs_email_html', 'HAS_PROPERTY'), /cannot be filtered by: 'hs_email_html'/);
    assert.match(await refused('notes', 'hs_body_preview_html', 'HAS_PROPERTY'), /cannot be filtered by/);
  });

  test('associations with custom objects cannot be filtered by, those with standard ones can', async () => {
    assert.match(await refused('contacts', 'associations.cars', 'EQ', '1'), /unsupported association filter/);
    const filters = [{ propertyName: 'associations.company', operator: 'HAS_PROPERTY' }];
    assert.ok((await ok(sim, 'POST', '/crm/v3/objects/contacts/search', { filterGroups: [{ filters }] })).total > 10);
  });

  test('inline associations call a custom object by its name', async () => {
    const { results } = await ok(sim, 'GET', '/crm/v3/objects/cars?limit=40&associations=contacts');
    const types = results.flatMap((record) => record.associations?.contacts.results ?? []).map(({ type }) => type);
    assert.ok(types.length > 5);
    assert.deepEqual([...new Set(types)], ['cars_to_contact']);
  });
});

describe('what admins allow of associations', () => {
  let sim;
  before(async () => {
    sim = await Sim.start({ contacts: 0, companies: 0, deals: 0, engagements: 0 });
  });
  after(() => sim.stop());

  const UNLABELLED = { associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 280 }; // a company's contacts
  const make = async (type, n) => {
    const ids = [];
    for (let i = 0; i < n; i++) {
      ids.push((await ok(sim, 'POST', `/crm/v3/objects/${type}`, { properties: { [type === 'contacts' ? 'firstname' : 'name']: `${i}` } })).id);
    }
    return ids;
  };
  const tie = (company, contact) =>
    sim.api('PUT', `/crm/v4/objects/companies/${company}/associations/contacts/${contact}`, [UNLABELLED]);

  test('a limit is set, shown, kept and taken away', async () => {
    const client = new Client({ accessToken: sim.token, basePath: sim.url });
    // The client has this API but does not hand it out.
    const call = async (method, path, body) => {
      const options = { method, path: `/crm/v4/associations/definitions/configurations/${path}`, body };
      const answer = await client.apiRequest(options);
      assert.ok(answer.ok, `${path}: ${answer.status}`);
      return answer.status === 204 ? undefined : answer.json();
    };
    const kind = { category: 'HUBSPOT_DEFINED', typeId: 280 };
    const [company, other] = await make('companies', 2);
    const contacts = await make('contacts', 4);

    const made = await call('POST', 'companies/contacts/batch/create', { inputs: [{ ...kind, maxToObjectIds: 1 }] });
    assert.deepEqual(made.results[0], { ...kind, userEnforcedMaxToObjectIds: 1 });
    const updated = await call('POST', 'companies/contacts/batch/update', { inputs: [{ ...kind, maxToObjectIds: 2 }] });
    assert.equal(updated.results[0].userEnforcedMaxToObjectIds, 2);
    assert.deepEqual((await call('GET', 'all')).results.map(({ typeId }) => typeId), [280]);
    assert.equal((await call('GET', 'companies/contacts')).results.length, 1);
    assert.deepEqual((await call('GET', 'contacts/companies')).results, [], 'it has a direction');
    const dated = await ok(sim, 'GET', '/crm/associations/2026-09/definitions/configurations/all');
    assert.equal(dated.results[0].userEnforcedMaxToObjectIds, 2);

    assert.equal((await tie(company, contacts[0])).status, 201);
    // Three at once where one fits: the first is done, the others are told.
    const inputs = contacts.slice(1).map((id) => ({ from: { id: company }, to: { id }, types: [UNLABELLED] }));
    const batch = await sim.api('POST', '/crm/v4/associations/companies/contacts/batch/create', { inputs });
    assert.equal(batch.status, 207, batch.text);
    assert.equal(batch.json.results.length, 1);
    assert.deepEqual(batch.json.errors.map(({ subCategory }) => subCategory), Array(2).fill('crm.associations.LIMIT_EXCEEDED'));
    assert.equal((await tie(company, contacts[0])).status, 201, 'what is there already may be written again');
    // From the contact's side the company is as full.
    const back = await sim.api('PUT', `/crm/v4/objects/contacts/${contacts[3]}/associations/default/companies/${company}`);
    assert.equal(back.status, 400);
    assert.equal(back.json.subCategory, 'crm.associations.LIMIT_EXCEEDED');
    const born = await sim.api('POST', '/crm/v3/objects/contacts', {
      properties: { firstname: 'N' },
      associations: [{ to: { id: company }, types: [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 279 }] }],
    });
    assert.equal(born.status, 400);
    assert.match(born.json.message, /admins of this account allow/);
    assert.equal((await tie(other, contacts[3])).status, 201, 'the limit is for each company');

    await call('POST', 'companies/contacts/batch/purge', { inputs: [kind] });
    assert.deepEqual((await call('GET', 'all')).results, []);
    assert.equal((await tie(company, contacts[3])).status, 201);
  });

  test('a limit that makes no sense is refused', async () => {
    const path = '/crm/v4/associations/definitions/configurations/companies/contacts/batch/create';
    const wrong = [
      [{ category: 'HUBSPOT_DEFINED', typeId: 280, maxToObjectIds: 0 }, /maxToObjectIds is 0/],
      [{ category: 'HUBSPOT_DEFINED', typeId: 5, maxToObjectIds: 1 }, /5 does not exist/],
      [{ category: 'USER_DEFINED', typeId: 280, maxToObjectIds: 1 }, /280 does not exist/],
      [{ category: 'HUBSPOT_DEFINED', typeId: 280 }, /maxToObjectIds/],
    ];
    for (const [input, message] of wrong) {
      const { status, json } = await sim.api('POST', path, { inputs: [input] });
      assert.equal(status, 400);
      assert.match(json.message, message);
    }
    assert.deepEqual((await ok(sim, 'GET', '/crm/associations/v4/definitions/configurations/all')).results, []);
  });
});
