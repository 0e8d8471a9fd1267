// What goes wrong, seen by HubSpot's own client and by sluice's: the same status and category; and what sluice does
// about it, which the official client does not.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connect } from './lib/browser.mjs';
import { runScenes, scene, sdkAnswer, sdkClient, sluiceCall } from './lib/contract.mjs';
import { Sim } from './lib/sim.mjs';

const ids = (n) => Array.from({ length: n }, (_, i) => ({ id: String(i + 1) }));
const list = (client, ...args) => client.crm.contacts.basicApi.getPage(...args);
const LIST = { endpoint: 'OBJECT_LIST', args: { type: 'contacts' } };

// What sluice makes of it besides: its error code, and that it did not try twice.
const final = (code) => (answer) => {
  if (answer.error) {
    assert.deepEqual([answer.error.code, answer.tries], [code, 1], JSON.stringify(answer));
  }
};

function refused({ name, status, category, code, sdk, sluice, setup, check, options, ...more }) {
  return scene({
    name,
    setup,
    options,
    sdk,
    sluice,
    status,
    check: (body, ctx, who, answer) => {
      assert.equal(body?.category, category, JSON.stringify(body));
      final(code)(answer);
      check?.(body, ctx, who, answer);
    },
    ...more,
  });
}

runScenes('refused', { contacts: 40, companies: 10, deals: 10, tickets: 0, engagements: 0, owners: 3 }, [
  refused({
    name: 'a token that nobody has given out',
    status: 401,
    category: 'INVALID_AUTHENTICATION',
    code: 'CREDENTIALS',
    options: { accessToken: 'pat-na1-unknown' },
    sdk: list,
    sluice: () => ({ ...LIST, token: 'pat-na1-unknown' }),
  }),
  refused({
    name: 'an access token that has expired',
    status: 401,
    category: 'EXPIRED_AUTHENTICATION',
    code: 'CREDENTIALS',
    setup: async ({ sim }) => {
      const { access_token } = await connect(sim);
      assert.equal((await sim.api('POST', '/_sim/clock', { advance: '31m' })).status, 200);
      return access_token;
    },
    sdk: (_, { setup, client }) => list(client({ accessToken: setup })),
    sluice: ({ setup }) => ({ ...LIST, token: setup }),
    check: (body) => {
      assert.match(body.message, /expired 1 minute\(s\) ago/);
      assert.match(body.context['expire time'][0], /^\d{4}-\d\d-\d\dT/);
    },
  }),
  refused({
    name: 'a scope that the app lacks',
    status: 403,
    category: 'MISSING_SCOPES',
    code: 'SCOPE',
    setup: async ({ sim }) => (await sim.api('POST', '/_sim/apps', { scopes: 'crm.objects.contacts.read' })).json.token,
    sdk: (_, { setup, client }) => client({ accessToken: setup }).crm.deals.basicApi.getPage(),
    sluice: ({ setup }) => ({ endpoint: 'OBJECT_LIST', args: { type: 'deals' }, token: setup }),
    check: (body, ctx, who, answer) => {
      assert.deepEqual(body.errors[0].context.requiredGranularScopes, ['crm.objects.deals.read']);
      if (who === 'sluice') {
        assert.match(answer.error.message, /crm\.objects\.deals\.read/);
      }
    },
  }),
  refused({
    name: 'a record that is not there',
    status: 404,
    category: 'OBJECT_NOT_FOUND',
    code: 'NOT_FOUND',
    sdk: (client) => client.crm.contacts.basicApi.getById('1'),
    sluice: () => ({ endpoint: 'OBJECT_GET', args: { type: 'contacts', id: 1 } }),
  }),
  scene({
    name: 'a property that is not there',
    status: 404,
    sdk: (client) => client.crm.properties.coreApi.getByName('contacts', 'no_such_property'),
    sluice: () => ({ endpoint: 'PROPERTY_GET', args: { type: 'contacts', name: 'no_such_property' } }),
    check: (body, ctx, who, answer) => final('NOT_FOUND')(answer),
  }),
  scene({
    name: 'an owner that is not there',
    status: 404,
    sdk: (client) => client.crm.owners.ownersApi.getById(1),
    sluice: () => ({ endpoint: 'OWNER_GET', args: { id: 1 } }),
    check: (body, ctx, who, answer) => final('NOT_FOUND')(answer),
  }),
  scene({
    name: 'a kind of object that is not there',
    status: 400,
    sdk: (client) => client.crm.objects.basicApi.getPage('unicorns'),
    sluice: () => ({ endpoint: 'OBJECT_LIST', args: { type: 'unicorns' } }),
    check: (body, ctx, who, answer) => final('REQUEST')(answer),
  }),
  refused({
    name: 'a page of 101',
    status: 400,
    category: 'VALIDATION_ERROR',
    code: 'REQUEST',
    sdk: (client) => list(client, 101),
    sluice: () => ({ ...LIST, query: { limit: 101 } }),
  }),
  refused({
    name: 'a page of 51 with history',
    status: 400,
    category: 'VALIDATION_ERROR',
    code: 'REQUEST',
    sdk: (client) => list(client, 51, undefined, undefined, ['email']),
    sluice: () => ({ ...LIST, query: { limit: 51, propertiesWithHistory: 'email' } }),
  }),
  refused({
    name: 'a batch of 101',
    status: 400,
    category: 'VALIDATION_ERROR',
    code: 'REQUEST',
    sdk: (client) => client.crm.contacts.batchApi.read({ properties: [], propertiesWithHistory: [], inputs: ids(101) }),
    sluice: () => ({ endpoint: 'OBJECT_BATCH_READ', args: { type: 'contacts' }, body: { inputs: ids(101) } }),
    check: (body) => assert.match(body.message, /maximum number of inputs supported in a batch is 100/),
  }),
  refused({
    name: 'a batch of 51 with history',
    status: 400,
    category: 'VALIDATION_ERROR',
    code: 'REQUEST',
    sdk: (client) =>
      client.crm.contacts.batchApi.read({ properties: [], propertiesWithHistory: ['email'], inputs: ids(51) }),
    sluice: () => ({
      endpoint: 'OBJECT_BATCH_READ',
      args: { type: 'contacts' },
      body: { propertiesWithHistory: ['email'], inputs: ids(51) },
    }),
    check: (body) => assert.match(body.message, /property histories is 50/),
  }),
  refused({
    name: '1,001 records whose associations are asked for',
    status: 400,
    category: 'VALIDATION_ERROR',
    code: 'REQUEST',
    sdk: (client) => client.crm.associations.v4.batchApi.getPage('contacts', 'companies', { inputs: ids(1001) }),
    sluice: () => ({
      endpoint: 'ASSOC_BATCH_READ',
      args: { from: 'contacts', to: 'companies' },
      body: { inputs: ids(1001) },
    }),
  }),
  ...[
    ['a search of 201', { limit: 201 }],
    ['a search with an operator that is not there', { filterGroups: [{ filters: [{ propertyName: 'email', operator: 'LIKE', value: 'a' }] }] }],
    ['a search with six groups', { filterGroups: Array(6).fill({ filters: [{ propertyName: 'email', operator: 'HAS_PROPERTY' }] }) }],
  ].map(([name, body]) =>
    refused({
      name,
      status: 400,
      category: 'VALIDATION_ERROR',
      code: 'REQUEST',
      sdk: (client) => client.crm.contacts.searchApi.doSearch(body),
      sluice: () => ({ endpoint: 'OBJECT_SEARCH', args: { type: 'contacts' }, body }),
    }),
  ),
  refused({
    name: 'a search beyond 10,000: a bare 400',
    status: 400,
    category: undefined,
    code: 'REQUEST',
    sdk: (client) => client.crm.contacts.searchApi.doSearch({ after: '10000', limit: 10 }),
    sluice: () => ({ endpoint: 'OBJECT_SEARCH', args: { type: 'contacts' }, body: { after: '10000', limit: 10 } }),
    check: (body) => assert.equal(body.message, 'There was a problem with the request.'),
  }),
  refused({
    name: 'an address that is too long: an HTML page from the edge',
    status: 414,
    category: undefined,
    code: 'URL_TOO_LONG',
    sdk: (client) => list(client, 1, undefined, ['x'.repeat(17_000)]),
    sluice: () => ({ ...LIST, query: { limit: 1, properties: 'x'.repeat(17_000) } }),
    check: (body) => assert.match(body, /^<html>[\s\S]*414 Request-URI Too Large/),
  }),
  refused({
    name: 'a conflict, in HubSpot’s words',
    status: 409,
    category: 'CONFLICT',
    code: 'CONFLICT',
    setup: ({ sim }) =>
      sim.faults({
        endpoint: 'objects.',
        action: 'status',
        status: 409,
        category: 'CONFLICT',
        message: 'Contact already exists. Existing ID: 2926551',
      }),
    sdk: (client) => client.crm.contacts.basicApi.getById('1'),
    sluice: () => ({ endpoint: 'OBJECT_GET', args: { type: 'contacts', id: 1 } }),
    check: (body) => assert.match(body.message, /Existing ID: 2926551/),
  }),
  refused({
    name: 'an account that is being moved for an hour: nobody sits and waits',
    status: 477,
    category: undefined,
    code: 'MIGRATING',
    setup: ({ sim }) => sim.faults({ endpoint: 'objects.', action: 'status', status: 477, retry_after: 3600 }),
    sdk: list,
    sluice: () => LIST,
  }),
]);

