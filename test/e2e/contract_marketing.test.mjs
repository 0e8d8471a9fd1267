// Forms, their submissions, e-mail events, exports and webhook settings through HubSpot's own client and through
// sluice's.
import assert from 'node:assert/strict';
import { runScenes, scene } from './lib/contract.mjs';

const OPTIONS = { contacts: 400, companies: 60, deals: 40 };
const FIRST_MS = Date.parse('2019-01-01');
const LAST_MS = Date.parse('2026-06-30');

const raw = (client, path, more = {}) => client.apiRequest({ path, ...more }).then(bodyOf);
async function bodyOf(response) {
  const text = await response.text();
  const body = text === '' ? undefined : JSON.parse(text);
  if (!response.ok) {
    throw Object.assign(new Error(text), { code: response.status, body });
  }
  return body;
}

async function forms(sim, query) {
  const { status, json, text } = await sim.api('GET', `/marketing/v3/forms?${query}`);
  assert.equal(status, 200, text);
  return json.results;
}
const formOf = (type) => async ({ sim }) => (await forms(sim, `formTypes=${type}`))[0].id;

// Every submission of a form, page by page.
async function submissions(sim, id) {
  const all = [];
  let after;
  do {
    const query = new URLSearchParams({ limit: '50', ...(after === undefined ? {} : { after }) });
    const { json } = await sim.api('GET', `/form-integrations/v1/submissions/forms/${id}?${query}`);
    all.push(...json.results);
    after = json.paging?.next?.after;
  } while (after !== undefined);
  return all;
}

async function events(sim, query) {
  const all = [];
  let page = { hasMore: true };
  while (page.hasMore) {
    const { status, json, text } = await sim.api('GET', `/email/public/v1/events?limit=1000&${query}${page.offset ? `&offset=${page.offset}` : ''}`);
    assert.equal(status, 200, text);
    page = json;
    all.push(...page.events);
  }
  return all;
}

