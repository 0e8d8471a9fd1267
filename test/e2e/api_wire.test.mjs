// What comes over the wire and is no honest HTTP: broken request lines, sizes that lie, two requests in one, and paths
// as raw bytes. The server answers or closes, never mixes requests up, and goes on.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';
import { PATIENCE_MS, SLUICE, start, stop, temporaryFolder, waitForOutput } from './lib/process.mjs';
import { cleanEnvironment, Server } from './lib/serve.mjs';
import { Sim } from './lib/sim.mjs';

const MIB = 1024 * 1024;
// So long nothing comes, and the server has answered others meanwhile, as quickly as this machine lets it: that was all.
const QUIET_MS = 400;
const OTHERS = 3;

let sim;
let server;
before(async () => {
  sim = await Sim.start({ contacts: 1 });
  server = await Server.start(sim, { args: ['--cors-origin', '*'] });
});
after(async () => {
  const ended = await server?.stop();
  await sim?.stop();
  assert.deepEqual(ended, { code: 0, signal: null }, server?.printed.slice(-5000));
});

// Sends the parts and gives all that comes back until the server closes, or until `enough` says so; when nothing
// must come, until it has been quiet for a while.
function exchange(parts, { end = false, enough = () => false, mayBeSilent = false } = {}) {
  const { hostname, port } = new URL(server.url);
  return new Promise((done, failed) => {
    let text = '';
    let quiet;
    const socket = net.connect(Number(port), hostname, () => {
      for (const part of [parts].flat()) {
        socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
      }
      if (end) {
        socket.end();
      }
      rest();
    });
    const late = setTimeout(() => finish(new Error(`no end after ${PATIENCE_MS} ms; so far: ${text.slice(0, 500)}`)), PATIENCE_MS);
    const finish = (error) => {
      clearTimeout(late);
      clearTimeout(quiet);
      socket.destroy();
      if (error) {
        failed(error);
      } else {
        done(text);
      }
    };
    const seemsAll = async () => {
      const before = text.length;
      for (let i = 0; i < OTHERS && text.length === before; i++) {
        await assertAlive();
      }
      if (text.length === before) {
        finish();
      }
    };
    const rest = () => {
      clearTimeout(quiet);
      if (mayBeSilent || text !== '') {
        quiet = setTimeout(() => seemsAll().catch(finish), QUIET_MS);
      }
    };
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      if (enough(text)) {
        finish();
      } else {
        rest();
      }
    });
    socket.on('close', () => finish());
    socket.on('error', () => finish()); // reset: the server would not hear more
  });
}

// The answers in what came, taken apart by their Content-Length.
function answers(text) {
  const all = [];
  for (let rest = text; rest !== '';) {
    const end = rest.indexOf('\r\n\r\n');
    const line = /^HTTP\/1\.[01] (\d{3}) /.exec(rest);
    assert.ok(line && end > 0, `no answer at: ${JSON.stringify(rest.slice(0, 300))}`);
    const head = rest.slice(0, end);
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
    all.push({ status: Number(line[1]), head, body: rest.slice(end + 4, end + 4 + length) });
    rest = rest.slice(end + 4 + length);
  }
  return all;
}

// An error in the API's shape, also where the HTTP library would have answered by itself.
function assertRefused({ status, head, body }, what) {
  assert.ok((status >= 400 && status < 500) || status === 505, `${what}: ${status} ${body.slice(0, 300)}`);
  assert.match(head, /^content-type: application\/json/im, `${what}: ${head}`);
  const { error_code: code, message } = JSON.parse(body);
  assert.ok(code && message, `${what}: ${body}`);
}

async function assertAlive() {
  assert.equal((await server.api('GET', '/healthz', undefined, { key: '' })).status, 200);
}