// ---------------------------------------------------------------------------------------------------------------------
// Faults that pass: the official client reports them (or worse), sluice's call succeeds all the same.

const PASSING = [
  { name: '500', fault: { action: 'status', status: 500, category: 'INTERNAL_ERROR' }, sdk: { status: 500 } },
  { name: '502 with the edge’s HTML', fault: { action: 'html', status: 502 }, sdk: { status: 502 } },
  { name: '503', fault: { action: 'html', status: 503, message: 'Service Unavailable' }, sdk: { status: 503 } },
  { name: '504', fault: { action: 'html', status: 504, message: 'Gateway Time-out' }, sdk: { status: 504 } },
  { name: '524 of the edge', fault: { action: 'html', status: 524, message: 'A timeout occurred' }, sdk: { status: 524 } },
  { name: '423, which lasts two seconds', fault: { action: 'status', status: 423 }, sdk: { status: 423 }, atLeastMs: 2000 },
  { name: '477 with a second to wait', fault: { action: 'status', status: 477, retry_after: 1 }, sdk: { status: 477 }, atLeastMs: 1000 },
  { name: '429 with a second to wait', fault: { action: 'status', status: 429, retry_after: 1 }, sdk: { status: 429 }, atLeastMs: 1000 },
  { name: 'a connection that is closed without an answer', fault: { action: 'drop' }, sdk: { throws: /socket hang up/ } },
  // The official client waits for ever for the rest of a body whose connection is gone; so it is not asked.
  { name: 'a body that is cut', fault: { action: 'cut', bytes: 20 } },
  { name: 'a body shorter than its announced length', fault: { action: 'wrong_length', bytes: 10 } },
];

