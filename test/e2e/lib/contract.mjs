// The contract suite: HubSpot's own client and sluice's go through the same situation in hubsim, and what each of
// them gets is checked by the same assertions. So hubsim is not just our own reading of HubSpot's documents, and
// sluice's table of endpoints is not, either.
//
// A file of scenes:
//
//   import { runScenes, scene } from './lib/contract.mjs';
//
//   runScenes('properties', { contacts: 50 }, [
//     scene({
//       name: 'a property is created',
//       writes: true,                                  // each client gets a fresh portal
//       setup: async ({ sim }) => ({ ... }),           // optional; what it gives is ctx.setup
//       sdk: (client, ctx) => client.crm.properties.coreApi.create('contacts', { name: 'x', ... }),
//       sluice: (ctx) => ({ endpoint: 'PROPERTY_CREATE', args: { type: 'contacts' }, body: { name: 'x', ... } }),
//       status: 201,
//       check: (body, ctx, who) => assert.equal(body.name, 'x'),
//     }),
//   ]);
//
// `sluice` gives one step or a list of steps; a step may be a function of (answers so far), for what depends on them. All but the
// last must succeed; the last one's answer is what counts. Or, for anything longer:
//   sluice: async (ctx, call) => { const made = await call({...}); return call({ ... made.body.id ... }); }
// A step is { endpoint, args, query, body, token, flags }: query is an object (undefined values are left out) or a text;
// token is another one than the simulator's own.
// Without a counterpart in sluice, say why: `sluice: { none: 'multipart bodies are not sent' }`.
//
// `status` is the status that both must see (default: any 2xx). An error of HubSpot's is no exception here: the body
// is then HubSpot's error body. `check` runs for 'sdk' and for 'sluice' alike; ctx.version says in which version of
// the API. The SDK speaks the legacy version only; sluice speaks each of `versions` (default: both).
// Reads (no `writes`) are compared besides: all that the SDK understood must be in sluice's legacy answer with the same
// value; `same: false` turns that off.
//
// ctx: { sim, who, version, setup, token, client(options), sluice(step, {env}) }
import assert from 'node:assert/strict';
import { subscribe } from 'node:diagnostics_channel';
import { after, before, describe, test } from 'node:test';
import { Client } from '@hubspot/api-client';
import { exactJson } from './json.mjs';
import { PATIENCE_MS, run, SLUICE } from './process.mjs';
import { Sim } from './sim.mjs';

export const VERSIONS = ['legacy', '2026-09'];

const KNOWN = ['name', 'setup', 'writes', 'sdk', 'sluice', 'status', 'check', 'versions', 'same', 'options'];

export function scene(s) {
  assert.ok(s.name && s.sdk && s.sluice, `a scene needs name, sdk and sluice: ${s.name}`);
  for (const key of Object.keys(s)) {
    assert.ok(KNOWN.includes(key), `scene "${s.name}": there is no ${key}; there are ${KNOWN}`);
  }
  return s;
}

// HubSpot's client against the simulator: no repeats and no limiter of its own unless asked for.
export function sdkClient(sim, options = {}) {
  return new Client({
    accessToken: sim.token,
    basePath: sim.url,
    numberOfApiCallRetries: 0,
    limiterOptions: { minTime: 0, maxConcurrent: 8 },
    ...options,
  });
}

// What the SDK made of a body, as the JSON it came from: dates as text, `_from` as `from`, nothing that is undefined.
export function plain(value) {
  if (value instanceof Date) {
    return value.toISOString();
  }
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (value && typeof value === 'object') {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined);
    return Object.fromEntries(entries.map(([k, v]) => [k.replace(/^_/, ''), plain(v)]));
  }
  return value;
}

// The SDK does not say with which status it succeeded, so its connections are watched.
let lastStatus;
subscribe('http.client.response.finish', ({ response }) => {
  lastStatus = response.statusCode;
});

// {status, body} of a call of the SDK, whether it succeeded or not.
export async function sdkAnswer(sim, call, options = {}) {
  lastStatus = undefined;
  try {
    const body = plain(await call(sdkClient(sim, options)));
    return { status: lastStatus, body };
  } catch (error) {
    if (typeof error.code !== 'number') {
      throw error;
    }
    return { status: error.code, body: jsonOrText(error.body), headers: error.headers };
  }
}

function jsonOrText(body) {
  if (typeof body !== 'string') {
    return plain(body);
  }
  try {
    return exactJson(body);
  } catch {
    return body;
  }
}