const KEY = () => `x-api-key: ${server.key}\r\n`;
const get = (target, headers = '', method = 'GET') => `${method} ${target} HTTP/1.1\r\nHost: x\r\n${KEY()}${headers}\r\n`;
const post = (target, headers, body = '') => `POST ${target} HTTP/1.1\r\nHost: x\r\n${KEY()}Content-Type: application/json\r\n${headers}\r\n${body}`;
const BODY = '{"url":"sqlite:relative"}'; // refused or failed, never stored
const CLOSE = 'Connection: close\r\n';

describe('lines that are no request', () => {
  const LINES = [
    '\r\n\r\n', '\0\x01\x02\x03\r\n\r\n', 'GET\r\n\r\n', 'GET /healthz\r\n\r\n', 'GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n',
    'GET /healthz HTTP/1.1.1\r\nHost: x\r\n\r\n', 'GET /healthz FTP/1.1\r\nHost: x\r\n\r\n', 'GET /healthz HTTP/1.1 x\r\nHost: x\r\n\r\n',
    ' GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n', 'GET\t/healthz\tHTTP/1.1\r\nHost: x\r\n\r\n', 'G\0T /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', `${'A'.repeat(300_000)} / HTTP/1.1\r\n\r\n`,
    'GET /healthz HTTP/1.1\r\n\r\n', 'GET /healthz HTTP/1.1\r\nHost x\r\n\r\n', 'GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n',
    'GET /healthz HTTP/1.1\r\nHost: x\r\n : y\r\n\r\n', 'GET /healthz HTTP/1.1\r\nHost: x\r\nA\0B: c\r\n\r\n', 'GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n',
    'GET /healthz HTTP/1.1\rHost: x\r\r', 'GET /healthz HTTP/1.1\nHost: x\n\n', '\xff\xfe\r\n\r\n', 'get /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', 'GET /healthz HTTP/1.0\r\n\r\n',
  ];
  test('get an answer or none, and others get theirs', async () => {
    for (const line of LINES) {
      const text = await exchange(line, { end: true, mayBeSilent: true });
      const all = answers(text);
      assert.ok(all.length <= 1, text);
      for (const answer of all.filter(({ status }) => status !== 200)) {
        assertRefused(answer, JSON.stringify(line.slice(0, 100)));
        assert.ok(!answer.body.includes(server.key));
      }
      await assertAlive();
    }
  });

  // Every one of these the HTTP library answers by itself.
  test('are refused in the same shape as all else, with a reason, and the connection is closed', async () => {
    const head = (line) => `GET /healthz HTTP/1.1\r\nHost: x\r\n${line}\r\n`;
    const refusals = [
      ['GET /healthz\r\n\r\n', 400, 'bad_request'], [head('no colon\r\n'), 400, 'bad_request'], ['GET /healthz HTTP/1.1\r\nHost x\r\n\r\n', 400, 'bad_request'],
      [head('A\0B: c\r\n'), 400, 'bad_request'], ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, 'version_not_supported'], ['GET / HTTP/0.9\r\n\r\n', 505, 'version_not_supported'],
      [`GET /${'a'.repeat(300_000)} HTTP/1.1\r\n\r\n`, 414, 'uri_too_long'], [head(`A: ${'x'.repeat(300_000)}\r\n`), 431, 'headers_too_large'],
      [head('Content-Length: -1\r\n'), 400, 'bad_request'], [head('Content-Length: 99999999999999999999999\r\n'), 413, 'body_too_large'],
    ];
    for (const [request, status, code] of refusals) {
      for (const before of ['', 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n']) { // the first of its connection, and a later one
        const what = JSON.stringify((before + request).slice(0, 100));
        const all = answers(await exchange(before + request));
        const answer = all.pop();
        assert.ok(before === '' ? all.length === 0 : all.length === 1 && all[0].status === 200, what);
        assertRefused(answer, what);
        assert.deepEqual([answer.status, JSON.parse(answer.body).error_code], [status, code], what);
        assert.match(answer.head, /^connection: close$/im, what);
        assert.match(answer.head, /^date: \w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/im, what);
      }
    }
    // A header over many lines: too large for 0.9, none for 1.0.
    const [folded, more] = answers(await exchange(head(`A: b\r\n${` ${'x'.repeat(1000)}\r\n`.repeat(200)}`)));
    assert.ok(!more && (folded.status === 400 || folded.status === 431), `${folded.status}`);
    assertRefused(folded, 'a folded header');
    // More cookies than there is room for: 0.9 refuses them, 1.0 reads none.
    for (const answer of answers(await exchange(head(`Cookie: ${'a=b;'.repeat(7000)}\r\n${CLOSE}`)))) {
      assert.ok(answer.status === 200 || answer.status === 431, `${answer.status}`);
      assert.match(answer.head, /^content-type: application\/json/im);
    }
    await assertAlive();
  });

  test('are cut off half way, a byte at a time, or never come: nobody else waits', async () => {
    const { hostname, port } = new URL(server.url);
    const idle = Array.from({ length: 200 }, () => net.connect(Number(port), hostname));
    for (const [i, socket] of idle.entries()) {
      socket.on('error', () => {});
      socket.write(get('/elt_syncs').slice(0, i));
    }
    const started = Date.now();
    for (let i = 0; i < 20; i++) {
      assert.equal((await server.api('GET', '/elt_syncs')).status, 200);
    }
    assert.ok(Date.now() - started < PATIENCE_MS);
    idle.forEach((socket) => socket.destroy());
  });
});

