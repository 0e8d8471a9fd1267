// What is sent again, what never, and whom the client does not speak to: `sluice api` against a server that misbehaves.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { temporaryFolder } from './lib/process.mjs';
import { json, serve } from './lib/server.mjs';
import { sluice } from './lib/sluice.mjs';

const TOKEN = 'pat-na1-5ec7e7-0f-retry';

async function api(server, args, env = {}) {
  const result = await sluice(['api', ...args, '--base-url', server.url, '--json'], {
    env: { HUBSPOT_TOKEN: TOKEN, ...env },
    timeoutMs: 90_000,
  });
  assert.doesNotMatch(result.stdout + result.stderr, new RegExp(TOKEN));
  return { ...result, answer: result.stdout === '' ? undefined : JSON.parse(result.stdout) };
}

const READ = ['OWNERS'];
const CREATE = ['OBJECT_CREATE', 'type=contacts', '--body', '{"properties":{"email":"a@example.com"}}'];
const UPDATE = ['OBJECT_UPDATE', 'type=contacts', 'id=51', '--body', '{"properties":{"city":"Bonn"}}'];
const page = (response, status, text) => {
  response.writeHead(status, { 'content-type': 'text/html; charset=UTF-8' });
  response.end(text);
};

describe('a create of which nobody knows the outcome is never sent again', () => {
  const causes = {
    'the connection is cut': (response) => response.destroy(),
    'the answer is cut': (response) => {
      response.writeHead(201, { 'content-length': 1000 });
      response.write('{"id":');
      setTimeout(() => response.destroy(), 20);
    },
    '502': (response) => json(response, 502, { message: 'Bad Gateway' }),
    '504 by the edge': (response) => page(response, 504, '<html>gateway time-out</html>'),
    '201 with a page of HTML': (response) => page(response, 201, '<html>hello</html>'),
    '201 with half an answer, which its length agrees with': (response) => {
      response.writeHead(201, { 'content-type': 'application/json', 'content-length': 9 });
      response.end('{"id":"71');
    },
  };
  for (const [name, cause] of Object.entries(causes)) {
    test(name, async (t) => {
      const server = await serve(t, (request, response) => cause(response));
      const { code, answer } = await api(server, CREATE);
      assert.equal(code, 6);
      assert.equal(server.requests.length, 1);
      assert.equal(answer.error.code, 'OUTCOME_UNKNOWN');
      assert.match(answer.error.message, /outcome unknown: it may have been carried out/);
    });
  }

  test('but a refusal is a known outcome', async (t) => {
    const server = await serve(t, (request, response, n) => {
      if (n === 1) {
        page(response, 409, 'error code: 1018');
      } else if (n === 2) {
        json(response, 429, { policyName: 'TEN_SECONDLY_ROLLING' }, { 'retry-after': '1' });
      } else {
        json(response, 201, { id: '7' });
      }
    });
    const { code, answer } = await api(server, CREATE);
    assert.equal(code, 0);
    assert.equal(answer.status, 201);
    assert.equal(answer.tries, 3);
    assert.equal(server.requests.at(-1).text, CREATE.at(-1));
  });
});

test('a write that may be done twice is sent again, and when it never succeeds, says what is open', async (t) => {
  const server = await serve(t, (request, response, n) => {
    if (n === 1) {
      response.destroy();
    } else {
      json(response, 400, { message: 'no such city', category: 'VALIDATION_ERROR' });
    }
  });
  const { code, answer } = await api(server, UPDATE);
  assert.equal(code, 6);
  assert.equal(server.requests.length, 2);
  assert.equal(answer.error.code, 'REQUEST');
  assert.match(answer.error.message, /no such city.*outcome unknown/);
});

