// hubsim's limits, tiers, clock, other consumers, and the faults of the wire, as a client meets them.
import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';
import { connect, exchange, consent } from './lib/browser.mjs';
import { run, HUBSIM } from './lib/process.mjs';
import { Sim } from './lib/sim.mjs';

const CONTACTS = '/crm/v3/objects/contacts?limit=1';

async function start(t, options = {}) {
  const sim = await Sim.start({ contacts: 30, companies: 5, ...options });
  t.after(() => sim.stop());
  return sim;
}

async function admin(sim, path, body, method = 'POST') {
  const { status, json, text } = await sim.api(method, `/_sim/${path}`, body);
  assert.equal(status, 200, text);
  return json;
}

const advance = (sim, time) => admin(sim, 'clock', { advance: time });
const header = (answer, name) => answer.headers.get(`x-hubspot-ratelimit-${name}`);
const remaining = (answer) => Number(header(answer, 'remaining'));

async function calls(sim, n, path = CONTACTS, options = {}) {
  const answers = [];
  for (let i = 0; i < n; i++) {
    answers.push(await sim.api('GET', path, undefined, options));
  }
  return answers;
}

const search = (sim, options) => sim.api('POST', '/crm/v3/objects/contacts/search', {}, options);
const pairs = (sim, options) =>
  sim.api('POST', '/crm/v4/associations/contacts/companies/batch/read', { inputs: [{ id: '1' }] }, options);

describe('headers', () => {
  test('a private app sees its window and the day; a search sees nothing', async (t) => {
    const sim = await start(t, { limit: '7/3600s', daily: 1000, 'search-limit': '5/s' });
    const [first, second] = await calls(sim, 2);
    const seen = Object.fromEntries(
      ['daily', 'daily-remaining', 'interval-milliseconds', 'max', 'remaining', 'secondly', 'secondly-remaining'].map(
        (name) => [name, header(first, name)],
      ),
    );
    assert.deepEqual(seen, {
      daily: '1000',
      'daily-remaining': '999',
      'interval-milliseconds': '3600000',
      max: '7',
      remaining: '6',
      secondly: '0',
      'secondly-remaining': '0',
    });
    assert.equal(remaining(second), 5);
    assert.equal(header(second, 'daily-remaining'), '998');
    const found = await search(sim);
    assert.equal(found.status, 200);
    assert.deepEqual([...found.headers.keys()].filter((name) => name.startsWith('x-hubspot-ratelimit')), []);
    // It counts for the day, not for the window.
    const [third] = await calls(sim, 1);
    assert.equal(remaining(third), 4);
    assert.equal(header(third, 'daily-remaining'), '996');
  });

  test('an OAuth app sees its window only, and has one of its own', async (t) => {
    const sim = await start(t, { limit: '50/3600s', 'oauth-limit': '110/10s' });
    const { access_token: token } = await connect(sim);
    await calls(sim, 5);
    const [answer] = await calls(sim, 1, CONTACTS, { token });
    assert.equal(header(answer, 'max'), '110');
    assert.equal(header(answer, 'interval-milliseconds'), '10000');
    assert.equal(remaining(answer), 109);
    for (const name of ['daily', 'daily-remaining', 'secondly', 'secondly-remaining']) {
      assert.equal(header(answer, name), null, name);
    }
    assert.equal((await sim.stats()).calls_today, 5);
  });

  const tiers = [
    ['free', '100', '250000'],
    ['starter', '100', '250000'],
    ['professional', '190', '625000'],
    ['enterprise', '190', '1000000'],
    ['enterprise+addon', '250', '2000000'],
    ['oauth', '110', null],
  ];
  for (const [tier, max, daily] of tiers) {
    test(`tier ${tier}: ${max} in 10 s, ${daily ?? 'nothing said about'} a day`, async (t) => {
      const told = await start(t, { limit: undefined, tier });
      const changed = await start(t, { limit: '1/s' });
      await admin(changed, 'limits', { tier });
      for (const sim of [told, changed]) {
        const [answer] = await calls(sim, 1);
        assert.equal(header(answer, 'max'), max);
        assert.equal(header(answer, 'interval-milliseconds'), '10000');
        assert.equal(header(answer, 'daily'), daily);
      }
    });
  }
});