describe('targets', () => {
  const RAW = [
    '/elt_syncs/../../etc/passwd', '/../etc/passwd', '/..%2f..%2fetc%2fpasswd', '//healthz', '/./healthz', '/elt_syncs//status', '/%2e%2e/%2e%2e',
    '/elt_syncs/\xff\xfe', '/\xc0\xae\xc0\xae/', '/elt_syncs/a%00b', '/%', '/%zz', '/elt_syncs/%0d%0aX-Injected:%201', '/healthz%00',
    `/elt_syncs/${'a/'.repeat(2000)}`, '/elt_syncs;x=1', '/docs/../authorize', '/docs/..%2f..%2fetc', '/static/../../../etc/passwd',
    'elt_syncs', '*', '?', '/elt_syncs/\\..\\..', `/elt_syncs/${'x'.repeat(20_000)}`,
  ];
  test('lead to no file, and their bytes stay in the message', async () => {
    for (const target of RAW) {
      const what = JSON.stringify(target.slice(0, 80));
      const [answer, more] = answers(await exchange(get(target, CLOSE)));
      assert.ok(answer && !more, what);
      assertRefused(answer, what);
      assert.doesNotMatch(answer.head, /x-injected/i);
      assert.doesNotMatch(answer.body, /root:/);
    }
    await assertAlive();
  });

  test('with a host in them are the same path or none, never another server', async () => {
    for (const target of [`${server.url}/elt_syncs`, 'http://evil.example.com/elt_syncs', 'https://127.0.0.1:1/', 'evil.example.com:443']) {
      for (const method of ['GET', 'CONNECT']) {
        const [answer] = answers(await exchange(get(target, CLOSE, method)));
        assertRefused(answer, `${method} ${target}`);
      }
    }
  });

  test('with line ends or controls in them do not get that far', async () => {
    for (const bytes of ['\x01', '\x0b', '\x1b[2J', '\x7f']) {
      const [answer] = answers(await exchange(get(`/elt_syncs/${bytes}`, CLOSE), { mayBeSilent: true }));
      assert.ok(answer || bytes === '\x0b', 'white space of that kind may end it');
      if (answer) {
        assertRefused(answer, JSON.stringify(bytes));
      }
    }
    const text = await exchange(get('/elt_syncs/a\r\nX-Injected: 1', CLOSE), { mayBeSilent: true });
    assert.doesNotMatch(text.split('\r\n\r\n')[0], /^x-injected/im);
  });
});