describe('faults and limits', { concurrency: 2 }, () => {
  describe('faults that pass', { concurrency: 4 }, () => {
    for (const { name, fault, sdk, atLeastMs } of PASSING) {
      test(name, async (t) => {
        const sim = await Sim.start({ contacts: 5, companies: 0, deals: 0, tickets: 0, engagements: 0 });
        t.after(() => sim.stop());
        if (sdk) {
          await sim.faults({ endpoint: 'objects.list', ...fault, times: 1 });
          const asked = sdkAnswer(sim, list);
          if (sdk.throws) {
            await assert.rejects(asked, sdk.throws);
          } else {
            assert.equal((await asked).status, sdk.status);
          }
          await sim.clearFaults();
        }
        await sim.reset();
        // A search and a batch read are POSTs, and reads all the same.
        const reads = [
          ['OBJECT_LIST', 'objects.list'],
          ['OBJECT_SEARCH', 'objects.search', { limit: 1 }],
          ['OBJECT_BATCH_READ', 'objects.batch_read', { inputs: [{ id: '1' }] }],
        ];
        await sim.faults(...reads.map(([, route]) => ({ endpoint: route, ...fault, times: 1 })));
        const read = async ([endpoint, , body]) => {
          const begin = Date.now();
          const answer = await sluiceCall(sim, { endpoint, args: { type: 'contacts' }, body });
          assert.ok(answer.status < 300, JSON.stringify(answer));
          assert.equal(answer.tries, 2, endpoint);
          const tookMs = Date.now() - begin;
          assert.ok(tookMs >= (atLeastMs ?? 0), `${endpoint} was repeated after ${tookMs} ms`);
        };
        await Promise.all(reads.map(read));
        assert.equal((await sim.stats()).requests.total, 6);
      });
    }

    test('a fault that does not pass is reported after five tries, in HubSpot’s own words', async (t) => {
      const sim = await Sim.start({ contacts: 5 });
      t.after(() => sim.stop());
      await sim.faults({ endpoint: 'objects.list', action: 'status', status: 500, category: 'INTERNAL_ERROR', message: 'internal error' });
      const { status, tries, body, error, code } = await sluiceCall(sim, LIST);
      assert.deepEqual([status, tries, body.category, error.code, code], [500, 5, 'INTERNAL_ERROR', 'SOURCE_UNAVAILABLE', 6]);
      assert.match(error.message, /OBJECT_LIST.*500.*INTERNAL_ERROR.*internal error/);
    });

    test('a write is repeated only when that can do no harm', async (t) => {
      const sim = await Sim.start({ contacts: 5 });
      t.after(() => sim.stop());
      const [{ id }] = await sim.list('contacts', []);
      const create = { endpoint: 'OBJECT_CREATE', args: { type: 'contacts' }, body: { properties: { firstname: 'Ada' } } };
      const update = { endpoint: 'OBJECT_UPDATE', args: { type: 'contacts', id }, body: { properties: { firstname: 'Ada' } } };
      const made = async () => (await sim.records()).contacts.live;
      const before = await made();
      for (const [fault, step, status, tries, records] of [
        [{ action: 'html', status: 502 }, update, 200, 2, 0],
        [{ action: 'drop' }, update, 200, 2, 0],
        [{ action: 'html', status: 502 }, create, 502, 1, 0], // it may have been carried out
        [{ action: 'drop' }, create, 0, 1, 1], // it was
        [{ action: 'cut', bytes: 10 }, create, 0, 1, 1], // it was
        [{ action: 'status', status: 429, retry_after: 1 }, create, 201, 2, 1], // it was certainly not
      ]) {
        const had = await made();
        await sim.clearFaults();
        await sim.faults({ endpoint: 'objects.', ...fault, times: 1 });
        const answer = await sluiceCall(sim, step);
        const what = `${step.endpoint} ${JSON.stringify(fault)}: ${JSON.stringify(answer)}`;
        assert.deepEqual([answer.status, answer.tries, (await made()) - had], [status, tries, records], what);
      }
      assert.equal((await made()) - before, 3);
    });
  });

  // ---------------------------------------------------------------------------------------------------------------------
  // Limits: HubSpot's client against them with and without its own limiter, then sluice's.

  const small = (options) => Sim.start({ contacts: 20, companies: 0, deals: 0, tickets: 0, engagements: 0, ...options });

  describe('limits', { concurrency: 4 }, () => {
    const POLICIES = [
      {
        policy: 'TEN_SECONDLY_ROLLING',
        words: 'You have reached your ten_secondly_rolling limit.',
        options: { limit: '3/3s' },
        call: list,
        step: LIST,
      },
      {
        policy: 'SECONDLY',
        words: 'You have reached your secondly limit.',
        options: { 'search-limit': '3/3s' },
        call: (client) => client.crm.contacts.searchApi.doSearch({ limit: 1 }),
        step: { endpoint: 'OBJECT_SEARCH', args: { type: 'contacts' }, body: { limit: 1 } },
      },
    ];
    for (const { policy, words, options, call, step } of POLICIES) {
      test(`${policy}: the official client is told so, sluice waits and gets its answer`, async (t) => {
        const sim = await small(options);
        t.after(() => sim.stop());
        const flood = () => {
          const client = sdkClient(sim);
          return Promise.allSettled(Array.from({ length: 8 }, () => call(client)));
        };
        const refusals = (await flood()).filter((r) => r.status === 'rejected').map((r) => r.reason);
        assert.equal(refusals.length, 5);
        for (const { code, body } of refusals) {
          assert.equal(code, 429);
          const { status, message, errorType, policyName } = typeof body === 'string' ? JSON.parse(body) : body;
          assert.deepEqual([status, message, errorType, policyName], ['error', words, 'RATE_LIMIT', policy]);
        }
        await sim.api('POST', '/_sim/reset', {});
        await flood();
        const answer = await sluiceCall(sim, step);
        assert.equal(answer.status, 200, JSON.stringify(answer));
        assert.ok(answer.tries >= 2 && answer.tries <= 4, `${answer.tries} tries`);
      });
    }

    test('DAILY: both are told so, and sluice does not knock again', async (t) => {
      const sim = await small({ daily: 2 });
      t.after(() => sim.stop());
      const client = sdkClient(sim);
      await list(client);
      await list(client);
      const seen = await sdkAnswer(sim, list);
      assert.equal(seen.status, 429);
      const own = await sluiceCall(sim, LIST);
      assert.deepEqual([own.status, own.tries, own.code, own.error.code], [429, 1, 8, 'DAILY_LIMIT']);
      for (const body of [seen.body, own.body]) {
        assert.deepEqual([body.message, body.policyName], ['You have reached your daily limit.', 'DAILY']);
      }
    });

    test('the official client with its documented limiter stays under 100 in 10 s', async (t) => {
      const sim = await small({ limit: '100/10s' });
      t.after(() => sim.stop());
      const client = sdkClient(sim, { limiterOptions: { minTime: 1000 / 9, maxConcurrent: 6 } });
      const calls = Array.from({ length: 300 }, () => list(client, 1));
      await Promise.all(calls);
      const stats = await sim.stats();
      assert.equal(stats.requests.total, 300);
      assert.equal(stats.rate_limited.total, 0);
      assert.ok(stats.peak.general_10s > 80 && stats.peak.general_10s <= 100, `${stats.peak.general_10s}`);
    });

    test('without its limiter it is refused as soon as 100 are spent', async (t) => {
      const sim = await small({ limit: '100/10s' });
      t.after(() => sim.stop());
      const client = sdkClient(sim, { limiterOptions: { minTime: 0, maxConcurrent: 50 } });
      const results = await Promise.allSettled(Array.from({ length: 150 }, () => list(client, 1)));
      const refusals = results.filter((r) => r.status === 'rejected');
      assert.equal(refusals.length, 50);
      assert.ok(refusals.every(({ reason }) => reason.code === 429));
      assert.equal((await sim.stats()).rate_limited.TEN_SECONDLY_ROLLING, 50);
    });
  });
});