describe('429', () => {
  test('the burst window: who is over it, and for how long', async (t) => {
    const sim = await start(t, { limit: '3/10s' });
    const statuses = (await calls(sim, 4)).map((answer) => answer.status);
    assert.deepEqual(statuses, [200, 200, 200, 429]);
    const [{ json, headers }] = await calls(sim, 1);
    assert.equal(json.message, 'You have reached your ten_secondly_rolling limit.');
    assert.equal(json.errorType, 'RATE_LIMIT');
    assert.equal(json.policyName, 'TEN_SECONDLY_ROLLING');
    assert.match(json.groupName, /^publicapi:private_app-api-calls-ten-secondly:1234567:4711002$/);
    assert.equal(json.category, undefined);
    assert.equal(headers.get('retry-after'), null);
    await advance(sim, '9s');
    assert.equal((await calls(sim, 1))[0].status, 429);
    await advance(sim, '2s');
    assert.equal((await calls(sim, 1))[0].status, 200);
    const stats = await sim.stats();
    assert.equal(stats.rate_limited.TEN_SECONDLY_ROLLING, 3);
    assert.equal(stats.apps[0].rate_limited, 3);
    assert.equal(stats.apps[0].calls, 4);
    assert.equal(stats.apps[0].peak_10s, 6);
  });

  test('Retry-After and the other body, if wanted', async (t) => {
    const sim = await start(t, { limit: '1/10s', 'retry-after': true, 'rate-limit-body': 'category' });
    const [, over] = await calls(sim, 2);
    assert.equal(over.status, 429);
    assert.equal(over.json.category, 'RATE_LIMITS');
    assert.equal(over.json.policyName, undefined);
    const seconds = Number(over.headers.get('retry-after'));
    assert.ok(seconds >= 1 && seconds <= 10, `${seconds}`);
    await advance(sim, `${seconds}s`);
    assert.equal((await calls(sim, 1))[0].status, 200);
  });

  test('searches share one window of the account, whatever the app', async (t) => {
    const sim = await start(t, { 'search-limit': '2/3600s' });
    const { access_token: token } = await connect(sim);
    assert.equal((await search(sim)).status, 200);
    assert.equal((await search(sim, { token })).status, 200);
    const over = await search(sim, { token });
    assert.equal(over.status, 429);
    assert.equal(over.json.policyName, 'SECONDLY');
    assert.equal(over.json.groupName, 'publicapi:crm:search:oauth:7654321:4711002');
    assert.equal((await calls(sim, 1))[0].status, 200);
  });

  test('associations have a window besides that of the app', async (t) => {
    const sim = await start(t, { limit: '10/3600s', 'association-limit': '2/3600s' });
    const first = await pairs(sim);
    assert.ok(first.status < 300, first.text);
    assert.equal(remaining(first), 9);
    assert.equal(header(first, 'max'), '10');
    await pairs(sim);
    const over = await pairs(sim);
    assert.equal(over.status, 429);
    assert.equal(over.json.policyName, 'TEN_SECONDLY_ROLLING');
    assert.match(over.json.groupName, /associations/);
    assert.equal(remaining((await calls(sim, 1))[0]), 7); // refused calls take no place
    assert.equal((await sim.stats()).rate_limited.associations, 1);
  });

  test('associations have a day of their own, too', async (t) => {
    const sim = await start(t, { 'association-daily': 1 });
    assert.ok((await pairs(sim)).status < 300);
    const over = await pairs(sim);
    assert.equal(over.status, 429);
    assert.equal(over.json.policyName, 'DAILY');
    assert.equal((await calls(sim, 1))[0].status, 200);
  });

  test('the day is shared by private apps, spares OAuth apps, and ends at midnight of the account', async (t) => {
    const sim = await start(t, { daily: 3, 'time-zone': 'Asia/Kolkata', 'retry-after': true });
    const { token: other } = await admin(sim, 'apps', { kind: 'private' });
    const { access_token: token } = await connect(sim);
    await calls(sim, 2);
    await calls(sim, 1, CONTACTS, { token: other });
    const [over] = await calls(sim, 1);
    assert.equal(over.status, 429);
    assert.equal(over.json.message, 'You have reached your daily limit.');
    assert.equal(over.json.policyName, 'DAILY');
    assert.ok(over.json.requestId && over.json.correlationId);
    assert.equal((await calls(sim, 1, CONTACTS, { token }))[0].status, 200);
    const { now } = await admin(sim, 'clock', undefined, 'GET');
    const seconds = Number(over.headers.get('retry-after'));
    const midnight = new Date(Date.parse(now) + seconds * 1000);
    // 18:30 UTC
    assert.ok(Math.abs((midnight % 86_400_000) - 18.5 * 3_600_000) < 5000, midnight.toISOString());
    await advance(sim, `${seconds - 5}s`);
    assert.equal((await calls(sim, 1))[0].status, 429);
    await advance(sim, '10s');
    const [fresh] = await calls(sim, 1);
    assert.equal(fresh.status, 200);
    assert.equal(header(fresh, 'daily-remaining'), '2');
  });

  test('limits may change in between', async (t) => {
    const sim = await start(t, { limit: '3/3600s' });
    await calls(sim, 3);
    assert.equal((await calls(sim, 1))[0].status, 429);
    await admin(sim, 'limits', { limit: '5/3600s' });
    const [more] = await calls(sim, 1);
    assert.equal(more.status, 200);
    assert.equal(header(more, 'max'), '5');
    await admin(sim, 'limits', { app: '1234567', limit: '4/3600s' });
    const [less] = await calls(sim, 1);
    assert.equal(less.status, 429);
    assert.equal(header(less, 'max'), '4');
    const bad = await sim.api('POST', '/_sim/limits', { limit: 'many' });
    assert.equal(bad.status, 400);
    assert.match(bad.json.message, /limit is 'many'/);
  });
});