describe('methods', () => {
  test('that no operation has are refused, and nothing is echoed', async () => {
    for (const method of ['TRACE', 'TRACK', 'PUT', 'PROPFIND', 'DEBUG', 'x', 'DELETE', '__proto__', 'M'.repeat(1000)]) {
      const [answer] = answers(await exchange(get('/elt_syncs', `X-Echo: sentinel-7\r\n${CLOSE}`, method)));
      assert.ok([404, 405, 501].includes(answer.status), `${method.slice(0, 20)}: ${answer.status}`);
      assertRefused({ ...answer, status: 405 }, method);
      assert.ok(!answer.body.includes('sentinel-7') && !answer.body.includes(server.key), method);
      assert.ok(answer.status !== 405 || /^allow: .*GET/im.test(answer.head), answer.head);
    }
  });

  test('HEAD is GET without a body', async () => {
    const text = await exchange(get('/elt_syncs', CLOSE, 'HEAD'));
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.equal(text.split('\r\n\r\n')[1], '');
  });
});

describe('headers', () => {
  test('that are too large or too many are refused in words', async () => {
    const [large] = answers(await exchange(get('/elt_syncs', `A: ${'x'.repeat(40_000)}\r\n${CLOSE}`)));
    assert.equal(large.status, 431);
    assertRefused(large, 'a large header');
    // Beyond what the HTTP library keeps of a request.
    for (const headers of [`A: ${'x'.repeat(500_000)}\r\n`, Array.from({ length: 5000 }, (_, i) => `H${i}: x\r\n`).join('')]) {
      const [answer] = answers(await exchange(get('/elt_syncs', headers + CLOSE), { mayBeSilent: true }));
      assert.ok(!answer || answer.status === 431, JSON.stringify(answer));
      if (answer) {
        assertRefused(answer, headers.slice(0, 40));
      }
    }
    await assertAlive();
  });

  test('cannot bring others into the answer', async () => {
    for (const headers of ['Origin: https://a.example.com%0d%0aX-Injected: 1\r\n', 'Origin: \x0bX-Injected: 1\r\n', 'Origin: a b\r\n',
      'Idempotency-Key: x%0d%0aX-Injected: 1\r\n', 'X-Request-Id: mine\r\n']) {
      const text = await exchange(get('/elt_syncs', headers + CLOSE));
      for (const { head } of answers(text)) {
        assert.doesNotMatch(head, /^x-injected/im);
        assert.doesNotMatch(head, /^x-request-id: mine/im);
      }
    }
  });
});