runScenes('forms', OPTIONS, [
  scene({
    name: 'forms: those of HubSpot\'s own kind unless asked otherwise',
    sdk: (client) => client.marketing.forms.formsApi.getPage(undefined, 4),
    sluice: () => ({ endpoint: 'FORMS', query: 'limit=4' }),
    status: 200,
    check: async ({ results, paging }, { sim }) => {
      assert.deepEqual(results.map((f) => f.formType), ['hubspot', 'hubspot', 'hubspot', 'hubspot']);
      assert.ok(results.every((f) => /^[0-9a-f-]{36}$/.test(f.id) && f.fieldGroups[0].fields[0].name === 'email'));
      const rest = await forms(sim, `limit=100&after=${paging.next.after}`);
      const all = await forms(sim, 'limit=100');
      assert.deepEqual([...results, ...rest].map((f) => f.id), all.map((f) => f.id));
      assert.ok(all.every((f) => f.formType === 'hubspot' && !f.archived));
    },
  }),
  scene({
    name: 'forms of other kinds',
    sdk: (client) => raw(client, '/marketing/v3/forms?formTypes=flow&formTypes=captured'),
    sluice: () => ({ endpoint: 'FORMS', query: 'formTypes=flow&formTypes=captured' }),
    status: 200,
    check: ({ results }) => assert.deepEqual(results.map((f) => f.formType), ['flow', 'captured']),
  }),
  scene({
    name: 'an unknown kind of form',
    sdk: (client) => raw(client, '/marketing/v3/forms?formTypes=paper'),
    sluice: () => ({ endpoint: 'FORMS', query: 'formTypes=paper' }),
    status: 400,
    check: ({ message }) => assert.match(message, /'paper'/),
  }),
  scene({
    name: 'archived forms',
    sdk: (client) => client.marketing.forms.formsApi.getPage(undefined, 100, true),
    sluice: () => ({ endpoint: 'FORMS', query: 'limit=100&archived=true' }),
    status: 200,
    check: ({ results }) => assert.deepEqual(results.map((f) => [f.name, f.archived]), [['Contact us (old)', true]]),
  }),
  scene({
    name: 'one form',
    setup: formOf('hubspot'),
    sdk: (client, { setup }) => client.marketing.forms.formsApi.getById(setup),
    sluice: ({ setup }) => ({ endpoint: 'FORM_GET', args: { id: setup } }),
    status: 200,
    check: ({ id, name }, { setup }) => assert.deepEqual([id, name], [setup, 'Contact us']),
  }),
  scene({
    name: 'a form that is not there',
    sdk: (client) => client.marketing.forms.formsApi.getById('00000000-0000-4000-8000-000000000000'),
    sluice: () => ({ endpoint: 'FORM_GET', args: { id: '00000000-0000-4000-8000-000000000000' } }),
    status: 404,
  }),
  scene({
    name: 'submissions, the newest first, until there are no more',
    setup: formOf('hubspot'),
    sdk: (client, { setup }) => raw(client, `/form-integrations/v1/submissions/forms/${setup}?limit=50`),
    sluice: ({ setup }) => ({ endpoint: 'FORM_SUBMISSIONS', args: { id: setup }, query: 'limit=50' }),
    status: 200,
    check: async ({ results }, { sim, setup }) => {
      assert.equal(results.length, 50);
      const all = await submissions(sim, setup);
      assert.equal(all.length, 160); // 40 % of the contacts
      assert.equal(new Set(all.map((s) => s.conversionId)).size, 160);
      assert.ok(all.every((s, i) => i === 0 || s.submittedAt <= all[i - 1].submittedAt));
      assert.deepEqual(all.slice(0, 50), results);
      const contacts = new Set((await sim.list('contacts', ['email'])).map((r) => r.properties.email));
      const emails = all.map((s) => s.values.find((v) => v.name === 'email')?.value);
      assert.ok(emails.filter((email) => contacts.has(email)).length > 150, 'people who send in forms are contacts');
    },
  }),
  scene({
    name: 'more than 50 submissions at a time are refused',
    setup: formOf('hubspot'),
    sdk: (client, { setup }) => raw(client, `/form-integrations/v1/submissions/forms/${setup}?limit=51`),
    sluice: ({ setup }) => ({ endpoint: 'FORM_SUBMISSIONS', args: { id: setup }, query: 'limit=51' }),
    status: 400,
    check: ({ message }) => assert.match(message, /maximum of 50/),
  }),
  scene({
    name: 'comments on a blog cannot be read',
    setup: formOf('blog_comment'),
    sdk: (client, { setup }) => raw(client, `/form-integrations/v1/submissions/forms/${setup}`),
    sluice: ({ setup }) => ({ endpoint: 'FORM_SUBMISSIONS', args: { id: setup } }),
    status: 400,
    check: ({ message }) => assert.match(message, /BLOG_COMMENT/),
  }),
  scene({
    name: 'a form that nobody sent in',
    setup: async ({ sim }) => (await forms(sim, 'limit=100')).find((f) => f.name === 'Not used yet').id,
    sdk: (client, { setup }) => raw(client, `/form-integrations/v1/submissions/forms/${setup}`),
    sluice: ({ setup }) => ({ endpoint: 'FORM_SUBMISSIONS', args: { id: setup } }),
    status: 200,
    check: (body) => assert.deepEqual(body, { results: [] }),
  }),
]);