export function queryText(query) {
  if (query === undefined || typeof query === 'string') {
    return query;
  }
  const pairs = Object.entries(query).filter(([, v]) => v !== undefined);
  return pairs.map(([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`).join('&');
}

// One call of sluice's client, whole: {status, tries, body, error, code, stderr}.
export async function sluiceCall(sim, step, { version = '2026-09', env, token = sim.token, timeoutMs = PATIENCE_MS } = {}) {
  const args = ['api', step.endpoint, '--json', '--base-url', sim.url, '--api-version', version];
  if (sim.searchesFreely) {
    args.push('--search-limit', '1000');
  }
  for (const [name, value] of Object.entries(step.args ?? {})) {
    args.push(`${name}=${value}`);
  }
  const query = queryText(step.query);
  if (query) {
    args.push('--query', query);
  }
  if (step.body !== undefined) {
    args.push('--body', typeof step.body === 'string' ? step.body : JSON.stringify(step.body));
  }
  args.push(...(step.flags ?? []));
  const result = await run(SLUICE, args, { env: { PATH: process.env.PATH, HUBSPOT_TOKEN: step.token ?? token, ...env }, timeoutMs });
  assert.ok(result.stdout.endsWith('}\n'), `sluice ${args.join(' ')} printed no answer: ${result.stdout}${result.stderr}`);
  return { ...exactJson(result.stdout), code: result.code, stderr: result.stderr };
}

async function sluiceAnswer(s, ctx) {
  const call = (step) => ctx.sluice(step);
  if (s.sluice.length >= 2) {
    return s.sluice(ctx, call);
  }
  const given = s.sluice(ctx);
  const answers = [];
  for (const one of Array.isArray(given) ? given : [given]) {
    const before = answers.at(-1);
    assert.ok(!before || before.status < 300, `step ${answers.length} gave ${JSON.stringify(before)}`);
    answers.push(await call(typeof one === 'function' ? one(answers) : one));
  }
  return answers.at(-1);
}

// `link` repeats the path that was called, which a client must not follow anyway.
const CHANGES_EACH_TIME = ['correlationId', 'requestId', 'requestedAt', 'startedAt', 'completedAt', 'link'];

// All of `part`, field by field, must be in `whole`.
export function assertWithin(part, whole, where = 'body') {
  if (part && typeof part === 'object') {
    assert.ok(whole && typeof whole === 'object', `${where}: ${JSON.stringify(whole)} instead of ${JSON.stringify(part)}`);
    if (Array.isArray(part)) {
      assert.equal(part.length, whole.length, `${where}: how many`);
    }
    for (const [key, value] of Object.entries(part)) {
      if (!CHANGES_EACH_TIME.includes(key)) {
        assertWithin(value, whole[key], `${where}.${key}`);
      }
    }
    return;
  }
  // An integer that JavaScript cannot hold exactly is text in an exact reading.
  const same = typeof part === 'number' && !Number.isSafeInteger(part) ? Number(whole) === part : whole === part;
  assert.ok(same, `${where}: the SDK has ${JSON.stringify(part)}, sluice ${JSON.stringify(whole)}`);
}

function checkAnswer(s, answer, ctx) {
  const seen = `${ctx.who} got ${answer.status} ${JSON.stringify(answer.body)?.slice(0, 600)}`;
  if (s.status === undefined) {
    assert.ok(answer.status >= 200 && answer.status < 300, seen);
  } else {
    assert.equal(answer.status, s.status, seen);
  }
  return s.check?.(answer.body, ctx, ctx.who, answer);
}

async function enter(s, sim, who, version) {
  await sim.clearFaults();
  const { status, text } = await sim.api('POST', '/_sim/reset', s.writes ? { data: true } : {});
  assert.equal(status, 200, text);
  const ctx = {
    sim,
    who,
    version,
    token: sim.token,
    client: (options) => sdkClient(sim, options),
    sluice: (step, options) => sluiceCall(sim, step, { version, ...options }),
  };
  ctx.setup = await s.setup?.(ctx);
  return ctx;
}

// A test for each scene and client, over one simulator with these options (see Sim.start).
export function runScenes(title, options, scenes) {
  describe(title, () => {
    let sim;
    before(async () => {
      sim = await Sim.start(options);
    });
    after(() => sim?.stop());

    for (const s of scenes) {
      let understood;
      test(`${s.name}: SDK`, async () => {
        const ctx = await enter(s, sim, 'sdk', 'legacy');
        const answer = await sdkAnswer(sim, (client) => s.sdk(client, ctx), s.options);
        await checkAnswer(s, answer, ctx);
        understood = answer;
      });
      if (s.sluice.none) {
        test(`${s.name}: sluice`, { skip: s.sluice.none }, () => {});
        continue;
      }
      for (const version of s.versions ?? VERSIONS) {
        test(`${s.name}: sluice, ${version}`, async () => {
          const ctx = await enter(s, sim, 'sluice', version);
          const answer = await sluiceAnswer(s, ctx);
          await checkAnswer(s, answer, ctx);
          const comparable = understood && version === 'legacy' && !s.writes && s.same !== false;
          if (comparable && answer.status < 300) {
            assertWithin(understood.body, answer.body);
          }
        });
      }
    }
  });
}