describe('bodies', () => {
  const whole = (size) => Buffer.from(`{"url":"${'x'.repeat(size - '{"url":""}'.length)}"}`);
  const chunk = (bytes) => Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
  const CHUNKED = 'Transfer-Encoding: chunked\r\n';

  test('of exactly 1 MiB are read, one byte more is too much', async () => {
    for (const [size, status] of [[MIB - 1, 400], [MIB, 400], [MIB + 1, 413], [3 * MIB, 413], [20 * MIB, 413]]) {
      const head = post('/destinations/test', `Content-Length: ${size}\r\n${CLOSE}`);
      // What is refused by its head alone is not read: to send it all the same would be to talk to a closed door.
      const [answer] = answers(await exchange([head, size > 8 * MIB ? '' : whole(size)]));
      assert.equal(answer?.status, status, `${size} bytes`);
      assertRefused(answer, `${size} bytes`);
      if (size <= MIB) {
        assert.equal(JSON.parse(answer.body).error_code, 'config', 'it was read: the field is too long');
      }
    }
  });

  test('in chunks are the same bodies', async () => {
    const body = Buffer.from(BODY);
    const cut = [body.subarray(0, 1), body.subarray(1, 7), body.subarray(7)];
    const [plain] = answers(await exchange([post('/destinations/test', `Content-Length: ${body.length}\r\n${CLOSE}`), body]));
    const [chunked] = answers(await exchange([post('/destinations/test', CHUNKED + CLOSE), ...cut.map(chunk), '0\r\n\r\n']));
    const [extended] = answers(await exchange([post('/destinations/test', CHUNKED + CLOSE), `${body.length.toString(16)};a=b\r\n${BODY}\r\n0\r\nTrailer: x\r\n\r\n`]));
    assert.deepEqual([chunked.status, chunked.body], [plain.status, plain.body]);
    if (extended.status === 400) { // libmicrohttpd 1.0.1 reads no extensions
      assertRefused(extended, 'a chunk with an extension');
    } else {
      assert.deepEqual([extended.status, extended.body], [plain.status, plain.body]);
    }
    for (const [size, status] of [[MIB, 400], [MIB + 1, 413]]) {
      const [answer] = answers(await exchange([post('/destinations/test', CHUNKED + CLOSE), chunk(whole(size).subarray(0, 1000)), chunk(whole(size).subarray(1000)), '0\r\n\r\n']));
      assert.equal(answer.status, status, `${size} bytes in chunks`);
      assertRefused(answer, `${size} bytes in chunks`);
    }
  });

  test('whose chunks are none are refused', async () => {
    for (const bad of ['ffffffffffffffffff\r\nx', '-1\r\nx', 'g\r\nx', '0x5\r\nhello\r\n0\r\n\r\n', '5\r\nhellooo\r\n0\r\n\r\n', '\r\n\r\n', '5', `${'0'.repeat(100_000)}5\r\nhello`,
      `5;${'x'.repeat(200_000)}\r\nhello`]) {
      const text = await exchange([post('/destinations/test', CHUNKED), bad], { end: true, mayBeSilent: true });
      for (const answer of answers(text)) {
        assertRefused(answer, JSON.stringify(bad.slice(0, 40)));
      }
    }
    await assertAlive();
  });

  test('whose length is a lie make no second request of the rest', async () => {
    const SMUGGLED = `GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`;
    const lies = [
      [`Content-Length: ${BODY.length}\r\nContent-Length: ${BODY.length + 5}\r\n`, BODY + SMUGGLED],
      [`Content-Length: 5\r\nContent-Length: ${BODY.length + SMUGGLED.length}\r\n`, BODY + SMUGGLED],
      ['Content-Length: -1\r\n', BODY], ['Content-Length: +25\r\n', BODY], ['Content-Length: 0x19\r\n', BODY], ['Content-Length: 25, 25\r\n', BODY],
      ['Content-Length: 99999999999999999999999\r\n', BODY], ['Content-Length: 1e3\r\n', BODY], ['Content-Length: 25 25\r\n', BODY],
      [`Content-Length: ${BODY.length}\r\n${CHUNKED}`, `0\r\n\r\n${SMUGGLED}`],
      [`${CHUNKED}Content-Length: ${5 + SMUGGLED.length}\r\n`, `0\r\n\r\n${SMUGGLED}`],
      ['Transfer-Encoding: xchunked\r\n', SMUGGLED], ['Transfer-Encoding : chunked\r\n', `0\r\n\r\n${SMUGGLED}`],
      ['Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', `0\r\n\r\n${SMUGGLED}`],
      ['Transfer-Encoding:\x0bchunked\r\n', `0\r\n\r\n${SMUGGLED}`], ['X: y\r\n Transfer-Encoding: chunked\r\n', SMUGGLED],
    ];
    for (const [headers, body] of lies) {
      const text = await exchange(post('/destinations/test', headers, body), { mayBeSilent: true });
      const what = `${JSON.stringify(headers)}: ${text}`;
      const [answer, more] = answers(text);
      assert.ok(answer && !more && !text.includes('smuggled'), what);
      assert.ok(answer.status === 400 || answer.status === 413, what);
      assertRefused(answer, what);
      assert.match(answer.head, /^connection: close$/im, what);
      await assertAlive();
    }
  });

  test('whose trailers are none are refused', async () => {
    for (const [trailer, status] of [['no colon\r\n', 400], [`A: ${'x'.repeat(300_000)}\r\n`, 431]]) {
      const [answer, more] = answers(await exchange([post('/destinations/test', CHUNKED), `0\r\n${trailer}\r\n`]));
      assert.ok(answer && !more, trailer.slice(0, 20));
      assertRefused(answer, trailer.slice(0, 20));
      assert.equal(answer.status, status);
    }
    await assertAlive();
  });

  test('shorter than they say are waited for and not carried out; longer ones are not read further', async () => {
    const before = (await server.ok('GET', '/destinations')).data.length;
    const made = '{"label":"half","url":"sqlite:/nowhere/h.db"}';
    const text = await exchange(post('/destinations', `Content-Length: ${made.length + 10}\r\n`, made), { end: true, mayBeSilent: true });
    assert.ok(answers(text).every(({ status }) => status >= 400), text);
    const [answer] = answers(await exchange(post('/destinations', `Content-Length: ${made.length - 10}\r\n${CLOSE}`, made)));
    assertRefused(answer, 'a body that is cut');
    assert.equal((await server.ok('GET', '/destinations')).data.length, before);
  });

  test('are asked for before they come: 100 Continue, unless they are refused anyway', async () => {
    const head = post('/destinations/test', `Content-Length: ${BODY.length}\r\nExpect: 100-continue\r\n${CLOSE}`);
    const first = await exchange(head, { enough: (text) => text.includes('100 Continue') });
    assert.match(first, /^HTTP\/1\.1 100 Continue\r\n\r\n/);
    const both = await exchange([head, BODY]);
    assert.equal(answers(both.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '')).length, 1);
    const large = await exchange(post('/destinations/test', `Content-Length: ${MIB + 1}\r\nExpect: 100-continue\r\n`));
    const [refused] = answers(large);
    assert.equal(refused.status, 413, large.slice(0, 200));
  });
});