describe('the account', () => {
  test('says where it lives and when its day ends', async (t) => {
    const sim = await start(t, { 'time-zone': 'Asia/Kolkata', daily: 500 });
    const { json } = await sim.api('GET', '/account-info/v3/details');
    assert.equal(json.timeZone, 'Asia/Kolkata');
    assert.equal(json.utcOffset, '+05:30');
    assert.equal(json.utcOffsetMilliseconds, 19_800_000);
    const usage = (await sim.api('GET', '/account-info/v3/api-usage/daily/private-apps')).json.results[0];
    assert.equal(usage.usageLimit, 500);
    assert.match(usage.resetsAt, /T18:30:00\.000Z$/);
  });

  test('a zone that there is not', async () => {
    const { code, stderr } = await run(HUBSIM, ['--time-zone', 'Mars/Olympus']);
    assert.equal(code, 2);
    assert.match(stderr, /--time-zone is 'Mars\/Olympus'/);
  });
});

describe('somebody else with the same token', () => {
  for (const pattern of ['steady', 'bursts']) {
    test(`takes half of the window (${pattern}) and is counted apart`, async (t) => {
      const sim = await start(t, { limit: '100/10s' });
      await admin(sim, 'foreign', { share: 0.5, pattern });
      await advance(sim, '25s');
      const [answer] = await calls(sim, 1);
      // 50 of others in the last 10 s, one of ours.
      assert.ok(Math.abs(remaining(answer) - 49) <= 1, `${remaining(answer)} left`);
      const stats = await sim.stats();
      assert.equal(stats.apps[0].calls, 1);
      assert.equal(stats.peak.general_10s, 1);
      assert.ok(stats.foreign.calls >= 125 && stats.foreign.calls <= 152, `${stats.foreign.calls} calls`);
      assert.equal(stats.foreign.rate_limited, 0);
      assert.equal(stats.calls_today, stats.foreign.calls + 1);
      await admin(sim, 'foreign', { rate: 'off' });
      await advance(sim, '10s');
      assert.equal(remaining((await calls(sim, 1))[0]), 99);
    });
  }

  test('is refused, too, where there is no room', async (t) => {
    const sim = await start(t, { limit: '10/10s', foreign: '100%' });
    await calls(sim, 10);
    await advance(sim, '8s');
    assert.equal((await calls(sim, 1))[0].status, 429);
    const { foreign, rate_limited: limited } = await sim.stats();
    assert.ok(foreign.rate_limited >= 5, JSON.stringify(foreign));
    assert.ok(limited.total >= 1 && limited.total <= 3, 'the others\' refusals are not ours');
  });

  test('a day later', async (t) => {
    const sim = await start(t, { limit: '100/10s', foreign: '50%', daily: 10_000_000 });
    await advance(sim, '36h');
    assert.ok(Math.abs(remaining((await calls(sim, 1))[0]) - 49) <= 1);
    assert.ok((await sim.stats()).calls_today <= 25 * 360 * 50);
  });

  test('words that make no sense', async (t) => {
    const sim = await start(t);
    for (const body of [{}, { share: 2 }, { rate: 'x' }, { share: 0.5, rate: '1/s' }, { share: 0.5 }]) {
      const { status } = await sim.api('POST', '/_sim/foreign', body);
      assert.equal(status, 400, JSON.stringify(body)); // the last one: a share of no limit
    }
  });
});