runScenes('e-mail events', OPTIONS, [
  scene({
    name: 'events, the newest first, until there are no more',
    sdk: (client) => raw(client, '/email/public/v1/events?limit=1000'),
    sluice: () => ({ endpoint: 'EMAIL_EVENTS', query: 'limit=1000' }),
    status: 200,
    check: async (body, { sim }) => {
      assert.deepEqual([body.events.length, body.hasMore], [1000, true]);
      const all = await events(sim, '');
      assert.equal(all.length, 400 * 2 * 4);
      assert.deepEqual(all.slice(0, 1000), body.events);
      assert.equal(new Set(all.map((e) => e.id)).size, all.length);
      assert.ok(all.every((e, i) => (i === 0 || e.created <= all[i - 1].created) && e.created >= FIRST_MS && e.created <= LAST_MS));
      const sent = new Map(all.filter((e) => e.type === 'SENT').map((e) => [e.id, e]));
      for (const event of all.filter((e) => e.type !== 'SENT')) {
        const { created, recipient } = sent.get(event.sentBy.id);
        assert.deepEqual([created, recipient], [event.sentBy.created, event.recipient]);
      }
      assert.ok(['OPEN', 'CLICK', 'DELIVERED', 'BOUNCE'].every((type) => all.some((e) => e.type === type)));
    },
  }),
  scene({
    name: 'events between two times, both included',
    setup: async ({ sim }) => (await events(sim, '')).slice(700, 760),
    sdk: (client, { setup }) => raw(client, `/email/public/v1/events?limit=1000&startTimestamp=${setup.at(-1).created}&endTimestamp=${setup[0].created}`),
    sluice: ({ setup }) => ({ endpoint: 'EMAIL_EVENTS', query: { limit: 1000, startTimestamp: setup.at(-1).created, endTimestamp: setup[0].created } }),
    status: 200,
    check: ({ events: found, hasMore }, { setup }) => {
      assert.deepEqual(found.map((e) => e.id), setup.map((e) => e.id));
      assert.equal(hasMore, false);
    },
  }),
  scene({
    name: 'events of one type',
    setup: async ({ sim }) => (await events(sim, '')).filter((e) => e.type === 'BOUNCE'),
    sdk: (client) => raw(client, '/email/public/v1/events?limit=1000&eventType=BOUNCE'),
    sluice: () => ({ endpoint: 'EMAIL_EVENTS', query: 'limit=1000&eventType=BOUNCE' }),
    status: 200,
    check: ({ events: found }, { setup }) => {
      assert.ok(found.length > 3);
      assert.deepEqual(found, setup);
    },
  }),
  scene({
    name: 'more than 1000 events at a time are refused',
    sdk: (client) => raw(client, '/email/public/v1/events?limit=1001'),
    sluice: () => ({ endpoint: 'EMAIL_EVENTS', query: 'limit=1001' }),
    status: 400,
    check: ({ message }) => assert.match(message, /maximum of 1000/),
  }),
]);

const EXPORT = {
  exportType: 'VIEW',
  exportName: 'Customers',
  format: 'CSV',
  language: 'EN',
  objectType: 'CONTACT',
  objectProperties: ['email', 'lifecyclestage', 'createdate'],
  exportInternalValuesOptions: ['NAMES', 'VALUES'],
  publicCrmSearchRequest: { query: '', filters: [{ propertyName: 'lifecyclestage', operator: 'EQ', value: 'customer' }], sorts: [] },
};

async function order({ sim }, body = EXPORT) {
  const { status, json, text } = await sim.api('POST', '/crm/v3/exports/export/async', body);
  assert.equal(status, 202, text);
  return json.id;
}
async function later(sim, advance) {
  const { status, text } = await sim.api('POST', '/_sim/clock', { advance });
  assert.equal(status, 200, text);
}

// The SDK's own method cannot send anything: its type for both kinds of export has no serializer. Its transport can.
const startExport = (client, body) => raw(client, '/crm/v3/exports/export/async', { method: 'POST', body });

const state = async (sim, id) => (await sim.api('GET', `/crm/v3/exports/export/async/tasks/${id}/status`)).json;

// The cells of a file without line breaks in them.
const cells = (text) => text.trim().split('\r\n').map((line) => line.slice(1, -1).split('","'));

async function fetchFile(sim, body) {
  const id = await order({ sim }, body);
  await later(sim, '1m');
  const { status, result } = await state(sim, id);
  assert.equal(status, 'COMPLETE');
  const answer = await fetch(result);
  assert.equal(answer.status, 200);
  return cells(await answer.text());
}