describe('several requests in one go', () => {
  test('are answered one after the other, in their order', async () => {
    const paths = ['/healthz', '/nowhere', '/integrations', '/elt_syncs?limit=0', '/healthz'];
    const wanted = [200, 404, 200, 400, 200];
    const many = Array.from({ length: 10 }, () => paths).flat();
    const text = await exchange(many.map((path, i) => get(path, i + 1 === many.length ? CLOSE : '')).join(''));
    assert.deepEqual(answers(text).map(({ status }) => status), Array.from({ length: 10 }, () => wanted).flat());
  });

  test('of different callers on one connection are told apart', async () => {
    const anonymous = (path, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
    const text = await exchange([get('/elt_syncs'), anonymous('/elt_syncs'), get('/elt_syncs'), anonymous('/elt_syncs', CLOSE)]);
    assert.deepEqual(answers(text).map(({ status }) => status), [200, 401, 200, 401]);
  });

  test('behind one that is refused unread are not taken for its body', async () => {
    const text = await exchange([post('/destinations/test', `Content-Length: ${20 * MIB}\r\n`), get('/healthz')], { mayBeSilent: true });
    const all = answers(text);
    assert.deepEqual(all.map(({ status }) => status), [413]);
  });
});

test('inside TLS it is the same', async () => {
  const folder = temporaryFolder();
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'pipe' });
  const child = start(SLUICE, ['serve', '--data-dir', join(folder, 'd'), '--listen', '127.0.0.1:0', '--tls-cert', cert, '--tls-key', key], {
    env: cleanEnvironment(),
  });
  const [, url] = await waitForOutput(child, /listening on (https:\S+)/);
  const { hostname, port } = new URL(url);
  for (const broken of ['no colon\r\n', 'Content-Length: -1\r\n', 'Transfer-Encoding: chunked\r\n\r\ng\r\n']) {
    const text = await new Promise((done, failed) => {
      const socket = tls.connect({ port: Number(port), host: hostname, ca: readFileSync(cert) }, () => socket.write(post('/elt_syncs', broken)));
      socket.on('error', failed);
      socket.toArray().then((parts) => done(parts.join('')), failed);
    });
    const [answer, more] = answers(text);
    assert.ok(answer && !more, text);
    assertRefused(answer, broken);
    assert.equal(answer.status, 400);
  }
  await stop(child);
});