// What comes over the wire, to the byte.
function raw(sim, path = CONTACTS) {
  const { hostname, port } = new URL(sim.url);
  return new Promise((done, failed) => {
    const socket = net.connect(Number(port), hostname);
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (part) => {
      text += part;
    });
    socket.on('error', failed);
    socket.on('close', () => {
      const [head, ...body] = text.split('\r\n\r\n');
      done({ head, body: body.join('\r\n\r\n'), length: Number(/content-length: (\d+)/i.exec(head)?.[1]) });
    });
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${sim.token}\r\nConnection: close\r\n\r\n`,
    );
  });
}

describe('faults', () => {
  test('of the edge', async (t) => {
    const sim = await start(t);
    for (const [code, status, kind] of [
      [1006, 403, 'text/plain'],
      [1015, 429, 'text/plain'],
      [1018, 409, 'text/plain'],
      [520, 520, 'text/html'],
      [524, 524, 'text/html'],
    ]) {
      await sim.clearFaults();
      await sim.faults({ action: 'cloudflare', code });
      const [answer] = await calls(sim, 1);
      assert.equal(answer.status, status);
      assert.ok(answer.headers.get('content-type').startsWith(kind));
      assert.ok(answer.text.includes(String(code)));
      assert.equal(answer.headers.get('server'), 'cloudflare');
      assert.deepEqual([...answer.headers.keys()].filter((name) => name.startsWith('x-hubspot-')), [], 'nobody asked HubSpot');
    }
    assert.equal((await sim.api('POST', '/_sim/faults', { action: 'cloudflare', code: 7 })).status, 400);
  });

  test('of HubSpot: 423, 477 with a time, 502 as a page, 429 by policy', async (t) => {
    const sim = await start(t);
    const one = async (rule) => {
      await sim.clearFaults();
      await sim.faults(rule);
      return (await calls(sim, 1))[0];
    };
    const locked = await one({ action: 'status', status: 423, category: 'LOCKED', message: 'locked' });
    assert.equal(locked.status, 423);
    assert.equal(locked.json.category, 'LOCKED');
    const moving = await one({ action: 'status', status: 477, retry_after: 3600 });
    assert.equal(moving.status, 477);
    assert.equal(moving.headers.get('retry-after'), '3600');
    const gateway = await one({ action: 'html', status: 502, message: 'Bad Gateway' });
    assert.equal(gateway.status, 502);
    assert.match(gateway.text, /<h1>502 Bad Gateway/);
    for (const policy of ['TEN_SECONDLY_ROLLING', 'SECONDLY', 'DAILY']) {
      const limited = await one({ action: 'rate_limit', policy, retry_after: 7 });
      assert.equal(limited.status, 429);
      assert.equal(limited.json.policyName, policy);
      assert.equal(limited.headers.get('retry-after'), '7');
    }
    assert.equal((await sim.api('POST', '/_sim/faults', { action: 'rate_limit', policy: 'X' })).status, 400);
    assert.equal((await sim.stats()).rate_limited.total, 0); // no limit was passed
  });

  test('of bodies and headers', async (t) => {
    const sim = await start(t);
    const honest = await raw(sim);
    const one = async (rule) => {
      await sim.clearFaults();
      await sim.faults(rule);
      return raw(sim);
    };
    const long = await one({ action: 'wrong_length', bytes: 10 });
    assert.equal(long.length, honest.body.length + 10);
    assert.equal(long.body.length, honest.body.length);
    const short = await one({ action: 'short_length', bytes: 10 });
    assert.equal(short.length, honest.body.length - 10);
    assert.equal(short.body.length, honest.body.length);
    assert.equal(short.head.match(/^content-length:/gim).length, 1, 'two that differ would be another fault');
    const understood = await (await fetch(sim.url + CONTACTS, { headers: { authorization: `Bearer ${sim.token}` } })).arrayBuffer();
    assert.equal(understood.byteLength, short.length, 'a client gets what was promised and nothing to stumble over');
    const cut = await one({ action: 'cut', bytes: 20 });
    assert.equal(cut.length, honest.body.length);
    assert.equal(cut.body.length, 20);
    const broken = await one({ action: 'bad_json' });
    assert.equal(broken.length, broken.body.length);
    assert.throws(() => JSON.parse(broken.body));
    const huge = await one({ action: 'huge_body', bytes: 5_000_000 });
    assert.equal(huge.length, honest.body.length + 5_000_000);
    assert.equal(JSON.parse(huge.body).results.length, 1);
    const many = await one({ action: 'headers', count: 300, bytes: 50 });
    assert.equal((many.head.match(/^x-extra-\d+: x{50}$/gim) ?? []).length, 300);
    const wide = await one({ action: 'headers', count: 1, bytes: 60_000 });
    assert.match(wide.head, /x{60000}/);
    const elsewhere = await one({ action: 'redirect', url: 'http://other.example/x', status: 307 });
    assert.match(elsewhere.head, /^HTTP\/1\.1 307 /);
    assert.match(elsewhere.head, /\r\nLocation: http:\/\/other\.example\/x\r\n/);
    const dropped = await one({ action: 'drop' });
    assert.equal(dropped.head, '');
  });

  test('of time: a trickle comes in pieces and is whole', async (t) => {
    const sim = await start(t);
    const honest = await raw(sim);
    await sim.faults({ action: 'trickle', bytes: 50, ms: 20 });
    const begin = Date.now();
    const { body } = await raw(sim);
    const tookMs = Date.now() - begin;
    assert.equal(body.length, honest.body.length);
    // Whoever is slow to read gets several pieces in one, but the pauses between them he waits for, too.
    const pauses = Math.floor(honest.body.length / 50) - 1;
    assert.ok(pauses >= 5 && tookMs >= pauses * 20, `${pauses} pauses in ${tookMs} ms`);
  });

  test('by count: the nth, each so-many-th, by chance, so many times', async (t) => {
    const sim = await start(t);
    const pattern = async (rule, n = 6) => {
      await sim.clearFaults();
      await sim.faults({ endpoint: 'objects.list', action: 'status', status: 500, ...rule });
      return (await calls(sim, n)).map((answer) => (answer.status === 500 ? 'x' : '.')).join('');
    };
    assert.equal(await pattern({ nth: 3 }), '..x...');
    assert.equal(await pattern({ every: 2 }), '.x.x.x');
    assert.equal(await pattern({ times: 2 }), 'xx....');
    assert.equal(await pattern({ after: 4 }), '....xx');
    const chance = await pattern({ rate: 0.5, seed: 3 }, 40);
    assert.equal(await pattern({ rate: 0.5, seed: 3 }, 40), chance);
    assert.ok(/x/.test(chance) && /\./.test(chance));
  });

  test('the scene: a field that nobody knows, or of another kind, changes nothing', async (t) => {
    const sim = await start(t);
    await sim.faults({ action: 'drop', path: '/never' });
    for (const [path, body, says] of [
      ['reset', { dta: true }, /'dta'/],
      ['faults', { rules: 5 }, /rules must be a list/],
      ['faults', { rules: [5] }, /rules\[0\]/],
      ['faults', { action: 'drop', nht: 2 }, /'nht'/],
      ['mutate', { ops: 5 }, /ops must be a list/],
      ['mutate', { ops: [5] }, /ops\[0\]/],
      ['mutate', { op: 'update', object: 'contacts', coutn: 5 }, /'coutn'/],
      ['limits', { limt: '5/s' }, /'limt'/],
    ]) {
      const { status, json } = await sim.api('POST', `/_sim/${path}`, body);
      assert.equal(status, 400, JSON.stringify(body));
      assert.match(json.message, says);
    }
    assert.equal((await sim.api('GET', '/_sim/faults')).json.rules.length, 1);
  });

  test('are listed as they were given, and with how often they fired', async (t) => {
    const sim = await start(t);
    const rules = [
      { endpoint: 'objects.', action: 'status', status: 423, category: 'LOCKED', message: 'no', nth: 2, retry_after: 3 },
      { object: 'deals', action: 'forbid' },
      { object: '2-19840301', action: 'drop' },
      { path: 'limit=1', method: 'GET', action: 'cut', bytes: 20, rate: 0.5, seed: 7, times: 9, after: 100 },
    ];
    await sim.faults(...rules);
    await calls(sim, 3);
    const { json } = await sim.api('GET', '/_sim/faults');
    const counts = [[3, 1], [0, 0], [0, 0], [3, 0]];
    assert.deepEqual(json.rules, rules.map((rule, i) => ({ ...rule, matched: counts[i][0], fired: counts[i][1] })));
  });

  test('of the token endpoint', async (t) => {
    const sim = await start(t);
    await sim.faults({ endpoint: 'oauth.token', action: 'status', status: 503, times: 1 });
    const code = await consent(sim);
    assert.equal((await exchange(sim, code)).status, 503);
    assert.equal((await exchange(sim, code)).status, 200);
  });
});