test('a page of HTML with status 200 is no answer', async (t) => {
  const server = await serve(t, (request, response, n) =>
    n === 1 ? page(response, 200, '<html>Checking your browser</html>') : json(response, 200, { results: [] }),
  );
  const { code, answer } = await api(server, READ);
  assert.equal(code, 0);
  assert.equal(answer.tries, 2);
  assert.deepEqual(answer.body, { results: [] });
});

for (const [name, text] of [['half an answer', '{"results":[{"id":"1"}'], ['nothing at all', ''], ['more than an answer', '{"results":[]}{']]) {
  test(`${name} with status 200 is no answer`, async (t) => {
    const server = await serve(t, (request, response, n) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(n === 1 ? text : '{"results":[]}');
    });
    const { code, answer } = await api(server, READ);
    assert.equal(code, 0);
    assert.equal(answer.tries, 2);
    assert.deepEqual(answer.body, { results: [] });
  });
}

test('half an answer, again and again: an error, never a result', async (t) => {
  const server = await serve(t, (request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{"results":[{"id":"1"}');
  });
  const { code, answer } = await api(server, READ);
  assert.equal(code, 6);
  assert.equal(server.requests.length, 5);
  assert.equal(answer.error.code, 'SOURCE_DATA');
});

test('the word on a repeat after a 429 says how long the account waits', async (t) => {
  const server = await serve(t, (request, response, n) => (n === 1 ? json(response, 429, {}) : json(response, 200, { results: [] })));
  const begin = Date.now();
  const { code, stderr } = await api(server, READ);
  const tookMs = Date.now() - begin;
  assert.equal(code, 0);
  const said = Number(/status=429 tries=1 delay_ms=(\d+)/.exec(stderr)[1]);
  assert.ok(said >= 900 && said <= tookMs, `${said} ms said, ${tookMs} ms taken`);
});

test('a call that has to wait says what for and until when, once', async (t) => {
  const server = await serve(t, (request, response) => json(response, 200, { results: [] }, {
    'x-hubspot-ratelimit-max': '2', 'x-hubspot-ratelimit-remaining': '1', 'x-hubspot-ratelimit-interval-milliseconds': '4000',
  }));
  await api(server, READ);
  const { code, stderr } = await api(server, READ); // the share of 2 is 1, which is used
  assert.equal(code, 0);
  const said = [...stderr.matchAll(/msg=waiting for="([^"]+)" until=(\S+)/g)];
  assert.equal(said.length, 1, stderr);
  assert.match(said[0][1], /rate limit/);
  const early = Date.parse(said[0][2]) - Date.now();
  assert.ok(Math.abs(early) < 1500, `it went ${early} ms early`);
});

test("HubSpot's own 403 and 409 are final, the edge's are not", async (t) => {
  for (const status of [403, 409]) {
    const server = await serve(t, (request, response) =>
      json(response, status, { category: 'MISSING_SCOPES', message: 'no', correlationId: 'c-1' }),
    );
    const { answer } = await api(server, READ);
    assert.equal(server.requests.length, 1);
    assert.match(answer.error.message, /MISSING_SCOPES: no \(correlationId c-1\)/);
  }
});

test('a move between data centres is reported with its end, not slept', async (t) => {
  const server = await serve(t, (request, response) =>
    json(response, 477, { message: 'migrating' }, { 'retry-after': '86400' }),
  );
  const { code, answer } = await api(server, READ);
  assert.equal(code, 8);
  assert.equal(server.requests.length, 1);
  assert.equal(answer.error.code, 'MIGRATING');
  const [, until] = /asks to come back at (\S+Z)/.exec(answer.error.message);
  assert.ok(Math.abs(Date.parse(until) - Date.now() - 86_400_000) < 120_000, until);
});

test('Retry-After may be a date', async (t) => {
  const server = await serve(t, (request, response) =>
    json(response, 503, { message: 'later' }, { 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() }),
  );
  const { answer } = await api(server, READ);
  assert.equal(server.requests.length, 1);
  assert.match(answer.error.message, /asks to come back at/);
});

test('a token that stays as it is, is refused once', async (t) => {
  const server = await serve(t, (request, response) =>
    json(response, 401, { category: 'INVALID_AUTHENTICATION', message: `no such token ${TOKEN}` }),
  );
  const { code, answer } = await api(server, READ);
  assert.equal(code, 4);
  assert.equal(server.requests.length, 1);
  assert.match(answer.error.message, /INVALID_AUTHENTICATION/);
});

test('refused values are readable', async (t) => {
  const values = [
    { isValid: false, message: 'ten was not a valid long.', error: 'INVALID_LONG', name: 'amount', portalId: 7 },
    { isValid: false, message: 'Property "x" does not exist', error: 'PROPERTY_DOESNT_EXIST', name: 'x', portalId: 7 },
  ];
  const server = await serve(t, (request, response) =>
    json(response, 400, {
      status: 'error',
      message: `Property values were not valid: ${JSON.stringify(values)}`,
      category: 'VALIDATION_ERROR',
      correlationId: 'c-2',
    }),
  );
  const { answer } = await api(server, CREATE);
  assert.equal(
    answer.error.message,
    'OBJECT_CREATE: HubSpot answered 400 VALIDATION_ERROR: Property values were not valid: amount: INVALID_LONG: ten ' +
      'was not a valid long.; x: PROPERTY_DOESNT_EXIST: Property "x" does not exist (correlationId c-2)',
  );
});

describe('limits on what comes from outside', () => {
  test('a redirect is not followed: the token would go there', async (t) => {
    const other = await serve(t, (request, response) => json(response, 200, {}));
    const server = await serve(t, (request, response) => {
      response.writeHead(302, { location: `${other.url}/owners` });
      response.end();
    });
    const { code, answer } = await api(server, READ);
    assert.equal(code, 6);
    assert.equal(other.requests.length, 0);
    assert.match(answer.error.message, /redirect to "http:\/\/127.0.0.1:\d+\/owners", which is not followed/);
  });

  test('a little that unpacks into very much is refused', async (t) => {
    const bomb = gzipSync(Buffer.alloc(80 * 1024 * 1024, '{"a":1} '));
    const server = await serve(t, (request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      response.end(bomb);
    });
    const { code, answer } = await api(server, READ);
    assert.equal(code, 6);
    assert.equal(answer.error.code, 'LIMIT');
    assert.match(answer.error.message, /larger than the limit of 67108864 bytes/);
    assert.equal(server.requests.length, 1); // it would be as large again
  });

  test('more headers than there should be', async (t) => {
    const server = await serve(t, (request, response) => {
      for (let i = 0; i < 200; i++) {
        response.setHeader(`x-many-${i}`, '1');
      }
      json(response, 200, {});
    });
    const { code, answer } = await api(server, READ);
    assert.equal(code, 6);
    assert.equal(answer.error.code, 'LIMIT');
  });

  test('a certificate that nobody vouches for', async (t) => {
    const folder = temporaryFolder();
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert].concat(
        ['-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
      ),
      { stdio: 'ignore' },
    );
    const tls = { key: readFileSync(key), cert: readFileSync(cert) };
    const server = await serve(t, (request, response) => json(response, 200, {}), tls);
    const { code, answer } = await api(server, READ);
    assert.equal(code, 6);
    assert.equal(answer.error.code, 'TLS');
    assert.equal(server.requests.length, 0);
  });

  test('a proxy of the environment is not asked', async (t) => {
    const proxy = await serve(t, (request, response) => json(response, 200, {}));
    const server = await serve(t, (request, response) => json(response, 200, { results: [] }));
    const { code } = await api(server, READ, { http_proxy: proxy.url, HTTP_PROXY: proxy.url, ALL_PROXY: proxy.url });
    assert.equal(code, 0);
    assert.equal(proxy.requests.length, 0);
    assert.equal(server.requests.length, 1);
  });
});