runScenes('exports', OPTIONS, [
  scene({
    name: 'an export is ordered, runs, and its file can be fetched without a token for five minutes',
    writes: true,
    sdk: (client) => startExport(client, EXPORT),
    sluice: () => ({ endpoint: 'EXPORT_START', body: EXPORT }),
    status: 202,
    check: async ({ id }, { sim }) => {
      assert.equal((await state(sim, id)).status, 'PENDING');
      await later(sim, '1s');
      assert.equal((await state(sim, id)).status, 'PROCESSING');
      await later(sim, '5s');
      const { status, result } = await state(sim, id);
      assert.equal(status, 'COMPLETE');
      const [head, ...rows] = cells(await (await fetch(result)).text());
      assert.deepEqual(head, ['hs_object_id', 'email', 'lifecyclestage', 'createdate']);
      const wanted = (await sim.list('contacts', EXPORT.objectProperties)).filter((r) => r.properties.lifecyclestage === 'customer');
      assert.ok(rows.length > 10);
      assert.deepEqual(rows, wanted.map((r) => [r.id, ...EXPORT.objectProperties.map((p) => r.properties[p] ?? '')]));
      await later(sim, '301s');
      assert.equal((await fetch(result)).status, 403, 'the address has expired');
      assert.equal((await fetch((await state(sim, id)).result)).status, 200, 'asking again gives a fresh one');
      const { json } = await sim.api('GET', `/crm/exports/2026-09/export/${id}`);
      assert.deepEqual([json.exportState, json.recordCount], ['DONE', rows.length]);
    },
  }),
  scene({
    name: 'labels and dates for people, and associated records',
    writes: true,
    setup: ({ sim }) => fetchFile(sim, { ...EXPORT, exportInternalValuesOptions: [], associatedObjectType: 'companies' }),
    sdk: (client) => startExport(client, { ...EXPORT, exportInternalValuesOptions: [] }),
    sluice: () => ({ endpoint: 'EXPORT_START', body: { ...EXPORT, exportInternalValuesOptions: [] } }),
    status: 202,
    check: async (_, { sim, setup: [head, ...rows] }) => {
      assert.deepEqual(head, ['Record ID', 'Email', 'Lifecycle Stage', 'Create Date', 'Associated companies IDs']);
      assert.ok(rows.length > 10 && rows.every((r) => r[2] === 'Customer' && /^\d{4}-\d\d-\d\d \d\d:\d\d$/.test(r[3])));
      const withCompanies = rows.find((r) => r[4] !== '');
      const { json } = await sim.api('GET', `/crm/v4/objects/contacts/${withCompanies[0]}/associations/companies`);
      assert.deepEqual(withCompanies[4].split(';'), json.results.map((r) => String(r.toObjectId)));
    },
  }),
  scene({
    name: 'the records of a list',
    writes: true,
    setup: ({ sim }) => fetchFile(sim, { ...EXPORT, exportType: 'LIST', listId: 2, publicCrmSearchRequest: undefined }),
    sdk: (client) => startExport(client, { ...EXPORT, exportType: 'LIST', listId: '2', publicCrmSearchRequest: undefined }),
    sluice: () => ({ endpoint: 'EXPORT_START', body: { ...EXPORT, exportType: 'LIST', listId: '2', publicCrmSearchRequest: undefined } }),
    status: 202,
    check: async (_, { sim, setup: [, ...rows] }) => {
      const { results } = (await sim.api('GET', '/crm/v3/lists/2/memberships?limit=250')).json;
      assert.deepEqual(rows.map((r) => r[0]), results.map((m) => m.recordId));
    },
  }),
  scene({
    name: 'how far an export is; the second waits for the first',
    writes: true,
    setup: async (ctx) => {
      const first = await order(ctx);
      const second = await order(ctx);
      await later(ctx.sim, '1s');
      return { first, second };
    },
    sdk: (client, { setup }) => client.crm.exports.publicExportsApi.getStatus(Number(setup.first)),
    sluice: ({ setup }) => ({ endpoint: 'EXPORT_STATUS', args: { id: setup.first } }),
    status: 200,
    check: async ({ status, result }, { sim, setup }) => {
      assert.deepEqual([status, result], ['PROCESSING', undefined]);
      assert.equal((await state(sim, setup.second)).status, 'PENDING');
    },
  }),
  scene({
    name: 'an export by its id',
    writes: true,
    setup: order,
    sdk: (client, { setup }) => raw(client, `/crm/v3/exports/export/${setup}`),
    sluice: ({ setup }) => ({ endpoint: 'EXPORT_GET', args: { id: setup } }),
    status: 200,
    check: (body, { setup }) => assert.deepEqual([body.id, body.exportState, body.exportName], [setup, 'ENQUEUED', 'Customers']),
  }),
  scene({
    name: 'the 31st export of a day is refused, and the day rolls on',
    writes: true,
    setup: async (ctx) => {
      for (let i = 0; i < 30; i++) {
        await order(ctx, { ...EXPORT, exportName: `no ${i}` });
      }
    },
    sdk: (client) => startExport(client, EXPORT),
    sluice: { none: 'to sluice a 429 is a limit on calls, and it waits' },
    status: 429,
    check: async ({ message }, ctx) => {
      assert.match(message, /limit of 30 exports/);
      await later(ctx.sim, '24h');
      await order(ctx);
    },
  }),
  ...[
    ['other formats are refused', { format: 'XLSX' }, /no XLS and no XLSX/],
    ['an unknown object', { objectType: 'UNICORN' }, /objectType 'UNICORN'/],
    ['an unknown list', { exportType: 'LIST', listId: '999' }, /listId 999/],
    ['a filter on an unknown property', { publicCrmSearchRequest: { query: '', sorts: [], filters: [{ propertyName: 'nope', operator: 'EQ', value: '1' }] } }, /nope/],
  ].map(([name, change, pattern]) =>
    scene({
      name,
      writes: true,
      sdk: (client) => startExport(client, { ...EXPORT, ...change }),
      sluice: () => ({ endpoint: 'EXPORT_START', body: { ...EXPORT, ...change } }),
      status: 400,
      check: ({ message }) => assert.match(message, pattern),
    }),
  ),
]);

const APP = 7654321;
const KEY = '00000000-5151-4d65-8e76-000000000001';
const app = { app: String(APP) };
const withKey = { developerApiKey: KEY };
const SETTINGS = { targetUrl: 'https://hooks.example.com/hubspot', throttling: { maxConcurrentRequests: 20 } };
const SUBSCRIPTION = { eventType: 'contact.propertyChange', propertyName: 'email', active: false };

async function hook({ sim }, method, path, body) {
  const { status, json, text } = await sim.api(method, `/webhooks/v3/${APP}${path}?hapikey=${KEY}`, body, { token: 'none' });
  assert.ok(status < 300, text);
  return json;
}
const subscribed = (body = SUBSCRIPTION) => (ctx) => hook(ctx, 'POST', '/subscriptions', body);
const byKey = (step) => ({ ...step, query: `hapikey=${KEY}` });

function refusedSubscription(name, body, status, pattern, setup) {
  return scene({
    name,
    writes: true,
    setup,
    options: withKey,
    sdk: (client) => client.webhooks.subscriptionsApi.create(APP, body),
    sluice: () => byKey({ endpoint: 'WEBHOOK_CREATE', args: app, body }),
    status,
    check: ({ message }) => assert.match(message, pattern),
  });
}

runScenes('webhook settings', OPTIONS, [
  scene({
    name: 'no settings at first',
    options: withKey,
    sdk: (client) => client.webhooks.settingsApi.getAll(APP),
    sluice: () => byKey({ endpoint: 'WEBHOOK_SETTINGS', args: app }),
    status: 404,
  }),
  scene({
    name: 'settings are made',
    writes: true,
    options: withKey,
    sdk: (client) => client.webhooks.settingsApi.configure(APP, SETTINGS),
    sluice: () => byKey({ endpoint: 'WEBHOOK_SETTINGS_PUT', args: app, body: SETTINGS }),
    status: 200,
    check: async (body, ctx) => {
      assert.deepEqual([body.targetUrl, body.throttling.maxConcurrentRequests], [SETTINGS.targetUrl, 20]);
      assert.deepEqual(await hook(ctx, 'GET', '/settings').then((s) => s.targetUrl), SETTINGS.targetUrl);
    },
  }),
  scene({
    name: 'settings are read',
    writes: true,
    setup: (ctx) => hook(ctx, 'PUT', '/settings', SETTINGS),
    options: withKey,
    sdk: (client) => client.webhooks.settingsApi.getAll(APP),
    sluice: () => byKey({ endpoint: 'WEBHOOK_SETTINGS', args: app }),
    status: 200,
    check: ({ targetUrl }) => assert.equal(targetUrl, SETTINGS.targetUrl),
  }),
  scene({
    name: 'settings are cleared, and nothing stays active',
    writes: true,
    setup: async (ctx) => {
      await hook(ctx, 'PUT', '/settings', SETTINGS);
      await subscribed({ ...SUBSCRIPTION, active: true })(ctx);
    },
    options: withKey,
    sdk: (client) => client.webhooks.settingsApi.clear(APP),
    sluice: () => byKey({ endpoint: 'WEBHOOK_SETTINGS_CLEAR', args: app }),
    status: 204,
    check: async (_, ctx) => {
      const { results } = await hook(ctx, 'GET', '/subscriptions');
      assert.deepEqual(results.map((s) => s.active), [false]);
    },
  }),
  scene({
    name: 'a target must be safe',
    writes: true,
    options: withKey,
    sdk: (client) => client.webhooks.settingsApi.configure(APP, { ...SETTINGS, targetUrl: 'http://hooks.example.com' }),
    sluice: () => byKey({ endpoint: 'WEBHOOK_SETTINGS_PUT', args: app, body: { ...SETTINGS, targetUrl: 'http://hooks.example.com' } }),
    status: 400,
    check: ({ message }) => assert.match(message, /https/),
  }),
  scene({
    name: 'a wrong key',
    options: { developerApiKey: 'wrong' },
    sdk: (client) => client.webhooks.settingsApi.getAll(APP),
    sluice: () => ({ endpoint: 'WEBHOOK_SETTINGS', args: app, query: 'hapikey=wrong' }),
    status: 401,
  }),
  scene({
    name: 'an app that is not there, or a private one',
    options: withKey,
    sdk: (client) => client.webhooks.settingsApi.getAll(1234567),
    sluice: () => byKey({ endpoint: 'WEBHOOK_SETTINGS', args: { app: '1234567' } }),
    status: 404,
  }),
  scene({
    name: 'the token of another app',
    options: {},
    sdk: async (client, { sim }) => raw(client, `/webhooks/v3/${APP}/settings`),
    sluice: () => ({ endpoint: 'WEBHOOK_SETTINGS', args: app }),
    status: 403,
  }),
  scene({
    name: 'a subscription starts paused',
    writes: true,
    options: withKey,
    sdk: (client) => client.webhooks.subscriptionsApi.create(APP, { eventType: 'deal.creation' }),
    sluice: () => byKey({ endpoint: 'WEBHOOK_CREATE', args: app, body: { eventType: 'deal.creation' } }),
    status: 201,
    check: ({ id, eventType, active }) => {
      assert.match(id, /^\d+$/);
      assert.deepEqual([eventType, active], ['deal.creation', false]);
    },
  }),
  scene({
    name: 'a subscription to any object',
    writes: true,
    options: withKey,
    sdk: (client) => client.webhooks.subscriptionsApi.create(APP, { eventType: 'object.propertyChange', objectTypeId: '0-8', propertyName: 'price' }),
    sluice: () => byKey({ endpoint: 'WEBHOOK_CREATE', args: app, body: { eventType: 'object.propertyChange', objectTypeId: '0-8', propertyName: 'price' } }),
    status: 201,
    check: ({ objectTypeId, propertyName }) => assert.deepEqual([objectTypeId, propertyName], ['0-8', 'price']),
  }),
  refusedSubscription('an unknown event', { eventType: 'contact.birthday' }, 400, /'contact.birthday' is no event type/),
  refusedSubscription('products have no association events', { eventType: 'product.associationChange' }, 400, /is no event type/),
  refusedSubscription('a change of which property?', { eventType: 'deal.propertyChange' }, 400, /propertyName.*is needed/),
  refusedSubscription('a generic event of which object?', { eventType: 'object.creation' }, 400, /objectTypeId/),
  refusedSubscription('a property that changes all the time', { eventType: 'deal.propertyChange', propertyName: 'hs_lastmodifieddate' }, 400, /cannot be subscribed to/),
  refusedSubscription('an e-mail\'s body', { eventType: 'object.propertyChange', objectTypeId: '0-49', propertyName: 'hs_email_html' }, 400, /cannot be subscribed to/),
  refusedSubscription('the same once more', SUBSCRIPTION, 409, /already/, subscribed()),
  refusedSubscription('the 1001st', { eventType: 'company.creation' }, 400, /maximum number allowed per application \(1000\)/, async (ctx) => {
    for (let i = 0; i < 1000; i++) {
      await subscribed({ eventType: 'contact.propertyChange', propertyName: `p_${i}` })(ctx);
    }
  }),
  scene({
    name: 'all subscriptions',
    writes: true,
    setup: async (ctx) => [await subscribed()(ctx), await subscribed({ eventType: 'deal.merge' })(ctx)],
    options: withKey,
    sdk: (client) => client.webhooks.subscriptionsApi.getAll(APP),
    sluice: () => byKey({ endpoint: 'WEBHOOKS', args: app }),
    status: 200,
    check: ({ results }, { setup }) => assert.deepEqual(results.map((s) => s.id), setup.map((s) => s.id)),
  }),
  scene({
    name: 'one subscription',
    writes: true,
    setup: subscribed(),
    options: withKey,
    sdk: (client, { setup }) => client.webhooks.subscriptionsApi.getById(Number(setup.id), APP),
    sluice: ({ setup }) => byKey({ endpoint: 'WEBHOOK_GET', args: { ...app, id: setup.id } }),
    status: 200,
    check: ({ propertyName }) => assert.equal(propertyName, 'email'),
  }),
  scene({
    name: 'a subscription is switched on',
    writes: true,
    setup: subscribed(),
    options: withKey,
    sdk: (client, { setup }) => client.webhooks.subscriptionsApi.update(Number(setup.id), APP, { active: true }),
    sluice: ({ setup }) => byKey({ endpoint: 'WEBHOOK_UPDATE', args: { ...app, id: setup.id }, body: { active: true } }),
    status: 200,
    check: ({ active }) => assert.equal(active, true),
  }),
  scene({
    name: 'a subscription is deleted',
    writes: true,
    setup: subscribed(),
    options: withKey,
    sdk: (client, { setup }) => client.webhooks.subscriptionsApi.archive(Number(setup.id), APP),
    sluice: ({ setup }) => byKey({ endpoint: 'WEBHOOK_DELETE', args: { ...app, id: setup.id } }),
    status: 204,
    check: async (_, ctx) => assert.deepEqual((await hook(ctx, 'GET', '/subscriptions')).results, []),
  }),
  scene({
    name: 'several are switched at once',
    writes: true,
    setup: async (ctx) => [await subscribed()(ctx), await subscribed({ eventType: 'deal.merge' })(ctx)].map((s) => Number(s.id)),
    options: withKey,
    sdk: (client, { setup }) => client.webhooks.subscriptionsApi.updateBatch(APP, { inputs: setup.map((id) => ({ id, active: true })) }),
    sluice: ({ setup }) => byKey({ endpoint: 'WEBHOOK_BATCH_UPDATE', args: app, body: { inputs: setup.map((id) => ({ id, active: true })) } }),
    status: 200,
    check: ({ results, status }) => assert.deepEqual([status, ...results.map((s) => s.active)], ['COMPLETE', true, true]),
  }),
  scene({
    name: 'one unknown id in a batch changes none',
    writes: true,
    setup: async (ctx) => Number((await subscribed()(ctx)).id),
    options: withKey,
    sdk: (client, { setup }) => client.webhooks.subscriptionsApi.updateBatch(APP, { inputs: [{ id: setup, active: true }, { id: 5, active: true }] }),
    sluice: ({ setup }) => byKey({ endpoint: 'WEBHOOK_BATCH_UPDATE', args: app, body: { inputs: [{ id: setup, active: true }, { id: 5, active: true }] } }),
    status: 404,
    check: async (_, ctx) => assert.equal((await hook(ctx, 'GET', '/subscriptions')).results[0].active, false),
  }),
]);

runScenes('usage of the day', { contacts: 10, daily: 500, limit: '190/10s' }, [
  scene({
    name: 'one entry for each private app; together they make the account\'s usage',
    writes: true,
    setup: async ({ sim }) => {
      const { status, text, json } = await sim.api('POST', '/_sim/apps', { kind: 'private', name: 'Other integration' });
      assert.equal(status, 200, text);
      for (let i = 0; i < 3; i++) {
        assert.equal((await sim.api('GET', '/crm/v3/owners', undefined, { token: json.token })).status, 200);
      }
      return (await sim.stats()).calls_today;
    },
    sdk: (client) => raw(client, '/account-info/v3/api-usage/daily/private-apps'),
    sluice: () => ({ endpoint: 'DAILY_USAGE' }),
    status: 200,
    check: ({ results }, { setup }) => {
      assert.ok(results.length >= 2 && results.every((r) => r.usageLimit === 500 && r.resetsAt));
      assert.equal(results.findLast((r) => r.name === 'Other integration').currentUsage, 3);
      const total = results.reduce((sum, r) => sum + r.currentUsage, 0);
      assert.ok(total >= setup && total <= setup + 2, `${total} of ${setup}`);
    },
  }),
]);
